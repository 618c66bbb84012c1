"""One progressive scan of the keyspace that feeds namespaces, TTLs, streams and big keys.

Each page is one round trip that asks for the type, TTL and memory of the last page's keys and for the next page, so
the server never waits for redtop. A short burst at full speed gives the first picture; after that the survey takes at
most its share of the server's time: a page that took t is followed by a rest of t * (1 / share - 1). When a pass is
complete the next one begins, more gently still: staying current is worth less than getting there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tui.engine.commands import Exchange, KeyQuestions, Reply
from tui.engine.failure import Failure, ReplyError, Unavailable, of_reply
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Keyspace, family_of
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.onepass import Pass
from tui.engine.session import Collector, Session

PAGE = 200
"""Keys asked about in one round trip. Bigger pages are little faster but hold up other clients longer."""
FAST_PAGE = 1000
"""The same at full speed, which a person has asked for."""
BURST = 0.3
"""Seconds at full speed at the start, for the first picture."""
FRESH = 5
"""The passes that keep a complete picture current take this many times less than the share."""
KEYS_PER_S = 2000
"""Keys per second that keeping a complete picture current may read on average: a thousand keys are followed closely."""
PASS_LEAST, PASS_MOST = 1.0, 10.0
"""Seconds between the starts of two such passes, at least and (the server's share permitting) at most."""
REST_MOST = 2.0
"""Seconds between two pages at most: one that took longer than its share of this waited for others, or redtop did."""
UNAVAILABLE_REST = 0.2
"""Seconds before the same page is asked for again when the server is away."""
REFUSED_REST = 1.0
"""Seconds before asking again when the server answers with an error (loading, no permission)."""
SMALL = 200
"""Keys that may come or go without making it another keyspace."""


class _Answered(NamedTuple):
    """A page that was answered and waits to be folded."""

    keys: list[bytes]
    questions: KeyQuestions
    replies: Sequence[Reply]


class Restart(Exception):  # noqa: N818 - not an error: the pass just begins again
    """The keyspace is not the one that the pass began with."""


class Survey(Collector[Keyspace]):
    """Surveys for as long as somebody watches."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.share = session.options.scan_share
        """Largest fraction of the server's time to take; may be changed at any time. 1 means full speed."""
        delimiter = session.options.delimiter
        self._shaper = Shaper(delimiter.encode() if delimiter else None)
        self._questions = KeyQuestions(memory=True)
        self._sized = True
        self._pass = Pass(self._shaper)
        self._complete: Keyspace | None = None
        self._counted = 0
        """Keys the servers counted when that pass ended."""
        self._burst_until = -math.inf
        self._published = -math.inf
        self._denied: str | None = None
        self._restarted: str | None = None
        self._failure: Failure | None = None

    async def run(self) -> None:
        """Survey pass after pass."""
        clock = self.session.clock
        while True:
            started = clock.now()
            self._pass = Pass(self._shaper)
            if self._complete is None:
                self._burst_until = started + BURST
            try:
                await asyncio.gather(*(self._scan(node) for node in self.session.deployment.nodes))
            except Restart as restart:
                self._restarted = str(restart)
                self._complete = None
                continue
            self._complete = self._picture(complete=True)
            self._counted = self._pass.counted
            self._restarted = None
            self._publish()
            if self.share < 1:
                scanned = self._complete.scanned
                # A flush or a restore in the middle of the pass: what was counted is not what is there now.
                pause = scanned / KEYS_PER_S if _alike(self._counted, scanned) else PASS_LEAST
                pause = min(PASS_MOST, max(PASS_LEAST, pause))
                await self.session.pace.rest(max(0.0, pause - (clock.now() - started)))

    async def _scan(self, node: Node) -> None:
        """Read one node from the first page to the last."""
        index = self.session.deployment.nodes.index(node)
        cursor = b"0"
        keys: list[bytes] = []
        run_id = node.identity.run_id if node.identity else None
        first = True
        unfolded: _Answered | None = None
        while first or keys or cursor != b"0":
            await self.feed.wanted()
            await self.session.pace.resumed()
            more = first or cursor != b"0"
            commands: list[Sequence[bytes | int]] = [[b"DBSIZE"]]
            if more:
                commands.append([b"SCAN", cursor, b"COUNT", PAGE if self.share < 1 else FAST_PAGE])
            questions = self._questions
            asking = asyncio.create_task(self._ask(node, questions.exchange(keys, *commands)))
            if unfolded is not None:
                await asyncio.sleep(0)  # the question goes out first: the server works while the last page is folded
                self._fold(*unfolded)
                unfolded = None
            answer = await asking
            if answer is None or (node.identity and run_id and node.identity.run_id != run_id):
                if node.identity and run_id and node.identity.run_id != run_id:
                    raise Restart("another server process answers: its keys were read from the start")
                continue
            run_id = node.identity.run_id if node.identity else None
            if not self._accept(index, answer.replies[len(questions.names) * len(keys) :]):
                await self.session.clock.sleep(REFUSED_REST)
                continue
            if keys:
                unfolded = _Answered(keys, questions, answer.replies)
            if more:
                cursor, keys = answer.replies[-1]
                first = False
            else:
                keys = []
            if unfolded is not None and not (keys and self._hurries()):
                self._fold(*unfolded)
                unfolded = None
            self._publish_progress()
            await self._rest(answer, node)

    async def _ask(self, node: Node, question: Exchange) -> Answer | None:
        try:
            answer = await node.ask(question)
        except Unavailable as error:
            self._fail(error.failure)
            await self.session.clock.sleep(UNAVAILABLE_REST)
            return None
        return answer

    def _accept(self, index: int, tail: Sequence[Reply]) -> bool:
        """Take in the number of keys and the next page; False when the server would not tell one of them."""
        for reply, rule in zip(tail, ("+dbsize", "+scan"), strict=False):
            if isinstance(reply, ReplyError):
                self._fail(of_reply(reply, rule))
                return False
        if self._failure is not None:
            self._failure = None
            self._publish()  # what is shown of a complete keyspace would else say so until the next pass has ended
        self._pass.dbsize[index] = tail[0]
        self._drop_outgrown()
        return True

    def _fold(self, keys: list[bytes], questions: KeyQuestions, replies: Sequence[Reply]) -> None:
        """Count one page."""
        count = len(keys)
        sizes = replies[2 * count : 3 * count] if len(questions.names) == 3 else [0] * count
        self._pass.take(keys, replies[:count], replies[count : 2 * count], sizes, self.session.clock.wall())
        self._learn_permissions(questions, replies, count)

    def _hurries(self) -> bool:
        """Whether there are no rests between pages now."""
        return self.share >= 1 or self.session.clock.now() < self._burst_until

    def _drop_outgrown(self) -> None:
        """Show the pass under way, with a burst of its own, when the complete picture is of another keyspace.

        That is so after a flush, a restore, or while a job fills an empty server.
        """
        if self._complete is not None and not _alike(self._pass.counted, self._counted):
            self._complete = None
            self._burst_until = self.session.clock.now() + BURST

    def _learn_permissions(self, questions: KeyQuestions, replies: Sequence[Reply], count: int) -> None:
        """Stop asking what this user may not ask: every refusal is an error in the server's statistics."""
        for name, reply in zip(questions.names, replies[::count], strict=False):
            if isinstance(reply, ReplyError) and reply.code == "NOPERM" and " key" not in str(reply):
                self._denied = f"this user needs the ACL rule +{name}"
                if name == "memory|usage":
                    self._sized = False
                    self._questions = KeyQuestions(memory=False)
                    self._denied = f"no sizes: {self._denied}"

    async def _rest(self, answer: Answer, node: Node) -> None:
        """Give the server back to the others."""
        clock = self.session.clock
        if self._hurries():
            return
        share = self.share if self._complete is None else self.share / FRESH
        # The way there and back costs the server nothing, so it is not counted.
        busy = max(answer.took - node.round_trip, 1e-6 * len(answer.replies))
        await clock.sleep(min(REST_MOST, busy * (1 / share - 1)))

    def _fail(self, failure: Failure) -> None:
        if failure != self._failure:
            self._failure = failure
            self._publish()

    def _publish_progress(self) -> None:
        """Publish now and then, not before the burst is over: numbers that jump tell nobody anything."""
        now = self.session.clock.now()
        if now >= self._burst_until and now - self._published >= self.session.pace.interval and self._complete is None:
            self._publish()

    def _publish(self) -> None:
        self._published = self.session.clock.now()
        picture = self._complete or self._picture(complete=False)
        self.feed.publish(replace(picture, failure=self._failure))

    def _picture(self, *, complete: bool) -> Keyspace:
        current = self._pass
        pages, population = current.families.pages, current.population
        if complete:
            # Keys came and went while the pass went on; what was counted is the better number.
            population = pages.keys
        scale = population / pages.keys if pages.keys else 0.0
        total = current.families.total()
        families = [
            family_of(shape, tally, pages, population, sized=self._sized)
            for shape, tally in current.families.folded().items()
        ]
        families.sort(key=lambda family: (-family.keys, family.shape))
        denied = self._denied
        if current.unreadable and denied is None:
            denied = f"{current.unreadable} keys are left out: this user may not read them"
        return Keyspace(
            families=tuple(families),
            dbsize=population,
            scanned=pages.keys,
            complete=complete,
            finished_at=self.session.clock.wall() if complete else None,
            ttl_buckets=tuple(round(count * scale) for count in total.ttl_buckets),
            no_ttl=round(total.no_ttl * scale),
            streams=tuple(current.streams),
            soonest=current.soonest(),
            biggest=current.biggest(),
            denied=denied,
            restarted=self._restarted,
        )


def _alike(now: int, then: int) -> bool:
    """Whether two numbers of keys can be of the same keyspace a little later."""
    return 0.5 < (now + SMALL) / (then + SMALL) < 1.5
