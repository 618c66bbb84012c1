"""Testing schemas on a live keyspace: one pass, a closer look, and everything they found as plain values."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.engine.address import Address
from tui.engine.estimate import Sample
from tui.engine.failure import Failure, Unavailable
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Family as Stranger
from tui.engine.keyspace import family_of
from tui.engine.node import Node
from tui.engine.schema.asking import Asker
from tui.engine.schema.closer import Closer
from tui.engine.schema.drift import Drift
from tui.engine.schema.findings import Finding
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Family, Schema
from tui.engine.schema.scan import Gentle, Scanned, scan, together
from tui.engine.session import Options, Session
from tui.settings import Settings

LOOK = 1.5
"""Seconds that a look reads keys, unless every one is to be read."""
FULL_SPEED = 1.0


@dataclass(frozen=True, slots=True)
class Present:
    """A family of a schema, and what there is of it."""

    family: Family
    keys: int
    """Scaled up to the whole keyspace; 0 when no key of it was seen."""
    keys_error: float
    """Half-width of the 95 % interval; 0 when counted."""
    bytes: int | None
    """Of all its keys; None when the server does not tell."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test has found."""

    address: Address
    schemas: tuple[Schema, ...]
    dbsize: int
    """Keys there are that this user may look at."""
    scanned: int
    """Keys read."""
    complete: bool
    """Whether every key was read: then all numbers are exact, except those that rest on a sample of values."""
    elapsed: float
    """Seconds."""
    present: tuple[Present, ...]
    """Every family of the schemas, in their order."""
    unknown: int
    """Keys that no schema knows."""
    unknown_error: float
    strangers: tuple[Stranger, ...]
    """The families that these keys form, biggest first."""
    findings: tuple[Finding, ...]
    """The worst first."""
    interrupted: bool
    """Whether a person ended it early."""
    notes: tuple[str, ...]
    """What could not be looked at: sentences of safe text."""

    @property
    def matched(self) -> int:
        """Keys that belong to a family of the schemas."""
        return sum(one.keys for one in self.present)

    @property
    def fits(self) -> bool:
        """Whether the keyspace is as the schemas say: some keys belong to them, and nothing departs."""
        return self.matched > 0 and not self.findings


async def test(
    settings: Settings, schemas: Sequence[Schema], *, exact: bool, stop: asyncio.Event
) -> Tested | Failure | None:
    """Test schemas on the keyspace that the settings name.

    Args:
        settings: where to look; its share of the server's time, unless an exact test was given none.
        schemas: what the keyspace should be like.
        exact: read every key.
        stop: when set, the test ends with what is known.

    Returns:
        what was found; why nothing was; None when it was stopped before there was anything.
    """
    share = FULL_SPEED if exact and not settings.scan_share_given else settings.scan_share
    session = Session(settings.address, Options(scan_share=share, delimiter=settings.delimiter))
    tester = _Tester(session, schemas, share=share, exact=exact, stop=stop)
    async with asyncio.TaskGroup() as group:  # a programming error in the session ends the test loudly
        running = group.create_task(session.run())
        try:
            return await tester.test()
        except Unavailable as error:
            return error.failure
        finally:
            running.cancel()


class _Tester:
    """Waits in a session for what a test needs."""

    def __init__(
        self, session: Session, schemas: Sequence[Schema], *, share: float, exact: bool, stop: asyncio.Event
    ) -> None:
        delimiter = session.options.delimiter
        self._session = session
        self._share = share
        self._exact = exact
        self._stop = stop
        self._started = session.clock.now()
        chance = random.Random()
        self._drift = Drift(Matcher(schemas), chance, Shaper(delimiter.encode() if delimiter else None))
        self._asker = Asker(session.deployment.ask, self._gentle(session.deployment.nodes[0]).rest, chance)
        self._closer = Closer(self._drift, self._asker, self._sleep)

    async def test(self) -> Tested | Failure | None:
        """See `test`."""
        nodes = await self._session.deployment.known()
        await self._closer.begin()
        enough = self._enough()
        scans = (scan(node, self._drift, self._gentle(node), enough) for node in nodes)
        scanned = together(await asyncio.gather(*scans))
        if scanned.failure is not None:
            return scanned.failure
        if self._stop.is_set() and not scanned.keys:
            return None
        # The closer look has a burst of its own, and rests after it.
        self._asker.rest = self._gentle(nodes[0]).rest
        found = await self._closer.findings(scanned.population, complete=scanned.complete)
        return self._summed_up(scanned, found)

    def _gentle(self, node: Node) -> Gentle:
        return Gentle(node, self._share)

    def _enough(self) -> Callable[[], bool]:
        clock = self._session.clock
        until = clock.now() + LOOK
        return lambda: self._stop.is_set() or (not self._exact and clock.now() >= until)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than the person does."""
        await self._session.pace.rest(seconds, self._stop.wait())

    def _summed_up(self, scanned: Scanned, found: Sequence[Finding]) -> Tested:
        drift, population = self._drift, scanned.population
        unknown, error = drift.population_of(drift.unknown, population)
        notes = [scanned.note, *self._closer.notes]
        if self._session.deployment.is_cluster and not scanned.complete:
            notes.append("in a cluster keys that share a slot come together: --exact reads every key and is sure")
        if scanned.refused:
            notes.append(f"{scanned.refused} keys are left out: this user may not read them")
        if self._stop.is_set() and not scanned.complete:
            notes.append("stopped before every key was read: this is what was known by then")
        return Tested(
            address=self._session.deployment.address,
            schemas=drift.matcher.schemas,
            dbsize=population,
            scanned=scanned.keys,
            complete=scanned.complete,
            elapsed=self._session.clock.now() - self._started,
            present=tuple(self._present(family, population, sized=scanned.note is None) for family in drift.seen),
            unknown=unknown,
            unknown_error=error,
            strangers=self._strangers(unknown, sized=scanned.note is None),
            findings=tuple(found),
            interrupted=self._stop.is_set(),
            notes=tuple(note for note in notes if note),
        )

    def _present(self, family: Family, population: int, *, sized: bool) -> Present:
        seen = self._drift.seen[family]
        keys, error = self._drift.population_of(seen.keys, population)
        size, _ = self._drift.population_of(seen.size, population)
        return Present(family, keys, error if keys else 0.0, size if sized else None)

    def _strangers(self, unknown: int, *, sized: bool) -> tuple[Stranger, ...]:
        families = self._drift.strangers
        assert families is not None
        sample = Sample.alike(families.pages, max(unknown, families.pages.keys))
        found = [family_of(*one, sample, sized=sized) for one in families.folded().items()]
        return tuple(sorted(found, key=lambda family: (-family.keys, family.shape)))
