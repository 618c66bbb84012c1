"""Changes to consumers and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.acts.base import Act, Batches, Command, OfGroup, entries_of, moment_of
from tui.engine.streams.acts.pending import Return
from tui.engine.streams.ids import parse_id
from tui.engine.streams.look import Pending


@dataclass(frozen=True, slots=True)
class DeleteConsumer(OfGroup):
    """Delete a consumer with what it holds."""

    RULE: ClassVar[str] = "+xgroup|delconsumer"

    consumer: bytes
    entries: tuple[Pending, ...]
    """What it holds: these are not pending any more, though nobody has acknowledged them."""
    at: float
    more: bool = False
    """Whether it holds more than could be listed."""

    @property
    def planned(self) -> int:
        """One consumer."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        held = f"{'more than ' if self.more else ''}{entries_of(len(self.entries))}"
        lost = f", and {held} that it holds count as done" if self.entries else "; it holds nothing"
        return f"consumer {printable(self.consumer)} of {self.of} is deleted{lost}"

    def batches(self) -> Batches:
        """One command."""
        yield [[b"XGROUP", b"DELCONSUMER", self.key, self.group, self.consumer]]

    def done(self, replies: Sequence[Reply]) -> int:
        """The reply is how many entries it held, not whether it was there."""
        return 1

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Which consumers there are."""
        return [[b"XINFO", b"CONSUMERS", self.key, self.group]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is among them."""
        return int(all(consumer[1] != self.consumer for consumer in replies[0]))

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Give it back what it held."""
        if self.more:
            return ()
        return (MakeConsumer(self.key, self.group, self.consumer), Return(self.key, self.group, self.entries, self.at))


@dataclass(frozen=True, slots=True)
class MakeConsumer(OfGroup):
    """Create a consumer."""

    RULE: ClassVar[str] = "+xgroup|createconsumer"
    NO_WAY_BACK: ClassVar[str] = "this is the way back"

    consumer: bytes

    @property
    def planned(self) -> int:
        """One consumer."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        return f"consumer {printable(self.consumer)} of {self.of} is there again"

    def batches(self) -> Batches:
        """One command."""
        yield [[b"XGROUP", b"CREATECONSUMER", self.key, self.group, self.consumer]]

    def done(self, replies: Sequence[Reply]) -> int:
        """It is there, whoever made it."""
        return 1

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Which consumers there are."""
        return [[b"XINFO", b"CONSUMERS", self.key, self.group]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is among them."""
        return int(any(consumer[1] == self.consumer for consumer in replies[0]))


@dataclass(frozen=True, slots=True)
class DeleteGroup(OfGroup):
    """Delete a group with all it knows."""

    RULE: ClassVar[str] = "+xgroup|destroy"

    delivered: bytes
    entries_read: int | None
    consumers: tuple[bytes, ...]
    entries: tuple[Pending, ...]
    pending: int
    """Pending entries, listed or not."""
    at: float

    @property
    def planned(self) -> int:
        """One group."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        people = "1 consumer" if len(self.consumers) == 1 else f"{len(self.consumers):,} consumers"
        what = f"{people}, {entries_of(self.pending)} pending, and its place at {moment_of(self.delivered)}"
        return f"{self.of} is deleted with {what}"

    def batches(self) -> Batches:
        """One command."""
        yield [[b"XGROUP", b"DESTROY", self.key, self.group]]

    def done(self, replies: Sequence[Reply]) -> int:
        """Whether it was there."""
        return int(replies[0])

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Which groups there are."""
        return [[b"XINFO", b"GROUPS", self.key]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is among them."""
        return int(all(group[1] != self.group for group in replies[0]))

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Make it again where it was, with all that was pending."""
        if len(self.entries) != self.pending:
            return ()
        people = [MakeConsumer(self.key, self.group, name) for name in self.consumers]
        group = MakeGroup(self.key, self.group, self.delivered, self.entries_read)
        return (group, *people, Return(self.key, self.group, self.entries, self.at))


@dataclass(frozen=True, slots=True)
class MakeGroup(OfGroup):
    """Create a group at an id."""

    RULE: ClassVar[str] = "+xgroup|create"
    NO_WAY_BACK: ClassVar[str] = "this is the way back"

    delivered: bytes
    entries_read: int | None

    @property
    def planned(self) -> int:
        """One group."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        return f"{self.of} is there again, at {moment_of(self.delivered)}"

    def batches(self) -> Batches:
        """One command."""
        yield [[b"XGROUP", b"CREATE", self.key, self.group, self.delivered, *_read(self.entries_read)]]

    def done(self, replies: Sequence[Reply]) -> int:
        """An error says otherwise."""
        return 1

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Which groups there are."""
        return [[b"XINFO", b"GROUPS", self.key]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is among them."""
        return int(any(group[1] == self.group for group in replies[0]))


@dataclass(frozen=True, slots=True)
class SetId(OfGroup):
    """Let a group go on from another place."""

    RULE: ClassVar[str] = "+xgroup|setid"

    to: bytes
    delivered: bytes
    """Where it stands now."""
    entries_read: int | None
    back: bool = False
    """Whether it is the way back of another one: then the count of entries read is set, too."""

    @property
    def planned(self) -> int:
        """One group."""
        return 1

    @property
    def sentence(self) -> str:
        """What would be done."""
        forward = parse_id(self.to) > parse_id(self.delivered)
        meaning = "skips what lies between" if forward else "gets what lies between once more"
        return f"{self.of} goes on after {moment_of(self.to)} instead of {moment_of(self.delivered)}: it {meaning}"

    def batches(self) -> Batches:
        """One command."""
        read = _read(self.entries_read) if self.back else []
        yield [[b"XGROUP", b"SETID", self.key, self.group, self.to, *read]]

    def done(self, replies: Sequence[Reply]) -> int:
        """An error says otherwise."""
        return 1

    def questions(self, batch: Sequence[Command]) -> list[Command]:
        """Where the groups are."""
        return [[b"XINFO", b"GROUPS", self.key]]

    def seen(self, batch: Sequence[Command], replies: Sequence[Reply]) -> int | None:
        """Whether it is there; it may have read on since."""
        for group in replies[0]:
            told = dict(zip(group[::2], group[1::2], strict=True))
            if told[b"name"] == self.group:
                at = told[b"last-delivered-id"]
                return {self.to: 1, self.delivered: 0}.get(at)
        return None

    def precondition(self) -> list[Command]:
        """On the way back: where the group is."""
        return self.questions(()) if self.back else []

    def obstacle(self, replies: Sequence[Reply]) -> str:
        """What it has read since would be given out once more."""
        if self.seen((), replies) == 0:
            return ""
        return "the group has read on since, or is gone: i moves it from where it is"

    def undo(self, elapsed: float = 0.0) -> Sequence[Act]:
        """Go back to where it was."""
        return (SetId(self.key, self.group, self.delivered, self.to, self.entries_read, back=True),)


def _read(entries_read: int | None) -> Command:
    """Servers before 7.0 do not count, and do not know the word."""
    return [] if entries_read is None else [b"ENTRIESREAD", entries_read]
