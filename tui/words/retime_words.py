"""What a change of TTLs means, in words: questions, previews and receipts as lines of text with roles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.engine.expiry.retime.account import Progress, Receipt, UndoCounts, UndoReceipt
from tui.engine.expiry.retime.wish import How, Wish
from tui.engine.keyspace import Family
from tui.engine.printable import text_of
from tui.engine.purge.journals import Entry
from tui.engine.purge.plan import Plan
from tui.engine.secrecy import Secrecy
from tui.words.purge_words import LABEL, Line, Span, place, server, when
from tui.words.question import Verdict
from tui.words.units import count, duration, parse_duration, percent

NEVER = "none"
"""What a person writes for no TTL."""
WHICH: dict[str, bool | None] = {"without TTL": False, "with TTL": True, "all": None}
"""What a person writes for which keys are meant."""
SPREAD = 0.1
"""Part of a new TTL that ends are spread over unless a person says otherwise: a whole family that ends within one
second is the cliff that this page warns of."""
SAMPLES, NAMED = 3, 4


def wish_of(pattern: str, answers: Sequence[str]) -> Wish:
    """Make a wish of what was typed: the TTL, which keys, the spread.

    Raises:
        ValueError: with one sentence, when it makes no sense.

    >>> wish_of("lock:{id}", ["30s", "without TTL", "10%"]).spread
    3.0
    >>> wish_of("lock:{id}", ["+10m", "all", ""]).how.value, wish_of("lock:{id}", ["none", "all", "0"]).how.value
    ('extend', 'remove')
    """
    ttl, which, spread = (answer.strip().lower() for answer in answers)
    if ttl == NEVER:
        return Wish(pattern, How.REMOVE, expiring=True)
    if ttl.startswith("+"):
        return Wish(pattern, How.EXTEND, parse_duration(ttl[1:]), expiring=True)
    meant = {name.lower(): expiring for name, expiring in WHICH.items()}
    if which not in meant:
        raise ValueError(f"write {', '.join(WHICH)}")
    seconds = parse_duration(ttl)
    return Wish(pattern, How.SET, seconds, _spread(spread, seconds), meant[which])


def _spread(text: str, seconds: float) -> float:
    if not text or text == "0":
        return 0.0
    if text.endswith("%"):
        try:
            return seconds * float(text[:-1]) / 100
        except ValueError:
            raise ValueError("write a part like 10%, a time like 5m, or 0") from None
    return parse_duration(text)


def said(wish: Wish) -> str:
    """Say what is done, in a few words.

    >>> said(Wish("x", How.SET, 60.0, 6.0, False)), said(Wish("x", How.EXTEND, 600.0, expiring=True))
    ('set 54s to 1m where there is none', 'extend by 10m')
    """
    match wish.how:
        case How.REMOVE:
            return "remove the TTL"
        case How.EXTEND:
            return f"extend by {duration(wish.seconds)}"
        case How.SET:
            least = f"{duration(wish.seconds - wish.spread)} to " if wish.spread else ""
            where = {None: "", True: " where there is one", False: " where there is none"}[wish.expiring]
            return f"set {least}{duration(wish.seconds)}{where}"


def judge_ttl(text: str) -> Verdict:
    """Say what a TTL means that was typed."""
    return _judge(text, lambda: wish_of("", [text, "all", "0"]))


def judge_which(text: str) -> Verdict:
    """Say which keys are meant."""
    known = text.strip().lower() in {name.lower() for name in WHICH}
    return Verdict(known, "" if known else f"write {', '.join(WHICH)}; a TTL that is extended or removed must be there")


def judge_spread(text: str) -> Verdict:
    """Say what a spread means; whether it leaves enough of the TTL is seen when both are known."""
    return _judge(text, lambda: _spread(text.strip().lower(), 1000.0))


def _judge(text: str, make: Callable[[], object]) -> Verdict:
    try:
        made = make()
    except ValueError as error:
        return Verdict(good=False, sentence=str(error) if text.strip() else "")
    return Verdict(good=True, sentence=said(made) if isinstance(made, Wish) else "")


def about(family: Family, policy: str, secrecy: Secrecy) -> list[Line]:
    """Say what a person should know of the family before they say what they want."""
    never = family.lifetimes.never
    lines = [
        _fact("family", (secrecy.pattern(family.pattern), "strong")),
        _fact("keys", (f"about {count(family.keys)}", ""), (f" · {count(never.keys)} without TTL", "")),
    ]
    if family.ttl_min is not None and family.ttl_max is not None:
        lines.append(_fact("TTL", (f"{duration(round(family.ttl_min))} to {duration(round(family.ttl_max))} left", "")))
    return lines + ([_fact("policy", (policy, "strong"), (" says the schema", "muted"))] if policy else [])


def plan_lines(plan: Plan, wish: Wish, shown: Callable[[bytes], str]) -> list[Line]:
    """Say everything that a person should know before they confirm; `shown` makes keys safe to show."""
    found, keys = plan.found, len(plan.keys)
    lines = [
        _fact("does", (said(wish), "strong")),
        _fact("family", (wish.pattern, "strong")),
        _fact("at", (place(plan.target), ""), (f"  {server(plan.target)}", "muted")),
        _fact("keys", (f"{keys:,}", "strong"), (f" · {percent(plan.share)} of this database", "")),
        _fact("now", (f"{found.no_ttl:,} without TTL · {keys - found.no_ttl:,} with", "")),
    ]
    left = [(found.protected, "protected"), (found.denied, "that this user may not look at")]
    if named := " · ".join(f"{count(number)} {name}" for number, name in left if number):
        lines.append(_fact("stays", (named, "")))
    lines += [
        _fact("" if number else "sample", (shown(key) or "(the empty key)", "muted"))
        for number, key in enumerate(found.samples[:SAMPLES])
    ]
    if wish.how is How.SET:
        lines.append(_fact("means", ("▲ all of these keys will be gone by then, unless they are renewed", "warn")))
    lines.append(_fact("undo", ("puts back the expiries of keys that nobody has changed since", "good")))
    if found.secrets:
        sentence = f"▲ {count(found.secrets)} keys grant access: their names are not written to disk, so no undo"
        lines.append(_fact("", (sentence, "warn")))
    return lines


def progress_lines(progress: Progress) -> list[Line]:
    """Say how far it has come."""
    counts = progress.counts
    lines = [
        _fact("changed", (f"{counts.done:,}", "strong"), (f" of {progress.planned:,} keys", "")),
        _fact("others", (f"{counts.changed + counts.gone + counts.failed:,}", "")),
        _fact("speed", (f"{count(progress.keys_per_s)} keys/s", "muted")),
    ]
    return lines + ([_fact("", (progress.waiting.sentence, "warn"))] if progress.waiting else [])


def receipt_lines(receipt: Receipt) -> list[Line]:
    """Account for every key that was planned."""
    counts = receipt.counts
    lines = [
        _fact("done", (receipt.said, "strong")),
        _fact("family", (receipt.pattern, "strong")),
        _fact("at", (place(receipt.target), "")),
        _fact("planned", (f"{receipt.planned:,}", "")),
        _fact("changed", (f"{counts.done:,}", "good" if counts.done == receipt.planned else "strong")),
        *_rest(counts.changed, "left", "rewritten or given another TTL since the preview"),
        *_rest(counts.gone, "gone", "expired or deleted before their turn"),
        *_rest(counts.failed, "failed", "the server refused"),
        *_rest(counts.unknown, "unknown", "the server went away in the middle: the journal has them"),
        *_rest(counts.skipped, "skipped", "not reached"),
    ]
    lines += [_fact("", (f"{number:,} × {sentence}", "warn")) for sentence, number in receipt.reasons]
    if receipt.failure is not None:
        lines.append(_fact("stopped", (receipt.failure.sentence, "danger")))
    elif receipt.cancelled:
        lines.append(_fact("stopped", ("you cancelled it", "warn")))
    lines.append(_fact("took", (duration(receipt.seconds), "")))
    if receipt.journal is not None:
        back = f"{counts.done - counts.without_undo:,} keys: u on this page puts their expiries back"
        lines += [_fact("undo", (back, "good")), _fact("journal", (str(receipt.journal), "muted"))]
    return lines


def entry_lines(entry: Entry) -> list[Line]:
    """Say what an undo would put back."""
    return [
        _fact("undoes", (entry.done, "strong")),
        _fact("family", (text_of(entry.prefix), "strong")),
        _fact("at", (place(entry.target), "")) if entry.target else _fact("at", ("–", "")),
        _fact("when", (when(entry.when), "")),
        _fact("keys", (f"up to {entry.keys:,}", "")),
        _fact("", ("Keys that got another expiry, or were made anew, since then stay as they are.", "muted")),
    ]


def finish_lines(entry: Entry) -> list[Line]:
    """Say what bringing an interrupted change to its end would do."""
    return [
        _fact("finishes", (entry.done, "strong")),
        _fact("family", (text_of(entry.prefix), "strong")),
        _fact("at", (place(entry.target), "")) if entry.target else _fact("at", ("–", "")),
        _fact("when", (when(entry.when), "")),
        _fact("changes", ("of the keys in its journal those that had not got their TTL, and are as they were", "")),
        _fact("", ("Keys that it had not come to are in no journal: change the family again for these.", "muted")),
    ]


def undo_progress_lines(counts: UndoCounts) -> list[Line]:
    """Say how far an undo has come."""
    return [_fact("put back", (f"{counts.restored:,}", "strong")), _fact("remaining", (f"{counts.remaining:,}", ""))]


def undo_receipt_lines(receipt: UndoReceipt) -> list[Line]:
    """Account for every key of the journal."""
    counts = receipt.counts
    lines = [
        _fact("put back", (f"{counts.restored:,}", "good" if counts.restored else ""), (f" of {receipt.total:,}", "")),
        *_rest(counts.changed, "left", "given another expiry, or made anew, since then"),
        *_rest(counts.gone, "gone", "expired or deleted since then"),
        *_rest(counts.past, "over", "would have expired by now: they keep the expiry they were given"),
        *_rest(counts.failed, "failed", "the server refused"),
        *_rest(counts.remaining, "remaining", "start the undo again to go on"),
    ]
    lines += [_fact("", (f"{number:,} × {sentence}", "warn")) for sentence, number in receipt.reasons]
    if receipt.failure is not None:
        lines.append(_fact("stopped", (receipt.failure.sentence, "danger")))
    elif receipt.cancelled:
        lines.append(_fact("stopped", ("you cancelled it", "warn")))
    return [*lines, _fact("journal", (str(receipt.path), "muted"))]


def _fact(name: str, *spans: Span) -> Line:
    return ((f"{name:<{LABEL}}", "muted"), *(span for span in spans if span[0]))


def _rest(number: int, name: str, why: str) -> list[Line]:
    return [_fact(name, (f"{number:,}", "warn"), (f"  {why}", "muted"))] if number else []
