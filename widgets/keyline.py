"""The line of keys at the bottom; where it is short of room, the keys that everybody finds anyway give way."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

ROOMY = 112
"""Columns from which on all keys find room."""


class KeyLine(Footer):
    """Textual's footer, which else cuts off its end: the help, and the way out."""

    SPARE: ClassVar[frozenset[str]] = frozenset({"tab", "p", "ctrl+p", "g", "c", "t"})
    """Keys that are left out of a short line; the help has them all."""
    DEFAULT_CSS = """
    KeyLine.-short FooterKey.-spare {
        display: none;
    }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    def on_resize(self, event: events.Resize) -> None:
        """See whether there is room."""
        self.set_class(event.size.width < ROOMY, "-short")

    def compose(self) -> ComposeResult:
        """Mark the keys that can be spared."""
        for part in super().compose():
            if isinstance(part, FooterKey) and part.key in self.SPARE:
                part.add_class("-spare")
            yield part
