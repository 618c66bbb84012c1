"""The header's line: told at once when it changes, and not otherwise."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import pairwise

import pytest

from tests.conftest import Open, Until
from tests.engine.test_pace import ManualClock, turns
from tests.servers import HOST, Server, free_port
from tui.engine.address import Address
from tui.engine.failure import Failure, Kind
from tui.engine.node import Phase
from tui.engine.session import Options, Session
from tui.engine.status import Status, StatusWatch
from tui.engine.vitals import Pulse


def phase_of(watch: StatusWatch) -> Phase | None:
    return watch.feed.latest.state.worst.phase if watch.feed.latest else None


def has_connected_again(session: Session, before: int) -> bool:
    return session.deployment.nodes[0].connections > before


async def follow(watch: StatusWatch, into: list[Status]) -> None:
    async for status in watch.feed.watch():
        into.append(status)  # noqa: PERF401 - a comprehension would hand them over only at the end


async def test_a_lost_server_and_its_return_are_told_in_time_even_when_the_refresh_is_slow(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server, interval=60)
    watch = session.of(StatusWatch)
    with watch.feed.hold():
        await until(lambda: phase_of(watch) is Phase.LIVE)
        server.kill()
        started = time.monotonic()
        await until(lambda: phase_of(watch) is not Phase.LIVE)
        assert time.monotonic() - started < 1.5
        await until(lambda: watch.feed.latest and watch.feed.latest.failure)
        server.start()
        started = time.monotonic()
        await until(lambda: phase_of(watch) is Phase.LIVE)
        assert time.monotonic() - started < 1.0
        assert watch.feed.latest is not None
        assert watch.feed.latest.stale_for is None


async def test_every_state_of_the_node_is_told_within_a_few_turns_of_the_loop(
    valkey: Server, open_session: Open, until: Until
) -> None:
    session = open_session(valkey, interval=60)
    watch = session.of(StatusWatch)
    late: list[int] = []

    async def compare() -> None:
        behind = 0
        while True:
            told = watch.feed.latest
            behind = 0 if told and told.state.worst == session.deployment.state.worst else behind + 1
            late.append(behind)
            await asyncio.sleep(0)

    with watch.feed.hold():
        await until(lambda: phase_of(watch) is Phase.LIVE)
        comparing = asyncio.create_task(compare())
        for _ in range(5):
            count = session.deployment.nodes[0].connections
            valkey.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await until(partial(has_connected_again, session, count))
            await until(lambda: phase_of(watch) is Phase.LIVE)
        comparing.cancel()
    assert max(late) <= 5


async def test_pausing_and_a_new_interval_are_told_at_once() -> None:
    clock = ManualClock()
    session = Session(Address(HOST, free_port()), Options(interval=1.0), clock)
    watch = session.of(StatusWatch)
    running = asyncio.create_task(watch.run())
    with watch.feed.hold():
        await turns()
        session.pace.paused = True
        await turns(10)
        assert watch.feed.latest is not None
        assert watch.feed.latest.paused
        session.pace.paused = False
        await turns(10)
        session.pace.slower()
        await turns(10)
        assert (watch.feed.latest.paused, watch.feed.latest.interval) == (False, 2.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("moments", range(12))
async def test_news_that_come_at_any_moment_of_its_round_are_told_without_waiting_for_the_next(moments: int) -> None:
    session = Session(Address(HOST, free_port()), Options(interval=1.0), ManualClock())
    watch, node = session.of(StatusWatch), session.deployment.nodes[0]
    running = asyncio.create_task(watch.run())
    with watch.feed.hold():
        await turns(10)
        session.pace.slower()  # begins a round
        await turns(moments)
        node._enter(Phase.CONNECTING, Failure(Kind.REFUSED, "news"))
        await turns(20)
        assert watch.feed.latest is not None
        assert watch.feed.latest.failure == Failure(Kind.REFUSED, "news")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_nothing_is_told_twice(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey, interval=0.05)
    told: list[Status] = []
    following = asyncio.create_task(follow(session.of(StatusWatch), told))
    pulse = session.of(Pulse)
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 20)
    following.cancel()
    assert all(first != second for first, second in pairwise(told))
    assert len(told) < 10, "numbers that refresh are no news for the status"


async def test_the_age_of_stale_numbers_counts_in_whole_seconds() -> None:
    clock = ManualClock()
    session = Session(Address(HOST, free_port()), Options(interval=1.0), clock)
    watch = session.of(StatusWatch)
    running = asyncio.create_task(watch.run())
    ages = []
    with watch.feed.hold():
        await turns()
        for _ in range(4):
            assert watch.feed.latest is not None
            ages.append(watch.feed.latest.stale_for)
            await clock.turn(1.0)
            await turns()
    assert ages == [0, 1, 2, 3]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_refused_login_is_told_with_its_reason(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask("CONFIG", "SET", "requirepass", "right")
    session = open_session(valkey, Address(HOST, valkey.port, password="wrong"))
    watch = session.of(StatusWatch)
    with watch.feed.hold():
        await until(lambda: phase_of(watch) is Phase.REFUSED)
        assert watch.feed.latest is not None
        assert watch.feed.latest.failure is not None
        assert watch.feed.latest.failure.kind is Kind.AUTH
        assert "wrong" not in repr(watch.feed.latest)


async def test_a_permission_that_is_missing_is_told_although_the_connection_is_live(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", "-info")
    session = open_session(server, Address(HOST, server.port, username="few", password="pw"))
    watch = session.of(StatusWatch)
    with watch.feed.hold():
        await until(lambda: phase_of(watch) is Phase.LIVE and watch.feed.latest and watch.feed.latest.failure)
        assert watch.feed.latest is not None
        assert watch.feed.latest.failure is not None
        assert "+info" in watch.feed.latest.failure.sentence


async def test_nobody_watching_means_nothing_is_told(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey)
    watch, pulse = session.of(StatusWatch), session.of(Pulse)
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 5)
    assert watch.feed.latest is None
