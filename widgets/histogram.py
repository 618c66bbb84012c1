"""Horizontal bars with a label before and a text behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from widgets.painted import Painted
from widgets.roles import Role, role_css
from widgets.spark import bar

MIN_BAR = 4
"""Cells below which a bar tells nothing: then labels and texts stand alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Bar:
    """One row of a histogram."""

    label: Content
    value: float
    """Any unit; bars are relative to the largest of them, or to `top`."""
    text: Content
    """Stands behind the bar, right-aligned: the number, a share."""
    role: Role = "primary"


class Histogram(Painted):
    """Aligned bars over the whole width, one row each."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*role_css("Histogram").classes}
    DEFAULT_CSS = (
        """
    Histogram {
        height: auto;
    }
    """
        + role_css("Histogram").css
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._bars: tuple[Bar, ...] = ()
        self._top: float | None = None

    def show_bars(self, bars: Sequence[Bar], top: float | None = None) -> None:
        """Show these bars; a full one stands for `top`, or for the largest value when not given."""
        grown = len(bars) != len(self._bars)
        self._bars, self._top = tuple(bars), top
        if grown and self.styles.is_auto_height:
            self.refresh(layout=True, repaint=False)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for each bar; part of Textual's layout."""
        return len(self._bars)

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """Label, bar and text, aligned over all rows."""
        base = self.ink.base()
        highest = self._top or max((row.value for row in self._bars), default=0.0)
        label = max((row.label.cell_length for row in self._bars), default=0)
        text = max((row.text.cell_length for row in self._bars), default=0)
        room = width - label - text - 2
        drawn = [self._draw_bar(row, highest, label, room, text, width) for row in self._bars[:height]]
        return [*drawn, *[self.line(self.ink.blank(width, base))] * (height - len(drawn))]

    def _draw_bar(self, row: Bar, highest: float, label: int, room: int, text: int, width: int) -> Strip:
        base = self.ink.base()
        if room < MIN_BAR:
            room = -1
            label = max(0, min(label, width - text - 1))
        gap = self.ink.blank(1, base)
        drawn = Content(bar(row.value / highest if highest > 0 else 0.0, room))
        colour = self.ink.base(f"histogram--{row.role}")
        pieces = (
            self.ink.text(row.label, label, base),
            gap,
            *((self.ink.text(drawn, room, colour), gap) if room > 0 else ()),
            self.ink.text(row.text, min(text, max(0, width - label - 1)), base, "right"),
        )
        strip = self.line(*pieces)
        return strip.adjust_cell_length(width, base.rich_style)
