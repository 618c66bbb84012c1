"""What took long: the slow logs of all nodes, put together.

A server keeps the newest entries (`slowlog-max-len`), each with up to 32 words of 128 bytes. So redtop asks for the
newest one at every tick, and only for as many more as have come since.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, Unavailable, of_reply
from tui.engine.node import Node
from tui.engine.session import Collector, Session

KEPT = 500
"""Entries kept of each node."""
PAGE = 128
"""Entries asked for at once: all that a server keeps unless told otherwise."""


@dataclass(frozen=True, slots=True)
class SlowEntry:
    """One command that took long."""

    node: str
    """The server's place; safe text."""
    id: int
    at: float
    """Seconds since 1970, by the server's clock."""
    took: int
    """Microseconds that it ran."""
    words: tuple[bytes, ...]
    """The command; the server cuts long words, and leaves out all but the first of many."""
    address: bytes
    name: bytes
    """The client's, as it calls itself."""


@dataclass(frozen=True, slots=True)
class SlowLog:
    """The slow logs of all nodes together."""

    entries: tuple[SlowEntry, ...]
    """The newest first."""
    held: int
    """Entries that the servers hold: more than `entries` when these are a part."""
    nodes: int
    troubles: tuple[str, ...] = ()
    """Why entries of some node are missing: sentences."""


@dataclass(slots=True)
class _Known:
    """What is known of one node's log."""

    run_id: str = ""
    entries: list[SlowEntry] = field(default_factory=list)
    """The newest first."""
    held: int = 0

    @property
    def newest(self) -> int:
        return self.entries[0].id if self.entries else -1


class SlowLogs(Collector[SlowLog]):
    """Follows the slow logs while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._known: dict[Node, _Known] = {}

    async def run(self) -> None:
        """Look and publish until cancelled."""
        async for _ in self.ticks():
            self.feed.publish(await self.look())

    async def look(self) -> SlowLog:
        """Look once at every node, all at the same time."""
        answers = await self.session.deployment.ask_each(exchange([b"SLOWLOG", b"LEN"], [b"SLOWLOG", b"GET", 1]))
        self._known = {node: self._of_now(node) for node, _ in answers}
        troubles = []
        for node, answer in answers:
            why = answer if isinstance(answer, Failure) else await self._take(node, answer.replies)
            if why is not None:
                self._known[node] = _Known()
                troubles.append(why.sentence)
        logs = list(self._known.values())
        entries = heapq.merge(*(log.entries for log in logs), key=lambda entry: -entry.at)
        return SlowLog(tuple(entries), sum(log.held for log in logs), len(logs), tuple(dict.fromkeys(troubles)))

    def _of_now(self, node: Node) -> _Known:
        """Return what is known of this process: another one begins a log of its own."""
        run_id = node.identity.run_id if node.identity is not None else ""
        known = self._known.get(node)
        return known if known is not None and known.run_id == run_id else _Known(run_id)

    async def _take(self, node: Node, replies: Sequence[Reply]) -> Failure | None:
        """Take in what is new; return why that was not possible."""
        for reply, rule in zip(replies, ("+slowlog|len", "+slowlog|get"), strict=True):
            if isinstance(reply, ReplyError):
                return of_reply(reply, rule)
        known, (held, latest) = self._known[node], replies
        newest = latest[0][0] if latest else -1
        if newest < known.newest and held:
            known.entries = []  # the ids began anew
        new = min(PAGE, newest - known.newest)
        if new > 1 and held > 1:
            try:
                (latest,) = (await node.ask(exchange([b"SLOWLOG", b"GET", new]))).replies
            except Unavailable as error:
                return error.failure
            if isinstance(latest, ReplyError):
                return of_reply(latest, "+slowlog|get")
        fresh = [entry_of(node.address.label, one) for one in latest if one[0] > known.newest]
        known.held = held
        # A log that was reset, or cut, is short of what came before.
        known.entries = [*fresh, *known.entries][: min(KEPT, max(held, len(fresh)))]
        return None


def entry_of(node: str, told: Reply) -> SlowEntry:
    """Read one entry of SLOWLOG GET."""
    number, at, took, words, address, name = told[:6]
    return SlowEntry(node, number, float(at), took, tuple(words), address, name)
