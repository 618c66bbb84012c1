"""A pane with a table of things, sorted as a person likes, any of which opens in full."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from tui.engine.session import Session
from tui.panes.base import Pane
from widgets.drill import Drill
from widgets.reader import TextLine
from widgets.table import Column, Row, Table

T = TypeVar("T")


class DrilledPane(Pane[T]):
    """Sorts the table and opens its rows; whoever inherits says what stands in them."""

    ORDERS: ClassVar[Sequence[str]]
    """Titles of the columns that the rows can be sorted by, the usual one first."""
    SMALLEST_FIRST: ClassVar[Sequence[str]] = ()
    """Those of them that begin with the smallest."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.order = self.ORDERS[0]
        """What the rows are sorted by."""

    @property
    def target(self) -> Widget:
        """The table, or what is open of it."""
        drill = self.query_one(Drill)
        return drill.table if drill.table.can_focus else drill.reader

    @property
    def table(self) -> Table:
        """The table, also while a part of it is open."""
        return self.query_one(Drill).table

    def compose(self) -> ComposeResult:
        """A table to look into."""
        yield Drill()

    def lines_of(self, key: Hashable) -> Sequence[TextLine]:
        """Return one thing in full; nothing when it has gone."""
        raise NotImplementedError

    def show_parts(self, columns: Sequence[Column], rows: Sequence[Row], empty: str) -> None:
        """Fill the table; what is open stays open."""
        drill = self.query_one(Drill)
        drill.table.sorted_by = (self.order, self.order not in self.SMALLEST_FIRST)
        drill.show_parts(columns, rows, Content(empty))

    def close_element(self) -> bool:
        """Close what is open; False when nothing is."""
        return self.query_one(Drill).close()

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._sort_by(self.ORDERS[(self.ORDERS.index(self.order) + 1) % len(self.ORDERS)])

    @on(Table.HeaderClicked)
    def _click(self, event: Table.HeaderClicked) -> None:
        event.stop()
        if event.title in self.ORDERS:
            self._sort_by(event.title)

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        if lines := self.lines_of(event.key):
            self.query_one(Drill).open(lines)

    def _sort_by(self, order: str) -> None:
        self.order = order
        self.watch_snapshot(self.snapshot)
