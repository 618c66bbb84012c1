"""A look as people read it: sections of aligned tables, as wide as they need to be and never wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tui.engine.families import TTL_BOUNDS_MS
from tui.engine.keyspace import Family, Keyspace
from tui.engine.printable import printable
from tui.engine.streams.overview import Stream, Streams
from tui.headless.report_look import Look
from tui.words.units import DASH, count, duration, percent, plus_minus, rate, size, size_plus_minus

MOST_FAMILIES = 30
"""Families listed: what fits on a screen; the rest is summed up in one line, and the JSON document has them all."""
MOST_BIG = 10
"""Biggest keys listed, likewise."""
MOST_STREAMS = 30
"""Streams listed, likewise."""
NAME_LEAST = 12
"""Cells that a name keeps in the narrowest table."""
BAR = 20
"""Cells of a bar that stands for everything."""
ROOM_FOR_BARS = 100
"""Columns of a screen from which on the table of families has bars."""
NEARLY_FULL, FILLING = 0.9, 0.75
"""Shares of maxmemory that are red and amber: little room is left for what a burst of writes brings."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEFT = frozenset({"family", "type", "key", "stream", "group", "TTL", ""})
"""Columns that hold words."""


def drawn(look: Look, stream: TextIO) -> str:
    """Draw the report for `stream`: in colour on a terminal that wants it, in 80 columns where there is none."""
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    with console.capture() as captured:
        for part in _report(look, console.width):
            console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


class Name:
    """A name in a table: what does not fit is left out of its middle, for both ends tell names apart."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text = text
        self._style = style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = cell_len(self._text)
        return Measurement(min(NAME_LEAST, width), width).clamp(max_width=options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shortened(self._text, options.max_width), self._style, no_wrap=True)


def shortened(text: str, width: int) -> str:
    """Cut text to `width` cells in its middle.

    >>> shortened("case:case_{hex}:reports:current", 20), shortened("short", 20)
    ('case:case_{h…current', 'short')
    """
    if cell_len(text) <= width:
        return text
    tail = (width - 1) * 2 // 5
    return f"{set_cell_size(text, width - 1 - tail)}…{set_cell_size(text[::-1], tail)[::-1]}"


def lined_up(numbers: Sequence[str]) -> list[str]:
    """Put numbers under numbers and errors under errors.

    >>> lined_up(["812k ±6k", "32.3k ±910", "12"])
    [' 812k ±6k ', '32.3k ±910', '   12     ']
    """
    halves = [number.partition(" ") for number in numbers]
    left = max((len(number) for number, _, _ in halves), default=0)
    right = max((len(blank + error) for _, blank, error in halves), default=0)
    return [f"{number:>{left}}{blank + error:<{right}}" for number, blank, error in halves]


def bar(share: float, width: int = BAR) -> str:
    """Draw a share of one as a bar; what is more than nothing shows.

    >>> bar(0.5, 4), bar(0.0), bar(0.001, 4), bar(1.0, 4)
    ('██', '', '▏', '████')
    """
    eighths = min(8 * width, max(round(share * 8 * width), 1 if share > 0 else 0))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _report(look: Look, width: int) -> Iterator[RenderableType]:
    yield from _head(look)
    yield from _families(look, bars=width >= ROOM_FOR_BARS)
    yield from _biggest(look.keyspace)
    yield from _ttls(look.keyspace)
    yield from _streams(look.streams)
    if look.notes:
        yield ""
    for note in look.notes:
        yield Text.assemble(("note  ", "bold yellow"), note)


def _head(look: Look) -> Iterator[RenderableType]:
    vitals, who = look.vitals, look.vitals.state.identity
    server = f"{who.product} {who.version} {who.role}" if who and who.run_id else "server"
    up = "" if vitals.uptime is None else f"  up {duration(vitals.uptime)}"
    yield Text.assemble((server, "bold"), f"  {vitals.state.label} db{vitals.state.db}{up}")
    if vitals.now.used is None:
        return  # a note says why
    yield ""
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(justify="right", style="dim", no_wrap=True)
    facts.add_column()
    for label, text in (("memory", _memory(look)), *_traffic(look)):
        facts.add_row(label, text)
    yield facts


def _memory(look: Look) -> Text:
    now = look.vitals.now
    text = Text(size(now.used))
    if now.maxmemory and now.used is not None:
        share = now.used / now.maxmemory
        style = "red" if share >= NEARLY_FULL else "yellow" if share >= FILLING else ""
        text.append(f" of {size(now.maxmemory)} ").append(f"({percent(share)})", style)
    text.append(f", rss {size(now.rss)}")
    if now.used and now.rss is not None:
        text.append(f" ({now.rss / now.used:.2f} times used)")
    return text.append(f", peak {size(now.peak)}")


def _traffic(look: Look) -> Iterator[tuple[str, Text]]:
    now, totals, cost = look.vitals.now, look.vitals.totals, look.footprint
    reads = f"{percent(totals.hit_rate)} of {rate(totals.per_second(totals.reads))} reads"
    yield "hit rate", Text(f"{reads if totals.reads else 'no reads'}, redtop's own not counted")
    commands, expired, evicted = (
        rate(totals.per_second(total)) for total in (totals.commands, totals.expired, totals.evicted)
    )
    yield "traffic", Text(f"{commands} commands, {count(now.clients)} clients")
    yield "expiry", Text(f"{expired} expired, {evicted} evicted")
    took = f", {duration(totals.server_cpu)} of the server's time" if totals.server_cpu is not None else ""
    asked = f"{duration(totals.seconds)}: {count(cost.commands)} commands, {size(cost.bytes_in)} read{took}"
    yield "this look", Text(asked, "dim")


def _title(what: str, detail: str = "") -> Text:
    return Text.assemble("\n", (what, "bold"), (f"  {detail}" if detail else "", "dim"))


def _table(*columns: str) -> Table:
    """Make a table whose first column gives way when it gets narrow: names may be cut, numbers never."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if column in _LEFT else "right", no_wrap=place > 0)
    return table


def _families(look: Look, *, bars: bool) -> Iterator[RenderableType]:
    keyspace = look.keyspace
    if not keyspace.dbsize:
        yield _title("Families", "this database holds no keys")
        others = [f"db{number} ({count(keys)})" for number, keys in look.vitals.databases if keys]
        if others:
            yield Text(f"Keys are in {', '.join(others)}: choose one with -n.")
        return
    seen = "all counted" if keyspace.complete else f"{percent(keyspace.seen)} read, ± covers 95 of 100 cases"
    yield _title("Families", f"{count(keyspace.dbsize)} keys, {seen}")
    table = _table("family", "keys", "share", *([""] if bars else []), "bytes", "type", "no TTL", "mean TTL")
    listed = keyspace.families[:MOST_FAMILIES]
    keys = lined_up([plus_minus(family.keys, family.keys_error) for family in listed])
    sizes = lined_up(
        ["≥" * family.bytes_at_least + size_plus_minus(family.bytes, family.bytes_error) for family in listed]
    )
    for family, number, octets in zip(listed, keys, sizes, strict=True):
        share = family.keys / keyspace.dbsize
        table.add_row(
            Name(family.pattern),
            number,
            percent(share),
            *([Text(bar(share, BAR // 2), "cyan")] if bars else []),
            octets,
            _types(family),
            percent(family.no_ttl, 0),
            duration(None if family.ttl_mean is None else round(family.ttl_mean)),
        )
    yield table
    if rest := keyspace.families[MOST_FAMILIES:]:
        left = count(sum(family.keys for family in rest))
        yield Text(f"and {len(rest)} more families with {left} keys", "dim")


def _types(family: Family) -> str:
    """Name the most frequent type, and how many others there are."""
    others = f" +{len(family.types) - 1}" if len(family.types) > 1 else ""
    return f"{family.types[0][0]}{others}" if family.types else DASH


def _biggest(keyspace: Keyspace) -> Iterator[RenderableType]:
    if not keyspace.biggest:
        return
    yield _title("Biggest keys", "" if keyspace.complete else "of those read so far")
    table = _table("key", "bytes", "type")
    for big in keyspace.biggest[:MOST_BIG]:
        table.add_row(Name(printable(big.key)), size(big.bytes), Name(big.kind))
    yield table


def _ttls(keyspace: Keyspace) -> Iterator[RenderableType]:
    keys = (keyspace.no_ttl, *keyspace.ttl_buckets)
    total = sum(keys)
    if not total:
        return
    bounds = [duration(bound / 1000) for bound in TTL_BOUNDS_MS]
    labels = ("none", *(f"under {bound}" for bound in bounds), f"{bounds[-1]} and more")
    if keyspace.no_ttl == total:
        yield _title("Time to live", "no key has one")
        return
    yield _title("Time to live", "" if keyspace.complete else "estimated")
    table = _table("TTL", "keys", "share", "")
    for label, number in zip(labels, keys, strict=True):
        table.add_row(label, count(number), percent(number / total), Text(bar(number / total), "cyan"))
    yield table


def _streams(streams: Streams) -> Iterator[RenderableType]:
    found = streams.streams
    if not found:
        return
    yield _title("Streams", "" if streams.seen == 1 else f"found in {percent(streams.seen)} of the keys")
    table = _table("stream", "length", "added", "group", "lag", "pending", "consumers")
    table.columns[3].no_wrap = False  # names both
    for stream in sorted(found, key=lambda stream: not stream.groups)[:MOST_STREAMS]:  # else the busiest first
        for row in _stream_rows(stream):
            table.add_row(*row)
    yield table
    if len(found) > MOST_STREAMS:
        yield Text(f"and {len(found) - MOST_STREAMS} more streams", "dim")


def _stream_rows(stream: Stream) -> Iterator[Sequence[RenderableType]]:
    unknown = stream.denied is not None and not stream.last_id
    head = (Name(printable(stream.key)), DASH if unknown else count(stream.length), rate(stream.rate))
    if not stream.groups:
        yield *head, Text("not permitted" if stream.denied else "no groups", "dim")
    for number, group in enumerate(stream.groups):
        start = ("", "", "") if number else head
        lag = "?" if group.lag is None else count(group.lag)
        yield *start, Name(printable(group.name)), lag, count(group.pending), count(group.consumers)
