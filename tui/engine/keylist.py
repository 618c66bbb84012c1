"""The keys of one family, listed progressively, and what a list shows beside each of them.

SCAN with the family's literal beginning as a pattern finds candidates; the shape of each key decides. The scan takes
at most its share of the server's time and stops while nobody watches.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.engine.chosen import Chosen
from tui.engine.commands import KeyQuestions, Reply, exchange
from tui.engine.deployment import Deployment
from tui.engine.entries import Entries
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.feed import Feed
from tui.engine.keyshape import Shaper
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.nodescan import REFUSED_REST, UNAVAILABLE_REST, Ground
from tui.engine.onekey.inspect import ask
from tui.engine.patterns import escape
from tui.engine.printable import parse_printable, printable
from tui.engine.session import Session
from tui.engine.shapes import Shapes

KEPT = 200_000
"""Keys kept: nobody scrolls further, and it bounds memory together with the next."""
KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of keys kept; keys of 10 KB would else take two gigabytes."""
BURST = 0.3
"""Seconds at full speed at the start, so that a first screenful comes at once."""
LEAST_COUNT, MOST_COUNT = 50, 1000
"""Keys the server goes through in one SCAN: few enough that nobody else waits long."""
STEP = 0.0005
"""Seconds one SCAN should take the server."""
SHOWN_EVERY = 0.1
"""Seconds between snapshots at most: they cost nothing, and a list that fills before one's eyes feels quick."""
ROUNDS = 3
"""Times that a list is read to its end at most, while keys move between nodes in the middle of it."""
MOVING = "slots are moving between nodes: keys may be missing here"


@dataclass(frozen=True, slots=True)
class Listing:
    """What has been found so far."""

    entries: Entries
    """In the order of the scan. While `generation` stays the same it only grows at its end."""
    scanned: int
    """Keys the servers have gone through, about."""
    dbsize: int
    complete: bool
    """Whether all keys have been gone through."""
    full: str | None
    """Why there may be more than is listed: a sentence; the scan ends there."""
    generation: int
    """Counts up when the list begins again."""
    restarted: str | None = None
    """Why it had to begin again, if it had to."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a list shows beside a key."""

    key: bytes
    kind: str | None
    """Safe text; None when the key is gone, or may not be looked at."""
    expires_at: float | None
    """Wall-clock seconds; None without a TTL."""
    bytes: int | None
    """None when the server does not tell."""
    gone: bool


class _Restart(Exception):  # noqa: N818 - not an error: the list just begins again
    """Another server process answers."""


class KeyList:
    """Lists the keys of one chosen family for as long as somebody watches `feed`."""

    def __init__(self, session: Session, chosen: Chosen, families: Iterable[Sequence[str]] = ()) -> None:
        """Begin with `families`, the shapes of all families of the survey's picture.

        They tell to which of several a key belongs: `user:{id}` has no key of `user:{int}`.
        """
        self.session = session
        self.chosen = chosen
        self.feed: Feed[Listing] = Feed()
        delimiter = session.options.delimiter
        self._shaper = Shaper(delimiter.encode() if delimiter else None)
        self._shapes = Shapes(tuple(parse_printable(part) for part in shape) for shape in families)
        self._generation = 0
        self._questions = KeyQuestions(memory=True)
        self._count = LEAST_COUNT
        self._restarted: str | None = None
        self._begin()

    def _begin(self) -> None:
        """Start over with an empty list."""
        self._generation += 1
        self._keys: list[bytes] = []
        self._seen: set[bytes] = set()
        self._bytes = 0
        self._scanned: dict[Node, int] = {}
        self._dbsize: dict[Node, int] = {}
        self._complete = False
        self._full: str | None = None
        self._failure: Failure | None = None
        self._published = -math.inf
        self._began = self.session.clock.now()

    async def run(self) -> None:
        """List all keys once, then return; failures are published, never raised. Run it again to list again."""
        if self._complete or self._full:
            self._begin()
        await self.feed.wanted()
        while True:
            self._began = self.session.clock.now()
            try:
                await self._list()
            except _Restart as restart:
                self._begin()
                self._restarted = str(restart)
            else:
                return

    async def _list(self) -> None:
        if self.chosen.key is not None:
            await self._single(self.chosen.key)
        elif not await self._read_all():
            self._restarted = MOVING
        self._complete = self._full is None
        self._publish()

    async def _read_all(self) -> bool:
        """Read every node to its end, again when keys were moved meanwhile; whether none can be missing."""
        ground = Ground(self.session.deployment)
        for _ in range(ROUNDS):
            nodes = await ground.begin()
            self._scanned, self._dbsize = {}, {}
            await self._read_nodes(nodes)
            if self._full is not None or await ground.held():
                return True
        return False

    async def _read_nodes(self, nodes: Sequence[Node]) -> None:
        try:
            async with asyncio.TaskGroup() as group:  # when one node has to begin again, the others stop
                for node in nodes:
                    group.create_task(self._scan(node))
        except* _Restart as restarts:
            reason = restarts.exceptions[0]
        else:
            return
        raise reason

    async def _single(self, key: bytes) -> None:
        """A family of one key by its own name needs no scan."""
        while isinstance(there := await exact(self.session.deployment, key), Failure):
            await self._failed(there)
            await self.feed.wanted()
        self._failure = None
        if there:
            self._keep(key)

    async def _scan(self, node: Node) -> None:
        prefix = self.chosen.prefix
        match = [b"MATCH", escape(prefix) + b"*"] if prefix else []
        cursor, run_id = b"0", None
        while self._full is None and node in self.session.deployment.nodes:
            await self.feed.wanted()
            await self.session.pace.resumed()
            answer = await self._ask(node, [b"DBSIZE"], [b"SCAN", cursor, *match, b"COUNT", self._count])
            if node.identity and run_id not in {None, node.identity.run_id}:
                raise _Restart("another server process answers: its keys were read from the start")
            if answer is None:
                continue
            run_id = node.identity.run_id if node.identity else None
            self._dbsize[node], (cursor, keys) = answer.replies
            self._scanned[node] = min(self._scanned.get(node, 0) + self._count, self._dbsize[node])
            self._take(keys)
            if cursor == b"0":
                self._scanned[node] = self._dbsize[node]
                return
            self._publish_progress()
            await self._rest(answer, node)

    async def _ask(self, node: Node, *commands: Sequence[bytes | int]) -> Answer | None:
        """Ask for a page; None when it has to be asked for again."""
        try:
            answer = await node.ask(exchange(*commands))
        except Unavailable as error:
            await self._failed(error.failure)
            return None
        for reply, rule in zip(answer.replies, ("+dbsize", "+scan"), strict=True):
            if isinstance(reply, ReplyError):
                await self._failed(of_reply(reply, rule))
                return None
        self._failure = None
        return answer

    async def _failed(self, failure: Failure) -> None:
        """Say what is wrong, once, and wait a little."""
        if failure != self._failure:
            self._failure = failure
            self._publish()
        refused = failure.kind in {Kind.DENIED, Kind.REPLY, Kind.LOADING}
        await self.session.clock.sleep(REFUSED_REST if refused else UNAVAILABLE_REST)

    def _take(self, keys: Sequence[bytes]) -> None:
        shape_of, belongs = self._shaper.shape_of, self._shapes.belongs
        chosen, whole = self.chosen.shape, self.chosen.whole
        for key in keys:
            if self._full is None and key not in self._seen and belongs(shape_of(key), chosen, whole):
                self._keep(key)

    def _keep(self, key: bytes) -> None:
        self._keys.append(key)
        self._seen.add(key)
        self._bytes += len(key)
        if len(self._keys) >= KEPT or self._bytes >= KEPT_BYTES:
            self._full = f"the first {len(self._keys):,} keys are listed; there may be more"

    async def _rest(self, answer: Answer, node: Node) -> None:
        """Give the server back to the others, and choose how far the next SCAN goes."""
        clock = self.session.clock
        # The way there and back costs the server nothing, so it is not counted.
        busy = max(answer.took - node.round_trip, 1e-6 * self._count)
        self._count = max(LEAST_COUNT, min(MOST_COUNT, round(self._count * min(2.0, STEP / busy))))
        share = self.session.share.most  # a person waits for the list, so courtesy does not slow it down
        if share < 1 and clock.now() - self._began > BURST:
            await clock.sleep(busy * (1 / share - 1))

    def _publish_progress(self) -> None:
        now = self.session.clock.now()
        if now - self._published >= min(SHOWN_EVERY, self.session.pace.interval):
            self._publish()

    def _publish(self) -> None:
        self._published = self.session.clock.now()
        self.feed.publish(
            Listing(
                entries=Entries(self._keys),
                scanned=sum(self._scanned.values()),
                dbsize=sum(self._dbsize.values()),
                complete=self._complete,
                full=self._full,
                generation=self._generation,
                restarted=self._restarted,
                failure=self._failure,
            )
        )

    async def facts(self, keys: Sequence[bytes]) -> list[Row] | Failure:
        """Ask type, TTL and memory of some keys (a screenful) in one round trip; in the order of the keys."""
        deployment = self.session.deployment
        try:
            answer = await deployment.ask(self._questions.exchange(keys))
        except Unavailable as error:
            return error.failure
        count = len(keys)
        kinds, ttls, sizes = (answer.replies[at : at + count] for at in (0, count, 2 * count))
        if any(isinstance(size, ReplyError) and size.code == "NOPERM" and " key" not in str(size) for size in sizes):
            self._questions = KeyQuestions(memory=False)  # each refusal is an error in the server's statistics
        now = deployment.clock.wall()
        return [_row(*about, now) for about in zip(keys, kinds, ttls, sizes or [None] * count, strict=True)]


def _row(key: bytes, kind: Reply, ttl: Reply, size: Reply, now: float) -> Row:
    return Row(
        key=key,
        kind=printable(kind) if isinstance(kind, bytes) and kind != b"none" else None,
        expires_at=now + ttl / 1000 if isinstance(ttl, int) and ttl >= 0 else None,
        bytes=size if isinstance(size, int) else None,
        gone=kind == b"none",
    )


async def exact(deployment: Deployment, key: bytes) -> bool | Failure:
    """Whether a key exists; asked with TYPE, which needs no other permission than looking at it does."""
    answer = await ask(deployment, [b"TYPE", key])
    if isinstance(answer, Failure):
        return answer
    (kind,) = answer.replies
    return of_reply(kind, "+type") if isinstance(kind, ReplyError) else bool(kind != b"none")
