"""Where a tail is in each of its streams, and reading from there: forward, back, and to the newest entries.

Several streams are merged by time. Where one of them has more to read than fits, nothing is taken from the others that
would stand behind what is still to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.engine.cluster.routing import is_unsettled
from tui.engine.commands import Reply, exchange
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.streams.ids import Id, after, before, id_bytes, parse_id, time_of
from tui.engine.tail.window import Raw, lines_of

FEWEST = 10
"""Entries per stream and reply at least, however big they are."""
REPLY_BYTES = 256 * 1024
"""Bytes that one reply should have at most."""
MEAN_OVER = 20
"""Entries over which the mean size is followed."""


@dataclass(slots=True)
class Place:
    """What of one stream has been read."""

    last_id: bytes | None = None
    """Up to here; None before the first look."""
    seen: int | None = None
    """Entries added to the stream up to there, as the server counts them; None before 7.0."""
    start: Id | None = None
    """From here on; None when nothing is before that."""
    sought: Id | None = None
    """The same for a search, which goes back further than what is kept without it."""


class Places:
    """The places of some streams."""

    def __init__(self, deployment: Deployment) -> None:
        self.by_key: dict[bytes, Place] = {}
        self.failure: Failure | None = None
        """Why the last reading failed."""
        self.behind: list[bytes] = []
        """The streams of which the last reading forward left some."""
        self.searching = False
        """Whether what is read back is only searched, and not kept as a whole."""
        self._deployment = deployment
        self._mean_bytes = 0.0

    @property
    def new(self) -> list[bytes]:
        """The streams that were not looked at yet."""
        return [key for key, place in self.by_key.items() if place.last_id is None]

    @property
    def has_earlier(self) -> bool:
        """Whether there may be something before what was read."""
        return any(self._start(place) is not None for place in self.by_key.values())

    @property
    def sought(self) -> Id | None:
        """How far back a search has gone in all streams; None when it has come to their beginnings."""
        return max((place.sought for place in self.by_key.values() if place.sought is not None), default=None)

    def go(self, place: Id) -> None:
        """Go to an id in all streams: what is read next begins with it."""
        self.failure = None
        start = place if place > (0, 0) else None
        self.by_key = {key: Place(id_bytes(before(place)), None, start, start) for key in self.by_key}

    def search(self, *, on: bool) -> None:
        """Begin to search, or cease to."""
        self.searching = on
        for place in self.by_key.values():
            place.sought = place.start

    def forget_earlier(self, lines: Iterable[Raw], *, found: bool = False) -> None:
        """Take note that these, the oldest that were read (or `found` by the search), are not kept any more."""
        for source, entry_id in _last_of_each(lines).items():
            if source in self.by_key:
                self._begin(source, after(parse_id(entry_id)), searching=found)

    def forget_later(self, lines: Iterable[Raw]) -> None:
        """Take note that these, the newest that were read, are not kept any more; the newest come first."""
        for source, entry_id in _last_of_each(lines).items():
            if source in self.by_key:
                place = self.by_key[source]
                place.last_id, place.seen = id_bytes(before(parse_id(entry_id))), None

    async def read(self, most: int) -> list[Raw]:
        """Read once behind every place, at most so many entries of each stream."""
        places = {key: place for key, place in self.by_key.items() if place.last_id is not None}
        self.behind = []
        if not places:
            return []
        count = self._count(most)
        ids = [place.last_id or b"0-0" for place in places.values()]
        # TYPE tells which streams are gone: reading those counts as misses, which must not look like the application's.
        kinds = [[b"TYPE", key] for key in places]
        read = exchange([b"XREAD", b"COUNT", count, b"STREAMS", *places, *ids], *kinds)
        found: dict[bytes, list[Reply]] = {}
        answer = await self._deployment.try_ask(read)
        if isinstance(answer, Failure):
            self.failure = answer
            return []
        reply, *types = answer.replies
        if not self._accepts(reply, dict(zip(places, types, strict=True))):
            return []
        found.update((key, entries) for key, entries in reply or () if key in self.by_key)
        self.behind = [key for key, entries in found.items() if len(entries) >= count]
        ends = [entries[-1][0] for key, entries in found.items() if key in self.behind]
        horizon = min((parse_id(end) for end in ends if time_of(end) is not None), default=None)
        return self._merged({key: self._take(key, entries, horizon) for key, entries in found.items()})

    async def read_back(self, most: int) -> list[Raw]:
        """Read once before every place, at most so many entries of each stream."""
        starts = {key: start for key, place in self.by_key.items() if (start := self._start(place)) is not None}
        count = self._count(most)
        questions: list[list[bytes | int]] = [[b"TYPE", key] for key in starts]
        for key, start in starts.items():
            questions.append([b"XREVRANGE", key, id_bytes(before(start)), b"-", b"COUNT", count])
        found: dict[bytes, list[Reply]] = {}
        if not starts:
            return []
        answer = await self._deployment.try_ask(exchange(*questions))
        if isinstance(answer, Failure):
            self.failure = answer
            return []
        for key, reply in zip(starts, answer.replies[len(starts) :], strict=True):
            if isinstance(reply, ReplyError):
                self.failure = of_reply(reply, "+xrevrange")
                return []
            found[key] = reply
        ends = [entries[-1][0] for entries in found.values() if len(entries) >= count]
        horizon = max((parse_id(end) for end in ends if time_of(end) is not None), default=None)
        return self._merged({key: self._take_back(key, entries, count, horizon) for key, entries in found.items()})

    async def land(self, keys: Sequence[bytes], most: int) -> list[Raw]:
        """Go to the newest entries of some streams; a note tells how many that leaves out."""
        count = min(most, self._count(most))
        questions: list[list[bytes | int]] = []
        for key in keys:
            questions += [[b"XINFO", b"STREAM", key], [b"XREVRANGE", key, b"+", b"-", b"COUNT", count]]
        lines: list[Raw] = []
        answer = await self._deployment.try_ask(exchange(*questions))
        if isinstance(answer, Failure):
            self.failure = answer
            return []
        for key, info, entries in zip(keys, answer.replies[::2], answer.replies[1::2], strict=True):
            if isinstance(entries, ReplyError):
                self.failure = of_reply(entries, "+xrevrange")
                if not is_unsettled(entries):
                    self.by_key.pop(key, None)
            elif key in self.by_key:
                lines += self._landed(key, info, entries[::-1], more=len(entries) >= count)
        self._weigh(lines)
        if len(keys) > 1:
            lines.sort(key=_order)
        return lines

    def _count(self, most: int) -> int:
        return max(FEWEST, min(most, int(REPLY_BYTES / max(1.0, self._mean_bytes))))

    def _accepts(self, reply: Reply, kinds: Mapping[bytes, Reply]) -> bool:
        """Look at errors, and at what has become of the streams."""
        for key, kind in kinds.items():
            if kind == b"none":
                self.by_key[key] = Place(b"0-0", 0)  # if it is made anew its ids may begin anywhere
            elif isinstance(kind, bytes) and kind != b"stream":
                self.by_key.pop(key, None)  # it became something else; XREAD does not tell which one it was
        self.failure = of_reply(reply, "+xread") if isinstance(reply, ReplyError) else None
        return self.failure is None

    def _take(self, key: bytes, entries: list[Reply], horizon: Id | None) -> list[Reply]:
        """Go on behind the entries up to the horizon; ids that are no times know none."""
        if horizon is not None and time_of(entries[-1][0]) is not None:
            entries = [entry for entry in entries if parse_id(entry[0]) <= horizon]
        if entries:
            place = self.by_key[key]
            place.last_id = entries[-1][0]
            place.seen = None if place.seen is None else place.seen + len(entries)
        return entries

    def _take_back(self, key: bytes, entries: list[Reply], count: int, horizon: Id | None) -> list[Reply]:
        """Go back before the entries (the newest first) down to the horizon."""
        whole = len(entries)
        if entries and horizon is not None and time_of(entries[-1][0]) is not None:
            entries = [entry for entry in entries if parse_id(entry[0]) >= horizon]
        if len(entries) == whole < count:
            self._begin(key, None, searching=self.searching)
        elif entries:
            self._begin(key, parse_id(entries[-1][0]), searching=self.searching)
        return entries[::-1]

    def _start(self, place: Place) -> Id | None:
        return place.sought if self.searching else place.start

    def _begin(self, key: bytes, start: Id | None, *, searching: bool) -> None:
        if searching:
            self.by_key[key].sought = start
        else:
            self.by_key[key].start = start

    def _merged(self, found: Mapping[bytes, list[Reply]]) -> list[Raw]:
        """Make lines, in the order of their ids when there are several streams."""
        lines = [line for key, entries in found.items() for line in lines_of(key, entries)]
        self._weigh(lines)
        return sorted(lines, key=_order) if len(found) > 1 else lines

    def _weigh(self, lines: Sequence[Raw]) -> None:
        if lines:
            last = lines[-MEAN_OVER:]
            self._mean_bytes += (sum(sum(map(len, line[2])) for line in last) / len(last) - self._mean_bytes) / 2

    def _landed(self, key: bytes, info: Reply, entries: list[Reply], *, more: bool) -> list[Raw]:
        """Go on behind these newest entries; returns those that were not shown, after a note of what was left out."""
        place = self.by_key[key]
        told = dict(zip(info[::2], info[1::2], strict=True)) if isinstance(info, list) else {}
        added: int | None = told.get(b"entries-added")
        note: list[Raw] = []
        if place.last_id is None:
            place.start = place.sought = parse_id(entries[0][0]) if more else None
        else:
            shown = parse_id(place.last_id)
            entries = [entry for entry in entries if parse_id(entry[0]) > shown]
            skipped = None if added is None or place.seen is None else added - place.seen - len(entries)
            if skipped is None or skipped > 0:
                note = [(key, b"", (), skipped)]
        place.last_id = entries[-1][0] if entries else told.get(b"last-generated-id", b"0-0")
        place.seen = added
        return [*note, *lines_of(key, entries)]


def _last_of_each(lines: Iterable[Raw]) -> dict[bytes, bytes]:
    """Return the last id of each source."""
    return {line[0]: line[1] for line in lines if line[1]}


def _order(line: Raw) -> Id:
    return parse_id(line[1] or b"0")
