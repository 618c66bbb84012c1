"""Changes to the entries of a stream: delete, trim, add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.stream_acts.base import BATCH, Act, Batches, Command, entries_of, moment_of

STEP = 10_000
"""Entries that one step of a trim may remove: about a millisecond."""


@dataclass(frozen=True, slots=True)
class DeleteEntries(Act):
    """Delete single entries."""

    RULE: ClassVar[str] = "+xdel"
    NO_WAY_BACK: ClassVar[str] = "this cannot be undone: the server takes no entry at an old id"

    ids: tuple[bytes, ...]

    @property
    def planned(self) -> int:
        """Entries."""
        return len(self.ids)

    @property
    def sentence(self) -> str:
        """What would be done."""
        lag = "; until its groups have read past them the server cannot tell their lag"
        return f"{entries_of(self.planned)} of {printable(self.key)} are deleted for everybody{lag}"

    def batches(self) -> Batches:
        """So many ids at a time."""
        for start in range(0, len(self.ids), BATCH):
            yield [[b"XDEL", self.key, *self.ids[start : start + BATCH]]]

    def done(self, replies: Sequence[Reply]) -> int:
        """As the server counts."""
        return int(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Whether they are there."""
        return [[b"XRANGE", self.key, word, word, b"COUNT", 1] for word in batch[0][2:]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that are not there."""
        return sum(not reply for reply in replies)


@dataclass(frozen=True, slots=True)
class Trim(Act):
    """Delete the oldest entries: all before an id, which stays."""

    RULE: ClassVar[str] = "+xtrim"
    NO_WAY_BACK: ClassVar[str] = "this cannot be undone: the server takes no entry at an old id"

    first_kept: bytes
    count: int
    """Entries that go."""
    exact: bool = True
    """Whether they were counted; otherwise there are more than that."""
    unread: tuple[tuple[bytes, int], ...] = ()
    """Groups that have not been given all of them, and how many they would lose."""

    @property
    def planned(self) -> int:
        """Entries."""
        return self.count

    @property
    def sentence(self) -> str:
        """What would be done."""
        number = entries_of(self.count) if self.exact else f"more than {entries_of(self.count)}"
        return f"{number} of {printable(self.key)} go, up to {moment_of(self.first_kept)}"

    def batches(self) -> Batches:
        """Whole nodes of the stream in steps, then what is left of the last one: nobody waits long behind a step."""
        while (yield [[b"XTRIM", self.key, b"MINID", b"~", self.first_kept, b"LIMIT", STEP]]):
            pass
        yield [[b"XTRIM", self.key, b"MINID", b"=", self.first_kept]]

    def done(self, replies: Sequence[Reply]) -> int:
        """As the server counts."""
        return int(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """What the first entry is."""
        return [[b"XRANGE", self.key, b"-", b"(" + self.first_kept, b"COUNT", 1]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """All went when none is left before the id; otherwise nobody can say how many."""
        return None if replies[0] else 0


@dataclass(frozen=True, slots=True)
class AddEntry(Act):
    """Add one entry, for development."""

    RULE: ClassVar[str] = "+xadd"

    fields: tuple[tuple[bytes, bytes], ...]
    last_id: bytes = b"0-0"
    """The newest id when it was looked at: what is newer and has these fields is this entry."""
    create: bool = False
    """Whether the stream is made by it."""
    added: list[bytes] = field(default_factory=list, compare=False)
    """Its id, once it is there."""

    @property
    def planned(self) -> int:
        """One entry."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        made = ", which is made by it," if self.create else ""
        return (
            f"an entry of {len(self.fields)} fields is added to {printable(self.key)}{made} for all its groups to read"
        )

    def batches(self) -> Batches:
        """One command."""
        words = [word for pair in self.fields for word in pair]
        yield [[b"XADD", self.key, *([] if self.create else [b"NOMKSTREAM"]), b"*", *words]]

    def done(self, replies: Sequence[Reply]) -> int:
        """The reply is its id; nothing when the stream is gone."""
        if replies[0] is None:
            return 0
        self.added.append(replies[0])
        return 1

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """The newest entries."""
        return [[b"XRANGE", self.key, b"(" + self.last_id, b"+", b"COUNT", BATCH]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is among them."""
        words = [word for pair in self.fields for word in pair]
        self.added[:] = [entry_id for entry_id, values in replies[0] if values == words][:1]
        return len(self.added)

    def undo(self) -> Sequence[Act]:
        """Delete it again."""
        return (DeleteEntries(self.key, tuple(self.added)),) if self.added else ()
