"""Trying again beside an attempt that gets no answer: the way may be free by now, and the first would never know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tui.engine.failure import WAITS_FOR_A_PERSON, Failure, Unavailable

T = TypeVar("T")


async def first_of(
    attempt: Callable[[], Coroutine[Any, Any, T]],
    *,
    most: int,
    every: float,
    slow: Callable[[], None],
    unwanted: Callable[[T], None],
) -> T:
    """Make attempts, one more each `every` seconds and at most `most` at a time, until the first of them ends.

    `slow` is called whenever that time has passed without an end, `unwanted` with what the others reached as well.

    Raises:
        Unavailable: the first that ended has failed.
    """
    pending: set[asyncio.Task[T]] = set()

    def leave(task: asyncio.Task[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            unwanted(task.result())

    try:
        while True:
            if len(pending) < most:
                pending.add(asyncio.create_task(attempt(), name="attempt"))
            await asyncio.wait(pending, timeout=every, return_when=asyncio.FIRST_COMPLETED)
            ended = next((task for task in pending if task.done()), None)
            if ended is not None:
                pending.discard(ended)
                return ended.result()  # at once: a cancellation while it waited for the others would lose it
            slow()
    except asyncio.CancelledError:
        await _stop(pending)
        raise
    finally:
        for task in pending:
            task.add_done_callback(leave)
            task.cancel()


async def _stop(tasks: set[asyncio.Task[T]]) -> None:
    """See them end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


class Beside:
    """Attempts beside something that may still come good by itself."""

    def __init__(self, attempt: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._attempt = attempt
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Make an attempt, unless one was made already."""
        if self._task is None:
            self._task = asyncio.create_task(self._attempt(), name="attempts beside")

    async def stop(self) -> None:
        """Give it up, and see it end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    @property
    def refusal(self) -> Failure | None:
        """Why there must not be another attempt before a person has done something; None when there may be."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        error = self._task.exception()
        if error is None or not isinstance(error, Unavailable):
            self._task.result()
            return None
        return error.failure if error.failure.kind in WAITS_FOR_A_PERSON else None
