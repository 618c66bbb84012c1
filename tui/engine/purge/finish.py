"""A purge that was interrupted, brought to its end.

The list of the plan is gone with the process that made it. What is left to decide are the batches that were written to
the journal and maybe not removed: of these the keys go that are still what the journal says. Then the end mark is
written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.account import Book, Progress, Receipt, Speed
from tui.engine.purge.batches import Batch, Care, of_one_slot
from tui.engine.purge.frames import BatchAt, Header, Record
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import Item
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.removing import Removal
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched


async def finish(
    where: Where, path: Path, *, share: float = 1.0, rate: float | None = None, stop: asyncio.Event | None = None
) -> AsyncGenerator[Progress | Receipt, None]:
    """Remove what the journal has of unfinished batches and is unchanged: progress, then one receipt.

    Share, rate and stop are as in `execute`; the receipt counts the keys of those batches only.

    Raises:
        ValueError: as `Pacer`.
    """
    place = place_of(where)
    work = _Finish(place, path, Pacer(place.nodes[0], share, rate), stop or asyncio.Event())
    async with aclosing(watched(work.run(), work.progress, place.clock)) as steps:
        async for step in steps:
            yield step


class _Finish:
    def __init__(self, place: Place, path: Path, pacer: Pacer, stop: asyncio.Event) -> None:
        self._place = place
        self._path = path
        self._pacer = pacer
        self._stop = stop
        self._book = Book()
        self._speed = Speed()
        self._planned = 0
        self._removal: Removal | None = None

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts, seconds = self._book.counts, self._pacer.seconds
        waiting = self._removal.patience.waiting if self._removal else None
        speed = self._speed.at(seconds, counts.done)
        return Progress(counts, self._planned, speed, seconds, waiting)

    async def run(self) -> Receipt:
        """Bring it to its end, and account for it."""
        failure: Failure | None = None
        header: Header | None = None
        with ExitStack() as stack:
            try:
                journal = await asyncio.to_thread(Journal.reopen, self._path)
                stack.callback(journal.close)
                header = journal.outline.header
                await self._finish(journal)
            except Unavailable as error:
                failure = error.failure
        self._book.skipped = self._planned - self._book.counts.done - self._book.unknown
        return self._receipt(header, failure)

    async def _finish(self, journal: Journal) -> None:
        outline = journal.outline
        if outline.end is not None or outline.undone or outline.finished_undo:
            raise Unavailable(Failure(Kind.JOURNAL, "the purge of this journal was brought to its end already"))
        there, here = outline.header.target, Target.of(self._place)
        if not here.is_at(there):
            place = f"{there.label} db {there.db}"
            raise Unavailable(Failure(Kind.JOURNAL, f"the journal is of {place}: connect there to finish it"))
        unsettled = outline.unsettled
        self._planned = sum(batch.held for batch in unsettled)
        care = Care(undo_secrets=True, undo_big=True)
        batches = self._batches(journal, unsettled)
        if self._place.is_cluster:
            batches = of_one_slot(batches)
        removal = Removal(self._place, here.run_id, batches, journal, self._pacer, care, self._book, self._stop.is_set)
        removal.keeps_missing = True
        self._removal = removal
        await removal.run()
        if self._stop.is_set():
            return
        if self._book.left:
            raise Unavailable(Failure(Kind.MOVING, "not all could be reached: finish it again later"))
        for batch in unsettled:
            records = journal.records(batch)
            journal.settle(batch.number, [at for at, record in enumerate(records) if record.key not in removal.missing])
        journal.end({"removed": self._book.removed, "cancelled": False})

    def _batches(self, journal: Journal, unsettled: list[BatchAt]) -> Iterator[Batch]:
        """Make the records of unsettled batches items again; what is missing was removed before."""
        for batch in unsettled:
            yield Batch([_item(record) for record in journal.records(batch)], doubtful=True)

    def _receipt(self, header: Header | None, failure: Failure | None) -> Receipt:
        book = self._book
        return Receipt(
            plan_id=header.id if header else "",
            target=header.target if header else Target.of(self._place),
            prefix=header.prefix if header else b"",
            planned=self._planned,
            counts=book.counts,
            reasons=tuple(book.reasons.most_common()),
            changed_keys=tuple(book.changed_keys),
            failed_keys=tuple(book.failed_keys),
            left_keys=(),
            journal=self._path,
            cancelled=self._stop.is_set() and book.skipped > 0,
            failure=failure,
            seconds=self._pacer.seconds,
        )


def _item(record: Record) -> Item:
    return Item(record.key, record.payload[-8:], record.expiry, len(record.payload), 0)
