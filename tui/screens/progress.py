"""Work that takes a while: how far it is, a way to stop it, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.words.units import percent
from widgets.spark import bar

BAR = 56
"""Cells of the bar."""
AROUND = 9
"""Rows of border, blank lines, bar and answers."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How the work stands."""

    lines: Sequence[Content]
    share: float | None
    """Done, 0 to 1; None when there is nothing to measure by."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something that tells how it goes: an async generator that ends with its result."""

    title: str
    source: AsyncIterator[Any]
    stage: Callable[[Any], Stage]
    stop: Callable[[], None] | None = None
    """Ends it soon, with a result; None when it may simply be given up."""
    stays: bool = True
    """Whether the result is looked at before the dialog closes."""
    export: Callable[[Any], str] | None = None
    """Writes the result to a file and says where, in a sentence."""


class ProgressScreen(ModalScreen[Any]):
    """Returns the last thing that the work said, or None when it was given up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="progress.leave", tooltip="Stop, or close when it is done"),
        Binding("e", "export", "Export", id="progress.export", tooltip="Write the receipt to a file"),
        Binding("left,up", "app.focus_previous", show=False, id="progress.back"),
        Binding("right,down", "app.focus_next", show=False, id="progress.next"),
    ]

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work
        self._result: Any = None
        self.done = False
        """Whether the work has ended."""

    def compose(self) -> ComposeResult:
        """What is known above, the bar, and the answers below."""
        with Vertical(id="progress") as box:
            box.border_title = Content(self._work.title)
            with VerticalScroll(can_focus=False):
                yield Static(Content(""), id="stage")
            yield Static(Content(""), id="bar")
            with Horizontal(id="answers"):
                yield Button("Export", id="export", compact=True)
                yield Button("Cancel", id="leave", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#export").display = False
        self.query_one("#leave").focus()
        self.run_worker(self._follow(), group="work", exclusive=True, description=self._work.title)

    def on_resize(self, event: events.Resize) -> None:
        """Leave the answers in sight, however long the text is."""
        self.query_one(VerticalScroll).styles.max_height = max(1, event.size.height - AROUND)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to export when it is done."""
        return action != "export" or (self.done and self._work.export is not None)

    def action_leave(self) -> None:
        """Stop the work, or close the dialog when it is done."""
        if self.done:
            self.dismiss(self._result)
        elif self._work.stop is not None:
            self._work.stop()
            self.query_one("#leave", Button).label = "Stopping…"
        else:
            self.workers.cancel_group(self, "work")
            self.dismiss(None)

    def action_export(self) -> None:
        """Write the result to a file."""
        if self.done and self._work.export is not None:
            self.app.notify(self._work.export(self._result), title="Receipt")

    @on(Button.Pressed, "#leave")
    def _leave(self) -> None:
        self.action_leave()

    @on(Button.Pressed, "#export")
    def _export(self) -> None:
        self.action_export()

    async def _follow(self) -> None:
        async with aclosing(self._work.source) as source:  # type: ignore[type-var]  # every source is a generator
            async for item in source:
                self._result = item
                self._show(self._work.stage(item))
        self.done = True
        if not self._work.stays:
            self.dismiss(self._result)
            return
        self.query_one("#leave", Button).label = "Close"
        self.query_one("#export").display = self._work.export is not None
        self.query_one("#bar").display = False
        self.refresh_bindings()

    def _show(self, stage: Stage) -> None:
        self.query_one("#stage", Static).update(Content("\n").join(stage.lines))
        if stage.share is not None:
            text = Content.assemble((bar(stage.share, BAR), "$primary"), f"  {percent(stage.share, 0)}")
            self.query_one("#bar", Static).update(text)
