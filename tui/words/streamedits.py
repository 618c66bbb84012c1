"""What a person is asked before a stream or a group is changed, and told afterwards: plain values in, texts out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from tui.engine.needle import needle_of
from tui.engine.printable import printable
from tui.engine.streams.acts.base import Act, by_consumer, entries_of, moment_of
from tui.engine.streams.acts.entries import AddEntry, DeleteEntries
from tui.engine.streams.acts.groups import DeleteConsumer, DeleteGroup
from tui.engine.streams.acts.history import Change
from tui.engine.streams.acts.pending import Acknowledge, Claim
from tui.engine.streams.acts.run import Receipt
from tui.engine.streams.acts.trim import AnyTrim, Trim, Unread
from tui.engine.streams.ids import Id, parse_place
from tui.engine.streams.look import Pending
from tui.words.question import Field, Question, Verdict, typed
from tui.words.units import duration, parse_duration
from widgets.table import Column, Row

VERBS = {
    "Claim": "Give",
    "DeleteEntries": "Delete",
    "DeleteConsumer": "Delete consumer",
    "DeleteGroup": "Delete group",
    "SetId": "Move group",
    "AddEntry": "Add",
    "TrimToLength": "Trim",
}
CHANGE_COLUMNS = (
    Column("when", 10),
    Column("change", 15),
    Column("of", least=16),
    Column("state", 12),
)
SHOWN = 5
"""Entries, consumers and groups that a preview names; the rest is counted."""
KEEPS_MOST = 10**12
"""More entries than any server holds."""


def confirm_question(act: Act) -> Question:
    """Ask whether to do exactly this."""
    lines = [Content(f"{act.sentence[:1].upper()}{act.sentence[1:]}."), Content("")]
    details = [
        Content.styled(line, "$text-error" if line[:1] == "✗" else "$foreground-muted") for line in _details(act)
    ]
    lines += [*details, Content(""), _way_back(act)] if details else [_way_back(act)]
    return Question(verb_of(act), lines, verb_of(act), _typed(act), dangerous=not isinstance(act, Claim))


def claim_question(group: bytes, held: int, names: Sequence[bytes]) -> Question:
    """Ask to whom pending entries go, and which."""
    people = ", ".join(printable(name) for name in names[:SHOWN])
    return Question(
        "Give entries to another consumer",
        [Content(f"{held:,} entries of group {printable(group)} are pending here."), Content(f"Consumers: {people}")],
        "Preview",
        [
            Field("To consumer (a new name makes one):", _judge_name),
            Field("Only entries idle for at least (10m, 1h, 0s):", _judge_span, value="10m"),
        ],
        dangerous=False,
    )


def trim_question(key: bytes, length: int, wall: float) -> Question:
    """Ask what of a stream is kept."""
    return Question(
        "Trim",
        [Content(f"{printable(key)} has {length:,} entries.")],
        "Preview",
        [Field("Keep the newest (1000), or from a time or an id on (-7d, 06:31, 1712345678901-0):",
               lambda text: _judge_keep(text, wall))],
        dangerous=False,
    )  # fmt: skip


def set_id_question(group: bytes, delivered: bytes, wall: float) -> Question:
    """Ask where a group goes on."""
    return Question(
        "Move a group",
        [Content(f"Group {printable(group)} has been given all up to {moment_of(delivered)}.")],
        "Preview",
        [Field("Go on after (an id, a time, 0 for the beginning, $ for the newest):",
               lambda text: _judge_place(text, wall))],
        dangerous=False,
    )  # fmt: skip


def add_question(key: bytes) -> Question:
    """Ask for an entry's fields."""
    return Question(
        "Add an entry",
        [Content(f"To {printable(key)}, for development. \\xNN is a byte, \\\\ a backslash.")],
        "Preview",
        [Field("Fields (as in type=hello from=redtop):", _judge_fields)],
        dangerous=False,
    )


def keep_of(text: str, wall: float) -> tuple[int | None, Id | None]:
    """Read what is kept: so many entries, or those from an id on.

    Raises:
        ValueError: one sentence.
    """
    plain = text.strip().replace(",", "")
    if plain.isdigit() and int(plain) < KEEPS_MOST:
        return int(plain), None
    return None, parse_place(text, wall)


def place_of(text: str, wall: float) -> Id | None:
    """Read where a group goes on; None is the newest entry.

    Raises:
        ValueError: one sentence.
    """
    return None if text.strip() == "$" else parse_place(text, wall)


def fields_of(text: str) -> list[tuple[bytes, bytes]]:
    r"""Read `name=value name=value`; a blank that belongs to a value is written \x20.

    >>> fields_of(r"a=1 b=two\x20words")
    [(b'a', b'1'), (b'b', b'two words')]
    """
    pairs = [word.partition("=") for word in text.split()]
    if not pairs or not all(name and equals for name, equals, _ in pairs):
        raise ValueError("write name=value name=value")
    return [(needle_of(name), needle_of(value)) for name, _, value in pairs]


def verb_of(act: Act) -> str:
    """What is done, in a word or two: the title of its dialog, and what its button says."""
    return VERBS.get(type(act).__name__, type(act).__name__)


def change_row(key: int, change: Change, now: float) -> Row:
    """A change in the list of what can be taken back; `now` in wall-clock seconds."""
    cells = (
        Content(f"{duration(max(0, int(now - change.at)))} ago"),
        Content(verb_of(change.act)),
        Content(printable(change.act.key)),
        Content.styled(change.why_not or "can go back", "$foreground-muted" if change.why_not else "$text-success"),
    )
    return Row(key, cells)


def done_sentence(receipt: Receipt) -> str:
    """Say what became of an act."""
    act = receipt.act
    if receipt.failure is not None:
        known = "what became of it is unknown: look at it" if receipt.unknown else f"{receipt.done:,} done before that"
        return f"{receipt.failure.sentence}; {known}"
    if act.planned == 1:
        return "done" if receipt.done else "nothing was changed: somebody else was faster"
    left = f", {receipt.left:,} left: somebody else was faster" if receipt.left else ""
    return f"{receipt.done:,} of {act.planned:,} done{left}"


def _details(act: Act) -> list[str]:
    match act:
        case Acknowledge() | Claim():
            return [*_pending(act.entries), *(f"from {printable(name)}: {n:,}" for name, n in _few(act.entries))]
        case DeleteConsumer():
            return _pending(act.entries)
        case DeleteGroup():
            return [f"consumer {printable(name)}: {number:,} pending" for name, number in _few(act.entries)]
        case DeleteEntries():
            return [printable(entry_id) for entry_id in act.ids[:SHOWN]]
        case AnyTrim():
            stays = ["what was added since this look stays"] * isinstance(act, Trim)
            return [*_unread(act.unread), *stays, "what of it is pending stays pending, without its content"]
        case _:
            return []


def _unread(losing: Sequence[Unread]) -> list[str]:
    lines = []
    for one in losing[:SHOWN]:
        number = "some of it" if one.count is None else entries_of(one.count)
        lines.append(f"✗ group {printable(one.group)} was not given {number} yet, and never will be")
    return [*lines, f"✗ and {len(losing) - SHOWN:,} more groups"] if len(losing) > SHOWN else lines


def _pending(entries: Sequence[Pending]) -> list[str]:
    lines = [
        f"{printable(one.id)}  idle {duration(int(one.idle))}, delivered {one.deliveries}x" for one in entries[:SHOWN]
    ]
    return [*lines, f"and {len(entries) - SHOWN:,} more"] if len(entries) > SHOWN else lines


def _few(entries: Sequence[Pending]) -> list[tuple[bytes, int]]:
    return by_consumer(entries)[:SHOWN]


def _way_back(act: Act) -> Content:
    if act.NO_WAY_BACK:
        return Content.styled(f"{act.NO_WAY_BACK[:1].upper()}{act.NO_WAY_BACK[1:]}.", "bold $text-warning")
    if isinstance(act, DeleteConsumer | DeleteGroup) and not act.undo():
        return Content.styled("This cannot be undone: more is pending than could be listed.", "bold $text-warning")
    if isinstance(act, AddEntry):
        return Content.styled("u takes it back until redtop ends.", "$text-success")
    return Content.styled("u takes it back, also after redtop was closed.", "$text-success")


def _typed(act: Act) -> Sequence[Field]:
    """What takes much with it has to be named."""
    match act:
        case DeleteGroup():
            return [typed(printable(act.group), "Type the group's name:")]
        case AnyTrim():
            return [typed(printable(act.key), "Type the stream's name:")]
        case _:
            return ()


def _judge_name(text: str) -> Verdict:
    return Verdict(good=bool(text.strip()))


def _judge_span(text: str) -> Verdict:
    try:
        return Verdict(good=parse_duration(text) >= 0)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error))


def _judge_keep(text: str, wall: float) -> Verdict:
    try:
        keep, _ = keep_of(text, wall)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error) if text.strip() else "")
    return Verdict(good=True, sentence="" if keep is None else f"the newest {keep:,} entries stay")


def _judge_place(text: str, wall: float) -> Verdict:
    try:
        place_of(text, wall)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error) if text.strip() else "")
    return Verdict(good=True)


def _judge_fields(text: str) -> Verdict:
    try:
        fields = fields_of(text)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error) if text.strip() else "")
    return Verdict(good=True, sentence=f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}")
