"""How fast a purge may go: a share of the server's time, and a number of keys per second."""

from __future__ import annotations

from collections.abc import Callable

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.node import Node

PATIENCE = 30.0
"""Seconds without a working connection after which it is given up."""
FIRST_REST, LAST_REST = 0.1, 1.0
"""Seconds before the next attempt to reach a server that is away."""
REST_MOST = 2.0
"""Seconds between two batches at most for the share's sake, as in the survey."""

_AWAY = {Kind.REFUSED, Kind.TIMEOUT, Kind.LOST, Kind.FULL, Kind.UNKNOWN_HOST}
PASSING = frozenset(_AWAY | {Kind.LOADING, Kind.MOVING, Kind.PROTOCOL})
"""Failures that may be over in a moment; what is garbled was, most likely, on the way."""


class Pacer:
    """Rests between batches."""

    def __init__(self, node: Node, share: float, rate: float | None) -> None:
        if not 0 < share <= 1:
            raise ValueError("the share of the server's time must be above 0 and at most 1")
        if rate is not None and rate <= 0:
            raise ValueError("the rate must be above 0 keys per second")
        self._node = node
        self._share = share
        self._rate = rate
        self.started = node.clock.now()
        self._due = self.started

    @property
    def is_full_speed(self) -> bool:
        """Whether there is nothing to rest for."""
        return self._share >= 1 and self._rate is None

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._node.clock.now() - self.started

    def most(self, batch: int) -> int:
        """Return how many keys a batch may have, so that a slow rate is an even one."""
        return batch if self._rate is None else max(1, min(batch, round(self._rate / 4)))

    async def rest(self, keys: int, busy: float) -> None:
        """Rest after so many keys, which took the server so many seconds."""
        clock = self._node.clock
        now = clock.now()
        pause = 0.0
        if self._share < 1:
            pause = min(REST_MOST, max(busy, 1e-6 * keys) * (1 / self._share - 1))
        if self._rate is not None:
            self._due = max(self._due, now - 1.0) + keys / self._rate  # what was not used is not made up for
            pause = max(pause, self._due - now)
        if pause > 0:
            await clock.sleep(pause)


class Patience:
    """Decides how long a server that is away is waited for."""

    def __init__(
        self, node: Node, told_to_stop: Callable[[], bool] = lambda: False, seconds: float | None = None
    ) -> None:
        """Wait at most so many seconds (`PATIENCE`), and no longer than until it is told to stop."""
        self._node = node
        self._told_to_stop = told_to_stop
        self._seconds = PATIENCE if seconds is None else seconds
        self._since: float | None = None
        self._rest = FIRST_REST
        self.waiting: Failure | None = None
        """Why it is waited just now."""

    def answered(self) -> None:
        """Take note that the server is there."""
        self._since, self._rest, self.waiting = None, FIRST_REST, None

    def is_over(self, since: float) -> bool:
        """Whether what has lasted since then, in seconds of the clock, was waited for long enough."""
        return self._node.clock.now() - since > self._seconds

    async def bear(self, failure: Failure) -> None:
        """Wait a little.

        Raises:
            Unavailable: it is no use waiting, or it was waited long enough.
        """
        clock = self._node.clock
        self._since = clock.now() if self._since is None else self._since
        if self._told_to_stop() or failure.kind not in PASSING or self.is_over(self._since):
            raise Unavailable(failure)
        self.waiting = failure
        await clock.sleep(self._rest)
        self._rest = min(LAST_REST, 2 * self._rest)
        if self._told_to_stop():
            raise Unavailable(failure)
