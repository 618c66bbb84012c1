"""From a plan to its receipt, and from a journal back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from pathlib import Path
from random import Random

from tui import __version__
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.node import Node
from tui.engine.purge.account import Speed
from tui.engine.purge.batches import BATCH, BATCH_BYTES, cut
from tui.engine.purge.frames import FORMAT, Header
from tui.engine.purge.journal import Journal
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.plan import Plan
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched
from tui.engine.retime.account import Book, Progress, Receipt
from tui.engine.retime.changing import Changing
from tui.engine.retime.wish import Wish

SUFFIX = "ttl"
"""What the names of these journals end with: no purge takes one for its own."""


async def execute(
    node: Node,
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
        node: where the plan was made.
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
    execution = _Execution(node, plan, wish, said, Pacer(node, share, None), stop or asyncio.Event())
    steps = watched(execution.run(folder, chance or Random()), execution.progress, node.clock)
    async with aclosing(steps):
        async for step in steps:
            yield step


class _Execution:
    def __init__(self, node: Node, plan: Plan, wish: Wish, said: str, pacer: Pacer, stop: asyncio.Event) -> None:
        self._node = node
        self._plan = plan
        self._wish = wish
        self._said = said
        self._pacer = pacer
        self._stop = stop
        self._changing: Changing | None = None
        self._book = Book()
        self._speed = Speed()

    def progress(self) -> Progress:
        """Return how far it has come."""
        counts = self._book.counts
        waiting = self._changing.patience.waiting if self._changing else None
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
            path, failure = self._close(journal, failure)
        return self._receipt(path, failure)

    def _still_there(self) -> None:
        if not Target.of(self._node).is_still(self._plan.target):
            sentence = "the plan was made on another server process, or before its role changed: plan again"
            raise Unavailable(Failure(Kind.CHANGED, sentence))

    def _header(self) -> Header:
        plan, request = self._plan, self._plan.request
        return Header(
            format=FORMAT,
            tool=f"redtop {__version__}",
            id=plan.id,
            made_at=self._node.clock.wall(),
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
        batches = cut(self._plan.keys.items(), BATCH, BATCH_BYTES)
        self._changing = Changing(
            self._node,
            self._plan.target.run_id,
            batches,
            self._wish,
            journal,
            self._pacer,
            self._book,
            self._stop.is_set,
            chance,
        )
        await self._changing.run()

    def _close(self, journal: Journal | None, failure: Failure | None) -> tuple[Path | None, Failure | None]:
        """End the journal; without an end mark when nobody knows what came of the last batch."""
        book = self._book
        book.skipped = len(self._plan.keys) - book.counts.decided - book.unknown
        if journal is None:
            return None, failure
        if not journal.outline.batches:
            journal.discard()
            return None, failure
        if not book.unknown:
            try:
                journal.end({"done": book.done, "cancelled": self._is_cancelled})
            except Unavailable as error:
                failure = failure or error.failure
        return journal.path, failure

    @property
    def _is_cancelled(self) -> bool:
        return self._stop.is_set() and self._book.skipped > 0

    def _receipt(self, journal: Path | None, failure: Failure | None) -> Receipt:
        book = self._book
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
            cancelled=self._is_cancelled,
            failure=failure,
            seconds=self._pacer.seconds,
        )
