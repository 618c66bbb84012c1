"""The pulse of a deployment: INFO at every tick, turned into rates, with redtop's own reads taken out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.engine.commands import exchange
from tui.engine.costs import CostMeter
from tui.engine.deployment import DeploymentState
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.footprint import Cost
from tui.engine.info import Info
from tui.engine.link import Answer
from tui.engine.session import Collector, Session

KEPT = 3600
"""Samples kept: an hour at one a second, about 1 MB."""
COST_SECTIONS = (b"commandstats", b"debug")
"""Sections of INFO that `costs` is made of; a server that lacks one answers with nothing."""
COST_EVERY = 5.0
"""Seconds between measurements of redtop's own cost: they make INFO longer, so not at every tick."""


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


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the header, the strip and both charts show."""

    state: DeploymentState
    now: Sample
    history: Sequence[Sample]
    """Oldest first; a sample without values is a gap."""
    interval: float
    """Seconds between samples now."""
    uptime: float | None
    """Seconds the server has been up."""
    policy: str | None
    """maxmemory-policy, as the server names it."""
    cost: Cost
    databases: tuple[tuple[int, int], ...]
    """(number, keys) of every database that holds keys."""
    totals: Totals = Totals()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One INFO of one node with the counters that rates are made of."""

    at: float
    run_id: str
    info: Info
    hits: int
    misses: int
    own_hits: int
    own_misses: int
    own_commands: int

    @property
    def counters(self) -> tuple[int, ...]:
        return tuple(self.info.integer(name) or 0 for name in COUNTERS)


@dataclass(frozen=True, slots=True)
class _Rates:
    """What happened on one node between two readings."""

    seconds: float
    hits: int
    misses: int
    commands: int
    evicted: int
    expired: int


def between(before: _Reading | None, after: _Reading) -> _Rates | None:
    """Compare two readings; None when a restart or CONFIG RESETSTAT lies between (any counter went back)."""
    if before is None or before.run_id != after.run_id or after.at <= before.at:
        return None
    deltas = [new - old for old, new in zip(before.counters, after.counters, strict=True)]
    if min(deltas) < 0:
        return None
    hits, misses, commands, evicted, expired = deltas
    return _Rates(
        seconds=after.at - before.at,
        hits=max(0, hits - (after.own_hits - before.own_hits)),
        misses=max(0, misses - (after.own_misses - before.own_misses)),
        commands=max(0, commands - (after.own_commands - before.own_commands)),
        evicted=evicted,
        expired=expired,
    )


class Pulse(Collector[Vitals]):
    """Collects vitals, also while the screen is paused or hidden, so that the history has no false gaps."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._history: deque[Sample] = deque(maxlen=KEPT)
        self._before: dict[int, _Reading] = {}
        self._cost = CostMeter()
        self._cost_due = 0.0
        self._policy: str | None = None
        self._uptime: float | None = None
        self._databases: tuple[tuple[int, int], ...] = ()
        self._totals = Totals()

    async def run(self) -> None:
        """Take the pulse at every tick; the next one starts when the last has been shown."""
        session = self.session
        while True:
            started = session.clock.now()
            await self._tick()
            await self.feed.shown()
            spent = session.clock.now() - started
            await session.pace.rest(max(0.02, session.pace.interval - spent))

    async def take(self) -> Vitals:
        """Take the pulse now, with what redtop has cost so far, whatever the interval says."""
        self._cost_due = 0.0
        await self._tick()
        assert self.feed.latest is not None
        return self.feed.latest

    async def _tick(self) -> None:
        clock, deployment = self.session.clock, self.session.deployment
        measure_cost = clock.now() >= self._cost_due
        sections = [[b"INFO", section] for section in COST_SECTIONS if measure_cost]
        # INFO comes last, so that what is booked as redtop's own is just what the server has counted by then.
        answers = await deployment.ask_all(exchange(*sections, [b"INFO"]))
        failure = next((_failure(answer) for answer in answers if _failure(answer)), None)
        if failure is not None:
            self._publish(Sample(clock.wall()), failure)
            self._before.clear()
            return
        good = [answer for answer in answers if isinstance(answer, Answer)]
        for node, answer in zip(deployment.nodes, good, strict=True):
            node.see(Info(answer.replies[-1]).identity)
        if measure_cost:
            self._cost_due = clock.now() + COST_EVERY
            replies = [[answer.replies[-1], *answer.replies[:-1]] for answer in good]
            told = [[Info(reply) for reply in node if isinstance(reply, bytes)] for node in replies]
            self._cost.measure(clock.now(), told, [node.footprint for node in deployment.nodes])
        self._publish(self._sample([self._reading(answer) for answer in good]), None)

    def _reading(self, answer: Answer) -> _Reading:
        info = Info(answer.replies[-1])
        return _Reading(
            at=self.session.clock.now(),
            run_id=info.text("run_id") or "",
            info=info,
            hits=info.integer("keyspace_hits") or 0,
            misses=info.integer("keyspace_misses") or 0,
            own_hits=answer.own_hits,
            own_misses=answer.own_misses,
            own_commands=answer.own_commands,
        )

    def _sample(self, readings: list[_Reading]) -> Sample:
        rates = [between(self._before.get(index), reading) for index, reading in enumerate(readings)]
        self._before = dict(enumerate(readings))
        infos = [reading.info for reading in readings]
        self._policy = infos[0].text("maxmemory_policy")
        self._uptime = infos[0].real("uptime_in_seconds")
        databases: Counter[int] = Counter()
        for info in infos:
            databases.update(info.databases)
        self._databases = tuple(sorted(databases.items()))
        known = [rate for rate in rates if rate is not None]
        complete = len(known) == len(readings)
        seconds = max((rate.seconds for rate in known), default=0.0)
        hits = sum(rate.hits for rate in known)
        reads = hits + sum(rate.misses for rate in known)
        if complete:
            self._totals = _longer(self._totals, seconds, known)

        def per_second(total: int) -> float | None:
            return total / seconds if complete and seconds else None

        clients = _sum(infos, "connected_clients")
        return Sample(
            at=self.session.clock.wall(),
            used=_sum(infos, "used_memory"),
            rss=_sum(infos, "used_memory_rss"),
            peak=_sum(infos, "used_memory_peak"),
            maxmemory=_sum(infos, "maxmemory"),
            hit_rate=hits / reads if complete and reads else None,
            reads_per_s=per_second(reads),
            ops_per_s=per_second(sum(rate.commands for rate in known)),
            clients=None if clients is None else clients - self._own_connections(),
            evicted_per_s=per_second(sum(rate.evicted for rate in known)),
            expired_per_s=per_second(sum(rate.expired for rate in known)),
            keys=databases[self.session.deployment.db],
        )

    def _own_connections(self) -> int:
        return sum(1 + node.writers for node in self.session.deployment.nodes)

    def _publish(self, sample: Sample, failure: Failure | None) -> None:
        self._history.append(sample)
        self.feed.publish(
            Vitals(
                state=self.session.deployment.state,
                now=sample,
                history=tuple(self._history),
                interval=self.session.pace.interval,
                uptime=self._uptime,
                policy=self._policy,
                cost=self._cost.latest,
                databases=self._databases,
                totals=replace(self._totals, server_cpu=self._cost.seconds),
                failure=failure,
            )
        )


def _longer(totals: Totals, seconds: float, rates: Sequence[_Rates]) -> Totals:
    """Add one span of all nodes."""
    return Totals(
        seconds=totals.seconds + seconds,
        hits=totals.hits + sum(rate.hits for rate in rates),
        reads=totals.reads + sum(rate.hits + rate.misses for rate in rates),
        commands=totals.commands + sum(rate.commands for rate in rates),
        evicted=totals.evicted + sum(rate.evicted for rate in rates),
        expired=totals.expired + sum(rate.expired for rate in rates),
    )


def _failure(answer: Answer | Failure) -> Failure | None:
    if isinstance(answer, Failure):
        return answer
    reply = answer.replies[-1]
    return of_reply(reply, "+info") if isinstance(reply, ReplyError) else None


def _sum(infos: list[Info], name: str) -> int | None:
    values = [info.integer(name) for info in infos]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
