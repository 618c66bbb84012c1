"""What can be undone: the journals of earlier purges and changes of TTLs of this database, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.engine.purge.journals import Entry, State
from tui.words.purge_words import entry_words
from widgets.table import Column, Row, Table

COLUMNS = (
    Column("when", 9, "left"),
    Column("what", least=16),
    Column("keys", 9, "right", priority=8),
    Column("size", 7, "right", priority=3),
    Column("state", 13, "left", priority=9),
)
UNDOABLE = frozenset({State.COMPLETE, State.INTERRUPTED, State.PARTLY_UNDONE})

Choice = tuple[Literal["undo", "finish"], Entry]


class JournalsScreen(ModalScreen[Choice | None]):
    """Returns what is to be done with which journal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", id="journals.close", tooltip="Change nothing"),
        Binding("F", "finish", "Finish", id="journals.finish", tooltip="Finish what was interrupted"),
    ]

    def __init__(self, entries: Sequence[Entry], now: float, why: str = "") -> None:
        """Show these journals; `why` says why they are shown without having been asked for."""
        super().__init__()
        self._entries = entries
        self._now = now
        self._why = why

    def compose(self) -> ComposeResult:
        """A table, and what to do with it."""
        with Vertical(id="journals") as box:
            box.border_title = Content("Undo")
            box.border_subtitle = Content("enter takes it back · F finishes what was interrupted · escape closes")
            if self._why:
                yield Static(Content.styled(self._why, "$text-warning"))
            empty = Content("nothing to undo here: each purge and each change of TTLs writes a journal that is listed")
            yield Table(COLUMNS, empty=empty)

    def on_mount(self) -> None:
        """List them."""
        table = self.query_one(Table)
        table.show_rows([self._row(number, entry) for number, entry in enumerate(self._entries)])
        table.focus()

    @on(Table.Chosen)
    def _undo(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, int)
        entry = self._entries[event.key]
        if entry.state in UNDOABLE:
            self.dismiss(("undo", entry))
        else:
            self.app.notify(entry.problem or f"this one is {entry.state}", severity="warning")

    def action_finish(self) -> None:
        """Finish what is under the cursor."""
        key = self.query_one(Table).cursor_key
        if isinstance(key, int) and self._entries[key].state is State.INTERRUPTED:
            self.dismiss(("finish", self._entries[key]))

    def _row(self, number: int, entry: Entry) -> Row:
        age, _, what, keys, size, state = entry_words(entry, self._now)
        tone = {State.COMPLETE: "$text-success", State.INTERRUPTED: "$text-warning", State.DAMAGED: "$text-error"}
        cells = (*map(Content, (age, what, keys, size)), Content.styled(state, tone.get(entry.state, "")))
        return Row(number, cells)
