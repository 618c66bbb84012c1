"""Lines of a live tail: fields one after the other, or in columns; JSON folded into one line and coloured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from tui.engine.onekey.elements import Element, Piece
from tui.engine.printable import beginning, printable
from tui.engine.tail.window import Line
from tui.engine.values.kinds import decode
from tui.words.streamrows import moment
from tui.words.units import count
from tui.words.valueview import COLOURS as VALUE_COLOURS
from tui.words.valueview import inline, label_of, text_lines
from widgets.reader import TextLine

LINE_MOST = 400
"""Bytes of an entry that are drawn: more than the widest terminal shows."""
NAME_MOST = 20
"""Cells for a stream's name; the entry is what people read."""
NAME_BYTES = 100
"""Bytes of a name that are looked at for these: one of a megabyte in each row would take a second."""
LOOKED_AT = 200
"""Lines that say which columns there are: the newest ones."""
MOST_COLUMNS = 12
WIDEST = 24
"""Cells of a column that is not the last."""
MUTED = "$foreground-muted"


class Layout:
    """How lines are laid out; grows with what comes, so that columns stay where they are."""

    def __init__(self) -> None:
        self.columns = False
        """Whether fields stand in columns."""
        self._name_width = 0
        self._widths: dict[bytes, int] = {}

    def learn(self, sources: Sequence[bytes], lines: Sequence[Line]) -> None:
        """Make room for these streams and (in columns) for the fields of the newest lines."""
        several = len(sources) > 1
        self._name_width = (
            min(NAME_MOST, max((cell_len(beginning(key, NAME_BYTES)) for key in sources), default=0)) if several else 0
        )
        if not self.columns:
            return
        newest = lines[-LOOKED_AT:]
        names = Counter(name for line in newest for name in line.values[::2] if line.id)
        for name, _ in names.most_common(MOST_COLUMNS - min(MOST_COLUMNS, len(self._widths))):
            self._widths.setdefault(name, min(WIDEST, len(printable(name))))
        for line in newest:
            for name, value in line.fields:
                if name in self._widths:
                    self._widths[name] = min(WIDEST, max(self._widths[name], len(value)))

    def forget(self) -> None:
        """Other streams: other columns."""
        self._widths.clear()

    @property
    def head(self) -> Content | None:
        """The titles of the columns; None without columns."""
        if not self.columns or not self._widths:
            return None
        titles = ["time".ljust(12), *([fit("stream", self._name_width)] if self._name_width else [])]
        return Content(" ".join([*titles, *(fit(printable(name), width) for name, width in self._widths.items())]))

    def draw(self, line: Line, colours: Mapping[bytes, str]) -> Content:
        """One line."""
        name = fit(beginning(line.source, NAME_BYTES), self._name_width)
        colour = colours.get(line.source, "")
        if not line.id:
            skipped = "some" if line.skipped is None else count(line.skipped)
            return Content.styled(f"{'':12} {name} {skipped} left out: faster than this machine reads", "$text-warning")
        lead: list[str | tuple[str, str]] = [(moment(line.id), MUTED), " "]
        if name:
            lead += [(name, colour), " "]
        if len(line.values) % 2:
            return Content.assemble(*lead, _value(line.values[0], LINE_MOST))
        if self.columns and not self._widths.keys().isdisjoint(line.values[::2]):
            return Content.assemble(*lead, *self._cells(line))
        return Content.assemble(*lead, *_pairs(line))

    def _cells(self, line: Line) -> Iterator[Content | str]:
        fields = dict(reversed(line.fields))
        last = len(self._widths) - 1
        for at, (name, width) in enumerate(self._widths.items()):
            value = fields.pop(name, None)
            if at == last and value is not None:
                yield _value(value, LINE_MOST)
            else:
                yield fit("" if value is None else beginning(value, WIDEST), width)
            yield " "
        if fields:
            yield Content.styled(f"+{len(fields)}", MUTED)


def entry_lines(element: Element, width: int) -> list[TextLine]:
    """An entry in full: short values beside their names, the others laid out below them."""
    names = [printable(name.data) for name, _ in element.fields]
    room = min(NAME_MOST, max(map(cell_len, names), default=0))
    lines: list[TextLine] = []
    for name, (_, value) in zip(names, element.fields, strict=True):
        decoded = decode(value.data, not value.is_cut, total=value.size)
        told = text_lines(decoded, width)
        title = (f"{name}{' ' * (room - cell_len(name))}  ", VALUE_COLOURS["key"])
        note = (f"  {decoded.note}" if decoded.note else "", MUTED)
        if len(told) <= 1 and decoded.kind != "json":
            lines.append([title, *(told[0] if told else [("(empty)", MUTED)]), note])
        else:
            lines.append([title, (label_of(decoded), MUTED), note])
            lines += [[("  ", ""), *line] for line in told]
    return lines


def _pairs(line: Line) -> Iterator[Content | tuple[str, str] | str]:
    room = LINE_MOST
    for name, value in islice(line.fields, LINE_MOST):
        yield f"{beginning(name, room)}=", MUTED
        yield _value(value, room)
        yield " "
        room -= len(name) + len(value)
        if room <= 0:
            return


def _value(value: bytes, room: int) -> Content:
    """A value in one line; JSON is folded and coloured."""
    if value[:1] in {b"{", b"["}:
        return inline(Piece(value[:room], len(value)))
    return Content(beginning(value, room))


def fit(text: str, width: int) -> str:
    """Return text in exactly so many cells.

    >>> fit("events:workflow", 8), fit("log", 5), fit("日本語", 4), fit("log", 0)
    ('events:…', 'log  ', '日 …', '')
    """
    if not width:
        return ""
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
