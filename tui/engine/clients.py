"""Who is connected: the clients of every node, as the servers list them (CLIENT LIST).

A server writes the whole list in one go, and serves nobody meanwhile. So a long list is asked for less often, and one
that would hold everybody up not at all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.info import Info
from tui.engine.node import Node
from tui.engine.session import Collector, Session

PER_CLIENT = 3e-6
"""Seconds that a server takes to list one client: 2.7 microseconds measured on Valkey 9.1, 1.0 on Redis 6.2 and 7.0."""
SHARE = 0.002
"""The fraction of a server's time that listing its clients may take."""
REST_MOST = 30.0
"""Seconds between two lists at most."""
MOST = 20_000
"""Clients of one node up to which they are listed: a list of so many holds a server up for 20 to 50 ms."""
BESIDE = 500
"""Clients from which on their list is read beside the picture: a key pressed meanwhile must not wait."""
OWN = b"redtop"
"""What the names of redtop's own connections begin with."""


@dataclass(frozen=True, slots=True)
class Client:
    """One connection, as its server sees it."""

    node: str
    """The server's place; safe text."""
    id: int
    line: bytes
    """All that the server says of it."""
    address: bytes
    name: bytes
    age: int
    """Seconds since it connected."""
    idle: int
    """Seconds since its last command."""
    flags: bytes
    output: int
    """Bytes of replies that wait for the client to take them."""
    memory: int
    """Bytes that all of its buffers take."""

    @property
    def own(self) -> bool:
        """Whether it is redtop's, of this one or another."""
        return self.name.startswith(OWN)

    @property
    def facts(self) -> Mapping[bytes, bytes]:
        """All that the server says of it, by the server's own names, in its order."""
        return fields_of(self.line)


@dataclass(frozen=True, slots=True)
class Clients:
    """Who is connected, of all nodes together."""

    clients: tuple[Client, ...]
    wall: float
    """Seconds since 1970 at which they were listed."""
    nodes: int
    every: float
    """Seconds until the next list, at least."""
    troubles: tuple[str, ...] = ()
    """Why clients of some node are missing: sentences."""


class ClientList(Collector[Clients]):
    """Lists the clients while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._due = 0.0

    async def run(self) -> None:
        """List and publish until cancelled."""
        async for _ in self.ticks():
            if self.feed.latest is None or self.session.clock.now() >= self._due:
                self.feed.publish(await self.look())

    async def look(self) -> Clients:
        """List the clients of all nodes once."""
        deployment, clock = self.session.deployment, self.session.clock
        nodes = await deployment.known()
        counted = await deployment.ask_all(exchange([b"INFO", b"clients"]))
        crowded = [
            f"{number:,} clients at {node.address.label}: listing them would hold it up"
            for node, answer in zip(nodes, counted, strict=False)
            if not isinstance(answer, Failure) and (number := _connected(answer.replies[0])) > MOST
        ]
        if crowded:
            self._due = clock.now() + REST_MOST
            return Clients((), clock.wall(), len(nodes), REST_MOST, tuple(crowded))
        answers = await deployment.ask_each(exchange([b"CLIENT", b"LIST"]))
        told = [(node, answer if isinstance(answer, Failure) else answer.replies[0]) for node, answer in answers]
        clients, troubles = await _read(told)
        longest = max(Counter(one.node for one in clients).values(), default=0)
        every = min(REST_MOST, max(self.session.pace.interval, longest * PER_CLIENT / SHARE))
        self._due = clock.now() + every
        return Clients(tuple(clients), clock.wall(), len(nodes), every, tuple(dict.fromkeys(troubles)))


async def _read(told: Sequence[tuple[Node, Reply | Failure]]) -> tuple[list[Client], list[str]]:
    """Read the lists of all nodes; what is none says why."""
    clients, troubles = list[Client](), list[str]()
    for node, reply in told:
        if isinstance(reply, Failure):
            troubles.append(reply.sentence)
        elif isinstance(reply, ReplyError):
            troubles.append(of_reply(reply, "+client|list").sentence)
        elif reply.count(b"\n") > BESIDE:
            clients += await asyncio.to_thread(list, clients_of(node.address.label, reply))
        else:
            clients += clients_of(node.address.label, reply)
    return clients, troubles


def _connected(reply: Reply) -> int:
    return (Info(reply).integer("connected_clients") or 0) if isinstance(reply, bytes) else 0


def clients_of(node: str, listed: bytes) -> Iterator[Client]:
    r"""Read the answer to CLIENT LIST: one client a line, as fields with values.

    >>> [client] = clients_of("here", b"id=3 addr=/tmp/my sock:0 name= age=5 idle=1 flags=U omem=0 tot-mem=2048\n")
    >>> client.address, client.idle, client.memory
    (b'/tmp/my sock:0', 1, 2048)
    """
    for line in listed.split(b"\n"):
        fields = fields_of(line)
        if b"id" not in fields:
            continue
        yield Client(
            node=node,
            id=_number(fields, b"id"),
            line=line,
            address=fields.get(b"addr", b""),
            name=fields.get(b"name", b""),
            age=_number(fields, b"age"),
            idle=_number(fields, b"idle"),
            flags=fields.get(b"flags", b""),
            output=_number(fields, b"omem"),
            memory=_number(fields, b"tot-mem"),
        )


def fields_of(line: bytes) -> dict[bytes, bytes]:
    """Take one line apart. Only a path of a unix socket has blanks in it: they belong to the field before."""
    fields: dict[bytes, bytes] = {}
    last = b""
    for word in line.split(b" "):
        name, sign, value = word.partition(b"=")
        if sign and name not in fields:
            fields[name], last = value, name
        elif last:
            fields[last] += b" " + word
    return fields


def _number(fields: Mapping[bytes, bytes], name: bytes) -> int:
    value = fields.get(name, b"")
    return int(value) if value.isdigit() else 0
