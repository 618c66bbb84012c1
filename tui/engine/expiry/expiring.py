"""Keys that expire next: candidates from the survey, looked at again at every tick because sessions get renewed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.cluster.routing import is_unsettled
from tui.engine.commands import Exchange, exchange
from tui.engine.failure import Failure
from tui.engine.keyspace import Keyspace, Soon
from tui.engine.session import Collector, Session
from tui.engine.survey import Survey

ASKED = 12
"""Keys whose TTL is asked for at every tick: what a pane can show."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """What the TTL pane shows."""

    keyspace: Keyspace
    soonest: tuple[Soon, ...]
    """Soonest first; times as of this snapshot."""
    wall: float
    """Wall-clock seconds of this snapshot."""


class Expiries(Collector[Expiring]):
    """Follows the survey and keeps the next expiries fresh."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._survey = session.of(Survey)
        self._basis: Keyspace | None = None
        self._soonest: list[Soon] = []

    async def run(self) -> None:
        """Publish at every tick while watched."""
        async for _ in self.ticks(self._survey.feed):
            if self._survey.feed.latest is None:
                await self._survey.feed.changed()
            keyspace = self._survey.feed.latest
            assert keyspace is not None
            if keyspace is not self._basis:
                self._basis = keyspace
                self._soonest = list(keyspace.soonest)
            await self._refresh()
            self.feed.publish(Expiring(keyspace, tuple(self._soonest[:ASKED]), self.session.clock.wall()))

    async def _refresh(self) -> None:
        """Ask the front of the queue for its present TTL; what was renewed goes back in line."""
        wall = self.session.clock.wall()
        waiting = [soon for soon in self._soonest if soon.at > wall]
        front, rest = waiting[:ASKED], waiting[ASKED:]
        if front:
            answer = await self.session.deployment.try_ask(_ttls(front))
            if isinstance(answer, Failure):
                return  # nobody to ask: they are still in line when the server is back
            wall = self.session.clock.wall()
            pairs = list(zip(front, answer.replies, strict=True))
            front = [Soon(wall + ttl / 1000, soon.key) for soon, ttl in pairs if isinstance(ttl, int) and ttl >= 0]
            front += [soon for soon, reply in pairs if is_unsettled(reply)]  # its node is away: it is still in line
        self._soonest = sorted([*front, *rest], key=lambda soon: soon.at)


def _ttls(front: Sequence[Soon]) -> Exchange:
    return exchange(*([b"PTTL", soon.key] for soon in front))
