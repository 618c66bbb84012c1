"""Streams found at once: a scan for nothing but their type, ahead of the survey, which asks more of every key.

Where the server picks the type out by itself that is all it takes. Servers before Valkey 9 count every key that they
pass by as a keyspace hit when they are asked to pick (measured on Redis 6.2 and 7.0), and never tell how many that
were; they are asked for the type of each key instead, which is counted exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.engine.commands import KeyQuestions, Reply
from tui.engine.failure import Failure, ReplyError, Unavailable, of_reply
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.onepass import KEPT_STREAMS
from tui.engine.session import Collector, Session
from tui.engine.streams.overview import StreamList
from tui.engine.survey import Survey

PAGE = 1000
"""Keys the server goes through in one SCAN that picks: about 0.1 ms."""
ASKED_PAGE = 200
"""The same when the type of each is asked for, as the survey's."""
BURST = 1.0
"""Seconds at full speed at the start, in small pages: a person has just asked to see all streams."""
AGAIN = 0.5
"""Seconds before the same page is asked for again when the server is away or refuses."""
_PICKS_SINCE = {"Valkey": (9, 0)}


@dataclass(frozen=True, slots=True)
class Finding:
    """What the scan has found so far."""

    keys: tuple[bytes, ...]
    complete: bool
    failure: Failure | None = None


class StreamFind(Collector[Finding]):
    """Scans once, while watched; at most the survey's share of the server's time after a short burst."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._keys: dict[bytes, None] = {}
        self._types = KeyQuestions(memory=False, ttl=False)
        self._began = 0.0

    async def run(self) -> None:
        """Scan every node from end to end, and return."""
        await self.feed.wanted()
        self._began = self.session.clock.now()
        if self._survey_is_complete():
            self._publish(complete=True)
            return
        done: set[Node] = set()
        while new := [node for node in await self.session.deployment.known() if node not in done]:
            await asyncio.gather(*map(self._scan, new))
            done.update(new)
        self._publish(complete=True)
        self.session.pace.nudge()  # whoever waits for streams need not wait for the next tick

    def _survey_is_complete(self) -> bool:
        keyspace = self.session.of(Survey).feed.latest
        return keyspace is not None and keyspace.complete

    async def _scan(self, node: Node) -> None:
        cursor: bytes | None = b"0"
        keys: list[bytes] = []
        while (cursor is not None or keys) and len(self._keys) < KEPT_STREAMS and self._is_there(node):
            await self.feed.wanted()
            await self.session.pace.resumed()
            picks = _picks(node)
            answer = await self._ask(node, cursor, keys, picks=picks)
            if answer is None:
                continue
            kinds: Sequence[Reply] = answer.replies[: len(keys)]
            self._take(key for key, kind in zip(keys, kinds, strict=True) if kind == b"stream")
            keys = []
            if cursor is not None:
                cursor, found = answer.replies[-1]
                cursor = None if cursor == b"0" else cursor
                if picks:
                    self._take(found)
                else:
                    keys = found
            await self._rest(answer, node)

    def _is_there(self, node: Node) -> bool:
        """Whether it is still one of the nodes; one that has left its cluster has given its keys to others."""
        return node in self.session.deployment.nodes

    async def _ask(self, node: Node, cursor: bytes | None, keys: Sequence[bytes], *, picks: bool) -> Answer | None:
        """Ask for the types of the last page and for the next page; None when that has to be repeated."""
        scan: list[list[bytes | int]] = []
        if cursor is not None:
            picked: list[bytes | int] = [b"TYPE", b"stream", b"COUNT", PAGE]
            scan.append([b"SCAN", cursor, *(picked if picks else [b"COUNT", ASKED_PAGE])])
        try:
            answer = await node.ask(self._types.exchange(keys, *scan))
        except Unavailable as error:
            await self._fail(error.failure)
            return None
        last = answer.replies[-1]
        if cursor is not None and isinstance(last, ReplyError):
            await self._fail(of_reply(last, "+scan"))
            return None
        return answer

    async def _fail(self, failure: Failure) -> None:
        self._publish(complete=False, failure=failure)
        await self.session.clock.sleep(AGAIN)

    def _take(self, keys: Iterable[bytes]) -> None:
        before = len(self._keys)
        self._keys.update(dict.fromkeys(keys))
        if len(self._keys) != before:
            self._publish(complete=False)

    async def _rest(self, answer: Answer, node: Node) -> None:
        clock, share = self.session.clock, self.session.share.most
        busy = max(answer.took - node.round_trip, 1e-6 * len(answer.replies))
        if share < 1 and clock.now() - self._began > BURST:
            await clock.sleep(busy * (1 / share - 1))

    def _publish(self, *, complete: bool, failure: Failure | None = None) -> None:
        self.session.of(StreamList).found(self._keys)
        self.feed.publish(Finding(tuple(self._keys), complete, failure))


def _picks(node: Node) -> bool:
    """Whether SCAN with TYPE leaves the hit counters alone."""
    who = node.identity
    return who is not None and who.version_tuple >= _PICKS_SINCE.get(who.product, (1 << 30,))
