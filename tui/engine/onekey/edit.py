"""Changes to one key that take nothing away: its TTL and its name. Deleting it is a purge of one key.

What a person has confirmed is what they saw: the key is watched, looked at once more, and changed only if it is still
of the same type with the same expiry. When the server's answer is lost, the key is read back before anything is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.cluster.slots import slot_of
from tui.engine.commands import Reply, rule_of
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.keylist import exact
from tui.engine.onekey.inspect import KeyFacts, Missing, look
from tui.engine.printable import printable
from tui.engine.writer import Writer, writer

SLACK = 2.0
"""Seconds by which two readings of the same expiry may differ: the way there and back, and clocks."""
MOST_TTL = 100 * 365 * 86_400
"""Seconds; a longer TTL is a slip of the finger, and servers refuse what overflows."""


@dataclass(frozen=True, slots=True)
class SetTtl:
    """Let a key expire, or live for ever."""

    key: bytes
    seconds: float | None
    """From the moment of the change; None takes the TTL away."""

    @property
    def command(self) -> Sequence[bytes | int]:
        """What is sent."""
        return [b"PERSIST", self.key] if self.seconds is None else [b"PEXPIRE", self.key, round(self.seconds * 1000)]

    @property
    def watched(self) -> tuple[bytes, ...]:
        """Keys that must stay as they were seen."""
        return (self.key,)


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a key another name that no key has yet."""

    key: bytes
    to: bytes

    @property
    def command(self) -> Sequence[bytes | int]:
        """What is sent."""
        return [b"RENAMENX", self.key, self.to]

    @property
    def watched(self) -> tuple[bytes, ...]:
        """Keys that must stay as they were seen."""
        return (self.key, self.to)


Edit = SetTtl | Rename


async def apply(deployment: Deployment, edit: Edit, seen: KeyFacts) -> Failure | None:
    """Change a key that a person has looked at; None when it is done, otherwise nothing has been changed.

    Should the answer be lost, and with it the way to ask, the failure says that the outcome is unknown.
    """
    node = deployment.node_of(edit.key)
    if isinstance(edit, Rename) and deployment.is_cluster and slot_of(edit.key) != slot_of(edit.to):
        return Failure(Kind.REPLY, "in a cluster the new name must have the same slot: keep what stands in {braces}")
    try:
        async with writer(node) as pen:
            refused = await _still(pen, edit, seen)
            return refused or await _change(pen, edit)
    except _Sent as lost:
        return await _resolve(deployment, edit, seen, lost.failure)
    except Unavailable as error:
        return error.failure


class _Sent(Exception):  # noqa: N818 - a state of the world, handled above
    """The change was on its way when the connection was lost."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


async def _still(pen: Writer, edit: Edit, seen: KeyFacts) -> Failure | None:
    """Watch the key, and make sure that it is the one that was seen."""
    watched, kind, ttl = await pen.ask([b"WATCH", *edit.watched], [b"TYPE", edit.key], [b"PTTL", edit.key])
    for reply, rule in ((watched, "+watch"), (kind, "+type"), (ttl, "+pttl")):
        if isinstance(reply, ReplyError):
            return of_reply(reply, rule)
    if kind == b"none":
        return Failure(Kind.CHANGED, "the key is gone: it expired, or was deleted")
    expires_at = pen.node.clock.wall() + ttl / 1000 if ttl >= 0 else None
    if printable(kind) != seen.kind or not _same_expiry(expires_at, seen.expires_at):
        return Failure(Kind.CHANGED, "the key has changed since you looked at it: look again, then decide")
    return None


async def _change(pen: Writer, edit: Edit) -> Failure | None:
    try:
        *queued, done = await pen.ask([b"MULTI"], edit.command, [b"EXEC"])
    except Unavailable as error:
        if error.failure.kind is Kind.READ_ONLY:
            raise
        raise _Sent(error.failure) from None
    refused = next((reply for reply in (queued[-1], done) if isinstance(reply, ReplyError)), None)
    if refused is not None:
        return of_reply(refused, rule_of(edit.command))
    if done is None:
        return Failure(Kind.CHANGED, "somebody changed the key in this very moment: nothing was done")
    return _verdict(edit, done[0])


def _verdict(edit: Edit, reply: Reply) -> Failure | None:
    """Say what the server's answer to the change itself means."""
    if isinstance(reply, ReplyError):
        return of_reply(reply, rule_of(edit.command))
    if isinstance(edit, Rename) and reply == 0:
        return Failure(Kind.CHANGED, f"there is a key named {printable(edit.to)} already")
    return None  # PERSIST of a key without TTL answers 0, and is done all the same


async def _resolve(deployment: Deployment, edit: Edit, seen: KeyFacts, lost: Failure) -> Failure | None:
    """Read back what became of a change whose answer was lost."""
    unknown = Failure(lost.kind, f"{lost.sentence}; whether the key was changed is unknown: look at it")
    if isinstance(edit, Rename):
        there = await exact(deployment, edit.to)
        gone = await exact(deployment, edit.key)
        if isinstance(there, Failure) or isinstance(gone, Failure):
            return unknown
        return None if there and not gone else Failure(lost.kind, f"{lost.sentence}: nothing was changed")
    now = await look(deployment, edit.key)
    if not isinstance(now, KeyFacts):
        return unknown if not isinstance(now, Missing) else Failure(Kind.CHANGED, "the key is gone")
    wanted = None if edit.seconds is None else now.looked_at + edit.seconds
    if _same_expiry(now.expires_at, wanted, slack=SLACK + 15):
        return None
    same = _same_expiry(now.expires_at, seen.expires_at)
    return Failure(lost.kind, f"{lost.sentence}: nothing was changed") if same else unknown


def _same_expiry(one: float | None, other: float | None, slack: float = SLACK) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= slack
