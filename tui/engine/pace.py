"""How often redtop looks: one interval for all, which a person can change, skip or stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from tui.engine.clock import Clock

INTERVALS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Steps (seconds) for faster and slower."""


class Pace:
    """The interval between refreshes."""

    def __init__(self, interval: float, clock: Clock) -> None:
        self._interval = interval
        self._clock = clock
        self._paused = False
        self._nudged = asyncio.Event()

    @property
    def interval(self) -> float:
        """Seconds between refreshes."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._interval = min(max(seconds, INTERVALS[0]), INTERVALS[-1])
        self.nudge()

    @property
    def paused(self) -> bool:
        """Whether the person holds the picture still."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self.nudge()

    def faster(self) -> None:
        """Take the next shorter interval."""
        self.interval = max((step for step in INTERVALS if step < self._interval), default=INTERVALS[0])

    def slower(self) -> None:
        """Take the next longer interval."""
        self.interval = min((step for step in INTERVALS if step > self._interval), default=INTERVALS[-1])

    def nudge(self) -> None:
        """Let everyone who waits look now."""
        self._nudged.set()
        self._nudged = asyncio.Event()

    async def rest(self, seconds: float, *others: Coroutine[Any, Any, object]) -> None:
        """Wait that long, or until nudged, or until one of the others is done."""
        waits = [self._clock.sleep(seconds), self._nudged.wait(), *others]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def resumed(self) -> None:
        """Return at once, or when the pause ends."""
        while self._paused:
            await self._nudged.wait()
