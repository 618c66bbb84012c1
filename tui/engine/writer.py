"""A connection of its own for whatever changes the server; nothing on it is ever sent twice.

Reads go over the shared link and may be repeated. A change must not: after a lost reply it is unknown whether the
server has run it, and running it again could hit what somebody has made since. So a writer checks who answers before
its first command, sends each command once, and says `Unavailable` when it cannot know; the caller then looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tui.engine.commands import Exchange, Permit, Reply, exchange
from tui.engine.connection import connect
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.info import Info
from tui.engine.link import Link
from tui.engine.node import Node

PATIENCE = 10.0
"""Seconds that the server may take for one exchange: a batch is over in milliseconds, a busy server takes longer."""


class Writer:
    """Sends commands that change the server, each once."""

    def __init__(self, node: Node, link: Link) -> None:
        self.node = node
        self._link = link

    @property
    def permit(self) -> Permit:
        """What packing a change asks for."""
        return self.node.permit

    async def ask(self, *commands: Sequence[bytes | int], patience: float = PATIENCE) -> list[Reply]:
        """Send some commands in one go and wait for their replies; errors among them are values.

        Raises:
            Unavailable: of kind READ_ONLY nothing was sent; otherwise it is unknown what has run, and the writer is
                of no more use.
        """
        return await self.send(exchange(*commands, permit=self.permit), patience=patience)

    async def send(self, question: Exchange, *, patience: float = PATIENCE) -> list[Reply]:
        """Send what is packed already; as `ask`."""
        try:
            async with asyncio.timeout(patience), self.node.in_step:
                return (await self._link.ask(question)).replies
        except TimeoutError:
            failure = Failure(Kind.TIMEOUT, f"{self.node.address.label} did not answer for {patience:g} s")
            self._link.drop(failure)
            raise Unavailable(failure) from None


@asynccontextmanager
async def writer(node: Node, *, run_id: str | None = None) -> AsyncIterator[Writer]:
    """Connect for changes, after making sure that it is the same server process, and that it may be written to.

    `run_id` is the process that a plan was made on; without one, that of the node's link counts.

    Raises:
        Unavailable: no connection, no permit (READ_ONLY), or another process answers by now (CHANGED).
    """
    if node.permit.refusal is not None:
        raise Unavailable(Failure(Kind.READ_ONLY, node.permit.refusal))
    link = Link(node.clock, node.footprint, lambda _: None)
    await connect(node.address, link, node.tunnels)
    node.writers += 1
    try:
        found = Writer(node, link)
        await _introduce(found, run_id)
        yield found
    finally:
        node.writers -= 1
        link.drop(Failure(Kind.LOST, "redtop closed the connection"))


async def _introduce(found: Writer, run_id: str | None) -> None:
    node = found.node
    known = run_id if run_id is not None else node.identity.run_id if node.identity else ""
    commands = [[b"PING"], [b"CLIENT", b"SETNAME", b"redtop-writer"], [b"INFO"]]
    if node.identity and node.identity.version_tuple >= (7, 2):
        commands.append([b"CLIENT", b"NO-TOUCH", b"ON"])
    _, _, info, *_ = await found.ask(*commands)
    if isinstance(info, ReplyError):
        if known or info.code != "NOPERM":
            raise Unavailable(of_reply(info, "+info"))
        return  # this user may never ask who answers, so nothing was known before, either
    identity = Info(info).identity
    node.permit.replica = identity.role == "replica"
    if node.permit.refusal is not None:
        raise Unavailable(Failure(Kind.READ_ONLY, node.permit.refusal))
    if known and identity.run_id != known:
        raise Unavailable(
            Failure(Kind.CHANGED, f"another server process answers at {node.address.label}: look again first")
        )
