"""What was changed in streams and groups, newest first: enter takes a change back, where there is a way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.engine.streams.acts.history import Change
from tui.words.streamedits import CHANGE_COLUMNS, change_row
from widgets.table import Table


class StreamHistoryScreen(ModalScreen[Change | None]):
    """Returns the change that is to be taken back."""

    DEFAULT_CSS = """
    StreamHistoryScreen #change { height: 3; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", id="streamhistory.close", tooltip="Change nothing"),
    ]

    def __init__(self, changes: Sequence[Change], now: float) -> None:
        super().__init__()
        self._changes = changes
        self._now = now

    def compose(self) -> ComposeResult:
        """A table, and what to do with it."""
        with Vertical(id="journals") as box:
            box.border_title = Content("Undo")
            box.border_subtitle = Content("enter takes it back · escape closes")
            yield Table(CHANGE_COLUMNS, empty=Content("nothing to undo: changes of streams and groups are listed here"))
            yield Static(id="change")

    def on_mount(self) -> None:
        """List them, the cursor on the newest that can be taken back."""
        table = self.query_one(Table)
        table.show_rows([change_row(number, change, self._now) for number, change in enumerate(self._changes)])
        table.focus()
        newest = next((number for number, change in enumerate(self._changes) if not change.why_not), 0)
        self.call_after_refresh(table.move_to, newest)  # a table without a height would scroll there

    @on(Table.Highlighted)
    def _tell(self, event: Table.Highlighted) -> None:
        event.stop()
        assert isinstance(event.key, int)
        act = self._changes[event.key].act
        self.query_one("#change", Static).update(Content(f"{act.sentence[:1].upper()}{act.sentence[1:]}."))

    @on(Table.Chosen)
    def _choose(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, int)
        change = self._changes[event.key]
        if why := change.why_not:
            self.app.notify(change.act.NO_WAY_BACK or why, severity="warning")
        else:
            self.dismiss(change)
