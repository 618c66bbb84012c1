"""Key families: what was counted per shape, and shapes that only differ by a name folded into one.

A single key tells that `user:1042:profile` holds a number; only many keys tell that the second part of
`auth:username:alice` is a name. So shapes are counted as they come, and positions where many words stand side by side,
each with little below it, become `{id}`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tui.engine.estimate import Pages, Spread
from tui.engine.keyshape import ID, MAX_PARTS, REST, Shape, Shaper, has_placeholder, is_placeholder

TTL_BOUNDS_MS = (60_000, 600_000, 3_600_000, 86_400_000, 604_800_000)
"""Upper bounds of the TTL buckets (a minute, ten, an hour, a day, a week); one more bucket holds the rest."""
MAX_SHAPES = 4000
"""Shapes kept apart before crowded positions are folded for good; bounds memory at a few MB."""
CROWD = 8
"""Single keys side by side that are taken for one family; fewer may well be settings with names of their own."""
FEW = 5
"""A part with an id and fixed text (`cert:api1-{int}`) that holds fewer keys than this counts as a single key."""
STRAY = 0.1
"""Siblings of a family with at most this part of its keys, and a shape that its ids take by chance, belong to it."""
CROWD_OF_TREES = 8
"""The same for words with equal structure below them: structure makes it surer, so fewer are enough."""
ROOT_CROWD = 100
"""The same at the very beginning of keys, where words are nearly always real namespaces."""

Crowd = tuple[Shape, bool]
"""A position where many names stand side by side: what stands before it, and whether the names end the key."""


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
        self._crowded: set[Crowd] = set()
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
        folded = fold(self._tallies, self._crowded)
        while len(folded) > MAX_SHAPES * 3 // 4:
            # Nothing alike enough: give up what stands at the widest positions, however different it looks, and where
            # there are none, the end of the longest keys.
            wide = _widest(folded)
            self._given_up |= wide
            if not wide:
                self._deepest = max(map(len, folded)) - 1
            folded = merge((self._settle(shape), tally) for shape, tally in folded.items())
        self._tallies = folded
        # A position within a crowd is not met again under its own name.
        self._crowded = {crowd for crowd in self._crowded if self._settle((*crowd[0], ID))[:-1] == crowd[0]}
        self._given_up = {prefix for prefix in self._given_up if self._settle((*prefix, ID))[:-1] == prefix}

    def folded(self) -> Mapping[Shape, Tally]:
        """Return the families as a person should see them now; counting is not disturbed."""
        return fold(self._tallies, set())

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


def _widest(shapes: Iterable[Shape]) -> set[Shape]:
    """Return the beginnings that many different parts follow; the deepest ones, for they mean the least."""
    parts: dict[Shape, set[bytes]] = {}
    for shape in shapes:
        for depth in range(1, len(shape)):
            parts.setdefault(shape[:depth], set()).add(shape[depth])
    wide = [prefix for prefix, names in parts.items() if len(names) >= CROWD]
    deepest = max(map(len, wide), default=0)
    return {prefix for prefix in wide if len(prefix) == deepest}


def fold(tallies: Mapping[Shape, Tally], crowded: set[Crowd]) -> dict[Shape, Tally]:
    """Replace names by `{id}` wherever a position is crowded; adds such positions to `crowded`."""
    deepest = max(map(len, tallies), default=0)
    current: Mapping[Shape, Tally] = tallies
    for depth in range(1, deepest):
        current = _gather_strays(current, depth)
        crowds = _crowds(current, depth)
        if crowds:
            crowded.update(crowds)
            current = merge((_rename(shape, depth, crowds, tally.keys), tally) for shape, tally in current.items())
    return dict(current)


def _gather_strays(tallies: Mapping[Shape, Tally], depth: int) -> Mapping[Shape, Tally]:
    """Put ids that look different by chance where they belong: a hex id without a letter is still a hex id."""
    siblings: dict[tuple[Shape, Shape], list[Shape]] = {}
    for shape in tallies:
        if len(shape) > depth:
            siblings.setdefault((shape[:depth], shape[depth + 1 :]), []).append(shape)
    moves: dict[Shape, Shape] = {}
    for shapes in siblings.values():
        if len(shapes) > 1:
            # Biggest first: what has been taken by a bigger one takes nothing itself.
            for main in sorted(shapes, key=lambda shape: -tallies[shape].keys):
                if has_placeholder(main[depth]) and main not in moves:
                    takes, limit = _taker(main[depth]), max(1, STRAY * tallies[main].keys)
                    strays = (shape for shape in shapes if shape != main and tallies[shape].keys <= limit)
                    moves.update((shape, main) for shape in strays if shape not in moves and takes(shape[depth]))
    return merge((moves.get(shape, shape), tally) for shape, tally in tallies.items()) if moves else tallies


@lru_cache(1024)
def _taker(part: bytes) -> Callable[[bytes], bool]:
    """Return a test whether another part could be an id of the same kind as the placeholders in `part`."""
    patterns = {b"{hex}": rb"(?:[0-9a-fA-F]+|\{(?:int|time|date)\})", b"{int}": rb"\{(?:int|time)\}"}
    random = rb"(?=.*[0-9A-Z{])[A-Za-z0-9{}+/=_.-]+"
    pieces = re.split(rb"(\{[a-z0-9]+\})", part)
    if len(pieces) == 1:
        return lambda other: False
    kinds = (patterns.get(piece, random if piece in {b"{token}", b"{id}"} else re.escape(piece)) for piece in pieces)
    matches = re.compile(b"".join(kinds)).fullmatch
    return lambda other: matches(other) is not None


def _rename(shape: Shape, depth: int, crowds: set[Crowd], keys: int) -> Shape:
    if len(shape) <= depth or is_placeholder(shape[depth]):
        return shape
    leaf = len(shape) == depth + 1
    if leaf and keys >= FEW and has_placeholder(shape[depth]):
        return shape
    return (*shape[:depth], ID, *shape[depth + 1 :]) if (shape[:depth], leaf) in crowds else shape


def _crowds(tallies: Mapping[Shape, Tally], depth: int) -> set[Crowd]:
    """Find crowded positions at one depth."""
    leaves: Counter[Shape] = Counter()
    words: dict[Shape, set[bytes]] = {}
    below: dict[Shape, set[Shape]] = {}
    keys: Counter[Shape] = Counter()
    for shape, tally in tallies.items():
        if len(shape) <= depth or is_placeholder(shape[depth]):
            continue
        prefix = shape[:depth]
        if len(shape) == depth + 1:
            leaves[prefix] += tally.keys < FEW or not has_placeholder(shape[depth])
        else:
            words.setdefault(prefix, set()).add(shape[depth])
            below.setdefault(prefix, set()).add(shape[depth + 1 :])
            keys[prefix] += tally.keys
    found = {(prefix, True) for prefix, count in leaves.items() if count >= (CROWD if depth > 1 else ROOT_CROWD)}
    for prefix, names in words.items():
        # Ids have as many keys each as there are things to know about one; namespaces have many more.
        few_each = keys[prefix] / len(names) <= 2 * len(below[prefix]) + 1 and len(below[prefix]) <= CROWD_OF_TREES
        if len(names) >= (ROOT_CROWD if depth == 1 else CROWD_OF_TREES if few_each else ROOT_CROWD):
            found.add((prefix, False))
    return found
