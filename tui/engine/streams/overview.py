"""Every stream that has been found: length, rate, groups and how far they are behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.session import Collector, Session
from tui.engine.streams.ids import parse_id
from tui.engine.streams.look import Group, Look, Pending, Stream, denial, group_of, look_of
from tui.engine.survey import Survey

__all__ = ["PER_TICK", "Group", "Pending", "Stream", "StreamList", "Streams"]

PER_TICK = 100
"""Known streams asked about per tick; with more, they take turns, so that thousands of streams cost no more."""
PAGE = 100
"""Streams in one round trip: a millisecond of the server's time."""
TICK_BYTES = 4 << 20
"""Bytes of replies per tick: XINFO STREAM brings the first and the last entry whole, which may be megabytes."""


@dataclass(frozen=True, slots=True)
class Streams:
    """What the stream pane lists."""

    streams: tuple[Stream, ...]
    """The busiest first."""
    seen: float
    """The fraction of the keyspace that has been searched for streams."""
    failure: Failure | None = None


class _Memory(NamedTuple):
    """What the last look at a stream leaves for the next."""

    at: float
    look: Look
    reading: dict[bytes, tuple[bytes, float, bytes]]
    """By group: the id delivered last, since when (clock seconds) it stands there, and the newest id of that time."""


class StreamList(Collector[Streams]):
    """Looks at the streams at every tick while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._survey = session.of(Survey)
        self._known: dict[bytes, Stream] = {}
        self._looks: dict[bytes, _Memory] = {}
        self._found: dict[bytes, None] = {}
        self._preferred: Sequence[bytes] = ()
        self._next = 0

    def prefer(self, keys: Sequence[bytes]) -> None:
        """Look at these streams (the visible ones) at every tick, before all others."""
        self._preferred = keys[:PER_TICK]

    def found(self, keys: Iterable[bytes]) -> None:
        """Take in streams that were found before the survey has come to them."""
        self._found.update(dict.fromkeys(keys))

    async def run(self) -> None:
        """Publish at every tick while watched."""
        async for _ in self.ticks(self._survey.feed):
            if self._survey.feed.latest is None and not self._found:
                await self._survey.feed.changed()
            keyspace = self._survey.feed.latest
            if keyspace is not None and keyspace.complete:
                self._found.clear()
            keys = list(dict.fromkeys((*(keyspace.streams if keyspace else ()), *self._found)))
            failure = await self._look_at(keys)
            there = set(keys)
            self._known = {key: stream for key, stream in self._known.items() if key in there}
            self._looks = {key: look for key, look in self._looks.items() if key in self._known}
            known = sorted(self._known.values(), key=lambda stream: (-(stream.rate or 0.0) // 1, stream.key))
            seen, trouble = (keyspace.seen, keyspace.failure) if keyspace else (0.0, None)
            self.feed.publish(Streams(tuple(known), seen, failure or trouble))

    async def _look_at(self, keys: Sequence[bytes]) -> Failure | None:
        """Look at what is new, however much that is, and at as many of the others as are due."""
        new = [key for key in keys if key not in self._known]
        due = self._turn([key for key in keys if key in self._known])
        for start in range(0, len(new) + len(due), PAGE):
            failure = await self._look((new + due)[start : start + PAGE])
            if failure is not None:
                return failure
        return None

    def _turn(self, keys: Sequence[bytes]) -> list[bytes]:
        """Choose whose turn it is: the visible ones, then the others one after the other."""
        there = set(keys)
        first = [key for key in self._preferred if key in there]
        start = self._next % len(keys) if keys else 0
        due = list(dict.fromkeys((*first, *keys[start:], *keys[:start])))[:PER_TICK]
        weights = accumulate(self._looks[key].look.weight if key in self._looks else 0 for key in due)
        due = due[: max(1, sum(total <= TICK_BYTES for total in weights))]
        self._next = start + max(1, len(due) - len(first))
        return due

    async def _look(self, keys: Sequence[bytes]) -> Failure | None:
        questions = [[b"XINFO", what, key] for key in keys for what in (b"STREAM", b"GROUPS")]
        answer = await self.session.deployment.try_ask(exchange(*questions))
        if isinstance(answer, Failure):
            return answer
        now = self.session.clock.now()
        for key, stream, groups in zip(keys, answer.replies[::2], answer.replies[1::2], strict=True):
            self._take(key, stream, groups, now)
        return None

    def _take(self, key: bytes, stream: Reply, groups: Reply, now: float) -> None:
        if isinstance(stream, ReplyError):
            if sentence := denial(stream, "+xinfo|stream"):
                self._known[key] = Stream(key, 0, None, b"", (), sentence)
            elif stream.code in {"ERR", "WRONGTYPE"}:
                self._known.pop(key, None)  # gone, or another type by now
                self._found.pop(key, None)
            return
        look, before = look_of(stream), self._looks.get(key)
        seen = _stream(key, look, rate=_rate(before, look, now))
        if isinstance(groups, ReplyError):
            self._looks[key] = _Memory(now, look, {})
            self._known[key] = replace(seen, denied=of_reply(groups, "+xinfo|groups").sentence)
            return
        found = [group_of(group, look) for group in groups]
        standing = {group.name: _standing(before, group, look, now) for group in found}
        self._looks[key] = _Memory(now, look, standing)
        self._known[key] = replace(seen, groups=tuple(_judged(group, standing, look, now) for group in found))


def _stream(key: bytes, look: Look, rate: float | None) -> Stream:
    return Stream(key, look.length, rate, look.last_id, (), None, look.first_id, look.newest_id)


def _standing(before: _Memory | None, group: Group, look: Look, now: float) -> tuple[bytes, float, bytes]:
    """Return where the group stands, and since when."""
    stood = before.reading.get(group.name) if before else None
    return stood if stood and stood[0] == group.delivered else (group.delivered, now, look.last_id)


def _judged(group: Group, standing: dict[bytes, tuple[bytes, float, bytes]], look: Look, now: float) -> Group:
    """Add for how long the group has read nothing though entries came."""
    delivered, since, newest_then = standing[group.name]
    came = newest_then != look.last_id and parse_id(delivered) < parse_id(look.last_id)
    return replace(group, stuck_for=now - since) if came and group.lag != 0 else group


def _rate(before: _Memory | None, after: Look, now: float) -> float | None:
    if before is None or now <= before.at:
        return None
    then = before.look
    if then.added is not None and after.added is not None:
        added = after.added - then.added
    elif then.last_id == after.last_id:
        added = 0
    elif then.first_id in {None, after.first_id}:
        added = after.length - then.length
    else:
        return None  # trimmed: before 7.0 the server does not tell how many came
    return added / (now - before.at) if added >= 0 else None
