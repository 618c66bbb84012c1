"""From a journal back to the keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.account import Speed
from tui.engine.purge.journal import Journal
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.request import Target
from tui.engine.purge.restoring import Restoration, UndoCounts
from tui.engine.purge.watching import watched


@dataclass(frozen=True, slots=True)
class UndoProgress:
    """How far it has come."""

    counts: UndoCounts
    total: int
    keys_per_s: float
    seconds: float
    waiting: Failure | None
    """Why it does not go on just now."""


@dataclass(frozen=True, slots=True)
class UndoReceipt:
    """The complete account of an undo. What was done in earlier attempts is counted as well."""

    path: Path
    total: int
    counts: UndoCounts
    reasons: tuple[tuple[str, int], ...]
    recreated_keys: tuple[bytes, ...]
    """Some of them, as the next."""
    failed_keys: tuple[bytes, ...]
    restarted: bool
    """Whether another process answers than the one the keys were removed from."""
    cancelled: bool
    failure: Failure | None
    """Why it ended before its end; it goes on from there when asked again."""
    seconds: float


async def undo(
    where: Where,
    path: Path,
    *,
    elsewhere: bool = False,
    share: float = 1.0,
    rate: float | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[UndoProgress | UndoReceipt, None]:
    """Bring back what a purge has removed: progress, then one receipt.

    `elsewhere` allows another server or database than the keys came from. Share, rate and stop are as in `execute`.

    Raises:
        ValueError: as `Pacer`.
    """
    place = place_of(where)
    work = _Undo(place, path, Pacer(place.nodes[0], share, rate), stop or asyncio.Event(), elsewhere=elsewhere)
    async with aclosing(watched(work.run(), work.progress, place.clock)) as steps:
        async for step in steps:
            yield step


class _Undo:
    def __init__(self, place: Place, path: Path, pacer: Pacer, stop: asyncio.Event, *, elsewhere: bool) -> None:
        self._place = place
        self._path = path
        self._pacer = pacer
        self._stop = stop
        self._elsewhere = elsewhere
        self._speed = Speed()
        self._restarted = False
        self._restoration: Restoration | None = None

    @property
    def _counts(self) -> UndoCounts:
        return self._restoration.counts if self._restoration else UndoCounts()

    @property
    def _total(self) -> int:
        return self._restoration.total if self._restoration else 0

    def progress(self) -> UndoProgress:
        """Return how far it has come."""
        counts, seconds = self._counts, self._pacer.seconds
        waiting = self._restoration.patience.waiting if self._restoration else None
        return UndoProgress(counts, self._total, self._speed.at(seconds, counts.done), seconds, waiting)

    async def run(self) -> UndoReceipt:
        """Bring everything back, and account for it."""
        failure: Failure | None = None
        with ExitStack() as stack:
            try:
                journal = await asyncio.to_thread(Journal.reopen, self._path)
                stack.callback(journal.close)
                self._check(journal)
                self._restoration = Restoration(self._place, journal, self._pacer, self._stop)
                await self._restoration.run()
            except Unavailable as error:
                failure = error.failure
        return self._receipt(failure)

    def _check(self, journal: Journal) -> None:
        there, here = journal.outline.header.target, Target.of(self._place)
        if not here.is_at(there) and not self._elsewhere:
            place = f"{there.label} db {there.db}"
            raise Unavailable(Failure(Kind.JOURNAL, f"the journal is of {place}: connect there to undo it"))
        self._restarted = here.run_ids != there.run_ids

    def _receipt(self, failure: Failure | None) -> UndoReceipt:
        counts, done = self._counts, self._restoration
        return UndoReceipt(
            path=self._path,
            total=self._total,
            counts=counts,
            reasons=tuple(done.reasons.most_common()) if done else (),
            recreated_keys=tuple(done.recreated_keys) if done else (),
            failed_keys=tuple(done.failed_keys) if done else (),
            restarted=self._restarted,
            cancelled=self._stop.is_set() and counts.remaining > 0,
            failure=failure,
            seconds=self._pacer.seconds,
        )
