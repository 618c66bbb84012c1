"""How big the keys of a server are, as it counts them itself (INFO keysizes: Redis 8).

The server keeps a histogram by type with a power of two for each step, over all keys: exact, and free. The format is
that of https://redis.io/docs/latest/commands/info/; no such server was at hand to try it on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tui.engine.info import Identity, Info

KINDS = (*(("strings", "sizes"), ("lists", "items"), ("sets", "items"), ("hashes", "items"), ("zsets", "items")),)
"""What is counted of each type: bytes of strings, elements of all others."""
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The keys of one type in all databases, by size."""

    kind: str
    """`strings`, `lists`, `sets`, `hashes` or `zsets`."""
    bins: tuple[tuple[int, int], ...]
    """(least, keys) of each step, ascending: of keys of at least that size, and of less than twice that."""

    @property
    def keys(self) -> int:
        """All of them."""
        return sum(keys for _, keys in self.bins)

    @property
    def half(self) -> int:
        """The size that half of them stay below: bytes of strings, elements of all others."""
        seen = accumulate(keys for _, keys in self.bins)
        return _above(next(least for (least, _), below in zip(self.bins, seen, strict=True) if 2 * below >= self.keys))

    @property
    def largest(self) -> int:
        """The size that all of them stay below."""
        return _above(self.bins[-1][0])


def counts_sizes(who: Identity) -> bool:
    """Whether a server counts sizes."""
    return who.product == "Redis" and who.version_tuple >= (8,)


def sizes_of(info: Info) -> tuple[Sizes, ...]:
    """Read what is told of each type; nothing where the server does not count."""
    found = []
    for kind, counted in KINDS:
        bins: Counter[int] = Counter()
        for db in info.databases:
            bins.update(dict(_bins(info.text(f"db{db}_distrib_{kind}_{counted}") or "")))
        if bins:
            found.append(Sizes(kind, tuple(sorted(bins.items()))))
    return tuple(found)


def _bins(told: str) -> Iterator[tuple[int, int]]:
    """Read one histogram.

    >>> list(_bins("1=19,512=3,4K=1"))
    [(1, 19), (512, 3), (4096, 1)]
    """
    for step in told.split(","):
        size, _, keys = step.partition("=")
        digits = size.rstrip("KMGT")
        if digits.isdecimal() and keys.isdecimal() and len(digits) + len(keys) < 30:
            yield int(digits) * _UNITS.get(size[len(digits) :], 1), int(keys)


def _above(least: int) -> int:
    return 2 * least or 1
