"""What a plan has found: the numbers and names that a person decides by."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tui.engine.families import Families
from tui.engine.keyshape import Shape, Shaper
from tui.engine.printable import printable
from tui.engine.purge.keystore import BIG, LOOSE, SECRET, Item

SAMPLES = 20
"""Keys shown as they are."""
FAMILIES = 50
"""Families named; what is beyond nobody reads."""
NAMED_BIG = 100
"""Big keys named."""
NAMES = 1000
"""Names beside the prefix that are counted one by one; beyond, ids in them are taken together."""
DELIMITERS = b":/|."
"""What ends a name: the same that `keyshape` cuts at."""
_DELIMITER = re.compile(b"[%b]" % DELIMITERS).search


@dataclass(frozen=True, slots=True)
class Family:
    """A family that loses keys."""

    pattern: str
    """Safe text, like `session:{hex}`."""
    keys: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Beside:
    """A name that merely begins like the prefix: `token` also takes `token_online`."""

    name: bytes
    keys: int


@dataclass(frozen=True, slots=True)
class BigKey:
    """A key that holds up the server when it is read whole."""

    key: bytes
    kind: str
    """Safe text."""
    bytes: int
    elements: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the keys are."""

    keys: int
    types: Mapping[str, int]
    """Keys by type (safe text)."""
    no_ttl: int
    ttl_buckets: tuple[int, ...]
    """Keys by the time they have left, by `families.TTL_BOUNDS_MS`."""
    samples: tuple[bytes, ...]
    """Some keys, drawn at random."""
    families: tuple[Family, ...]
    """Those with the most keys first."""
    beside: tuple[Beside, ...]
    """Empty when the prefix ends with a delimiter, or the keys were listed."""
    excluded: int
    protected: int
    denied: int
    """Keys this user may not look at; they are not in the plan."""
    moving: int
    """Keys that are on their way to another node of the cluster just now; neither are they."""
    big: tuple[BigKey, ...]
    """The biggest; `big_keys` counts them all."""
    big_keys: int
    secrets: int
    """Keys that grant access."""
    loosely: int
    """Keys too long to be read for a look: a change is told by type, length, size and expiry alone."""
    bytes: int | None
    """None when this user may not ask for it."""


class Finding:
    """Counts what is found; bounded memory whatever it is."""

    def __init__(self, prefix: bytes, shaper: Shaper, rng: Random) -> None:
        self.excluded = self.protected = self.denied = self.moving = 0
        self.sized = True
        self._prefix = prefix
        self._families = Families(shaper)
        self._shaper = shaper
        self._rng = rng
        self._samples: list[bytes] = []
        self._next = SAMPLES - 1
        self._weight = 1.0
        self._names: Counter[bytes] | None = None if not prefix or prefix[-1] in DELIMITERS else Counter()
        self._big: list[BigKey] = []
        self._big_keys = self._secrets = self._loosely = self._keys = 0

    def add(self, items: Sequence[Item], kinds: Sequence[bytes], lengths: Mapping[bytes, int], now: int) -> None:
        """Count some items with their types; lengths are of the heavy ones; `now` is the server's, in milliseconds."""
        if not items:
            return
        keys, _, expiries, sizes, flags = zip(*items, strict=True)
        ttls = [-1 if expiry < 0 else max(0, expiry - now) for expiry in expiries]
        self._families.add_page(keys, kinds, ttls, sizes)
        self._draw(keys)
        self._keys += len(keys)
        if self._names is not None:
            self._count_names(keys, self._names)
        for item, kind in [pair for pair in zip(items, kinds, strict=True) if pair[0].flags] if any(flags) else ():
            self._mark(item, kind, lengths)

    def _mark(self, item: Item, kind: bytes, lengths: Mapping[bytes, int]) -> None:
        self._secrets += bool(item.flags & SECRET)
        self._loosely += bool(item.flags & LOOSE)
        if item.flags & BIG:
            self._big_keys += 1
            self._big.append(BigKey(item.key, printable(kind), item.size, lengths.get(item.key, 0)))
            self._big.sort(key=lambda big: -big.bytes)
            del self._big[NAMED_BIG:]

    def _draw(self, keys: Sequence[bytes]) -> None:
        """Keep a fair sample of all keys so far; the next one to be drawn is known in advance (algorithm L)."""
        free = SAMPLES - len(self._samples)
        if free > 0:
            self._samples += keys[:free]
        while len(self._samples) == SAMPLES and self._next < self._keys + len(keys):
            if self._next >= SAMPLES:
                self._samples[int(self._rng.random() * SAMPLES)] = keys[self._next - self._keys]
            self._weight *= (1 - self._rng.random()) ** (1 / SAMPLES)
            self._next += 1 + int(math.log(1 - self._rng.random()) / math.log(1 - self._weight))

    def _count_names(self, keys: Sequence[bytes], names: Counter[bytes]) -> None:
        start = len(self._prefix)
        for key in keys:
            name = key[: _end_of_name(key, start)]
            if name not in names and len(names) >= NAMES:
                name = b"".join(self._shaper.shape_of(name)[1:])
                name = name if name in names or len(names) < 2 * NAMES else self._prefix + b"{rest}"
            names[name] += 1

    def found(self) -> Found:
        """Return what was found so far."""
        total = self._families.total()
        names = self._names or Counter()
        return Found(
            keys=self._keys,
            bytes=total.size if self.sized else None,
            types={printable(kind): count for kind, count in total.types.most_common()},
            no_ttl=total.no_ttl,
            ttl_buckets=tuple(total.ttl_buckets),
            samples=tuple(self._samples),
            families=self._named_families(),
            beside=tuple(Beside(name, names[name]) for name in _most_first(names) if name != self._prefix),
            excluded=self.excluded,
            protected=self.protected,
            denied=self.denied,
            moving=self.moving,
            big=tuple(self._big),
            big_keys=self._big_keys,
            secrets=self._secrets,
            loosely=self._loosely,
        )

    def _named_families(self) -> tuple[Family, ...]:
        folded = self._families.folded()
        most = sorted(folded, key=lambda shape: (-folded[shape].keys, shape))[:FAMILIES]
        return tuple(Family(_pattern(shape), folded[shape].keys, folded[shape].size) for shape in most)


def _most_first(names: Counter[bytes]) -> list[bytes]:
    return sorted(names, key=lambda name: (-names[name], name))


def _pattern(shape: Shape) -> str:
    return printable(shape[0].join(shape[1:]))


def _end_of_name(key: bytes, start: int) -> int:
    """Return where the name ends that begins with the prefix: at the next delimiter, or at the end."""
    found = _DELIMITER(key, start)
    return found.start() if found else len(key)
