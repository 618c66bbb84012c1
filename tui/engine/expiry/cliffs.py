"""Cliffs: many keys of one family that expire within the same minute, and a stampede on whatever makes them anew.

Counts by stretches of time are too coarse for that, so some keys of each pass are kept with the moment at which they
expire: a fair sample of fixed size. In a small keyspace that is every key.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tui.engine.expiry.lifetimes import T
from tui.engine.keyshape import Shape, Shaper

WITHIN = 60.0
"""Seconds: what expires within such a time expires at once, as whoever makes it anew sees it."""
SHARE = 0.2
"""Of its family, more than that is a cliff."""
LEAST = 20
"""Keys of the sample that must expire at once: fewer are chance, and nothing breaks of them."""
DENSER = 3.0
"""So many times as close together as keys that come evenly, or as many as in the minute before and after: families that
live for some minutes have a fifth of their keys in any minute, and nothing is wrong with that."""
MOST = 4
"""Cliffs of one family: each has more than a fifth of it."""
KEPT = 20_000
"""Keys in the sample, about 3 MB: of a family with a hundredth of all keys, 200."""


@dataclass(frozen=True, slots=True)
class Cliff:
    """Keys of one family that expire at once."""

    at: float
    """Wall-clock seconds when the first of them expires."""
    seconds: float
    """From the first to the last."""
    share: float
    """Of the keys of the family, 0 to 1."""
    error: float
    """Half-width of the 95 % interval of the share; 0 when every key was seen."""


class ExpirySample:
    """A fair sample of the keys of a pass, each with its shape and when it expires.

    Algorithm L (Li 1994) draws how many keys to pass over, so of most pages nothing is looked at.
    """

    def __init__(self, chance: Random, size: int = KEPT) -> None:
        self.rows: list[tuple[Shape, float]] = []
        """Shape, and wall-clock seconds; infinite without a TTL."""
        self.keys = 0
        """Keys that were offered."""
        self._size = size
        self._chance = chance
        self._weight = 1.0
        self._next = 0
        """Place of the next key to take, counted from the beginning of the next page."""

    @property
    def is_whole(self) -> bool:
        """Whether it has every key that was offered."""
        return self.keys == len(self.rows)

    def take(self, keys: Sequence[bytes], ttls_ms: Sequence[int], shaper: Shaper, wall: float) -> None:
        """Take some keys of a page."""
        count = len(keys)
        while self._next < count:
            at = self._next
            ttl = ttls_ms[at]
            row = shaper.shape_of(keys[at]), wall + ttl / 1000 if ttl >= 0 else math.inf
            if len(self.rows) < self._size:
                self.rows.append(row)
            else:
                self.rows[self._chance.randrange(self._size)] = row
            self._next = at + 1 + (self._skip() if len(self.rows) == self._size else 0)
        self._next -= count
        self.keys += count

    def _skip(self) -> int:
        self._weight *= math.exp(math.log(1.0 - self._chance.random()) / self._size)
        return int(math.log(1.0 - self._chance.random()) / math.log1p(-self._weight)) if self._weight < 1 else 0


def by_shape(rows: Iterable[tuple[Shape, float]]) -> Mapping[Shape, list[float]]:
    """Put together when the keys of each shape expire."""
    found: dict[Shape, list[float]] = defaultdict(list)
    for shape, at in rows:
        found[shape].append(at)
    return found


def cliffs_of(times: Sequence[float], now: float, *, whole: bool) -> Iterator[Cliff]:
    """Find the cliffs ahead of one family, the biggest first.

    Args:
        times: when keys of it expire, wall-clock seconds; infinite for those that never do.
        now: wall-clock seconds.
        whole: whether these are all its keys, not a sample.
    """
    count = len(times)
    ahead = sorted(at for at in times if now < at < math.inf)
    for _ in range(MOST):
        start, end = _fullest(ahead)
        share = (end - start) / count if count else 0.0
        error = 0.0 if whole else T * math.sqrt(share * (1 - share) / count) if count else math.inf
        if end - start < LEAST or share - error <= SHARE or not _is_cliff(ahead, start, end, now):
            return
        yield Cliff(ahead[start], ahead[end - 1] - ahead[start], share, error)
        del ahead[start:end]


def _fullest(times: Sequence[float]) -> tuple[int, int]:
    """Return where the fullest stretch of `WITHIN` seconds begins and ends in a sorted list.

    >>> _fullest([1.0, 100.0, 110.0, 120.0, 400.0, 430.0])
    (1, 4)
    """
    best, start = (0, 0), 0
    for end, at in enumerate(times, 1):
        while at - times[start] >= WITHIN:
            start += 1
        if end - start > best[1] - best[0]:
            best = start, end
    return best


def _is_cliff(times: Sequence[float], start: int, end: int, now: float) -> bool:
    """Whether a stretch of a sorted list stands out from what is even, by itself or from what is around it."""
    few = max(2, (end - start) // 2)
    shortest = min(times[at + few - 1] - times[at] for at in range(start, end - few + 1))
    if shortest * DENSER <= min(WITHIN, times[end - 1] - now) / 2:
        return True
    first = times[start]
    before = start - bisect_left(times, first - WITHIN)
    after = bisect_left(times, times[end - 1] + WITHIN) - end
    return first - now >= WITHIN and max(before, after) * DENSER <= end - start
