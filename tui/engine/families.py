"""Key families: what was counted per shape, and shapes that only differ by a name folded into one.

A single key tells that `user:1042:profile` holds a number; only many keys tell that the second part of
`auth:username:alice` is a name. So shapes are counted as they come, and positions where many words stand side by side,
each with little below it, become `{id}`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.engine import alike
from tui.engine.estimate import Sample, Spread, Strata
from tui.engine.expiry.lifetimes import BOUNDS_MS, bucket_sums, median_ms
from tui.engine.keyshape import ID, MAX_PARTS, REST, Shape, Shaper

TTL_BOUNDS_MS = (60_000, 600_000, 3_600_000, 86_400_000, 604_800_000)
"""Upper bounds of the TTL buckets (a minute, ten, an hour, a day, a week); one more bucket holds the rest.

They are among those of `lifetimes`."""
NEVER_MS = 1 << 62
HEAVY = 0.1
"""A key that alone makes up more than this part of the variance says that others like it, unseen, decide the sum.

Cochran's rule for how many observations skewed ones need (Sampling Techniques, section 2.15), told from the biggest."""
ALIKE = 1.5
"""Sizes up to so many times their mean are alike: of those a few keys tell enough."""
MAX_SHAPES = 4000
"""Shapes kept apart before crowded positions are folded for good; bounds memory at a few MB."""


def _counts() -> dict[int, int]:
    return defaultdict(int)


@dataclass(slots=True)
class Tally:
    """What was counted of one family in the keys seen."""

    keys: int = 0
    size: int = 0
    """Bytes."""
    no_ttl: int = 0
    types: Counter[bytes] = field(default_factory=Counter)
    no_ttl_size: int = 0
    """Bytes of those."""
    ttl_keys: dict[int, int] = field(default_factory=_counts)
    """Keys by the time they have left, in the buckets of `lifetimes`; most families need few of them."""
    ttl_sizes: dict[int, int] = field(default_factory=_counts)
    """Their bytes."""
    ttl_sum_ms: int = 0
    ttl_min_ms: int = NEVER_MS
    ttl_max_ms: int = 0
    size_max: int = 0
    """Bytes of its biggest key seen."""
    spread: Spread = field(default_factory=Spread)
    byte_spread: Spread = field(default_factory=Spread)
    page_keys: int = 0
    page_bytes: int = 0

    def absorb(self, other: Tally) -> None:
        """Add another family's counts."""
        self.keys += other.keys
        self.size += other.size
        self.no_ttl += other.no_ttl
        self.no_ttl_size += other.no_ttl_size
        self.types.update(other.types)
        for mine, theirs in ((self.ttl_keys, other.ttl_keys), (self.ttl_sizes, other.ttl_sizes)):
            for bucket, amount in theirs.items():
                mine[bucket] += amount
        self.ttl_sum_ms += other.ttl_sum_ms
        self.ttl_min_ms = min(self.ttl_min_ms, other.ttl_min_ms)
        self.ttl_max_ms = max(self.ttl_max_ms, other.ttl_max_ms)
        self.size_max = max(self.size_max, other.size_max)
        self.spread.absorb(other.spread)
        self.byte_spread.absorb(other.byte_spread)
        self.page_keys += other.page_keys
        self.page_bytes += other.page_bytes

    def weighted(self, sample: Sample) -> Tally:
        """Return it as it would be, had the same part of every node been read; only what adds up over families."""
        wanted = sample.total(self.keys, self.spread)
        weight = wanted / (self.keys * sample.scale) if self.keys else 1.0
        return Tally(
            keys=round(self.keys * weight),
            size=round(self.size * weight),
            no_ttl=round(self.no_ttl * weight),
            no_ttl_size=round(self.no_ttl_size * weight),
            ttl_keys={bucket: round(count * weight) for bucket, count in self.ttl_keys.items()},
            ttl_sizes={bucket: round(size * weight) for bucket, size in self.ttl_sizes.items()},
            ttl_min_ms=self.ttl_min_ms,
            ttl_max_ms=self.ttl_max_ms,
            size_max=self.size_max,
            spread=self.spread,
            byte_spread=self.byte_spread,
        )

    def is_heavy_tailed(self, variance: float) -> bool:
        """Whether so few keys make up the variance of the bytes that the sum of those not seen is anybody's guess."""
        return self.size_max * self.size_max > HEAVY * variance and self.size_max * self.keys > ALIKE * self.size

    @property
    def ttl_buckets(self) -> list[int]:
        """Keys by the time they have left, in a few buckets, by `TTL_BOUNDS_MS`."""
        return bucket_sums(self.ttl_keys, TTL_BOUNDS_MS)

    @property
    def ttl_median_ms(self) -> float | None:
        """The middle TTL of the keys that have one, within a tenth; None without any."""
        if self.no_ttl == self.keys:
            return None
        return min(max(median_ms(self.ttl_keys), self.ttl_min_ms), self.ttl_max_ms)


class Families:
    """Counts keys by shape, in bounded memory."""

    def __init__(self, shaper: Shaper) -> None:
        self.pages = Strata()
        self._shaper = shaper
        self._tallies: dict[Shape, Tally] = {}
        self._crowds = alike.Crowds()
        self._given_up: set[Shape] = set()
        self._deepest = MAX_PARTS + 1

    def add_page(
        self,
        keys: Sequence[bytes],
        types: Sequence[bytes],
        ttls_ms: Sequence[int],
        sizes: Sequence[int],
        *,
        stratum: int = 0,
        group: int | None = None,
    ) -> None:
        """Count one page of keys of the node with that number, which belongs to that group of pages if it is given.

        A TTL of -1 means none; keys that are gone must have been left out.
        """
        shape_of, tallies = self._shaper.shape_of, self._tallies
        touched: dict[int, Tally] = {}
        for key, kind, ttl, size in zip(keys, types, ttls_ms, sizes, strict=True):
            shape = shape_of(key)
            tally = tallies.get(shape)
            if tally is None:
                tally = self._new(shape)
            if not tally.page_keys:
                touched[id(tally)] = tally
            tally.page_keys += 1
            tally.page_bytes += size
            if size > tally.size_max:
                tally.size_max = size
            tally.types[kind] += 1
            if ttl < 0:
                tally.no_ttl += 1
                tally.no_ttl_size += size
            else:
                bucket = bisect_right(BOUNDS_MS, ttl)
                tally.ttl_keys[bucket] += 1
                tally.ttl_sizes[bucket] += size
                tally.ttl_sum_ms += ttl
                if ttl > tally.ttl_max_ms:
                    tally.ttl_max_ms = ttl
                if ttl < tally.ttl_min_ms:
                    tally.ttl_min_ms = ttl
        self._end_page(self.pages.add(len(keys), stratum, group), touched.values())

    def _end_page(self, group: int, touched: Iterable[Tally]) -> None:
        for tally in touched:
            tally.keys += tally.page_keys
            tally.size += tally.page_bytes
            tally.spread.add(tally.page_keys, group)
            tally.byte_spread.add(tally.page_bytes, group)
            tally.page_keys = tally.page_bytes = 0
        if len(self._tallies) > MAX_SHAPES:
            self._fold_for_good()

    def _new(self, shape: Shape) -> Tally:
        """Return the tally of a shape met for the first time, or of the crowd it belongs to."""
        return self._tallies.setdefault(self._settle(shape), Tally())

    def _settle(self, shape: Shape) -> Shape:
        """Put `{id}` wherever a position is known to be crowded."""
        if len(shape) > self._deepest:
            shape = (*shape[: self._deepest - 1], REST)
        settled: Shape = shape[:1]
        for depth, part in enumerate(shape[1:], 1):
            folds = settled in self._given_up or self._crowds.fold((*settled, *shape[depth:]), depth)
            settled += (ID,) if folds else (part,)
        return settled

    def _settled(self, prefix: Shape) -> bool:
        """Whether keys that begin like that still keep all of it."""
        return self._settle((*prefix, ID))[:-1] == prefix

    def _fold_for_good(self) -> None:
        """Too many shapes: fold what is alike, and remember where, so that memory stays bounded."""
        families, crowds = alike.names(self._counts())
        self._crowds.take(crowds)
        kept = set(families.values())
        while len(kept) > MAX_SHAPES * 3 // 4:
            # Nothing alike enough: give up what stands at the widest positions, however different it looks, and where
            # there are none, the end of the longest keys.
            wide = alike.widest(kept)
            self._given_up |= wide
            if not wide:
                self._deepest = max(map(len, kept)) - 1
            families = {shape: self._settle(name) for shape, name in families.items()}
            kept = set(families.values())
        self._tallies = merge((families[shape], tally) for shape, tally in self._tallies.items())
        # A position within a crowd is not met again under its own name.
        self._crowds.crowded = {crowd for crowd in self._crowds.crowded if self._settled(crowd[0])}
        self._crowds.apart = {names for names in self._crowds.apart if self._settled(names)}
        self._given_up = {prefix for prefix in self._given_up if self._settled(prefix)}

    def folded(self, seen: float = 1.0) -> Mapping[Shape, Tally]:
        """Return the families as a person should see them now; counting is not disturbed.

        `seen` is the part of the keyspace that was counted, 0 to 1.
        """
        families, _ = alike.names(self._counts(), seen)
        return merge((families[shape], tally) for shape, tally in self._tallies.items())

    def _counts(self) -> dict[Shape, int]:
        return {shape: tally.keys for shape, tally in self._tallies.items()}

    def total(self, sample: Sample | None = None) -> Tally:
        """Return all families as one; with a sample of several nodes each as if all of these had been read alike."""
        total = Tally()
        for tally in self._tallies.values():
            uneven = sample is not None and len(sample.strata) > 1 and not sample.whole
            total.absorb(tally.weighted(sample) if sample is not None and uneven else tally)
        return total


def merge(pairs: Iterable[tuple[Shape, Tally]]) -> dict[Shape, Tally]:
    """Add up tallies of equal shape; the given tallies are left as they are."""
    merged: dict[Shape, Tally] = {}
    for shape, tally in pairs:
        into = merged.get(shape)
        if into is None:
            into = merged[shape] = Tally()
        into.absorb(tally)
    return merged
