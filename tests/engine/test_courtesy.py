"""A light touch: less while others are served, longer rests when the server is slow, and changed live."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Open, Until
from tests.proxy import Proxy
from tests.servers import HOST, Server
from tui.demo.wire import Command, Wire
from tui.engine.address import Address
from tui.engine.keyspace import Keyspace
from tui.engine.pace import Pace
from tui.engine.session import Session
from tui.engine.share import COURTESY, DEFAULT_SHARE, GLANCE, QUIET, SERVED, SOME, Courtesy, Share
from tui.engine.survey import PAGE, REST_MOST, Survey
from tui.engine.vitals import Pulse
from tui.settings import DEFAULT_SCAN_SHARE

DEFAULT: dict[str, None] = {"scan_share": None}
"""Nobody has said what share to take."""


@pytest.fixture(autouse=True)
def _no_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rests are what is looked at."""
    monkeypatch.setattr("tui.engine.survey.BURST", 0.0)


def fill(server: Server, count: int = 50_000) -> None:
    for start in range(0, count, 10_000):
        server.ask_all([("SET", f"key:{number}", "x") for number in range(start, start + 10_000)])


@contextmanager
def others(server: Server, *commands: Command, rest: float = 0.0) -> Iterator[None]:
    """Another client that sends these commands over and over, with a rest between (seconds)."""
    done = threading.Event()

    def work() -> None:
        with Wire(HOST, server.port) as wire:
            while not done.wait(rest):
                wire.ask(list(commands))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def spent(server: Server) -> float:
    """Seconds the server has spent on the survey's commands."""
    names = {"cmdstat_scan", "cmdstat_type", "cmdstat_pttl", "cmdstat_memory|usage", "cmdstat_memory"}
    lines = server.ask("INFO", "commandstats").decode().splitlines()
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return sum(int(value.split("usec=")[1].split(",")[0]) for name, value in pairs if name in names) / 1e6


async def pages_in(session: Session, seconds: float) -> int:
    """How many pages the survey reads in that time."""
    before = session.deployment.footprint.calls["scan"]
    await asyncio.sleep(seconds)  # the time itself is what is measured
    return session.deployment.footprint.calls["scan"] - before


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


async def test_others_are_served_from_some_commands_on_and_for_a_while_after(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server)
    (node,) = session.deployment.nodes
    await until(lambda: node.identity)
    clock = Hand()
    courtesy = Courtesy(node, clock)

    async def later(seconds: float, commands: int) -> bool:
        clock.time += seconds
        server.ask_all([("GET", "key")] * commands)
        await courtesy.glance()
        return courtesy.holds

    assert await later(0.0, 0), "nobody knows yet"
    assert not await later(1.0, 10), "a person at a prompt"
    assert not await later(1.0, 0)
    assert not await later(GLANCE, SOME), "two commands are two commands"
    assert await later(GLANCE, SOME), "and four are four, in however many glances"
    assert not await later(QUIET, 0), "they have gone"
    assert not await later(GLANCE, 0)
    assert await later(GLANCE, 20), "that is noticed at once"
    assert await later(QUIET - 0.1, 0), "they may come back"
    assert not await later(1.0, 0)
    server.ask("CONFIG", "RESETSTAT")
    assert await later(1.0, 0), "who knows what was counted before"
    assert not await later(1.0, 0)


async def test_without_permission_to_look_others_may_be_served(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 10_000)
    assert server.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-info") == b"OK"
    address = Address(HOST, server.port, username="probe", password="secret")
    survey = open_session(server, address, **DEFAULT).of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest)
        assert (survey.courteous, survey.allowance) == (True, COURTESY)


def test_a_share_that_nobody_gave_is_the_default_until_somebody_does() -> None:
    share = Share(None, Pace(1.0, Hand()))
    assert (share.given, share.most) == (False, DEFAULT_SHARE) == (False, DEFAULT_SCAN_SHARE)
    share.most = 0.2
    assert (share.given, share.most) == (True, 0.2)


async def test_the_default_takes_less_while_others_are_served_and_says_so(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.share.QUIET", 0.2)
    fill(server)
    session = open_session(server, **DEFAULT)
    survey = session.of(Survey)

    def shown() -> tuple[float, bool] | None:
        latest: Keyspace | None = survey.feed.latest
        return None if latest is None else (latest.share, latest.courteous)

    with survey.feed.hold():
        await until(lambda: shown() == (DEFAULT_SHARE, False))
        assert (survey.allowance, survey.courteous) == (DEFAULT_SHARE, False)
        with others(server, ("GET", "key:1"), rest=0.002):
            await until(lambda: shown() == (COURTESY, True))
            before, began, pages = spent(server), session.clock.now(), session.deployment.footprint.calls["scan"]
            await pages_in(session, 1.0)
            await until(lambda: session.deployment.footprint.calls["scan"] > pages)  # it goes on
            assert (spent(server) - before) / (session.clock.now() - began) < 0.01
        await until(lambda: shown() == (DEFAULT_SHARE, False))


async def test_a_share_that_was_given_is_taken_whoever_is_served(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey)
    session = open_session(valkey, scan_share=0.03)
    survey, pulse = session.of(Survey), session.of(Pulse)
    with survey.feed.hold(), others(valkey, ("GET", "key:1"), rest=0.001):
        await until(lambda: pulse.feed.latest and (pulse.feed.latest.now.ops_per_s or 0) > 2 * SERVED)
        await until(lambda: survey.feed.latest)
        assert (survey.allowance, survey.courteous) == (0.03, False)
        survey.share = 0.04
        latest = survey.feed.latest
        assert latest is not None
        assert (latest.share, latest.courteous) == (0.04, False), "what is shown follows at once"
        assert session.share.most == 0.04, "and so does everything else that reads keys"


async def test_a_changed_share_ends_a_long_rest(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.survey.REST_MOST", 60.0)
    fill(valkey)
    session = open_session(valkey, scan_share=1e-6)  # the first rest alone takes minutes
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: session.deployment.footprint.calls["scan"])
        survey.share = 1.0
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)


async def test_a_server_that_is_slow_because_it_is_busy_is_left_alone_for_longer(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    session = open_session(server, scan_share=0.05, interval=5.0)
    with session.of(Survey).feed.hold():
        await until(lambda: session.deployment.footprint.calls["scan"] > 3)
        quiet = await pages_in(session, 1.0)
        with others(server, ("EVAL", "local x = 0; for i = 1, 2000000 do x = x + i end; return x", 0)):
            await pages_in(session, 0.3)
            busy = await pages_in(session, 1.0)
    assert quiet > 5
    assert busy < quiet / 4


async def test_the_way_to_the_server_is_not_taken_for_its_time(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey)
    delay = 0.03
    async with Proxy(valkey.port, delay=delay) as proxy:
        session = open_session(valkey, Address(HOST, proxy.port), scan_share=0.05, interval=5.0)
        with session.of(Survey).feed.hold():
            await until(lambda: session.deployment.footprint.calls["scan"] > 3)
            began = session.clock.now()
            await until(lambda: session.deployment.footprint.calls["scan"] > 12)
    # A page takes its way and a short rest; with its way counted it would rest for 1.1 seconds each time.
    assert session.clock.now() - began < 6
    assert 2 * delay * (1 / 0.05 - 1) < REST_MOST


async def test_pages_are_small_unless_a_share_was_given(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey, 20_000)
    session = open_session(valkey, **DEFAULT)
    with session.of(Survey).feed.hold():
        await until(lambda: session.deployment.footprint.calls["scan"] > 5)
        calls = session.deployment.footprint.calls
        assert calls["type"] / calls["scan"] < 1.3 * PAGE
