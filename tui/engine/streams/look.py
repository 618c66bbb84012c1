"""One look at a stream: its length, its groups, how far they are behind; questions, and values out of the replies.

XINFO STREAM without FULL and XINFO GROUPS take the same few microseconds for ten entries and for ten million. What
grows with a stream (all pending entries, FULL) is never asked for as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply
from tui.engine.failure import ReplyError, of_reply
from tui.engine.streams.ids import parse_id


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that was given to a consumer and not acknowledged."""

    id: bytes
    consumer: bytes
    idle: float
    """Seconds since it was delivered last."""
    deliveries: int


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer of a group."""

    name: bytes
    pending: int
    idle: float
    """Seconds since it last asked for anything."""
    inactive: float | None
    """Seconds since it last got anything; None before 7.2, and when it never did."""


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group."""

    name: bytes
    lag: int | None
    """Entries in the stream not yet delivered to it; None when nobody can say (before 7.0, or after deletions)."""
    pending: int
    """Entries delivered and not yet acknowledged."""
    consumers: int
    delivered: bytes = b"0-0"
    """The id delivered last."""
    entries_read: int | None = None
    """Entries ever delivered, as the server counts them; None before 7.0, and when it lost count."""
    lost: int = 0
    """Entries that were trimmed away before it was given them; known as long as it has not read on."""
    lag_least: int | None = None
    """Where `lag` is not known: entries behind at least, counted up to a bound; None when not counted."""
    stuck_for: float | None = None
    """Seconds in which entries came and it read none; None while it reads, or has nothing to read."""
    oldest: Pending | None = None
    """The pending entry with the lowest id, if it was asked for and there is one."""
    poisoned: int | None = None
    """Of the oldest few pending entries, those delivered too often; None when not asked for."""
    dead: int | None = None
    """Consumers that hold pending entries and have been silent for too long; None when not asked for."""
    members: tuple[Consumer, ...] | None = None
    """Its consumers; None when not asked for: nothing is pending, or there are too many."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as of its last look."""

    key: bytes
    length: int
    rate: float | None
    """Entries added per second; None until known, and before 7.0 (no count of additions) when it was trimmed."""
    last_id: bytes
    """The newest id ever; its entry may be deleted."""
    groups: tuple[Group, ...]
    denied: str | None = None
    """Why the groups are not known: a sentence that names the ACL rule."""
    first_id: bytes | None = None
    """Id of the oldest entry; None when it is empty."""
    newest_id: bytes | None = None
    """Id of the newest entry that is still there."""
    missing: tuple[bytes, ...] = ()
    """Groups that it should have by its schema, and has not."""
    bytes: int | None = None
    """As MEMORY USAGE estimates it; None when not asked for."""

    @property
    def lag(self) -> int | None:
        """The worst known lag of its groups; None without groups or when no group's is known."""
        return max((group.lag for group in self.groups if group.lag is not None), default=None)

    @property
    def pending(self) -> int:
        """Pending entries over all groups."""
        return sum(group.pending for group in self.groups)

    @property
    def oldest(self) -> Pending | None:
        """The pending entry with the lowest id over all groups, as far as they were asked."""
        known = [group.oldest for group in self.groups if group.oldest is not None]
        return min(known, key=lambda pending: parse_id(pending.id), default=None)

    @property
    def dead(self) -> int | None:
        """Dead consumers over all groups; None when none was asked."""
        known = [group.dead for group in self.groups if group.dead is not None]
        return sum(known) if known or (not self.groups and not self.denied) else None


@dataclass(frozen=True, slots=True)
class Look:
    """What XINFO STREAM tells."""

    length: int
    last_id: bytes
    first_id: bytes | None
    newest_id: bytes | None
    added: int | None
    """Entries ever added; None before 7.0."""
    weight: int
    """Bytes of the reply, about: it holds the first and the last entry whole."""


def look_of(reply: Reply) -> Look:
    """Read the reply of XINFO STREAM."""
    told = fields_of(reply)
    first, newest = told.get(b"first-entry"), told.get(b"last-entry")
    values = [value for entry in (first, newest) if entry for value in entry[1] or ()]
    return Look(
        length=told[b"length"],
        last_id=told[b"last-generated-id"],
        first_id=first[0] if first else None,
        newest_id=newest[0] if newest else None,
        added=told.get(b"entries-added"),
        weight=sum(map(len, values)),
    )


def group_of(reply: Reply, look: Look) -> Group:
    """Read one group of the reply of XINFO GROUPS."""
    told = fields_of(reply)
    delivered: bytes = told[b"last-delivered-id"]
    read: int | None = told.get(b"entries-read")
    lag, lost = lag_of(told.get(b"lag"), read, delivered, look)
    return Group(told[b"name"], lag, told[b"pending"], told[b"consumers"], delivered, read, lost)


def lag_of(told: int | None, read: int | None, delivered: bytes, look: Look) -> tuple[int | None, int]:
    """Return how many entries of the stream a group has not been given, and how many were trimmed away before.

    Up to Redis 7.4, and in Valkey, the server counts what it trimmed as still to be read (`told`). Redis 8 does not,
    but its counts of what was added and `read` tell. Before 7.0 it knows nothing, and it gives up (None) when entries
    were deleted behind the group. Where that stands before the first entry, or at the last, nothing need be told.
    """
    at = parse_id(delivered)
    unread = told or 0
    if told is not None and look.added is not None and (read is not None or at == (0, 0)):
        unread = max(unread, look.added - (read or 0))
    if look.first_id is None or at >= parse_id(look.newest_id or look.first_id):
        return 0, unread
    if at < parse_id(look.first_id):
        return look.length, max(0, unread - look.length)
    return (None if told is None else min(told, look.length)), 0


def pending_of(reply: Reply) -> Pending:
    """Read one entry of the long form of XPENDING."""
    entry_id, consumer, idle, deliveries = reply
    return Pending(entry_id, consumer, idle / 1000, deliveries)


def consumer_of(reply: Reply) -> Consumer:
    """Read one consumer of the reply of XINFO CONSUMERS."""
    told = fields_of(reply)
    inactive = told.get(b"inactive", -1)
    return Consumer(told[b"name"], told[b"pending"], told[b"idle"] / 1000, None if inactive < 0 else inactive / 1000)


def fields_of(reply: Sequence[Reply]) -> Mapping[bytes, Reply]:
    """Read a RESP2 map: names and values in turn."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def denial(reply: Reply, rule: str) -> str | None:
    """Say what a refused reply lacks: the rule, or the key; None when it is anything else."""
    if not isinstance(reply, ReplyError) or reply.code != "NOPERM":
        return None
    if " key" in str(reply):
        return "no permission: this user may not read this key"
    return of_reply(reply, rule).sentence
