"""The live tail of the Streams page: everything that is added to the chosen streams, at any speed, in bounded memory.

It reads every entry as long as this machine keeps up (one stream of 50,000 entries/s is read whole), in replies that
are small enough that keys and pictures come in between. When it falls behind all the same it jumps to the newest
entries and says how many it left out. It can also leave the present: go to an id or a time, and read on from there
page by page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.session import Collector, Session
from tui.engine.streams_ids import Id, before, id_bytes, parse_id, time_of
from tui.engine.tail_channels import Channels, Listening
from tui.engine.tail_window import Kept, Lines, Match, Raw, lines_of

FIRST = 100
"""Entries shown of the past of streams that are chosen."""
MOST = 300
"""Entries per stream and reply while following: parsing them takes a millisecond, and a key pressed meanwhile has to
wait for several of them in turn."""
PAGE = 1000
"""The same when a person reads on from a place."""
FEWEST = 10
"""The same at least, however big they are."""
REPLY_BYTES = 256 * 1024
"""Bytes that one reply should have at most."""
EVERY = 0.25
"""Seconds between looks while something comes: lively, and a stream of single entries costs four reads a second."""
AT_ONCE = 0.1
"""Seconds of reading without a pause before what has come is shown."""
PATIENT = 20
"""Times in a row that this may happen before the tail gives up keeping pace, and jumps."""
LANDED = 500
"""Entries shown after a jump."""
MEAN_OVER = 20
"""Replies over which the mean size of entries is followed."""


@dataclass(frozen=True, slots=True)
class LiveTailing:
    """What there is to see."""

    lines: Lines
    """Oldest first."""
    first: int
    """Number of the first of them; numbers have no holes within a generation."""
    generation: int
    """Counts up when the lines begin anew."""
    chosen: tuple[bytes, ...]
    listening: Listening
    following: bool
    """Whether new entries are read as they come; otherwise reading goes on when more is asked for."""
    rate: float | None
    """Entries and messages per second that came lately, shown or not."""
    failure: Failure | None = None


@dataclass(slots=True)
class _Place:
    """Where the tail is in one stream."""

    last_id: bytes | None = None
    """Read up to here; None before the first look."""
    seen: int | None = None
    """Entries added to the stream up to there, as the server counts them; None before 7.0."""


class LiveTail(Collector[LiveTailing]):
    """Reads the chosen streams and channels while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._places: dict[bytes, _Place] = {}
        self._kept = Kept()
        self._following = True
        self._reading = asyncio.Lock()
        self._mean_bytes = 0.0
        self._late = 0
        """Times in a row that there was more to read than time."""
        self._moved = False
        """Whether the last read brought anything."""
        self._heard = False
        """Whether a message came since the last look."""
        self._came = 0
        self._counted_at = session.clock.now()
        self._rate: float | None = None
        self._failure: Failure | None = None
        self.channels = session.of(Channels)
        """Channels and patterns that are listened to."""
        self.channels.hear = self._hear

    @property
    def chosen(self) -> tuple[bytes, ...]:
        """The streams that are read."""
        return tuple(self._places)

    @property
    def following(self) -> bool:
        """Whether it is in the present."""
        return self._following

    def choose(self, keys: Sequence[bytes], *, alone: bool = False) -> None:
        """Read these streams from their newest entries on; with `alone` what was shown of others goes."""
        if tuple(keys) == self.chosen and self._following:
            return
        there = self._places if self._following else {}
        self._places = {key: there.get(key, _Place()) for key in keys}
        if alone or not self._following:
            self._kept.clear()
            self._places = {key: _Place() for key in keys}
        self._following = True
        self._failure = None
        self._publish()
        self.session.pace.nudge()

    def filter_by(self, match: Match | None) -> None:
        """Show only what passes; None shows all that is kept."""
        self._kept.filter_by(match)
        self._publish()

    async def go(self, place: Id) -> None:
        """Leave the present: show what was added from this id on."""
        async with self._reading:
            self._following = False
            self._kept.clear()
            self._places = {key: _Place(id_bytes(before(place))) for key in self._places}
            self._following = not await self._read() and self._failure is None
        self._publish()

    async def more(self) -> None:
        """Read the next page after `go`; at the end the tail is in the present again, and follows."""
        if self._following:
            return
        async with self._reading:
            if not await self._read() and self._failure is None:
                self._following = True
        self._publish()

    async def newest(self) -> None:
        """Come back to the present."""
        async with self._reading:
            self._following = True
            self._kept.clear()
            self._places = {key: _Place() for key in self._places}
            await self._land(list(self._places), FIRST)
        self._publish()

    async def run(self) -> None:
        """Read at every tick, and more often while entries come."""
        pace = self.session.pace
        async for _ in self.ticks(self.channels.feed):
            busy = True
            while busy and self.feed.watched and not pace.paused:
                async with self._reading:
                    busy = self._following and await self._catch_up()
                self._publish()
                await self.feed.shown()
                if pace.interval <= EVERY or not busy:
                    break
                await pace.rest(0.0 if self._late else EVERY)

    async def _catch_up(self) -> bool:
        """Read what has come, for a short while; returns whether anything came."""
        began = self.session.clock.now()
        if new := [key for key, place in self._places.items() if place.last_id is None]:
            await self._land(new, FIRST)
        came = bool(new) or self._heard
        self._heard = False
        while behind := await self._read():
            came = True
            if self.session.clock.now() - began > AT_ONCE:
                self._late += 1
                if self._late > PATIENT:
                    self._late = 0
                    await self._land(behind, LANDED)
                return True
        self._late = 0
        return came or self._moved

    async def _read(self) -> list[bytes]:
        """Read once behind every place; returns the streams of which there is more."""
        places = {key: place for key, place in self._places.items() if place.last_id is not None}
        self._moved = False
        if not places:
            return []
        count = max(FEWEST, min(MOST if self._following else PAGE, int(REPLY_BYTES / max(1.0, self._mean_bytes))))
        ids = [place.last_id or b"0-0" for place in places.values()]
        # TYPE tells which streams are gone: reading those counts as misses, which must not look like the application's.
        kinds = [[b"TYPE", key] for key in places]
        read = exchange([b"XREAD", b"COUNT", count, b"STREAMS", *places, *ids], *kinds)
        found: list[tuple[bytes, list[Reply]]] = []
        for answer in await self.session.deployment.ask_all(read):
            if isinstance(answer, Failure):
                self._failure = answer
                return []
            reply, *types = answer.replies
            if not self._accepts(reply, dict(zip(places, types, strict=True))):
                return []
            found += [(key, entries) for key, entries in reply or () if key in self._places]
        self._moved = bool(found)
        return self._take(found, count)

    def _accepts(self, reply: Reply, kinds: dict[bytes, Reply]) -> bool:
        """Look at errors, and at what has become of the streams."""
        for key, kind in kinds.items():
            if kind == b"none":
                self._places[key] = _Place(b"0-0", 0)  # if it is made anew its ids may begin anywhere
            elif isinstance(kind, bytes) and kind != b"stream":
                self._places.pop(key, None)  # it became something else; XREAD does not tell which one it was
        self._failure = of_reply(reply, "+xread") if isinstance(reply, ReplyError) else None
        return self._failure is None

    def _take(self, found: Sequence[tuple[bytes, list[Reply]]], count: int) -> list[bytes]:
        """Keep what was read, merged by time; returns the streams that have more."""
        behind = [key for key, entries in found if len(entries) >= count]
        # What is newer than the last entry of a stream that has more would stand before entries still to come.
        ends = [entries[-1][0] for key, entries in found if key in behind]
        horizon = min((parse_id(end) for end in ends if time_of(end) is not None), default=None)
        lines: list[Raw] = []
        for key, entries in found:
            if horizon is not None and len(found) > 1 and time_of(entries[-1][0]) is not None:
                entries = [entry for entry in entries if parse_id(entry[0]) <= horizon]
            if entries:
                place = self._places[key]
                place.last_id = entries[-1][0]
                place.seen = None if place.seen is None else place.seen + len(entries)
                lines += lines_of(key, entries)
        self._keep(lines, merge=len(found) > 1)
        return behind

    def _keep(self, lines: list[Raw], *, merge: bool) -> None:
        if not lines:
            return
        if merge:
            lines.sort(key=lambda line: parse_id(line[1] or b"0"))
        size = sum(sum(map(len, line[2])) for line in lines[-MEAN_OVER:]) / len(lines[-MEAN_OVER:])
        self._mean_bytes += (size - self._mean_bytes) / 2
        self._came += len(lines)
        self._kept.extend(lines)

    def _hear(self, lines: list[Raw]) -> None:
        """Take in messages of channels."""
        self._heard = True
        self._came += len(lines)
        self._kept.extend(lines)

    async def _land(self, keys: Sequence[bytes], count: int) -> None:
        """Go to the newest entries of some streams, and note how many that leaves out."""
        questions: list[list[bytes | int]] = []
        count = max(1, min(count, int(REPLY_BYTES / max(1.0, self._mean_bytes))))
        for key in keys:
            questions += [[b"XINFO", b"STREAM", key], [b"XREVRANGE", key, b"+", b"-", b"COUNT", count]]
        lines: list[Raw] = []
        for answer in await self.session.deployment.ask_all(exchange(*questions)):
            if isinstance(answer, Failure):
                self._failure = answer
                return
            for key, info, entries in zip(keys, answer.replies[::2], answer.replies[1::2], strict=True):
                if isinstance(entries, ReplyError):
                    self._places.pop(key, None)
                    self._failure = of_reply(entries, "+xrevrange")
                elif key in self._places:
                    lines += self._landed(key, info, entries[::-1])
        self._keep(lines, merge=len(keys) > 1)

    def _landed(self, key: bytes, info: Reply, entries: list[Reply]) -> list[Raw]:
        """Go on behind these newest entries; returns those that were not shown, after a note of what was left out."""
        place = self._places[key]
        told = dict(zip(info[::2], info[1::2], strict=True)) if isinstance(info, list) else {}
        added: int | None = told.get(b"entries-added")
        note: list[Raw] = []
        if place.last_id is not None:
            shown = parse_id(place.last_id)
            entries = [entry for entry in entries if parse_id(entry[0]) > shown]
            skipped = None if added is None or place.seen is None else added - place.seen - len(entries)
            if skipped is None or skipped > 0:
                note = [(key, b"", (), skipped)]
        place.last_id = entries[-1][0] if entries else told.get(b"last-generated-id", b"0-0")
        place.seen = added
        return [*note, *lines_of(key, entries)]

    def _publish(self) -> None:
        now = self.session.clock.now()
        if now - self._counted_at >= 1.0:
            self._rate = self._came / (now - self._counted_at)
            self._came, self._counted_at = 0, now
        window = self._kept.shown
        heard = self.channels.listening
        failure = self._failure or heard.failure
        self.feed.publish(
            LiveTailing(
                lines=Lines(window.lines),
                first=window.first,
                generation=self._kept.generation,
                chosen=self.chosen,
                listening=heard,
                following=self._following,
                rate=self._rate,
                failure=failure,
            )
        )
