"""How the connection stands, for the header: changes are told at once, and cost the server nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.deployment import DeploymentState
from tui.engine.failure import Failure
from tui.engine.footprint import Cost
from tui.engine.node import Phase
from tui.engine.session import Collector, Session
from tui.engine.vitals import Pulse

LOOK_EVERY = 1.0
"""Seconds between looks while nothing is told: the age of stale numbers counts on."""


@dataclass(frozen=True, slots=True)
class Status:
    """One line about the connection."""

    state: DeploymentState
    uptime: float | None
    """Seconds the server has been up."""
    cost: Cost
    paused: bool
    interval: float
    """Seconds between refreshes."""
    stale_for: int | None
    """Whole seconds since the numbers on screen stopped being fresh; None while they are."""
    failure: Failure | None
    """Why the connection is not live, or why the vitals cannot be read."""


class StatusWatch(Collector[Status]):
    """Publishes whenever something in the status changes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pulse = session.of(Pulse)
        self._fresh_at = session.clock.wall()
        self._away = False

    async def run(self) -> None:
        """Look and publish until cancelled."""
        last: Status | None = None
        while True:
            await self.feed.wanted()
            status = self._look()
            if status != last:
                last = status
                self.feed.publish(status)
            news = self.session.deployment.states.changed(), self._pulse.feed.changed()
            await self.session.pace.rest(LOOK_EVERY, *news)

    def _look(self) -> Status:
        session, vitals = self.session, self._pulse.feed.latest
        state = session.deployment.state
        wall = session.clock.wall()
        live = state.worst.phase is Phase.LIVE
        failure = state.worst.failure or (vitals.failure if vitals and live else None)
        if live:
            if self._away:
                session.pace.nudge()  # until the next refresh it would show why there was nothing
            self._fresh_at = wall
        self._away = not live
        return Status(
            state=state,
            uptime=None if vitals is None else vitals.uptime,
            cost=vitals.cost if vitals else Cost(None, None),
            paused=session.pace.paused,
            interval=session.pace.interval,
            stale_for=None if live else int(wall - self._fresh_at),
            failure=failure,
        )
