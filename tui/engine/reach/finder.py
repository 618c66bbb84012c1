"""What answers at an address: a server, a Sentinel that leads to one, or a node that leads to its cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.cluster.nodes import Cluster
from tui.engine.cluster.owners import Topology
from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.connection import UNWANTED_PASSWORD, connect
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.footprint import Footprint
from tui.engine.info import Identity, Info
from tui.engine.link import Link
from tui.engine.node import Node
from tui.engine.reach.sentinel import Sentinels

PATIENCE = 2.0
"""Seconds that a server may take to say what it is."""


class Finder:
    """The guide of all nodes of a deployment."""

    def __init__(self, given: Address, clock: Clock, cluster: Cluster) -> None:
        self.sentinels: Sentinels | None = Sentinels(given, clock) if given.sentinel is not None else None
        """Who leads to the server; None without Sentinel."""
        self.on_cluster: Callable[[Topology, Node], None] = lambda _topology, _seed: None
        """Called when a node turns out to be one of a cluster, with what it tells."""
        self._given = given
        self._clock = clock
        self._cluster = cluster

    async def where(self, node: Node) -> Address:
        """Return where a node's server is now: Sentinel knows, where there is one."""
        return node.address if self.sentinels is None else await self.sentinels.locate()

    async def accepts(self, node: Node, link: Link, identity: Identity) -> bool:
        """Find out what it is that answers."""
        if self.sentinels is not None:
            self.sentinels.refuse(node.address, identity)
        elif identity.mode == "sentinel":
            self.sentinels = Sentinels(self._given, self._clock, login=self._given)
            return False
        elif identity.mode == "cluster" and self._cluster.topology is None:
            await self._join(node, link, identity)
        if (
            self.sentinels is None
            and self._given.replica
            and (identity.role != "replica" or identity.mode == "cluster")
        ):
            sentence = "--replica finds a replica through Sentinel: here, name the replica's own address"
            raise Unavailable(Failure(Kind.CHOICE, sentence))
        return True

    async def _join(self, node: Node, link: Link, identity: Identity) -> None:
        """Learn of the cluster through the first of its nodes."""
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await link.ask(self._cluster.question(identity))
        except TimeoutError:
            raise Unavailable(Failure(Kind.TIMEOUT, f"{node.address.label} does not answer")) from None
        found = self._cluster.learned(answer.replies)
        node.permit.partial = self._cluster.denied
        if found is not None:
            self.on_cluster(found, node)

    async def ask_again(self) -> Topology | None:
        """Ask at the given address once more: when all nodes have gone, others may answer to its name by now."""
        known = {(node.address.host, node.address.port) for node in self._cluster.nodes}
        if (self._given.host, self._given.port) in known:
            return None  # that one is tried anyway
        replies = await self._asked(self._given, self._cluster.nodes[0], self._cluster.question(None))
        return None if replies is None else self._cluster.learned(replies)

    async def knows_better(self, node: Node, failure: Failure) -> bool:
        """Whether what refused the login is a Sentinel: few want the server's password, none has databases."""
        odd = failure.kind is Kind.REPLY or failure.sentence.endswith(UNWANTED_PASSWORD)
        if not odd or self.sentinels is not None or node.identity is not None:
            return False
        bare = replace(self._given, username=None, password=None, db=0)
        replies = await self._asked(bare, node, exchange([b"INFO", b"server"]))
        if not replies or not isinstance(replies[0], bytes) or Info(replies[0]).identity.mode != "sentinel":
            return False
        self.sentinels = Sentinels(self._given, self._clock)
        return True

    async def _asked(self, address: Address, node: Node, question: Exchange) -> list[Reply] | None:
        """Ask on a connection for this question alone, through the tunnels of a node; None without an answer."""
        link = Link(self._clock, Footprint(), lambda _: None)
        try:
            async with asyncio.timeout(PATIENCE):
                await connect(address, link, node.tunnels)
                return (await link.ask(question)).replies
        except (TimeoutError, Unavailable):
            return None
        finally:
            link.drop(Failure(Kind.LOST, "redtop closed the connection"))
