"""RESTORE without REPLACE, piece by piece: what somebody has made since stays theirs.

A mark in the journal says how far it has come, so it can stop at any time (no memory left, say) and go on later. When
the answer to a piece is lost, its keys are read back: those that are there are done, those that are missing are tried
again.

In a cluster each key goes to the node that holds its slot by then. Keys of a node that is away for good fail, the
others are brought back, and the next undo tries those again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tui.engine.cluster.slots import slot_of
from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.node import Node
from tui.engine.place import Pens, Place
from tui.engine.purge.account import note
from tui.engine.purge.expiry import Expiries, milliseconds
from tui.engine.purge.frames import Record
from tui.engine.purge.journal import Journal
from tui.engine.purge.looking import rdb_version, restorable_elsewhere
from tui.engine.purge.pacing import PASSING, Pacer, Patience
from tui.engine.purge.packing import each, joined, tails_of
from tui.engine.purge.pieces import Piece, pieces
from tui.engine.purge.refusals import is_moving, stop_for_all, why
from tui.engine.purge.request import Target
from tui.engine.purge.sameness import is_same
from tui.engine.writer import PATIENCE, Writer

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


class Restoration:
    """Brings back what a journal has."""

    def __init__(self, place: Place, journal: Journal, pacer: Pacer, stop: asyncio.Event) -> None:
        self.patience = Patience(place.nodes[0], stop.is_set)
        self.reasons: Counter[str] = Counter()
        self.recreated_keys: list[bytes] = []
        self.failed_keys: list[bytes] = []
        self.total = journal.outline.keys
        self._numbers = Counter(journal.outline.account)
        self._place = place
        self._journal = journal
        self._pacer = pacer
        self._stop = stop
        self._run_id = Target.of(place).run_id
        self._piece: Piece | None = None
        self._limbo: Sequence[Record] = ()
        """What was sent, and not answered yet: the first records of the piece."""
        self._spoilt: set[int] = set()
        """Batches with a key that failed: no mark goes beyond it, so that it is tried again next time."""
        self._away: dict[Node | int, str] = {}
        """Nodes and slots that are not waited for any more, and why."""
        self._pens: Pens | None = None
        self._pen: Writer | None = None
        """To the server that holds the keys under way."""
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
        steps = pieces(self._journal)
        while True:
            try:
                async with Pens(self._place, self._run_id) as self._pens:
                    await self._work(steps)
            except Unavailable as error:
                await self._bear(error.failure)
                await self._place.look_again()
            else:
                return

    async def _work(self, steps: AsyncIterator[Piece]) -> None:
        while not self._stop.is_set():
            if self._piece is None:
                self._piece = await anext(steps, None)
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

    async def _restore(self, piece: Piece) -> None:
        """Bring back one piece, and mark it."""
        before = piece.before = Counter(self._numbers) if piece.before is None else piece.before
        self._without_away(piece)
        await self._resolve(piece)
        while piece.records:
            some, rest = self._together(piece.records)
            await self._move_to(some[0])
            (time,) = await self._ask(exchange([b"TIME"]))
            now = milliseconds(time)
            live = [record for record in some if not 0 <= record.expiry <= now]
            self._numbers["expired"] += len(some) - len(live)
            piece.records = [*live, *rest]
            if live:
                await self._send(piece, live, rest)
        if self._numbers["failed"] > before["failed"]:
            self._spoilt |= piece.numbers
        account = self._numbers - before
        for number, upto in piece.marks:
            if number not in self._spoilt:
                self._journal.undone(number, upto, account)
                account = Counter()

    def _together(self, records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
        """Return the records that go to the same server as the first one, and the rest."""
        if not self._place.is_cluster:
            return records, ()
        node_of = self._place.node_of
        first = node_of(records[0].key)
        rest = [record for record in records if node_of(record.key) is not first]
        return [record for record in records if node_of(record.key) is first], rest

    async def _move_to(self, record: Record) -> None:
        assert self._pens is not None
        self._pen = await self._pens.of(record.key)

    async def _send(self, piece: Piece, records: Sequence[Record], rest: Sequence[Record]) -> None:
        commands: list[list[bytes | int]] = [
            [b"RESTORE", key, max(0, expiry), payload, b"ABSTTL"] for key, payload, expiry in records
        ]
        self._limbo = records
        size = sum(len(record.payload) for record in records)
        replies = await self._ask(exchange(*commands, permit=self._node.permit), PATIENCE + size / SLOW_LINE)
        self._limbo = ()
        self._numbers["restored"] += sum(not isinstance(reply, ReplyError) for reply in replies)
        refused = [pair for pair in zip(records, replies, strict=True) if isinstance(pair[1], ReplyError)]
        refused.sort(key=lambda pair: not is_moving(pair[1]))  # those that may be given up come first
        piece.records = [*(record for record, _ in refused), *rest]
        for record, error in refused:
            if error.code not in {"BUSYKEY", "OOM"} and "payload version" in str(error):
                raise Unavailable(self._of_version(record))
        stop_for_all((error for _, error in refused), "+restore")
        await self._tell_apart([record for record, error in refused if error.code == "BUSYKEY"])
        for record, error in refused:
            if error.code != "BUSYKEY":
                self._fail(record.key, why(error))
        piece.records = rest

    async def _resolve(self, piece: Piece) -> None:
        """Read back what was sent and not answered; what is missing is still to be done."""
        rest = piece.records[len(self._limbo) :]
        missing: list[Record] = []
        while self._limbo:
            some, others = self._together(self._limbo)
            await self._move_to(some[0])
            for record, same in zip(some, await self._read(some), strict=True):
                if same is None:
                    missing.append(record)
                elif same:
                    self._numbers["restored"] += 1
                else:
                    self._recreated(record.key)
            self._limbo = others
            piece.records = [*others, *missing, *rest]

    # -- away for good ------------------------------------------------------------------------------------------

    async def _bear(self, failure: Failure) -> None:
        """Wait for a server; in a cluster go on without it when that takes too long.

        Raises:
            Unavailable: there is nothing to go on with.
        """
        try:
            await self.patience.bear(failure)
        except Unavailable:
            piece = self._piece
            if not self._place.is_cluster or failure.kind not in PASSING or self._stop.is_set() or piece is None:
                raise
            key = piece.records[0].key
            if failure.kind is Kind.MOVING:  # others on their way, too, have been for as long
                self._away[slot_of(key)] = failure.sentence
            else:
                self._away[self._place.node_of(key)] = failure.sentence
                self.patience.answered()

    def _without_away(self, piece: Piece) -> None:
        """Let those records of a piece fail whose server is not waited for."""
        if not self._away:
            return
        for record in piece.records:
            if (reason := self._reason(record)) is not None:
                self._fail(record.key, reason)
        self._limbo = [record for record in self._limbo if self._reason(record) is None]
        piece.records = [record for record in piece.records if self._reason(record) is None]

    def _reason(self, record: Record) -> str | None:
        return self._away.get(slot_of(record.key)) or self._away.get(self._place.node_of(record.key))

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
        tails, ask = tails_of([record.key for record in records]), Expiries(self._node.identity)
        replies = await self._ask(joined(each((b"DUMP",), tails), ask.question(tails)))
        payloads = replies[: len(records)]
        stop_for_all(payloads, "+dump")
        expiries = await ask.exact(self._ask, tails, ask.read(replies[len(records) :]))
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

    @property
    def _node(self) -> Node:
        assert self._pen is not None
        return self._pen.node

    async def _ask(self, question: Exchange, patience: float = PATIENCE) -> list[Reply]:
        assert self._pen is not None
        clock = self._place.clock
        started = clock.now()
        try:
            return await self._pen.send(question, patience=patience)
        finally:
            self._busy += max(0.0, clock.now() - started - self._node.round_trip)
