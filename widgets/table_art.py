"""How a table's lines look."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.style import Style

from widgets.columns import GAP, Column, Placed
from widgets.ink import Ink, Segments
from widgets.rows import Row

INDENT = 2
"""Cells for each level of a tree, as wide as the fold marker."""

MARKERS = {"none": "  ", "open": "▾ ", "closed": "▸ "}

_RowKey = tuple[Row, bool, Segments]

CURSOR = "▌"
"""Marks the cursor's row; a shape, so that it shows without colour."""


class TableArt:
    """Draws lines of a table in the component styles of its widget."""

    def __init__(self, ink: Ink, *, tree: bool) -> None:
        self._ink = ink
        self._tree = tree
        self._rows: dict[_RowKey, Strip] = {}
        self._before: dict[_RowKey, Strip] = {}
        self._rows_for: object = None

    def begin(self) -> None:
        """A new drawing: rows of the last one may come again, those of earlier ones are forgotten."""
        self._before, self._rows = self._rows, {}

    def empty(self, text: Content, width: int) -> list[Strip]:
        """The text shown instead of rows, wrapped at words."""
        style, edge = self._ink.base("table--empty"), self._ink.blank(1, self._ink.base())
        room = max(1, width - 2)
        lines = [line for part in text.split("\n", allow_blank=True) for line in part.wrap(room)]
        return [self._strip([edge, self._ink.text(line, room, style)], width, self._ink.base()) for line in lines]

    def header(
        self,
        columns: Sequence[Column],
        placed: Sequence[Placed],
        width: int,
        sorted_by: tuple[str, bool] | None,
    ) -> Strip:
        """The titles, with an arrow on the one sorted by."""
        base = self._ink.base()
        pieces: list[Segments] = [self._ink.blank(1, base)]
        for number, (index, room) in enumerate(placed):
            column = columns[index]
            sort = sorted_by if sorted_by and sorted_by[0] == column.title else None
            style = self._ink.base("table--sorted" if sort else "table--header")
            pieces.append(self._ink.blank(GAP if number else 0, base))
            pieces.append(self._ink.text(_titled(column, sort), room, style, column.align))
        return self._strip(pieces, width, base)

    def row(
        self,
        row: Row,
        columns: Sequence[Column],
        placed: Sequence[Placed],
        width: int,
        edge: Segments,
        *,
        here: bool,
    ) -> Strip:
        """One row; `here` when the cursor is on it; `edge` is the scroll mark's cell."""
        style = self._ink.base("table--cursor") if here else self._ink.base()
        shape = (width, tuple(placed), self._ink.base(), self._ink.base("table--cursor"), self._ink.generation)
        if shape != self._rows_for:
            self._before.clear()
            self._rows_for = shape
        key = (row, here, edge)
        strip = self._before.get(key) or self._row(row, columns, placed, width, edge, style, here=here)
        self._rows[key] = strip
        return strip

    def _row(
        self,
        row: Row,
        columns: Sequence[Column],
        placed: Sequence[Placed],
        width: int,
        edge: Segments,
        style: Style,
        *,
        here: bool,
    ) -> Strip:
        pieces: list[Segments] = [self._mark(style) if here else self._ink.blank(1, style)]
        for number, (index, room) in enumerate(placed):
            pieces.append(self._ink.blank(GAP if number else 0, style))
            lead = self._lead(row, room, style) if number == 0 and self._tree else ()
            cell = row.cells[index] if index < len(row.cells) else Content("")
            pieces.append(lead)
            pieces.append(self._ink.text(cell, room - _width(lead), style, columns[index].align))
        return self._strip(pieces, width, style, edge)

    def _mark(self, style: Style) -> Segments:
        return self._ink.glyph(CURSOR, self._ink.base("table--mark"), style)

    def _lead(self, row: Row, room: int, style: Style) -> Segments:
        """Indentation and fold marker; a narrow column gives up indentation first."""
        indent = min(INDENT * row.depth, max(0, room - 2 * INDENT))
        fold = Style(style.background, self._ink.base("table--fold").foreground)
        marker = self._ink.text(Content(MARKERS[row.fold]), min(INDENT, room - indent), fold)
        return (*self._ink.blank(indent, style), *marker)

    def _strip(self, pieces: list[Segments], width: int, style: Style, edge: Segments = ()) -> Strip:
        """The pieces, filled up so that the edge comes last, exactly `width` cells."""
        segments: list[Segment] = [segment for piece in pieces for segment in piece]
        used = sum(segment.cell_length for segment in segments)
        filled = [*segments, *self._ink.blank(width - used - 1, style), *(edge or self._ink.blank(1, style))]
        return Strip(Segment.simplify(filled), max(width, used + 1)).crop(0, width)


def _width(segments: Segments) -> int:
    return sum(segment.cell_length for segment in segments)


def _titled(column: Column, sort: tuple[str, bool] | None) -> Content:
    """The title with an arrow when the rows are sorted by it."""
    if not sort:
        return Content(column.title)
    arrow = "↓" if sort[1] else "↑"
    return Content(f"{arrow}{column.title}" if column.align == "right" else f"{column.title} {arrow}")
