"""The base of long lists: shows a window on any number of lines and draws its own one-column scroll mark.

Not Textual's `ScrollView`: there every change of the number of lines lays the screen out again, and the
scrollbar is two columns wide and repainted whole. Here growth costs nothing and the mark is diffed too.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.strip import Strip
from textual.style import Style

from widgets.ink import Segments
from widgets.painted import Painted

WHEEL_LINES = 3
"""Lines per wheel click, as terminals and browsers do."""


def quiet(prefix: str, keys: str, action: str, label: str, tooltip: str) -> Binding:
    """A binding for the help page and the keymap, but not for the footer."""
    return Binding(keys, action, label, show=False, id=f"{prefix}.{label.lower().replace(' ', '')}", tooltip=tooltip)


class Scroller(Painted):
    """A window on `line_count` lines, the first visible one being `top`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"scroller--thumb"}
    DEFAULT_CSS = """
    Scroller > .scroller--thumb {
        color: $foreground 35%;
    }
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._top = 0

    @property
    def line_count(self) -> int:
        """How many lines there are to scroll through."""
        raise NotImplementedError

    @property
    def head_lines(self) -> int:
        """Lines above the window that do not scroll."""
        return 0

    @property
    def page(self) -> int:
        """How many lines the window shows, at least 1."""
        return max(1, self.size.height - self.head_lines)

    @property
    def top(self) -> int:
        """Index of the first visible line."""
        return self._top

    @property
    def max_top(self) -> int:
        """The furthest `top` can go."""
        return max(0, self.line_count - self.page)

    def scroll_to_line(self, top: int) -> None:
        """Make this line the first visible one, as far as there are lines."""
        self._set_top(top)
        self.redraw()

    def reader_scrolled(self) -> None:
        """Called after a person moved the window with wheel or mark; for subclasses."""

    def thumb(self, y: int, base: Style) -> Segments:
        """The scroll mark's cell beside window line `y`: part of a bar when there is more than fits."""
        if self.line_count <= self.page:
            return self.ink.blank(1, base)
        length = max(1, self.page * self.page // self.line_count)
        first = round(self._top / self.max_top * (self.page - length))
        if first <= y < first + length:
            return self.ink.glyph("▐", self.ink.base("scroller--thumb"), base)
        return self.ink.blank(1, base)

    def _set_top(self, top: int) -> None:
        self._top = max(0, min(top, self.max_top))

    def _scrolled_by_reader(self, top: int) -> None:
        before = self._top
        self._set_top(top)
        if self._top != before:
            self.reader_scrolled()
            self.redraw()

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """For subclasses."""
        raise NotImplementedError

    def on_resize(self, event: events.Resize) -> None:
        """Keep the window inside the lines."""
        self._set_top(self._top)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll without moving any cursor; at the end let the parent scroll."""
        if self._top < self.max_top:
            event.stop()
            self._scrolled_by_reader(self._top + WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll without moving any cursor; at the start let the parent scroll."""
        if self._top:
            event.stop()
            self._scrolled_by_reader(self._top - WHEEL_LINES)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Grab the scroll mark."""
        offset = event.get_content_offset(self)
        if offset and offset.x == self.size.width - 1 and self.max_top and offset.y >= self.head_lines:
            event.stop()
            self.capture_mouse()
            self._drag_to(offset.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the scroll mark."""
        if self.app.mouse_captured is self:
            self._drag_to(event.get_content_offset_capture(self).y)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let the scroll mark go."""
        if self.app.mouse_captured is self:
            event.stop()
            self.release_mouse()

    def _drag_to(self, y: int) -> None:
        share = (y - self.head_lines) / max(1, self.page - 1)
        self._scrolled_by_reader(round(share * self.max_top))
