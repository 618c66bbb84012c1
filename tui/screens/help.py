"""The help of whatever has the focus, and all keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

WIDE = 116
"""Columns of a terminal from which on the keys stand in two columns."""


class HelpScreen(ModalScreen[None]):
    """A page of text over the dashboard; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "Close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, title: str, text: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Explanation first, keys below."""
        columns = 2 if self.app.size.width >= WIDE else 1
        rows = -(-len(self._keys) // columns)
        with VerticalScroll(classes="-wide" if columns > 1 else "") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("escape closes")
            yield Static(Content(self._text))
            yield Static(Content(""))
            with Horizontal(id="keys"):
                for start in range(0, len(self._keys), rows):
                    column: Content = _listed(self._keys[start : start + rows])
                    yield Static(column)


def _listed(keys: Sequence[tuple[str, str]]) -> Content:
    width = max(len(key) for key, _ in keys)
    return Content("\n").join(Content.assemble((f"{key:>{width}}", "bold $primary"), f"  {what}") for key, what in keys)
