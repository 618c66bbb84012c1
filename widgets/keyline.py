"""The line of keys at the bottom; where it is short of room, the keys that everybody finds anyway give way."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyLine(Footer):
    """Textual's footer, which else cuts off its end: the help, and the way out."""

    SPARE: ClassVar[tuple[str, ...]] = ("tab", "p", "ctrl+p", "g", "c", "t", "z", "slash", "d", "s")
    """Keys that are left out of a short line, these first; the help has them all."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)
        self._keys: list[FooterKey] = []

    def on_resize(self, event: events.Resize) -> None:
        """See what there is room for."""
        self._fit(event.size.width)

    def compose(self) -> ComposeResult:
        """Remember the keys, and show as many as there is room for."""
        # Textual has each key watch whether the line is compact, and keeps those of all times: 0.3 MB a page turned.
        getattr(self, "__watchers", {}).pop("compact", None)
        self._keys = []
        for part in super().compose():
            if isinstance(part, FooterKey):
                self._keys.append(part)
            yield part
        self._fit(self.size.width)

    def _fit(self, width: int) -> None:
        left = width - sum(map(_width, self._keys))
        spare = [key for name in self.SPARE for key in self._keys if key.key == name]
        for key in self._keys:
            key.display = True
        for key in spare:
            if left >= -1:  # behind the last one there need not be a blank
                break
            key.display = False
            left += _width(key)


def _width(key: FooterKey) -> int:
    """Cells of a key with its name and the blank behind it."""
    return cell_len(f"{key.key_display} {key.description} ")
