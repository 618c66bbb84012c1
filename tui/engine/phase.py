"""How redtop and a server stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.engine.failure import Failure


class Phase(StrEnum):
    """How redtop and a server stand."""

    CONNECTING = "connecting"
    LIVE = "live"
    BUSY = "busy"
    """It answers, but nothing about its keys: it loads them, runs a script, or has lost its primary."""
    LATE = "no answer"
    LOST = "reconnecting"
    REFUSED = "refused"
    """Trying again by itself would not help: a person has to look."""

    @property
    def answers(self) -> bool:
        """Whether there is a server that answers."""
        return self in {Phase.LIVE, Phase.BUSY}


@dataclass(frozen=True, slots=True)
class NodeState:
    """The state of one server."""

    phase: Phase
    since: float
    """Wall-clock seconds when this phase began."""
    failure: Failure | None = None

    @property
    def away(self) -> bool:
        """Whether the server cannot be asked; not while that is tried for the first time."""
        first = self.phase is Phase.CONNECTING
        return self.phase in {Phase.LOST, Phase.REFUSED} or (first and self.failure is not None)
