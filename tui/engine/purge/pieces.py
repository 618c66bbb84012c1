"""What is brought back in one go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tui.engine.purge.frames import BatchAt, Record
from tui.engine.purge.journal import Journal

PIECE, PIECE_BYTES = 200, 1 << 20
"""Keys and bytes sent in one go: the server is held up for a millisecond or two."""


@dataclass(slots=True)
class Piece:
    """Some records of a batch, or all of several short ones."""

    marks: list[tuple[int, int]]
    """Numbers of the batches, and how many records of each are done with when this piece is."""
    records: Sequence[Record]
    """Those that are still to be brought back."""
    before: Counter[str] | None = None
    """The numbers when its turn came; None until then."""

    @property
    def numbers(self) -> set[int]:
        """Of its batches."""
        return {number for number, _ in self.marks}

    def takes(self, other: Piece) -> bool:
        """Whether another one still fits."""
        records = [*self.records, *other.records]
        return len(records) <= PIECE and sum(len(record.payload) for record in records) <= PIECE_BYTES

    def take(self, other: Piece) -> None:
        """Do both in one go."""
        self.marks += other.marks
        self.records = [*self.records, *other.records]


async def pieces(journal: Journal) -> AsyncIterator[Piece]:
    """Cut all batches that are not done with; short ones go together."""
    outline = journal.outline
    short: Piece | None = None
    for batch in outline.batches:
        done = outline.undone.get(batch.number, 0)
        if done >= batch.held:
            continue
        records = await asyncio.to_thread(journal.records, batch)
        some = _cut(batch, records, done, outline.left.get(batch.number, frozenset()))
        if short is not None and len(some) == 1 and short.takes(some[0]):
            short.take(some[0])
            continue
        if short is not None:
            yield short
        *whole, short = some
        for piece in whole:
            yield piece
    if short is not None:
        yield short


def _cut(batch: BatchAt, records: Sequence[Record], done: int, left: frozenset[int]) -> list[Piece]:
    """Cut the records of a batch that are not done with into pieces."""
    pieces: list[Piece] = []
    piece: list[Record] = []
    size = 0
    for at in range(done, len(records)):
        record = records[at]
        if piece and (len(piece) >= PIECE or size + len(record.payload) > PIECE_BYTES):
            pieces.append(Piece([(batch.number, at)], piece))
            piece, size = [], 0
        if at not in left:
            piece.append(record)
            size += len(record.payload)
    return [*pieces, Piece([(batch.number, len(records))], piece)]
