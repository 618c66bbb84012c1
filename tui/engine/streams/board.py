"""All streams with everything that a person who runs them wants to see, the ones in trouble first.

The list of streams (`streams.py`) costs two questions per stream. What this adds costs five more per group that has
pending entries, so streams take turns: the visible ones at every tick, the others so many per second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError
from tui.engine.schema.expected import expected_groups
from tui.engine.session import Collector, Session
from tui.engine.streams.find import Finding, StreamFind
from tui.engine.streams.look import Group, denial
from tui.engine.streams.overview import Stream, StreamList, Streams
from tui.engine.streams.trouble import (
    Expected,
    Level,
    Thresholds,
    Trouble,
    troubles_of,
    with_consumers,
    with_missing,
    with_pending,
)

PER_SECOND = 100
"""Streams per second whose details are asked again: with three groups each 0.2 % of the server's time."""
PAGE = 50
"""Streams in one round trip: half a millisecond of the server's time."""
OLDEST = 3
"""Pending entries looked at per group: what is stuck is among the oldest."""
MOST_CONSUMERS = 200
"""Consumers of a group that are looked at one by one: XINFO CONSUMERS knows no pages."""
MOST_GROUPS = 20
"""Groups of one stream whose details are asked for: the ones with most pending entries."""


@dataclass(frozen=True, slots=True)
class Board:
    """All streams found, those in trouble first."""

    streams: tuple[Stream, ...]
    troubles: Mapping[bytes, tuple[Trouble, ...]]
    """By stream, the worst first."""
    seen: float
    """The fraction of the keyspace that has been searched for streams."""
    denied: tuple[str, ...] = ()
    """What is left out for want of a permission: sentences that name the ACL rule."""
    failure: Failure | None = None


class _Question(NamedTuple):
    """One command about a stream, and what it is for."""

    name: str
    """Of the command, as ACL rules say it."""
    stream: Stream
    group: Group | None
    command: list[Any]


class _Detail:
    """What was learned about one stream."""

    def __init__(self, groups: dict[bytes, Group] | None = None) -> None:
        self.bytes: int | None = None
        self.groups = groups or {}


class StreamBoard(Collector[Board]):
    """Adds sizes, pending entries and consumers to the list of streams, while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.thresholds = Thresholds()
        """When something counts as trouble; may be changed at any time."""
        self.expected: Expected = expected_groups(session.options.schemas)
        """Groups that the active schemas want; may be changed at any time."""
        self._list = session.of(StreamList)
        self._find = session.of(StreamFind)
        self._finding: Finding | None = None
        self._details: dict[bytes, _Detail] = {}
        self._preferred: Sequence[bytes] = ()
        self._next = 0
        self._denied: dict[str, str] = {}
        """By command: sentences."""

    def prefer(self, keys: Sequence[bytes]) -> None:
        """Ask about these streams (the visible ones) at every tick, before all others."""
        self._preferred = keys[:PAGE]
        self._list.prefer(keys)

    async def once(self, listed: Streams) -> Board:
        """Add the details of all these streams, without watching."""
        return self._board(listed, await self._ask_details(listed))

    async def run(self) -> None:
        """Publish at every tick while watched."""
        async for _ in self.ticks(self._list.feed, self._find.feed):
            await self._first_list()
            listed = self._list.feed.latest
            assert listed is not None
            failure = await self._ask_details(listed)
            self.feed.publish(self._board(listed, failure))

    async def _first_list(self) -> None:
        """Wait for the list; while a scan for streams is ahead of the survey, for the one with what it found."""
        finding, listed = self._find.feed.latest, self._list.feed.latest
        if listed is None or (finding is not None and finding is not self._finding):
            self._finding = finding
            there = {stream.key for stream in listed.streams} if listed else set()
            if listed is None or (finding and not there.issuperset(finding.keys)):
                await self._list.feed.changed()

    async def _ask_details(self, listed: Streams) -> Failure | None:
        streams = {stream.key: stream for stream in listed.streams if not stream.denied}
        self._details = {key: detail for key, detail in self._details.items() if key in streams}
        new = [key for key in streams if key not in self._details]
        due = [streams[key] for key in (*new, *self._turn([key for key in streams if key in self._details]))]
        for start in range(0, len(due), PAGE):
            failure = await self._ask(due[start : start + PAGE])
            if failure is not None:
                return failure
        return None

    def _turn(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        count = math.ceil(PER_SECOND * self.session.pace.interval)
        there = set(keys)
        first = [key for key in self._preferred if key in there]
        start = self._next % len(keys) if keys else 0
        due = list(dict.fromkeys((*first, *keys[start:], *keys[:start])))[:count]
        self._next = start + max(1, len(due) - len(first))
        return due

    async def _ask(self, streams: Sequence[Stream]) -> Failure | None:
        """Ask in one round trip; the type goes first, for it tells which of them are gone."""
        questions = [question for stream in streams for question in self._questions(stream)]
        answer = await self.session.deployment.try_ask(exchange(*(question.command for question in questions)))
        if isinstance(answer, Failure):
            return answer
        for question, reply in zip(questions, answer.replies, strict=True):
            self._take(question, reply)
        return None

    def _questions(self, stream: Stream) -> list[_Question]:
        key = stream.key
        asked = [_Question("type", stream, None, [b"TYPE", key])]
        asked.append(_Question("memory|usage", stream, None, [b"MEMORY", b"USAGE", key]))
        busy = sorted((group for group in stream.groups if group.pending), key=lambda group: -group.pending)
        for group in busy[:MOST_GROUPS]:
            asked.append(_Question("xpending", stream, group, [b"XPENDING", key, group.name, b"-", b"+", OLDEST]))
            if group.consumers <= MOST_CONSUMERS:
                asked.append(_Question("xinfo|consumers", stream, group, [b"XINFO", b"CONSUMERS", key, group.name]))
        return asked

    def _take(self, question: _Question, reply: Reply) -> None:
        stream, group = question.stream, question.group
        if isinstance(reply, ReplyError):
            sentence = denial(reply, f"+{question.name}")
            if sentence and " key" not in str(reply):
                self._denied[question.name] = sentence
            return
        self._denied.pop(question.name, None)
        if question.name == "type" and reply != b"stream":
            self._details.pop(stream.key, None)
        elif question.name == "type":
            # Where nothing is pending there is nothing to ask, and the answer is known.
            quiet = {one.name: replace(one, poisoned=0, dead=0) for one in stream.groups if not one.pending}
            self._details[stream.key] = _Detail(groups=quiet)
        elif group is None:
            self._detail(stream).bytes = reply
        else:
            groups = self._detail(stream).groups
            learn = with_pending if question.name == "xpending" else with_consumers
            groups[group.name] = learn(groups.get(group.name, group), reply, self.thresholds)

    def _detail(self, stream: Stream) -> _Detail:
        return self._details.setdefault(stream.key, _Detail())

    def _board(self, listed: Streams, failure: Failure | None) -> Board:
        streams = [with_missing(self._with_details(stream), self.expected) for stream in listed.streams]
        troubles = {stream.key: troubles_of(stream, self.thresholds) for stream in streams}
        streams.sort(key=lambda stream: rank(stream, troubles[stream.key]))
        denied = tuple(self._denied.values())
        finding = self._find.feed.latest
        seen = 1.0 if finding is not None and finding.complete else listed.seen
        return Board(tuple(streams), troubles, seen, denied, failure or listed.failure)

    def _with_details(self, stream: Stream) -> Stream:
        detail = self._details.get(stream.key)
        if detail is None:
            return stream
        groups = tuple(_joined(group, detail.groups.get(group.name)) for group in stream.groups)
        return replace(stream, bytes=detail.bytes, groups=groups)


def _joined(group: Group, detail: Group | None) -> Group:
    if detail is None:
        return group
    return replace(group, oldest=detail.oldest, poisoned=detail.poisoned, dead=detail.dead, members=detail.members)


def rank(stream: Stream, troubles: Sequence[Trouble]) -> tuple[int, int, float, bytes]:
    """Worst trouble first; then the furthest behind, roughly, so that rows do not change places all the time."""
    level = troubles[0].level if troubles else Level.FINE
    behind = len(str(stream.lag)) if stream.lag else 0
    return -level, -behind, -(stream.rate or 0.0) // 1, stream.key
