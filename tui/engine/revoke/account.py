"""What came of a revocation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tui.engine.failure import Failure
from tui.engine.revoke.plan import Plan


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of keys; all but `entries` add up to those planned."""

    removed: int = 0
    changed: int = 0
    """Somebody else's by now: left alone."""
    gone: int = 0
    """Expired, or removed by others, before their turn."""
    failed: int = 0
    unknown: int = 0
    """The server went away in the middle and did not come back."""
    skipped: int = 0
    """Not reached."""
    entries: int = 0
    """Names taken out of indexes."""

    @property
    def done(self) -> int:
        """Keys whose fate is known."""
        return self.removed + self.changed + self.gone + self.failed


@dataclass(slots=True)
class Book:
    """Where the account is kept while it goes on."""

    removed: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    entries: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why keys, or names in indexes, could not be removed."""

    @property
    def counts(self) -> Counts:
        """The numbers as they stand."""
        numbers = (self.removed, self.changed, self.gone, self.failed, self.unknown, self.skipped)
        return Counts(*numbers, self.entries)

    def fail(self, why: str) -> None:
        """Book a key that could not be removed."""
        self.failed += 1
        self.reasons[why] += 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    counts: Counts
    planned: int
    late: int
    """Keys removed that had come after the plan."""
    scan: int
    """Which look after the removal is under way; 0 while it is going on."""
    share: float
    """How far that look is, 0 to 1."""
    seconds: float
    waiting: Failure | None
    """Why it does not go on just now."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The complete account of a revocation."""

    plan: Plan = field(repr=False)
    counts: Counts
    late: Counts
    """What came of keys that were found only afterwards: somebody was in the middle of making them."""
    verified: bool
    """Whether all is gone, and two looks in a row, two seconds apart, have found nothing: only then it is revoked."""
    scans: int
    """Looks at the whole keyspace after the removal."""
    unread: int
    """Keys that may belong here and could not be read at the last look."""
    reasons: tuple[tuple[str, int], ...]
    """Why something could not be removed: a sentence, and how often."""
    access_lives_until: float | None
    """Wall-clock seconds until which the application may accept tokens without asking the server; None when it asks
    every time, or when that is not known (`Plan.stateless` tells which)."""
    cancelled: bool
    failure: Failure | None
    """Why it ended before its end."""
    seconds: float

    @property
    def planned(self) -> int:
        """Keys in the plan."""
        return len(self.plan.keys)
