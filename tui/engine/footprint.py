"""What redtop itself costs: counted where replies arrive, so that it is in step with the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tui.engine.commands import Exchange, Reply


@dataclass(slots=True)
class Footprint:
    """Running totals of what redtop has asked of one server."""

    commands: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    hits: int = 0
    """Keyspace hits that redtop's own reads have added."""
    misses: int = 0
    """Keyspace misses that redtop's own reads have added."""
    calls: Counter[str] = field(default_factory=Counter)
    """Commands by ACL name."""

    def add(self, exchange: Exchange, replies: list[Reply]) -> None:
        """Book one finished exchange."""
        self.commands += exchange.expected
        self.calls.update(exchange.calls)
        hits, misses = exchange.tally(replies)
        self.hits += hits
        self.misses += misses


@dataclass(frozen=True, slots=True)
class Cost:
    """What redtop has cost lately."""

    commands_per_s: float | None
    """None until it was measured."""
    server_share: float | None
    """Fraction of the server's main thread, 0 to 1; None until it could be measured."""


def total_of(footprints: Iterable[Footprint]) -> Footprint:
    """Add up what was asked of several servers."""
    total = Footprint()
    for one in footprints:
        total.commands += one.commands
        total.bytes_out += one.bytes_out
        total.bytes_in += one.bytes_in
        total.hits += one.hits
        total.misses += one.misses
        total.calls.update(one.calls)
    return total
