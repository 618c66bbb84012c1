"""What redtop looks at: one or more servers that together hold a keyspace.

What answers at the given address tells what it is. A single server is a deployment of one node. A Sentinel leads to
the one node that it says is the primary (or a replica) now. Any node of a cluster leads to all of its primaries.
Everything above asks the deployment, and hardly has to know which of these it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.cluster.nodes import Cluster, down
from tui.engine.cluster.owners import Topology
from tui.engine.cluster.redirects import route
from tui.engine.commands import Exchange, Permit
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.feed import Feed
from tui.engine.footprint import Footprint, total_of
from tui.engine.info import Identity
from tui.engine.link import Answer
from tui.engine.node import Node, NodeState, Phase
from tui.engine.reach.finder import Finder
from tui.engine.reach.sentinel import LOOK_EVERY as ASK_SENTINEL_EVERY
from tui.engine.reach.sentinel import Sentinels

_WORST_FIRST = (Phase.REFUSED, Phase.LOST, Phase.CONNECTING, Phase.LATE, Phase.BUSY, Phase.LIVE)
LOOK_EVERY, TROUBLED = 1.0, 0.25
"""Seconds between looks at who holds which slots; and while a node is away, for a replica may take over."""
AT_ONCE = 0.1
"""Seconds between two looks at least, however many keys are found moved."""


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
    kind: str = "standalone"
    """`standalone`, `sentinel` or `cluster`."""
    down: tuple[str, ...] = ()
    """Places of the nodes that are away; safe text."""


class Deployment:
    """All servers behind one address."""

    def __init__(self, address: Address, clock: Clock, read_only: str | None = None) -> None:
        """Look at the servers behind an address; `read_only` is why nothing may be written there, if so."""
        self.address = address
        self.clock = clock
        self.states: Feed[DeploymentState] = Feed()
        self._read_only = read_only
        self._cluster = Cluster(address, self._made)
        self._finder = Finder(address, clock, self._cluster)
        self._finder.on_cluster = self._adopt
        self._gone = Footprint()
        """Of nodes that have left."""
        self._running: dict[Node, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._moved = asyncio.Event()
        self.nodes: tuple[Node, ...] = (self._made(address),)
        """The servers that hold the keys now; until it is known which these are, the one at the address."""
        self._changed()

    def _made(self, address: Address) -> Node:
        return Node(address, self.clock, Permit(self._read_only), self._changed, self._finder)

    # -- what there is --------------------------------------------------------------------------------------------

    @property
    def db(self) -> int:
        """The database that is looked at."""
        return self.address.db

    @property
    def sentinels(self) -> Sentinels | None:
        """Who leads to the server; None without Sentinel."""
        return self._finder.sentinels

    @property
    def kind(self) -> str:
        """`standalone`, `sentinel` or `cluster`."""
        return "cluster" if self.is_cluster else "sentinel" if self.sentinels is not None else "standalone"

    @property
    def is_cluster(self) -> bool:
        """Whether keys are shared by slot, and may move."""
        return self._cluster.topology is not None

    @property
    def topology(self) -> Topology | None:
        """The primaries of the cluster, and who holds which slots; None without a cluster."""
        return self._cluster.topology

    @property
    def layout(self) -> Hashable:
        """Which server holds what; compares unlike as soon as anything has moved."""
        return self._cluster.layout

    async def known(self) -> tuple[Node, ...]:
        """Return the nodes, as soon as it is known which there are, or that nobody answers."""
        await self.nodes[0].tried()
        return self.nodes

    def node_of(self, key: bytes) -> Node:
        """Return the node that holds a key, or would hold it."""
        return self._cluster.node_of(key) if self.is_cluster else self.nodes[0]

    # -- how it is ------------------------------------------------------------------------------------------------

    @property
    def state(self) -> DeploymentState:
        """How the whole stands now."""
        away = [node for node in self.nodes if node.state.away]
        return DeploymentState(
            label=self._label,
            db=self.address.db,
            worst=self._worst(away),
            identity=self.nodes[0].identity,
            nodes=len(self.nodes),
            refusal=self.refusal,
            kind=self.kind,
            down=tuple(node.address.label for node in away),
        )

    @property
    def _label(self) -> str:
        if self.sentinels is None:
            return self.address.label
        return f"{self.sentinels.label} at {self.nodes[0].address.label}"

    def _worst(self, away: Sequence[Node]) -> NodeState:
        worst = min((node.state for node in self.nodes), key=lambda state: _WORST_FIRST.index(state.phase))
        if 0 < len(away) < len(self.nodes):
            return replace(worst, failure=down(away, len(self.nodes)))
        if worst.failure is None and (trouble := self._trouble) is not None:
            return replace(worst, failure=trouble)
        return worst

    @property
    def _trouble(self) -> Failure | None:
        """What is wrong with the cluster though all of its nodes answer."""
        if self._cluster.denied is not None:
            return Failure(Kind.DENIED, self._cluster.denied)
        topology = self._cluster.topology
        if topology is None or topology.ok:
            return None
        lost = f"{topology.uncovered} slots have no node" if topology.uncovered else "it lacks nodes"
        return Failure(Kind.MOVING, f"the cluster refuses keys (CLUSTERDOWN): {lost}")

    @property
    def refusal(self) -> str | None:
        """Why nothing may be written: a sentence; None when it may be."""
        return next((node.permit.refusal for node in self.nodes if node.permit.refusal is not None), None)

    @property
    def footprint(self) -> Footprint:
        """Redtop's own cost, summed over the nodes."""
        return total_of([self._gone, *(node.footprint for node in self.nodes)])

    # -- asking ---------------------------------------------------------------------------------------------------

    async def ask(self, question: Exchange) -> Answer:
        """Ask about keys, each the node that holds it, wherever it has moved; replies come in the order asked.

        Of a node that is away the replies are errors with the code CLUSTERDOWN.

        Raises:
            Unavailable: no node that was asked answers.
        """
        await self.known()
        return await (route(question, self._cluster, self.moved) if self.is_cluster else self.nodes[0].ask(question))

    async def try_ask(self, question: Exchange) -> Answer | Failure:
        """As `ask`; when no node answers, that is a value."""
        try:
            return await self.ask(question)
        except Unavailable as error:
            return error.failure

    async def ask_all(self, question: Exchange) -> list[Answer | Failure]:
        """Ask every node the same, in parallel; failures are values, in the order of the nodes."""
        return [answer for _, answer in await self.ask_each(question)]

    async def ask_each(self, question: Exchange) -> list[tuple[Node, Answer | Failure]]:
        """Ask every node the same, in parallel; failures are values."""
        nodes = await self.known()
        answers = await asyncio.gather(*(_answer(node, question) for node in nodes))
        return list(zip(nodes, answers, strict=True))

    # -- keeping up -----------------------------------------------------------------------------------------------

    def moved(self) -> None:
        """Take note that keys are not where they should be: look again soon."""
        self._moved.set()

    async def look_again(self) -> None:
        """Learn anew who holds what: every node is asked about itself."""
        if self.is_cluster:
            self._adopt(await self._cluster.look_everywhere())

    async def run(self) -> None:
        """Keep every node connected until cancelled (or until all wait for a person)."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._start(self.nodes)
                following = group.create_task(self._keep_up(), name="topology")
                while waiting := [task for task in self._running.values() if not task.done()]:
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                following.cancel()
        finally:
            self._group = None
            if self.sentinels is not None:
                await self.sentinels.close()

    def _start(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if self._group is not None and node not in self._running:
                self._running[node] = self._group.create_task(node.run(), name=f"node {node.address.label}")

    def _adopt(self, topology: Topology | None, seed: Node | None = None) -> None:
        """Look at the nodes of this topology from now on."""
        if topology is None:
            return
        before = self._cluster.layout
        self._cluster.adopt(topology, seed)
        if self._cluster.nodes and self._cluster.nodes != self.nodes:
            left = [node for node in self.nodes if node not in self._cluster.nodes]
            self.nodes = self._cluster.nodes
            self._start(self.nodes)
            for node in left:
                self._stop(node)
        if self._cluster.layout != before:
            self._changed()

    def _stop(self, node: Node) -> None:
        """Leave a node that holds no keys any more."""
        self._gone = total_of([self._gone, node.footprint])
        if task := self._running.pop(node, None):
            task.cancel()

    async def _keep_up(self) -> None:
        """Follow what moves, by looking again and again."""
        while True:
            await self._rest()
            self._moved.clear()
            if self.is_cluster:
                await self._look()
            elif self.sentinels is not None:
                await self._ask_sentinel(self.sentinels)

    async def _rest(self) -> None:
        """Wait until it is time to look again."""
        began = self.clock.now()
        every = ASK_SENTINEL_EVERY if self.sentinels is not None else LOOK_EVERY
        while True:
            await self.clock.sleep(AT_ONCE)
            troubled = self._trouble is not None or any(node.state.away for node in self.nodes)
            if self._moved.is_set() or self.clock.now() - began >= (min(TROUBLED, every) if troubled else every):
                return

    async def _look(self) -> None:
        """Ask one node who holds what; all of them, when it is behind."""
        known, found = self._cluster.topology, await self._cluster.look()
        if found is None and all(node.state.away for node in self.nodes):
            found = await self._finder.ask_again()
        elif found is not None and known is not None and found.epoch < known.epoch:
            found = await self._cluster.look_everywhere()
        self._adopt(found)

    async def _ask_sentinel(self, sentinels: Sentinels) -> None:
        """Leave a server that is not the one any more; one that is away asks by itself."""
        (node,) = self.nodes
        if node.state.away:
            return
        try:
            now = await sentinels.locate()
        except Unavailable:
            return  # without Sentinel the server is as good as it was
        if (now.host, now.port) != (node.address.host, node.address.port):
            node.leave(Failure(Kind.LOST, f"{sentinels.label} is at {now.label} now"))

    def _changed(self) -> None:
        if hasattr(self, "nodes"):
            self.states.publish(self.state)


async def _answer(node: Node, question: Exchange) -> Answer | Failure:
    try:
        return await node.ask(question)
    except Unavailable as error:
        return error.failure
