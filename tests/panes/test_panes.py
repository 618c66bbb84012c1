"""What single panes say, on real servers and at the edges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.looking import looking
from tests.servers import Server
from tests.still import REFUSED, StillSession, keyspace, state, vitals
from tui.engine.address import Address, Tls
from tui.engine.costs import CostMeter
from tui.engine.footprint import Cost
from tui.engine.node import Phase
from tui.engine.status import Status
from tui.engine.thresholds import USUAL, Thresholds
from tui.engine.vitals import Sample
from tui.panes.header import headline
from tui.panes.hitrate import hit_chart
from tui.panes.memory import memory_chart, nice_top
from tui.panes.namespaces import NamespacesPane
from tui.panes.streams import StreamsPane
from tui.panes.ttl import ttl_bars
from tui.panes.vitals import GAUGES, VitalsPane, strip
from tui.words.brand import Brand
from widgets.table import Table

WIDTHS = [20, 40, 60, 80, 100, 120, 160, 200, 250]


def status(phase: Phase = Phase.LIVE, **fields: object) -> Status:
    """A status with these fields."""
    usual = {"uptime": 7260.0, "cost": Cost(23.4, 0.0031), "paused": False, "interval": 1.0, "stale_for": None}
    return Status(**({"state": state(phase), "failure": None} | usual | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_header_never_writes_beyond_its_width_while_all_is_well(width: int) -> None:
    line = headline(status(), Brand(), width)
    assert line.cell_length <= width or width < 50
    assert "127.0.0.1:7379 db0" in line.plain
    assert "live" in line.plain, "the state is the last thing to go"
    assert ("READ-WRITE" in line.plain) == (width >= 60)
    assert ("cmd/s" in line.plain) == (width >= 120)


def test_what_redtop_costs_is_not_nothing_before_it_was_measured() -> None:
    line = headline(status(cost=CostMeter().latest), Brand(), 160).plain
    assert line.rstrip().endswith("redtop costs –")


def test_the_header_says_paused_and_how_often_and_since_when() -> None:
    assert "paused" in headline(status(paused=True), Brand(), 120).plain
    assert "every 5s" in headline(status(interval=5.0), Brand(), 120).plain
    lost = headline(status(Phase.LOST, stale_for=42, failure=REFUSED), Brand(), 160).plain
    assert "reconnecting for 42s" in lost
    assert "nothing listens" in lost
    assert "live" not in lost


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_production_profile_the_way_and_what_is_not_verified_are_always_said(width: int) -> None:
    address = Address("redis-0123456789.europe.example.com", tls=Tls(insecure=True), ssh="me@bastion.example.com")
    brand = Brand.of(address, profile="live", production=True)
    told = status()
    told = replace(told, state=replace(told.state, label=address.label))
    line = headline(told, brand, width)
    assert line.cell_length <= width
    for words in ("live PRODUCTION", "redis-012345", "db0 via bastion.e", "TLS not verified", "● live"):
        assert words in line.plain
    assert ("READ-WRITE" in line.plain) == (width >= 100)


def test_a_profile_is_marked_with_its_colour() -> None:
    assert "on #1565c0" in str(Brand(profile="x", colour="blue").tag.spans)
    assert "on #c62828" in str(Brand(profile="x", production=True).tag.spans)
    assert "on #1565c0" in str(Brand(profile="x", colour="blue", production=True).tag.spans)
    assert "PRODUCTION" in Brand(profile="x", colour="blue", production=True).tag.plain
    assert Brand(profile="a\x1b[2J" + "b" * 100).tag.plain.startswith(r" a\x1b[2Jb")
    assert Brand(profile="b" * 100).tag.cell_length < 30
    assert not Brand().tag


@pytest.mark.parametrize("width", WIDTHS)
def test_the_strip_keeps_numbers_above_their_trends_at_every_width(width: int) -> None:
    lines = strip(vitals(state()), width)
    assert all(line.cell_length <= width for line in lines)
    assert width < 40 or lines[0].plain.lstrip().startswith("mem")
    assert width < 120 or all(word in lines[0].plain for word in ("hit", "ops", "clients", "evict", "expire", "keys"))


def test_numbers_of_the_strip_stand_still_when_they_change() -> None:
    now = vitals(state())
    other = vitals(state(), gap=True)
    places = [
        [line.plain.index(word) for word in ("hit", "ops", "clients", "keys")]
        for line in (strip(now, 120)[0], strip(other, 120)[0])
    ]
    assert places[0] == places[1]


def test_the_colours_of_the_strip_follow_the_thresholds() -> None:
    at = replace(vitals(state()).now, used=85, maxmemory=100, hit_rate=0.45, evicted_per_s=3.0)
    lenient = Thresholds(memory_warning=0.9, memory_critical=0.95, hit_rate=0.3, evictions=True)
    strict = Thresholds(memory_warning=0.5, memory_critical=0.8)
    assert _colours(at, USUAL) == ["$text-warning", "$text-warning", "$text-warning"]
    assert _colours(at, lenient) == ["", "", ""]
    assert _colours(at, strict)[0] == "$text-error"


def _colours(sample: Sample, limits: Thresholds) -> list[str]:
    return [gauge.colour(sample, limits) for gauge in GAUGES if gauge.label in {"mem", "hit", "evict"}]


def test_charts_have_fixed_scales() -> None:
    now = vitals(state(), gap=True)
    hits, memory = hit_chart(now), memory_chart(now)
    assert hits.top == 100
    assert memory.top >= (now.now.maxmemory or 0)
    assert [limit.name for limit in memory.limits] == ["maxmemory", "peak"]
    assert [tick for tick, _ in hits.ticks] == [0, 50, 100]
    assert any(value is None for _, value in memory.series[0].points), "time without a server is a gap"


def test_a_server_that_has_told_nothing_yet_draws_nothing() -> None:
    empty = replace(vitals(state()), now=Sample(0.0), history=(Sample(0.0),))
    assert memory_chart(empty).limits == ()
    assert strip(empty, 120)
    assert nice_top(0) > 0


def test_ttl_bars_add_up_to_all_keys() -> None:
    seen = keyspace(StillSession())
    bars = ttl_bars(seen)
    assert sum(bar.value for bar in bars) == pytest.approx(seen.dbsize, abs=len(bars))
    assert [bar.label.plain.strip() for bar in bars] == ["none", "< 1m", "< 10m", "< 1h", "< 1d", "< 7d", "≥ 7d"]


async def test_empty_panes_teach(valkey: Server) -> None:
    async with looking(valkey.port, (200, 60)) as look:
        await look.until_shown("this database is empty", "SET session:1 hello EX 60", "XADD events * type hello")


async def test_families_fold_by_keys_and_mouse(valkey: Server) -> None:
    valkey.ask_all([("SET", f"shop:{kind}:{n}", "x") for kind in ("cart", "order") for n in range(20)])
    valkey.ask_all([("SET", f"other:{n}", "x") for n in range(900)])
    async with looking(valkey.port) as look:
        await look.until_shown("shop:", "100% seen")
        table = look.pane(NamespacesPane).query_one(Table)
        await look.press("asterisk")
        await look.until_shown("cart:{int}", "order:{int}")
        await look.press("asterisk")
        await look.until(lambda: "cart:{int}" not in look.text)
        await look.press("end")
        assert "shop:" in str(table.cursor_key)
        await look.press("right")
        await look.until_shown("cart:{int}")
        line = next(line for line in look.lines if "▾ shop:" in line)
        await look.pilot.click(offset=(line.index("▾"), look.lines.index(line)))
        await look.until(lambda: "cart:{int}" not in look.text)


async def test_keys_without_ttl_among_many_with_one_are_named_as_a_leak(valkey: Server) -> None:
    valkey.ask_all([("SET", f"cache:{n}", "x", "EX", 900) for n in range(90)])
    valkey.ask_all([("SET", f"cache:{n}", "x") for n in range(90, 100)])
    async with looking(valkey.port) as look:
        await look.until_shown("▲ cache:{int} 10% without TTL", "next")


def marks(table: Table) -> list[bool]:
    """Which rows are marked as followed."""
    return [row.cells[0].plain.startswith("●") for row in table.rows]


async def test_enter_follows_and_unfollows_a_stream(valkey: Server) -> None:
    for name in ("one", "two", "three"):
        valkey.ask("XADD", name, "*", "from", name)
    async with looking(valkey.port, (200, 60)) as look:
        await look.until_shown("from=")
        await look.press("S")
        table = look.pane(StreamsPane).query_one(Table)
        await look.until(lambda: len(table.rows) == 3)
        for row in range(3):
            table.move_to(row)
            key = table.rows[row].key
            before = marks(table)
            await look.press("enter")
            await look.until(lambda: marks(table) != before)  # noqa: B023 - polled before the next turn
            marked = before[row]
            assert marks(table) == [mark != (number == row) for number, mark in enumerate(before)]
            assert (key in look.pane(StreamsPane)._tail.chosen) != marked


async def test_lag_of_a_group_that_falls_behind_is_marked(valkey: Server) -> None:
    valkey.ask("XGROUP", "CREATE", "mails", "sender", "$", "MKSTREAM")
    valkey.ask_all([("XADD", "mails", "*", "to", n) for n in range(150)])
    async with looking(valkey.port, (200, 60)) as look:
        await look.until_shown("▲150", "sender")


async def test_small_terminals_leave_the_trends_out(valkey: Server) -> None:
    async with looking(valkey.port, (80, 24)) as look:
        await look.until_shown("● live", "mem ")
        assert look.page.query_one(VitalsPane).size.height == 1
        await look.pilot.resize_terminal(120, 40)
        await look.until(lambda: look.page.query_one(VitalsPane).size.height == 2)
