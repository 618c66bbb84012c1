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
from tui.engine.node import Node, NodeState
from tui.engine.readings import NOTHING_YET, Reading, Sample, Totals, between, longer, sample_of
from tui.engine.session import Collector, Session

__all__ = ["NodeVitals", "Pulse", "Sample", "Totals", "Vitals"]

KEPT = 3600
"""Samples kept: an hour at one a second, about 1 MB."""
COST_SECTIONS = (b"commandstats", b"debug")
"""Sections of INFO that `costs` is made of; a server that lacks one answers with nothing."""
COST_EVERY = 5.0
"""Seconds between measurements of redtop's own cost: they make INFO longer, so not at every tick."""


@dataclass(frozen=True, slots=True)
class NodeVitals:
    """One node of several."""

    place: str
    """Where redtop connects to it; safe text."""
    state: NodeState
    now: Sample | None
    """None when it does not answer."""


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
    totals: Totals = NOTHING_YET
    failure: Failure | None = None
    """Of several nodes some may be away: then the numbers are those of the others."""
    nodes: tuple[NodeVitals, ...] = ()
    """Each by itself, where there are several."""


class Pulse(Collector[Vitals]):
    """Collects vitals, also while the screen is paused or hidden, so that the history has no false gaps."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._history: deque[Sample] = deque(maxlen=KEPT)
        self._before: dict[Node, Reading] = {}
        self._cost = CostMeter()
        self._cost_due = 0.0
        self._policy: str | None = None
        self._uptime: float | None = None
        self._databases: tuple[tuple[int, int], ...] = ()
        self._totals = Totals()
        self._nodes: tuple[NodeVitals, ...] = ()

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
        answers = await deployment.ask_each(exchange(*sections, [b"INFO"]))
        failures = [failure for _, answer in answers if (failure := _failure(answer)) is not None]
        good = {node: answer for node, answer in answers if isinstance(answer, Answer) and _failure(answer) is None}
        for node, answer in good.items():
            node.take_note(Info(answer.replies[-1]))
        if measure_cost and good:
            self._cost_due = clock.now() + COST_EVERY
            self._measure_cost(good)
        readings = {node: self._reading(node, answer) for node, answer in good.items()}
        sample = self._take(readings, [node for node, _ in answers]) if good else Sample(clock.wall())
        self._before = readings
        if failures and good:  # of several nodes the deployment knows more than the one that was asked
            failures.insert(0, deployment.state.worst.failure or failures[0])
        self._publish(sample, failures[0] if failures else None)

    def _measure_cost(self, answers: dict[Node, Answer]) -> None:
        told = []
        for answer in answers.values():
            replies = [answer.replies[-1], *answer.replies[:-1]]
            told.append([Info(reply) for reply in replies if isinstance(reply, bytes)])
        self._cost.measure(self.session.clock.now(), told, [node.footprint for node in answers], list(answers))

    def _reading(self, node: Node, answer: Answer) -> Reading:
        info = Info(answer.replies[-1])
        return Reading(
            at=self.session.clock.now(),
            run_id=info.text("run_id") or "",
            info=info,
            hits=info.integer("keyspace_hits") or 0,
            misses=info.integer("keyspace_misses") or 0,
            own_hits=answer.own_hits,
            own_misses=answer.own_misses,
            own_commands=answer.own_commands,
            own_connections=1 + node.writers,
        )

    def _take(self, readings: dict[Node, Reading], nodes: Sequence[Node]) -> Sample:
        """Make one sample of what the nodes say."""
        first, *_ = readings.values()
        self._policy = first.info.text("maxmemory_policy")
        self._uptime = first.info.real("uptime_in_seconds")
        databases: Counter[int] = Counter()
        for reading in readings.values():
            databases.update(reading.info.databases)
        self._databases = tuple(sorted(databases.items()))
        rates = {node: between(self._before.get(node), reading) for node, reading in readings.items()}
        known = [rate for rate in rates.values() if rate is not None]
        if len(known) == len(nodes):
            self._totals = longer(self._totals, known)
        wall, db = self.session.clock.wall(), self.session.deployment.db
        if len(nodes) > 1:
            own = {node: sample_of(wall, [one], [rates[node]], db) for node, one in readings.items()}
            self._nodes = tuple(NodeVitals(node.address.label, node.state, own.get(node)) for node in nodes)
        return sample_of(wall, list(readings.values()), list(rates.values()), db)

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
                nodes=self._nodes,
            )
        )


def _failure(answer: Answer | Failure) -> Failure | None:
    if isinstance(answer, Failure):
        return answer
    reply = answer.replies[-1]
    return of_reply(reply, "+info") if isinstance(reply, ReplyError) else None
