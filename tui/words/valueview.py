"""How values look: roles of decoded lines as colours, elements as rows of a table, one element in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from textual.content import Content

from tui.engine.onekey.elements import Element, Piece
from tui.engine.printable import beginning, printable
from tui.engine.values.kinds import Decoded, decode
from tui.engine.values.paper import Line, Role
from tui.words.units import duration, size
from widgets.reader import TextLine
from widgets.table import Column, Row

COLOURS: dict[Role, str] = {
    "key": "$primary",
    "string": "$success",
    "number": "$accent",
    "literal": "$secondary",
    "punctuation": "$foreground-muted",
    "plain": "",
    "muted": "$foreground-muted",
}
"""Style of each role."""
INLINE = 400
"""Bytes of an element that a row shows: more than the widest terminal."""
INLINE_LINES = 40
"""Lines of its JSON that go into the row."""
HEX_CELLS, HALF = 75, 8
"""Width of a line of the hex view, and the bytes in one that was cut in two."""
FIELD_SHARE = 0.4
"""Part of the width that the names of a hash may take."""
NAME_MOST = 64
"""Bytes of a name that are measured."""
WIDTH_FROM = 100
"""Elements that tell how wide a column has to be: the first page."""

MORE = "more"
"""Begins the key of the last row, while there is more."""


def text_lines(decoded: Decoded, width: int) -> list[TextLine]:
    """Decoded lines in colours; a hex view is halved where it would not fit."""
    lines = decoded.lines
    if lines and width < HEX_CELLS and _is_hex(lines[0]):
        lines = tuple(half for line in lines for half in _halves(line))
    return [[(text, COLOURS[role]) for text, role in line] for line in lines]


def label_of(decoded: Decoded) -> str:
    """Name what a value is, from the outside in.

    >>> label_of(decode(b'{"a": 1}'))
    'json'
    """
    return " → ".join(decoded.layers)


def columns_of(kind: str, ttls: bool, length: int, name: int = 8) -> tuple[Column, ...]:
    """The columns for elements of this type; `name` is the width of fields or scores."""
    places = Column("#", max(3, len(str(max(length, 1) - 1))), "right")
    ttl = (Column("TTL", 7, "right", priority=5),) if ttls else ()
    match kind:
        case "hash":
            return Column("field", name, priority=9), *ttl, Column("value", priority=8, least=12)
        case "zset":
            return Column("score", name, "right"), Column("member", priority=9)
        case "stream":
            return Column("id", 20), Column("fields", priority=9)
        case "set":
            return (Column("member"),)
        case "string":
            return Column("at", max(6, len(f"{length:,}")), "right"), Column("match", priority=9)
        case _:
            return places, Column("value", priority=9)


def name_width(elements: Sequence[Element], width: int) -> int:
    """Cells for the fields of a hash or the scores of a sorted set: as wide as needed, but not most of the row."""
    names = (one.name.data[:NAME_MOST] if one.name else one.score or b"" for one in elements[:WIDTH_FROM])
    widths = (len(printable(name)) for name in names)
    return min(max(6, max(widths, default=6)), max(8, int(FIELD_SHARE * width)))


class ElementRows(Sequence[Row]):
    """Rows of elements, made when they come into view; the last one says that there is more."""

    def __init__(self, kind: str, elements: Sequence[Element], now: float, more: str | None, *, ttls: bool) -> None:
        self._kind = kind
        self._ttls = ttls
        self._elements = elements
        self._count = len(elements)
        self._now = now
        self._more = more
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return self._count + (self._more is not None)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if index not in self._made:
            self._made[index] = self._row(index)
        return self._made[index]

    def index_of(self, key: object) -> int | None:
        """Elements keep their places."""
        return key if isinstance(key, int) and key < len(self) else None

    def _row(self, index: int) -> Row:
        if index >= self._count:
            width = len(columns_of(self._kind, self._ttls, 1))
            more = Content.styled(self._more or "", "$foreground-muted")
            # Named by its place: a cursor on it must stay there and not run ahead of what is being read.
            return Row((MORE, index), (*[Content("")] * (width - 1), more))
        cells = _cells(self._kind, self._elements[index], self._now)
        return Row(index, cells if self._ttls or self._kind != "hash" else (cells[0], cells[2]))


def element_lines(kind: str, element: Element, now: float, width: int) -> list[TextLine]:
    """One element in full: its name, then its value as a person reads it."""
    lines: list[TextLine] = []
    muted = COLOURS["muted"]
    if kind == "stream" and element.name is not None:
        lines += [[(printable(element.name.data), "bold")]]
        for name, value in element.fields:
            lines += [[], [(_text(name), COLOURS["key"])], *_piece_lines(value, width)]
        return lines
    if element.name is not None:
        lines.append([("field  ", muted), (_text(element.name), COLOURS["key"])])
    if element.score is not None:
        lines.append([("score  ", muted), (printable(element.score), COLOURS["number"])])
    if element.index is not None:
        lines.append([("byte   " if kind == "string" else "place  ", muted), (f"{element.index:,}", "")])
    if element.expires_at is not None:
        lines.append([("TTL    ", muted), (duration(max(0, int(element.expires_at - now))), "")])
    if lines:
        lines.append([])
    return [*lines, *_piece_lines(element.value, width)]


def element_text(element: Element) -> str:
    """One element as text for the clipboard."""
    if element.fields:
        return "\n".join(f"{_text(name)}={_text(value)}" for name, value in element.fields)
    return _text(element.value)


def _cells(kind: str, element: Element, now: float) -> tuple[Content, ...]:
    match kind:
        case "hash":
            name = Content.styled(_text(element.name, INLINE) if element.name else "", COLOURS["key"])
            left = "" if element.expires_at is None else duration(max(0, int(element.expires_at - now)))
            return name, Content(left), inline(element.value)
        case "zset":
            return Content.styled(printable(element.score or b""), COLOURS["number"]), inline(element.value)
        case "stream":
            name = Content.styled(_text(element.name) if element.name else "", COLOURS["muted"])
            return name, Content.assemble(*_pairs(element))
        case "set":
            return (inline(element.value),)
        case "string":
            return Content.styled(f"{element.index or 0:,}", COLOURS["muted"]), Content(_text(element.value))
        case _:
            return Content.styled(str(element.index), COLOURS["muted"]), inline(element.value)


def _pairs(element: Element) -> Iterator[str | tuple[str, str]]:
    room = INLINE
    for name, value in element.fields:
        shown = _text(value, room)
        yield f"{_text(name, room)}=", COLOURS["muted"]
        yield f"{shown} "
        room -= len(name.data) + len(shown)
        if room <= 0:
            return


def inline(piece: Piece) -> Content:
    """The beginning of an element in one row: JSON in colours, packed data by name, anything else as it is."""
    if not piece.size:
        return Content.styled("(empty)", COLOURS["muted"])
    decoded = decode(piece.data[:INLINE], piece.size <= INLINE, most=INLINE_LINES)
    if decoded.kind in {"hex", "bitmap"} or not decoded.lines:
        return Content.assemble(_text(piece, INLINE), (f"  {size(piece.size)}", COLOURS["muted"]))
    packed = f"{label_of(decoded)}  " if len(decoded.layers) > 1 else ""
    parts: list[tuple[str, str]] = [(packed, COLOURS["muted"])]
    for number, line in enumerate(decoded.lines):
        parts += [
            (" " if number else "", ""),
            *((text.lstrip() if not at else text, COLOURS[role]) for at, (text, role) in enumerate(line)),
        ]
    return Content.assemble(*parts)


def _piece_lines(piece: Piece, width: int) -> list[TextLine]:
    decoded = decode(piece.data, not piece.is_cut, total=piece.size)
    note = "; ".join(part for part in (label_of(decoded) if decoded.kind != "text" else "", decoded.note) if part)
    head: list[TextLine] = [[(note, COLOURS["muted"])]] if note and decoded.kind != "empty" else []
    return [*head, *(text_lines(decoded, width) or [[("(empty)", COLOURS["muted"])]])]


def _text(piece: Piece, most: int | None = None) -> str:
    return beginning(piece.data, len(piece.data) if most is None else most, piece.size)


def _is_hex(line: Line) -> bool:
    """A line of the hex view: eight digits and two blanks first."""
    first = line[0] if line else ("", "plain")
    return len(line) == 3 and first[1] == "muted" and len(first[0]) == 10 and first[0].endswith("  ")


def _halves(line: Line) -> Iterator[Line]:
    if not _is_hex(line):
        yield line
        return
    (offset, _), (octets, _), (shown, _) = line
    at, middle = int(offset, 16), 3 * HALF - 1
    yield (offset, "muted"), (octets[:middle].ljust(middle), "plain"), (shown[: 2 + HALF], "string")
    if octets[middle:].strip():
        yield (f"{at + HALF:08x}  ", "muted"), (octets[middle + 1 :], "plain"), (f"  {shown[2 + HALF :]}", "string")
