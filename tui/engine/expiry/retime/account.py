"""What came of each key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui.engine.failure import Failure
from tui.engine.purge.account import Account
from tui.engine.purge.request import Target


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of the planned keys; all but `without_undo` add up to their number at the end."""

    done: int = 0
    changed: int = 0
    """Rewritten, re-created, or given another expiry since the preview: left alone."""
    gone: int = 0
    """Deleted by others, or expired, before their turn."""
    failed: int = 0
    unknown: int = 0
    """The server went away in the middle and did not come back: the journal has them."""
    skipped: int = 0
    """Not reached."""
    without_undo: int = 0
    """Of the done, those that no journal has."""

    @property
    def decided(self) -> int:
        """Keys whose fate is known."""
        return self.done + self.changed + self.gone + self.failed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    counts: Counts
    planned: int
    keys_per_s: float
    """Over the last two seconds."""
    waiting: Failure | None
    """Why it does not go on just now; it will by itself, or end with a receipt."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The complete account of a change of TTLs."""

    target: Target
    pattern: str
    said: str
    """What was done, in a few words."""
    planned: int
    counts: Counts
    reasons: tuple[tuple[str, int], ...]
    """Why keys failed, or were not reached: a sentence, and how many; most first."""
    changed_keys: tuple[bytes, ...]
    """Some of them, as the next."""
    failed_keys: tuple[bytes, ...]
    journal: Path | None
    cancelled: bool
    failure: Failure | None
    """Why it ended before its end."""
    seconds: float


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """What came of the keys of a journal, over all attempts to undo it."""

    restored: int = 0
    """They expire again when they did before, or never."""
    changed: int = 0
    """Somebody has given them another expiry since, or made them anew: left alone."""
    gone: int = 0
    past: int = 0
    """They would have expired by now: they keep the expiry they were given."""
    failed: int = 0
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class UndoReceipt:
    """The complete account of an undo. What was done in earlier attempts is counted as well."""

    path: Path
    total: int
    counts: UndoCounts
    reasons: tuple[tuple[str, int], ...]
    cancelled: bool
    failure: Failure | None
    """Why it ended before its end; it goes on from there when asked again."""


@dataclass(slots=True)
class Book(Account):
    """Where the account of a change of TTLs is kept while it goes on."""

    done: int = 0

    @property
    def decided(self) -> int:
        """Keys whose turn has been, as far as is known."""
        return self.counts.decided

    @property
    def counts(self) -> Counts:
        """The numbers as they stand."""
        numbers = (self.done, self.changed, self.gone, self.failed, self.unknown, self.skipped, self.without_undo)
        return Counts(*numbers)
