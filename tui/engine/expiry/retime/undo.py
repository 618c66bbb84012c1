"""From a journal back to the expiries that keys had: of those that still have the one they were given.

A mark in the journal says how far it has come, so it can stop at any time and go on later. When the answer to a piece
is lost it is simply done again: what has its old expiry back by then is not touched.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

from tui.engine.cluster.slots import slot_of
from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.expiry.retime.account import UndoCounts, UndoReceipt
from tui.engine.expiry.retime.records import given
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.node import Node
from tui.engine.place import Pens, Place, Where, place_of
from tui.engine.purge.expiry import GONE, Expiries, milliseconds
from tui.engine.purge.frames import Record
from tui.engine.purge.journal import Journal
from tui.engine.purge.pacing import PASSING, Pacer, Patience
from tui.engine.purge.packing import joined, tails_of
from tui.engine.purge.refusals import first_error, is_of_one_key, named, stop_for_all, why
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched
from tui.engine.writer import Writer

PIECE = 500
"""Keys put back in one go."""
TRIES = 3
"""Times that a key which changes under one's eyes is tried."""
NAMES = ("restored", "changed", "gone", "past", "failed")
SOON = 1000
"""Milliseconds: a key that would have expired that soon may be past before the server gets to it."""


async def undo(
    where: Where, path: Path, *, share: float = 1.0, rate: float | None = None, stop: asyncio.Event | None = None
) -> AsyncGenerator[UndoCounts | UndoReceipt, None]:
    """Put back the expiries that a change of TTLs has replaced: counts while it goes on, then one receipt.

    Share and stop are as in `execute`; `rate` is the most keys per second.

    Raises:
        ValueError: as `Pacer`.
    """
    place = place_of(where)
    work = _Undo(place, path, Pacer(place.nodes[0], share, rate), stop or asyncio.Event())
    async with aclosing(watched(work.run(), lambda: work.counts, place.clock)) as steps:
        async for step in steps:
            yield step


@dataclass(slots=True)
class _Piece:
    """Some records of a batch."""

    number: int
    """Of the batch."""
    upto: int
    """Records of the batch that are done with when this piece is."""
    records: Sequence[Record]


class _Undo:
    def __init__(self, place: Place, path: Path, pacer: Pacer, stop: asyncio.Event) -> None:
        self._place = place
        self._path = path
        self._pacer = pacer
        self._stop = stop
        self._patience = Patience(place.nodes[0], stop.is_set)
        self._numbers: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._total = 0
        self._piece: _Piece | None = None
        self._away: dict[Node | int, Failure] = {}
        """Nodes and slots that are not waited for any more, and why."""
        self._pens: Pens | None = None
        self._pen: Writer | None = None
        """To the server that holds the keys under way."""
        self._busy = 0.0

    @property
    def counts(self) -> UndoCounts:
        """The numbers as they stand."""
        now = {name: self._numbers[name] for name in NAMES}
        return UndoCounts(**now, remaining=self._total - sum(now.values()))

    async def run(self) -> UndoReceipt:
        """Put back, and account for it."""
        failure: Failure | None = None
        with ExitStack() as stack:
            try:
                journal = await asyncio.to_thread(Journal.reopen, self._path)
                stack.callback(journal.close)
                self._total, self._numbers = journal.outline.keys, Counter(journal.outline.account)
                self._check(journal)
                await self._put_back(journal)
                failure = next(iter(self._away.values()), None)
            except Unavailable as error:
                failure = error.failure
        counts = self.counts
        reasons = tuple(self._reasons.most_common())
        cancelled = self._stop.is_set() and counts.remaining > 0
        return UndoReceipt(self._path, self._total, counts, reasons, cancelled, failure)

    def _check(self, journal: Journal) -> None:
        there = journal.outline.header.target
        if not Target.of(self._place).is_at(there):
            sentence = f"the journal is of {there.label} db {there.db}: connect there to undo it"
            raise Unavailable(Failure(Kind.JOURNAL, sentence))

    async def _put_back(self, journal: Journal) -> None:
        pieces = self._pieces(journal)
        while True:
            try:
                async with Pens(self._place, None, _prove) as self._pens:
                    await self._work(journal, pieces)
            except Unavailable as error:
                await self._bear(error.failure)
                await self._place.look_again()
            else:
                return

    async def _work(self, journal: Journal, pieces: AsyncIterator[_Piece]) -> None:
        while not self._stop.is_set():
            self._piece = self._piece or await anext(pieces, None)
            if self._piece is None:
                if not self._away:
                    journal.finish_undo()
                return
            if not self._is_away(self._piece):
                await self._restore(journal, self._piece)
            self._piece = None

    async def _bear(self, failure: Failure) -> None:
        """Wait for a server; in a cluster go on without it when that takes too long: its keys remain for another time.

        Raises:
            Unavailable: there is nothing to go on with.
        """
        try:
            await self._patience.bear(failure)
        except Unavailable:
            piece = self._piece
            if not self._place.is_cluster or failure.kind not in PASSING or self._stop.is_set() or piece is None:
                raise
            key = piece.records[0].key
            if failure.kind is Kind.MOVING:  # others on their way, too, have been for as long
                self._away[slot_of(key)] = failure
            else:
                self._away[self._place.node_of(key)] = failure
                self._patience.answered()

    def _is_away(self, piece: _Piece) -> bool:
        keys = [record.key for record in piece.records] if self._away else []
        return any(slot_of(key) in self._away or self._place.node_of(key) in self._away for key in keys)

    async def _pieces(self, journal: Journal) -> AsyncIterator[_Piece]:
        """Cut all batches that are not done with."""
        outline = journal.outline
        for batch in outline.batches:
            records = await asyncio.to_thread(journal.records, batch)
            left = outline.left.get(batch.number, frozenset())
            for start in range(outline.undone.get(batch.number, 0), batch.held, PIECE):
                end = min(start + PIECE, batch.held)
                some = [record for at, record in enumerate(records[start:end], start) if at not in left]
                yield _Piece(batch.number, end, some)

    async def _restore(self, journal: Journal, piece: _Piece) -> None:
        """Put back one piece, in halves where somebody is at its keys, and mark it."""
        self._busy = 0.0
        found: Counter[str] = Counter()
        todo: list[tuple[Sequence[Record], int]] = [(some, 1) for some in self._together(piece.records)]
        while todo:
            records, tries = todo.pop()
            came_of = await self._try(records)
            if came_of is not None:
                found += came_of
            elif len(records) > 1:
                middle = len(records) // 2
                todo += [(records[middle:], 1), (records[:middle], 1)]
            elif tries < TRIES:
                todo.append((records, tries + 1))
            else:
                found["changed"] += 1
        self._numbers += found
        journal.undone(piece.number, piece.upto, found)
        self._patience.answered()
        await self._pacer.rest(len(piece.records), self._busy)

    def _together(self, records: Sequence[Record]) -> list[Sequence[Record]]:
        """Return what goes in one transaction each: in a cluster what is of one slot."""
        if not self._place.is_cluster:
            return [records] if records else []
        slots: dict[int, list[Record]] = {}
        for record in records:
            slots.setdefault(slot_of(record.key), []).append(record)
        return list(slots.values())

    async def _try(self, records: Sequence[Record]) -> Counter[str] | None:
        """Put back what still has the expiry it was given; None when somebody was at one of the keys meanwhile."""
        assert self._pens is not None
        self._pen = await self._pens.of(records[0].key)
        found: Counter[str] = Counter()
        back: list[Sequence[bytes | int]] = []
        for record, came_of in zip(records, await self._look(records), strict=True):
            if came_of:
                found[came_of] += 1
            elif record.expiry < 0:
                back.append([b"PERSIST", record.key])
            else:
                back.append([b"PEXPIREAT", record.key, record.expiry])
        if not back:
            return found
        replies = await self._ask(self._packed([b"MULTI"], *back, [b"EXEC"]))
        refused = first_error(replies)
        if refused is not None:
            return self._refused(refused, records)
        if replies[-1] is None:
            return None
        found["restored"] += sum(replies[-1])
        found["gone"] += len(back) - sum(replies[-1])
        return +found

    async def _look(self, records: Sequence[Record]) -> list[str]:
        """Watch keys; say of each what came of it already, or nothing when its old expiry can be put back."""
        tails = tails_of([record.key for record in records])
        watch = self._packed([b"UNWATCH"], [b"WATCH", *(record.key for record in records)], [b"TIME"])
        ask = Expiries(self._node.identity)
        replies = await self._ask(joined(watch, ask.question(tails)))
        stop_for_all(replies[:2], "+watch and +unwatch")
        now, told = milliseconds(replies[2]), ask.read(replies[3:])
        stop_for_all(told, "+pexpiretime")
        expiries = await ask.exact(self._ask, tails, told)
        return [self._came_of(record, expiry, now) for record, expiry in zip(records, expiries, strict=True)]

    def _came_of(self, record: Record, expiry: Reply, now: int) -> str:
        if isinstance(expiry, ReplyError):
            self._reasons[why(expiry)] += 1
            return "failed"
        if expiry == GONE:
            return "gone"
        if expiry == record.expiry:
            return "restored"
        if expiry != given(record):
            return "changed"
        return "past" if 0 <= record.expiry <= now + SOON else ""

    def _refused(self, refused: ReplyError, records: Sequence[Record]) -> Counter[str] | None:
        """Look for the key for whose sake a piece was refused.

        Raises:
            Unavailable: no piece would fare better now.
        """
        if not is_of_one_key(refused):
            raise Unavailable(named(refused, "+pexpireat, +persist, +multi and +exec"))
        if len(records) > 1:
            return None
        self._reasons[why(refused)] += 1
        return Counter(failed=1)

    @property
    def _node(self) -> Node:
        assert self._pen is not None
        return self._pen.node

    def _packed(self, *commands: Sequence[bytes | int]) -> Exchange:
        return exchange(*commands, permit=self._node.permit)

    async def _ask(self, question: Exchange) -> list[Reply]:
        assert self._pen is not None
        clock = self._place.clock
        started = clock.now()
        try:
            return await self._pen.send(question)
        finally:
            self._busy += max(0.0, clock.now() - started - self._node.round_trip)


async def _prove(pen: Writer) -> None:
    """Make sure that MULTI is not refused: what follows it would run at once."""
    stop_for_all(await pen.ask([b"MULTI"], [b"EXEC"]), "+multi and +exec")
