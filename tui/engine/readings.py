"""What INFO says at two moments, made into rates: of one node, and of several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.engine.info import Info

COUNTERS = ("keyspace_hits", "keyspace_misses", "total_commands_processed", "evicted_keys", "expired_keys")
"""INFO fields that only grow, except when the server restarts or CONFIG RESETSTAT is called."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One tick: bytes, numbers per second, fractions; None where unknown (not told, just reset, not reached)."""

    at: float
    """Wall-clock seconds."""
    used: int | None = None
    rss: int | None = None
    peak: int | None = None
    maxmemory: int | None = None
    """0 means no limit."""
    hit_rate: float | None = None
    """The application's own, over the last interval; None when it read nothing."""
    reads_per_s: float | None = None
    """The application's keyspace look-ups per second."""
    ops_per_s: float | None = None
    """Commands per second without redtop's own."""
    clients: int | None = None
    """Connected clients without redtop's own."""
    evicted_per_s: float | None = None
    expired_per_s: float | None = None
    keys: int | None = None
    """Keys in the database that is looked at."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the deployment did since redtop began to look, redtop's own doing left out.

    A span in which a server restarted or its counters were reset is left out as a whole.
    """

    seconds: float = 0.0
    """How long it was looked at."""
    hits: int = 0
    reads: int = 0
    """Keyspace look-ups: hits and misses."""
    commands: int = 0
    evicted: int = 0
    expired: int = 0
    server_cpu: float | None = None
    """Seconds of the servers' main threads that redtop took; None when they could not be measured."""

    @property
    def hit_rate(self) -> float | None:
        """The share of all reads that found their key, 0 to 1; None when nothing was read."""
        return self.hits / self.reads if self.reads else None

    def per_second(self, total: int) -> float | None:
        """Turn one of the totals into a rate; None when nothing was looked at yet."""
        return total / self.seconds if self.seconds else None


NOTHING_YET = Totals()


@dataclass(frozen=True, slots=True)
class Reading:
    """One INFO of one node with the counters that rates are made of."""

    at: float
    run_id: str
    info: Info
    hits: int
    misses: int
    own_hits: int
    own_misses: int
    own_commands: int

    own_connections: int
    """Of redtop's, open now."""

    @property
    def counters(self) -> tuple[int, ...]:
        """What only grows."""
        return tuple(self.info.integer(name) or 0 for name in COUNTERS)


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened on one node between two readings."""

    seconds: float
    hits: int
    misses: int
    commands: int
    evicted: int
    expired: int


def between(before: Reading | None, after: Reading) -> Rates | None:
    """Compare two readings; None when a restart or CONFIG RESETSTAT lies between (any counter went back)."""
    if before is None or before.run_id != after.run_id or after.at <= before.at:
        return None
    deltas = [new - old for old, new in zip(before.counters, after.counters, strict=True)]
    if min(deltas) < 0:
        return None
    hits, misses, commands, evicted, expired = deltas
    return Rates(
        seconds=after.at - before.at,
        hits=max(0, hits - (after.own_hits - before.own_hits)),
        misses=max(0, misses - (after.own_misses - before.own_misses)),
        commands=max(0, commands - (after.own_commands - before.own_commands)),
        evicted=evicted,
        expired=expired,
    )


def sample_of(at: float, readings: Sequence[Reading], rates: Sequence[Rates | None], db: int) -> Sample:
    """Add up what nodes say now; without rates when one of them has none."""
    infos = [reading.info for reading in readings]
    known = [rate for rate in rates if rate is not None]
    complete = len(known) == len(readings)
    seconds = max((rate.seconds for rate in known), default=0.0)
    hits = sum(rate.hits for rate in known)
    reads = hits + sum(rate.misses for rate in known)

    def per_second(total: int) -> float | None:
        return total / seconds if complete and seconds else None

    clients = _sum(infos, "connected_clients")
    return Sample(
        at=at,
        used=_sum(infos, "used_memory"),
        rss=_sum(infos, "used_memory_rss"),
        peak=_sum(infos, "used_memory_peak"),
        maxmemory=_limit(infos),
        hit_rate=hits / reads if complete and reads else None,
        reads_per_s=per_second(reads),
        ops_per_s=per_second(sum(rate.commands for rate in known)),
        clients=None if clients is None else clients - sum(reading.own_connections for reading in readings),
        evicted_per_s=per_second(sum(rate.evicted for rate in known)),
        expired_per_s=per_second(sum(rate.expired for rate in known)),
        keys=sum(info.databases.get(db, 0) for info in infos),
    )


def longer(totals: Totals, rates: Sequence[Rates]) -> Totals:
    """Add one span of all nodes."""
    return replace(
        totals,
        seconds=totals.seconds + max(rate.seconds for rate in rates),
        hits=totals.hits + sum(rate.hits for rate in rates),
        reads=totals.reads + sum(rate.hits + rate.misses for rate in rates),
        commands=totals.commands + sum(rate.commands for rate in rates),
        evicted=totals.evicted + sum(rate.evicted for rate in rates),
        expired=totals.expired + sum(rate.expired for rate in rates),
    )


def _limit(infos: Sequence[Info]) -> int | None:
    """Return the memory limit of all together: none (0) when one of them has none."""
    limits = [info.integer("maxmemory") for info in infos]
    return 0 if 0 in limits else _sum(infos, "maxmemory")


def _sum(infos: Sequence[Info], name: str) -> int | None:
    values = [info.integer(name) for info in infos]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
