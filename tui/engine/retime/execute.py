"""From a plan to its receipt, and from a journal back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tui import __version__
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.account import Speed
from tui.engine.purge.batches import BATCH, BATCH_BYTES, Batch, by_slot, cut
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import PlannedKeys
from tui.engine.purge.pacing import PASSING, Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched
from tui.engine.retime.account import Book, Progress, Receipt
from tui.engine.retime.changing import Changing
from tui.engine.retime.wish import Wish

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


@dataclass(slots=True)
class _Part:
    """The keys of one server, and what comes of them."""

    label: str
    """The server's; safe text."""
    keys: PlannedKeys
    book: Book = field(default_factory=Book)
    lane: Changing | None = None
    failure: Failure | None = None
    """Why its keys were left."""


class _Execution:
    def __init__(self, place: Place, plan: Plan, wish: Wish, said: str, pacer: Pacer, stop: asyncio.Event) -> None:
        self._place = place
        self._plan = plan
        self._wish = wish
        self._said = said
        self._pacer = pacer
        self._stop = stop
        members = plan.target.members or (plan.target,)
        self._parts = [_Part(one.label, keys) for one, keys in zip(members, plan.keys.parts, strict=True)]
        self._halted = False
        self._speed = Speed()

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts = Book.of_all(part.book for part in self._parts).counts
        lanes = [part.lane for part in self._parts if part.lane is not None]
        waiting = next((lane.patience.waiting for lane in lanes if lane.patience.waiting), None)
        return Progress(counts, len(self._plan.keys), self._speed.at(self._pacer.seconds, counts.decided), waiting)

    async def run(self, folder: Path, chance: Random) -> Receipt:
        """Change, and account for it."""
        failure: Failure | None = None
        journal: Journal | None = None
        with ExitStack() as stack:
            try:
                self._still_there()
                journal = Journal.create(folder, self._header(), SUFFIX)
                stack.callback(journal.close)
                await self._change(journal, chance)
            except Unavailable as error:
                failure = error.failure
            book = self._account()
            path, failure = self._close(journal, book, failure)
        return self._receipt(path, book, failure)

    def _still_there(self) -> None:
        if not Target.of(self._place).is_still(self._plan.target):
            sentence = "the plan was made on another server process, or before its role changed: plan again"
            raise Unavailable(Failure(Kind.CHANGED, sentence))

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
            planned=len(plan.keys),
            done=self._said,
        )

    async def _change(self, journal: Journal, chance: Random) -> None:
        """Change the keys of all servers at the same time.

        Raises:
            Unavailable: at least one of them could not go on.
        """
        runs = [self._run(part, journal, chance) for part in self._parts]
        errors = [error for error in await asyncio.gather(*runs, return_exceptions=True) if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, Unavailable)):
            raise error

    async def _run(self, part: _Part, journal: Journal, chance: Random) -> None:
        part.lane = Changing(
            self._place,
            self._plan.target.run_id,
            self._batches(part),
            lambda item, now: self._wish.expiry(item.expiry, now, chance),
            journal,
            self._pacer,
            part.book,
            lambda: self._halted or self._stop.is_set(),
        )
        try:
            await part.lane.run()
        except Unavailable as error:
            part.failure = error.failure
            # The others end after the batch under way, unless it is only one node of several that is away.
            self._halted |= error.failure.kind not in PASSING
            raise
        except BaseException:
            self._halted = True
            raise

    def _batches(self, part: _Part) -> Iterator[Batch]:
        items = part.keys.items()
        for group in by_slot(items, BATCH) if self._place.is_cluster else (items,):
            yield from cut(group, BATCH, BATCH_BYTES)

    def _account(self) -> Book:
        """Add up what came of all keys; those without a word were not reached."""
        for part in self._parts:
            book = part.book
            skipped = len(part.keys) - book.counts.decided - book.unknown
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
                journal.end({"done": book.done, "cancelled": self._is_cancelled(book)})
            except Unavailable as error:
                failure = failure or error.failure
        return journal.path, failure

    def _is_cancelled(self, book: Book) -> bool:
        return self._stop.is_set() and book.skipped > book.left

    def _receipt(self, journal: Path | None, book: Book, failure: Failure | None) -> Receipt:
        return Receipt(
            target=self._plan.target,
            pattern=self._wish.pattern,
            said=self._said,
            planned=len(self._plan.keys),
            counts=book.counts,
            reasons=tuple(book.reasons.most_common()),
            changed_keys=tuple(book.changed_keys),
            failed_keys=tuple(book.failed_keys),
            journal=journal,
            cancelled=self._is_cancelled(book),
            failure=failure,
            seconds=self._pacer.seconds,
        )
