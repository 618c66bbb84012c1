"""Attempts beside each other: the first to end counts, and nothing that others reach is left open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.conftest import Until
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.reach.attempts import first_of

Attempt = Callable[[], Coroutine[Any, Any, str]]


class Door:
    """Attempts that end when the test says so."""

    def __init__(self) -> None:
        self.tried: list[asyncio.Future[str]] = []
        self.reached: list[str] = []
        self.left: list[str] = []
        self.slow = 0

    async def attempt(self) -> str:
        self.tried.append(asyncio.get_running_loop().create_future())
        self.reached.append(await self.tried[-1])
        return self.reached[-1]

    def count(self) -> None:
        self.slow += 1

    def run(self, attempt: Attempt | None = None, most: int = 3) -> asyncio.Task[str]:
        waiting = first_of(attempt or self.attempt, most=most, every=0.01, slow=self.count, unwanted=self.left.append)
        return asyncio.create_task(waiting)


async def test_there_is_one_more_now_and_then_until_there_are_enough(until: Until) -> None:
    door = Door()
    first = door.run(most=2)
    await until(lambda: door.slow > 4)
    assert len(door.tried) == 2
    door.tried[1].set_result("second")
    assert await first == "second"
    await until(lambda: door.tried[0].cancelled())
    assert not door.left


async def test_the_first_that_fails_ends_it(until: Until) -> None:
    door = Door()
    first = door.run()
    await until(lambda: len(door.tried) == 3)
    door.tried[1].set_exception(Unavailable(Failure(Kind.REFUSED, "nothing listens")))
    with pytest.raises(Unavailable, match="nothing listens"):
        await first


async def test_what_others_reach_in_the_same_moment_is_left(until: Until) -> None:
    door = Door()
    first = door.run(most=2)
    await until(lambda: len(door.tried) == 2)
    for future in door.tried:
        future.set_result("reached")
    assert await first == "reached"
    await until(lambda: door.left == ["reached"])


async def test_what_a_cancelled_one_still_reaches_is_left_and_waited_for(until: Until) -> None:
    door = Door()

    async def stubborn() -> str:
        try:
            return await door.attempt()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            return "reached all the same"

    first = door.run(stubborn)
    await until(lambda: len(door.tried) == 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await until(lambda: len(door.left) == len(door.tried))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancellation_in_the_moment_of_success_loses_nothing(until: Until) -> None:
    for turns in range(8):
        door = Door()
        first = door.run(most=2)
        await until(lambda: len(door.tried) == 2)  # noqa: B023 - polled before the next turn
        door.tried[0].set_result("reached")
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        await until(lambda: door.left == (door.reached if first.cancelled() else []))  # noqa: B023
