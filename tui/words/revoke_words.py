"""What a revocation means, in words: blast radius, progress and receipt as lines of text with roles.

The order is always the same: what, what else, what it means, what stays. No line holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tui.engine.failure import Failure
from tui.engine.revoke.account import Counts, Progress, Receipt
from tui.engine.revoke.execute import EMPTY, MOST_SCANS, PAUSE
from tui.engine.revoke.falling import kinds
from tui.engine.revoke.holdings import Holding
from tui.engine.revoke.naming import shown_user
from tui.engine.revoke.plan import Plan, Preview, lives_until
from tui.engine.revoke.wanted import Scope
from tui.words.purge_words import LABEL, Line, Span, Tone, place, server, when
from tui.words.units import count, duration, percent

SAMPLES, NAMED = 2, 5
"""Keys that are shown, and families that are named; the rest is counted."""
TYPEABLE = 60
"""Characters of a user's name that a person is asked to type; of a longer one, the number of keys is."""

_EASY = re.compile(r"[!-\[\]-~]+").fullmatch
"""Text that is typed as it is shown: plain ASCII without a backslash and blanks."""


def what(plan: Plan) -> str:
    """Name what is to be revoked."""
    user = plan.user
    whose = "" if user is None else f" of {shown_user(user)}"
    match plan.scope:
        case Scope.USER:
            return f"all{whose}"
        case Scope.SESSION:
            return f"one login{whose}"
        case Scope.TOKEN:
            return f"one token{whose}"
    assert plan.wanted.family is not None
    logins = ", with their logins" if plan.wanted.whole else ""
    return f"every {plan.wanted.family.label}{logins}"


def confirmation(plan: Plan, profile: str | None = None) -> list[tuple[str, str]]:
    """Return what a person has to type before: (what is asked for, exactly what it must be).

    `profile` is the name of a profile that is marked `production`.
    """
    name = "" if plan.user is None or plan.scope is Scope.FAMILY else shown_user(plan.user)
    if plan.user is not None and name.encode() == plan.user and _EASY(name) and len(name) <= TYPEABLE:
        asked = [(f"Type the user, {name}:", name)]
    else:
        asked = [(f"Type the number of keys, {len(plan.keys)}:", str(len(plan.keys)))]
    return asked + ([(f"This is production. Type the profile's name, {profile}:", profile)] if profile else [])


def preview_lines(preview: Preview) -> list[Line]:
    """Say what has been found so far."""
    lines = [
        _fact("found", (f"{count(preview.found)} keys", "strong")),
        _fact("searched", (percent(preview.share, 0), ""), (" of the keyspace", "muted")),
    ]
    return lines + ([_fact("", (preview.failure.sentence, "warn"))] if preview.failure else [])


def plan_lines(plan: Plan, now: float) -> list[Line]:
    """Say everything that a person should know before they confirm; `now` is wall-clock seconds."""
    return [*_what(plan), *_meaning(plan, now), *_stays(plan)]


def _what(plan: Plan) -> Iterator[Line]:
    yield _fact("revokes", (what(plan), "danger"))
    yield _fact("at", (place(plan.target), "strong"), (f"  {server(plan.target)}", "muted"))
    counts = kinds(plan.keys)
    names = [f"{lead.role.family.name} {count(number)}" for lead, number in counts.items()]
    entries = len(plan.falling.entries)
    names += [f"{count(entries)} {'name' if entries == 1 else 'names'} in indexes"] if entries else []
    yield _fact("keys", (f"{len(plan.keys):,}", "strong"), (f" · {' → '.join(names)}" if names else "", ""))
    for number, lead in enumerate(list(counts)[:SAMPLES]):
        yield _fact("" if number else "such as", (lead.shown, "muted"))


def _meaning(plan: Plan, now: float) -> Iterator[Line]:
    if plan.stateless:
        yield _fact("access", (f"▲ {_lives(plan.keys, now)}", "warn"))
    if plan.keys:
        yield _fact("undo", ("▲ none: whoever is logged out has to log in again", "warn"))


def _lives(keys: Sequence[Holding], now: float) -> str:
    ends = lives_until(keys, now)
    until = "until they expire" if ends is None else f"until {when(ends)}, {duration(int(ends - now))} from now"
    return f"the application accepts these tokens without asking the server: they work {until}"


def _stays(plan: Plan) -> Iterator[Line]:
    if plan.minting:
        also = "the whole login has to go for that"
        yield _fact("stays", (f"▲ the refresh token, which mints new access: {also}", "danger"))
    logins = {one.login for one in plan.keys if one.login is not None}
    same = [one for one in plan.falling.staying if one.login in logins and one not in plan.minting]
    if same:
        yield _fact("stays", (f"▲ of the same login, until it expires: {_named(same)}", "warn"))
    others = [one for one in plan.falling.staying if one.login not in logins]
    if others:
        whose = "of others" if plan.scope is Scope.FAMILY else "other logins of the same user"
        yield _fact("stays", (f"{whose}: {_named(others)}", ""))
    if plan.unread:
        yield _fact("unread", (f"▲ {count(plan.unread)} keys that nobody can say the owner of", "warn"))
    if plan.unowned and plan.scope in {Scope.USER, Scope.SESSION}:
        yield _fact("unowned", (f"{count(plan.unowned)} keys that tell nowhere whose they are", "muted"))


def progress_lines(progress: Progress) -> list[Line]:
    """Say how far a revocation has come."""
    counts = progress.counts
    lines = [_fact("removed", (f"{counts.removed:,}", "strong"), (f" of {progress.planned:,} keys", ""))]
    if progress.scan:
        late = f" · {progress.late:,} came late, and went as well" if progress.late else ""
        looks = f"until {EMPTY} looks in a row, {PAUSE:g} s apart, find nothing"
        lines.append(_fact("looking", (f"for what may come after: look {progress.scan}", ""), (late, "warn")))
        lines.append(_fact("", (looks, "muted")))
    return lines + ([_fact("", (progress.waiting.sentence, "warn"))] if progress.waiting else [])


def receipt_lines(receipt: Receipt, audit: str) -> list[Line]:
    """Account for everything; `audit` is where it is written down."""
    counts, plan = receipt.counts, receipt.plan
    lines = [
        _verdict(receipt),
        _fact("at", (place(plan.target), "")),
        _fact("planned", (f"{receipt.planned:,}", "")),
        _fact("removed", (f"{counts.removed:,}", "good" if counts.removed == receipt.planned else "strong")),
        *_left_over("changed", counts.changed, "somebody else's by now: left alone"),
        *_left_over("gone", counts.gone, "expired or removed by somebody else before their turn", "muted"),
        *_left_over("failed", counts.failed, "the server refused"),
        *_left_over("unknown", counts.unknown, "the server went away in the middle: revoke again"),
        *_left_over("skipped", counts.skipped, "not reached: revoke again"),
        *_late(receipt.late),
        _fact("indexes", (f"{counts.entries + receipt.late.entries:,} names taken out", "")),
    ]
    lines += _reasons(receipt.reasons, receipt.failure, cancelled=receipt.cancelled)
    lines += [_fact("access", (f"▲ {_lived(receipt)}", "warn"))] if plan.stateless else []
    lines.append(_fact("looked", (f"{receipt.scans} times after the removal", ""), (_took(receipt), "muted")))
    return [*lines, _fact("audit", (audit, "muted"))]


def _verdict(receipt: Receipt) -> Line:
    if receipt.verified:
        return _fact("revoked", (what(receipt.plan), "good"))
    return _fact("uncertain", (f"{what(receipt.plan)}: {why_not(receipt)}", "danger"))


def why_not(receipt: Receipt) -> str:
    """Say why it cannot be called revoked: a sentence without its full stop."""
    books = (receipt.counts, receipt.late)
    if receipt.failure is not None:
        return receipt.failure.sentence
    if receipt.cancelled:
        return "you stopped before it was looked at again"
    if any(book.failed or book.unknown or book.skipped for book in books):
        return "some keys are still there"
    if receipt.unread:
        return f"{count(receipt.unread)} keys could not be read, and may belong to it"
    if receipt.scans >= MOST_SCANS:
        return f"new ones came between all of {receipt.scans} looks: somebody logs in again and again"
    return "a name could not be taken out of an index"


def _late(late: Counts) -> list[Line]:
    gone = late.removed + late.gone
    lines = _left_over("came late", gone, "made while this was going on, and removed as well")
    return lines + _left_over(
        "", late.failed + late.unknown + late.skipped, "made meanwhile, and still there", "danger"
    )


def _lived(receipt: Receipt) -> str:
    ends = receipt.access_lives_until
    until = "until the tokens expire" if ends is None else f"until {when(ends)}"
    return f"the application may let them in {until}: it does not ask the server about tokens"


def _took(receipt: Receipt) -> str:
    return f", in {duration(receipt.seconds)}"


def _fact(name: str, *spans: Span) -> Line:
    return ((f"{name:<{LABEL}}", "muted"), *(span for span in spans if span[0]))


def _left_over(name: str, number: int, why: str, tone: Tone = "warn") -> list[Line]:
    return [_fact(name, (f"{number:,}", tone), (f"  {why}", "muted"))] if number else []


def _reasons(reasons: Iterable[tuple[str, int]], failure: Failure | None, *, cancelled: bool) -> list[Line]:
    lines = [_fact("", (f"{number:,} × {sentence}", "warn")) for sentence, number in reasons]
    if failure is not None:
        lines.append(_fact("stopped", (failure.sentence, "danger")))
    elif cancelled:
        lines.append(_fact("stopped", ("you cancelled it", "warn")))
    return lines


def _named(keys: Sequence[Holding]) -> str:
    names = [f"{lead.role.family.name} {count(number)}" for lead, number in kinds(keys).items()]
    shown = " · ".join(names[:NAMED])
    return f"{shown} · +{len(names) - NAMED}" if len(names) > NAMED else shown
