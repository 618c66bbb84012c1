"""Which part of the servers' time may be taken for reading keys: what a person allows, and courtesy to others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from tui.engine.clock import Clock
from tui.engine.commands import exchange
from tui.engine.failure import Unavailable
from tui.engine.info import Info
from tui.engine.node import Node
from tui.engine.pace import Pace

DEFAULT_SHARE = 0.05
"""Taken of a server that has nothing else to do, unless a person says otherwise."""
COURTESY = 0.001
"""Taken at most while others are served, unless a person says otherwise.

Whoever asks while a page is read has to wait for it, and that happens to as many requests as the share says. Far below
one in a hundred, the slowest hundredth of them (p99) is nearly what it was: measured 1.05 times at 0.1 %, 1.15 at
0.2 %, 1.9 at 0.7 % and 8 at 5 % (`python -m benchmarks.survey`)."""
KEEPING = 0.002
"""Taken at most to keep a complete picture current, unless a person says otherwise, even if nobody else is served."""
SERVED = 20.0
"""Commands per second of others from which on they are served: fewer are a monitor, a replica, or a person typing."""
SOME = 2
"""Commands of others that say nothing yet, however short the time."""
GLANCE, CALM_GLANCE = 0.01, 1.0
"""Seconds between glances at what others do: while much is taken of the server, for their sake; and otherwise.

A glance takes the server 3 microseconds. Whoever begins to ask is held up by a page now and then until the next one:
with 0.05 s the p99 of their first second was 1.17 times what it was without redtop, with 0.015 s 1.07 times."""
WINDOW = 0.05
"""Seconds whose commands are counted together, so that those who ask seldom do not hide between two glances."""
QUIET = 5.0
"""Seconds without others after which a server counts as idle again: those who come in bursts are not surprised."""

STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares that a person can step through; the last is full speed."""


class Share:
    """The most that may be taken, which a person can change at any time."""

    def __init__(self, given: float | None, pace: Pace) -> None:
        self._given = given
        self._pace = pace

    @property
    def given(self) -> bool:
        """Whether a person has said what it is."""
        return self._given is not None

    @property
    def most(self) -> float:
        """Largest fraction of the servers' time to take; 1 means full speed. A new value counts at once."""
        return DEFAULT_SHARE if self._given is None else self._given

    @most.setter
    def most(self, share: float) -> None:
        self._given = share
        self._pace.nudge()  # whoever rests may have rested enough

    def more(self) -> None:
        """Allow the next larger step."""
        self.most = min((step for step in STEPS if step > self.most), default=STEPS[-1])

    def less(self) -> None:
        """Allow the next smaller step."""
        self.most = max((step for step in STEPS if step < self.most), default=STEPS[0])


class _Glance(NamedTuple):
    """What a server had processed at a time."""

    at: float
    commands: int
    own: int
    """How many of these were redtop's."""


class Courtesy:
    """Whether others are served by one node, told from how many commands it processes.

    The pulse would tell as well, but only once per interval, and so much later a second's worth of requests has waited.
    """

    def __init__(self, node: Node, clock: Clock) -> None:
        self._node = node
        self._clock = clock
        self._looked = -math.inf
        self._since: _Glance | None = None
        self._known = False
        self._until = clock.now()

    @property
    def holds(self) -> bool:
        """Whether others are served, or were a moment ago; as long as that is unknown they may be."""
        return not self._known or self._clock.now() < self._until

    async def glance(self, *, calm: bool = False) -> None:
        """Look, if it is time to; without permission for INFO, or without an answer, it stays unknown.

        `calm` says that little is taken anyway.
        """
        every = CALM_GLANCE if calm or (self._known and self.holds) else GLANCE
        if self._clock.now() - self._looked < every:
            return
        try:
            answer = await self._node.ask(exchange([b"INFO", b"stats"]))
        except Unavailable:
            return
        (reply,) = answer.replies
        commands = Info(reply).integer("total_commands_processed") if isinstance(reply, bytes) else None
        now = _Glance(self._clock.now(), commands or 0, answer.own_commands)
        self._looked = now.at
        self._known = self._compare(self._since, now) if commands is not None else False

    def _compare(self, before: _Glance | None, now: _Glance) -> bool:
        """Note whether others were served since then; False when that cannot be told."""
        if before is None or now.commands < before.commands:
            self._since = now  # the first look, or the server has begun to count anew
            return False
        others = now.commands - before.commands - (now.own - before.own)
        served = others > max(SOME, SERVED * (now.at - before.at))
        if served:
            self._until = now.at + QUIET
        if served or now.at - before.at >= WINDOW:
            self._since = now
        return True


class Courtesies:
    """Courtesy to the clients of several nodes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_node: dict[Node, Courtesy] = {}

    def of(self, node: Node) -> Courtesy:
        """Return that of one node."""
        if node not in self._by_node:
            self._by_node[node] = Courtesy(node, self._clock)
        return self._by_node[node]

    def keep(self, nodes: Iterable[Node]) -> None:
        """Forget all others: whoever has left tells nothing any more."""
        self._by_node = {node: self.of(node) for node in nodes}

    @property
    def holds(self) -> bool:
        """Whether any of them serves others."""
        return any(courtesy.holds for courtesy in self._by_node.values())
