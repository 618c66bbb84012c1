"""From a request to a frozen list of keys, and the preview on the way there.

SCAN with the escaped prefix finds candidates; only keys that really begin with its bytes count. Each is looked at once
(`looking`) and written to the list with its print, so that the purge can tell what has changed since. All of it runs
over the shared link, in pages, and changes nothing.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.keyshape import Shaper
from tui.engine.node import Node
from tui.engine.patterns import escape
from tui.engine.purge.distinct import Distinct
from tui.engine.purge.found import Finding, Found
from tui.engine.purge.globs import compile_globs
from tui.engine.purge.keystore import BIG, LOOSE, SECRET, Item, PlannedKeys
from tui.engine.purge.looking import Look, restorable_elsewhere
from tui.engine.purge.pacing import Pacer, Patience
from tui.engine.purge.request import Big, Request, Target
from tui.engine.purge.watching import watched

PAGE, FAST_PAGE = 200, 1000
"""Keys the server goes through, or is asked about, in one round trip: at rest with others, and at full speed."""
RECORD_BYTES = 24
"""What a journal adds to a key and its payload, about."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known while the plan is being made."""

    found: Found
    scanned: int
    """Keys the server has gone through, about."""
    dbsize: int
    failure: Failure | None
    """Why it does not go on just now; it will by itself."""

    @property
    def share(self) -> float:
        """How much of the keyspace was gone through, 0 to 1."""
        return min(1.0, self.scanned / self.dbsize) if self.dbsize else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly which keys will be removed, bound to the server process they were found on."""

    id: str
    request: Request
    target: Target
    made_at: float
    """Wall-clock seconds."""
    found: Found
    dbsize: int
    keys: PlannedKeys = field(repr=False)
    rdb_version: int | None
    """Of the payloads that undo would restore; None when none was read."""
    dumped: int
    """Bytes of those payloads and their keys; those of loose keys are estimated."""
    big_bytes: int

    @property
    def share(self) -> float:
        """How much of the database's keys it is, 0 to 1."""
        return min(1.0, len(self.keys) / self.dbsize) if self.dbsize else 0.0

    def journal_bytes(self, big: Big) -> int:
        """Return how long the journal will be, about; 0 without undo."""
        if not self.request.undo:
            return 0
        return self.dumped + (self.big_bytes if big is Big.WITH_UNDO else 0)

    def covered(self, big: Big) -> int:
        """Return how many keys undo will bring back (a big secret key counts once, as a secret)."""
        if not self.request.undo:
            return 0
        uncovered = 0 if self.request.undo_secrets else self.found.secrets
        return len(self.keys) - uncovered - (0 if big is Big.WITH_UNDO else self.found.big_keys)

    @property
    def elsewhere(self) -> str | None:
        """Which servers can restore what undo keeps: a sentence; None without any."""
        return restorable_elsewhere(self.rdb_version) if self.rdb_version else None

    def close(self) -> None:
        """Free what the list of keys takes."""
        self.keys.close()


async def plan(
    node: Node, request: Request, *, share: float = 1.0, delimiter: bytes | None = None, rng: Random | None = None
) -> AsyncGenerator[Preview | Plan | Failure, None]:
    """Find the keys: previews, then one plan, or one failure. Closing the iterator gives it up without a trace.

    `share` is the largest fraction of the server's time to take.
    """
    planner = _Planner(node, request, Pacer(node, share, None), Shaper(delimiter), rng or Random())
    finished = False
    try:
        async with aclosing(watched(planner.run(), planner.preview, node.clock)) as steps:
            async for step in steps:
                finished = isinstance(step, Plan)
                yield step
    finally:
        if not finished:
            planner.keys.close()


class _Planner:
    def __init__(self, node: Node, request: Request, pacer: Pacer, shaper: Shaper, rng: Random) -> None:
        self.keys = PlannedKeys()
        self._node = node
        self._request = request
        self._pacer = pacer
        self._patience = Patience(node)
        self._page = FAST_PAGE if pacer.is_full_speed else PAGE
        self._looking: asyncio.Task[None] | None = None
        prefix = request.prefix if request.keys is None else b""
        self._finding = Finding(prefix, shaper, rng)
        self._globs = compile_globs(request.exclude)
        self._scanned = self._dbsize = 0
        self._busy = 0.0
        """Seconds that the server has spent on questions since the last rest."""
        self._dumped = self._big_bytes = 0
        self._rdb_version: int | None = None
        self._latest: tuple[float, Found] = (-math.inf, self._finding.found())
        self._target: Target | None = None

    def preview(self) -> Preview:
        """Return what is known; counting families takes a moment, so it gets at most a tenth of the time."""
        now = self._node.clock.now
        due, found = self._latest
        if (started := now()) >= due:
            found = self._finding.found()
            self._latest = (now() + 10 * (now() - started), found)
        return Preview(found, self._scanned, self._dbsize, self._patience.waiting)

    async def run(self) -> Plan | Failure:
        """Find and look at all keys."""
        try:
            return await self._plan()
        except Unavailable as error:
            return error.failure
        except OSError as error:
            return Failure(Kind.JOURNAL, f"the list of keys cannot be kept: {error.strerror or 'the disk fails'}")
        finally:
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.gather(self._looking, return_exceptions=True)

    async def _plan(self) -> Plan:
        (self._dbsize,) = await self._ask(exchange([b"DBSIZE"]))
        assert self._target is not None
        look = Look(self._node.identity, self._request)
        waiting: list[bytes] = []
        async with aclosing(self._candidates()) as candidates:
            async for keys in candidates:
                waiting += keys
                while len(waiting) >= self._page:
                    await self._look_beside(look, waiting[: self._page])
                    del waiting[: self._page]
                if not keys:  # what waits for being told apart needs the list to be complete
                    await self._look_beside(look, waiting)
                    await self._look_beside(look, [])
                    waiting = []
        await self._look_beside(look, waiting)
        await self._look_beside(look, [])
        return Plan(
            id=secrets.token_hex(4),
            request=self._request,
            target=self._target,
            made_at=self._node.clock.wall(),
            found=self._finding.found(),
            dbsize=self._dbsize,
            keys=self.keys,
            rdb_version=self._rdb_version,
            dumped=self._dumped,
            big_bytes=self._big_bytes,
        )

    async def _candidates(self) -> AsyncGenerator[list[bytes], None]:
        """Yield keys to look at, each once; an empty page means that all before must be on the list by now."""
        if self._request.keys is not None:
            self._scanned = self._dbsize
            yield self._wanted(list(dict.fromkeys(self._request.keys)))
            return
        distinct, prefix = Distinct(), self._request.prefix
        async with aclosing(self._scan()) as pages:
            async for keys in pages:
                yield self._wanted(distinct.fresh([key for key in keys if key.startswith(prefix)]))
                if distinct.is_crowded:
                    yield []
                    yield self._wanted(await asyncio.to_thread(distinct.resolve, self.keys))
        yield []
        yield self._wanted(await asyncio.to_thread(distinct.resolve, self.keys))

    async def _scan(self) -> AsyncGenerator[list[bytes], None]:
        """Yield page after page; at full speed the next one is asked for before this one is looked at."""
        match = [b"MATCH", escape(self._request.prefix) + b"*"] if self._request.prefix else []

        def ask(cursor: bytes) -> asyncio.Task[list[Reply]]:
            question = exchange([b"DBSIZE"], [b"SCAN", cursor, *match, b"COUNT", self._page])
            asking = asyncio.create_task(self._ask(question))
            asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may ask it again
            return asking

        asking = ask(b"0")
        try:
            while True:
                self._dbsize, (cursor, keys) = await asking
                self._scanned = self._dbsize if cursor == b"0" else min(self._scanned + self._page, self._dbsize)
                if cursor != b"0" and self._pacer.is_full_speed:
                    asking = ask(cursor)
                    await asyncio.sleep(0)  # it goes out first: the server works while this page is looked at
                yield keys
                if cursor == b"0":
                    return
                if not self._pacer.is_full_speed:
                    await self._rest(0)
                    asking = ask(cursor)
        finally:
            asking.cancel()

    def _wanted(self, keys: list[bytes]) -> list[bytes]:
        """Leave out what is not meant, protected or excluded."""
        request = self._request
        if request.only is not None:
            keys = list(filter(request.only, keys))
        if request.protected:
            before = len(keys)
            keys = [key for key in keys if not key.startswith(request.protected)]
            self._finding.protected += before - len(keys)
        if request.exclude_keys or self._globs is not None:
            before, globs = len(keys), self._globs
            keys = [key for key in keys if key not in request.exclude_keys and not (globs and globs.fullmatch(key))]
            self._finding.excluded += before - len(keys)
        return keys

    async def _look_beside(self, look: Look, keys: list[bytes]) -> None:
        """Begin to look at some keys, and wait until the last ones are done with: the server works while we count."""
        before, self._looking = self._looking, None
        if keys:
            self._looking = asyncio.create_task(self._look_at(look, keys))
            await asyncio.sleep(0)  # the question goes out first
        if before is not None:
            await before
        if not self._pacer.is_full_speed and self._looking is not None:
            await self._looking

    async def _look_at(self, look: Look, keys: Sequence[bytes]) -> None:
        looked = await look.at(keys, self._ask)
        self._finding.sized = look.sized
        self._finding.denied += looked.denied
        self._finding.add(looked.items, looked.kinds, looked.lengths, looked.now)
        self.keys.add(looked.items)
        self._rdb_version = self._rdb_version or looked.rdb_version
        self._dumped += looked.dumped
        self._weigh(looked.items)
        await self._rest(len(keys))

    def _weigh(self, items: Sequence[Item]) -> None:
        """Add up what a journal needs beside the payloads that were read."""
        needs = sum(len(item.key) for item in items) + len(items) * RECORD_BYTES
        for key, _, _, size, flags in [item for item in items if item.flags]:
            if flags & SECRET and not self._request.undo_secrets:
                needs -= len(key) + RECORD_BYTES
            elif flags & BIG:
                needs -= len(key) + RECORD_BYTES
                self._big_bytes += len(key) + RECORD_BYTES + size
            elif flags & LOOSE:
                needs += size
        self._dumped += needs

    async def _rest(self, keys: int) -> None:
        busy, self._busy = self._busy, 0.0
        await self._pacer.rest(keys, busy)

    async def _ask(self, question: Exchange) -> list[Reply]:
        """Ask over the shared link; wait for a server that is away, but never go on with another one."""
        while True:
            try:
                answer = await self._node.ask(question)
                replies = answer.replies
                self._busy += max(0.0, answer.took - self._node.round_trip)
                self._stay()
                _check(question, replies)
            except Unavailable as error:
                await self._patience.bear(error.failure)
            else:
                self._patience.answered()
                return replies

    def _stay(self) -> None:
        now = Target.of(self._node)
        if self._target is None:
            self._target = now
        if not now.is_still(self._target):
            raise Unavailable(Failure(Kind.CHANGED, "another server process answers by now: plan again"))


def _check(question: Exchange, replies: Sequence[Reply]) -> None:
    """Raise what stands for the whole: a server that is loading, or a refused SCAN."""
    for reply in replies[-2:]:
        if isinstance(reply, ReplyError) and (reply.code in {"LOADING", "BUSY", "MASTERDOWN"}):
            raise Unavailable(Failure(Kind.LOADING, of_reply(reply, "").sentence))
    if "scan" in question.calls or "dbsize" in question.calls:
        for reply, rule in zip(replies, ("+dbsize", "+scan"), strict=False):
            if isinstance(reply, ReplyError):
                raise Unavailable(of_reply(reply, rule))
