"""What a row of the table of failures is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from tests.failures.scene import Scene, Way

Cause = Callable[[Scene], AsyncGenerator[None, None]]


class When(StrEnum):
    """What redtop does when the failure is caused."""

    RUNNING = "running"
    """It shows the dashboard of a live server."""
    START = "at the start"
    """It comes to a server where things are wrong already."""


@dataclass(frozen=True)
class Row:
    """One failure."""

    name: str
    says: Sequence[str]
    """Texts that must be on the screen, all of them."""
    cause: Callable[[Scene], AbstractAsyncContextManager[None]]
    when: Sequence[When]
    way: Way
    stays_live: bool
    """Whether the connection is as good as ever: then nothing may become stale."""
    again: bool
    """Whether it can happen to one session any number of times."""


TABLE: list[Row] = []


def row(
    *says: str,
    when: Sequence[When] = (When.RUNNING,),
    way: Way = Way.DIRECT,
    stays_live: bool = False,
    again: bool = True,
) -> Callable[[Cause], Cause]:
    """Put a failure into the table; its name is that of the function."""

    def enter(cause: Cause) -> Cause:
        name = cause.__name__.strip("_").replace("_", " ")
        TABLE.append(Row(name, says, _always_healed(cause), when, way, stays_live, again))
        return cause

    return enter


def _always_healed(cause: Cause) -> Callable[[Scene], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def whole(scene: Scene) -> AsyncGenerator[None, None]:
        steps = cause(scene)
        await anext(steps)
        try:
            yield
        finally:
            if scene.leaving:
                await steps.aclose()
            else:
                await anext(steps, None)

    return whole


BOTH = (When.RUNNING, When.START)
START = (When.START,)
