"""One progressive scan of the keyspace that feeds namespaces, TTLs, streams and big keys.

Each page is one round trip that asks for the type, TTL and memory of the last page's keys and for the next page, so
the server never waits for redtop. A short burst at full speed gives the first picture; after that the survey takes at
most its share of the server's time: a page that took t is followed by a rest of t * (1 / share - 1), so that a server
that is slow because it is busy is left alone for longer. While others are served, courtesy asks for less. When a pass
is complete the next one begins, more gently still: staying current is worth less than getting there.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace
from functools import partial

from tui.engine.commands import Exchange, exchange
from tui.engine.failure import Failure, Unavailable
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Keyspace
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.nodescan import (
    CHANGED,
    MOVING,
    REFUSED_REST,
    UNAVAILABLE_REST,
    Answered,
    Ground,
    Identities,
    NodeScan,
    Permissions,
    Restart,
)
from tui.engine.onepass import Observer, Pass, alike
from tui.engine.session import Collector, Session
from tui.engine.share import COURTESY, KEEPING, Courtesies
from tui.engine.slotscan import SlotScan
from tui.engine.topology.slot_stats import counts_slots
from tui.engine.vitals import Pulse

PAGE = 64
"""Keys asked about in one round trip: few enough that whoever waits meanwhile hardly notices."""
GIVEN_PAGE = 200
"""The same when a person has said what share to take: a little faster, and it holds up others longer."""
FAST_PAGE = 1000
"""The same at full speed, which a person has asked for."""
BURST = 0.3
"""Seconds at full speed at the start, for the first picture."""
AT_ONCE, AT_ONCE_BURST = 25_000, 0.7
"""Keys that are counted at full speed from first to last, and the seconds more that it may take: an exact picture at
once costs the server a fraction of a second, once."""
FRESH = 5
"""The passes that keep a complete picture current take this many times less than the share."""
KEYS_PER_S = 2000
"""Keys per second that keeping a complete picture current may read on average: a thousand keys are followed closely."""
PASS_LEAST, PASS_MOST = 1.0, 10.0
"""Seconds between the starts of two such passes, at least and (the server's share permitting) at most."""
LEAST_PER_REPLY = 5e-7
"""Seconds that a reply costs the server at least, whatever a clock of ours says."""
REST_MOST = 2.0
"""Seconds between two pages at most: one that took longer than its share of this waited for others, or redtop did."""
WAKE = 0.1
"""Seconds of rest from which on a changed share ends it early: waiting for two things at once costs some CPU."""
ROUND_TRIP = 1.0
"""Seconds between measurements of the way there and back."""


class Survey(Collector[Keyspace]):
    """Surveys for as long as somebody watches."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        delimiter = session.options.delimiter
        self._shaper = Shaper(delimiter.encode() if delimiter else None)
        self._permissions = Permissions()
        self._observers: list[Observer] = []
        self._pass = Pass(self._shaper)
        self._complete: Keyspace | None = None
        """The picture of the last pass that came to its end; an estimate, when keys were moving or a node was away."""
        self._ground = Ground(session.deployment)
        self._counted = 0
        """Keys the servers counted when that pass ended."""
        self._identities = Identities()
        self._courtesies = Courtesies(session.clock)
        self._chance = random.Random()
        self._disordered: set[Node] = set()
        """Nodes of a cluster whose SCAN does not go slot by slot: its order is random enough."""
        self._burst_until = -math.inf
        self._published = -math.inf
        self._restarted: str | None = None
        self._outdated = False
        """Whether what was counted is of a keyspace that a person has changed since."""
        self._failure: Failure | None = None

    @property
    def share(self) -> float:
        """Largest fraction of the servers' time to take; 1 means full speed. May be set at any time."""
        return self.session.share.most

    @share.setter
    def share(self, share: float) -> None:
        self.session.share.most = share
        if self.feed.latest is not None:
            self.feed.publish(replace(self.feed.latest, share=self.allowance, courteous=self.courteous))

    @property
    def courteous(self) -> bool:
        """Whether others are served, so that less is taken: unless a person has said what share to take."""
        return self._courtesies.holds and not self.session.share.given

    @property
    def allowance(self) -> float:
        """Fraction of the servers' time that is taken at most as things are now, the first burst aside."""
        share = self.share if self.share >= 1 or not self._current else self.share / FRESH
        if self.courteous:
            return min(share, COURTESY)
        return min(share, KEEPING) if self._current and not self.session.share.given else share

    @property
    def _current(self) -> bool:
        """Whether there is a picture in which every key was counted."""
        return self._complete is not None and self._complete.complete

    def observe(self, observer: Observer) -> None:
        """Show every page to `observer` from now on, in the middle of a pass if one is under way."""
        self._observers.append(observer)

    def renew(self) -> None:
        """Begin again at once: a person has changed the keyspace, and wants to see it."""
        self._outdated = True
        self.session.pace.nudge()

    async def run(self) -> None:
        """Survey pass after pass, and at once when the pulse tells of another keyspace."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_size())
            await self._survey()

    async def _watch_size(self) -> None:
        """Begin again when the keyspace was flushed or filled: that must not wait for the next pass."""
        pulse = self.session.of(Pulse).feed
        while True:
            await pulse.changed()
            now = pulse.latest
            if now is None or now.failure is not None or now.now.keys is None or not self._current:
                continue
            if not alike(now.now.keys, self._counted):
                self.renew()

    async def _survey(self) -> None:
        clock = self.session.clock
        while True:
            started = clock.now()
            if self._outdated:
                self._outdated, self._complete = False, None
            for observer in self._observers:
                await observer.begin()
            self._pass = Pass(self._shaper, self._observers)
            self._permissions.learn_anew(self._logins)
            if self._complete is None:
                self._burst_until = started + BURST
            reason = await self._read_all()
            if reason is not None:
                self._restarted, self._complete = reason or None, None
                continue
            await self._end()
            await self._rest_after_pass(started)

    async def _end(self) -> None:
        """Take the picture of a pass that has read all that there was to read."""
        held = await self._ground.held() and not self._pass.unsettled
        complete = held and not self._ground.unread
        if not held:
            self._restarted = MOVING
        self._complete = self._picture(complete=complete)
        self._counted = self._pass.counted
        if complete:
            self._restarted = None
            for observer in self._observers:
                observer.end(self._complete.scanned)
        self._publish()

    async def _read_all(self) -> str | None:
        """Read every node to its end; return why the pass has to begin again, if it has to."""
        reason = None
        nodes = await self._ground.begin()
        self._courtesies.keep(nodes)
        if self._ground.changed:
            self._restarted = CHANGED
        try:
            async with asyncio.TaskGroup() as group:  # when one node has to begin again, the others stop
                for index, node in enumerate(nodes):
                    group.create_task(self._scan(index, node))
        except* Restart as restarts:
            reason = str(restarts.exceptions[0])
        return reason

    async def _scan(self, index: int, node: Node) -> None:
        """Read one node from the first page to the last."""
        scan, measured = self._begun(node), -math.inf
        unfolded: Answered | None = None
        while not scan.ended:
            await self.feed.wanted()
            await self.session.pace.resumed()
            if not self.session.share.given:
                await self._courtesies.of(node).glance(calm=self._complete is not None)
            if self.session.clock.now() - measured >= ROUND_TRIP:
                await self._ask(node, exchange([b"PING"]))
                measured = self.session.clock.now()
            questions = self._permissions.questions
            answer = await self._ask_and_fold(node, scan.question(questions, self._page), unfolded)
            unfolded = None
            self._ground.check()
            self._identities.check(node)
            if self._outdated:
                raise Restart
            if answer is None:
                if self._ground.over:
                    return
                continue
            self._ground.away.discard(node)
            if not self._accept(index, scan.dbsize(questions, answer.replies)):
                await self.session.clock.sleep(REFUSED_REST)
                continue
            looked = scan.looks
            unfolded = scan.take(index, questions, answer.replies)
            if looked:  # the burst is for the first picture, which takes keys
                self._burst_until = max(self._burst_until, self.session.clock.now() + BURST)
            if unfolded is not None and not (scan.keys and self._hurries):
                self._fold(unfolded)
                unfolded = None
            self._publish_progress()
            await self._rest(answer, node)
        self._ground.unread.discard(node)

    def _begun(self, node: Node) -> NodeScan | SlotScan:
        """Begin to read a node: in a cluster so that what was read by then can be shown, unless nobody will see it."""
        plain = self._complete is not None or node in self._disordered or not self._has_slots(node)
        if plain:
            return NodeScan()
        counts = node.identity is not None and counts_slots(node.identity)
        return SlotScan(self._chance, partial(self._disordered.add, node), counts=counts)

    def _has_slots(self, node: Node) -> bool:
        """Whether a node is one of a cluster, even if this user may not ask which others there are."""
        return self.session.deployment.is_cluster or (node.identity is not None and node.identity.mode == "cluster")

    async def _ask_and_fold(self, node: Node, question: Exchange, unfolded: Answered | None) -> Answer | None:
        """Ask, and fold the last page meanwhile; None when it has to be asked again."""
        asking = asyncio.create_task(self._ask(node, question))
        try:
            if unfolded is not None:
                await asyncio.sleep(0)  # the question goes out first: the server works while the last page is folded
                self._fold(unfolded)
            return await asking
        finally:
            asking.cancel()

    async def _ask(self, node: Node, question: Exchange) -> Answer | None:
        try:
            return await node.ask(question)
        except Unavailable as error:
            self._ground.away.add(node)
            self._fail(error.failure)
            await self.session.clock.sleep(UNAVAILABLE_REST)
            return None

    def _accept(self, index: int, dbsize: int | Failure) -> bool:
        """Take in the number of keys of a node; False when it has to be asked again."""
        if isinstance(dbsize, Failure):
            self._fail(dbsize)
            return False
        if self._failure is not None and not self._ground.away:
            self._failure = None
            self._publish()  # what is shown of a complete keyspace would else say so until the next pass has ended
        self._pass.dbsize[index] = dbsize
        self._drop_outgrown()
        return True

    def _fold(self, page: Answered) -> None:
        """Count one page."""
        index, keys, questions, replies, pieces = page
        count = len(keys)
        sizes = replies[2 * count : 3 * count] if len(questions.names) == 3 else [0] * count
        settled = not self._pass.unsettled
        types, ttls = replies[:count], replies[count : 2 * count]
        self._pass.take(keys, types, ttls, sizes, self.session.clock.wall(), index, pieces)
        if settled and self._pass.unsettled:
            self.session.deployment.moved()
        self._permissions.learn(questions, replies[::count], self._logins)

    @property
    def _hurries(self) -> bool:
        """Whether there are no rests between pages now."""
        small = self._complete is None and self._pass.counted <= AT_ONCE
        return self.share >= 1 or self.session.clock.now() < self._burst_until + (AT_ONCE_BURST if small else 0.0)

    @property
    def _page(self) -> int:
        return FAST_PAGE if self.share >= 1 else GIVEN_PAGE if self.session.share.given else PAGE

    def _drop_outgrown(self) -> None:
        """Show the pass under way, with a burst of its own, when the complete picture is of another keyspace.

        That is so after a flush, a restore, or while a job fills an empty server.

        Raises:
            Restart: the pass is not read in an order that can be shown.
        """
        all_told = len(self._pass.dbsize) == len(self._ground.nodes)
        if self._complete is not None and all_told and not alike(self._pass.counted, self._counted):
            if any(self._has_slots(node) for node in self._ground.nodes if node not in self._disordered):
                raise Restart
            self._complete = None
            self._burst_until = self.session.clock.now() + BURST

    @property
    def _logins(self) -> int:
        """How many times it was begun to learn what this user may do."""
        return sum(node.rights.learned for node in self.session.deployment.nodes)

    async def _rest(self, answer: Answer, node: Node) -> None:
        """Give the server back to the others."""
        clock = self.session.clock
        # The way there and back costs the server nothing, so it is not counted.
        busy = max(answer.took - node.round_trip, LEAST_PER_REPLY * len(answer.replies))
        began = clock.now()
        while not self._hurries:
            left = min(REST_MOST, busy * (1 / self.allowance - 1)) - (clock.now() - began)
            if left <= 0:
                return
            await (clock.sleep(left) if left < WAKE else self.session.pace.rest(left))

    async def _rest_after_pass(self, started: float) -> None:
        """Wait until a picture that is complete is worth another pass."""
        if self.share >= 1 or self._complete is None:
            return
        scanned = self._complete.scanned
        # A flush or a restore in the middle of the pass: what was counted is not what is there now.
        settled = self._current and alike(self._counted, scanned)
        pause = scanned / KEYS_PER_S if settled else PASS_LEAST
        pause = min(PASS_MOST, max(PASS_LEAST, pause))
        await self.session.pace.rest(max(0.0, pause - (self.session.clock.now() - started)))

    def _fail(self, failure: Failure) -> None:
        if failure != self._failure:
            self._failure = failure
            self._publish()

    def _publish_progress(self) -> None:
        """Publish now and then, not before the burst is over: numbers that jump tell nobody anything."""
        now = self.session.clock.now()
        if now < self._burst_until or now - self._published < self.session.pace.interval:
            return
        latest = self.feed.latest
        if self._complete is None or latest is None or latest.share != self.allowance:
            self._publish()

    def _publish(self) -> None:
        self._published = self.session.clock.now()
        picture = self._complete or self._picture(complete=False)
        failure = self._ground.explain(self._failure)
        now = replace(picture, failure=failure, share=self.allowance, courteous=self.courteous)
        self.feed.publish(now)

    def _picture(self, *, complete: bool) -> Keyspace:
        current = self._pass
        # Keys came and went while a pass went on; what was counted is the better number.
        sample = current.sample.itself if complete else current.sample
        return replace(
            current.picture(sample, sized=self._permissions.sized),
            complete=complete,
            finished_at=self.session.clock.wall() if complete else None,
            denied=self._permissions.denied or current.left_out,
            restarted=self._restarted,
        )
