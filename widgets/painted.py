"""The base of every widget here: lines are drawn once, compared, and only what differs is repainted."""

from __future__ import annotations

from typing import ClassVar

from textual.geometry import Size
from textual.strip import Strip

from widgets.diff import changed_regions
from widgets.frame import Framed
from widgets.ink import Ink, Segments


class Painted(Framed):
    """A widget that draws itself as a list of lines in `draw_lines` and repaints differences only.

    New data: call `redraw()` (now) or `redraw_soon()` (once per turn of the event loop, however often asked).
    """

    ALLOW_SELECT: ClassVar[bool] = False
    """A double click means *choose* here, and selecting would redraw every line under the mouse."""

    DEFAULT_CSS = """
    Painted {
        height: 1fr;
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
        self.ink = Ink(self)
        self._drawn: list[Strip] = []
        self._drawn_size = Size(0, 0)
        self._stale = True

    def notify_style_update(self) -> None:
        """Textual changed our styles: nothing remembered may be used again."""
        super().notify_style_update()
        self.ink.forget()
        self.redraw_soon()

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """Draw every visible line, each exactly `width` cells; both sizes are at least 1."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again and repaint the cells that differ from what is on screen."""
        size = self.size
        self._stale = True
        if not self.is_mounted or not size:
            return
        old = self._drawn if self._drawn_size == size else []
        new = self._draw(size)
        if regions := list(changed_regions(old, new)):
            dirty = {region.y for region in regions}
            # Equal lines stay the same object: what Textual remembers about a strip stays valid.
            self._drawn = [strip if y in dirty else old[y] for y, strip in enumerate(new)]
            self.refresh(*regions)
        else:
            self._drawn = old

    def redraw_soon(self) -> None:
        """Draw again before the next repaint; any number of calls until then cost one drawing."""
        already = self._stale
        self._stale = True
        if not already and self.is_running:
            self.call_next(self._redraw_if_stale)

    def render_line(self, y: int) -> Strip:
        """The line as last drawn; part of Textual's line API."""
        if self._drawn_size != self.size:
            # Textual repaints everything after a change of size: no regions to report.
            self._drawn = self._draw(self.size)
        elif self._stale:
            self.redraw()
        if y < len(self._drawn):
            return self._drawn[y]
        return Strip.blank(self.size.width, self.ink.rich())

    def line(self, *pieces: Segments) -> Strip:
        """One line from pieces already of the right width."""
        segments = [segment for piece in pieces for segment in piece]
        return Strip(segments, sum(segment.cell_length for segment in segments)).simplify()

    def _draw(self, size: Size) -> list[Strip]:
        self._drawn_size = size
        self._stale = False
        self.ink.begin()
        return self.draw_lines(size.width, size.height)[: size.height] if size else []

    def _redraw_if_stale(self) -> None:
        if self._stale:
            self.redraw()
