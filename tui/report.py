"""One look, printed: the same engine without a screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TextIO, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tui.engine.failure import Failure
from tui.engine.feed import Feed
from tui.engine.keyspace import Keyspace
from tui.engine.namespaces import tree
from tui.engine.printable import printable
from tui.engine.session import Options, Session
from tui.engine.streams import StreamList, Streams
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse, Vitals
from tui.settings import Settings
from tui.units import count, duration, percent, plus_minus, rate, size

T = TypeVar("T")

COULD_NOT_LOOK = 3
"""Exit code when there is nothing to report on."""
LOOK = 1.5
"""Seconds a report looks before it prints: rates need an interval, and a big keyspace its first picture."""
MOST_ROWS = 30
"""Families listed: what fits on a screen; the rest is summed up in one line."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found."""

    vitals: Vitals
    keyspace: Keyspace
    streams: Streams | None


def print_report(settings: Settings, stream: TextIO) -> int:
    """Look once and print; returns the exit code. Without a server it prints one sentence on stderr."""
    found = asyncio.run(_look(settings))
    if isinstance(found, Failure):
        sys.stderr.write(f"redtop: {found.sentence}.\n")
        return COULD_NOT_LOOK
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    _print_head(console, found.vitals)
    _print_families(console, found.keyspace)
    if found.streams is not None and found.streams.streams:
        _print_streams(console, found.streams)
    return 0


async def _look(settings: Settings) -> Look | Failure:
    options = Options(interval=0.5, scan_share=settings.scan_share, delimiter=settings.delimiter)
    session = Session(settings.address, options)
    pulse, survey, streams = session.of(Pulse), session.of(Survey), session.of(StreamList)
    async with _running(session):
        with survey.feed.hold(), streams.feed.hold():
            vitals = await _first(pulse.feed)
            worst = session.deployment.state.worst
            failure = worst.failure or vitals.failure
            if failure is not None:
                return failure
            await session.clock.sleep(LOOK)
            return Look(await _first(pulse.feed), await _first(survey.feed), streams.feed.latest)


@asynccontextmanager
async def _running(session: Session) -> AsyncIterator[None]:
    task = asyncio.create_task(session.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _first(feed: Feed[T]) -> T:
    async for value in feed.watch():
        return value
    raise AssertionError("a feed has no end")


def _print_head(console: Console, vitals: Vitals) -> None:
    who, now = vitals.state.identity, vitals.now
    server = f"{who.product} {who.version} {who.role}" if who else "server"
    console.print(Text(f"{vitals.state.label} db{vitals.state.db}  {server}  up {duration(vitals.uptime)}", "bold"))
    limit = f" of {size(now.maxmemory)} ({percent(now.used / now.maxmemory)})" if now.maxmemory and now.used else ""
    facts = (
        ("memory", f"{size(now.used)}{limit}, rss {size(now.rss)}, peak {size(now.peak)}"),
        ("hit rate", f"{percent(now.hit_rate)} of {rate(now.reads_per_s)} reads, redtop's own not counted"),
        ("traffic", f"{rate(now.ops_per_s)} commands, {count(now.clients)} clients"),
        ("expiry", f"{rate(now.expired_per_s)} expired, {rate(now.evicted_per_s)} evicted"),
    )
    for label, text in facts:
        console.print(Text.assemble((f"{label:>9}  ", "dim"), text))


def _print_families(console: Console, keyspace: Keyspace) -> None:
    seen = "all counted" if keyspace.complete else f"{percent(keyspace.seen)} seen, ± covers 95 of 100"
    table = Table(box=box.SIMPLE_HEAD, title=Text(f"{count(keyspace.dbsize)} keys, {seen}"), title_justify="left")
    for title in ("family", "keys", "share", "bytes", "type", "TTL", "no TTL"):
        _add_column(table, title, wide=title == "family", left=title in {"family", "type"})
    shown = keyspace.families[:MOST_ROWS]
    for branch in (tree([family])[0] for family in shown):
        table.add_row(
            Text(branch.pattern),
            Text(plus_minus(branch.keys, branch.keys_error)),
            Text(percent(branch.keys / max(1, keyspace.dbsize))),
            Text(size(branch.bytes)),
            Text("+".join(name for name, _ in branch.types)),
            Text(duration(branch.ttl_mean and round(branch.ttl_mean))),
            Text(percent(branch.no_ttl, 0)),
        )
    console.print(table)
    if len(keyspace.families) > MOST_ROWS:
        rest = keyspace.families[MOST_ROWS:]
        console.print(Text(f"  and {len(rest)} more families with {count(sum(f.keys for f in rest))} keys"))
    if keyspace.denied:
        console.print(Text(f"  {keyspace.denied}", "yellow"))


def _print_streams(console: Console, streams: Streams) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=Text(f"{len(streams.streams)} streams"), title_justify="left")
    for title in ("stream", "length", "in", "group", "lag", "pending"):
        _add_column(table, title, wide=title == "stream", left=title in {"stream", "group"})
    for stream in streams.streams:
        head = (Text(printable(stream.key)), Text(count(stream.length)), Text(rate(stream.rate)))
        if not stream.groups:
            table.add_row(*head, Text(stream.denied or "none", "dim"), Text(""), Text(""))
        for number, group in enumerate(stream.groups):
            start = (Text(""),) * 3 if number else head
            lag = "?" if group.lag is None else count(group.lag)
            table.add_row(*start, Text(printable(group.name)), Text(lag), Text(count(group.pending)))
    console.print(table)


def _add_column(table: Table, title: str, *, wide: bool, left: bool) -> None:
    """Add a column; when it gets narrow the wide one is cut, never a number."""
    table.add_column(
        title,
        justify="left" if left else "right",
        no_wrap=True,
        ratio=1 if wide else None,
        min_width=None if wide else max(len(title), 6),
    )
