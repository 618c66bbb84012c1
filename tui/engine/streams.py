"""Every stream the survey has found: length, rate, groups and how far they are behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.session import Collector, Session
from tui.engine.survey import Survey

PER_TICK = 100
"""Streams asked about per tick; with more, they take turns, so that thousands of streams cost no more."""


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group."""

    name: bytes
    lag: int | None
    """Entries not yet delivered to it; None when the server cannot say (before 7.0, or after deletions)."""
    pending: int
    """Entries delivered and not yet acknowledged."""
    consumers: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as of its last look."""

    key: bytes
    length: int
    rate: float | None
    """Entries added per second; None until known, and before 7.0 (no count of additions) when it was trimmed."""
    last_id: bytes
    groups: tuple[Group, ...]
    denied: str | None = None
    """Why the groups are not known: a sentence that names the ACL rule."""

    @property
    def lag(self) -> int | None:
        """The worst known lag of its groups; None without groups or when no group's is known."""
        return max((group.lag for group in self.groups if group.lag is not None), default=None)

    @property
    def pending(self) -> int:
        """Pending entries over all groups."""
        return sum(group.pending for group in self.groups)


@dataclass(frozen=True, slots=True)
class Streams:
    """What the stream pane lists."""

    streams: tuple[Stream, ...]
    """The busiest first."""
    seen: float
    """The fraction of the keyspace that has been searched for streams."""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    added: int | None
    length: int
    first_id: bytes | None
    last_id: bytes


class StreamList(Collector[Streams]):
    """Looks at the streams at every tick while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._survey = session.of(Survey)
        self._known: dict[bytes, Stream] = {}
        self._looks: dict[bytes, _Look] = {}
        self._next = 0

    async def run(self) -> None:
        """Publish at every tick while watched."""
        async for _ in self.ticks(self._survey.feed):
            if self._survey.feed.latest is None:
                await self._survey.feed.changed()
            keyspace = self._survey.feed.latest
            assert keyspace is not None
            failure = await self._look(self._turn(keyspace.streams))
            self._known = {key: self._known[key] for key in keyspace.streams if key in self._known}
            self._looks = {key: self._looks[key] for key in self._known if key in self._looks}
            known = list(self._known.values())
            known.sort(key=lambda stream: (-(stream.rate or 0.0) // 1, stream.key))
            self.feed.publish(Streams(tuple(known), keyspace.seen, failure or keyspace.failure))

    def _turn(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        if len(keys) <= PER_TICK:
            return keys
        start = self._next % len(keys)
        self._next = start + PER_TICK
        return [*keys[start : start + PER_TICK], *keys[: max(0, start + PER_TICK - len(keys))]]

    async def _look(self, keys: Sequence[bytes]) -> Failure | None:
        if not keys:
            return None
        questions = [[b"XINFO", what, key] for key in keys for what in (b"STREAM", b"GROUPS")]
        answers = await self.session.deployment.ask_all(exchange(*questions))
        now = self.session.clock.now()
        for answer in answers:
            if isinstance(answer, Failure):
                return answer
            pairs = zip(keys, answer.replies[::2], answer.replies[1::2], strict=True)
            for key, stream, groups in pairs:
                self._take(key, stream, groups, now)
        return None

    def _take(self, key: bytes, stream: Reply, groups: Reply, now: float) -> None:
        if isinstance(stream, ReplyError):
            if stream.code == "NOPERM":
                self._known[key] = Stream(key, 0, None, b"", (), of_reply(stream, "+xinfo|stream").sentence)
            elif stream.code in {"ERR", "WRONGTYPE"}:
                self._known.pop(key, None)  # gone, or another type by now
            return
        fields = _fields(stream)
        length, last_id = fields[b"length"], fields[b"last-generated-id"]
        first = fields.get(b"first-entry")
        look = _Look(now, fields.get(b"entries-added"), length, first[0] if first else None, last_id)
        rate = _rate(self._looks.get(key), look)
        self._looks[key] = look
        if isinstance(groups, ReplyError):
            self._known[key] = Stream(key, length, rate, last_id, (), of_reply(groups, "+xinfo|groups").sentence)
            return
        found = tuple(_group(_fields(group), length, last_id) for group in groups)
        self._known[key] = Stream(key, length, rate, last_id, found)


def _fields(reply: Sequence[Reply]) -> Mapping[bytes, Reply]:
    """Read a RESP2 map: names and values in turn."""
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _group(fields: Mapping[bytes, Reply], length: int, last_id: bytes) -> Group:
    lag = fields.get(b"lag")
    if lag is None and fields[b"last-delivered-id"] == last_id:
        lag = 0  # whatever was deleted: it has been given the newest entry
    return Group(fields[b"name"], lag, fields[b"pending"], fields[b"consumers"])


def _rate(before: _Look | None, after: _Look) -> float | None:
    if before is None or after.at <= before.at:
        return None
    if before.added is not None and after.added is not None:
        added = after.added - before.added
    elif before.last_id == after.last_id:
        added = 0
    elif before.first_id in {None, after.first_id}:
        added = after.length - before.length
    else:
        return None  # trimmed: before 7.0 the server does not tell how many came
    return added / (after.at - before.at) if added >= 0 else None
