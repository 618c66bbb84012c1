"""What a journal is written in.

    frame   = head (24 bytes with a checksum of its own), body
    header  : who, where, what (JSON)
    batch   : records, each with a checksum; on disk before the server is told to remove anything
    settled : which records of a batch were left after all; a batch without this mark may or may not have been removed
    end     : the account of the purge (JSON)
    undo    : how far an undo has come (JSON); undone: all of it

What an interrupted write left at the end is ignored: nothing that it speaks of was removed. Anything else that does not
fit its checksum is damage, and nothing of such a file is used.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import NamedTuple, TypeVar
from zlib import crc32

import msgspec

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.purge.request import Target

FORMAT = 1
_HEAD = Struct("<2sBxIIQ")
"""Magic, kind, number of the batch, records, bytes of the body; a checksum of these 20 bytes follows."""
_RECORD = Struct("<qII")
"""Expiry in milliseconds since 1970 (-1 without), bytes of the key, bytes of the payload."""
_SUM = Struct("<I")
_MAGIC = b"rj"
HEAD_BYTES, RECORD_BYTES = _HEAD.size + _SUM.size, _RECORD.size + _SUM.size


class Mark(IntEnum):
    """What a frame is."""

    HEADER = 1
    BATCH = 2
    SETTLED = 3
    END = 4
    UNDO = 5
    UNDONE = 6


class Header(msgspec.Struct, frozen=True):
    """What stands at the beginning of a journal."""

    format: int
    tool: str
    id: str
    made_at: float
    """Wall-clock seconds."""
    target: Target
    prefix: bytes
    """What the keys began with; of a purge of a single key, that key."""
    exact: bool
    """Whether it was of listed keys, not of a prefix."""
    exclude: tuple[bytes, ...]
    exclude_keys: int
    protected: tuple[bytes, ...]
    planned: int
    done: str = ""
    """What was done, when it was not a purge: a few words."""


class Record(NamedTuple):
    """What one key held."""

    key: bytes
    payload: bytes
    """As DUMP gave it."""
    expiry: int
    """Milliseconds since 1970; -1 without."""


class BatchAt(NamedTuple):
    """Where a batch stands in the file."""

    number: int
    offset: int
    """Of its body."""
    size: int
    held: int
    """How many records it holds."""


@dataclass(slots=True)
class Outline:
    """What is in a journal, without its records."""

    header: Header
    batches: list[BatchAt] = field(default_factory=list)
    left: dict[int, frozenset[int]] = field(default_factory=dict)
    """By settled batch, the records whose keys were left after all."""
    end: dict[str, int | bool] | None = None
    undone: dict[int, int] = field(default_factory=dict)
    """By batch, how many of its records an undo has been through."""
    account: Counter[str] = field(default_factory=Counter)
    """What came of those."""
    finished_undo: bool = False
    size: int = 0
    """Bytes up to the end of the last whole frame."""

    @property
    def keys(self) -> int:
        """Records that undo has to bring back."""
        return sum(batch.held - len(self.left.get(batch.number, ())) for batch in self.batches)

    @property
    def unsettled(self) -> list[BatchAt]:
        """Batches of which nobody knows whether they were removed."""
        return [batch for batch in self.batches if batch.number not in self.left]


def damaged(why: str) -> Unavailable:
    """Return what is raised for a file that cannot be trusted."""
    return Unavailable(Failure(Kind.JOURNAL, f"the journal is damaged and was not used: {why}"))


def frame(kind: Mark, body: bytes, number: int = 0, count: int = 0) -> bytes:
    """Pack a frame; the records of a batch bring their own checksums."""
    head = _HEAD.pack(_MAGIC, kind, number, count, len(body) + (0 if kind is Mark.BATCH else _SUM.size))
    tail = b"" if kind is Mark.BATCH else _SUM.pack(crc32(body))
    return b"".join((head, _SUM.pack(crc32(head)), body, tail))


def pack_records(records: Sequence[tuple[bytes, bytes, int]]) -> bytes:
    """Pack records, each with a checksum of all of it."""
    parts: list[bytes] = []
    pack, total = _RECORD.pack, _SUM.pack
    for key, payload, expiry in records:
        body = pack(expiry, len(key), len(payload)) + key + payload
        parts += body, total(crc32(body))
    return b"".join(parts)


def read_outline(descriptor: int) -> Outline:
    """Read all frames but the records.

    Raises:
        Unavailable: it is damaged, or no journal.
        OSError: it cannot be read.
    """
    outline: Outline | None = None
    for kind, batch, end in _frames(descriptor):
        if outline is None:
            if kind is not Mark.HEADER:
                break
            outline = Outline(_decoded(descriptor, batch, Header))
            if outline.header.format != FORMAT:
                raise damaged("another version of redtop has written it")
        elif kind is Mark.BATCH:
            outline.batches.append(batch)
        else:
            _note(outline, kind, batch, descriptor)
        outline.size = end
    if outline is None:
        raise damaged("it has no header")
    return outline


def _note(outline: Outline, kind: Mark, at: BatchAt, descriptor: int) -> None:
    match kind:
        case Mark.SETTLED:
            places = array("I")
            places.frombytes(_checked(descriptor, at))
            outline.left[at.number] = frozenset(places)
        case Mark.END:
            outline.end = _decoded(descriptor, at, dict[str, int | bool])
        case Mark.UNDO:
            outline.undone[at.number] = at.held
            outline.account.update(_decoded(descriptor, at, dict[str, int]))
        case _:
            outline.finished_undo = True


def _frames(descriptor: int) -> Iterator[tuple[Mark, BatchAt, int]]:
    """Go from head to head; yields what it is, where its body is, and where it ends. Stops at a torn end."""
    size, at = os.fstat(descriptor).st_size, 0
    while at + HEAD_BYTES <= size:
        raw = os.pread(descriptor, HEAD_BYTES, at)
        head, total = raw[: _HEAD.size], raw[_HEAD.size :]
        magic, kind, number, count, length = _HEAD.unpack(head)
        if magic != _MAGIC or _SUM.pack(crc32(head)) != total or kind not in list(Mark):
            if _is_blank(descriptor, at, size):
                return
            raise damaged(f"what stands at byte {at} is no record of redtop")
        end = at + HEAD_BYTES + length
        if end > size or (end == size and _is_blank(descriptor, end - 8, end)):
            return
        yield Mark(kind), BatchAt(number, at + HEAD_BYTES, length, count), end
        at = end


def _is_blank(descriptor: int, start: int, end: int) -> bool:
    """Whether only zeros stand there, as after a power cut: the length was written, the content was not."""
    steps = range(start, end, 1 << 20)
    return not any(os.pread(descriptor, min(1 << 20, end - at), at).strip(b"\0") for at in steps)


T = TypeVar("T")


def _decoded(descriptor: int, at: BatchAt, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(_checked(descriptor, at), type=kind)
    except msgspec.MsgspecError:
        raise damaged(f"what stands at byte {at.offset} cannot be understood") from None


def _checked(descriptor: int, at: BatchAt) -> bytes:
    body = os.pread(descriptor, at.size, at.offset)
    content, total = body[: -_SUM.size], body[-_SUM.size :]
    if _SUM.pack(crc32(content)) != total:
        raise damaged(f"wrong checksum at byte {at.offset}")
    return content


def read_records(descriptor: int, batch: BatchAt) -> list[Record]:
    """Read the records of a batch.

    Raises:
        Unavailable: a checksum is wrong.
    """
    body = _read_all(descriptor, batch.offset, batch.size)
    records, at = [], 0
    while at < len(body):
        if at + RECORD_BYTES > len(body):
            raise damaged(f"a record is cut at byte {batch.offset + at}")
        expiry, key_bytes, payload_bytes = _RECORD.unpack_from(body, at)
        end = at + _RECORD.size + key_bytes + payload_bytes
        if body[end : end + _SUM.size] != _SUM.pack(crc32(memoryview(body)[at:end])):
            raise damaged(f"wrong checksum at byte {batch.offset + at}")
        middle = at + _RECORD.size + key_bytes
        records.append(Record(body[at + _RECORD.size : middle], body[middle:end], expiry))
        at = end + _SUM.size
    if len(records) != batch.held:
        raise damaged(f"{batch.held} records should stand at byte {batch.offset}, {len(records)} do")
    return records


def _read_all(descriptor: int, offset: int, size: int) -> bytes:
    """Read more than the 2 GB that one call gives."""
    parts = []
    while size > 0 and (part := os.pread(descriptor, min(size, 1 << 30), offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)


def verify(descriptor: int, outline: Outline) -> None:
    """Check every record, before any of them is used.

    Raises:
        Unavailable: a checksum is wrong.
    """
    for batch in outline.batches:
        read_records(descriptor, batch)
