"""What a purge means, in words: plans, progress and receipts as lines of text with roles, for screens and terminals.

The order is always the same: what, what else, what it means, the way back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from tui.engine.failure import Failure
from tui.engine.families import TTL_BOUNDS_MS
from tui.engine.printable import printable, scrub, text_of
from tui.engine.purge.account import Progress, Receipt
from tui.engine.purge.found import Found
from tui.engine.purge.journals import Entry, State
from tui.engine.purge.plan import Plan, Preview
from tui.engine.purge.request import Big, Request, Target
from tui.engine.purge.undo import UndoProgress, UndoReceipt
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.words.units import ago, count, duration, percent, size

Tone = Literal["", "strong", "muted", "warn", "danger", "good"]
Span = tuple[str, Tone]
Line = tuple[Span, ...]
Shown = Callable[[bytes], str]

LABEL = 10
"""Cells of the names on the left."""
WIDTH = 68
"""Cells of a line: what a dialog on a terminal of 80 columns has room for."""
FAMILIES, SAMPLES, NAMED = 4, 2, 4
"""Families, sample keys and names of anything else that are spelled out; the rest is counted."""
TYPEABLE = 60
"""Characters of a prefix that a person is asked to type; of a longer one, the number of keys is."""

_EASY = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]*[!-\[\]-~])?").fullmatch
"""Text that is typed as it is shown: plain ASCII without a backslash, and no blanks at its ends."""
_WORDS = re.compile(r"\S+\s*|\s+").findall
_TTL_NAMES = ("<1m", "<10m", "<1h", "<1d", "<7d", "≥7d")
assert len(_TTL_NAMES) == len(TTL_BOUNDS_MS) + 1


def what(request: Request, shown: Shown = printable) -> str:
    """Name what is to go; `shown` makes keys safe to show, here and below.

    >>> what(Request(prefix=b"session:")), what(Request(all_keys=True)), what(Request(keys=(b"a",)))
    ('session:*', 'every key', 'a')
    """
    if request.keys is not None:
        return shown(request.keys[0]) if len(request.keys) == 1 else f"{len(request.keys)} keys"
    return f"{printable(request.prefix)}*" if request.prefix else "every key"


def place(target: Target) -> str:
    """Name where: the server and the database, or the cluster by the node it was found by."""
    return f"{'cluster ' if target.members else ''}{target.label} db{target.db}"


def server(target: Target) -> str:
    """Name what answers there."""
    nodes = f" · {len(target.members)} nodes" if target.members else ""
    return f"{target.product} {target.version}{nodes}"


def confirmation(plan: Plan, profile: str | None = None) -> list[tuple[str, str]]:
    """Return what a person has to type before the purge: (what is asked for, exactly what it must be).

    `profile` is the name of a profile that is marked `production`.
    """
    prefix = printable(plan.request.prefix)
    if plan.request.keys is not None:
        asked = [("Type delete:", "delete")]
    elif not prefix:
        asked = [("Type the name of this database:", f"{plan.target.label}/{plan.target.db}")]
    elif _EASY(prefix) and len(prefix) <= TYPEABLE:
        asked = [(f"Type the prefix {prefix}", prefix)]
    else:
        asked = [(f"Type the number of keys, {len(plan.keys)}:", str(len(plan.keys)))]
    return asked + ([(f"This is production. Type the profile's name, {profile}:", profile)] if profile else [])


def preview_lines(preview: Preview) -> list[Line]:
    """Say what has been found so far."""
    found = preview.found
    lines = [
        _fact("found", (f"{count(found.keys)} keys", "strong"), *_size(found)),
        _fact("searched", (percent(preview.share, 0), ""), (" of the keyspace", "muted")),
    ]
    return lines + ([_fact("", (preview.failure.sentence, "warn"))] if preview.failure else [])


def plan_lines(plan: Plan, secrecy: Secrecy = NOTHING_SECRET) -> list[Line]:
    """Say everything that a person should know before they confirm."""
    shown = secrecy.shown
    return [
        *_what(plan, shown),
        *_what_else(plan, secrecy),
        *_meaning(plan.found, shown),
        *_way_back(plan, shown),
    ]


def _what(plan: Plan, shown: Shown) -> Iterator[Line]:
    yield _fact("removes", (what(plan.request, shown), "danger"))
    yield _fact("at", (place(plan.target), "strong"), (f"  {server(plan.target)}", "muted"))
    share = f" · {percent(plan.share)} of this database"
    keys = len(plan.keys)
    yield _fact("keys", (f"{keys:,}", "strong"), *_size(plan.found), (share if plan.request.keys is None else "", ""))


def _what_else(plan: Plan, secrecy: Secrecy) -> Iterator[Line]:
    found = plan.found
    if found.beside:
        names = [f"{printable(beside.name)} ({count(beside.keys)})" for beside in found.beside]
        yield _fact("also hits", (f"▲ names that only begin alike: {_some(names)}", "warn"))
    if len(found.families) > 1 or (found.families and plan.request.keys is None):
        named = [f"{secrecy.pattern(family.pattern)} {count(family.keys)}" for family in found.families]
        yield _fact("families", (_some(named, FAMILIES), ""))
    left = [
        f"{count(number)} {name}"
        for number, name in (
            (found.excluded, "excluded"),
            (found.protected, "protected"),
            (found.denied, "that this user may not look at"),
            (found.moving, "on their way to another node"),
        )
        if number
    ]
    if left:
        yield _fact("stays", (" · ".join(left), ""))


def _meaning(found: Found, shown: Shown) -> Iterator[Line]:
    total = max(1, found.keys)
    if found.types:
        yield _fact("types", (_some([f"{kind} {percent(n / total, 0)}" for kind, n in found.types.items()]), ""))
    mix = [("none", found.no_ttl), *zip(_TTL_NAMES, found.ttl_buckets, strict=True)]
    yield _fact("TTL", (" · ".join(f"{name} {percent(n / total, 0)}" for name, n in mix if n) or "–", ""))
    for number, key in enumerate(found.samples[:SAMPLES]):
        yield _fact("" if number else "sample", (shown(key) or "(the empty key)", "muted"))


def _way_back(plan: Plan, shown: Shown) -> Iterator[Line]:
    found, keys = plan.found, len(plan.keys)
    if not plan.request.undo:
        yield _fact("undo", ("▲ none: what is removed is gone", "danger"))
        return
    covered = plan.covered(Big.LEAVE)
    whole = covered + found.big_keys >= keys
    how = f"brings back {'all' if covered == keys else f'{covered:,}'} keys" if covered else "brings back nothing"
    takes = f" · the journal takes {size(plan.journal_bytes(Big.LEAVE))}"
    yield _fact("undo", (how, "good" if whole else "warn"), (takes, ""))
    if found.secrets and not plan.request.undo_secrets:
        yield _fact("", (f"▲ {count(found.secrets)} keys grant access and are not written to disk: no undo", "warn"))
    if found.big_keys:
        named = _some([f"{shown(big.key)} ({big.kind}, {size(big.bytes)})" for big in found.big])
        yield _fact("big", (f"▲ {count(found.big_keys)} would block the server while they are saved: {named}", "warn"))
    if found.loosely:
        yield _fact("", (f"{count(found.loosely)} keys over 1M are recognised by type, size and expiry alone", "muted"))
    if plan.elsewhere:
        yield _fact("", (plan.elsewhere, "muted"))


def progress_lines(progress: Progress) -> list[Line]:
    """Say how far a purge has come."""
    counts, left = progress.counts, progress.remaining
    lines = [
        _fact("removed", (f"{counts.removed:,}", "strong"), (f" of {progress.planned:,} keys", "")),
        _fact("remaining", (f"{left:,}", ""), (f" · {count(progress.keys_per_s)} keys/s", "muted")),
        _counts(counts.changed, counts.gone, counts.failed, counts.skipped),
    ]
    return lines + ([_fact("", (progress.waiting.sentence, "warn"))] if progress.waiting else [])


def receipt_lines(receipt: Receipt, shown: Shown = printable) -> list[Line]:
    """Account for every key that was planned."""
    counts = receipt.counts
    lines = [
        _fact("purged", (f"{printable(receipt.prefix)}*" if receipt.prefix else "the keys chosen", "strong")),
        _fact("at", (place(receipt.target), "")),
        _fact("planned", (f"{receipt.planned:,}", "")),
        _fact("removed", (f"{counts.removed:,}", "good" if counts.removed == receipt.planned else "strong")),
        *_left_over("changed", counts.changed, "rewritten or given another TTL since the preview: left alone"),
        *_left_over("gone", counts.gone, "expired or deleted by somebody else before their turn", "muted"),
        *_left_over("failed", counts.failed, "the server refused"),
        *_left_over("unknown", counts.unknown, "the server went away in the middle: the journal has them"),
        *_left_over("skipped", counts.skipped, "not reached, or left because they are big"),
    ]
    lines += _reasons(receipt.reasons, receipt.failure, receipt.cancelled)
    lines += _names("changed", receipt.changed_keys, shown)
    lines += _names("failed", receipt.failed_keys, shown)
    lines.append(_fact("took", (duration(receipt.seconds), "")))
    if receipt.journal is not None:
        back = f"{counts.removed - counts.without_undo:,} keys can be brought back: u, or redtop undo"
        lines.append(_fact("undo", (back, "good")))
        lines.append(_fact("journal", (str(receipt.journal), "muted")))
    elif counts.removed:
        lines.append(_fact("undo", ("none", "warn")))
    return lines


def undo_progress_lines(progress: UndoProgress) -> list[Line]:
    """Say how far an undo has come."""
    counts = progress.counts
    lines = [
        _fact("restored", (f"{counts.restored:,}", "strong"), (f" of {progress.total:,} keys", "")),
        _fact("remaining", (f"{counts.remaining:,}", ""), (f" · {count(progress.keys_per_s)} keys/s", "muted")),
    ]
    return lines + ([_fact("", (progress.waiting.sentence, "warn"))] if progress.waiting else [])


def undo_receipt_lines(receipt: UndoReceipt, shown: Shown = printable) -> list[Line]:
    """Account for every key of the journal."""
    counts = receipt.counts
    lines = [
        _fact("restored", (f"{counts.restored:,}", "good" if counts.restored else ""), (f" of {receipt.total:,}", "")),
        *_left_over("present", counts.present, "there already, exactly as they were", "muted"),
        *_left_over("re-created", counts.recreated, "somebody's own by now: left alone"),
        *_left_over("expired", counts.expired, "their time was over", "muted"),
        *_left_over("failed", counts.failed, "the server refused"),
        *_left_over("remaining", counts.remaining, "start the undo again to go on"),
    ]
    lines += _reasons(receipt.reasons, receipt.failure, receipt.cancelled)
    if receipt.restarted:
        lines.append(_fact("", ("the server was restarted since the purge", "muted")))
    lines += _names("re-created", receipt.recreated_keys, shown)
    lines += _names("failed", receipt.failed_keys, shown)
    lines.append(_fact("journal", (str(receipt.path), "muted")))
    return lines


def entry_words(entry: Entry, now: float) -> tuple[str, str, str, str, str, str]:
    """Return the cells of a list of journals: age, where, what, keys, size, state."""
    where = place(entry.target) if entry.target else "–"
    state = str(entry.state) if entry.state is not State.COMPLETE else "can be undone"
    return ago(now - entry.when), where, changed(entry), f"{entry.keys:,}", size(entry.bytes), state


def changed(entry: Entry) -> str:
    """Name what a journal is of: what was purged, or the family whose TTLs were changed, and how."""
    if entry.done:
        return scrub(f"TTL of {text_of(entry.prefix)}: {entry.done}")
    return "chosen keys" if entry.exact else f"{printable(entry.prefix)}*" if entry.prefix else "every key"


def when(at: float) -> str:
    """Name a moment."""
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def folded(lines: Iterable[Line], width: int = WIDTH) -> list[Line]:
    """Break lines that are too long between words, and go on under their text, not under their names.

    >>> folded([(("keys      ", "muted"), ("one · two · three", "strong"))], 20)
    [(('keys      ', 'muted'), ('one · two ', 'strong')), (('          ', ''), ('· three', 'strong'))]
    """
    return [part for line in lines for part in _fold(line, width)]


def _fold(line: Line, width: int) -> Iterator[Line]:
    """Words that are longer than a line are left to whoever draws."""
    part: list[Span] = list(line[:1])
    room = width - LABEL
    for text, tone in line[1:]:
        for word in _WORDS(text):
            if len(word.rstrip()) > room and len(part) > 1:
                yield tuple(part)
                part, room = [(" " * LABEL, "")], width - LABEL
            if len(part) > 1 and part[-1][1] == tone:
                part[-1] = (part[-1][0] + word, tone)
            else:
                part.append((word, tone))
            room -= len(word)
    yield tuple(part)


def plain(lines: Iterable[Line]) -> str:
    """Return lines as they are exported: text alone."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _fact(name: str, *spans: Span) -> Line:
    return ((f"{name:<{LABEL}}", "muted"), *(span for span in spans if span[0]))


def _size(found: Found) -> list[Span]:
    return [] if found.bytes is None else [(f" · {size(found.bytes)}", "")]


def _counts(changed: int, gone: int, failed: int, skipped: int) -> Line:
    named = ((changed, "changed"), (gone, "gone"), (failed, "failed"), (skipped, "skipped"))
    text = " · ".join(f"{number:,} {name}" for number, name in named if number)
    return _fact("others", (text or "none", "warn" if changed or failed else "muted"))


def _left_over(name: str, number: int, why: str, tone: Tone = "warn") -> list[Line]:
    return [_fact(name, (f"{number:,}", tone), (f"  {why}", "muted"))] if number else []


def _reasons(reasons: Sequence[tuple[str, int]], failure: Failure | None, cancelled: bool) -> list[Line]:
    lines = [_fact("", (f"{number:,} × {sentence}", "warn")) for sentence, number in reasons]
    if failure is not None:
        lines.append(_fact("stopped", (failure.sentence, "danger")))
    elif cancelled:
        lines.append(_fact("stopped", ("you cancelled it", "warn")))
    return lines


def _names(name: str, keys: Sequence[bytes], shown: Shown) -> list[Line]:
    return [_fact(name, (_some([shown(key) for key in keys]), "muted"))] if keys else []


def _some(names: Sequence[str], most: int = NAMED) -> str:
    """Spell out the first of them, and count the others."""
    shown = " · ".join(names[:most])
    return f"{shown} · +{len(names) - most}" if len(names) > most else shown
