"""The whole application under Textual's Pilot, looking at a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from rich.style import Style
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen

from tests.servers import HOST
from tui.app import RedtopApp
from tui.engine.address import Address
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.screens.base import PaneScreen
from tui.screens.confirm import ConfirmScreen
from tui.settings import Settings

P = TypeVar("P", bound=Pane[Any])

QUICK = Settings(interval=0.1, scan_share=0.9)
"""Refreshes as fast as a person can choose. At full share the survey would never rest, and Pilot waits for rest."""


class Looking:
    """What a test needs of the running application."""

    def __init__(self, app: RedtopApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def page(self) -> PaneScreen:
        """The page of panes, also while a dialog covers it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, PaneScreen))

    @property
    def lines(self) -> list[str]:
        """The text of the topmost screen, without trailing blanks."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        """All lines of the topmost screen."""
        return "\n".join(self.lines)

    @property
    def header(self) -> str:
        """The first line."""
        return next(iter(self.lines), "")

    @property
    def shown(self) -> list[str]:
        """Titles of the panes that are displayed."""
        return [pane.TITLE for pane in self.page.panes if pane.display]

    def style_of(self, text: str) -> Style:
        """The style of the first cell of this text, which must be on screen."""
        y, line = next((y, line) for y, line in enumerate(self.lines) if text in line)
        return self.app.screen.get_style_at(line.index(text), y)

    def pane(self, kind: type[P]) -> P:
        """The page's pane of this kind."""
        return self.page.query_one(kind)

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        await self.pilot.press(*keys)

    def tap(self, *keys: str) -> None:
        """Press keys without waiting for rest, which a session that works hard seldom gives; then wait for the effect.

        Keys are named as in bindings.
        """
        assert self.app._driver is not None
        for key in keys:
            event = Key(key, key if len(key) == 1 else None)
            event.set_sender(self.app)
            self.app._driver.send_message(event)

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> float:
        """Poll until the condition holds; returns how long that took (seconds), or fails with what is on screen."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < seconds, f"not within {seconds} s; on screen:\n{self.text}"
            await asyncio.sleep(0.005)
        return time.monotonic() - started

    async def until_shown(self, *texts: str, seconds: float = 20) -> float:
        """Poll until all these texts are on screen."""
        return await self.until(lambda: all(text in self.text for text in texts), seconds)

    async def asked(self, kind: type[Screen[Any]] = ConfirmScreen) -> Any:
        """Wait for a dialog of this kind that listens: a new one is deaf for a moment."""
        await self.until(lambda: isinstance(self.app.screen, kind) and not getattr(self.app.screen, "deaf", False))
        return self.app.screen

    async def decline(self) -> None:
        """Wait until the dialog listens, say no, and wait until it is gone."""
        dialog = await self.asked()
        await self.press("escape")
        await self.until(lambda: self.app.screen is not dialog)


@asynccontextmanager
async def looking(
    port: int,
    size: tuple[int, int] = (120, 40),
    *,
    settings: Settings = QUICK,
    session: Session | None = None,
    **address: Any,
) -> AsyncIterator[Looking]:
    """Run the application on the server at this port; `address` may add password, username or db."""
    app = RedtopApp(replace(settings, address=Address(HOST, port, **address)), session=session)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Looking(app, pilot)
