"""One server: keeps its link alive, knows who it is and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from tui.engine.address import Address
from tui.engine.checkup import Checkup
from tui.engine.clock import Clock
from tui.engine.commands import Exchange, Permit, exchange
from tui.engine.connection import connect
from tui.engine.failure import WAITS_FOR_A_PERSON, Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.footprint import Footprint
from tui.engine.info import Identity, Info
from tui.engine.link import Answer, Link
from tui.engine.phase import NodeState, Phase
from tui.engine.reach.attempts import Beside, first_of
from tui.engine.reach.guide import Guide, Straight
from tui.engine.reach.tunnel import Tunnels
from tui.engine.rights import Rights

TICK = 0.1
"""Seconds between looks at the link; costs the server nothing."""
LATE = 0.5
"""Seconds without an answer after which the screen says so: with TICK and the QUIET before it under 1.5 s."""
LOST = 2.0
"""Seconds without an answer after which the connection is given up and made anew (a half-open one never answers)."""
FIRST_RETRY, LAST_RETRY = 0.1, 0.5
"""Seconds between the beginnings of attempts; the last keeps recovery within a second of the server's return."""
BESIDE, ATTEMPTS = 0.7, 3
"""Seconds after which another attempt begins beside one without an answer, for the same reason; how many at most: with
a link that is late they are four connections."""

__all__ = ["Node", "NodeState", "Phase"]


class Node:
    """One server of a deployment. `run()` keeps it connected; `ask()` talks to it."""

    def __init__(
        self,
        address: Address,
        clock: Clock,
        permit: Permit,
        on_change: Callable[[], None],
        guide: Guide | None = None,
    ) -> None:
        self.address = address
        """Where it is, or was found last."""
        self.clock = clock
        self.permit = permit
        """Whether redtop may write here."""
        self.in_step = asyncio.Lock()
        """Held by a writer while the server works on its commands, and while the server counts: what a writer reads
        on its own connection would else be in the counters before it is in the footprint."""
        self.footprint = Footprint()
        self.rights = Rights()
        """What the user of this connection may not do, as far as it was asked."""
        self.tunnels = Tunnels(clock)
        """The way here, when it leads through another host."""
        self.identity: Identity | None = None
        self.writers = 0
        """Connections for changes that are open now."""
        self.connections = 0
        """How many times a connection was made."""
        self.round_trip = 0.0
        """Seconds a question takes to get there and back, the server's own time aside (the least seen lately)."""
        self._on_change = on_change
        self._guide = guide or Straight()
        self._link: Link | None = None
        self._tried = asyncio.Event()
        self._state = NodeState(Phase.CONNECTING, clock.wall())
        self._failure: Failure | None = None
        self._checkup = Checkup(clock, self.rights, self._see_role)

    @property
    def state(self) -> NodeState:
        """How it is now."""
        return self._state

    async def tried(self) -> None:
        """Wait until it is known whether anybody answers, and who."""
        await self._tried.wait()

    def leave(self, failure: Failure) -> None:
        """End the connection, and ask the guide for the way anew: the server has moved."""
        if self._link is not None:
            self._link.drop(failure)

    async def ask(self, question: Exchange) -> Answer:
        """Send one exchange and wait for its answer.

        Raises:
            Unavailable: the server is not connected, or was lost before it answered.
        """
        await self._tried.wait()  # before the first attempt has ended there is nothing to report
        answer = await self.rights.ask(question, self._send)
        if question.calls.keys() == {"ping"} and "ping" not in self.rights.refused:
            self._measure(answer)
        return answer

    async def _send(self, question: Exchange) -> Answer:
        if self._link is None:
            raise Unavailable(self._failure or Failure(Kind.LOST, f"{self.address.label} is not connected"))
        if "info" in question.calls and self.in_step.locked():
            async with self.in_step:
                return await self._link.ask(question)
        return await self._link.ask(question)

    def _measure(self, answer: Answer) -> None:
        """Take the time of a PING, on which a server spends next to none."""
        # Follows a faster way at once, a slower one gradually.
        self.round_trip = min(answer.took, self.round_trip * 1.1 or answer.took)

    def see(self, identity: Identity) -> None:
        """Take note of who answers now: a primary can become a replica without any connection being lost."""
        if self.identity is None or identity.role == self.identity.role:
            return
        self.identity = identity
        self.permit.replica = identity.role == "replica"
        self._on_change()

    def take_note(self, info: Info) -> None:
        """Take note of a whole INFO: who answers, and what it cannot do now."""
        self.see(info.identity)
        self._checkup.read(info)

    def _see_role(self, role: str) -> None:
        if self.identity is not None:
            self.see(replace(self.identity, role=role))

    async def run(self) -> None:
        """Connect, watch, reconnect; returns only when a person has to do something first."""
        delay = FIRST_RETRY
        try:
            while True:
                began = self.clock.now()
                try:
                    await self._arrive()
                    delay = FIRST_RETRY
                    await self._watch()
                except Unavailable as error:
                    self._failure = self.tunnels.explain(self.address, error.failure)
                    self._tried.set()
                    if error.failure.kind in WAITS_FOR_A_PERSON:
                        self._enter(Phase.REFUSED, error.failure)
                        return
                self._enter(self._away, self._failure)
                await self.clock.sleep(max(FIRST_RETRY, delay - (self.clock.now() - began)))
                delay = min(LAST_RETRY, 2 * delay)
        finally:
            self._tried.set()
            self.leave(Failure(Kind.LOST, "redtop closed the connection"))
            await self.tunnels.close()

    async def _arrive(self) -> None:
        """Connect and log in where the guide says; as long as the login might be refused by one attempt at a time."""
        while True:
            self.address = await self._guide.where(self)
            accepted = self.address.password is None or self.identity is not None
            try:
                link, identity = await first_of(
                    self._connect, most=ATTEMPTS if accepted else 1, every=BESIDE, slow=self._say_slow, unwanted=_leave
                )
            except Unavailable as error:
                if await self._guide.knows_better(self, error.failure):
                    continue
                raise
            if await self._is_right(link, identity):
                self._adopt(link, identity)
                return

    async def _is_right(self, link: Link, identity: Identity) -> bool:
        """Show the guide who answers; a connection that is not wanted is closed."""
        right = False
        try:
            right = await self._guide.accepts(self, link, identity)
        finally:
            if not right:
                _leave((link, identity))
        return right

    async def _connect(self) -> tuple[Link, Identity]:
        link = Link(self.clock, self.footprint, lambda failure: self._lost(link, failure))
        await connect(self.address, link, self.tunnels)
        try:
            return link, await self._introduce(link)
        except BaseException:
            link.drop(Failure(Kind.LOST, "the login was given up"))
            raise

    def _say_slow(self) -> None:
        """Tell that there is no answer, while it goes on being waited for; unless there is a better reason."""
        if self._link is None and (self._failure is None or self._failure.kind is not Kind.TLS):
            self._failure = self._silence
            self._tried.set()
            self._enter(self._away, self._failure)

    def _adopt(self, link: Link, identity: Identity) -> None:
        """Go on with a new link, unless the one that was late has answered meanwhile."""
        if (late := self._link) is not None:
            if late.waited < LATE:
                _leave((link, identity))
                return
            late.drop(self._silence)
            if self.identity is None or identity.run_id != self.identity.run_id:
                self.rights.forget()
        self.connections += 1
        self.identity = identity
        self.permit.replica = identity.role == "replica"
        self._link = link
        self._failure = None
        self._checkup.begin_anew()
        self._tried.set()
        self._enter(*self._standing)

    async def _introduce(self, link: Link) -> Identity:
        """Learn who answers and say who asks; a user who may do neither can still watch."""
        if self._link is None:
            self.rights.forget()  # beside a link that is late it is the same login once more
        replies = (await self._within(link, exchange([b"INFO"], [b"CLIENT", b"SETNAME", b"redtop"]))).replies
        if not isinstance(replies[0], bytes):
            if isinstance(replies[0], ReplyError) and replies[0].code in {"NOAUTH", "BUSY"}:
                # BUSY: a script blocks the server; who it is can be learned when that is over.
                raise Unavailable(of_reply(replies[0], "+info"))
            identity = Identity("", "Redis", "?", "primary", 0.0)
        else:
            info = Info(replies[0])
            identity = info.identity
            self._checkup.read(info)
        if identity.version_tuple >= (7, 2):
            # From here on redtop's reads leave LRU and LFU alone; older servers do not know how.
            await self._within(link, exchange([b"CLIENT", b"NO-TOUCH", b"ON"]))
        self._measure(await self._within(link, exchange([b"PING"])))
        return identity

    async def _within(self, link: Link, question: Exchange) -> Answer:
        """Ask during login: nobody watches the link yet, so the wait is bounded here."""
        try:
            async with asyncio.timeout(LOST):
                answer = await link.ask(question)
                self.rights.learn(question, answer.replies)
                return answer
        except TimeoutError:
            raise Unavailable(Failure(Kind.TIMEOUT, f"{self.address.label} does not answer")) from None

    async def _watch(self) -> None:
        """Look after the link until it is gone."""
        beside = Beside(self._arrive)
        try:
            while (link := self._link) is not None:
                if link.waited <= LATE:
                    await beside.stop()
                    self._enter(*self._standing)
                    self._checkup.look(link)
                elif link.waited > LOST:
                    link.drop(self._silence)
                else:
                    self._enter(Phase.LATE, self._silence)
                    beside.begin()
                if (refusal := beside.refusal) is not None:
                    link.drop(refusal)
                    raise Unavailable(refusal)
                await self.clock.sleep(TICK)
        finally:
            await beside.stop()

    @property
    def _silence(self) -> Failure:
        failure = Failure(Kind.TIMEOUT, f"{self.address.label} does not answer")
        return self.tunnels.explain(self.address, failure)

    @property
    def _away(self) -> Phase:
        return Phase.LOST if self.identity else Phase.CONNECTING

    @property
    def _standing(self) -> tuple[Phase, Failure | None]:
        """How a server that answers does."""
        cannot = self._checkup.failure
        return (Phase.BUSY if cannot and cannot.kind is Kind.LOADING else Phase.LIVE), cannot

    def _lost(self, link: Link, failure: Failure) -> None:
        if link is self._link:
            self._link = None
            self._failure = failure

    def _enter(self, phase: Phase, failure: Failure | None) -> None:
        if phase == self._state.phase and failure == self._state.failure:
            return
        since = self._state.since if phase == self._state.phase else self.clock.wall()
        self._state = NodeState(phase, since, failure)
        self._on_change()


def _leave(arrived: tuple[Link, Identity]) -> None:
    """Close a connection that came second."""
    arrived[0].drop(Failure(Kind.LOST, "redtop has another connection"))
