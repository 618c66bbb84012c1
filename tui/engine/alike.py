"""Which shapes are one family: names and stray ids found out by looking at many shapes side by side.

Only shapes and their numbers of keys are looked at, so this is cheap enough for every picture, and for a keyspace that
tries to be nasty.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from tui.engine.keyshape import ID, Shape, has_placeholder, is_placeholder

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
Counts = Mapping[Shape, int]
"""Keys by shape."""
Moves = Mapping[Shape, Shape]
"""New shapes of those that get one."""


def names(counts: Counts, crowded: set[Crowd]) -> dict[Shape, Shape]:
    """Return the family of every shape, with `{id}` wherever a position is crowded.

    Such positions are added to `crowded`.
    """
    found = {shape: shape for shape in counts}
    current = counts
    for depth in range(1, max(map(len, counts), default=0)):
        for moves in (_strays, lambda now, at: _crowd_moves(now, at, crowded)):
            moved = moves(current, depth)
            if moved:
                found = {shape: moved.get(name, name) for shape, name in found.items()}
                current = recount(current, moved)
    return found


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
    moves: dict[Shape, Shape] = {}
    for shapes in siblings.values():
        if len(shapes) > 1:
            # Biggest first: what has been taken by a bigger one takes nothing itself.
            for main in sorted(shapes, key=lambda shape: -counts[shape]):
                if has_placeholder(main[depth]) and main not in moves:
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


def _rename(shape: Shape, depth: int, crowds: set[Crowd], keys: int) -> Shape:
    if len(shape) <= depth or is_placeholder(shape[depth]):
        return shape
    leaf = len(shape) == depth + 1
    if leaf and keys >= FEW and has_placeholder(shape[depth]):
        return shape
    return (*shape[:depth], ID, *shape[depth + 1 :]) if (shape[:depth], leaf) in crowds else shape


def _crowd_moves(counts: Counts, depth: int, crowded: set[Crowd]) -> Moves:
    crowds = _crowds(counts, depth)
    if not crowds:
        return {}
    crowded |= crowds
    renamed = ((shape, _rename(shape, depth, crowds, keys)) for shape, keys in counts.items())
    return {shape: name for shape, name in renamed if name is not shape}


def _crowds(counts: Counts, depth: int) -> set[Crowd]:
    """Find crowded positions at one depth."""
    leaves: Counter[Shape] = Counter()
    words: dict[Shape, set[bytes]] = {}
    below: dict[Shape, set[Shape]] = {}
    keys: Counter[Shape] = Counter()
    for shape, count in counts.items():
        if len(shape) <= depth or is_placeholder(shape[depth]):
            continue
        prefix = shape[:depth]
        if len(shape) == depth + 1:
            leaves[prefix] += count < FEW or not has_placeholder(shape[depth])
        else:
            words.setdefault(prefix, set()).add(shape[depth])
            below.setdefault(prefix, set()).add(shape[depth + 1 :])
            keys[prefix] += count
    found = {(prefix, True) for prefix, many in leaves.items() if many >= (CROWD if depth > 1 else ROOT_CROWD)}
    for prefix, names in words.items():
        # Ids have as many keys each as there are things to know about one; namespaces have many more.
        few_each = keys[prefix] / len(names) <= 2 * len(below[prefix]) + 1 and len(below[prefix]) <= CROWD_OF_TREES
        if len(names) >= (ROOT_CROWD if depth == 1 else CROWD_OF_TREES if few_each else ROOT_CROWD):
            found.add((prefix, False))
    return found
