"""A stage for one widget: a real application of a given size that notes which cells it repaints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class StageApp(App[None]):
    """Shows one widget over the whole screen."""

    CSS = """
    Screen { overflow: hidden; }
    Screen > Widget { width: 100%; height: 100%; }
    """

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.painted: list[tuple[int, int, int]] = []
        self.updates: list[ChopsUpdate] = []
        self.full = 0
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.widget

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, ChopsUpdate):
            self.updates.append(renderable)
            self.painted += renderable.spans
        elif renderable is not None:
            self.full += 1
        super()._display(screen, renderable)


class Stage:
    """What a test needs of a running widget."""

    def __init__(self, app: StageApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def lines(self) -> list[str]:
        """The text on screen, without trailing blanks."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    async def settle(self) -> None:
        """Wait until everything asked for is painted."""
        for _ in range(3):
            await self.pilot.pause()

    async def cells(self, change: Callable[[], object]) -> list[tuple[int, int, int]]:
        """Repainted cells (line, first column, column after the last) after a change."""
        await self.settle()
        self.app.painted.clear()
        full = self.app.full
        change()
        await self.settle()
        assert self.app.full == full, "the whole screen was repainted"
        return sorted(self.app.painted)

    def colour_of(self, text: str) -> str:
        """Foreground of the first segment that contains this text."""
        for strip in self.app.screen._compositor.render_strips():
            for segment in strip:
                if text in segment.text:
                    assert segment.style is not None
                    assert segment.style.color is not None
                    return segment.style.color.name
        raise AssertionError(f"{text!r} is not on screen")

    def told(self, kind: type[Message]) -> list[Message]:
        """Messages of this kind so far; the hook sees one at every widget it bubbles through."""
        found = {id(message): message for message in self.app.told if isinstance(message, kind)}
        return list(found.values())


OnStage = Callable[..., AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def _on_stage(widget: Widget, width: int, height: int) -> AsyncIterator[Stage]:
    app = StageApp(widget)
    async with app.run_test(size=(width, height), message_hook=app.told.append) as pilot:
        stage = Stage(app, pilot)
        await stage.settle()
        yield stage


@pytest.fixture
def on_stage() -> OnStage:
    """`async with on_stage(widget, width, height) as stage: ...`."""
    return _on_stage
