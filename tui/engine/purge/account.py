"""What came of each key: counted, and some named."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from tui.engine.failure import Failure
from tui.engine.purge.request import Target

NAMED = 100
"""Keys named of each kind."""
RATE_OVER = 2.0
"""Seconds that the speed shown is measured over."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of the planned keys; all but `without_undo` add up to their number at the end."""

    removed: int = 0
    changed: int = 0
    """Rewritten, re-created, or given another expiry since the preview: left alone."""
    gone: int = 0
    """Deleted by others, or expired, before their turn."""
    failed: int = 0
    unknown: int = 0
    """The server went away in the middle and did not come back: the journal has them."""
    skipped: int = 0
    """Not reached, and big keys that were to be left."""
    without_undo: int = 0
    """Of the removed, those that no journal has."""

    @property
    def done(self) -> int:
        """Keys whose fate is known."""
        return self.removed + self.changed + self.gone + self.failed


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    counts: Counts
    planned: int
    keys_per_s: float
    """Over the last two seconds."""
    seconds: float
    waiting: Failure | None
    """Why it does not go on just now; it will by itself, or end with a receipt."""

    @property
    def done(self) -> int:
        """Keys whose turn has been, with those to be left."""
        return self.counts.done + self.counts.skipped

    @property
    def remaining(self) -> int:
        """Keys still to come."""
        return self.planned - self.done


@dataclass(frozen=True, slots=True)
class Receipt:
    """The complete account of a purge."""

    plan_id: str
    target: Target
    prefix: bytes
    planned: int
    counts: Counts
    reasons: tuple[tuple[str, int], ...]
    """Why keys failed, or were not reached: a sentence, and how many; most first."""
    changed_keys: tuple[bytes, ...]
    """Some of them, as the next two."""
    failed_keys: tuple[bytes, ...]
    left_keys: tuple[bytes, ...]
    """Big ones that were to be left."""
    journal: Path | None
    cancelled: bool
    failure: Failure | None
    """Why it ended before its end."""
    seconds: float


@dataclass(slots=True)
class Account:
    """What every change of many keys counts while it goes on."""

    changed: int = 0
    gone: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    without_undo: int = 0
    left: int = 0
    """Of the skipped, those that were to be left, or could not be reached."""
    reasons: Counter[str] = field(default_factory=Counter)
    changed_keys: list[bytes] = field(default_factory=list)
    failed_keys: list[bytes] = field(default_factory=list)

    @property
    def decided(self) -> int:
        """Keys whose turn has been, as far as is known."""
        return self.changed + self.gone + self.failed

    def change(self, keys: Iterable[bytes]) -> None:
        """Book keys that are not what was previewed."""
        for key in keys:
            self.changed += 1
            note(self.changed_keys, key)

    def fail(self, key: bytes, why: str) -> None:
        """Book a key to which it could not be done."""
        self.failed += 1
        self.reasons[why] += 1
        note(self.failed_keys, key)

    def stay(self, keys: int, why: str) -> None:
        """Book keys that cannot be reached, and why."""
        self.left += keys
        self.skipped += keys
        self.reasons[why] += keys

    @classmethod
    def of_all(cls, books: Iterable[Self]) -> Self:
        """Add up the accounts of several servers."""
        total = cls()
        for book in books:
            for name in (each.name for each in fields(cls)):
                mine, more = getattr(total, name), getattr(book, name)
                match mine:
                    case int():
                        setattr(total, name, mine + more)
                    case Counter():
                        mine.update(more)
                    case _:
                        mine.extend(more[: NAMED - len(mine)])
        return total


@dataclass(slots=True)
class Book(Account):
    """Where the account of a purge is kept while it goes on."""

    removed: int = 0
    left_keys: list[bytes] = field(default_factory=list)

    @property
    def decided(self) -> int:
        """Keys whose turn has been, as far as is known."""
        return self.counts.done

    def leave(self, key: bytes) -> None:
        """Book a key that is to be left."""
        self.left += 1
        self.skipped += 1
        note(self.left_keys, key)

    @property
    def counts(self) -> Counts:
        """The numbers as they stand."""
        numbers = (self.removed, self.changed, self.gone, self.failed, self.unknown, self.skipped, self.without_undo)
        return Counts(*numbers)


def note(names: list[bytes], key: bytes) -> None:
    """Name a key, unless enough are named."""
    if len(names) < NAMED:
        names.append(key)


class Speed:
    """Keys per second lately."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def at(self, now: float, done: int) -> float:
        """Take a look, and return the speed since two seconds ago."""
        points = self._points
        points.append((now, done))
        while len(points) > 2 and points[1][0] <= now - RATE_OVER:
            points.popleft()
        (then, before), passed = points[0], now - points[0][0]
        return (done - before) / passed if passed > 0 and now > then else 0.0
