"""Trimming a stream: deleting its oldest entries, up to an id, or down to a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.acts.base import Act, Batches, Command, entries_of, moment_of

STEP = 10_000
"""Entries that one step of a trim may remove: about a millisecond."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A group that has not been given all that goes."""

    group: bytes
    count: int | None
    """How many entries it loses; None when the server does not know its lag."""


@dataclass(frozen=True, slots=True)
class AnyTrim(Act):
    """What both ways of trimming have in common."""

    RULE: ClassVar[str] = "+xtrim"
    NO_WAY_BACK: ClassVar[str] = "this cannot be undone: the server takes no entry at an old id"

    count: int
    """Entries that go."""
    unread: tuple[Unread, ...]

    @property
    def planned(self) -> int:
        """Entries."""
        return self.count

    def done(self, replies: Sequence[Reply]) -> int:
        """As the server counts."""
        return int(replies[0])


@dataclass(frozen=True, slots=True)
class Trim(AnyTrim):
    """Delete all entries before an id, which stays."""

    first_kept: bytes
    most: int | None = None
    """Where they are too many to be counted: entries that go at most, `count` being the least; None when counted."""
    about: int | None = None
    """Where they were not counted: how many go if entries came evenly; None when ids are no times."""

    @property
    def sentence(self) -> str:
        """What would be done."""
        number = entries_of(self.count)
        if self.most is not None:
            about = "" if self.about is None else f" (about {self.about:,} if they came evenly)"
            number = f"between {self.count:,} and {entries_of(self.most)}{about}"
        goes = "goes" if number == "1 entry" else "go"
        return f"{number} of {printable(self.key)} {goes}: all before {moment_of(self.first_kept)}"

    def batches(self) -> Batches:
        """Whole nodes of the stream in steps, then what is left of the last one: nobody waits long behind a step."""
        while (yield [[b"XTRIM", self.key, b"MINID", b"~", self.first_kept, b"LIMIT", STEP]]):
            pass
        yield [[b"XTRIM", self.key, b"MINID", b"=", self.first_kept]]

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """What the first entry is."""
        return [[b"XRANGE", self.key, b"-", b"(" + self.first_kept, b"COUNT", 1]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """All went when none is left before the id; otherwise nobody can say how many."""
        return None if replies[0] else 0


@dataclass(frozen=True, slots=True)
class TrimToLength(AnyTrim):
    """Delete the oldest entries until so many are left: where the first that stays is too far away to be looked up."""

    keep: int
    about: bytes | None = None
    """Id of about the first entry that stays, if entries came evenly; None when ids are no times."""

    @property
    def sentence(self) -> str:
        """What would be done."""
        until = "" if self.about is None else f", up to about {moment_of(self.about)} if they came evenly"
        more = "what is added meanwhile pushes out as many more"
        return f"{entries_of(self.count)} of {printable(self.key)} go{until}; the newest {self.keep:,} stay, and {more}"

    def batches(self) -> Batches:
        """Whole nodes in steps until all that were planned are gone, then what is left of the last one."""
        gone = 0
        while gone < self.count and (
            touched := (yield [[b"XTRIM", self.key, b"MAXLEN", b"~", self.keep, b"LIMIT", STEP]])
        ):
            gone += touched
        yield [[b"XTRIM", self.key, b"MAXLEN", b"=", self.keep]]

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """How many are left."""
        return [[b"XLEN", self.key]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """How many a step took is not to be seen: others may have trimmed, and added."""
        return None
