"""The live tail of chosen streams: what is added, as it is added, in bounded memory and at a human pace.

XREAD without BLOCK at a steady pace instead of a blocking read: it needs no connection of its own, can be paused and
retargeted at any time, and one call serves all chosen streams. When a stream is faster than anyone can read, the tail
jumps to its newest entries and says how many it left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.cluster.routing import is_unsettled
from tui.engine.commands import Reply, exchange
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.session import Collector, Session

MOST = 300
"""Entries taken per stream and read; more than that in one tick, and the tail jumps."""
FEWEST = 10
"""The same at least, however big they are."""
READ_BYTES = 8 << 20
"""Bytes that one read should bring at most."""
MEAN_OVER = 10
"""Entries over which the mean size is followed."""
FIRST = 20
"""Entries shown of a stream's past when it is chosen."""
KEPT = 2000
"""Entries kept to scroll back."""
FASTEST = 1.0
"""Seconds between reads while something comes, when the interval is longer: a tail should not lag far behind."""
VALUE_CUT = 2000
"""Bytes of a field's name or value that are kept; a 1 MB payload would otherwise be held 2,000 times."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry, or (without `id`) a note that entries were skipped."""

    number: int
    """Counts up from 1 without holes, so that a watcher knows what it has drawn already."""
    stream: bytes
    id: bytes | None
    fields: tuple[tuple[bytes, bytes], ...]
    skipped: int | None = None
    """How many entries were left out here; None with no `id` when their number is not known."""


@dataclass(frozen=True, slots=True)
class TailSnapshot:
    """What has come in."""

    entries: Sequence[Entry]
    """Oldest first."""
    chosen: tuple[bytes, ...]
    failure: Failure | None = None


@dataclass(slots=True)
class _Follow:
    """Where the tail is in one stream."""

    last_id: bytes | None = None
    seen: int | None = None
    """Entries added to the stream up to `last_id`, as the server counts them; None before 7.0."""


class Tail(Collector[TailSnapshot]):
    """Reads the chosen streams while watched."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._follows: dict[bytes, _Follow] = {}
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._number = 0
        self._mean_bytes = 0.0
        """Of an entry, lately: a stream of 1 MB payloads must not be read 300 at a time."""

    @property
    def chosen(self) -> tuple[bytes, ...]:
        """The streams that are followed."""
        return tuple(self._follows)

    def choose(self, keys: Sequence[bytes]) -> None:
        """Follow these streams from now on; what was shown of others stays to be scrolled back to."""
        self._follows = {key: self._follows.get(key, _Follow()) for key in keys}
        self.session.pace.nudge()

    async def run(self) -> None:
        """Read at every tick, and more often while entries come."""
        pace = self.session.pace
        async for _ in self.ticks():
            busy = True
            while busy and self.feed.watched and not pace.paused:
                failure, busy = await self._read()
                self.feed.publish(TailSnapshot(tuple(self._entries), self.chosen, failure))
                if pace.interval <= FASTEST:
                    break  # the next tick is soon enough
                if busy:
                    await self.feed.shown()
                    await pace.rest(FASTEST)

    async def _read(self) -> tuple[Failure | None, bool]:
        """Read what is new; returns a failure, if any, and whether anything came."""
        new = [key for key, follow in self._follows.items() if follow.last_id is None]
        failure = await self._jump(new, FIRST) if new else None
        following = {key: follow for key, follow in self._follows.items() if follow.last_id is not None}
        if failure is not None or not following:
            return failure, bool(new)
        ids = [follow.last_id or b"$" for follow in following.values()]
        # TYPE tells which streams are gone: reading those counts as misses, which must not look like the application's.
        kinds = ([b"TYPE", key] for key in following)
        most = max(FEWEST, min(MOST, int(READ_BYTES / max(1.0, self._mean_bytes))))
        read = exchange([b"XREAD", b"COUNT", most, b"STREAMS", *following, *ids], *kinds)
        came = bool(new)
        behind: list[bytes] = []
        fresh: list[tuple[bytes, Reply]] = []
        answer = await self.session.deployment.try_ask(read)
        if isinstance(answer, Failure):
            return answer, False
        reply = answer.replies[0]
        if isinstance(reply, ReplyError):
            if reply.code == "WRONGTYPE":
                await self._leave_others(list(following))
            return of_reply(reply, "+xread"), False
        for key, entries in reply or ():
            came = True
            if len(entries) >= most:
                behind.append(key)
            else:
                fresh += [(key, entry) for entry in entries]
        for key, (entry_id, _) in fresh:
            follow = following[key]
            follow.last_id = entry_id
            follow.seen = follow.seen + 1 if follow.seen is not None else None
        self._append(fresh)
        if behind:
            failure = await self._jump(behind, max(1, most // 3))
        return failure, came

    async def _leave_others(self, keys: Sequence[bytes]) -> None:
        """Stop following what is no stream any more: XREAD does not tell which one it was."""
        answer = await self.session.deployment.try_ask(exchange(*([b"TYPE", key] for key in keys)))
        if not isinstance(answer, Failure):
            for key, kind in zip(keys, answer.replies, strict=True):
                if kind not in (b"stream", b"none") and not is_unsettled(kind):
                    self._follows.pop(key, None)

    async def _jump(self, keys: Sequence[bytes], count: int) -> Failure | None:
        """Go to the newest entries of some streams, and note how many that leaves out."""
        questions: list[Sequence[bytes | int]] = []
        for key in keys:
            questions += [[b"XINFO", b"STREAM", key], [b"XREVRANGE", key, b"+", b"-", b"COUNT", count]]
        failure = None
        fresh: list[tuple[bytes, Reply]] = []
        answer = await self.session.deployment.try_ask(exchange(*questions))
        if isinstance(answer, Failure):
            return answer
        for key, info, entries in zip(keys, answer.replies[::2], answer.replies[1::2], strict=True):
            if isinstance(entries, ReplyError):
                failure = of_reply(entries, "+xrevrange")
                if not is_unsettled(entries):
                    self._follows.pop(key, None)
            elif key in self._follows:
                fresh += [(key, entry) for entry in self._land(key, info, entries[::-1])]
        self._append(fresh)
        return failure

    def _land(self, key: bytes, info: Reply, entries: Sequence[Reply]) -> Sequence[Reply]:
        """Continue behind these newest entries; returns those not shown yet."""
        follow = self._follows[key]
        told = dict(zip(info[::2], info[1::2], strict=True)) if isinstance(info, list) else {}
        added = told.get(b"entries-added")
        if follow.last_id is not None:
            first = follow.last_id
            entries = [entry for entry in entries if _order(entry[0]) > _order(first)]
            skipped = None
            if added is not None and follow.seen is not None and added >= follow.seen + len(entries):
                skipped = added - follow.seen - len(entries)
            if skipped != 0:
                self._add(Entry(self._number + 1, key, None, (), skipped))
        follow.last_id = entries[-1][0] if entries else told.get(b"last-generated-id", b"0-0")
        follow.seen = added
        return entries

    def _append(self, fresh: list[tuple[bytes, Reply]]) -> None:
        """Add entries of several streams in the order of their ids, which are times unless somebody chose otherwise."""
        fresh.sort(key=lambda item: _order(item[1][0]))
        for key, (entry_id, values) in fresh:
            if key not in self._follows:
                continue
            size = sum(map(len, values or ()))
            self._mean_bytes += (size - self._mean_bytes) / MEAN_OVER
            words = [value[:VALUE_CUT] for value in values or ()]
            fields = tuple(zip(words[::2], words[1::2], strict=True))
            self._add(Entry(self._number + 1, key, entry_id, fields))

    def _add(self, entry: Entry) -> None:
        self._number = entry.number
        self._entries.append(entry)


def _order(entry_id: bytes) -> tuple[int, int]:
    time, _, sequence = entry_id.partition(b"-")
    return int(time), int(sequence or 0)
