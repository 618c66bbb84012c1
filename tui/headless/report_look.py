"""Taking one look: a session that lasts until enough is known, and everything it found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tui.engine.address import Address
from tui.engine.failure import Failure, Kind
from tui.engine.feed import Feed
from tui.engine.footprint import Footprint
from tui.engine.keyspace import Keyspace
from tui.engine.node import Phase
from tui.engine.secrecy import Secrecy, masked
from tui.engine.session import Options, Session
from tui.engine.streams.board import StreamBoard
from tui.engine.streams.overview import PER_TICK, StreamList, Streams
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse, Sample, Vitals
from tui.settings import Settings, schemas_of

LOOK = 1.5
"""Seconds a look takes at least: rates need an interval, and a big keyspace its first picture."""
INTERVAL = 0.5
"""Seconds between refreshes meanwhile."""
HURRY = 0.1
"""Seconds between refreshes at the end, when only streams are left to be asked."""
PATIENCE = 5.0
"""Seconds that a server may be away or loading in the middle of an exact count before it is given up."""
FIRST_PICTURE = 1.0
"""Seconds that ctrl-c waits for the first picture: without one there would be nothing to print."""
FULL_SPEED = 1.0
GENTLE = 0.05
"""Share of the server's time for the survey that goes on behind the last questions, when all was counted."""

Show = Callable[[Keyspace], None]
"""Takes the picture so far, now and then."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found."""

    address: Address
    vitals: Vitals
    """As of the end; `now` is of the last time the server told, and `totals` of all the time it was looked at."""
    keyspace: Keyspace
    streams: Streams
    footprint: Footprint
    elapsed: float
    """Seconds from the beginning to the picture of the keyspace."""
    at: float
    """Wall-clock seconds at its end."""
    interrupted: bool
    """Whether a person ended it early."""
    failure: Failure | None
    """What ended it early otherwise."""
    notes: tuple[str, ...]
    """What is missing or special, in sentences of safe text."""


async def look(settings: Settings, *, exact: bool, stop: asyncio.Event, show: Show) -> Look | Failure | None:
    """Look at a server.

    Args:
        settings: where to look; its share of the server's time, unless an exact look was given none.
        exact: look until a pass over all keys is complete.
        stop: when set, the look ends with what is known.
        show: called now and then with the picture so far.

    Returns:
        what was found; why nothing was; None when it was stopped before there was anything.
    """
    full_speed = exact and not settings.scan_share_given
    share = FULL_SPEED if full_speed else settings.wanted_share
    schemas = schemas_of(settings.schemas)
    session = Session(settings.address, Options(INTERVAL, share, settings.delimiter, schemas=schemas))
    looker = _Looker(session, exact=exact, stop=stop, show=show)
    async with asyncio.TaskGroup() as group:  # a programming error in the session ends the look loudly
        running = group.create_task(session.run())
        found = await looker.look()
        running.cancel()
    return found


class _Looker:
    """Waits in a session for what a report needs."""

    def __init__(self, session: Session, *, exact: bool, stop: asyncio.Event, show: Show) -> None:
        self._session = session
        self._exact = exact
        self._stop = stop
        self._show = show
        self._pulse = session.of(Pulse)
        self._survey = session.of(Survey)
        self._streams = session.of(StreamList)
        self._started = session.clock.now()
        self._failing_since: float | None = None
        self._complete: Keyspace | None = None
        self._elapsed = 0.0

    async def look(self) -> Look | Failure | None:
        """Look until enough is known; see `look`."""
        pulse, survey = self._pulse.feed, self._survey.feed
        with survey.hold(), self._streams.feed.hold():
            if not await self._until(lambda: pulse.latest is not None, pulse):
                return None
            if failure := self._unreachable():
                return failure
            if not await self._until(self._seen_enough, survey) and survey.latest is None:
                await self._session.pace.rest(FIRST_PICTURE, survey.changed())
            return await self._finish()

    async def _until(self, ready: Callable[[], bool], feed: Feed[Any]) -> bool:
        """Wait until something is so; False when stopped first."""
        while not ready():
            if self._stop.is_set():
                return False
            await self._session.pace.rest(INTERVAL / 2, self._stop.wait(), feed.changed())
        return True

    def _unreachable(self) -> Failure | None:
        """Say why there is no connection. A user who may not ask for vitals can still be told about keys."""
        vitals, worst = self._pulse.feed.latest, self._session.deployment.state.worst
        if vitals is None or _told(vitals) is None:
            return None
        return worst.failure or vitals.failure

    def _seen_enough(self) -> bool:
        keyspace, now = self._survey.feed.latest, self._session.clock.now()
        if keyspace is None:
            return False
        if keyspace.complete and self._complete is None and self._exact:
            self._complete, self._elapsed = keyspace, now - self._started
            self._survey.share = min(self._survey.share, GENTLE)
        self._show(keyspace)
        looked = now - self._started >= LOOK
        return self._hopeless(keyspace, now) or (looked and (not self._exact or self._complete is not None))

    def _hopeless(self, keyspace: Keyspace, now: float) -> bool:
        """Whether waiting for the server is of no use any more."""
        if keyspace.failure is None:
            self._failing_since = None
            return False
        if self._failing_since is None:
            self._failing_since = now
        return keyspace.failure.kind is Kind.DENIED or now - self._failing_since > PATIENCE

    async def _finish(self) -> Look | Failure | None:
        keyspace = self._complete or self._survey.feed.latest
        if self._complete is None:
            self._elapsed = self._session.clock.now() - self._started
        if keyspace and keyspace.failure is None and not self._stop.is_set():
            await self._ask_streams(keyspace)
        vitals = await self._pulse.take()
        failure = (keyspace and keyspace.failure) or _told(vitals)
        if keyspace is None or (failure is not None and not keyspace.scanned):
            return failure
        streams, denied = await self._with_details(self._streams.feed.latest or Streams((), 0.0))
        return Look(
            address=self._session.deployment.address,
            vitals=replace(vitals, now=_last_known(vitals)),
            keyspace=_masked(keyspace, self._session.secrecy),
            streams=streams,
            footprint=self._session.deployment.footprint,
            elapsed=self._elapsed,
            at=self._session.clock.wall(),
            interrupted=self._stop.is_set(),
            failure=failure,
            notes=(*_notes(keyspace, vitals, streams, interrupted=self._stop.is_set()), *denied),
        )

    async def _with_details(self, streams: Streams) -> tuple[Streams, Sequence[str]]:
        """Add sizes, oldest pending entries and consumers; returns, too, which permissions that lacks."""
        if self._stop.is_set():
            return streams, ()
        board = await self._session.of(StreamBoard).once(streams)
        detailed = {stream.key: stream for stream in board.streams}
        return replace(streams, streams=tuple(detailed[stream.key] for stream in streams.streams)), board.denied

    async def _ask_streams(self, keyspace: Keyspace) -> None:
        """Wait until every stream was asked about once; they take turns, so many take several."""
        feed, wanted = self._streams.feed, set(keyspace.streams)
        self._session.pace.interval = HURRY
        for _ in range(2 + len(wanted) // PER_TICK):
            known = {stream.key for stream in feed.latest.streams} if feed.latest else set()
            if wanted <= known or self._stop.is_set():
                return
            await self._session.pace.rest(PATIENCE, self._stop.wait(), feed.changed())


def _told(vitals: Vitals) -> Failure | None:
    """Return why there are no vitals, unless it is only a permission."""
    denied = vitals.failure and vitals.failure.kind is Kind.DENIED and vitals.state.worst.phase is Phase.LIVE
    return None if denied else vitals.failure


def _last_known(vitals: Vitals) -> Sample:
    """Return the last sample with values: the server may have gone meanwhile."""
    return next((sample for sample in reversed(vitals.history) if sample.used is not None), vitals.now)


def _notes(keyspace: Keyspace, vitals: Vitals, streams: Streams, *, interrupted: bool) -> tuple[str, ...]:
    found: list[str | None] = []
    if interrupted and not keyspace.complete:
        found.append("stopped before every key was read: this is what was known by then")
    if vitals.failure and vitals.failure.kind is Kind.DENIED:
        found.append(f"no vitals: {vitals.failure.sentence}")
    found += [keyspace.denied, keyspace.restarted]
    found += [stream.denied for stream in streams.streams]
    return tuple(dict.fromkeys(note for note in found if note))


def _masked(keyspace: Keyspace, secrecy: Secrecy) -> Keyspace:
    """Leave no secret in the names of keys and families: a report is printed, kept and sent on."""
    masks = secrecy.masks(family.pattern for family in keyspace.families)
    families = tuple(
        replace(family, shape=tuple(masked(part, masks) for part in family.shape)) for family in keyspace.families
    )
    biggest = tuple(
        replace(big, key=secrecy.shown(big.key).encode()) if secrecy.hides_name(big.key) else big
        for big in keyspace.biggest
    )
    return replace(keyspace, families=families if masks else keyspace.families, biggest=biggest)
