"""From a plan to its receipt."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

from tui import __version__
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.account import Book, Progress, Receipt
from tui.engine.purge.batches import BATCH, BATCH_BYTES, PLAIN_BATCH, Batch, Care, by_slot, cut, plain
from tui.engine.purge.execution import Execution, Part
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal, of_disk
from tui.engine.purge.keystore import BIG, Item
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.removing import Removal
from tui.engine.purge.request import Big
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


class _Execution(Execution[Book]):
    def __init__(
        self, place: Place, plan: Plan, big: Big, share: float, rate: float | None, stop: asyncio.Event
    ) -> None:
        super().__init__(place, plan, Book, stop)
        self._big = big
        self._pacer = Pacer(place.nodes[0], share, rate)

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts, seconds = self._so_far.counts, self._pacer.seconds
        speed = self._speed.at(seconds, counts.done)
        return Progress(counts, self._planned, speed, seconds, self._waiting)

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
                for part in self._parts:
                    self._prepare(part, journal)
                await self._run_all()
            except Unavailable as error:
                failure = error.failure
            book = self._account()
            path, failure = self._close(journal, book, failure, {"removed": book.removed})
        return self._receipt(path, book, failure)

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

    def _prepare(self, part: Part[Book], journal: Journal | None) -> None:
        request = self._plan.request
        care = Care(request.undo, request.undo_secrets, self._big is Big.WITH_UNDO)
        run_id, batches = self._plan.target.run_id, self._batches(part)
        lanes = LANES if len(part.keys) > SMALL and self._pacer.is_full_speed else 1
        part.lanes = [
            Removal(self._place, run_id, batches, journal, self._pacer, care, part.book, self._told_to_stop)
            for _ in range(lanes)
        ]

    def _batches(self, part: Part[Book]) -> Iterator[Batch]:
        """Cut the keys of a server into batches; in a cluster those of a batch are of one slot."""
        undo = self._plan.request.undo
        most = self._pacer.most(BATCH if undo else PLAIN_BATCH)
        spread = undo and not self._place.is_cluster
        items = self._kept(part, part.keys.spread(most) if spread else part.keys.items())
        for group in by_slot(items, most) if self._place.is_cluster else (items,):
            yield from cut(group, most, BATCH_BYTES) if undo else plain(group, most)

    def _kept(self, part: Part[Book], items: Iterator[Item]) -> Iterator[Item]:
        """Leave big keys out when they are to be left."""
        leaves = self._plan.request.undo and self._big is Big.LEAVE and self._plan.found.big_keys
        return self._without_big(part, items) if leaves else items

    def _without_big(self, part: Part[Book], items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if item.flags & BIG:
                part.book.leave(item.key)
            else:
                yield item

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
