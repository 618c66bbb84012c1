"""How long keys have left: counts and bytes by stretches of time, and what they say of the time to come.

TTLs are counted as they were when each key was read. As long as keys are made and expire at an even pace, that is also
how they stand at any other moment; what does not come evenly is found by `cliffs`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ROUND_S = (
    *(1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600, 900, 1800),
    *(3600 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 8760)),
)
"""Times that people name."""
BOUNDS_MS = tuple(sorted({1000 * bound for bound in _ROUND_S} | {round(1000 * 2 ** (q / 4)) for q in range(101)}))
"""Upper bounds of the buckets, from a second to a year; one more bucket holds the rest.

Besides the times that people name they are a quarter of a power of two apart: a median is good within a tenth."""
BUCKETS = len(BOUNDS_MS) + 1
HORIZONS = (60.0, 600.0, 3600.0, 86_400.0)
"""Seconds ahead that a forecast names: a minute, ten, an hour, a day."""
T = 1.96
"""Standard errors to either side that cover 95 %."""
PLUS = 2
"""Keys of either kind that are taken to have been met besides: with few, chance is wider than what was met says.

(Agresti and Coull, The American Statistician 52, 1998.)"""


@dataclass(frozen=True, slots=True)
class Amount:
    """Some keys, scaled up to the whole keyspace."""

    keys: float = 0.0
    keys_error: float = 0.0
    """Half-width of the 95 % interval; 0 when counted, infinite when nothing can be said yet."""
    bytes: float | None = None
    """None when the server does not tell."""
    bytes_error: float = 0.0
    bytes_at_least: bool = False
    """Whether `bytes` is only a lower bound: a few keys are so much bigger than the rest."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Keys of one family, or of all, by the time they have left, as counted in the keys read."""

    keys: Sequence[int] = ()
    """By bucket of `BOUNDS_MS`; empty when none has a TTL."""
    bytes: Sequence[int] = ()
    forever: int = 0
    """Keys without a TTL."""
    forever_bytes: int = 0
    scale: float = 1.0
    """Keys there are for each key read; 1 when all were."""
    keys_error: float = 0.0
    """Of all of them together, scaled up: half-width of the 95 % interval."""
    bytes_error: float = 0.0
    """The same of their bytes; where these are a lower bound, how far it lies below the estimate."""
    sized: bool = True
    """Whether the server tells bytes."""
    at_least: bool = False
    """Whether bytes are only a lower bound."""

    @property
    def read(self) -> int:
        """Keys read."""
        return sum(self.keys) + self.forever

    @property
    def whole(self) -> Amount:
        """All of them."""
        return self._amount(self.read, sum(self.bytes) + self.forever_bytes)

    @property
    def never(self) -> Amount:
        """Those that never expire."""
        return self._amount(self.forever, self.forever_bytes)

    def within(self, seconds: float) -> Amount:
        """Return those that will have expired so many seconds from now, unless somebody renews them."""
        return self._amount(_below(self.keys, 1000 * seconds), _below(self.bytes, 1000 * seconds))

    def between(self, start: float, end: float) -> Amount:
        """Return those that expire from `start` to `end` seconds from now."""
        keys, octets = (_below(counts, 1000 * end) - _below(counts, 1000 * start) for counts in (self.keys, self.bytes))
        return self._amount(keys, octets)

    def _amount(self, keys: float, octets: float) -> Amount:
        error, bytes_error = self._errors(keys, octets)
        size = octets * self.scale
        return Amount(
            keys=keys * self.scale,
            keys_error=error,
            bytes=(max(octets, size - bytes_error) if self.at_least else size) if self.sized else None,
            bytes_error=0.0 if self.at_least else bytes_error,
            bytes_at_least=self.at_least and self.sized,
        )

    def _errors(self, keys: float, octets: float) -> tuple[float, float]:
        """Return the errors of some of the keys, and of their bytes, scaled up."""
        read, total = self.read, sum(self.bytes) + self.forever_bytes
        if not read or self.scale <= 1:
            return 0.0, 0.0
        spread = self._spread(keys, read)
        mean = octets / keys if keys else total / read
        own = math.sqrt(octets / total) * self.bytes_error if total else 0.0
        # Of a family that is itself an estimate, a part is one as well.
        return math.hypot(keys / read * self.keys_error, spread), math.hypot(own, spread * mean)

    def _spread(self, keys: float, read: int) -> float:
        """Return the error of how many of the keys of a family, were all of these known, are such ones."""
        share = (keys + PLUS) / (read + 2 * PLUS)
        return T * read * self.scale * math.sqrt(share * (1 - share) / read * (1 - 1 / self.scale))


UNKNOWN = Lifetimes()
"""Of no keys."""


def by_bucket(counts: Mapping[int, int]) -> tuple[int, ...]:
    """Return counts of the buckets that hold any as one of every bucket.

    >>> by_bucket({1: 5})[:3]
    (0, 5, 0)
    """
    return tuple([counts.get(bucket, 0) for bucket in range(BUCKETS)])


def bucket_sums(counts: Mapping[int, int], bounds_ms: Sequence[int]) -> list[int]:
    """Add up counts by bucket to coarser buckets, whose bounds are some of `BOUNDS_MS`; the last one holds the rest.

    >>> bucket_sums({0: 3, BUCKETS - 1: 4}, (60_000, 3_600_000))
    [3, 0, 4]
    """
    edges = [bisect_left(BOUNDS_MS, bound) + 1 for bound in bounds_ms]
    sums = [0] * (len(edges) + 1)
    for bucket, count in counts.items():
        sums[bisect_right(edges, bucket)] += count
    return sums


def median_ms(counts: Mapping[int, int]) -> float:
    """Return the middle TTL of keys by bucket, within a tenth, of which there must be some.

    >>> 30_000 <= median_ms({bisect_right(BOUNDS_MS, 30_000): 9}) < 33_000
    True
    """
    middle, passed = sum(counts.values()) / 2, 0
    at, buckets = -1, iter(sorted(counts))
    while passed < middle:
        at = next(buckets)
        passed += counts[at]
    low = BOUNDS_MS[at - 1] if at else 0
    return (low + BOUNDS_MS[at]) / 2 if at < len(BOUNDS_MS) else float(low)


def _below(counts: Sequence[int], ttl_ms: float) -> float:
    """Count those with less than that left; within a bucket they are taken to be spread evenly.

    >>> counts = [0] * BUCKETS
    >>> counts[0], counts[1] = 10, 4
    >>> _below(counts, 500), _below(counts, 1000), _below(counts, math.inf)
    (5.0, 10.0, 14.0)
    """
    if not counts:
        return 0.0
    at = bisect_right(BOUNDS_MS, ttl_ms)
    whole = float(sum(counts[:at]))
    if at == len(BOUNDS_MS):
        return whole + (counts[at] if ttl_ms == math.inf else 0)  # nobody knows where the last bucket ends
    low = BOUNDS_MS[at - 1] if at else 0
    return whole + counts[at] * (ttl_ms - low) / (BOUNDS_MS[at] - low)
