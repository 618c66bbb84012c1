"""The frozen list of a plan: every key with what it looked like, in bounded memory however long it is."""

from __future__ import annotations

import io
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import IO, NamedTuple

SPILL_AT = 24 << 20
"""Bytes kept in memory (some 400,000 keys); what is longer goes to a file that only this process can open."""
BLOCK = 1 << 20
"""Bytes read at once."""
RUN = 8
"""Items of which the place of the first is known: 5 MB of places for five million keys."""

LOOSE = 1
"""Too long to be dumped for a look: its print is of its type, length and size."""
BIG = 2
"""So big that reading it whole holds up the server."""
SECRET = 4
"""Of a family that grants access."""

_HEAD = Struct("<8sqQBI")


class Item(NamedTuple):
    """One key of a plan."""

    key: bytes
    print: bytes
    """8 bytes that differ when the content does."""
    expiry: int
    """Milliseconds since 1970; -1 without."""
    size: int
    """Bytes in the server's memory."""
    flags: int


class PlannedKeys:
    """A list of items that only grows, until it is frozen; iterating gives the keys."""

    def __init__(self, spill_at: int = SPILL_AT) -> None:
        self._spill_at = spill_at
        self._file: IO[bytes] = io.BytesIO()
        self._spilled = False
        self._count = 0
        self._bytes = 0
        self._runs = array("Q")
        """Where every eighth item begins."""
        self._closer: weakref.finalize[[], PlannedKeys] | None = None

    def add(self, items: Iterable[Item]) -> None:
        """Append some items.

        Raises:
            OSError: the disk is full.
        """
        pack, count, end = _HEAD.pack, self._count, self._bytes
        parts: list[bytes] = []
        for key, mark, expiry, size, flags in items:
            if not count % RUN:
                self._runs.append(end)
            parts += pack(mark, expiry, size, flags, len(key)), key
            count += 1
            end += _HEAD.size + len(key)
        if not self._spilled and end > self._spill_at:
            self._spill()
        self._file.seek(self._bytes)
        self._file.write(b"".join(parts))
        self._count, self._bytes = count, end

    def _spill(self) -> None:
        file: IO[bytes] = tempfile.TemporaryFile(prefix="redtop-plan-", buffering=0)  # noqa: SIM115 - lives with the list
        self._closer = weakref.finalize(self, file.close)
        assert isinstance(self._file, io.BytesIO)
        file.write(self._file.getbuffer())
        self._file, self._spilled = file, True

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return (item.key for item in self.items())

    def items(self) -> Iterator[Item]:
        """Go through all items, in the order they were added."""
        rest, offset = b"", 0
        while offset < self._bytes:
            block = self._read(offset, min(BLOCK, self._bytes - offset))
            offset += len(block)
            data, at = rest + block, 0
            for item in _unpacked(data):
                yield item
                at += _HEAD.size + len(item.key)
            rest = data[at:]

    def spread(self, together: int) -> Iterator[Item]:
        """Go through all items so that `together` that come one after the other come from all over the list.

        Keys that SCAN names one after the other lie in the same corner of the server's hash table, and would all
        collide in the small table where it keeps what is watched: at a million keys that takes ten times as long.
        """
        count = len(self._runs)
        step = max(1, self._count // together)
        for first in range(step):
            for run in range(first, count, step):
                start = self._runs[run]
                end = self._runs[run + 1] if run + 1 < count else self._bytes
                yield from _unpacked(self._read(start, end - start))

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def close(self) -> None:
        """Free what it takes; it is empty afterwards."""
        self._file.close()
        self._file, self._count, self._bytes, self._runs = io.BytesIO(), 0, 0, array("Q")


class Planned:
    """All keys of a plan: a list for each server that held them."""

    def __init__(self, parts: Sequence[PlannedKeys]) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.parts)

    def items(self) -> Iterator[Item]:
        """Go through all items, server by server."""
        return chain.from_iterable(part.items() for part in self.parts)

    def close(self) -> None:
        """Free what they take; they are empty afterwards."""
        for part in self.parts:
            part.close()


def _unpacked(data: bytes) -> Iterator[Item]:
    """Yield the whole items at the beginning of some bytes."""
    size, unpack, make, at, whole = _HEAD.size, _HEAD.unpack_from, Item._make, 0, len(data)
    while at + size <= whole:
        mark, expiry, memory, flags, length = unpack(data, at)
        end = at + size + length
        if end > whole:
            return
        yield make((data[at + size : end], mark, expiry, memory, flags))
        at = end
