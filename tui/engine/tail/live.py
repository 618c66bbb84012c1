"""The live tail of the Streams page: everything that is added to the chosen streams, at any speed, in bounded memory.

It reads every entry as long as this machine keeps up (one stream of 50,000 entries/s is read whole), in replies that
are small enough that keys and pictures come in between. When it falls behind all the same it jumps to the newest
entries and says how many it left out. It can also leave the present: go to an id or a time, and read on from there
page by page, in both directions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.failure import Failure
from tui.engine.session import Collector, Session
from tui.engine.streams.ids import Id, id_bytes
from tui.engine.tail.channels import Channels, Listening
from tui.engine.tail.places import Place, Places
from tui.engine.tail.window import Kept, Lines, Match, Raw

FIRST = 100
"""Entries shown of the past of streams that are chosen."""
MOST = 300
"""Entries per stream and reply while following: parsing them takes a millisecond, and a key pressed meanwhile has to
wait for several of them in turn."""
PAGE = 1000
"""The same when a person reads on from a place."""
MOST_PAGES = 10
"""Pages that are read for one that passes the filter; then a person has to ask for more."""
EVERY = 0.25
"""Seconds between looks while something comes: lively, and a stream of single entries costs four reads a second."""
AT_ONCE = 0.1
"""Seconds of reading without a pause before what has come is shown."""
PATIENT = 20
"""Times in a row that this may happen before the tail gives up keeping pace, and jumps."""
LANDED = 500
"""Entries shown after a jump."""
SIFT = 0.005
"""Seconds for which a filter looks at lines before a key may come in between."""


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
    earlier: bool = False
    """Whether there may be something before the first line, to be asked for."""
    sifting: bool = False
    """Whether the filter has not looked at all that is kept yet."""
    sought: bytes | None = None
    """With a filter: the id down to which a search beyond what is kept has come; None when there was none."""


class LiveTail(Collector[LiveTailing]):
    """Reads the chosen streams and channels while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._places = Places(session.deployment)
        self._kept = Kept()
        self._following = True
        self._reading = asyncio.Lock()
        self._late = 0
        """Times in a row that there was more to read than time."""
        self._heard = False
        """Whether a message came since the last look."""
        self._sought = False
        """Whether the filter was asked to look beyond what is kept."""
        self._came = 0
        self._counted_at = session.clock.now()
        self._rate: float | None = None
        self.channels = session.of(Channels)
        """Channels and patterns that are listened to."""
        self.channels.hear = self._hear

    @property
    def chosen(self) -> tuple[bytes, ...]:
        """The streams that are read."""
        return tuple(self._places.by_key)

    @property
    def following(self) -> bool:
        """Whether it is in the present."""
        return self._following

    def choose(self, keys: Sequence[bytes], *, alone: bool = False) -> None:
        """Read these streams from their newest entries on; with `alone` what was shown of others goes."""
        if tuple(keys) == self.chosen and self._following:
            return
        there = self._places.by_key
        if alone or not self._following:
            there = {}
            self._kept.clear()
        self._places.by_key = {key: there.get(key, Place()) for key in keys}
        self._following, self._sought, self._places.failure = True, False, None
        self._publish()
        self.session.pace.nudge()

    async def filter_by(self, match: Match | None) -> None:
        """Show only what passes; None shows all that is kept. Keys come in between while it looks at that."""
        self._kept.filter_by(match)
        self._places.search(on=match is not None)
        self._sought = False
        self._publish()
        while self._kept.sifting:
            self._sift()
            self._publish()
            await self.session.clock.sleep(SIFT)

    async def go(self, place: Id) -> None:
        """Leave the present: show what was added from this id on."""
        async with self._reading:
            self._following = self._sought = False
            self._kept.clear()
            self._places.go(place)
            await self._read_page()
        self._publish()

    async def more(self) -> None:
        """Read the next page after `go`; at the end the tail is in the present again, and follows."""
        async with self._reading:
            if not self._following:
                await self._read_page()
        self._publish()

    async def earlier(self) -> None:
        """Read the page before what is kept; what has to go for it is newer, and then the present is left."""
        async with self._reading:
            for _ in range(MOST_PAGES):
                if not self._places.has_earlier or (self._kept.filtered and self._kept.shown.full):
                    break
                lines = await self._places.read_back(PAGE)
                passing = self._kept.passing(lines)
                if gone := self._kept.prepend(passing):
                    self._following = False
                    self._places.forget_later(gone)
                self._sought = self._kept.filtered
                self._publish()
                if passing or self._places.failure is not None:
                    break
        self._publish()

    async def newest(self) -> None:
        """Come back to the present."""
        async with self._reading:
            self._following, self._sought = True, False
            self._kept.clear()
            self._places.by_key = {key: Place() for key in self.chosen}
            self._keep(await self._places.land(self.chosen, FIRST))
        self._publish()

    async def run(self) -> None:
        """Read at every tick, and more often while entries come."""
        pace = self.session.pace
        async for _ in self.ticks(self.channels.feed):
            busy = True
            while busy and self.feed.watched and not pace.paused:
                async with self._reading:
                    busy = self._following and await self._catch_up()
                self._sift()
                self._publish()
                await self.feed.shown()
                if pace.interval <= EVERY or not busy:
                    break
                await pace.rest(0.0 if self._late else EVERY)

    async def _catch_up(self) -> bool:
        """Read what has come, for a short while; returns whether anything came."""
        began = self.session.clock.now()
        new = self._places.new
        if new:
            self._keep(await self._places.land(new, FIRST))
        came = bool(new) or self._heard
        self._heard = False
        while True:
            lines = await self._places.read(MOST)
            self._came += len(lines)
            self._keep(lines)
            came = came or bool(lines)
            if not self._places.behind:
                self._late = 0
                return came
            if self.session.clock.now() - began > AT_ONCE:
                self._late += 1
                if self._late > PATIENT:
                    self._late = 0
                    self._keep(await self._places.land(self._places.behind, LANDED))
                return True

    async def _read_page(self) -> None:
        """Read on until something passes the filter, or the present is reached."""
        for _ in range(MOST_PAGES):
            before = len(self._kept.shown.lines)
            self._keep(await self._places.read(PAGE))
            while self._kept.sifting:
                self._sift()
                await self.session.clock.sleep(SIFT)
            if self._places.failure is not None:
                return
            if not self._places.behind:
                self._following = True
                return
            if len(self._kept.shown.lines) > before:
                return

    def _keep(self, lines: Sequence[Raw]) -> None:
        self._places.forget_earlier(self._kept.extend(lines))

    def _sift(self) -> None:
        """Let the filter look at what it has not seen, for a short while."""
        clock = self.session.clock
        end = clock.now() + SIFT
        self._places.forget_earlier(self._kept.sift(lambda: clock.now() >= end), found=True)

    def _hear(self, lines: list[Raw]) -> None:
        """Take in messages of channels: they are of the present, and have no place in the past."""
        if self._following:
            self._heard = True
            self._came += len(lines)
            self._keep(lines)

    def _publish(self) -> None:
        now = self.session.clock.now()
        if now - self._counted_at >= 1.0:
            self._rate = self._came / (now - self._counted_at)
            self._came, self._counted_at = 0, now
        window, heard, sought = self._kept.shown, self.channels.listening, self._places.sought
        self.feed.publish(
            LiveTailing(
                lines=Lines(window.lines),
                first=window.first,
                generation=self._kept.generation,
                chosen=self.chosen,
                listening=heard,
                following=self._following,
                rate=self._rate,
                failure=self._places.failure or heard.failure,
                earlier=self._places.has_earlier,
                sifting=self._kept.sifting,
                sought=id_bytes(sought or (0, 0)) if self._sought else None,
            )
        )
