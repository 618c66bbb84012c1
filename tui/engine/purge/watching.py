"""Long work with a look at it now and then, as an async iterator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tui.engine.clock import Clock

SHOWN_EVERY = 0.1
"""Seconds between two looks."""

P = TypeVar("P")
R = TypeVar("R")


async def watched(work: Coroutine[Any, Any, R], look: Callable[[], P], clock: Clock) -> AsyncGenerator[P | R, None]:
    """Yield what `look` sees while the work goes on, then its result. Closing the iterator cancels the work."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            pause = asyncio.ensure_future(clock.sleep(SHOWN_EVERY))
            await asyncio.wait({task, pause}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            if not task.done():
                yield look()
        yield task.result()
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things at the same time; when one of them fails the others are given up."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
