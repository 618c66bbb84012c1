"""What a change to a stream is: a value that names exactly what it touches.

An act is made when a person looks and frozen when they confirm: it names entries by their ids, and so cannot reach what
was added or delivered since.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.ids import time_of
from tui.engine.streams.look import Pending

BATCH = 500
"""Ids in one command: under a millisecond of the server's time."""

Command = list[bytes | int]

Batches = Generator[list[Command], int, None]
"""Yields commands in pieces, and is told after each how many it touched."""


@dataclass(frozen=True, slots=True)
class Act(ABC):
    """One change."""

    key: bytes
    """The stream."""

    RULE: ClassVar[str] = ""
    """What an ACL calls the command."""
    NO_WAY_BACK: ClassVar[str] = ""
    """Why it cannot be undone; empty when it can."""

    @property
    @abstractmethod
    def planned(self) -> int:
        """How many entries (or groups, consumers) it touches."""

    @property
    @abstractmethod
    def sentence(self) -> str:
        """What would be done: safe text."""

    @abstractmethod
    def batches(self) -> Batches:
        """Yield the commands, in pieces that the server works off at once."""

    @abstractmethod
    def done(self, replies: Sequence[Reply]) -> int:
        """Return how many of one batch were touched, as the server says."""

    @abstractmethod
    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Return what to ask to see whether a batch whose answer was lost was run."""

    @abstractmethod
    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Return how many of that batch were touched, told from the answers; None when they do not tell."""

    def precondition(self) -> list[Command]:
        """Return what to ask before it is done, for `obstacle`."""
        return []

    def obstacle(self, replies: Sequence[Reply]) -> str:
        """Return why it must not be done by now, told from the answers: a sentence; empty when it may."""
        return ""

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Return what takes it back `elapsed` seconds later, in this order; nothing when there is no way back."""
        return ()


@dataclass(frozen=True, slots=True)
class OfGroup(Act):
    """A change within a group."""

    group: bytes

    @property
    def of(self) -> str:
        """The group by its name: safe text."""
        return f"group {printable(self.group)} of {printable(self.key)}"

    def owners(self, ids: Sequence[bytes]) -> list[Command]:
        """Ask who holds each of some entries."""
        return [[b"XPENDING", self.key, self.group, entry_id, entry_id, 1] for entry_id in ids]


def by_consumer(entries: Sequence[Pending]) -> list[tuple[bytes, int]]:
    """Count pending entries by who holds them, most first."""
    names = sorted(entry.consumer for entry in entries)
    return sorted(((name, len(list(same))) for name, same in groupby(names)), key=lambda pair: -pair[1])


def slices(entries: Sequence[Pending]) -> Iterator[list[bytes]]:
    """Yield the ids in pieces that one command takes."""
    for start in range(0, len(entries), BATCH):
        yield [entry.id for entry in entries[start : start + BATCH]]


def entries_of(number: int) -> str:
    """Say how many entries."""
    return "1 entry" if number == 1 else f"{number:,} entries"


def span_of(seconds: float) -> str:
    """Say a span of time."""
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def moment_of(entry_id: bytes) -> str:
    """Say an id as a time, when it is one."""
    at = time_of(entry_id)
    shown = printable(entry_id)
    return shown if at is None else f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S} ({shown})"
