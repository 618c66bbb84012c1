"""The end of a log that grows: bounded, cheap for any rate, and still under a reader's eyes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from widgets.scroller import Scroller, quiet

MAX_LINES = 2_000
"""About forty screens back: further than anyone scrolls in a live log, and less than 2 MB."""

MOST_NEW = 9_999
"""Above this the marker says 9999+: its width stays put."""


class Tail(Scroller, can_focus=True):
    """Lines in the order they came, the newest last, at most `max_lines` of them.

    While `following` the window stays at the end. When the reader scrolls up nothing moves, and a marker at
    the bottom right counts what came since; reaching the end again, or the end key, follows again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        quiet("tail", "up,k", "scroll(-1)", "Up", "Scroll one line up"),
        quiet("tail", "down,j", "scroll(1)", "Down", "Scroll one line down"),
        quiet("tail", "pageup", "page(-1)", "Page up", "Scroll one page up"),
        quiet("tail", "pagedown", "page(1)", "Page down", "Scroll one page down"),
        quiet("tail", "home", "first", "First", "Scroll to the oldest line kept"),
        quiet("tail", "end", "follow", "Follow", "Go to the newest line and follow"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tail--new", "tail--empty"}
    DEFAULT_CSS = """
    Tail {
        & > .tail--new { background: $primary; color: $text; text-style: bold; }
        & > .tail--empty { color: $foreground 60%; }
        &:nocolor > .tail--new { text-style: reverse; }
    }
    """

    following: reactive[bool] = reactive(True, init=False, repaint=False)
    """Whether the window stays at the end."""

    class FollowingChanged(Message):
        """The tail began or ceased to follow."""

        def __init__(self, tail: Tail, *, following: bool) -> None:
            super().__init__()
            self.tail = tail
            self.following = following

        @property
        def control(self) -> Tail:
            """The tail, for `@on` selectors."""
            return self.tail

    def __init__(
        self,
        *,
        draw: Callable[[Any], Content] | None = None,
        max_lines: int = MAX_LINES,
        empty: Content | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._draw_item = draw
        self._kept: deque[Any] = deque(maxlen=max(1, max_lines))
        self._empty = empty or Content("")
        self._new = 0

    @property
    def line_count(self) -> int:
        """Lines kept."""
        return len(self._kept)

    @property
    def new(self) -> int:
        """Lines that came since the reader left the end."""
        return self._new

    @property
    def empty(self) -> Content:
        """Shown while there are no lines."""
        return self._empty

    @empty.setter
    def empty(self, empty: Content) -> None:
        self._empty = empty
        self.redraw_soon()

    def watch_following(self, following: bool) -> None:
        """Go to the end, or begin to count."""
        self._new = 0
        self._to_end()
        self.post_message(self.FollowingChanged(self, following=following))
        self.redraw_soon()

    def extend(self, lines: Sequence[Any]) -> None:
        """Add lines, each one row; the oldest beyond `max_lines` go. Draws nothing that is not visible.

        With a `draw` function they may be anything: it is called for the visible ones only.
        """
        if not lines:
            return
        dropped = max(0, len(self._kept) + len(lines) - (self._kept.maxlen or 0))
        self._kept.extend(lines)
        if not self.following:
            self._new += len(lines)
            self._set_top(self._top - dropped)
        self._to_end()
        self.redraw_soon()

    def clear(self) -> None:
        """Forget all lines and follow."""
        self._kept.clear()
        self._top = 0
        self.follow()
        self.redraw_soon()

    def follow(self) -> None:
        """Go to the newest line and stay with it."""
        self.following = True

    def reader_scrolled(self) -> None:
        """Leaving the end stops following; coming back resumes it."""
        self.following = self._top >= self.max_top

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """The visible lines, and the marker while the reader looks elsewhere."""
        self._to_end()
        base = self.ink.base()
        last = min(self.line_count, self._top + height)
        drawn = [self._draw_line(index, width) for index in range(self._top, last)]
        if not self.line_count:
            style, blank = self.ink.base("tail--empty"), self.ink.blank(1, base)
            words = [line for part in self._empty.split("\n") for line in part.wrap(max(1, width - 1))][:height]
            drawn = [self.line(self.ink.text(line, width - 1, style), blank) for line in words]
        drawn += [self.line(self.ink.blank(width, base))] * (height - len(drawn))
        if self._new:
            drawn[-1] = self._marked(drawn[-1], width)
        return drawn

    def _draw_line(self, index: int, width: int) -> Strip:
        base = self.ink.base()
        return self.line(self.ink.text(self._line_at(index), width - 1, base), self.thumb(index - self._top, base))

    def _line_at(self, index: int) -> Content:
        item = self._kept[index]
        return item if self._draw_item is None else self._draw_item(item)

    def _marked(self, line: Strip, width: int) -> Strip:
        count = f"{self._new}" if self._new <= MOST_NEW else f"{MOST_NEW}+"
        marker = Content(f" +{count} new ↓ ")
        room = min(width, marker.cell_length)
        drawn = Strip(self.ink.text(marker, room, self.ink.base("tail--new")), room)
        return Strip.join([line.crop(0, width - room), drawn])

    def _to_end(self) -> None:
        self._set_top(self.max_top if self.following else self._top)

    def action_scroll(self, lines: int) -> None:
        """Scroll by some lines."""
        self._scrolled_by_reader(self._top + lines)

    def action_page(self, pages: int) -> None:
        """Scroll by some windows."""
        self._scrolled_by_reader(self._top + pages * max(1, self.page - 1))

    def action_first(self) -> None:
        """Scroll to the oldest line kept."""
        self._scrolled_by_reader(0)

    def action_follow(self) -> None:
        """Go to the newest line and follow."""
        self.follow()
