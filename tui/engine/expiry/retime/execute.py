"""From a plan to its receipt, and from a journal back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from random import Random

from tui import __version__
from tui.engine.expiry.retime.account import Book, Progress, Receipt
from tui.engine.expiry.retime.changing import Changing
from tui.engine.expiry.retime.wish import Wish
from tui.engine.failure import Failure, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.batches import BATCH, BATCH_BYTES, Batch, by_slot, cut
from tui.engine.purge.execution import Execution, Part
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.watching import watched

SUFFIX = "ttl"
"""What the names of these journals end with: no purge takes one for its own."""


async def execute(
    where: Where,
    plan: Plan,
    wish: Wish,
    said: str,
    folder: Path,
    *,
    share: float = 1.0,
    stop: asyncio.Event | None = None,
    chance: Random | None = None,
) -> AsyncGenerator[Progress | Receipt, None]:
    """Change the TTLs of exactly the keys of the plan: progress, then one receipt.

    Args:
        where: where the plan was made.
        plan: of `wish.request_of`.
        wish: what to do.
        said: the same in a few words, for the journal and the receipt.
        folder: where journals are kept.
        share: largest fraction of the server's time to take.
        stop: when set, it ends between two batches with a complete receipt. Closing the iterator ends it at once, and
            leaves a journal without an end.
        chance: draws places within the spread.

    Raises:
        ValueError: as `Pacer`.
    """
    place = place_of(where)
    execution = _Execution(place, plan, wish, said, Pacer(place.nodes[0], share, None), stop or asyncio.Event())
    steps = watched(execution.run(folder, chance or Random()), execution.progress, place.clock)
    async with aclosing(steps):
        async for step in steps:
            yield step


class _Execution(Execution[Book]):
    def __init__(self, place: Place, plan: Plan, wish: Wish, said: str, pacer: Pacer, stop: asyncio.Event) -> None:
        super().__init__(place, plan, Book, stop)
        self._wish = wish
        self._said = said
        self._pacer = pacer

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts = self._so_far.counts
        return Progress(counts, self._planned, self._speed.at(self._pacer.seconds, counts.decided), self._waiting)

    async def run(self, folder: Path, chance: Random) -> Receipt:
        """Change, and account for it."""
        failure: Failure | None = None
        journal: Journal | None = None
        with ExitStack() as stack:
            try:
                self._still_there()
                journal = Journal.create(folder, self._header(), SUFFIX)
                stack.callback(journal.close)
                for part in self._parts:
                    part.lanes = [self._lane(part, journal, chance)]
                await self._run_all()
            except Unavailable as error:
                failure = error.failure
            book = self._account()
            path, failure = self._close(journal, book, failure, {"done": book.done})
        return self._receipt(path, book, failure)

    def _header(self) -> Header:
        plan, request = self._plan, self._plan.request
        return Header(
            format=FORMAT,
            tool=f"redtop {__version__}",
            id=plan.id,
            made_at=self._place.clock.wall(),
            target=plan.target,
            prefix=self._wish.pattern.encode(),
            exact=True,
            exclude=(),
            exclude_keys=0,
            protected=request.protected,
            planned=self._planned,
            done=self._said,
        )

    def _lane(self, part: Part[Book], journal: Journal, chance: Random) -> Changing:
        return Changing(
            self._place,
            self._plan.target.run_id,
            self._batches(part),
            lambda item, now: self._wish.expiry(item.expiry, now, chance),
            journal,
            self._pacer,
            part.book,
            self._told_to_stop,
        )

    def _batches(self, part: Part[Book]) -> Iterator[Batch]:
        items = part.keys.items()
        for group in by_slot(items, BATCH) if self._place.is_cluster else (items,):
            yield from cut(group, BATCH, BATCH_BYTES)

    def _receipt(self, journal: Path | None, book: Book, failure: Failure | None) -> Receipt:
        return Receipt(
            target=self._plan.target,
            pattern=self._wish.pattern,
            said=self._said,
            planned=self._planned,
            counts=book.counts,
            reasons=tuple(book.reasons.most_common()),
            changed_keys=tuple(book.changed_keys),
            failed_keys=tuple(book.failed_keys),
            journal=journal,
            cancelled=self._is_cancelled(book),
            failure=failure,
            seconds=self._pacer.seconds,
        )
