"""Changes to pending entries: acknowledge, give to another consumer, and the way back of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.acts.base import BATCH, Act, Batches, Command, OfGroup, entries_of, slices, span_of
from tui.engine.streams.look import Pending

TICK = 5
"""Milliseconds by which a server's clock may be behind itself: it looks at it once per command."""


@dataclass(frozen=True, slots=True)
class Acknowledge(OfGroup):
    """Take entries out of the pending list as if they were done."""

    RULE: ClassVar[str] = "+xack"

    entries: tuple[Pending, ...]
    at: float
    """Wall-clock seconds when they were looked at."""
    taken: list[bool] = field(default_factory=list, compare=False)
    """By entry, as far as it was done: whether it was this act that took it out, and not somebody else's."""

    @property
    def planned(self) -> int:
        """Entries."""
        return len(self.entries)

    @property
    def sentence(self) -> str:
        """What would be done."""
        return f"{entries_of(self.planned)} of {self.of} count as done: nobody will work on them again"

    def batches(self) -> Batches:
        """One command for each, as only then the server tells which of them it took."""
        for ids in slices(self.entries):
            yield [[b"XACK", self.key, self.group, entry_id] for entry_id in ids]

    def done(self, replies: Sequence[Reply]) -> int:
        """As the server counts."""
        self.taken.extend(map(bool, replies))
        return sum(replies)

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Who holds them now."""
        return self.owners([command[3] for command in batch if isinstance(command[3], bytes)])

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that nobody holds."""
        self.taken.extend(not reply for reply in replies)
        return sum(not reply for reply in replies)

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Give them back to whom they were given; not those that somebody else acknowledged."""
        mine = tuple(one for one, taken in zip(self.entries, self.taken, strict=False) if taken)
        return (Return(self.key, self.group, mine, self.at),) if mine else ()


@dataclass(frozen=True, slots=True)
class Claim(OfGroup):
    """Give pending entries to another consumer."""

    RULE: ClassVar[str] = "+xclaim"

    to: bytes
    entries: tuple[Pending, ...]
    at: float
    min_idle: float = 0.0
    """Seconds; entries that were delivered again meanwhile stay where they are."""
    taken: set[bytes] = field(default_factory=set, compare=False)
    """Ids of those it took, as far as it was done."""

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
        self.taken.update(replies[0])
        return len(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Who holds them now."""
        return self.owners([word for word in batch[0][5:-1] if isinstance(word, bytes)])

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Those that are held by the one they were to go to."""
        taken = [reply[0][0] for reply in replies if reply and reply[0][1] == self.to]
        self.taken.update(taken)
        return len(taken)

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Give back what is still pending, and was not delivered again since."""
        mine = tuple(one for one in self.entries if one.id in self.taken)
        return (Return(self.key, self.group, mine, self.at, untouched_for=elapsed),) if mine else ()


@dataclass(frozen=True, slots=True)
class Return(OfGroup):
    """Put entries back into the pending list: the same consumers, delivery counts and times."""

    RULE: ClassVar[str] = "+xclaim"
    NO_WAY_BACK: ClassVar[str] = "this is the way back"

    entries: tuple[Pending, ...]
    at: float
    untouched_for: float | None = None
    """Seconds: only what is still pending and was not delivered again for so long; None puts in what nobody holds."""

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
        idle = max(0, int((self.untouched_for or 0.0) * 1000) - TICK)
        force: Command = [b"FORCE"] if self.untouched_for is None else []
        return [b"XCLAIM", self.key, self.group, one.consumer, idle, one.id, *times, *force, b"JUSTID"]

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
