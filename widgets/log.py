"""A log to read in: a window of lines that somebody else keeps, a cursor to open one of them, a line of titles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from widgets.scroller import quiet
from widgets.tail import Tail

CURSOR = "▌"
"""Marks the cursor's line; a shape, so that it shows without colour."""


class Log(Tail):
    """Like a `Tail`, but its owner hands over the whole window each time, with the number of its first line.

    While `following` the cursor is on the newest line. With `open_ended` the last line is not the newest: reaching it
    asks for more instead of following. With `earlier` there is more before the first line, too: coming near asks for
    it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        quiet("log", "enter", "choose", "Open", "Open the entry under the cursor in full"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--cursor", "log--head", "log--mark"}
    DEFAULT_CSS = """
    Log {
        & > .log--cursor { text-style: none; }
        & > .log--mark { color: $foreground 40%; }
        & > .log--head { color: $foreground 55%; }
        &:focus > .log--cursor { background: $primary 25%; }
        &:focus > .log--mark { color: $primary; }
        &:nocolor:focus > .log--cursor { text-style: reverse; }
        &:nocolor > .log--head { text-style: underline; }
    }
    """

    class Chosen(Message):
        """Enter or a double click on a line."""

        def __init__(self, log: Log, item: Any) -> None:
            super().__init__()
            self.log = log
            self.item = item

        @property
        def control(self) -> Log:
            """The log, for `@on` selectors."""
            return self.log

    class EndNear(Message):
        """The last line of an open-ended log came near."""

        def __init__(self, log: Log) -> None:
            super().__init__()
            self.log = log

        @property
        def control(self) -> Log:
            """The log, for `@on` selectors."""
            return self.log

    class StartNear(EndNear):
        """The first line of a log with more before it came near."""

    def __init__(self, draw: Callable[[Any], Content], *, empty: Content | None = None) -> None:
        super().__init__(draw=draw, empty=empty)
        self.earlier = False
        """Whether there is more before the first line, to be asked for."""
        self._lines: Sequence[Any] = ()
        self._first = 1
        self._cursor = 0
        self._open_ended = False
        self._head: Content | None = None

    @property
    def line_count(self) -> int:
        """Lines in the window."""
        return len(self._lines)

    @property
    def head_lines(self) -> int:
        """The titles, when there are any and room for them and a line."""
        return 1 if self._head is not None and self.size.height > 1 else 0

    @property
    def cursor(self) -> int:
        """Index of the line under the cursor."""
        return max(0, self.line_count - 1) if self.following else min(self._cursor, max(0, self.line_count - 1))

    @property
    def item(self) -> Any:
        """The line under the cursor; None when there is none."""
        return self._lines[self.cursor] if self._lines else None

    @property
    def head(self) -> Content | None:
        """Titles above the lines."""
        return self._head

    @head.setter
    def head(self, head: Content | None) -> None:
        self._head = head
        self.redraw_soon()

    @property
    def open_ended(self) -> bool:
        """Whether there is more behind the last line, to be asked for."""
        return self._open_ended

    @open_ended.setter
    def open_ended(self, open_ended: bool) -> None:
        self._open_ended = open_ended

    def show_window(self, lines: Sequence[Any], first: int, *, anew: bool = False) -> None:
        """Show this window; lines of the same number are the same lines, unless it begins `anew`."""
        came = first + len(lines) - self._first - len(self._lines)
        dropped = first - self._first
        self._lines, self._first = lines, first
        if anew:
            self._cursor = self._new = 0
            self._set_top(0)
        elif not self.following:
            self._new += max(0, came) if not self.open_ended else 0
            self._cursor = max(0, self._cursor - dropped)
            self._set_top(self._top - dropped)
        self._to_end()
        self.redraw_soon()

    def stay(self) -> None:
        """Cease to follow, and go to the first line: what is shown is to be read from there."""
        self._cursor = 0
        self.following = False
        self._set_top(0)
        self.redraw_soon()

    def watch_has_focus(self, has_focus: bool) -> None:
        """The cursor looks different with focus."""
        super().watch_has_focus(has_focus)
        self.redraw_soon()

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """Titles, the visible lines, and the marker while the reader looks elsewhere."""
        base = self.ink.base()
        head = (
            [self.line(self.ink.blank(1, base), self.ink.text(self._head, width - 1, self.ink.base("log--head")))]
            if (self._head is not None and self.head_lines)
            else []
        )
        drawn = super().draw_lines(width, max(1, height - len(head)))
        return [*head, *drawn][:height]

    def reader_scrolled(self) -> None:
        """The cursor stays in the window; the end follows, or asks for more."""
        self._cursor = max(self._top, min(self.cursor, self._top + self.page - 1))
        self._ask_back(self._top)
        at_end = self._top >= self.max_top
        if at_end:
            self._cursor = self.line_count - 1
        self._settle(at_end=at_end)

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and bring it into view."""
        if index < self.cursor or index < 0:
            self._ask_back(index)
        if not self._lines:
            return
        self._cursor = max(0, min(index, self.line_count - 1))
        self._settle(at_end=self._cursor == self.line_count - 1)
        if not self.following:
            self._set_top(max(self._cursor - self.page + 1, min(self._top, self._cursor)))
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """At the first line, ask for what was before it."""
        if not self._top:
            self._ask_back(0)

    def on_click(self, event: events.Click) -> None:
        """Select; twice open."""
        offset = event.get_content_offset(self)
        if offset is None or offset.x >= self.size.width - 1 or offset.y < self.head_lines:
            return
        index = self._top + offset.y - self.head_lines
        if index < self.line_count:
            event.stop()
            self.move_to(index)
            if event.chain == 2:
                self.action_choose()

    def action_scroll(self, lines: int) -> None:
        """Move the cursor by some lines."""
        self.move_to(self.cursor + lines)

    def action_page(self, pages: int) -> None:
        """Move the cursor by some windows."""
        self.move_to(self.cursor + pages * max(1, self.page - 1))

    def action_first(self) -> None:
        """Move to the oldest line kept; from there, ask for what was before it."""
        self.move_to(0 if self.cursor else -1)

    def action_follow(self) -> None:
        """Go to the newest line and follow; in an open-ended log to the last one there is."""
        if self.open_ended:
            self.move_to(self.line_count - 1)
        else:
            self.follow()

    def action_choose(self) -> None:
        """Open the line under the cursor."""
        if self._lines:
            self.post_message(self.Chosen(self, self.item))

    def _ask_back(self, index: int) -> None:
        """Ask for what is before the first line when that is near."""
        if self.earlier and index < self.page:
            self.post_message(self.StartNear(self))

    def _settle(self, *, at_end: bool) -> None:
        """Follow at the end, unless it is none."""
        if self.open_ended:
            self.following = False
            if self.cursor >= self.line_count - self.page:
                self.post_message(self.EndNear(self))
        else:
            self.following = at_end

    def _draw_line(self, index: int, width: int) -> Strip:
        here = index == self.cursor
        style = self.ink.base("log--cursor") if here else self.ink.base()
        mark = self.ink.glyph(CURSOR, self.ink.base("log--mark"), style) if here else self.ink.blank(1, style)
        text = self.ink.text(self._line_at(index), width - 2, style)
        return self.line(mark, text, self.thumb(index - self._top, style)).crop(0, width)

    def _line_at(self, index: int) -> Content:
        assert self._draw_item is not None
        return self._draw_item(self._lines[index])
