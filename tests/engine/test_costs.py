"""redtop's share of the server's time is the share that the operating system sees."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import psutil
import pytest

from tests.conftest import Open, Until
from tests.servers import Server
from tui.engine.costs import CostMeter
from tui.engine.footprint import Cost, Footprint
from tui.engine.info import Info
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse


class Processor:
    """The CPU share of a server process between two looks, as the operating system counts it."""

    def __init__(self, server: Server) -> None:
        self._process = psutil.Process(server.stats("server")["process_id"])
        self._at, self._used = time.monotonic(), self._seconds()

    def share(self) -> float:
        return (self._seconds() - self._used) / (time.monotonic() - self._at)

    def _seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


async def test_the_share_measured_while_surveying_alone_is_the_servers_cpu_share(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.vitals.COST_EVERY", 0.4)
    server.ask_all([("SET", f"key:{n}", "x" * 50) for n in range(30_000)])
    session = open_session(server, interval=0.1, scan_share=1.0)
    pulse = session.of(Pulse)

    def cost() -> object:
        return pulse.feed.latest and pulse.feed.latest.cost

    async def next_cost() -> float:
        last = cost()
        await until(lambda: cost() is not last)
        assert pulse.feed.latest is not None
        return pulse.feed.latest.cost.server_share or 0.0

    with session.of(Survey).feed.hold():
        await next_cost()
        await next_cost()
        processor = Processor(server)
        shares = [await next_cost() for _ in range(4)]
        true = processor.share()
    measured = sum(shares) / len(shares)
    assert true > 0.05, "the server must have had something to do"
    assert true / 2 < measured < true * 2, (true, shares)


async def test_others_work_is_not_booked_on_redtop(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.vitals.COST_EVERY", 0.3)
    server.ask("RPUSH", "list", *range(5_000))
    session = open_session(server, interval=0.1)
    pulse = session.of(Pulse)
    await until(lambda: pulse.feed.latest)
    processor = Processor(server)
    costs: list[Cost] = []

    def is_new() -> bool:
        cost = pulse.feed.latest.cost if pulse.feed.latest else None
        if cost is not None and cost.server_share is not None and (not costs or cost is not costs[-1]):
            costs.append(cost)
        return len(costs) >= 4

    async def work() -> None:
        while True:
            await asyncio.to_thread(server.ask_all, [("SORT", "list", "LIMIT", 0, 1)] * 20)

    working = asyncio.create_task(work())
    await until(is_new)
    true = processor.share()
    working.cancel()
    shares = [cost.server_share or 0.0 for cost in costs]
    assert true > 0.1, "the others must have been busy"
    assert max(shares[1:]) < 0.1 * true, (true, shares)


def told(calls: int, usec: int, loop: int | None, cpu: float, **more: int) -> list[Info]:
    general = f"used_cpu_user_main_thread:{cpu}\r\nused_cpu_sys_main_thread:0\r\n"
    if loop is not None:
        general += f"eventloop_duration_sum:{loop}\r\n"
    stats = f"cmdstat_type:calls={calls},usec={usec}\r\ncmdstat_get:calls={calls},usec={usec}\r\n"
    debug = "".join(f"eventloop_duration_{name}_sum:{value}\r\n" for name, value in more.items())
    return [Info(text.encode()) for text in (general, stats, debug)]


def measured(*rounds: tuple[list[Info], int]) -> CostMeter:
    meter = CostMeter()
    for at, (infos, own) in enumerate(rounds):
        meter.measure(float(at), [infos], [Footprint(commands=own, calls=Counter(type=own))])
    return meter


def test_one_measurement_is_no_share_yet() -> None:
    assert measured((told(0, 0, 0, 0), 0)).latest.server_share is None
    assert CostMeter().latest.server_share is None


def test_execution_is_booked_by_command_and_the_rest_by_number() -> None:
    # Of 400 ms 200 ms were execution, half of it TYPE, all of those redtop's; it sent half of all commands.
    before, after = told(0, 0, 0, 0), told(1000, 100_000, 400_000, 0.4)
    assert measured((before, 0), (after, 1000)).latest.server_share == pytest.approx(0.1 + 0.1)
    # Somebody else asked half of the TYPEs.
    assert measured((before, 0), (after, 500)).latest.server_share == pytest.approx(0.05 + 0.05)
    assert measured((before, 0), (after, 500)).latest.commands_per_s == 500


def test_housekeeping_is_not_redtops() -> None:
    before, after = told(0, 0, 0, 0, cron=0, aof=0), told(1000, 100_000, 400_000, 0.4, cron=150_000, aof=50_000)
    assert measured((before, 0), (after, 1000)).latest.server_share == pytest.approx(0.1)


def test_time_without_a_core_is_not_the_servers() -> None:
    before, after = told(0, 0, 0, 0), told(1000, 100_000, 400_000, 0.2)
    assert measured((before, 0), (after, 1000)).latest.server_share == pytest.approx(0.1)


def test_without_the_loops_time_the_main_threads_cpu_stands_in() -> None:
    before, after = told(0, 0, None, 0), told(1000, 100_000, None, 0.4)
    assert measured((before, 0), (after, 1000)).latest.server_share == pytest.approx(0.2)


def test_counters_that_went_back_make_the_share_unknown_not_wrong() -> None:
    before, after = told(1000, 100_000, 400_000, 0.4), told(10, 1_000, 500_000, 0.5)
    assert measured((before, 0), (after, 10)).latest.server_share is None


@pytest.mark.parametrize("infos", [[], [Info(b"")], [Info(b""), Info(b"")], [Info(b""), Info(b""), Info(b"")]])
def test_a_server_that_tells_nothing_costs_no_more_than_nothing(infos: list[Info]) -> None:
    assert measured((infos, 0), (infos, 100)).latest.server_share in {None, 0.0}
