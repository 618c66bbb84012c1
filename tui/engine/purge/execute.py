"""From a plan to its receipt."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path

from tui import __version__
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.account import Book, Progress, Receipt, Speed
from tui.engine.purge.batches import BATCH, BATCH_BYTES, PLAIN_BATCH, Batch, Care, by_slot, cut, plain
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal, of_disk
from tui.engine.purge.keystore import BIG, Item, PlannedKeys
from tui.engine.purge.pacing import PASSING, Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.removing import Removal
from tui.engine.purge.request import Big, Target
from tui.engine.purge.watching import watched

LANES = 2
"""Connections at full speed: the server reads one batch while the other one is written to disk."""
SMALL = 2000
"""Keys up to which a second connection is not worth its making."""


async def execute(
    where: Where,
    plan: Plan,
    folder: Path | None,
    *,
    big: Big = Big.LEAVE,
    share: float = 1.0,
    rate: float | None = None,
    limit: int | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Progress | Receipt, None]:
    """Remove exactly the keys of the plan: progress, then one receipt.

    `folder` is where journals are kept. `big` matters with undo only. `share` is the largest fraction of each server's
    time to take, `rate` the most keys per second, `limit` the bytes that the journal may take. Set `stop` to end
    between two batches with a complete receipt; closing the iterator ends at once, and leaves an interrupted journal.
    When a node of a cluster is away for good, its keys are left, and the others go on.

    Raises:
        ValueError: there is no folder for the journal that the request asks for; or as `Pacer`.
    """
    if plan.request.undo and folder is None:
        raise ValueError("a purge with undo needs a folder for its journal")
    place = place_of(where)
    execution = _Execution(place, plan, big, share, rate, stop or asyncio.Event())
    async with aclosing(watched(execution.run(folder, limit), execution.progress, place.clock)) as steps:
        async for step in steps:
            yield step


@dataclass(slots=True)
class _Part:
    """The keys of one server, and what comes of them."""

    label: str
    """The server's; safe text."""
    keys: PlannedKeys
    book: Book = field(default_factory=Book)
    lanes: list[Removal] = field(default_factory=list)
    failure: Failure | None = None
    """Why its keys were left."""


class _Execution:
    def __init__(
        self, place: Place, plan: Plan, big: Big, share: float, rate: float | None, stop: asyncio.Event
    ) -> None:
        self._place = place
        self._plan = plan
        self._big = big
        self._stop = stop
        self._planned = len(plan.keys)
        members = plan.target.members or (plan.target,)
        self._parts = [_Part(one.label, keys) for one, keys in zip(members, plan.keys.parts, strict=True)]
        self._pacer = Pacer(place.nodes[0], share, rate)
        self._halted = False
        self._speed = Speed()

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts, seconds = Book.of_all(part.book for part in self._parts).counts, self._pacer.seconds
        patiences = [lane.patience for part in self._parts for lane in part.lanes]
        waiting = next((patience.waiting for patience in patiences if patience.waiting), None)
        speed = self._speed.at(seconds, counts.done)
        return Progress(counts, self._planned, speed, seconds, waiting)

    async def run(self, folder: Path | None, limit: int | None) -> Receipt:
        """Remove, and account for it."""
        failure: Failure | None = None
        journal: Journal | None = None
        with ExitStack() as stack:
            try:
                self._still_there()
                journal = self._open(folder, limit) if self._plan.request.undo and folder else None
                if journal is not None:
                    stack.callback(journal.close)
                await self._remove(journal)
            except Unavailable as error:
                failure = error.failure
            book = self._account()
            path, failure = self._close(journal, book, failure)
        return self._receipt(path, book, failure)

    def _still_there(self) -> None:
        if not Target.of(self._place).is_still(self._plan.target):
            raise Unavailable(
                Failure(
                    Kind.CHANGED, "the plan was made on another server process, or before its role changed: plan again"
                )
            )

    def _open(self, folder: Path, limit: int | None) -> Journal:
        """Begin the journal, unless it is clear from the start that it will not fit."""
        needed = self._plan.journal_bytes(self._big)
        if limit is not None and needed > limit:
            raise Unavailable(
                Failure(Kind.JOURNAL, f"the journal would take {needed:,} bytes, more than its limit of {limit:,}")
            )
        journal = Journal.create(folder, self._header())
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            journal.discard()
            raise of_disk(error) from None
        if needed > free:
            journal.discard()
            raise Unavailable(
                Failure(Kind.JOURNAL, f"the journal would take {needed:,} bytes; the disk has {free:,} left")
            )
        return journal

    def _header(self) -> Header:
        plan, request = self._plan, self._plan.request
        return Header(
            format=FORMAT,
            tool=f"redtop {__version__}",
            id=plan.id,
            made_at=self._place.clock.wall(),
            target=plan.target,
            prefix=request.name,
            exact=request.keys is not None,
            exclude=request.exclude,
            exclude_keys=len(request.exclude_keys),
            protected=request.protected,
            planned=self._planned,
        )

    async def _remove(self, journal: Journal | None) -> None:
        """Remove the keys of all servers at the same time.

        Raises:
            Unavailable: at least one of them could not go on.
        """
        for part in self._parts:
            self._prepare(part, journal)
        runs = [self._run(part, lane) for part in self._parts for lane in part.lanes]
        errors = [error for error in await asyncio.gather(*runs, return_exceptions=True) if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, Unavailable)):
            raise error

    def _prepare(self, part: _Part, journal: Journal | None) -> None:
        request = self._plan.request
        care = Care(request.undo, request.undo_secrets, self._big is Big.WITH_UNDO)
        run_id, batches = self._plan.target.run_id, self._batches(part)
        lanes = LANES if len(part.keys) > SMALL and self._pacer.is_full_speed else 1
        part.lanes = [
            Removal(self._place, run_id, batches, journal, self._pacer, care, part.book, self._told_to_stop)
            for _ in range(lanes)
        ]

    async def _run(self, part: _Part, lane: Removal) -> None:
        try:
            await lane.run()
        except Unavailable as error:
            part.failure = error.failure
            # The others end after the batch under way, unless it is only one node of several that is away.
            self._halted |= len(self._parts) == 1 or error.failure.kind not in PASSING
            raise
        except BaseException:
            self._halted = True
            raise

    def _told_to_stop(self) -> bool:
        return self._halted or self._stop.is_set()

    def _batches(self, part: _Part) -> Iterator[Batch]:
        """Cut the keys of a server into batches; in a cluster those of a batch are of one slot."""
        undo = self._plan.request.undo
        most = self._pacer.most(BATCH if undo else PLAIN_BATCH)
        spread = undo and not self._place.is_cluster
        items = self._kept(part, part.keys.spread(most) if spread else part.keys.items())
        for group in by_slot(items, most) if self._place.is_cluster else (items,):
            yield from cut(group, most, BATCH_BYTES) if undo else plain(group, most)

    def _kept(self, part: _Part, items: Iterator[Item]) -> Iterator[Item]:
        """Leave big keys out when they are to be left."""
        leaves = self._plan.request.undo and self._big is Big.LEAVE and self._plan.found.big_keys
        return self._without_big(part, items) if leaves else items

    def _without_big(self, part: _Part, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if item.flags & BIG:
                part.book.leave(item.key)
            else:
                yield item

    def _account(self) -> Book:
        """Add up what came of all keys; those without a word were not reached."""
        for part in self._parts:
            book = part.book
            skipped = len(part.keys) - book.counts.done - book.unknown
            if part.failure is not None and skipped > book.left and self._place.is_cluster:
                book.stay(skipped - book.left, f"left on {part.label}: {part.failure.sentence}")
            book.skipped = skipped
        return Book.of_all(part.book for part in self._parts)

    def _close(
        self, journal: Journal | None, book: Book, failure: Failure | None
    ) -> tuple[Path | None, Failure | None]:
        """End the journal; without an end mark when nobody knows what came of the last batch."""
        if journal is None:
            return None, failure
        if not journal.outline.batches:
            journal.discard()
            return None, failure
        if not book.unknown:
            try:
                journal.end({"removed": book.removed, "cancelled": self._is_cancelled(book)})
            except Unavailable as error:
                failure = failure or error.failure
        return journal.path, failure

    def _is_cancelled(self, book: Book) -> bool:
        return self._stop.is_set() and book.skipped > book.left

    def _receipt(self, journal: Path | None, book: Book, failure: Failure | None) -> Receipt:
        plan = self._plan
        return Receipt(
            plan_id=plan.id,
            target=plan.target,
            prefix=plan.request.name,
            planned=self._planned,
            counts=book.counts,
            reasons=tuple(book.reasons.most_common()),
            changed_keys=tuple(book.changed_keys),
            failed_keys=tuple(book.failed_keys),
            left_keys=tuple(book.left_keys),
            journal=journal,
            cancelled=self._is_cancelled(book),
            failure=failure,
            seconds=self._pacer.seconds,
        )
