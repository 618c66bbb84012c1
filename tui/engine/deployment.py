"""What redtop looks at: one or more servers that together hold a keyspace.

A single server is a deployment of one node. Everything above asks the deployment, so nothing above has to change when
there are more (Sentinel and Cluster).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.commands import Exchange, Permit
from tui.engine.failure import Failure, Unavailable
from tui.engine.feed import Feed
from tui.engine.footprint import Footprint
from tui.engine.info import Identity
from tui.engine.link import Answer
from tui.engine.node import Node, NodeState, Phase

_WORST_FIRST = (Phase.REFUSED, Phase.LOST, Phase.CONNECTING, Phase.LATE, Phase.LIVE)


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """How the whole stands: its worst node speaks for it."""

    label: str
    """The place as a person knows it; safe text."""
    db: int
    worst: NodeState
    identity: Identity | None
    """The first node's; None until it has answered once."""
    nodes: int
    refusal: str | None = None
    """Why nothing may be written: a sentence; None when it may be."""


class Deployment:
    """All servers behind one address."""

    def __init__(self, address: Address, clock: Clock, read_only: str | None = None) -> None:
        """Look at the servers behind an address; `read_only` is why nothing may be written there, if so."""
        self.address = address
        self.clock = clock
        self.states: Feed[DeploymentState] = Feed()
        self.nodes: tuple[Node, ...] = (Node(address, clock, Permit(read_only), self._changed),)
        self._changed()

    @property
    def db(self) -> int:
        """The database that is looked at."""
        return self.address.db

    def node_of(self, key: bytes) -> Node:
        """Return the node that holds a key, or would hold it."""
        return self.nodes[0]

    @property
    def state(self) -> DeploymentState:
        """How the whole stands now."""
        states = [node.state for node in self.nodes]
        worst = min(states, key=lambda state: _WORST_FIRST.index(state.phase))
        first = self.nodes[0].identity
        return DeploymentState(self.address.label, self.address.db, worst, first, len(self.nodes), self.refusal)

    @property
    def refusal(self) -> str | None:
        """Why nothing may be written: a sentence; None when it may be."""
        return next((node.permit.refusal for node in self.nodes if node.permit.refusal is not None), None)

    @property
    def footprint(self) -> Footprint:
        """Redtop's own cost, summed over the nodes."""
        total = Footprint()
        for node in self.nodes:
            total.commands += node.footprint.commands
            total.bytes_out += node.footprint.bytes_out
            total.bytes_in += node.footprint.bytes_in
            total.hits += node.footprint.hits
            total.misses += node.footprint.misses
            total.calls.update(node.footprint.calls)
        return total

    async def run(self) -> None:
        """Keep every node connected until cancelled (or until all wait for a person)."""
        async with asyncio.TaskGroup() as group:
            for node in self.nodes:
                group.create_task(node.run(), name=f"node {node.address.label}")

    async def ask_all(self, question: Exchange) -> list[Answer | Failure]:
        """Ask every node the same, in parallel; failures are values, in the order of the nodes."""
        return list(await asyncio.gather(*(self._ask(node, question) for node in self.nodes)))

    async def _ask(self, node: Node, question: Exchange) -> Answer | Failure:
        try:
            return await node.ask(question)
        except Unavailable as error:
            return error.failure

    def _changed(self) -> None:
        if hasattr(self, "nodes"):
            self.states.publish(self.state)
