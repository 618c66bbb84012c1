"""A change of TTLs that was interrupted, brought to its end.

The list of the plan is gone with the process that made it. What is left to decide are the keys that were written to the
journal and maybe not changed: of these the ones change that are still what the journal says, to just the expiry that
stands there; where that is over by now they are left, for to set it would remove them. Then the end mark is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path

from tui.engine.expiry.retime.account import Book, Progress, Receipt
from tui.engine.expiry.retime.changing import Changing
from tui.engine.expiry.retime.records import given, item_of
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.printable import text_of
from tui.engine.purge.account import Speed
from tui.engine.purge.batches import Batch, of_one_slot
from tui.engine.purge.frames import BatchAt, Header, Record
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import LOOSE, Item
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched

SOON = 1000
"""Milliseconds: an expiry that near may be over before the server gets to it."""


async def finish(
    where: Where, path: Path, *, share: float = 1.0, rate: float | None = None, stop: asyncio.Event | None = None
) -> AsyncGenerator[Progress | Receipt, None]:
    """Change what the journal has of unfinished batches and is unchanged: progress, then one receipt.

    Share, rate and stop are as in `undo`; the receipt counts the keys of those batches only.

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
        self._wanted: dict[bytes, int] = {}
        """By key, the expiry it was to get."""
        self._changing: Changing | None = None

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts = self._book.counts
        waiting = self._changing.patience.waiting if self._changing else None
        return Progress(counts, len(self._wanted), self._speed.at(self._pacer.seconds, counts.decided), waiting)

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
        self._book.skipped = len(self._wanted) - self._book.counts.decided - self._book.unknown
        return self._receipt(header, failure)

    async def _finish(self, journal: Journal) -> None:
        self._check(journal)
        unsettled = journal.outline.unsettled
        records = {batch.number: journal.records(batch) for batch in unsettled}
        self._wanted = {record.key: given(record) for some in records.values() for record in some}
        run_id = Target.of(self._place).run_id
        batches = _batches(records.values())
        if self._place.is_cluster:
            batches = of_one_slot(batches)
        self._changing = Changing(
            self._place, run_id, batches, self._expiry, journal, self._pacer, self._book, self._stop.is_set
        )
        await self._changing.run()
        if self._stop.is_set():
            return
        if self._book.left:
            raise Unavailable(Failure(Kind.MOVING, "not all could be reached: finish it again later"))
        for batch in unsettled:
            self._settle(journal, batch, records[batch.number])
        journal.end({"done": self._book.done, "cancelled": False})

    def _check(self, journal: Journal) -> None:
        outline = journal.outline
        if outline.end is not None or outline.undone or outline.finished_undo:
            raise Unavailable(Failure(Kind.JOURNAL, "the change of this journal was brought to its end already"))
        there = outline.header.target
        if not Target.of(self._place).is_at(there):
            sentence = f"the journal is of {there.label} db {there.db}: connect there to finish it"
            raise Unavailable(Failure(Kind.JOURNAL, sentence))

    def _expiry(self, item: Item, now: int) -> int | None:
        new = self._wanted[item.key]
        return None if 0 <= new <= now + SOON else new

    def _settle(self, journal: Journal, batch: BatchAt, records: list[Record]) -> None:
        """Leave to this batch what it had changed; what changed now stands in a batch of its own."""
        assert self._changing is not None
        done = self._changing.done_before
        journal.settle(batch.number, [at for at, record in enumerate(records) if record.key not in done])

    def _receipt(self, header: Header | None, failure: Failure | None) -> Receipt:
        book = self._book
        return Receipt(
            target=header.target if header else Target.of(self._place),
            pattern=text_of(header.prefix) if header else "",
            said=header.done if header else "",
            planned=len(self._wanted),
            counts=book.counts,
            reasons=tuple(book.reasons.most_common()),
            changed_keys=tuple(book.changed_keys),
            failed_keys=tuple(book.failed_keys),
            journal=self._path,
            cancelled=self._stop.is_set() and book.skipped > 0,
            failure=failure,
            seconds=self._pacer.seconds,
        )


def _batches(recorded: Iterable[list[Record]]) -> Iterator[Batch]:
    """Make the records of unsettled batches items again; of a key that stands in two, the first."""
    seen: set[bytes] = set()
    for records in recorded:
        items = [item_of(record) for record in records if record.key not in seen]
        seen |= {item.key for item in items}
        for long in [item for item in items if item.flags & LOOSE]:
            yield Batch([long], doubtful=True)
        if plain := [item for item in items if not item.flags & LOOSE]:
            yield Batch(plain, doubtful=True)
