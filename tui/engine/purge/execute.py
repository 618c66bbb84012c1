"""From a plan to its receipt."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

from tui import __version__
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.node import Node
from tui.engine.purge.account import Book, Progress, Receipt, Speed
from tui.engine.purge.batches import BATCH, BATCH_BYTES, PLAIN_BATCH, Batch, Care, cut, plain
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal, of_disk
from tui.engine.purge.keystore import BIG, Item
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.removing import Removal
from tui.engine.purge.request import Big, Target
from tui.engine.purge.watching import watched

LANES = 2
"""Connections at full speed: the server reads one batch while the other one is written to disk."""
SMALL = 2000
"""Keys up to which a second connection is not worth its making."""


async def execute(
    node: Node,
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

    `folder` is where journals are kept. `big` matters with undo only. `share` is the largest fraction of the server's
    time to take, `rate` the most keys per second, `limit` the bytes that the journal may take. Set `stop` to end
    between two batches with a complete receipt; closing the iterator ends at once, and leaves an interrupted journal.

    Raises:
        ValueError: there is no folder for the journal that the request asks for; or as `Pacer`.
    """
    if plan.request.undo and folder is None:
        raise ValueError("a purge with undo needs a folder for its journal")
    execution = _Execution(node, plan, big, Pacer(node, share, rate), stop or asyncio.Event())
    async with aclosing(watched(execution.run(folder, limit), execution.progress, node.clock)) as steps:
        async for step in steps:
            yield step


class _Execution:
    def __init__(self, node: Node, plan: Plan, big: Big, pacer: Pacer, stop: asyncio.Event) -> None:
        self._node = node
        self._plan = plan
        self._big = big
        self._pacer = pacer
        self._stop = stop
        self._planned = len(plan.keys)
        self._lanes: list[Removal] = []
        self._halted = False
        self._book = Book()
        self._speed = Speed()

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts, seconds = self._book.counts, self._pacer.seconds
        waiting = next((lane.patience.waiting for lane in self._lanes if lane.patience.waiting), None)
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
            path, failure = self._close(journal, failure)
        return self._receipt(path, failure)

    def _still_there(self) -> None:
        if not Target.of(self._node).is_still(self._plan.target):
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
            made_at=self._node.clock.wall(),
            target=plan.target,
            prefix=request.name,
            exact=request.keys is not None,
            exclude=request.exclude,
            exclude_keys=len(request.exclude_keys),
            protected=request.protected,
            planned=self._planned,
        )

    async def _remove(self, journal: Journal | None) -> None:
        request, run_id = self._plan.request, self._plan.target.run_id
        care = Care(request.undo, request.undo_secrets, self._big is Big.WITH_UNDO)
        batches = self._batches()
        lanes = LANES if self._planned > SMALL and self._pacer.is_full_speed else 1
        self._lanes = [
            Removal(self._node, run_id, batches, journal, self._pacer, care, self._book, self._told_to_stop)
            for _ in range(lanes)
        ]
        for error in await asyncio.gather(*(self._run(lane) for lane in self._lanes), return_exceptions=True):
            if error is not None:
                raise error

    async def _run(self, lane: Removal) -> None:
        try:
            await lane.run()
        except BaseException:
            self._halted = True  # the others end after the batch under way
            raise

    def _told_to_stop(self) -> bool:
        return self._halted or self._stop.is_set()

    def _batches(self) -> Iterator[Batch]:
        undo = self._plan.request.undo
        most = self._pacer.most(BATCH if undo else PLAIN_BATCH)
        if not undo:
            return plain(self._plan.keys.items(), most)
        items = self._plan.keys.spread(most)
        leaves = self._big is Big.LEAVE and self._plan.found.big_keys
        return cut(self._without_big(items) if leaves else items, most, BATCH_BYTES)

    def _without_big(self, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if item.flags & BIG:
                self._book.leave(item.key)
            else:
                yield item

    def _close(self, journal: Journal | None, failure: Failure | None) -> tuple[Path | None, Failure | None]:
        """End the journal; without an end mark when nobody knows what came of the last batch."""
        book = self._book
        book.skipped = self._planned - book.counts.done - book.unknown
        if journal is None:
            return None, failure
        if not journal.outline.batches:
            journal.discard()
            return None, failure
        if not book.unknown:
            try:
                journal.end({"removed": book.removed, "cancelled": self._is_cancelled})
            except Unavailable as error:
                failure = failure or error.failure
        return journal.path, failure

    @property
    def _is_cancelled(self) -> bool:
        return self._stop.is_set() and self._book.skipped > self._book.left

    def _receipt(self, journal: Path | None, failure: Failure | None) -> Receipt:
        book, plan = self._book, self._plan
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
            cancelled=self._is_cancelled,
            failure=failure,
            seconds=self._pacer.seconds,
        )
