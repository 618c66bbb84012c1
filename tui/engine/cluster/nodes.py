"""The nodes of a cluster: found through any one of them, followed as slots and roles move.

The user and the TLS settings of the given address go to every node that the cluster names, as cluster clients do: it
is the cluster, reached and verified as asked, that says who its members are. A node of another name never gets them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from tui.engine.address import Address
from tui.engine.cluster.owners import Home, Topology, claim_of, topology_of
from tui.engine.cluster.slots import SLOTS, slot_of
from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.info import Identity
from tui.engine.link import Answer
from tui.engine.node import Node

PATIENCE = 1.0
"""Seconds that a node is waited for when it is asked about the others: another may know as well."""


class Cluster:
    """Which nodes there are, and which one holds a slot."""

    def __init__(self, given: Address, make: Callable[[Address], Node]) -> None:
        """`make` makes a node that will be kept connected."""
        self.topology: Topology | None = None
        """None until it is known."""
        self.nodes: tuple[Node, ...] = ()
        """The primaries, in the order of their slots."""
        self.denied: str | None = None
        """Why it cannot be known: a sentence that names the ACL rule; None when it can."""
        self._given = given
        self._make = make
        self._by_id: dict[str, Node] = {}
        self._places: dict[str, tuple[str, int]] = {}
        """Where the cluster says that each node is."""
        self._owners: list[Node | None] = [None] * SLOTS

    def node_of(self, key: bytes) -> Node:
        """Return the node that holds a key; of a slot that nobody holds any one will say so."""
        return self._owners[slot_of(key)] or self.nodes[0]

    def owner(self, slot: int) -> Node | None:
        """Return the node that holds a slot, if any does."""
        return self._owners[slot]

    def at(self, host: str, port: int) -> Node | None:
        """Return the node that the cluster knows by that place."""
        found = [node for name, node in self._by_id.items() if self._places[name] == (host, port)]
        return found[0] if found else None

    def gave_away(self, slot: int, node: Node) -> None:
        """Take note that a slot has just moved, until the next look tells all of it."""
        self._owners[slot] = node

    @property
    def layout(self) -> Hashable:
        """Who holds what; unlike as soon as anything has moved."""
        return None if self.topology is None else self.topology.layout

    def adopt(self, topology: Topology, seed: Node | None = None) -> None:
        """Become what was told; `seed` is the node that told it, when it is not known yet by name."""
        homes = topology.homes
        if not homes:
            return  # nothing is known there
        nodes = {home.id: self._node(home, seed if home.id == topology.me else None) for home in homes}
        self._places = {home.id: (home.host, home.port) for home in homes}
        self._by_id, self.nodes, self.topology = nodes, tuple(nodes.values()), topology
        owners: list[Node | None] = [None] * SLOTS
        for home in homes:
            for first, last in home.slots:
                owners[first : last + 1] = [nodes[home.id]] * (last - first + 1)
        self._owners = owners

    def _node(self, home: Home, seed: Node | None) -> Node:
        known = self._by_id.get(home.id)
        if known is not None and self._places[home.id] == (home.host, home.port):
            return known
        if seed is not None and known is None:
            return seed
        return self._make(replace(self._given, host=home.host or self._given.host, port=home.port, socket_path=None))

    # -- asking ---------------------------------------------------------------------------------------------------

    def question(self, identity: Identity | None) -> Exchange:
        """Ask a node what it knows of the cluster."""
        newer = identity is not None and (identity.product == "Valkey" or identity.version_tuple >= (7,))
        shards = [[b"CLUSTER", b"SHARDS"]] if newer else []
        return exchange([b"CLUSTER", b"NODES"], [b"CLUSTER", b"INFO"], *shards)

    def learned(self, replies: Sequence[Reply]) -> Topology | None:
        """Read the answer; when it is none, `denied` says why."""
        nodes, info, *rest = replies
        shards = rest[0] if rest else None
        found = topology_of(nodes, shards, info, tls=self._given.tls is not None)
        refusal = nodes if isinstance(nodes, ReplyError) else None
        self.denied = None if found or refusal is None else _denial(refusal)
        return found

    async def look(self) -> Topology | None:
        """Ask the first node that answers; None when none does."""
        for node in sorted(self.nodes, key=lambda node: not node.state.phase.answers):
            answer = await ask_in_time(node, self.question(node.identity))
            if answer is not None and (found := self.learned(answer.replies)) is not None:
                return found
        return None

    async def look_everywhere(self) -> Topology | None:
        """Ask one node about all of them, and each about itself; None when none answers."""
        found, claims = await asyncio.gather(self.look(), asyncio.gather(*map(self._claim, self.nodes)))
        return None if found is None else found.with_claims(claim for claim in claims if claim is not None)

    async def _claim(self, node: Node) -> Home | None:
        answer = await ask_in_time(node, exchange([b"CLUSTER", b"NODES"]))
        return None if answer is None else claim_of(answer.replies[0])


async def ask_in_time(node: Node, question: Exchange) -> Answer | None:
    """Ask a node that may be away; None when it is."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await node.ask(question)
    except (TimeoutError, Unavailable):
        return None


def _denial(refusal: ReplyError) -> str:
    words = of_reply(refusal, "+cluster|nodes").sentence
    return f"only one node of the cluster is looked at: {words}"


def down(nodes: Sequence[Node], total: int) -> Failure:
    """Say which nodes are away; never all of them."""
    who = ", ".join(node.address.label for node in nodes[:3]) + (", ..." if len(nodes) > 3 else "")
    verb = "is" if len(nodes) == 1 else "are"
    its = "its" if len(nodes) == 1 else "their"
    return Failure(Kind.LOST, f"{len(nodes)} of {total} nodes {verb} down ({who}): {its} slots are not counted")
