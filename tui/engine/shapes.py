"""To which of several families a key belongs: the survey's answer, for one key at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tui.engine.alike import taker
from tui.engine.keyshape import ID, REST, Shape, has_placeholder

REMEMBERED = 20_000
"""Shapes whose family is remembered; most keys share few shapes, and names come only once."""


class Shapes:
    """The families of a picture of the keyspace."""

    def __init__(self, families: Iterable[Shape]) -> None:
        self._families: dict[tuple[bytes, bytes], list[Shape]] = defaultdict(list)
        """By delimiter and first part, or its placeholder as one: of thousands, few come into question for a key."""
        for family in families:
            self._families[family[0], ID if has_placeholder(family[1]) else family[1]].append(family)
        self._found: dict[Shape, Shape | None] = {}

    def belongs(self, shape: Shape, chosen: Shape, whole: bool) -> bool:
        """Whether a key of this shape is one of the chosen family, or (unless `whole`) of the chosen branch.

        >>> shapes = Shapes([(b":", b"user", b"{int}"), (b":", b"user", b"{id}")])
        >>> shapes.belongs((b":", b"user", b"{int}"), (b":", b"user", b"{id}"), whole=True)
        False
        >>> shapes.belongs((b":", b"user", b"alice"), (b":", b"user", b"{id}"), whole=True)
        True
        """
        family = self.family_of(shape)
        if family is not None:
            return family == chosen if whole else len(family) > len(chosen) and family[: len(chosen)] == chosen
        # Not in the picture yet: it may be new.
        if len(shape) < len(chosen) + (not whole):
            return False
        return _rank(chosen if whole else (*chosen, *shape[len(chosen) :]), shape) is not None

    def family_of(self, shape: Shape) -> Shape | None:
        """Return the family of keys of this shape; None when it is not in the picture."""
        if shape not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[shape] = self._closest(shape)
        return self._found[shape]

    def _closest(self, shape: Shape) -> Shape | None:
        """Return the family that fits best: the one that leaves the fewest parts open."""
        near = (*self._families.get((shape[0], shape[1]), ()), *self._families.get((shape[0], ID), ()))
        ranked = [(rank, family) for family in near if (rank := _rank(family, shape)) is not None]
        return min(ranked)[1] if ranked else None


def _rank(family: Shape, shape: Shape) -> tuple[int, int] | None:
    """Say how loosely a family fits a shape: (parts that may be anything, parts of the same kind); None if not."""
    if len(shape) != len(family):
        if family[-1] != REST or len(shape) < len(family):
            return None
        return _rank_parts(family[:-1], shape[: len(family) - 1], 1)
    return _rank_parts(family, shape, 0)


def _rank_parts(family: Sequence[bytes], shape: Sequence[bytes], loose: int) -> tuple[int, int] | None:
    alike = 0
    for wanted, part in zip(family, shape, strict=True):
        if wanted == part:
            continue
        if wanted in {ID, REST}:
            loose += 1
        elif taker(wanted)(part):
            alike += 1
        else:
            return None
    return loose, alike
