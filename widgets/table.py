"""A table that is also a tree, over any number of rows; only the visible ones are ever touched."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from widgets.columns import GAP, Column, Placed, place
from widgets.rows import Row, find, parent_of
from widgets.scroller import Scroller, quiet
from widgets.table_art import INDENT, TableArt

__all__ = ["Column", "Row", "Table"]


class Table(Scroller, can_focus=True):
    """A header line and a window on rows, with a cursor.

    `show_rows` keeps cursor and window on the same rows through updates. The rows may be any sequence that
    knows its length; an `index_of(key)` method, when it has one, finds rows that moved far.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        quiet("table", "up,k", "move(-1)", "Up", "Move the cursor one row up"),
        quiet("table", "down,j", "move(1)", "Down", "Move the cursor one row down"),
        quiet("table", "pageup", "page(-1)", "Page up", "Move one page up"),
        quiet("table", "pagedown", "page(1)", "Page down", "Move one page down"),
        quiet("table", "home", "first", "First", "Move to the first row"),
        quiet("table", "end", "last", "Last", "Move to the last row"),
        quiet("table", "enter", "choose", "Open", "Open the row under the cursor"),
        quiet("table", "space", "flip", "Toggle", "Fold or unfold the row"),
        quiet("table", "right", "unfold", "Unfold", "Unfold, or enter, the row"),
        quiet("table", "left", "fold", "Fold", "Fold the row, or go to its parent"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--sorted",
        "table--cursor",
        "table--mark",
        "table--fold",
        "table--empty",
    }
    DEFAULT_CSS = """
    Table {
        & > .table--header { color: $foreground 55%; }
        & > .table--sorted { color: $foreground; text-style: bold; }
        & > .table--cursor { text-style: none; }
        & > .table--mark { color: $foreground 40%; }
        & > .table--fold { color: $foreground 55%; }
        & > .table--empty { color: $foreground 60%; }
        &:focus > .table--cursor { background: $primary 25%; text-style: bold; }
        &:focus > .table--mark { color: $primary; }
        &:nocolor:focus > .table--cursor { text-style: reverse; }
        &:nocolor > .table--header { text-style: underline; }
    }
    """

    sorted_by: reactive[tuple[str, bool] | None] = reactive(None, repaint=False)
    """Title of the column the rows are sorted by, and whether the largest come first."""

    class RowMessage(Message):
        """About one row."""

        def __init__(self, table: Table, key: Hashable) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> Table:
            """The table, for `@on` selectors."""
            return self.table

    class Highlighted(RowMessage):
        """The cursor came to another row."""

    class Chosen(RowMessage):
        """Enter or a double click on a row."""

    class Toggled(RowMessage):
        """A row that has children should fold or unfold; the owner shows new rows."""

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, table: Table, title: str) -> None:
            super().__init__()
            self.table = table
            self.title = title

        @property
        def control(self) -> Table:
            """The table, for `@on` selectors."""
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        tree: bool = False,
        empty: Content | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._columns = tuple(columns)
        self._tree = tree
        self._art = TableArt(self.ink, tree=tree)
        self._empty = empty or Content("")
        self._rows: Sequence[Row] = ()
        self._untouched = True
        self._cursor = 0
        self._cursor_key: Hashable | None = None

    @property
    def columns(self) -> Sequence[Column]:
        """The columns; setting them lays the table out anew."""
        return self._columns

    @columns.setter
    def columns(self, columns: Sequence[Column]) -> None:
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self.redraw_soon()

    @property
    def rows(self) -> Sequence[Row]:
        """The rows shown."""
        return self._rows

    @property
    def cursor(self) -> int:
        """Index of the row under the cursor; 0 when there are no rows."""
        return self._cursor

    @property
    def cursor_key(self) -> Hashable | None:
        """Key of the row under the cursor; None when there are no rows."""
        return self._cursor_key

    @property
    def line_count(self) -> int:
        """Rows to scroll through."""
        return len(self._rows)

    @property
    def head_lines(self) -> int:
        """The header, when there is room for it and a row."""
        return 1 if self.size.height > 1 else 0

    @property
    def empty(self) -> Content:
        """Shown instead of rows when there are none; may have several lines."""
        return self._empty

    @empty.setter
    def empty(self, empty: Content) -> None:
        self._empty = empty
        if not self._rows:
            self.redraw()

    def watch_sorted_by(self) -> None:
        """Move the arrow."""
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different with focus."""
        super().watch_has_focus(has_focus)
        self.redraw_soon()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows; cursor and window stay on the rows (by key) where they were."""
        before = self._cursor - self._top
        anchor = None if 0 <= before < self.page else self._key_at(self._top)
        top, self._rows = self._top, rows
        # Nobody has put the cursor anywhere yet: it belongs to the first row, whichever that is by now.
        found = 0 if self._untouched else find(rows, self._cursor_key, self._cursor)
        self._cursor = max(0, min(self._cursor if found is None else found, len(rows) - 1))
        if anchor is not None:
            moved = find(rows, anchor, top)
            self._set_top(top if moved is None else moved)
        elif top == 0:
            self._set_top(self._window_for(0))
        else:
            self._set_top(self._cursor - before)
        self._highlight()
        self.redraw()

    def move_to(self, index: int) -> None:
        """Put the cursor on this row, as far as there are rows, and bring it into view."""
        if not self._rows:
            return
        self._untouched = False
        self._cursor = max(0, min(index, len(self._rows) - 1))
        self._set_top(self._window_for(self._top))
        self._highlight()
        self.redraw()

    def move_to_key(self, key: Hashable) -> bool:
        """Put the cursor on the row with this key; False when it is not found."""
        found = find(self._rows, key, self._cursor)
        if found is not None:
            self.move_to(found)
        return found is not None

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """Header and visible rows."""
        self._art.begin()
        base = self.ink.base()
        if not self._rows:
            drawn = self._art.empty(self._empty, width)[:height]
        else:
            placed = self._placed(width)
            drawn = [self._art.header(self._columns, placed, width, self.sorted_by)] if self.head_lines else []
            last = min(len(self._rows), self._top + height - len(drawn))
            drawn += [self._draw_row(index, placed, width) for index in range(self._top, last)]
        return [*drawn, *[self.line(self.ink.blank(width, base))] * (height - len(drawn))]

    def _draw_row(self, index: int, placed: Sequence[Placed], width: int) -> Strip:
        here = index == self._cursor
        edge = self.thumb(index - self._top, self.ink.base("table--cursor") if here else self.ink.base())
        return self._art.row(self._rows[index], self._columns, placed, width, edge, here=here)

    def _placed(self, width: int) -> list[Placed]:
        # One cell for the cursor's mark at the left and one for the scroll mark at the right.
        return place(self._columns, max(0, width - 2))

    def _key_at(self, index: int) -> Hashable | None:
        return self._rows[index].key if 0 <= index < len(self._rows) else None

    def _window_for(self, top: int) -> int:
        """The window start nearest to `top` that shows the cursor."""
        return max(self._cursor - self.page + 1, min(top, self._cursor))

    def _highlight(self) -> None:
        key = self._key_at(self._cursor)
        if key != self._cursor_key:
            self._cursor_key = key
            if key is not None:
                self.post_message(self.Highlighted(self, key))

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor in view."""
        self._set_top(self._window_for(self._top))

    def on_click(self, event: events.Click) -> None:
        """Select; on the fold marker toggle; twice choose; on a title tell."""
        offset = event.get_content_offset(self)
        if offset is None or not self._rows or offset.x >= self.size.width - 1:
            return
        if offset.y < self.head_lines:
            self._click_header(offset.x)
            return
        index = self._top + offset.y - self.head_lines
        if index >= len(self._rows):
            return
        event.stop()
        self.move_to(index)
        row = self._rows[index]
        on_marker = 0 <= offset.x - 1 - INDENT * row.depth < INDENT
        if self._tree and row.fold != "none" and on_marker:
            self.post_message(self.Toggled(self, row.key))
        elif event.chain == 2:
            self.post_message(self.Chosen(self, row.key))

    def _click_header(self, x: int) -> None:
        start = 1
        for index, room in self._placed(self.size.width):
            if start <= x < start + room:
                self.post_message(self.HeaderClicked(self, self._columns[index].title))
            start += room + GAP

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Folding exists only in trees."""
        if action in {"flip", "fold", "unfold"}:
            return self._tree
        return super().check_action(action, parameters)

    def action_move(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self.move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by some windows."""
        self.move_to(self._cursor + pages * max(1, self.page - 1))

    def action_first(self) -> None:
        """Move to the first row."""
        self.move_to(0)

    def action_last(self) -> None:
        """Move to the last row."""
        self.move_to(len(self._rows) - 1)

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self._rows:
            self.post_message(self.Chosen(self, self._rows[self._cursor].key))

    def action_flip(self) -> None:
        """Fold or unfold the row under the cursor."""
        if self._rows and self._rows[self._cursor].fold != "none":
            self.post_message(self.Toggled(self, self._rows[self._cursor].key))

    def action_unfold(self) -> None:
        """Unfold the row, or enter it when it is open."""
        fold = self._rows[self._cursor].fold if self._rows else "none"
        if fold == "closed":
            self.action_flip()
        elif fold == "open":
            self.action_move(1)

    def action_fold(self) -> None:
        """Fold the row, or go to its parent."""
        if not self._rows:
            return
        row = self._rows[self._cursor]
        if row.fold == "open":
            self.action_flip()
            return
        parent = parent_of(self._rows, self._cursor)
        if parent is not None:
            self.move_to(parent)
