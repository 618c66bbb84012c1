"""The Streams page standing still: the frozen demo's streams, some of them in trouble."""

from __future__ import annotations

from dataclasses import replace

from tests.still import stream_list, tail
from tui.demo.fill import FROZEN_NOW
from tui.engine.session import Session
from tui.engine.streams.board import Board, StreamBoard, rank
from tui.engine.streams.drill import Inside
from tui.engine.streams.look import Group, Pending, Stream
from tui.engine.streams.trouble import Thresholds, troubles_of
from tui.engine.tail.channels import Listening
from tui.engine.tail.live import LiveTail, LiveTailing
from tui.engine.tail.window import Lines
from tui.screens.streams import StreamsPage

OLD = 1_640.0
"""Seconds since the entry that nobody works on was delivered."""


def board() -> Board:
    """All streams with details; the first groups have a dead consumer, and one that reads nothing."""
    found = [_detailed(stream, number) for number, stream in enumerate(stream_list().streams)]
    troubles = {stream.key: troubles_of(stream, Thresholds()) for stream in found}
    found.sort(key=lambda stream: rank(stream, troubles[stream.key]))
    return Board(tuple(found), troubles, 1.0)


def _detailed(stream: Stream, number: int) -> Stream:
    first = b"%d-0" % (FROZEN_NOW * 1000 - 1000 * stream.length)
    groups = tuple(_troubled(group, number, place) for place, group in enumerate(stream.groups))
    return replace(stream, bytes=170 * stream.length, first_id=first, newest_id=stream.last_id, groups=groups)


def _troubled(group: Group, number: int, place: int) -> Group:
    id_ = b"%d-0" % (FROZEN_NOW * 1000 - 23_000 * (number + 1))
    oldest = Pending(id_, b"worker-1", OLD if number == 2 else 3.0, 1) if group.pending else None
    found = replace(group, oldest=oldest, dead=int(number == 2), poisoned=0, delivered=id_, entries_read=4_700 + number)
    return replace(found, stuck_for=84.0) if number == 1 and not place else found


def publish_streams(session: Session, page: StreamsPage) -> None:
    """Give every pane its snapshot."""
    seen = board()
    session.of(StreamBoard).feed.publish(seen)
    chosen = [stream.key for stream in stream_list().streams[:2]]
    page.session.of(LiveTail).choose(chosen)
    page.streams.followed = chosen
    entries = tail(chosen).entries
    lines = Lines(
        (one.stream, one.id or b"", tuple(word for pair in one.fields for word in pair), one.skipped or 0)
        for one in entries
    )
    session.of(LiveTail).feed.publish(LiveTailing(lines, 1, 1, tuple(chosen), Listening(), following=True, rate=187.0))
    page.inside.look_into(seen.streams[0].key)
    page.inside.snapshot = Inside(seen.streams[0], FROZEN_NOW)
