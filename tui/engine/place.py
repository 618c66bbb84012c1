"""Where keys are: one server, or several that share them by slot. What changes keys asks the place, never a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from weakref import WeakKeyDictionary

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.commands import Exchange
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.writer import Writer, writer

MOST = 3
"""Connections for changes to one server at most, beside the one for reading."""
_room: WeakKeyDictionary[Node, asyncio.Semaphore] = WeakKeyDictionary()
"""How many more each server of a cluster may get: slots that have moved bring others to it."""


class Place(Protocol):
    """A keyspace, and the servers that hold it. A `Deployment` is one."""

    @property
    def address(self) -> Address:
        """How a person named it."""

    @property
    def clock(self) -> Clock:
        """Tells the time."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The servers that hold the keys now."""

    @property
    def is_cluster(self) -> bool:
        """Whether keys are shared by slot, and may move."""

    @property
    def layout(self) -> Hashable:
        """Which server holds what; compares unlike as soon as anything has moved."""

    def node_of(self, key: bytes) -> Node:
        """Return the server that holds a key, or would hold it."""

    async def ask(self, question: Exchange) -> Answer:
        """Ask about keys, each the server that holds it.

        Raises:
            Unavailable: nobody answers. Of a server that is away, the replies are errors with the code CLUSTERDOWN.
        """

    async def look_again(self) -> None:
        """Learn anew who holds what."""


class OneServer:
    """A single server as a place."""

    is_cluster = False
    layout = None

    def __init__(self, node: Node) -> None:
        self.address, self.clock, self.nodes = node.address, node.clock, (node,)

    def node_of(self, key: bytes) -> Node:
        """Return it."""
        return self.nodes[0]

    async def ask(self, question: Exchange) -> Answer:
        """Ask it."""
        return await self.nodes[0].ask(question)

    async def look_again(self) -> None:
        """Nothing can have moved."""


Where: TypeAlias = Node | Place


def place_of(where: Where) -> Place:
    """Take a server, or what is a place already."""
    return OneServer(where) if isinstance(where, Node) else where


class Pens:
    """Connections for changes, each to the server that holds the keys, made when it is first needed."""

    def __init__(
        self,
        place: Place,
        run_id: str | None,
        prove: Callable[[Writer], Awaitable[None]] | None = None,
        *,
        one_at_a_time: bool = False,
    ) -> None:
        """Write to the process `run_id` only, as `writer` does.

        In a cluster that does not bind: there the cluster itself says who holds a key, and refuses whoever asks
        another. `prove` is what a new connection has to go through before it is used; `one_at_a_time` closes the one
        before.
        """
        self._place = place
        self._run_id = "" if place.is_cluster else run_id
        self._prove = prove
        self._one_at_a_time = one_at_a_time
        self._open: dict[Node, Writer] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        self._open.clear()
        await self._stack.aclose()

    async def of(self, key: bytes) -> Writer:
        """Return the connection to the server that holds a key now.

        Raises:
            Unavailable: as `writer`.
        """
        return await self.to(self._place.node_of(key))

    async def to(self, node: Node) -> Writer:
        """Return the connection to a server of this place.

        Raises:
            Unavailable: as `writer`.
        """
        if node not in self._open:
            if self._one_at_a_time:
                await self._close()
            if self._place.is_cluster:
                await self._stack.enter_async_context(_room.setdefault(node, asyncio.Semaphore(MOST)))
            try:
                pen = await self._stack.enter_async_context(writer(node, run_id=self._run_id))
            except Unavailable as error:
                raise self._excused(node, error) from None
            if self._prove is not None:
                await self._prove(pen)
            self._open[node] = pen
        return self._open[node]

    def _excused(self, node: Node, error: Unavailable) -> Unavailable:
        """Take a member of a cluster that has lost its slots to its replica for one that is away."""
        if self._place.is_cluster and error.failure.kind is Kind.READ_ONLY and node.permit.asked_for is None:
            return Unavailable(Failure(Kind.MOVING, f"{node.address.label} has handed its slots over"))
        return error
