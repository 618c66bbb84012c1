"""Keys that go together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tui.engine.purge.keystore import LOOSE, Item

BATCH = 500
"""Keys per batch, to spread one disk write over many; Redis up to 7 takes the square of it for WATCH (1 ms here)."""
BATCH_BYTES = 4 << 20
"""Bytes per batch, as the server's memory counts them."""
PLAIN_BATCH = 1000
"""Keys per batch without undo: nothing but one UNLINK."""


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
