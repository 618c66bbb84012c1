"""Waiting until a cursor rests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.worker import WorkType

from tui.engine.clock import Clock

DEBOUNCE = 0.15
"""Seconds a cursor must rest before what it points to is looked at: a held arrow key passes many."""


def after_rest(screen: Screen[Any], clock: Clock, act: Callable[[], None], group: str) -> None:
    """Do something unless the cursor moves on: a later one of the same group comes in its place."""

    async def rest() -> None:
        await clock.sleep(DEBOUNCE)
        act()

    work: WorkType[None] = rest
    screen.run_worker(work, group=group, exclusive=True, description=f"rest of the cursor on a {group}")
