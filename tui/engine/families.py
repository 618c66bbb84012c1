"""Key families: what was counted per shape, and shapes that only differ by a name folded into one.

A single key tells that `user:1042:profile` holds a number; only many keys tell that the second part of
`auth:username:alice` is a name. So shapes are counted as they come, and positions where many words stand side by side,
each with little below it, become `{id}`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tui.engine import alike
from tui.engine.estimate import Pages, Spread
from tui.engine.keyshape import ID, MAX_PARTS, REST, Shape, Shaper, is_placeholder

TTL_BOUNDS_MS = (60_000, 600_000, 3_600_000, 86_400_000, 604_800_000)
"""Upper bounds of the TTL buckets (a minute, ten, an hour, a day, a week); one more bucket holds the rest."""
MAX_SHAPES = 4000
"""Shapes kept apart before crowded positions are folded for good; bounds memory at a few MB."""


@dataclass(slots=True)
class Tally:
    """What was counted of one family in the keys seen."""

    keys: int = 0
    size: int = 0
    """Bytes."""
    no_ttl: int = 0
    types: Counter[bytes] = field(default_factory=Counter)
    ttl_buckets: list[int] = field(default_factory=lambda: [0] * (len(TTL_BOUNDS_MS) + 1))
    ttl_sum_ms: int = 0
    ttl_max_ms: int = 0
    spread: Spread = field(default_factory=Spread)
    byte_spread: Spread = field(default_factory=Spread)
    page_keys: int = 0
    page_bytes: int = 0

    def absorb(self, other: Tally) -> None:
        """Add another family's counts."""
        self.keys += other.keys
        self.size += other.size
        self.no_ttl += other.no_ttl
        self.types.update(other.types)
        self.ttl_buckets = [mine + theirs for mine, theirs in zip(self.ttl_buckets, other.ttl_buckets, strict=True)]
        self.ttl_sum_ms += other.ttl_sum_ms
        self.ttl_max_ms = max(self.ttl_max_ms, other.ttl_max_ms)
        self.spread.absorb(other.spread)
        self.byte_spread.absorb(other.byte_spread)
        self.page_keys += other.page_keys
        self.page_bytes += other.page_bytes


class Families:
    """Counts keys by shape, in bounded memory."""

    def __init__(self, shaper: Shaper) -> None:
        self.pages = Pages()
        self._shaper = shaper
        self._tallies: dict[Shape, Tally] = {}
        self._crowded: set[alike.Crowd] = set()
        self._given_up: set[Shape] = set()
        self._deepest = MAX_PARTS + 1

    def add_page(
        self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]
    ) -> None:
        """Count one page of keys. A TTL of -1 means none; keys that are gone must have been left out."""
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
            tally.types[kind] += 1
            if ttl < 0:
                tally.no_ttl += 1
            else:
                tally.ttl_buckets[bisect_right(TTL_BOUNDS_MS, ttl)] += 1
                tally.ttl_sum_ms += ttl
                if ttl > tally.ttl_max_ms:
                    tally.ttl_max_ms = ttl
        self._end_page(len(keys), touched.values())

    def _end_page(self, page: int, touched: Iterable[Tally]) -> None:
        group = self.pages.add(page)
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
            crowded = (settled, depth == len(shape) - 1) in self._crowded and not is_placeholder(part)
            settled += (ID,) if crowded or settled in self._given_up else (part,)
        return settled

    def _fold_for_good(self) -> None:
        """Too many shapes: fold what is alike, and remember where, so that memory stays bounded."""
        families = alike.names(self._counts(), self._crowded)
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
        self._crowded = {crowd for crowd in self._crowded if self._settle((*crowd[0], ID))[:-1] == crowd[0]}
        self._given_up = {prefix for prefix in self._given_up if self._settle((*prefix, ID))[:-1] == prefix}

    def folded(self) -> Mapping[Shape, Tally]:
        """Return the families as a person should see them now; counting is not disturbed."""
        families = alike.names(self._counts(), set())
        return merge((families[shape], tally) for shape, tally in self._tallies.items())

    def _counts(self) -> dict[Shape, int]:
        return {shape: tally.keys for shape, tally in self._tallies.items()}

    def total(self) -> Tally:
        """Return all families as one."""
        total = Tally()
        for tally in self._tallies.values():
            total.absorb(tally)
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
