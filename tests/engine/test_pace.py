"""The interval: changed, skipped and stopped by a person, on a clock that the test turns."""

from __future__ import annotations

import asyncio

import pytest

from tui.engine.pace import INTERVALS, Pace


class ManualClock:
    """Time that stands still until it is turned on."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def sleeping(self) -> list[float]:
        """For how long (seconds from now) everyone who sleeps will go on sleeping."""
        return sorted(until - self._now for until, future in self._sleepers if not future.done())

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return 1_700_000_000 + self._now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, future))
        await future

    async def turn(self, seconds: float) -> None:
        self._now += seconds
        for until, future in self._sleepers:
            if until <= self._now and not future.done():
                future.set_result(None)
        await turns()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_rest_lasts_as_long_as_asked(clock: ManualClock) -> None:
    rest = asyncio.create_task(Pace(1.0, clock).rest(0.5))
    await turns()
    await clock.turn(0.4)
    assert not rest.done()
    await clock.turn(0.1)
    assert rest.done()


async def test_a_nudge_ends_every_rest_at_once_and_only_the_present_ones(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    rests = [asyncio.create_task(pace.rest(60)) for _ in range(3)]
    await turns()
    pace.nudge()
    later = asyncio.create_task(pace.rest(60))
    await turns()
    assert all(rest.done() for rest in rests)
    assert not later.done()
    later.cancel()


async def test_a_nudge_between_the_call_and_the_start_of_the_rest_counts(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    rest = asyncio.ensure_future(pace.rest(60))
    await asyncio.sleep(0)  # it has begun, its waits have not
    pace.nudge()
    await turns()
    assert rest.done()


async def test_whichever_other_thing_happens_first_ends_the_rest(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    first, second = asyncio.Event(), asyncio.Event()
    rest = asyncio.create_task(pace.rest(60, first.wait(), second.wait()))
    await turns()
    assert not rest.done()
    second.set()
    await turns()
    assert rest.done()


async def test_nothing_is_left_of_a_rest_that_is_over_or_cancelled(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    over, cancelled = (asyncio.create_task(pace.rest(60, asyncio.Event().wait())) for _ in range(2))
    await turns()
    cancelled.cancel()
    await turns()
    pace.nudge()
    await turns()
    assert over.done()
    assert cancelled.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert clock.sleeping == []


async def test_pausing_and_going_on_nudges(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    for paused in (True, False):
        rest = asyncio.create_task(pace.rest(60))
        await turns()
        pace.paused = paused
        await turns()
        assert rest.done()


async def test_resumed_waits_for_the_end_of_the_pause(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    await asyncio.wait_for(pace.resumed(), 1)
    pace.paused = True
    resumed = asyncio.create_task(pace.resumed())
    await turns()
    pace.nudge()
    pace.slower()
    await turns()
    assert not resumed.done(), "a nudge is no end of a pause"
    pace.paused = False
    await turns()
    assert resumed.done()


async def test_a_new_interval_holds_at_once(clock: ManualClock) -> None:
    pace = Pace(60.0, clock)
    rest = asyncio.create_task(pace.rest(pace.interval))
    await turns()
    pace.faster()
    await turns()
    assert rest.done()
    assert pace.interval == 30.0


def test_faster_and_slower_walk_the_steps_and_stop_at_the_ends(clock: ManualClock) -> None:
    pace = Pace(1.0, clock)
    down = []
    for _ in range(len(INTERVALS) + 2):
        pace.faster()
        down.append(pace.interval)
    assert down == [0.5, 0.25, *[0.1] * (len(down) - 2)]
    up = []
    for _ in range(len(INTERVALS) + 2):
        pace.slower()
        up.append(pace.interval)
    assert up == [*INTERVALS[1:], *[60.0] * (len(up) - len(INTERVALS) + 1)]


@pytest.mark.parametrize(("given", "faster", "slower"), [(0.7, 0.5, 1.0), (3, 2.0, 5.0), (59, 30.0, 60.0)])
def test_an_interval_between_the_steps_goes_to_the_next_one(
    clock: ManualClock, given: float, faster: float, slower: float
) -> None:
    for step, expected in ((Pace.faster, faster), (Pace.slower, slower)):
        pace = Pace(given, clock)
        step(pace)
        assert pace.interval == expected


@pytest.mark.parametrize(("given", "kept"), [(0.0, 0.1), (-5, 0.1), (0.3, 0.3), (1e9, 60.0)])
def test_an_interval_is_kept_within_the_bounds(clock: ManualClock, given: float, kept: float) -> None:
    pace = Pace(1.0, clock)
    pace.interval = given
    assert pace.interval == kept
