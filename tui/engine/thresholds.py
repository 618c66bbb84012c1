"""When numbers are worth a word: what is usual, and what the active schemas say instead.

Knows no schema by itself, so that whoever has none need not load them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When numbers are worth a word. Shares are from 0 to 1."""

    memory_warning: float = 0.8
    """Share of maxmemory in use."""
    memory_critical: float = 0.9
    hit_rate: float = 0.5
    """Below this, caches are worth a review."""
    fragmentation: float = 1.5
    """Resident memory per byte used..."""
    fragmentation_bytes: int = 100 << 20
    """...once at least this much is used."""
    slow_per_minute: float = 1.0
    """New entries of the slow log."""
    blocked_clients: int = 100
    """Clients waiting in a blocking command; workers that wait for a queue are among them."""
    replica_lag: float = 10.0
    """Seconds."""
    evictions: bool = False
    """Whether evicted keys are expected."""
    far_over: float = 2.0
    """From this many times what the document estimates, counts and sizes are worth a word; each schema's own."""
    said: frozenset[str] = frozenset()
    """Those that a schema sets itself, though it be to what is usual."""


USUAL = Thresholds()
"""What counts without a schema."""
_STRICTER: dict[str, Callable[[list[Any]], Any]] = {"hit_rate": max, "evictions": all}
"""Of several values the one that speaks first; of all that is not named here, the least."""


def together(several: Iterable[Thresholds]) -> Thresholds:
    """Return what counts when several schemas are active: what any sets itself, and where they differ, the strictest.

    >>> one, other = Thresholds(hit_rate=0.3, said=frozenset({"hit_rate"})), Thresholds()
    >>> together([one, other]).hit_rate, together([]).hit_rate
    (0.3, 0.5)
    """
    several = list(several)
    said = frozenset().union(*(one.said for one in several))
    chosen = {
        name: _STRICTER.get(name, min)([getattr(one, name) for one in several if name in one.said]) for name in said
    }
    return replace(USUAL, **chosen, said=said)
