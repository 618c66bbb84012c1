"""Keys that go together."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tui.engine.cluster.slots import slot_of
from tui.engine.purge.keystore import LOOSE, Item

BATCH = 500
"""Keys per batch, to spread one disk write over many; Redis up to 7 takes the square of it for WATCH (1 ms here)."""
BATCH_BYTES = 4 << 20
"""Bytes per batch, as the server's memory counts them."""
PLAIN_BATCH = 1000
"""Keys per batch without undo: nothing but one UNLINK."""
GATHERED = 50_000
"""Keys of a cluster's node that are looked through for those of the same slot: some 15 MB, and nine of each of 5,461
slots even where a server does not name its keys slot by slot."""


@dataclass(frozen=True, slots=True)
class Care:
    """How careful a removal is."""

    checked: bool = True
    """Whether each key is compared with the plan, and watched."""
    undo_secrets: bool = False
    """Whether keys that grant access are journaled."""
    undo_big: bool = False
    """Whether big keys are."""


@dataclass(slots=True)
class Batch:
    """Keys that go together; a long one goes alone."""

    items: Sequence[Item]
    tries: int = 0
    doubtful: bool = False
    """Whether an attempt of ours may have removed some of them already."""
    since: float | None = None
    """When it was first found on the move between two nodes, in seconds of the clock."""

    def halves(self) -> tuple[Batch, Batch]:
        """Cut it in two."""
        middle = len(self.items) // 2
        return Batch(self.items[:middle], 0, self.doubtful), Batch(self.items[middle:], 0, self.doubtful)


@dataclass(slots=True)
class Limbo:
    """A batch that was sent, and not answered yet."""

    batch: Batch
    number: int | None
    """In the journal; None when nothing of it was journaled."""
    recorded: Sequence[Item]
    """Those in the journal, in their order."""


def plain(items: Iterable[Item], most: int) -> Iterator[Batch]:
    """Cut items into batches of so many, whatever they are: they only have to be named."""
    items = iter(items)
    while batch := list(islice(items, most)):
        yield Batch(batch)


def cut(items: Iterable[Item], most: int, most_bytes: float = math.inf) -> Iterator[Batch]:
    """Cut items into batches of so many, and of so many bytes; long ones go alone."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if item.flags & LOOSE:
            yield Batch([item])
            continue
        if batch and (len(batch) >= most or size + item.size > most_bytes):
            yield Batch(batch)
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield Batch(batch)


def of_one_slot(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Cut batches into ones of a single slot of a cluster each."""
    for batch in batches:
        for items in by_slot(batch.items, len(batch.items)):
            yield Batch(list(items), batch.tries, batch.doubtful)


def by_slot(items: Iterable[Item], together: int) -> Iterator[Iterable[Item]]:
    """Gather items of the same slot of a cluster, as far as that goes in bounded memory.

    `together` that come one after the other come from all over the slot: see `PlannedKeys.spread`.
    """
    items = iter(items)
    while gathered := list(islice(items, GATHERED)):
        slots: dict[int, list[Item]] = defaultdict(list)
        for item in gathered:
            slots[slot_of(item.key)].append(item)
        yield from (_spread(slot, together) for slot in slots.values())


def _spread(items: Sequence[Item], together: int) -> Iterator[Item]:
    steps = -(-len(items) // together)
    return (item for first in range(steps) for item in items[first::steps])
