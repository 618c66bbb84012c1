"""A fair sample of a stream of unknown length, in bounded memory and nearly no time per item."""

from __future__ import annotations

import math
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Keeps each item with the same chance, at most `size` of them.

    Algorithm L (Li 1994): it draws how many items to skip, instead of drawing for each.
    """

    def __init__(self, size: int, chance: Random) -> None:
        self.items: list[T] = []
        self._size = size
        self._chance = chance
        self._weight = 1.0
        self._skip = 0

    def offer(self, item: T) -> None:
        """Take the next item into account."""
        if len(self.items) < self._size:
            self.items.append(item)
            if len(self.items) == self._size:
                self._draw()
        elif self._skip:
            self._skip -= 1
        else:
            self.items[self._chance.randrange(self._size)] = item
            self._draw()

    def _draw(self) -> None:
        """Decide how many items pass by until the next one is kept."""
        self._weight *= math.exp(math.log(1.0 - self._chance.random()) / self._size)
        self._skip = int(math.log(1.0 - self._chance.random()) / math.log1p(-self._weight)) if self._weight < 1 else 0
