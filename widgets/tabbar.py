"""A line of names, one of them current."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from widgets.painted import Painted


class TabBar(Painted):
    """Names side by side; a click on one asks for it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabbar--current", "tabbar--other"}
    DEFAULT_CSS = """
    TabBar {
        height: 1;
        & > .tabbar--current { color: $primary; text-style: bold reverse; }
        & > .tabbar--other { color: $foreground 70%; }
    }
    """

    class Picked(Message):
        """A name was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: Sequence[str] = ()) -> None:
        super().__init__()
        self._names = tuple(names)
        self._current = 0

    def show(self, names: Sequence[str], current: int) -> None:
        """Show these names (literals, never text from a server)."""
        self._names, self._current = tuple(names), current
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Find the name under the mouse."""
        left = 1
        for index, name in enumerate(self._names):
            right = left + len(name) + 2
            if left <= event.x < right:
                self.post_message(self.Picked(index))
            left = right + 1

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """One line."""
        base = self.ink.base()
        pieces = [self.ink.blank(1, base)]
        left = 1
        for index, name in enumerate(self._names):
            style = self.ink.base("tabbar--current" if index == self._current else "tabbar--other")
            pieces += [self.ink.text(Content(f" {name} "), len(name) + 2, style), self.ink.blank(1, base)]
            left += len(name) + 3
        line = self.line(*pieces, self.ink.blank(max(0, width - left), base))
        return [line.adjust_cell_length(width, base.rich_style)]
