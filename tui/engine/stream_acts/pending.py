"""Changes to pending entries: acknowledge, give to another consumer, and the way back of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.stream_acts.base import BATCH, Act, Batches, Command, OfGroup, entries_of, slices, span_of
from tui.engine.streams_look import Pending


@dataclass(frozen=True, slots=True)
class Acknowledge(OfGroup):
    """Take entries out of the pending list as if they were done."""

    RULE: ClassVar[str] = "+xack"

    entries: tuple[Pending, ...]
    at: float
    """Wall-clock seconds when they were looked at."""

    @property
    def planned(self) -> int:
        """Entries."""
        return len(self.entries)

    @property
    def sentence(self) -> str:
        """What would be done."""
        return f"{entries_of(self.planned)} of {self.of} count as done: nobody will work on them again"

    def batches(self) -> Batches:
        """So many ids at a time."""
        for ids in slices(self.entries):
            yield [[b"XACK", self.key, self.group, *ids]]

    def done(self, replies: Sequence[Reply]) -> int:
        """As the server counts."""
        return int(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Who holds them now."""
        return self.owners([word for word in batch[0][3:] if isinstance(word, bytes)])

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that nobody holds."""
        return sum(not reply for reply in replies)

    def undo(self) -> Sequence[Act]:
        """Give them back to whom they were given."""
        return (Return(self.key, self.group, self.entries, self.at),)


@dataclass(frozen=True, slots=True)
class Claim(OfGroup):
    """Give pending entries to another consumer."""

    RULE: ClassVar[str] = "+xclaim"

    to: bytes
    entries: tuple[Pending, ...]
    at: float
    min_idle: float = 0.0
    """Seconds; entries that were delivered again meanwhile stay where they are."""

    @property
    def planned(self) -> int:
        """Entries."""
        return len(self.entries)

    @property
    def sentence(self) -> str:
        """What would be done."""
        idle = f", idle over {span_of(self.min_idle)}," if self.min_idle else ""
        these = "this entry" if self.planned == 1 else f"these {entries_of(self.planned)}"
        return f"{these} of {self.of}{idle} {'goes' if self.planned == 1 else 'go'} to {printable(self.to)}"

    def batches(self) -> Batches:
        """So many ids at a time."""
        idle = int(self.min_idle * 1000)
        for ids in slices(self.entries):
            yield [[b"XCLAIM", self.key, self.group, self.to, idle, *ids, b"JUSTID"]]

    def done(self, replies: Sequence[Reply]) -> int:
        """The server names those it has given away."""
        return len(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Who holds them now."""
        return self.owners([word for word in batch[0][5:-1] if isinstance(word, bytes)])

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that are held by the one they were to go to."""
        return sum(1 for reply in replies if reply and reply[0][1] == self.to)

    def undo(self) -> Sequence[Act]:
        """Give them back to whom they were given."""
        return (Return(self.key, self.group, self.entries, self.at),)


@dataclass(frozen=True, slots=True)
class Return(OfGroup):
    """Put entries back into the pending list: the same consumers, delivery counts and times."""

    RULE: ClassVar[str] = "+xclaim"
    NO_WAY_BACK: ClassVar[str] = "this is the way back"

    entries: tuple[Pending, ...]
    at: float

    @property
    def planned(self) -> int:
        """Entries."""
        return len(self.entries)

    @property
    def sentence(self) -> str:
        """What would be done."""
        return f"{entries_of(self.planned)} of {self.of} are pending again, with the consumers that held them"

    def batches(self) -> Batches:
        """One command for each, as each has its own time."""
        commands = [self._command(one) for one in self.entries]
        for start in range(0, len(commands), BATCH):
            yield commands[start : start + BATCH]

    def _command(self, one: Pending) -> Command:
        last = int((self.at - one.idle) * 1000)
        times: Command = [b"TIME", last, b"RETRYCOUNT", one.deliveries]
        return [b"XCLAIM", self.key, self.group, one.consumer, 0, one.id, *times, b"FORCE", b"JUSTID"]

    def done(self, replies: Sequence[Reply]) -> int:
        """An entry that was deleted from the stream meanwhile does not come back."""
        return sum(len(reply) for reply in replies if isinstance(reply, list))

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Who holds them now."""
        return self.owners([bytes(command[5]) for command in batch if isinstance(command[5], bytes)])

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that are held by whom they were given to."""
        pairs = zip(batch, replies, strict=True)
        return sum(1 for command, reply in pairs if reply and reply[0][1] == command[3])
