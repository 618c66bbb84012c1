"""What lies ahead: how long keys have left, cliffs, and when the memory is full."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tui.engine.expiry.cliffs import Cliff, ExpirySample, by_shape, cliffs_of
from tui.engine.expiry.filling import Filling, filling_of
from tui.engine.expiry.lifetimes import Lifetimes
from tui.engine.keyshape import Shape, Shaper
from tui.engine.keyspace import Family, Keyspace
from tui.engine.printable import parse_printable
from tui.engine.session import Collector, Session
from tui.engine.shapes import Shapes
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse

AGAIN = 5.0
"""Seconds between two searches for cliffs, which take some ten milliseconds."""
STALE = 60.0
"""Seconds after which the keys of a pass that is complete are news of yesterday..."""
ENOUGH = 2000
"""...once so many of the pass under way have been seen."""


@dataclass(frozen=True, slots=True)
class FamilyCliff:
    """A cliff of a family of the survey."""

    family: Family
    cliff: Cliff

    @property
    def keys(self) -> float:
        """Keys that expire at once, scaled up."""
        return self.cliff.share * self.family.keys

    @property
    def keys_error(self) -> float:
        """Half-width of their 95 % interval; 0 when counted."""
        return math.hypot(self.cliff.error * self.family.keys, self.cliff.share * self.family.keys_error)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the page of expiries shows."""

    keyspace: Keyspace
    cliffs: tuple[FamilyCliff, ...]
    """The next first."""
    filling: Filling
    wall: float
    """Wall-clock seconds of this snapshot."""

    def family(self, shape: Sequence[str] | None) -> Family | None:
        """Return the family of that shape, if it is there."""
        return next((family for family in self.keyspace.families if family.shape == shape), None)

    def lifetimes(self, shape: Sequence[str] | None) -> Lifetimes:
        """Return how long the keys of a family have left; of all keys when there is no such family."""
        family = self.family(shape)
        return self.keyspace.lifetimes if family is None else family.lifetimes


class Outlooks(Collector[Outlook]):
    """Looks ahead for as long as somebody watches; an observer of the survey."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        delimiter = session.options.delimiter
        self._shaper = Shaper(delimiter.encode() if delimiter else None)
        self._survey = session.of(Survey)
        self._pulse = session.of(Pulse)
        self._chance = Random()
        self._sample = ExpirySample(self._chance)
        """Of the pass under way."""
        self._last: ExpirySample | None = None
        """Of the last pass that was complete..."""
        self._last_whole = False
        """...whether it has every key..."""
        self._last_at = -math.inf
        """...and when that pass ended."""
        self._cliffs: tuple[FamilyCliff, ...] = ()
        self._looked_at = -math.inf
        self._survey.observe(self)

    async def run(self) -> None:
        """Publish at every tick while watched."""
        async for _ in self.ticks(self._survey.feed):
            if self._last is None and not self._sample.keys:
                self.session.pace.nudge()  # a survey that rests between two passes begins the next one
            if self._survey.feed.latest is None:
                await self._survey.feed.changed()
            keyspace = self._survey.feed.latest
            assert keyspace is not None
            wall, now = self.session.clock.wall(), self.session.clock.now()
            if now - self._looked_at >= AGAIN or self._last is None:
                self._looked_at = now
                self._cliffs = self._find(keyspace, wall)
            ahead = tuple(one for one in self._cliffs if one.cliff.at > wall)
            vitals = self._pulse.feed.latest
            filling = filling_of(vitals.history if vitals else (), keyspace.lifetimes)
            self.feed.publish(Outlook(keyspace, ahead, filling, wall))

    # -- an observer of the survey --------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Begin another sample."""
        self._sample = ExpirySample(self._chance)

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        """Keep some keys of a page, while somebody watches."""
        if self.feed.watched:
            self._sample.take(keys, ttls_ms, self._shaper, self.session.clock.wall())

    def end(self, keys: int) -> None:
        """Take note that the pass has read everything."""
        if self._sample.keys:
            self._last, self._last_at = self._sample, self.session.clock.now()
            self._last_whole = self._sample.is_whole and self._sample.keys >= keys

    # -- cliffs ---------------------------------------------------------------------------------------------------

    def _find(self, keyspace: Keyspace, wall: float) -> tuple[FamilyCliff, ...]:
        sample, whole = self._basis()
        families = {tuple(map(parse_printable, family.shape)): family for family in keyspace.families}
        shapes = Shapes(families)
        times: dict[Shape, list[float]] = defaultdict(list)
        for shape, some in by_shape(sample.rows).items():
            family = shapes.family_of(shape)
            if family is not None:
                times[family] += some
        found = [
            FamilyCliff(families[shape], cliff)
            for shape, some in times.items()
            for cliff in cliffs_of(some, wall, whole=whole)
        ]
        return tuple(sorted(found, key=lambda one: (one.cliff.at, one.family.shape)))

    def _basis(self) -> tuple[ExpirySample, bool]:
        """Return the sample that tells most, and whether it has every key."""
        stale = self.session.clock.now() - self._last_at > STALE and self._sample.keys >= ENOUGH
        return (self._sample, False) if self._last is None or stale else (self._last, self._last_whole)
