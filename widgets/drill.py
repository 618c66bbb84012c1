"""A value to look into: text, or a table of parts of which one can be opened."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from widgets.reader import Reader, TextLine
from widgets.table import Column, Row, Table


class Drill(Widget):
    """Shows a `Reader` or a `Table`, never both; only the one shown takes the focus."""

    DEFAULT_CSS = """
    Drill {
        height: 1fr;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._reader = Reader()
        self._table = Table(())
        self._inside = False

    @property
    def reader(self) -> Reader:
        """Text, or the part that is open."""
        return self._reader

    @property
    def table(self) -> Table:
        """The parts."""
        return self._table

    @property
    def inside(self) -> bool:
        """Whether a part is open."""
        return self._inside

    def compose(self) -> ComposeResult:
        """Both, one of them visible."""
        yield self._reader
        yield self._table

    def on_mount(self) -> None:
        """Begin as text."""
        self._show(self._reader)

    def show_nothing(self, why: Content) -> None:
        """Show a sentence."""
        self._inside = False
        self._reader.empty = why
        self._reader.show_lines(())
        self._table.show_rows(())
        self._show(self._reader)

    def show_text(self, lines: Sequence[TextLine], *, top: int = 0) -> None:
        """Show text."""
        self._inside = False
        self._reader.show_lines(lines, top=top)
        self._show(self._reader)

    def show_parts(self, columns: Sequence[Column], rows: Sequence[Row], empty: Content) -> None:
        """Show a table; an open part stays open."""
        self._table.columns = columns
        self._table.empty = empty
        self._table.show_rows(rows)
        if not self._inside:
            self._show(self._table)

    def open(self, lines: Sequence[TextLine]) -> None:
        """Show one part as text."""
        self._inside = True
        self._reader.show_lines(lines)
        self._show(self._reader)

    def close(self) -> bool:
        """Go back to the table; False when no part is open."""
        if not self._inside:
            return False
        self._inside = False
        self._show(self._table)
        return True

    def _show(self, shown: Reader | Table) -> None:
        other = self._table if shown is self._reader else self._reader
        moved = self.screen.focused is other  # who only had it until a moment ago gives it to nobody
        shown.display = shown.can_focus = True
        if moved:
            self.screen.set_focus(shown)
        other.display = other.can_focus = False
