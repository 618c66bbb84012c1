"""Changes to the entries of a stream: delete, add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.acts.base import BATCH, Act, Batches, Command, entries_of


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
        goes, them = ("goes", "it") if self.planned == 1 else ("go", "them")
        lag = f"until its groups have read past {them} the server cannot tell their lag"
        return f"{entries_of(self.planned)} of {printable(self.key)} {goes}, for everybody; {lag}"

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

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Delete it again."""
        return (DeleteEntries(self.key, tuple(self.added)),) if self.added else ()
