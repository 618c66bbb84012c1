"""The numbers are the application's own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse


class Application:
    """Reads existing and missing keys in turn from a thread of its own, so exactly half of its reads are hits."""

    def __init__(self, server: Server) -> None:
        self._wire = Wire(HOST, server.port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._wire.close()

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self._wire.ask([("GET", "there"), ("GET", "not there")])


async def test_an_application_at_50_percent_reads_50_percent_while_the_survey_runs_at_full_speed(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("SET", f"key:{n}", "x") for n in range(20_000)] + [("SET", "there", "x")])
    session = open_session(server, interval=0.25, scan_share=1.0)
    with Application(server):
        with session.of(Survey).feed.hold():
            pulse = session.of(Pulse)
            await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 8)
        vitals = pulse.feed.latest
        assert vitals is not None
        rates = [sample.hit_rate for sample in vitals.history if sample.hit_rate is not None][1:]
    assert session.deployment.footprint.hits > 50_000, "the survey must have been reading all the time"
    assert len(rates) >= 5
    assert all(0.48 <= rate <= 0.52 for rate in rates), rates


async def test_redtops_own_commands_and_connection_are_not_counted_as_traffic(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("SET", f"key:{n}", "x") for n in range(5_000)])
    session = open_session(server, interval=0.1)
    pulse = session.of(Pulse)
    with session.of(Survey).feed.hold():
        await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 5)
    vitals = pulse.feed.latest
    assert vitals is not None
    quiet = [sample for sample in vitals.history if sample.ops_per_s is not None]
    assert quiet
    assert all(sample.ops_per_s == pytest.approx(0, abs=25) for sample in quiet), "25/s is two commands in 0.1 s"
    assert vitals.now.clients == 0
    assert vitals.now.hit_rate is None, "nobody but redtop has read anything"


async def test_resetstat_makes_a_gap_and_never_a_negative_rate(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server)
    pulse = session.of(Pulse)
    server.ask_all([("GET", "x")] * 1000)
    await until(lambda: pulse.feed.latest and pulse.feed.latest.now.ops_per_s is not None)
    server.ask("CONFIG", "RESETSTAT")
    count = len(pulse.feed.latest.history) if pulse.feed.latest else 0
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > count + 4)
    assert pulse.feed.latest is not None
    samples = list(pulse.feed.latest.history)[count - 1 :]
    assert any(sample.ops_per_s is None for sample in samples)
    assert all(sample.ops_per_s is None or sample.ops_per_s >= 0 for sample in samples)
    assert all(sample.used for sample in samples), "memory is a level, not a rate: it has no gap"


async def test_the_history_survives_a_restart_with_a_visible_gap(
    valkey: Server, open_session: Open, until: Until
) -> None:
    session = open_session(valkey)
    pulse = session.of(Pulse)
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 3)
    valkey.kill()
    await until(lambda: pulse.feed.latest and pulse.feed.latest.failure)
    valkey.start()
    await until(lambda: pulse.feed.latest and not pulse.feed.latest.failure and pulse.feed.latest.now.used)
    assert pulse.feed.latest is not None
    levels = [sample.used for sample in pulse.feed.latest.history]
    assert levels[0] is not None
    assert None in levels
    assert levels[-1] is not None


async def test_what_redtop_costs_is_measured_on_the_server(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.vitals.COST_EVERY", 0.3)
    server.ask_all([("SET", f"key:{n}", "x") for n in range(20_000)])
    session = open_session(server, interval=0.1)
    pulse = session.of(Pulse)
    with session.of(Survey).feed.hold():
        await until(lambda: pulse.feed.latest and pulse.feed.latest.cost.server_share)
    assert pulse.feed.latest is not None
    cost = pulse.feed.latest.cost
    assert cost.commands_per_s is not None
    assert cost.commands_per_s > 5_000
    assert cost.server_share is not None
    assert 0.01 < cost.server_share <= 1


async def test_an_idle_session_costs_next_to_nothing(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey, interval=0.1)
    pulse = session.of(Pulse)
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) > 10)
    before = session.deployment.footprint.commands
    count = len(pulse.feed.latest.history) if pulse.feed.latest else 0
    await until(lambda: pulse.feed.latest and len(pulse.feed.latest.history) >= count + 10)
    assert session.deployment.footprint.commands - before <= 14, "one INFO a tick, and no survey for nobody"
    await asyncio.sleep(0)
