"""One stream from the inside: its groups, their consumers, and pending entries page by page.

Every question has a bounded answer, but for the consumers of a group, which the server lists only as a whole. Pending
entries are never filtered by idle time on the server: it would go through all of them to find a few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tui.engine.commands import Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError
from tui.engine.onekey.inspect import ask
from tui.engine.printable import printable
from tui.engine.streams.board import MOST_CONSUMERS
from tui.engine.streams.look import (
    Consumer,
    Group,
    Pending,
    Stream,
    consumer_of,
    denial,
    group_of,
    look_of,
    pending_of,
)
from tui.engine.streams.trouble import Thresholds, with_consumers, with_pending

PAGE = 200
"""Pending entries of a page."""
OLDEST = 10
"""Pending entries per group that are looked at for its summary."""
MOST_GROUPS = 200
"""Groups whose oldest pending entries are asked for; more are listed without."""
COUNTED = 1000
"""Entries that are counted behind a group at most, when the server does not know its lag."""
COUNTED_BYTES = 256 * 1024
"""Bytes that such a count may bring: the server sends the entries themselves."""


class _Question(NamedTuple):
    """One command about a group."""

    name: str
    """Of the command, as ACL rules say it."""
    group: bytes
    command: list[Any]


@dataclass(frozen=True, slots=True)
class Gone:
    """There is nothing to look into (any more)."""

    sentence: str
    """Why; safe text."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A stream with its groups."""

    stream: Stream
    at: float
    """Wall-clock seconds of the look."""
    denied: tuple[str, ...] = ()
    """What is left out for want of a permission: sentences that name the ACL rule."""


@dataclass(frozen=True, slots=True)
class Consumers:
    """The consumers of one group, those with most pending entries first."""

    group: bytes
    consumers: tuple[Consumer, ...]
    at: float


async def look_inside(deployment: Deployment, key: bytes, limit: Thresholds | None = None) -> Inside | Gone | Failure:
    """Look at a stream and its groups: two round trips, whatever its length."""
    limit = limit or Thresholds()
    answer = await ask_stream(
        deployment, key, [b"XINFO", b"STREAM", key], [b"XINFO", b"GROUPS", key], [b"MEMORY", b"USAGE", key]
    )
    if not isinstance(answer, list):
        return answer
    about, groups, memory = answer
    if isinstance(about, ReplyError):
        return Gone(denial(about, "+xinfo|stream") or about.sentence)
    look = look_of(about)
    denied = [denial(groups, "+xinfo|groups"), denial(memory, "+memory|usage")]
    size = memory if isinstance(memory, int) else None
    stream = Stream(key, look.length, None, look.last_id, (), None, look.first_id, look.newest_id, bytes=size)
    if isinstance(groups, ReplyError):
        return Inside(replace(stream, denied=denied[0]), deployment.clock.wall(), _said(denied))
    found = [group_of(group, look) for group in groups]
    questions = [question for group in found[:MOST_GROUPS] for question in _questions(stream, group)]
    asked = await ask_stream(deployment, key, *(question.command for question in questions))
    if not isinstance(asked, list):
        return asked
    known = {group.name: group for group in found}
    for question, reply in zip(questions, asked, strict=True):
        if isinstance(reply, ReplyError):
            denied.append(denial(reply, f"+{question.name}"))
        else:
            known[question.group] = _learned(known[question.group], question, reply, limit)
    stream = replace(stream, groups=tuple(known.values()))
    return Inside(stream, deployment.clock.wall(), _said(denied))


async def look_at_consumers(deployment: Deployment, key: bytes, group: bytes) -> Consumers | Gone | Failure:
    """List the consumers of a group."""
    answer = await ask_stream(deployment, key, [b"XINFO", b"CONSUMERS", key, group])
    if not isinstance(answer, list):
        return answer
    (reply,) = answer
    if isinstance(reply, ReplyError):
        return Gone(denial(reply, "+xinfo|consumers") or _no_group(reply, group))
    consumers = sorted(map(consumer_of, reply), key=lambda one: (-one.pending, one.name))
    return Consumers(group, tuple(consumers), deployment.clock.wall())


class PendingPages:
    """Reads the pending entries of a group, or of one of its consumers, from the lowest id on."""

    def __init__(self, deployment: Deployment, key: bytes, group: bytes, consumer: bytes | None = None) -> None:
        self.key = key
        self.group = group
        self.consumer = consumer
        self.more = True
        """Whether there may be another page."""
        self._deployment = deployment
        self._from = b"-"

    async def next(self, count: int = PAGE) -> tuple[Pending, ...] | Gone | Failure:
        """Return the next page; an empty one at the end."""
        words: list[bytes | int] = [b"XPENDING", self.key, self.group, self._from, b"+", count]
        if self.consumer is not None:
            words.append(self.consumer)
        answer = await ask_stream(self._deployment, self.key, words)
        if not isinstance(answer, list):
            return answer
        (reply,) = answer
        if isinstance(reply, ReplyError):
            return Gone(denial(reply, "+xpending") or _no_group(reply, self.group))
        page = tuple(map(pending_of, reply))
        self.more = len(page) == count
        if page:
            self._from = b"(" + page[-1].id
        return page


async def ask_stream(
    deployment: Deployment, key: bytes, *commands: Sequence[bytes | int], may_be_missing: bool = False
) -> list[Any] | Gone | Failure:
    """Ask in one round trip, the key's type first: it says what has become of the key, and what counts as a miss.

    With `may_be_missing` a key that does not exist is no answer by itself.
    """
    if not commands:
        return []
    answer = await ask(deployment, [b"TYPE", key], *commands)
    if isinstance(answer, Failure):
        return answer
    kind, *replies = answer.replies
    if kind == b"none" and not may_be_missing:
        return Gone("there is no such stream now: it was deleted, or expired")
    if isinstance(kind, bytes) and kind not in {b"stream", b"none"}:
        return Gone(f"this key is no stream any more but a {printable(kind)}")
    return replies


def _questions(stream: Stream, group: Group) -> Iterator[_Question]:
    """Ask for the oldest pending entries, the consumers, and for what is behind when the server lost count of it."""
    key, name = stream.key, group.name
    if group.pending:
        yield _Question("xpending", name, [b"XPENDING", key, name, b"-", b"+", OLDEST])
    if group.pending and group.consumers <= MOST_CONSUMERS:
        yield _Question("xinfo|consumers", name, [b"XINFO", b"CONSUMERS", key, name])
    if group.lag is None and stream.bytes is not None:
        count = min(COUNTED, COUNTED_BYTES * stream.length // max(1, stream.bytes))
        if count:
            yield _Question("xrange", name, [b"XRANGE", key, b"(" + group.delivered, b"+", b"COUNT", count])


def _learned(group: Group, question: _Question, reply: Reply, limit: Thresholds) -> Group:
    match question.name:
        case "xpending":
            return with_pending(group, reply, limit)
        case "xinfo|consumers":
            return with_consumers(group, reply, limit)
        case _ if len(reply) < question.command[-1]:
            return replace(group, lag=len(reply))
        case _:
            return replace(group, lag_least=len(reply))


def _no_group(error: ReplyError, group: bytes) -> str:
    return f"there is no group {printable(group)} now" if error.code == "NOGROUP" else error.sentence


def _said(sentences: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))
