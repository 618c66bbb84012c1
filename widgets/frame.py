"""Titles in a border that may change every second."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

CORNERS = 4
"""Cells of a border line beside its label: two corners and a blank on either side."""


class Framed(Widget):
    """A widget whose border titles can change without repainting what is inside.

    Textual repaints a widget with all its children when `border_title` or `border_subtitle` is set, even to the same
    text; a pane whose title says `14 % seen` would be sent whole every second.
    """

    _edge: Region | None = None
    """While a title is being set: the part of the border to repaint."""

    def show_title(self, title: Content) -> None:
        """Show this in the upper border; costs nothing when it is there already."""
        self._show("border_title", title, 0)

    def show_subtitle(self, subtitle: Content) -> None:
        """Show this in the lower border; costs nothing when it is there already."""
        self._show("border_subtitle", subtitle, self.outer_size.height - 1)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Framed:
        """Textual's own, limited to the border while a title is being set."""
        if self._edge is not None and not regions:
            regions = (self._edge,)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self

    def _show(self, name: str, label: Content, y: int) -> None:
        # Textual gives a title back as markup, so what was shown last is kept here.
        shown: dict[str, Content] = self.__dict__.setdefault("_labels", {})
        before = shown.get(name)
        if before is not None and before.is_same(label):
            return
        shown[name] = label
        length = max(label.cell_length, before.cell_length if before else 0) + CORNERS
        self._edge = self._border_part(getattr(self.styles, f"{name}_align"), length, y)
        try:
            setattr(self, name, label)
        finally:
            self._edge = None

    def _border_part(self, align: str, length: int, y: int) -> Region:
        """The cells of one border line that a label of this length touches."""
        width = self.outer_size.width
        length = width if align == "center" else min(length, width)
        x = width - length if align == "right" else 0
        return Region(x, y, length, 1).translate(-self.content_offset)
