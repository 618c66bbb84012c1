"""What is known of one key, as a few lines above its value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from textual.content import Content

from tui.engine.onekey.inspect import KeyFacts
from tui.engine.printable import printable
from tui.words.units import duration, size

KEY_ROWS = 2
"""Rows a key may take; a key of 10 KB would else hide its value."""
KEY_MOST = 1000
"""Bytes of a key that are made into text: more than two rows of the widest terminal."""
NOTE_ROWS = 3
"""Rows that notes may take."""
GAP = 3
"""Cells between two facts in one row."""

Fact = tuple[str, Content]
"""A name, and what is known."""


def key_lines(key: bytes, width: int, shown: str | None = None) -> list[Content]:
    """The key itself, in full as far as it fits; `shown` stands for it where it is a secret."""
    if not key:
        return [Content.styled("(the empty key)", "$foreground-muted")]
    whole = Content.styled(printable(key[:KEY_MOST]) if shown is None else shown, "bold $primary")
    rows = _folded(whole, max(1, width), KEY_ROWS)
    if len(key) > KEY_MOST or sum(len(row.plain) for row in rows) < len(whole.plain):
        note = f"… {len(key):,} bytes"
        rows[-1] = _folded(rows[-1], max(1, width - len(note) - 1), 1)[0] + Content.styled(note, "$foreground-muted")
    return rows


def fact_lines(facts: KeyFacts, now: float, width: int) -> list[Content]:
    """Type, encoding, memory, length, TTL and use: as many in a row as fit, names aligned."""
    lines = _flow(list(_facts(facts, now)), width)
    return [*lines, *(Content.styled(f"▲ {sentence}", "$text-warning") for sentence in facts.denied)]


def ttl_text(expires_at: float | None, now: float) -> Content:
    """What is left, counting down; the last minute is worth a look."""
    if expires_at is None:
        return Content.styled("never expires", "$foreground-muted")
    left = expires_at - now
    if left <= 0:
        return Content.styled("expires now", "$text-warning")
    when = datetime.fromtimestamp(expires_at)
    shown = f"{when:%H:%M:%S}" if left < 43_200 else f"{when:%Y-%m-%d %H:%M}"
    return Content.assemble(
        (duration(int(left)) if left >= 1 else "<1s", "$text-warning" if left < 60 else ""),
        (f" · {shown}", "$foreground-muted"),
    )


def exactly(octets: int | None) -> Content:
    """A size for people, and to the byte."""
    if octets is None:
        return Content("–")
    if octets < 1024:
        return Content(f"{octets} bytes")
    return Content.assemble(size(octets), (f" · {octets:,} bytes", "$foreground-muted"))


def rule_lines(label: str, notes: Sequence[str], width: int) -> list[Content]:
    """The line between facts and value, which names the value; notes stand on it, or below where it is too short."""
    width = max(1, width)
    whole = " · ".join([label, *notes] if label else notes)
    head = whole if len(whole) + GAP + 2 <= width else label
    rule = Content(f"─ {head} " if head else "")
    rows = [rule.truncate(width).simplify() + Content("─" * max(0, width - rule.cell_length))]
    if head != whole:
        rows += [row for note in notes for row in Content(note).wrap(width)][:NOTE_ROWS]
    return [row.stylize("$foreground-muted") for row in rows]


def with_first_idle(now: KeyFacts, before: KeyFacts | None) -> KeyFacts:
    """Where looking is a use, only the first look tells how long the key was idle."""
    return replace(now, idle=before.idle) if before is not None and now.touched else now


def became(before: KeyFacts | None, now: KeyFacts) -> str | None:
    """Say that a key has become another type, if it has."""
    return None if before is None or before.kind == now.kind else f"it was a {before.kind} a moment ago"


def _facts(facts: KeyFacts, now: float) -> Iterable[Fact]:
    encoding = (f" · {facts.encoding}", "$foreground-muted") if facts.encoding else ""
    yield "type", Content.assemble(facts.kind, encoding)
    yield "TTL", ttl_text(facts.expires_at, now)
    if facts.memory is not None:
        yield "memory", exactly(facts.memory)
    if facts.length is not None:
        length = f"{facts.length:,} {_unit(facts.kind, facts.length)}"
        yield "length", exactly(facts.length) if facts.kind == "string" else Content(length)
    if facts.idle is not None:
        yield "idle", Content.assemble(duration(facts.idle), (_idle_note(facts), "$foreground-muted"))
    if facts.frequency is not None:
        yield "used", Content.assemble(f"{facts.frequency}", (" of 255 (LFU counter)", "$foreground-muted"))


def _idle_note(facts: KeyFacts) -> str:
    return " · when it was first looked at here" if facts.touched else ""


def _unit(kind: str, length: int) -> str:
    one, many = {
        "set": ("member", "members"),
        "zset": ("member", "members"),
        "hash": ("field", "fields"),
        "stream": ("entry", "entries"),
    }.get(kind, ("element", "elements"))
    return one if length == 1 else many


def _flow(facts: Sequence[Fact], width: int) -> list[Content]:
    """Lay facts out in one or two columns."""
    names = max((len(name) for name, _ in facts), default=0) + 1
    cells = [
        Content.assemble((f"{name:<{names}}", "$foreground-muted"), value.truncate(max(1, width - names)))
        for name, value in facts
    ]
    left = max((cell.cell_length for cell in cells[::2]), default=0) + GAP
    right = max((cell.cell_length for cell in cells[1::2]), default=0)
    if left + right > width:
        return cells
    rows = [cells[at : at + 2] for at in range(0, len(cells), 2)]
    return [row[0].pad_right(left - row[0].cell_length) + row[1] if len(row) == 2 else row[0] for row in rows]


def _folded(text: Content, width: int, most: int) -> list[Content]:
    """Cut into rows at cells, not at words: a key has none."""
    rows: list[Content] = []
    while text.plain and len(rows) < most:
        end = len(text.plain)
        while text[:end].cell_length > width and end > 1:
            end = min(end - 1, max(1, end * width // max(1, text[:end].cell_length)))
        while end > 1 and Content(text.plain[end : end + 1] or " ").cell_length == 0:  # a mark stays with its letter
            end -= 1
        rows.append(text[:end])
        text = text[end:]
    return rows
