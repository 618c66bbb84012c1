"""Batches of keys, one after the other, each at the server that holds it.

In a cluster the keys of a batch are of one slot, and each step goes to the node that holds it at that moment: a node
that does not refuses all of them. So a batch follows its slot to another node, or to a replica that took over, and goes
through all steps there. While its slot is on the way it is put aside, and the others go on.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.node import Node
from tui.engine.place import Pens, Place
from tui.engine.purge.account import Account
from tui.engine.purge.batches import Batch
from tui.engine.purge.current import Current
from tui.engine.purge.pacing import FIRST_REST, LAST_REST, Pacer, Patience
from tui.engine.purge.refusals import is_of_one_key, named, why
from tui.engine.writer import PATIENCE, Writer

TRIES = 3
"""Times that a single key which changes under one's eyes is tried."""
SLOW_LINE = 4 << 20
"""Bytes per second that a value must at least come at; its reader is patient for as long."""


class Lane(ABC):
    """Does the same to batch after batch, on connections that send nothing twice."""

    def __init__(
        self,
        place: Place,
        run_id: str,
        batches: Iterator[Batch],
        pacer: Pacer,
        book: Account,
        told_to_stop: Callable[[], bool],
    ) -> None:
        """Work on the server process `run_id` only, as `Pens` says. Several lanes may share batches and book."""
        self.patience = Patience(place.nodes[0], told_to_stop)
        self._place = place
        self._run_id = run_id
        self._batches = batches
        self._again: deque[Batch] = deque()
        """Batches to be taken before others; the one under way is the first."""
        self._aside: deque[Batch] = deque()
        """Batches whose slots are on their way to another node."""
        self._moving: Failure | None = None
        """Why the last batch was put aside."""
        self._pacer = pacer
        self._account = book
        self._told_to_stop = told_to_stop
        self._pens: Pens | None = None
        self._pen: Writer | None = None
        """To the server that holds the keys under way."""
        self._rest = FIRST_REST
        self._busy = 0.0
        self._size = 0
        """Bytes of the batch under way."""

    # -- what is done ---------------------------------------------------------------------------------------------

    @abstractmethod
    async def _prove(self, pen: Writer) -> None:
        """Make sure that a new connection may do what is needed."""

    @property
    @abstractmethod
    def _in_doubt(self) -> Batch | None:
        """The batch that was sent and not answered."""

    @abstractmethod
    async def _resolve(self) -> None:
        """Find out what became of the batch in doubt."""

    @abstractmethod
    async def _do(self, batch: Batch) -> None:
        """Take a batch, the first of `_again`, through all steps; cut short, it is put back, or in doubt."""

    # -- one after the other --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do it to all batches, or until told to stop.

        Raises:
            Unavailable: it cannot go on; the account is complete all the same.
        """
        try:
            while True:
                try:
                    async with Pens(self._place, self._run_id, self._prove, one_at_a_time=True) as self._pens:
                        await self._work()
                except Unavailable as error:
                    if not self._put_aside(error.failure):
                        await self.patience.bear(error.failure)
                    await self._place.look_again()
                else:
                    return
        finally:
            if self._in_doubt is not None:
                self._account.unknown += len(self._in_doubt.items)

    async def _work(self) -> None:
        if self._in_doubt is not None:
            await self._move_to(self._in_doubt)
            await self._resolve()
        while (batch := await self._next()) is not None:
            self._busy, self._size = 0.0, sum(item.size for item in batch.items)
            self._again.appendleft(batch)
            await self._move_to(batch)
            await self._do(batch)
            self.patience.answered()
            self._rest = FIRST_REST
            await self._pacer.rest(len(batch.items), self._busy)

    async def _next(self) -> Batch | None:
        """Return what is to be taken next; when only batches on the move are left, after a pause."""
        while not self._told_to_stop():
            if self._again:
                return self._again.popleft()
            if (batch := next(self._batches, None)) is not None:
                return batch
            if not self._aside:
                return None
            self.patience.waiting = self._moving
            await self._place.clock.sleep(self._rest)
            self._rest = min(LAST_REST, 2 * self._rest)
            self._again, self._aside = self._aside, self._again
        return None

    def _put_aside(self, failure: Failure) -> bool:
        """Let a batch wait while its slot is on the way; one that has waited long enough stays where it is."""
        if failure.kind is not Kind.MOVING or self._in_doubt is not None or not self._again:
            return False
        batch = self._again.popleft()
        batch.since = self._place.clock.now() if batch.since is None else batch.since
        self._moving = failure
        if self.patience.is_over(batch.since):
            self._account.stay(len(batch.items), failure.sentence)
        else:
            self._aside.append(batch)
        return True

    def _refused(self, refused: ReplyError, batch: Batch, rule: str) -> None:
        """Look for the key for whose sake a batch was refused.

        Raises:
            Unavailable: no batch would fare better now; this one is still to come.
        """
        if not is_of_one_key(refused):
            self._again.appendleft(batch)
            raise Unavailable(named(refused, rule))
        if len(batch.items) == 1:
            self._account.fail(batch.items[0].key, why(refused))
        else:
            self._try_again(batch)

    def _try_again(self, batch: Batch) -> None:
        """Try a batch in halves; a single key that never stands still has changed."""
        if len(batch.items) > 1:
            self._again.extendleft(reversed(batch.halves()))
        elif batch.tries + 1 < TRIES:
            self._again.appendleft(Batch(batch.items, batch.tries + 1, batch.doubtful, batch.since))
        else:
            self._account.change(item.key for item in batch.items)

    # -- asking ---------------------------------------------------------------------------------------------------

    async def _move_to(self, batch: Batch) -> None:
        """Go on with the server that holds the keys of a batch."""
        assert self._pens is not None
        self._pen = await self._pens.of(batch.items[0].key)

    @property
    def _node(self) -> Node:
        assert self._pen is not None
        return self._pen.node

    def _current(self) -> Current:
        return Current(self._node.identity, self._ask)

    def _packed(self, *commands: Sequence[bytes | int]) -> Exchange:
        return exchange(*commands, permit=self._node.permit)

    async def _ask(self, question: Exchange) -> list[Reply]:
        """Ask the server of the batch under way, and count how long it took."""
        assert self._pen is not None
        clock, patience = self._place.clock, PATIENCE + self._size / SLOW_LINE
        started = clock.now()
        try:
            replies = await self._pen.send(question, patience=patience)
        finally:
            self._busy += max(0.0, clock.now() - started - self._node.round_trip)
        await asyncio.sleep(0)  # whoever waits for the server asks first: it works while we do
        return replies
