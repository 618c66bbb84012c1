"""The workload against real servers, in virtual time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tui.demo import HOST, SYSTEMS, Demo, memory_limit
from tui.demo.fill import FROZEN_NOW
from tui.demo.process import DemoWorkload
from tui.demo.server import DemoServer
from tui.demo.wire import Wire
from tui.demo.workload import Workload, count_keys, serve

Info = Callable[[Wire], dict[str, str]]
Until = Callable[[Callable[[], Any]], None]


class Life:
    """A workload whose time passes when the test says so."""

    def __init__(self, port: int, keys: int = 2000) -> None:
        self.workload = Workload(port, SYSTEMS, seed=1)
        self.now = FROZEN_NOW
        self.workload.connect()
        self.filled = self.workload.fill(keys, self.now)

    def pass_by(self, seconds: float, step: float = 0.125) -> list[Any]:
        errors: list[Any] = []
        for _ in range(round(seconds / step)):
            self.now += step
            errors += self.workload.tick(self.now, step)
        return errors


@pytest.fixture
def life(server: DemoServer) -> Iterator[Life]:
    living = Life(server.port)
    yield living
    living.workload.close()


def test_half_a_minute_of_life_has_no_error_and_moves_everything(life: Life, wire: Wire, info: Info) -> None:
    before = info(wire)
    assert life.pass_by(30) == []
    after = info(wire)
    commands = int(after["total_commands_processed"]) - int(before["total_commands_processed"])
    assert 1000 < commands / 30 < 3000
    assert int(after["pubsub_channels"]) >= 10
    assert int(after["connected_clients"]) >= 7


def test_the_hit_rate_of_the_server_moves_and_dips(life: Life, wire: Wire, info: Info) -> None:
    rates = []
    before = info(wire)
    for _ in range(20):
        assert life.pass_by(10, step=0.5) == []
        after = info(wire)
        hits, misses = (int(after[name]) - int(before[name]) for name in ("keyspace_hits", "keyspace_misses"))
        rates.append(hits / (hits + misses))
        before = after
    assert max(rates) > 0.92
    assert min(rates) < 0.70
    assert sorted(rates)[3] > 0.5


def test_one_group_lags_and_recovers_on_the_server(life: Life, wire: Wire) -> None:
    def unread() -> int:
        groups = wire.ask([("XINFO", "GROUPS", "stream:requests")])[0]
        read = {group[1]: group[group.index(b"last-delivered-id") + 1] for group in groups}
        return len(wire.ask([("XRANGE", "stream:requests", b"(" + read[b"mail"], "+")])[0])

    behind = []
    for _ in range(8):
        life.pass_by(20, step=0.5)
        behind.append(unread())
    assert max(behind[:5]) > 1500
    assert min(behind[5:]) < 400


def test_leaks_grow_slowly(life: Life, wire: Wire) -> None:
    def leaks() -> int:
        names = wire.ask([("KEYS", "lock:flow:*")])[0] + wire.ask([("KEYS", "ai:response:*")])[0]
        return wire.ask([("TTL", name) for name in names]).count(-1)

    before = leaks()
    assert before > 5
    life.pass_by(60, step=0.5)
    assert before < leaks() < before + 60


def test_streams_and_indexes_stay_bounded(life: Life, wire: Wire) -> None:
    life.pass_by(120, step=1.0)
    lengths = wire.ask([("XLEN", "stream:requests"), ("ZCARD", "idx:req:status:200"), ("LLEN", "celery:queue:default")])
    assert lengths[0] <= 10_200
    assert lengths[1] <= 400
    assert lengths[2] <= 61


def test_a_full_memory_evicts_and_breaks_nothing(info: Info) -> None:
    with DemoServer(maxmemory=25 << 20) as server, Wire(HOST, server.port) as wire:
        living = Life(server.port, keys=20_000)
        assert living.pass_by(150, step=1.0) == []
        assert int(info(wire)["evicted_keys"]) > 0
        living.workload.close()


def test_a_purged_stream_comes_back_with_its_groups(life: Life, wire: Wire) -> None:
    wire.ask([("UNLINK", "stream:requests", "events:workflow")])
    assert life.pass_by(2)
    assert life.pass_by(5) == []
    assert {group[1] for group in wire.ask([("XINFO", "GROUPS", "stream:requests")])[0]} == {b"mail", b"metrics"}


def test_a_flushed_server_breaks_nothing_for_long(life: Life, wire: Wire) -> None:
    wire.ask([("FLUSHALL",)])
    life.pass_by(3)
    assert life.pass_by(10) == []
    assert wire.ask([("DBSIZE",)])[0] > 50


def test_killed_connections_are_opened_again_over_the_same_data(server: DemoServer, wire: Wire) -> None:
    workload = Workload(server.port, ("faultmaven", "migration-platform"), seed=1)
    filled: list[int] = []
    steps = 0

    def clock() -> float:
        return FROZEN_NOW + steps * 0.125

    def wait(_: float) -> bool:
        nonlocal steps
        steps += 1
        filled.append(count_keys(wire))
        if steps == 20:
            wire.ask([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
        return steps == 60

    serve(workload, 2000, clock, wait)
    workload.close()
    assert steps == 60
    assert filled[-1] > filled[0] * 0.8


def test_a_new_workload_goes_on_over_the_data_of_the_last(life: Life, server: DemoServer) -> None:
    life.workload.close()
    second = Life(server.port)
    assert second.filled <= life.filled + 5
    second.pass_by(3)
    assert second.pass_by(5) == []
    second.workload.close()


def test_a_server_that_stays_away_ends_the_workload() -> None:
    with DemoServer() as server:
        port = server.port
    seconds = 0.0

    def wait(pause: float) -> bool:
        nonlocal seconds
        seconds += max(pause, 0.1)
        return False

    serve(Workload(port, SYSTEMS, 1), 1000, lambda: seconds, wait)
    assert 30 < seconds < 120


def test_a_server_that_comes_back_empty_is_filled_again() -> None:
    with DemoServer() as server:
        port = server.port
    with DemoWorkload(port, systems=("faultmaven",), keys=1000, seed=1) as workload:
        for _ in range(2):
            with DemoServer(port=port), Wire(HOST, port) as wire:
                assert workload.wait_filled(10) > 700
                assert wire.ask([("DBSIZE",)])[0] > 700
        assert workload.is_running


def test_the_demo_fills_in_the_background_and_lives(until: Until, info: Info) -> None:
    with Demo(keys=3000) as demo, Wire(HOST, demo.port) as wire:
        assert demo.wait_filled() > 2500
        names = {line.split("name=")[1].split()[0] for line in wire.ask([("CLIENT", "LIST")])[0].decode().splitlines()}
        assert {*SYSTEMS, "listener"} <= names
        start = int(info(wire)["total_commands_processed"])
        until(lambda: int(info(wire)["total_commands_processed"]) > start + 1000)


def test_a_stopped_server_is_waited_for(until: Until, info: Info) -> None:
    with Demo(("faultmaven",), keys=1000) as demo, Wire(HOST, demo.port) as wire:
        demo.wait_filled()
        server = int(info(wire)["process_id"])
        os.kill(server, signal.SIGSTOP)
        os.kill(server, signal.SIGCONT)
        start = int(info(wire)["total_commands_processed"])
        until(lambda: int(info(wire)["total_commands_processed"]) > start + 100)


def test_maxmemory_grows_with_the_prefill() -> None:
    assert memory_limit(1000) == memory_limit(20_000) == 40 << 20
    assert memory_limit(1_000_000) > 700 << 20
