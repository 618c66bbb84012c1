"""Streams, groups, consumers, pending entries as rows of tables; plain values in, contents out."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from textual.content import Content

from tui.engine.printable import beginning, printable
from tui.engine.streams.ids import age_of, parse_id, time_of
from tui.engine.streams.look import Consumer, Group, Pending, Stream
from tui.engine.streams.trouble import Level, Thresholds, Trouble, is_dead, troubles_of
from tui.words.units import DASH, count, duration, rate, size
from widgets.table import Column, Row

COLOURS = ("$primary", "$secondary", "$accent", "$success", "$warning")
"""Colours that tell streams apart; the name is always written, too."""
STYLES = {Level.FINE: "$foreground-muted", Level.LOOK: "$text-warning", Level.ACT: "$text-error"}
MARKS = {Level.FINE: "", Level.LOOK: "▲ ", Level.ACT: "✗ "}
"""Shapes, so that a level shows without colour."""
ID_WIDTH = 20
NAME_MOST = 200
"""Bytes of a name that a row shows."""
MUTED = "$foreground-muted"

STREAM_COLUMNS = (
    Column("stream", least=20),
    Column("trouble", 11, priority=20),
    Column("in", 7, "right", priority=15),
    Column("lag", 6, "right", priority=19),
    Column("pending", 7, "right", priority=18),
    Column("oldest", 6, "right", priority=12),
    Column("dead", 4, "right", priority=11),
    Column("groups", 6, "right", priority=10),
    Column("length", 6, "right", priority=16),
    Column("bytes", 5, "right", priority=9),
    Column("last", 5, "right", priority=8),
    Column("first", 5, "right", priority=7),
)
GROUP_COLUMNS = (
    Column("group", least=16),
    Column("trouble", 11, priority=8),
    Column("lag", 6, "right", priority=10),
    Column("pending", 7, "right", priority=9),
    Column("oldest", 6, "right", priority=5),
    Column("consumers", 9, "right", priority=4),
    Column("dead", 4, "right", priority=3),
    Column("delivered", 12, priority=2),
    Column("read", 6, "right", priority=1),
)
CONSUMER_COLUMNS = (
    Column("consumer", least=14),
    Column("state", 7, priority=8),
    Column("pending", 7, "right", priority=10),
    Column("idle", 7, "right", priority=9),
    Column("inactive", 8, "right", priority=4),
)
PENDING_COLUMNS = (
    Column("entry", ID_WIDTH),
    Column("added", 12, priority=4),
    Column("idle", 7, "right", priority=9),
    Column("tries", 5, "right", priority=10),
    Column("consumer", priority=5),
)


def stream_row(stream: Stream, troubles: Sequence[Trouble], now: float, *, followed: bool) -> Row:
    """One stream; `now` in wall-clock seconds."""
    denied = stream.denied is not None and not stream.last_id
    oldest = stream.oldest
    cells = (
        Content.assemble(("● " if followed else "  ", "$primary"), beginning(stream.key, NAME_MOST)),
        trouble_cell(troubles),
        Content(rate(stream.rate)),
        _lag(stream),
        Content(count(stream.pending) if stream.groups else DASH),
        Content(short(age_of(oldest.id, now) if oldest else None)),
        _bad(stream.dead),
        Content("?" if stream.denied else str(len(stream.groups))),
        Content(DASH if denied else count(stream.length)),
        Content(size(stream.bytes)),
        Content(short(age_of(stream.newest_id, now))),
        Content(short(age_of(stream.first_id, now))),
    )
    return Row(stream.key, cells)


def group_row(group: Group, limit: Thresholds, now: float) -> Row:
    """One group."""
    troubles = troubles_of(Stream(b"", 0, None, b"0-0", (group,)), limit)
    behind = group.lag or 0
    cells = (
        Content(beginning(group.name, NAME_MOST)),
        trouble_cell(troubles),
        Content.styled(lag_text(group), "bold $text-warning" if behind >= limit.lag else ""),
        Content(count(group.pending)),
        Content(short(age_of(group.oldest.id, now) if group.oldest else None)),
        Content(count(group.consumers)),
        _bad(group.dead),
        Content.styled(moment(group.delivered), MUTED),
        Content(count(group.entries_read)),
    )
    return Row(group.name, cells)


def consumer_row(consumer: Consumer, limit: Thresholds) -> Row:
    """One consumer."""
    dead = is_dead(consumer, limit)
    state = (
        Content.styled("✗ dead", "$text-error") if dead else Content.styled("ok" if consumer.pending else "–", MUTED)
    )
    cells = (
        Content(beginning(consumer.name, NAME_MOST)),
        state,
        Content(count(consumer.pending)),
        Content.styled(duration(_whole(consumer.idle)), "$text-error" if dead else ""),
        Content(duration(_whole(consumer.inactive))),
    )
    return Row(consumer.name, cells)


def pending_row(pending: Pending, limit: Thresholds) -> Row:
    """One pending entry."""
    poison = pending.deliveries >= limit.deliveries
    cells = (
        Content(printable(pending.id)),
        Content.styled(moment(pending.id) if time_of(pending.id) else DASH, MUTED),
        Content(duration(_whole(pending.idle))),
        Content.styled(f"{'▲' if poison else ''}{count(pending.deliveries)}", "bold $text-warning" if poison else ""),
        Content.styled(beginning(pending.consumer, NAME_MOST), MUTED),
    )
    return Row(pending.id, cells)


def trouble_cell(troubles: Sequence[Trouble]) -> Content:
    """The worst trouble in a word, and how many others there are."""
    if not troubles:
        return Content.styled("ok", MUTED)
    worst = troubles[0]
    others = f" +{len(troubles) - 1}" if len(troubles) > 1 else ""
    return Content.styled(f"{MARKS[worst.level]}{worst.what}{others}", STYLES[worst.level])


def trouble_line(trouble: Trouble) -> Content:
    """One trouble as a sentence."""
    return Content.styled(f"{MARKS[trouble.level]}{trouble.sentence}", STYLES[trouble.level])


def facts_line(stream: Stream, now: float) -> Content:
    """A stream in a line: how long, how big, from when to when."""
    parts = [f"{stream.length:,} entries" if stream.length != 1 else "1 entry"]
    if stream.bytes is not None:
        parts.append(size(stream.bytes))
    newest, first = age_of(stream.newest_id, now), age_of(stream.first_id, now)
    if newest is not None and first is not None:
        parts.append(f"from {short(first)} to {short(newest)} ago")
    return Content.styled(" · ".join(parts), MUTED)


def lag_text(group: Group) -> str:
    """How far a group is behind.

    >>> [lag_text(Group(b"g", lag, 0, 0, lag_least=least)) for lag, least in ((None, None), (None, 1000), (7, None))]
    ['?', '≥1.0k', '7']
    """
    if group.lag is None:
        return "?" if group.lag_least is None else f"≥{count(group.lag_least)}"
    return count(group.lag)


def moment(entry_id: bytes) -> str:
    """Say an id as local time, when it is one, in twelve cells; ids may be any numbers.

    >>> moment(b"5-1")
    '5-1         '
    """
    at = time_of(entry_id)
    if at is None:
        return f"{printable(entry_id)[:12]:<12}"
    return f"{datetime.datetime.fromtimestamp(at):%H:%M:%S}.{parse_id(entry_id)[0] % 1000:03}"


def short(seconds: float | None) -> str:
    """Say an age in one unit.

    >>> short(None), short(3.7), short(7300.0)
    ('–', '3s', '2h')
    """
    return duration(_whole(seconds)).split(" ")[0]


def _whole(seconds: float | None) -> float | None:
    return None if seconds is None else int(seconds)


def _bad(number: int | None) -> Content:
    """A number that should be nought."""
    return Content.styled(count(number), "bold $text-error" if number else MUTED)


def _lag(stream: Stream) -> Content:
    if not stream.groups:
        return Content(DASH)
    if stream.lag is None:
        return Content("?")
    unknown = any(group.lag is None for group in stream.groups)
    behind = stream.lag >= Thresholds().lag
    return Content.styled(f"{count(stream.lag)}{'+' if unknown else ''}", "bold $text-warning" if behind else "")
