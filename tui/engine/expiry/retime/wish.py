"""What a person wants done to the TTLs of a family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tui.engine.chosen import Chosen
from tui.engine.keyshape import Shaper
from tui.engine.onekey.edit import MOST_TTL
from tui.engine.printable import parse_printable
from tui.engine.purge.request import Request
from tui.engine.shapes import Shapes

LEAST_TTL = 10.0
"""Seconds: with less, keys could be gone before their journal is on disk, and that would be a purge."""


class How(StrEnum):
    """What is done."""

    SET = "set"
    EXTEND = "extend"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Wish:
    """Set, extend or remove the TTLs of a family.

    Raises:
        ValueError: with one sentence, when the times make no sense.
    """

    pattern: str
    """Of the family; safe text without secrets, for it is written to the journal."""
    how: How
    seconds: float = 0.0
    """The new TTL, or how much longer."""
    spread: float = 0.0
    """Seconds: each key gets a TTL by chance between so much less and `seconds`, lest all expire at once."""
    expiring: bool | None = None
    """Only keys that have a TTL, or only those that have none; None means both."""

    def __post_init__(self) -> None:
        if self.how is not How.REMOVE and not LEAST_TTL <= self.seconds <= MOST_TTL:
            raise ValueError("a TTL for a family is from 10 seconds to 100 years")
        if self.how is not How.SET and self.expiring is not True:
            raise ValueError("only a TTL that is there can be extended or removed")
        if not 0 <= self.spread <= max(0.0, self.seconds - LEAST_TTL):
            raise ValueError("the spread must leave at least 10 seconds")

    def expiry(self, before: int, now: int, chance: Random) -> int:
        """Return when a key is to expire: milliseconds since 1970, -1 for never.

        Args:
            before: when it expires as it is, in the same way.
            now: the server's time, in milliseconds since 1970.
            chance: draws its place within the spread.
        """
        match self.how:
            case How.REMOVE:
                return -1
            case How.EXTEND:
                return before + round(1000 * self.seconds)
            case How.SET:
                return now + round(1000 * (self.seconds - chance.random() * self.spread))


def request_of(
    shape: Sequence[str],
    shapes: Iterable[Sequence[str]],
    wish: Wish,
    *,
    delimiter: bytes | None,
    protected: tuple[bytes, ...] = (),
    secrets: tuple[bytes, ...] = (),
) -> Request:
    """Ask for just the keys of a family.

    Args:
        shape: of the family: safe text, the delimiter first.
        shapes: of all families of the survey's picture; they tell to which of several a key belongs.
        wish: says whether keys with a TTL are meant, or those without.
        delimiter: what separates the parts of keys; None means found out per key.
        protected: what keys begin with that are never touched.
        secrets: what keys begin with whose names are not written to a journal.
    """
    chosen = Chosen.family(shape)
    common = {"protected": protected, "secrets": secrets, "expiring": wish.expiring}
    if chosen.key is not None:
        return Request(keys=(chosen.key,), **common)  # type: ignore[arg-type]  # a dict of different types
    only = _belongs(chosen, shapes, delimiter)
    prefix = chosen.prefix
    return Request(prefix=prefix, all_keys=not prefix, only=only, **common)  # type: ignore[arg-type]


def _belongs(chosen: Chosen, shapes: Iterable[Sequence[str]], delimiter: bytes | None) -> Callable[[bytes], bool]:
    shape_of = Shaper(delimiter).shape_of
    families = Shapes(tuple(parse_printable(part) for part in shape) for shape in shapes)
    return lambda key: families.belongs(shape_of(key), chosen.shape, chosen.whole)
