"""Which shapes are one family: names and stray ids found out by looking at many shapes side by side.

Only shapes and their numbers of keys are looked at, so this is cheap enough for every picture, and for a keyspace that
tries to be nasty.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from tui.engine.keyshape import ID, Shape, has_placeholder, is_placeholder

CROWD = 8
"""Single keys side by side that are taken for one family; fewer may well be settings with names of their own."""
FEW = 5
"""A part with an id and fixed text (`cert:api1-{int}`) that holds fewer keys than this counts as a single key."""
THINGS = 32
"""Names at the end of keys that may be what is known of each of many (`user:{int}:cart`), when each has many keys."""
STRAY = 0.1
"""Siblings of a family with at most this part of its keys, and a shape that its ids take by chance, belong to it."""
COMPARED = 50_000
"""Pairs of siblings that are compared at most, those of the biggest families first: 50 ms. Some hundred shapes side by
side stay below; thousands, which only somebody nasty makes, would take half a minute in which no key works."""
CROWD_OF_TREES = 8
"""The same for words with equal structure below them: structure makes it surer, so fewer are enough."""
ROOT_CROWD = 100
"""The same at the very beginning of keys, where words are nearly always real namespaces."""

Crowd = tuple[Shape, bool]
"""A position where many names stand side by side: what stands before it, and whether the names end the key."""
STANDS_OUT = 10
"""A name with so many times the keys of its neighbours, and mostly other things below it than they have, is no id."""

Counts = Mapping[Shape, int]
"""Keys by shape."""
Moves = Mapping[Shape, Shape]
"""New shapes of those that get one."""


@dataclass(slots=True)
class Crowds:
    """What many shapes have told about positions."""

    crowded: set[Crowd] = field(default_factory=set)
    apart: set[Shape] = field(default_factory=set)
    """Beginnings that end with a name at a crowded position, which is no id all the same."""

    def take(self, other: Crowds) -> None:
        """Add what other shapes have told."""
        self.crowded |= other.crowded
        self.apart |= other.apart

    def fold(self, shape: Shape, depth: int) -> bool:
        """Whether `{id}` belongs in that place of a shape."""
        crowd = shape[:depth], len(shape) == depth + 1
        return crowd in self.crowded and not is_placeholder(shape[depth]) and shape[: depth + 1] not in self.apart


def names(counts: Counts, seen: float = 1.0) -> tuple[dict[Shape, Shape], Crowds]:
    """Return the family of every shape, with `{id}` wherever a position is crowded, and these positions.

    `seen` is the part of the keyspace that was counted: names that will have hundreds of keys have met us with one or
    two so far, and should not be taken for ids until then.
    """
    found = {shape: shape for shape in counts}
    crowds = Crowds()
    current = counts
    for depth in range(1, max(map(len, counts), default=0)):
        for moves in (_strays, lambda now, at: _crowd_moves(now, at, crowds, seen)):
            moved = moves(current, depth)
            if moved:
                found = {shape: moved.get(name, name) for shape, name in found.items()}
                current = recount(current, moved)
    return found, crowds


def recount(counts: Counts, moves: Moves) -> Counts:
    """Return the counts after some shapes got another name."""
    after: Counter[Shape] = Counter()
    for shape, keys in counts.items():
        after[moves.get(shape, shape)] += keys
    return after


def widest(shapes: Iterable[Shape]) -> set[Shape]:
    """Return the beginnings that many different parts follow; the deepest ones, for they mean the least."""
    parts: dict[Shape, set[bytes]] = {}
    for shape in shapes:
        for depth in range(1, len(shape)):
            parts.setdefault(shape[:depth], set()).add(shape[depth])
    wide = [prefix for prefix, names in parts.items() if len(names) >= CROWD]
    deepest = max(map(len, wide), default=0)
    return {prefix for prefix in wide if len(prefix) == deepest}


def _strays(counts: Counts, depth: int) -> Moves:
    """Put ids that look different by chance where they belong: a hex id without a letter is still a hex id."""
    siblings: dict[tuple[Shape, Shape], list[Shape]] = {}
    for shape in counts:
        if len(shape) > depth:
            siblings.setdefault((shape[:depth], shape[depth + 1 :]), []).append(shape)
    mains = [
        (main, shapes)
        for shapes in siblings.values()
        if len(shapes) > 1
        for main in shapes
        if has_placeholder(main[depth])
    ]
    moves: dict[Shape, Shape] = {}
    left = COMPARED
    # Biggest first: what has been taken by a bigger one takes nothing itself.
    for main, shapes in sorted(mains, key=lambda pair: -counts[pair[0]]):
        if main not in moves and left >= len(shapes):
            left -= len(shapes)
            takes, limit = taker(main[depth]), max(1, STRAY * counts[main])
            strays = (shape for shape in shapes if shape != main and counts[shape] <= limit)
            moves.update((shape, main) for shape in strays if shape not in moves and takes(shape[depth]))
    return moves


@lru_cache(1024)
def taker(part: bytes) -> Callable[[bytes], bool]:
    """Return a test whether another part could be an id of the same kind as the placeholders in `part`."""
    patterns = {b"{hex}": rb"(?:[0-9a-fA-F]+|\{(?:int|time|date)\})", b"{int}": rb"\{(?:int|time)\}"}
    random = rb"(?=.*[0-9A-Z{])[A-Za-z0-9{}+/=_.-]+"
    pieces = re.split(rb"(\{[a-z0-9]+\})", part)
    if len(pieces) == 1:
        return lambda other: False
    kinds = (patterns.get(piece, random if piece in {b"{token}", b"{id}"} else re.escape(piece)) for piece in pieces)
    matches = re.compile(b"".join(kinds)).fullmatch
    return lambda other: matches(other) is not None


def _crowd_moves(counts: Counts, depth: int, crowds: Crowds, seen: float) -> Moves:
    singles = _singles(counts, depth, seen)
    crowds.crowded |= _crowds_of_leaves(singles, depth)
    for prefix, trees in _trees(counts, depth).items():
        if trees.many(seen) >= ROOT_CROWD or (depth > 1 and trees.are_ids(seen)):
            crowds.crowded.add((prefix, False))
            crowds.apart.update((*prefix, name) for name in trees.apart())
    return {
        shape: (*shape[:depth], ID, *shape[depth + 1 :])
        for shape in counts
        if len(shape) > depth and crowds.fold(shape, depth) and (len(shape) > depth + 1 or shape in singles)
    }


def _singles(counts: Counts, depth: int, seen: float) -> set[Shape]:
    """Find the shapes that end at one depth and stand for a single key, or few."""
    groups: dict[tuple[Shape, bool], list[Shape]] = {}
    for shape in counts:
        if len(shape) == depth + 1 and not is_placeholder(shape[depth]):
            groups.setdefault((shape[:depth], has_placeholder(shape[depth])), []).append(shape)
    singles: set[Shape] = set()
    for (_, glued), shapes in groups.items():
        if len(shapes) < (ROOT_CROWD if glued else THINGS):
            rare = [shape for shape in shapes if counts[shape] < FEW]
            shapes = rare if _has_few_each(sum(counts[shape] for shape in rare), len(rare), FEW, seen) else []
        singles.update(shapes)
    return singles


def _crowds_of_leaves(singles: Iterable[Shape], depth: int) -> set[Crowd]:
    leaves = Counter(shape[:depth] for shape in singles)
    return {(prefix, True) for prefix, many in leaves.items() if many >= (CROWD if depth > 1 else ROOT_CROWD)}


@dataclass(slots=True)
class _Trees:
    """Names that stand at one position, with more below them."""

    keys: Counter[bytes] = field(default_factory=Counter)
    """By name."""
    below: Counter[Shape] = field(default_factory=Counter)
    """How many names have the same below them."""
    all: list[tuple[bytes, Shape, int]] = field(default_factory=list)
    """Name, what is below it, and keys."""

    def add(self, name: bytes, below: Shape, keys: int) -> None:
        """Take in a name with one of the things below it."""
        self.keys[name] += keys
        self.below[below] += 1
        self.all.append((name, below, keys))

    def many(self, seen: float) -> float:
        """Estimate how many names there are (Chao, Scandinavian Journal of Statistics 11, 1984)."""
        met = Counter(self.keys.values())
        return len(self.keys) + (1 - seen) * met[1] * (met[1] - 1) / (2 * met[2] + 2)

    def are_ids(self, seen: float) -> bool:
        """Whether names that are not many are ids: they have as many keys each as there are things to know of one."""
        names, things = len(self.keys), len(self.below)
        few_each = things <= CROWD_OF_TREES and _has_few_each(self.keys.total(), names, 2 * things + 1, seen)
        return few_each and names >= CROWD_OF_TREES

    def apart(self) -> Iterator[bytes]:
        """Yield the names among many ids that are none."""
        limit = STANDS_OUT * self.keys.total() / len(self.keys)
        big = {name for name, keys in self.keys.items() if keys > limit}
        own: Counter[bytes] = Counter()
        for name, below, keys in self.all if big else ():
            own[name] += keys if self.below[below] < CROWD_OF_TREES else 0
        return (name for name in big if 2 * own[name] > self.keys[name])


def _trees(counts: Counts, depth: int) -> Mapping[Shape, _Trees]:
    found: dict[Shape, _Trees] = {}
    for shape, count in counts.items():
        if len(shape) > depth + 1 and not is_placeholder(shape[depth]):
            trees = found.get(shape[:depth])
            if trees is None:
                trees = found[shape[:depth]] = _Trees()
            trees.add(shape[depth], shape[depth + 1 :], count)
    return found


def _has_few_each(keys: int, names: int, few: int, seen: float) -> bool:
    """Whether names of which so many keys were met may have `few` keys each at most.

    Of a name with `few` keys some were met again after the first; of names with more, more often than chance explains.

    >>> _has_few_each(95, 90, 5, 0.02), _has_few_each(300, 90, 5, 0.02), _has_few_each(300, 90, 5, 1.0)
    (True, False, True)
    """
    again = names * (few * seen / (1 - (1 - seen) ** few) - 1)
    chance = math.sqrt((again + 1) * (1 - seen))
    return keys - names <= again + 2 * chance
