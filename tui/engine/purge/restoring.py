"""RESTORE without REPLACE, piece by piece: what somebody has made since stays theirs.

A mark in the journal says how far it has come, so it can stop at any time (no memory left, say) and go on later. When
the answer to a piece is lost, its keys are read back: those that are there are done, those that are missing are tried
again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.node import Node
from tui.engine.purge.account import note
from tui.engine.purge.expiry import Expiries, milliseconds
from tui.engine.purge.frames import BatchAt, Record
from tui.engine.purge.journal import Journal
from tui.engine.purge.looking import rdb_version, restorable_elsewhere
from tui.engine.purge.pacing import Pacer, Patience
from tui.engine.purge.packing import each, joined, tails_of
from tui.engine.purge.refusals import stop_for_all, why
from tui.engine.purge.request import Target
from tui.engine.purge.sameness import is_same
from tui.engine.writer import PATIENCE, Writer, writer

PIECE, PIECE_BYTES = 200, 1 << 20
"""Keys and bytes sent in one go: the server is held up for a millisecond or two."""
SLOW_LINE = 4 << 20
"""Bytes per second that payloads must at least go at."""


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """What came of the keys of a journal, over all attempts to undo it."""

    restored: int = 0
    present: int = 0
    """There already, exactly as they were."""
    recreated: int = 0
    """Somebody has made them anew since: left alone."""
    expired: int = 0
    """Their time would be over by now."""
    failed: int = 0
    remaining: int = 0

    @property
    def done(self) -> int:
        """Keys whose turn has been."""
        return self.restored + self.present + self.recreated + self.expired + self.failed


@dataclass(slots=True)
class _Piece:
    """Some records of a batch."""

    number: int
    """Of the batch."""
    upto: int
    """Records of the batch that are done with when this piece is."""
    records: Sequence[Record]
    before: Counter[str] | None = None
    """The numbers when its turn came; None until then."""


class Restoration:
    """Brings back what a journal has."""

    def __init__(self, node: Node, journal: Journal, pacer: Pacer, stop: asyncio.Event) -> None:
        self.patience = Patience(node, stop.is_set)
        self.reasons: Counter[str] = Counter()
        self.recreated_keys: list[bytes] = []
        self.failed_keys: list[bytes] = []
        self.total = journal.outline.keys
        self._numbers = Counter(journal.outline.account)
        self._node = node
        self._journal = journal
        self._pacer = pacer
        self._stop = stop
        self._run_id = Target.of(node).run_id
        self._expiries = Expiries(node.identity)
        self._piece: _Piece | None = None
        self._limbo: Sequence[Record] = ()
        """What was sent, and not answered yet."""
        self._spoilt: set[int] = set()
        """Batches with a key that failed: no mark goes beyond it, so that it is tried again next time."""
        self._pen: Writer | None = None
        self._busy = 0.0

    @property
    def counts(self) -> UndoCounts:
        """The numbers as they stand."""
        now = {name: self._numbers[name] for name in ("restored", "present", "recreated", "expired", "failed")}
        return UndoCounts(**now, remaining=self.total - sum(now.values()))

    async def run(self) -> None:
        """Restore everything, or until told to stop.

        Raises:
            Unavailable: it cannot go on; what is done is marked in the journal.
        """
        pieces = self._pieces()
        while True:
            try:
                async with writer(self._node, run_id=self._run_id) as self._pen:
                    await self._work(pieces)
            except Unavailable as error:
                await self.patience.bear(error.failure)
            else:
                return

    async def _work(self, pieces: AsyncIterator[_Piece]) -> None:
        while not self._stop.is_set():
            if self._piece is None:
                self._piece = await anext(pieces, None)
            if self._piece is None:
                if not self._numbers["failed"]:
                    self._journal.finish_undo()
                return
            self._busy = 0.0
            keys = len(self._piece.records)
            await self._restore(self._piece)
            self._piece = None
            self.patience.answered()
            await self._pacer.rest(keys, self._busy)

    async def _pieces(self) -> AsyncIterator[_Piece]:
        """Cut all batches that are not done with."""
        outline = self._journal.outline
        for batch in outline.batches:
            done = outline.undone.get(batch.number, 0)
            if done >= batch.held:
                continue
            records = await asyncio.to_thread(self._journal.records, batch)
            for piece in _cut(batch, records, done, outline.left.get(batch.number, frozenset())):
                yield piece

    async def _restore(self, piece: _Piece) -> None:
        """Bring back one piece, and mark it."""
        before = piece.before = Counter(self._numbers) if piece.before is None else piece.before
        if self._limbo:
            await self._resolve(piece)
        (time,) = await self._ask(exchange([b"TIME"]))
        now = milliseconds(time)
        live = [record for record in piece.records if not 0 <= record.expiry <= now]
        self._numbers["expired"] += len(piece.records) - len(live)
        piece.records = live
        if live:
            await self._send(piece)
        if self._numbers["failed"] > before["failed"]:
            self._spoilt.add(piece.number)
        if piece.number not in self._spoilt:
            self._journal.undone(piece.number, piece.upto, self._numbers - before)

    async def _send(self, piece: _Piece) -> None:
        records = piece.records
        commands: list[list[bytes | int]] = [
            [b"RESTORE", key, max(0, expiry), payload, b"ABSTTL"] for key, payload, expiry in records
        ]
        self._limbo = records
        size = sum(len(record.payload) for record in records)
        replies = await self._ask(exchange(*commands, permit=self._node.permit), PATIENCE + size / SLOW_LINE)
        self._limbo = ()
        self._numbers["restored"] += sum(not isinstance(reply, ReplyError) for reply in replies)
        refused = [pair for pair in zip(records, replies, strict=True) if isinstance(pair[1], ReplyError)]
        piece.records = [record for record, _ in refused]
        for record, error in refused:
            if error.code not in {"BUSYKEY", "OOM"} and "payload version" in str(error):
                raise Unavailable(self._of_version(record))
        stop_for_all((error for _, error in refused), "+restore")
        await self._tell_apart([record for record, error in refused if error.code == "BUSYKEY"])
        for record, error in refused:
            if error.code != "BUSYKEY":
                self._fail(record.key, why(error))

    async def _resolve(self, piece: _Piece) -> None:
        """Read back a piece whose answer was lost; what is missing is still to be done."""
        found = await self._read(self._limbo)
        missing = []
        for record, same in zip(self._limbo, found, strict=True):
            if same is None:
                missing.append(record)
            elif same:
                self._numbers["restored"] += 1
            else:
                self._recreated(record.key)
        piece.records, self._limbo = missing, ()

    async def _tell_apart(self, records: Sequence[Record]) -> None:
        """Tell keys that are there as they were from those that somebody has made anew."""
        if not records:
            return
        for record, same in zip(records, await self._read(records), strict=True):
            if same:
                self._numbers["present"] += 1
            else:
                self._recreated(record.key)

    async def _read(self, records: Sequence[Record]) -> list[bool | None]:
        """Ask of each key whether it is as it was; None when it is missing."""
        tails = tails_of([record.key for record in records])
        replies = await self._ask(joined(each((b"DUMP",), tails), self._expiries.question(tails)))
        payloads = replies[: len(records)]
        stop_for_all(payloads, "+dump")
        expiries = await self._expiries.exact(self._ask, tails, self._expiries.read(replies[len(records) :]))
        return [
            None
            if payload is None
            else isinstance(payload, bytes) and expiry == record.expiry and is_same(payload, record.payload)
            for record, payload, expiry in zip(records, payloads, expiries, strict=True)
        ]

    def _recreated(self, key: bytes) -> None:
        self._numbers["recreated"] += 1
        note(self.recreated_keys, key)

    def _fail(self, key: bytes, reason: str) -> None:
        self._numbers["failed"] += 1
        self.reasons[reason] += 1
        note(self.failed_keys, key)

    def _of_version(self, record: Record) -> Failure:
        there, here = self._journal.outline.header.target, Target.of(self._node)
        which = restorable_elsewhere(rdb_version(record.payload))
        return Failure(Kind.JOURNAL, f"{here.server} cannot restore what {there.server} has written: {which}")

    async def _ask(self, question: Exchange, patience: float = PATIENCE) -> list[Reply]:
        assert self._pen is not None
        clock = self._node.clock
        started = clock.now()
        try:
            return await self._pen.send(question, patience=patience)
        finally:
            self._busy += max(0.0, clock.now() - started - self._node.round_trip)


def _cut(batch: BatchAt, records: Sequence[Record], done: int, left: frozenset[int]) -> list[_Piece]:
    """Cut the records of a batch that are not done with into pieces."""
    pieces: list[_Piece] = []
    piece: list[Record] = []
    size = 0
    for at in range(done, len(records)):
        record = records[at]
        if piece and (len(piece) >= PIECE or size + len(record.payload) > PIECE_BYTES):
            pieces.append(_Piece(batch.number, at, piece))
            piece, size = [], 0
        if at not in left:
            piece.append(record)
            size += len(record.payload)
    return [*pieces, _Piece(batch.number, len(records), piece)]
