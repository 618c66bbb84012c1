"""A list of lines, drawn as given."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip

from widgets.painted import Painted


class Lines(Painted):
    """Shows lines of text, cut at the right edge; as tall as its lines unless styled otherwise."""

    DEFAULT_CSS = """
    Lines {
        height: auto;
    }
    """

    def __init__(
        self,
        lines: Sequence[Content] = (),
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._lines: tuple[Content, ...] = tuple(lines)

    @property
    def lines(self) -> tuple[Content, ...]:
        """What is shown."""
        return self._lines

    def show_lines(self, lines: Sequence[Content]) -> None:
        """Show these lines instead; repaints only the cells that differ."""
        grown = len(lines) != len(self._lines)
        self._lines = tuple(lines)
        if grown and self.styles.is_auto_height:
            self.refresh(layout=True, repaint=False)
        self.redraw()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """The widest line; part of Textual's layout."""
        return max((line.cell_length for line in self._lines), default=0)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for each line; part of Textual's layout."""
        return len(self._lines)

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """Each line in the widget's own style."""
        base = self.ink.base()
        drawn = [self.line(self.ink.text(line, width, base)) for line in self._lines[:height]]
        blank = self.line(self.ink.blank(width, base))
        return [*drawn, *[blank] * (height - len(drawn))]
