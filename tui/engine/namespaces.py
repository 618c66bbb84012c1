"""The family tree: families grouped by the parts they share, with sums at every level."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tui.engine.keyspace import Family

Path = tuple[str, ...]
"""Parts from the root, each with the delimiter that ends it: a stable name of a branch."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A family, or all families that begin alike."""

    path: Path
    label: str
    """What its path adds to its parent's; safe text."""
    keys: int
    keys_error: float
    """Half-width of the 95 % interval."""
    bytes: int | None
    bytes_error: float
    bytes_at_least: bool
    """Whether `bytes` is only a lower bound."""
    types: tuple[tuple[str, float], ...]
    """(type, share), most frequent first."""
    no_ttl: float
    """Share of its keys without TTL, 0 to 1."""
    ttl_mean: float | None
    """Seconds, of the keys that have a TTL."""
    ttl_max: float | None
    families: int
    """How many families it holds; 1 for a family."""
    children: tuple[Branch, ...] = ()

    @property
    def pattern(self) -> str:
        """The whole pattern up to here."""
        return "".join(self.path)


ORDERS: dict[str, Callable[[Branch], tuple[float, str]]] = {
    "keys": lambda branch: (-branch.keys, branch.label),
    "bytes": lambda branch: (-(branch.bytes or 0), branch.label),
    "no TTL": lambda branch: (-branch.no_ttl * branch.keys, branch.label),
    "family": lambda branch: (0.0, branch.label),
}
"""Ways to sort siblings, by the title of the column that shows it."""


def tree(families: Iterable[Family], order: str = "keys") -> tuple[Branch, ...]:
    """Group families into branches; a branch with a single child is drawn as one line with it."""
    return _grow([(path_of(family), family) for family in families], (), ORDERS[order])


def path_of(family: Family) -> Path:
    """Return the path of the branch that is just this family."""
    delimiter, *parts = family.shape
    return (*(part + delimiter for part in parts[:-1]), parts[-1])


def _grow(
    items: Sequence[tuple[Path, Family]], above: Path, order: Callable[[Branch], tuple[float, str]]
) -> tuple[Branch, ...]:
    depth = len(above)
    groups: dict[str, list[tuple[Path, Family]]] = defaultdict(list)
    for path, family in items:
        groups[path[depth]].append((path, family))
    branches = []
    for step, members in groups.items():
        path = (*above, step)
        while len({member[: len(path) + 1] for member, _ in members}) == 1 and len(members[0][0]) > len(path):
            path = members[0][0][: len(path) + 1]
        label = "".join(path[depth:])
        children = _grow(members, path, order) if len(members[0][0]) > len(path) else ()
        branches.append(_branch(path, label, [family for _, family in members], children))
    return tuple(sorted(branches, key=order))


def _branch(path: Path, label: str, families: Sequence[Family], children: tuple[Branch, ...]) -> Branch:
    keys = sum(family.keys for family in families)
    types: dict[str, float] = defaultdict(float)
    with_ttl = ttl_sum = without = 0.0
    for family in families:
        for name, share in family.types:
            types[name] += share * family.keys / keys if keys else 0.0
        without += family.no_ttl * family.keys
        if family.ttl_mean is not None:
            living = (1 - family.no_ttl) * family.keys
            with_ttl += living
            ttl_sum += family.ttl_mean * living
    sizes = [family.bytes for family in families]
    known = [size for size in sizes if size is not None]
    return Branch(
        path=path,
        label=label,
        keys=keys,
        keys_error=math.hypot(*(family.keys_error for family in families)),
        bytes=sum(known) if len(known) == len(sizes) else None,
        bytes_error=math.hypot(*(family.bytes_error for family in families)),
        bytes_at_least=any(family.bytes_at_least for family in families),
        types=tuple(sorted(types.items(), key=lambda item: (-item[1], item[0]))),
        no_ttl=without / keys if keys else 0.0,
        ttl_mean=ttl_sum / with_ttl if with_ttl else None,
        ttl_max=max((family.ttl_max for family in families if family.ttl_max is not None), default=None),
        families=len(families),
        children=children,
    )
