"""Going through one server for the keys of a plan: which there are, and what each holds.

SCAN with the escaped prefix finds candidates; only keys that really begin with its bytes count. Each is looked at once
(`looking`) and written to the list with its print, so that the purge can tell what has changed since. All of it runs
over the shared link, in pages, and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.node import Node
from tui.engine.patterns import escape
from tui.engine.purge.distinct import Distinct
from tui.engine.purge.found import Finding
from tui.engine.purge.globs import compile_globs
from tui.engine.purge.keystore import BIG, LOOSE, SECRET, Item, PlannedKeys
from tui.engine.purge.looking import Look
from tui.engine.purge.pacing import Pacer, Patience
from tui.engine.purge.request import Request, Target

PAGE, FAST_PAGE = 200, 1000
"""Keys the server goes through, or is asked about, in one round trip: at rest with others, and at full speed."""
RECORD_BYTES = 24
"""What a journal adds to a key and its payload, about."""


class Sweep:
    """Finds and looks at the keys of one server; `finding` counts them, for several servers together."""

    def __init__(
        self,
        node: Node,
        request: Request,
        listed: Sequence[bytes] | None,
        pacer: Pacer,
        finding: Finding,
        is_vain: Callable[[], bool],
    ) -> None:
        """Look for what the request says; of a request of listed keys, `listed` are those that are here.

        `is_vain` tells when a server that is away need not be waited for any more.
        """
        self.keys = PlannedKeys()
        self.scanned = self.dbsize = 0
        self.dumped = self.big_bytes = 0
        """Bytes of payloads and their keys, as `Plan` has them."""
        self.rdb_version: int | None = None
        self.target: Target | None = None
        self.patience = Patience(node, is_vain)
        self._node = node
        self._request = request
        self._listed = listed
        self._pacer = pacer
        self._finding = finding
        self._page = FAST_PAGE if pacer.is_full_speed else PAGE
        self._globs = compile_globs(request.exclude)
        self._looking: asyncio.Task[None] | None = None
        self._busy = 0.0
        """Seconds that the server has spent on questions since the last rest."""

    async def run(self) -> None:
        """Find and look at all keys.

        Raises:
            Unavailable: the server went away for good, is another one by now, or refuses the questions.
            OSError: the list of keys cannot be kept.
        """
        try:
            await self._sweep()
        finally:
            if self._looking is not None:
                self._looking.cancel()
                await asyncio.gather(self._looking, return_exceptions=True)

    async def _sweep(self) -> None:
        (self.dbsize,) = await self._ask(exchange([b"DBSIZE"]))
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

    async def _candidates(self) -> AsyncGenerator[list[bytes], None]:
        """Yield keys to look at, each once; an empty page means that all before must be on the list by now."""
        if self._listed is not None:
            self.scanned = self.dbsize
            yield self._wanted(list(dict.fromkeys(self._listed)))
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
                self.dbsize, (cursor, keys) = await asking
                self.scanned = self.dbsize if cursor == b"0" else min(self.scanned + self._page, self.dbsize)
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
        self._finding.sized = self._finding.sized and look.sized
        self._finding.denied += looked.denied
        self._finding.moving += looked.moving
        self._finding.add(looked.items, looked.kinds, looked.lengths, looked.now)
        self.keys.add(looked.items)
        self.rdb_version = self.rdb_version or looked.rdb_version
        self.dumped += looked.dumped
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
                self.big_bytes += len(key) + RECORD_BYTES + size
            elif flags & LOOSE:
                needs += size
        self.dumped += needs

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
                await self.patience.bear(error.failure)
            else:
                self.patience.answered()
                return replies

    def _stay(self) -> None:
        now = Target.of(self._node)
        if self.target is None:
            self.target = now
        if not now.is_still(self.target):
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
