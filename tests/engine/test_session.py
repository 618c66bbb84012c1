"""A session starts what is asked for once, stops without a trace, and never hides a programming error."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.conftest import Open, Until
from tests.engine.test_pace import ManualClock, turns
from tests.servers import HOST, Server, free_port
from tui.engine.address import Address
from tui.engine.expiry.expiring import Expiries
from tui.engine.feed import Feed
from tui.engine.session import Collector, Options, Session
from tui.engine.status import StatusWatch
from tui.engine.streams.overview import StreamList
from tui.engine.survey import Survey
from tui.engine.tail.glance import Tail
from tui.engine.vitals import Pulse

EVERYTHING: tuple[type[Collector[Any]], ...] = (Pulse, StatusWatch, Survey, StreamList, Tail, Expiries)


class Counting(Collector[int]):
    """Publishes how often it has ticked."""

    started = 0
    source: Feed[object] = Feed()

    async def run(self) -> None:
        type(self).started += 1
        count = 0
        async for _ in self.ticks(self.source):
            count += 1
            self.feed.publish(count)


class Crashing(Collector[int]):
    async def run(self) -> None:
        await self.feed.wanted()
        raise ZeroDivisionError("a programming error")


@pytest.fixture
def nowhere() -> Session:
    return Session(Address(HOST, free_port()), Options(interval=1.0))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Counting.started = 0
    Counting.source = Feed()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_kind_has_one_instance_and_is_started_once(nowhere: Session) -> None:
    before = nowhere.of(Counting)
    running = asyncio.create_task(nowhere.run())
    await turns()
    assert nowhere.of(Counting) is before
    assert nowhere.of(Pulse) is nowhere.of(Pulse)
    await turns()
    assert Counting.started == 1
    await stop(running)


async def test_what_is_asked_for_later_is_started_then(nowhere: Session) -> None:
    running = asyncio.create_task(nowhere.run())
    await turns()
    counting = nowhere.of(Counting)
    await turns()
    assert Counting.started == 1
    assert isinstance(counting, Counting)
    await stop(running)


async def test_two_sessions_share_nothing(nowhere: Session) -> None:
    other = Session(Address(HOST, free_port()))
    assert nowhere.of(Pulse) is not other.of(Pulse)


async def test_what_is_asked_for_after_the_end_is_not_started_and_nothing_breaks(nowhere: Session) -> None:
    running = asyncio.create_task(nowhere.run())
    await turns()
    await stop(running)
    assert isinstance(nowhere.of(Counting), Counting)
    await turns()
    assert Counting.started == 0


async def test_a_crash_in_a_collector_ends_the_session_loudly(nowhere: Session) -> None:
    running = asyncio.create_task(nowhere.run())
    with nowhere.of(Crashing).feed.hold(), pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(5):
            await running
    assert caught.group_contains(ZeroDivisionError, match="a programming error")
    assert asyncio.all_tasks() == {asyncio.current_task()}, "and takes everything else with it"


async def test_stopping_leaves_no_task_and_no_connection(server: Server, open_session: Open, until: Until) -> None:
    files = psutil.Process().num_fds()
    server.ask_all([("XADD", "stream", "*", "f", "v"), ("SET", "mortal", "x", "EX", 100)])
    session = Session(Address(HOST, server.port), Options(interval=0.05, scan_share=1.0))
    running = asyncio.create_task(session.run())
    collectors = [session.of(kind) for kind in EVERYTHING]
    session.of(Tail).choose([b"stream"])
    watching = [asyncio.create_task(_drain(collector.feed)) for collector in collectors]
    await until(lambda: all(collector.feed.latest is not None for collector in collectors))
    for task in (*watching, running):
        await stop(task)
    await turns()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert psutil.Process().num_fds() == files
    await until(lambda: server.stats("clients")["connected_clients"] == 1)


@pytest.mark.parametrize("moments", range(0, 40, 3))
async def test_it_can_be_stopped_at_any_moment(valkey: Server, moments: int) -> None:
    session = Session(Address(HOST, valkey.port, db=1), Options(interval=0.01, scan_share=1.0))
    running = asyncio.create_task(session.run())
    watching = [asyncio.create_task(_drain(session.of(kind).feed)) for kind in EVERYTHING]
    await turns(moments)
    for task in (running, *watching):
        await asyncio.wait_for(stop(task), 5)
    await turns()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def _drain(feed: Feed[object]) -> None:
    async for _ in feed.watch():
        pass


async def test_nobody_watching_means_no_ticks_and_sources_are_held_only_meanwhile() -> None:
    clock = ManualClock()
    session = Session(Address(HOST, free_port()), Options(interval=1.0), clock)
    counting = session.of(Counting)
    running = asyncio.create_task(counting.run())
    await clock.turn(10)
    assert counting.feed.latest is None
    assert not counting.source.watched
    with counting.feed.hold():
        await turns()
        assert counting.feed.latest == 1
        assert counting.source.watched
        await clock.turn(0.9)
        assert counting.feed.latest == 1
        await clock.turn(0.1)
        assert counting.feed.latest == 2
    await clock.turn(1)
    assert counting.feed.latest == 2
    assert not counting.source.watched
    await stop(running)


async def test_a_pause_stops_the_ticks_and_its_end_brings_one_at_once() -> None:
    clock = ManualClock()
    session = Session(Address(HOST, free_port()), Options(interval=1.0), clock)
    counting = session.of(Counting)
    running = asyncio.create_task(counting.run())
    with counting.feed.hold():
        await turns()
        session.pace.paused = True
        await clock.turn(100)
        assert counting.feed.latest == 1
        assert not counting.source.watched, "a paused picture needs no sources"
        session.pace.paused = False
        await turns(10)
        assert counting.feed.latest == 2
    await stop(running)


async def test_the_next_tick_waits_until_the_last_snapshot_has_been_shown() -> None:
    clock = ManualClock()
    session = Session(Address(HOST, free_port()), Options(interval=1.0), clock)
    counting = session.of(Counting)
    running = asyncio.create_task(counting.run())
    drawn = asyncio.Event()

    async def draw_slowly() -> None:
        async for _ in counting.feed.watch():
            await drawn.wait()

    drawing = asyncio.create_task(draw_slowly())
    await turns()
    await clock.turn(5)
    assert counting.feed.latest == 1
    drawn.set()
    await turns()
    assert counting.feed.latest == 1
    assert clock.sleeping == [pytest.approx(0.02)], "it is late already, so it hurries, but not without end"
    await clock.turn(0.02)
    assert counting.feed.latest == 2
    await stop(drawing)
    await stop(running)
