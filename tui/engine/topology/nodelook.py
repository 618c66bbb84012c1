"""One server, looked at again and again: what it says of itself, of its replicas, and of the cluster it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.engine.cluster.view import View, offsets_of, view_of, view_of_shards
from tui.engine.commands import Reply, exchange, rule_of
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.info import Info
from tui.engine.link import Answer
from tui.engine.node import Node, NodeState
from tui.engine.topology.keysizes import counts_sizes
from tui.engine.topology.replication import Replication, replication_of
from tui.engine.topology.slot_stats import SlotStats, slot_question, slots_of

PATIENCE = 1.0
"""Seconds that one server is waited for: the others' news must not wait until a server that hangs is given up."""
STATS_EVERY = 5.0
"""Seconds between looks at the slots: the server sorts them, half a millisecond where it has all of them."""

INFO_AND_SIZES = (b"INFO", b"default", b"keysizes")
INFO, NODES, SHARDS, STATE = (b"INFO",), (b"CLUSTER", b"NODES"), (b"CLUSTER", b"SHARDS"), (b"CLUSTER", b"INFO")


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What redtop asks of one server, per second."""

    commands: float
    bytes_in: float


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one server."""

    place: str
    """As redtop connects to it; safe text."""
    state: NodeState
    at: float
    """Clock seconds."""
    info: Info | None = None
    """None when it did not answer, or may not be asked."""
    replication: Replication | None = None
    view: View | None = None
    """None when it belongs to no cluster, or was not asked this time."""
    offsets: Mapping[str, int] | None = None
    """Places in their streams of changes by member id, as gossip tells; None where unknown."""
    slots: SlotStats | None = None
    ops_per_s: float | None = None
    """Without redtop's own."""
    cost: OwnCost | None = None
    rules: tuple[str, ...] = ()
    """ACL rules that are missing."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Count:
    at: float
    run_id: str
    commands: int
    own: int
    bytes_in: int


class _Cluster(NamedTuple):
    """What one node told of its cluster."""

    view: View | None = None
    offsets: Mapping[str, int] | None = None
    rules: tuple[str, ...] = ()


class NodeLook:
    """Looks at one node, again and again."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.latest = Look(node.address.label, node.state, 0.0)
        self._count: _Count | None = None
        self._slots = SlotStats()
        self._slots_due = 0.0

    async def look(self, *, whole: bool) -> Look:
        """Ask; `whole` also for the view of the cluster. A failure is part of what is seen."""
        try:
            async with asyncio.timeout(PATIENCE):
                self.latest = await self._ask(whole=whole)
        except TimeoutError:
            self.latest = self._unanswered(Failure(Kind.TIMEOUT, f"{self.node.address.label} does not answer"))
        except Unavailable as error:
            self.latest = self._unanswered(error.failure)
        return self.latest

    def _unanswered(self, failure: Failure) -> Look:
        """Return what is left: whom it followed and who followed it, without anything that moves."""
        self._count = None
        told = self.latest.replication
        return Look(
            self.node.address.label,
            self.node.state,
            self.node.clock.now(),
            replication=None if told is None else told.still,
            failure=failure,
        )

    async def _ask(self, *, whole: bool) -> Look:
        who = self.node.identity
        answer = await self.node.ask(exchange(INFO_AND_SIZES if who is not None and counts_sizes(who) else INFO))
        reply = answer.replies[0]
        info = Info(reply) if isinstance(reply, bytes) else None
        cluster = _Cluster() if info is None else _Cluster(self.latest.view, self.latest.offsets, self.latest.rules)
        if info is not None and whole:
            cluster = await self._cluster(info) if info.integer("cluster_enabled") else _Cluster()
        before, self._count = self._count, self._counted(info, answer)
        return Look(
            place=self.node.address.label,
            state=self.node.state,
            at=self.node.clock.now(),
            info=info,
            replication=None if info is None else replication_of(info),
            view=cluster.view,
            offsets=cluster.offsets,
            slots=self._slots if cluster.view is not None else None,
            ops_per_s=_ops(before, self._count),
            cost=_cost(before, self._count),
            rules=cluster.rules if info is not None else _rules([INFO], [reply]),
        )

    async def _cluster(self, info: Info) -> _Cluster:
        who, now = info.identity, self.node.clock.now()
        newer = who.product == "Valkey" or who.version_tuple >= (7,)
        commands: list[Sequence[bytes | int]] = [NODES, STATE, *([SHARDS] if newer else [])]
        stats = slot_question(who, self._slots) if now >= self._slots_due else None
        if stats is not None:
            commands.append(stats)
        replies = (await self.node.ask(exchange(*commands))).replies
        if stats is not None:
            self._slots_due = now + STATS_EVERY
            self._slots = slots_of(replies[-1], self._slots) if isinstance(replies[-1], list) else SlotStats()
        view, offsets = _view(replies[0], replies[1], replies[2] if newer else None)
        return _Cluster(view, offsets, _rules(commands, replies))

    def _counted(self, info: Info | None, answer: Answer) -> _Count | None:
        commands = None if info is None else info.integer("total_commands_processed")
        if info is None or commands is None:
            return None
        now, footprint = self.node.clock.now(), self.node.footprint
        return _Count(now, info.text("run_id") or "", commands, answer.own_commands, footprint.bytes_in)


def _view(nodes: Reply, state: Reply, shards: Reply) -> tuple[View | None, Mapping[str, int] | None]:
    about = state if isinstance(state, bytes) else None
    offsets = offsets_of(shards) if isinstance(shards, list) else None
    if isinstance(nodes, bytes):
        return view_of(nodes, about), offsets
    return (view_of_shards(shards, about) if isinstance(shards, list) else None), offsets


def _rules(commands: Sequence[Sequence[bytes | int]], replies: Sequence[Reply]) -> tuple[str, ...]:
    """Return the ACL rules that are missing."""
    asked = zip(commands, replies, strict=True)
    return tuple(rule_of(words) for words, reply in asked if isinstance(reply, ReplyError) and reply.code == "NOPERM")


def _ops(before: _Count | None, after: _Count | None) -> float | None:
    """Commands per second between two looks; None across a restart or CONFIG RESETSTAT."""
    if before is None or after is None or before.run_id != after.run_id or after.at <= before.at:
        return None
    commands, own = after.commands - before.commands, after.own - before.own
    return max(0, commands - own) / (after.at - before.at) if commands >= 0 else None


def _cost(before: _Count | None, after: _Count | None) -> OwnCost | None:
    if before is None or after is None or after.at <= before.at:
        return None
    seconds = after.at - before.at
    return OwnCost((after.own - before.own) / seconds, (after.bytes_in - before.bytes_in) / seconds)
