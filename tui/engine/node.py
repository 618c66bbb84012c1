"""One server: keeps its link alive, knows who it is and how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.commands import Exchange, Permit, exchange
from tui.engine.connection import connect
from tui.engine.failure import WAITS_FOR_A_PERSON, Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.footprint import Footprint
from tui.engine.info import Identity, Info
from tui.engine.link import Answer, Link

TICK = 0.1
"""Seconds between looks at the link; costs the server nothing."""
QUIET = 0.5
"""Seconds without a question after which a PING asks whether the server is still there."""
LATE = 0.5
"""Seconds without an answer after which the screen says so. TICK + QUIET + LATE stay under the promised 1.5 s."""
LOST = 2.0
"""Seconds without an answer after which the connection is given up and made anew (a half-open one never answers)."""
FIRST_RETRY, LAST_RETRY = 0.1, 0.5
"""Seconds between attempts to reconnect; the last keeps recovery within a second of the server's return."""


class Phase(StrEnum):
    """How redtop and a server stand."""

    CONNECTING = "connecting"
    LIVE = "live"
    LATE = "no answer"
    LOST = "reconnecting"
    REFUSED = "refused"
    """Trying again by itself would not help: a person has to look."""


@dataclass(frozen=True, slots=True)
class NodeState:
    """The state of one server."""

    phase: Phase
    since: float
    """Wall-clock seconds when this phase began."""
    failure: Failure | None = None


class Node:
    """One server of a deployment. `run()` keeps it connected; `ask()` talks to it."""

    def __init__(self, address: Address, clock: Clock, permit: Permit, on_change: Callable[[], None]) -> None:
        self.address = address
        self.clock = clock
        self.permit = permit
        """Whether redtop may write here."""
        self.in_step = asyncio.Lock()
        """Held by a writer while the server works on its commands, and while the server counts: what a writer reads
        on its own connection would else be in the counters before it is in the footprint."""
        self.footprint = Footprint()
        self.identity: Identity | None = None
        self.writers = 0
        """Connections for changes that are open now."""
        self.connections = 0
        """How many times a connection was made."""
        self.round_trip = 0.0
        """Seconds a question takes to get there and back, the server's own time aside (the least seen lately)."""
        self._on_change = on_change
        self._link: Link | None = None
        self._tried = asyncio.Event()
        self._state = NodeState(Phase.CONNECTING, clock.wall())
        self._failure: Failure | None = None

    @property
    def state(self) -> NodeState:
        """How it is now."""
        return self._state

    async def ask(self, question: Exchange) -> Answer:
        """Send one exchange and wait for its answer.

        Raises:
            Unavailable: the server is not connected, or was lost before it answered.
        """
        await self._tried.wait()  # before the first attempt has ended there is nothing to report
        if self._link is None:
            raise Unavailable(self._failure or Failure(Kind.LOST, f"{self.address.label} is not connected"))
        if "info" in question.calls and self.in_step.locked():
            async with self.in_step:
                answer = await self._link.ask(question)
        else:
            answer = await self._link.ask(question)
        if question.calls.keys() == {"ping"}:
            self._measure(answer)
        return answer

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

    async def run(self) -> None:
        """Connect, watch, reconnect; returns only when a person has to do something first."""
        delay = FIRST_RETRY
        try:
            while True:
                try:
                    await self._connect()
                    delay = FIRST_RETRY
                    await self._watch()
                except Unavailable as error:
                    self._failure = error.failure
                    self._tried.set()
                    if error.failure.kind in WAITS_FOR_A_PERSON:
                        self._enter(Phase.REFUSED, error.failure)
                        return
                self._enter(Phase.LOST if self.identity else Phase.CONNECTING, self._failure)
                await self.clock.sleep(delay)
                delay = min(LAST_RETRY, 2 * delay)
        finally:
            if self._link is not None:
                self._link.drop(Failure(Kind.LOST, "redtop closed the connection"))

    async def _connect(self) -> None:
        link = Link(self.clock, self.footprint, self._lost)
        await connect(self.address, link)
        self.connections += 1
        try:
            self.identity = await self._introduce(link)
            self.permit.replica = self.identity.role == "replica"
        except BaseException:
            link.drop(Failure(Kind.LOST, "the login was given up"))
            raise
        self._link = link
        self._failure = None
        self._tried.set()
        self._enter(Phase.LIVE, None)

    async def _introduce(self, link: Link) -> Identity:
        """Learn who answers and say who asks; a user who may do neither can still watch."""
        replies = (await self._within(link, exchange([b"INFO"], [b"CLIENT", b"SETNAME", b"redtop"]))).replies
        if not isinstance(replies[0], bytes):
            if isinstance(replies[0], ReplyError) and replies[0].code in {"NOAUTH", "BUSY"}:
                # BUSY: a script blocks the server; who it is can be learned when that is over.
                raise Unavailable(of_reply(replies[0], "+info"))
            return Identity("", "Redis", "?", "primary", 0.0)
        identity = Info(replies[0]).identity
        if identity.version_tuple >= (7, 2):
            # From here on redtop's reads leave LRU and LFU alone; older servers do not know how.
            await self._within(link, exchange([b"CLIENT", b"NO-TOUCH", b"ON"]))
        self._measure(await self._within(link, exchange([b"PING"])))
        return identity

    async def _within(self, link: Link, question: Exchange) -> Answer:
        """Ask during login: nobody watches the link yet, so the wait is bounded here."""
        try:
            async with asyncio.timeout(LOST):
                return await link.ask(question)
        except TimeoutError:
            raise Unavailable(Failure(Kind.TIMEOUT, f"{self.address.label} does not answer")) from None

    async def _watch(self) -> None:
        """Look after the link until it is gone."""
        while (link := self._link) is not None:
            now = self.clock.now()
            if link.waiting_since is None:
                self._enter(Phase.LIVE, None)
                if now - link.last_sent > QUIET:
                    self._ping(link)
            elif now - link.waiting_since > LOST:
                link.drop(Failure(Kind.TIMEOUT, f"{self.address.label} does not answer"))
            elif now - link.waiting_since > LATE:
                self._enter(Phase.LATE, Failure(Kind.TIMEOUT, f"{self.address.label} does not answer"))
            await self.clock.sleep(TICK)

    def _ping(self, link: Link) -> None:
        """Ask for a sign of life without waiting for it: `waiting_since` tells."""
        link.send(exchange([b"PING"]))

    def _lost(self, failure: Failure) -> None:
        self._link = None
        self._failure = failure

    def _enter(self, phase: Phase, failure: Failure | None) -> None:
        if phase == self._state.phase and failure == self._state.failure:
            return
        since = self._state.since if phase == self._state.phase else self.clock.wall()
        self._state = NodeState(phase, since, failure)
        self._on_change()
