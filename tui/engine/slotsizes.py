"""How many keys each slot of a node holds, and whether SCAN goes through its slots in their order at all.

CLUSTER SLOT-STATS counts them (Valkey 8, Redis 8.2). Where a server does not know it, or a user may not ask, a glance
into each slot tells about as much as is needed: a few keys from its beginning, and the part of its table they took. For
what is read when (`slotscan`) a third more or less does not matter, for later cursors tell.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.engine.cluster.slots import SLOTS, slot_of
from tui.engine.commands import Reply
from tui.engine.slotcursor import part_of, within

FIRST = 8
"""Glances that show whether slots are in order: so many places all over the slots cannot look so by chance."""
COUNTED = 512
"""Slots that one SLOT-STATS counts: a fraction of a millisecond's work."""
GLANCES = 128
"""Slots looked into in one round trip: about as much work as a page."""
GLIMPSE = 8
"""Keys asked for in each: enough to know that there are few, or by their density how many."""

Commands = Sequence[Sequence[bytes | int]]


@dataclass(slots=True)
class Sizes:
    """What has been seen of the slots of a node."""

    keys: dict[int, float] = field(default_factory=dict)
    """About how many keys each slot holds that holds any."""
    pages: int = 0
    """Pages that did not end with the last key of the node."""
    given: int = 0
    """Keys in them."""

    @property
    def beyond(self) -> float:
        """Keys that a page holds beyond those asked for, on average: SCAN returns whole places of a table."""
        return self.given / self.pages - GLIMPSE if self.pages else 0.0

    def glance(self, slot: int, cursor: int, keys: Sequence[bytes]) -> int:
        """Take in what was seen in one slot; return the next one that may hold keys."""
        mine = within(slot, cursor, keys, slot)
        after, part = part_of(cursor)
        if mine:
            self.keys[slot] = size_of(len(mine), part if after == slot else 0.0)
        if cursor:
            self.pages += 1
            self.given += len(keys)
        if len(mine) < len(keys):
            return slot_of(keys[len(mine)])
        return after if cursor else SLOTS


Looking = Generator[Commands, Sequence[Reply], Sizes]


def look(*, counts: bool) -> Looking:
    """Ask about the slots of a node: yields commands, wants their replies, and returns the sizes.

    `counts` says that the server knows SLOT-STATS.

    Raises:
        Disorder: slots are not in order.
    """
    sizes = Sizes()
    yield from _glances(sizes, range(0, SLOTS, SLOTS // FIRST))
    if counts:
        told = yield [(b"CLUSTER", b"SLOT-STATS", b"SLOTSRANGE", *ends) for ends in _ranges()]
        if all(isinstance(reply, list) for reply in told):
            sizes.keys = {slot: float(keys) for slot, keys in _counted(told) if keys}
            return sizes
    slot = 0
    while slot < SLOTS:
        slot = yield from _glances(sizes, range(slot, min(SLOTS, slot + GLANCES)))
    sizes.keys = dict(sorted(sizes.keys.items()))
    return sizes


def size_of(keys: int, part: float) -> float:
    """Return about how many keys a slot holds, of which so many were in that part of it; 0 when that was all of it.

    One key less is reckoned with: where one stops with a key, the part is small by choice (inverse sampling; Haldane,
    On a method of estimating frequencies, 1945).

    >>> size_of(5, 0.0), size_of(11, 0.25)
    (5.0, 40.0)
    """
    return max(keys, (keys - 1) / part) if part else float(keys)


def _glances(sizes: Sizes, slots: Sequence[int]) -> Generator[Commands, Sequence[Reply], int]:
    """Look into these slots, and return the next one to look into."""
    following = SLOTS
    pages = yield [(b"SCAN", slot, b"COUNT", GLIMPSE) for slot in slots]
    for slot, (cursor, keys) in zip(slots, pages, strict=True):
        following = sizes.glance(slot, int(cursor), keys)
    return max(following, slots[-1] + 1)


def _ranges() -> Iterable[tuple[int, int]]:
    return [(first, first + COUNTED - 1) for first in range(0, SLOTS, COUNTED)]


def _counted(told: Iterable[Reply]) -> Iterable[tuple[int, int]]:
    """Return (slot, keys) from SLOT-STATS of ranges in their order."""
    for reply in told:
        for slot, about in reply:
            fields: Mapping[bytes, int] = dict(zip(about[::2], about[1::2], strict=False))
            yield slot, fields.get(b"key-count", 0)
