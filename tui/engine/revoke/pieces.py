"""What goes in one transaction, and the commands it goes by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tui.engine.cluster.slots import slot_of
from tui.engine.revoke.falling import Entry, order
from tui.engine.revoke.holdings import Holding

CHUNK = 5000
"""Keys and names in one transaction: some milliseconds of the server's time. All of one user nearly always fits."""

Command = Sequence[bytes | int]


@dataclass(slots=True)
class Piece:
    """What goes in one transaction."""

    keys: Sequence[Holding]
    entries: Sequence[Entry]
    tries: int = 0

    def __len__(self) -> int:
        return len(self.keys) + len(self.entries)

    @property
    def first(self) -> bytes:
        """Its first key; in a cluster all are of the same slot."""
        return self.keys[0].key if self.keys else self.entries[0].key

    def halves(self) -> tuple[Piece, Piece]:
        """Cut it in two, what goes first in the first one."""
        middle = len(self) // 2
        at = max(0, middle - len(self.keys))
        return Piece(self.keys[:middle], self.entries[:at]), Piece(self.keys[middle:], self.entries[at:])


def cut(keys: Sequence[Holding], entries: Sequence[Entry], chunk: int) -> Iterator[Piece]:
    """Cut what goes into transactions, in order."""
    total = len(keys) + len(entries)
    for start in range(0, total, chunk):
        first = max(0, start - len(keys))
        last = max(0, start + chunk - len(keys))
        yield Piece(keys[start : start + chunk], entries[first:last])


def cut_by_slot(keys: Sequence[Holding], entries: Sequence[Entry], chunk: int) -> Iterator[Piece]:
    """Cut what goes into transactions of one slot each, so that what must go first is in the first ones."""
    names = defaultdict(list)
    for entry in entries:
        names[slot_of(entry.key)].append(entry)
    slots = {slot_of(one.key) for one in keys}
    if len(slots) == 1:  # all of it at once
        yield from cut(keys, names.pop(slots.pop(), ()), chunk)
    else:
        for _, alike in groupby(keys, key=order):
            yield from _by_slot(alike, chunk)
    for several in names.values():
        yield from cut((), several, chunk)


def _by_slot(keys: Iterable[Holding], chunk: int) -> Iterator[Piece]:
    slots = defaultdict(list)
    for one in keys:
        slots[slot_of(one.key)].append(one)
    for some in slots.values():
        yield from cut(some, (), chunk)


def unlinks(keys: Sequence[Holding]) -> Iterator[Command]:
    """Yield what removes keys, family by family, in the order in which they must go."""
    families: dict[int, list[bytes]] = {}
    for one in keys:
        families.setdefault(id(one.role.family), []).append(one.key)
    return ([b"UNLINK", *several] for several in families.values())


def taken_out(entries: Sequence[tuple[Entry, bytes]]) -> Iterator[Command]:
    """Yield what takes names out of indexes, which are given with their types."""
    members: dict[tuple[bytes, bytes], list[bytes]] = {}
    for entry, kind in entries:
        members.setdefault((entry.key, kind), []).append(entry.member)
    for (key, kind), names in members.items():
        if kind == b"list":
            for name in names:
                yield [b"LREM", key, 0, name]
        elif kind == b"string":
            yield [b"UNLINK", key]
        else:
            yield [{b"set": b"SREM", b"zset": b"ZREM", b"hash": b"HDEL"}[kind], key, *names]
