"""How each type of value is read: by commands whose time does not grow with the value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui.engine.failure import Failure
from tui.engine.onekey.elements import CUT, Element, Page, Piece, piece
from tui.engine.onekey.inspect import KeyFacts
from tui.engine.onekey.reading import PAGE, Ended, Questions, Reader
from tui.engine.patterns import escape

WINDOW = 64 * 1024
"""Bytes of a string read at once."""
MATCHED = 64 * 1024
"""Bytes one command should search at most: matching costs the server much more than copying."""
SCANNED = 300
"""Elements one command should go through at most; on Redis 7.0 a sorted set takes more than a microsecond for each."""
TOO_BIG = 2 * 1024 * 1024
"""Mean bytes of an element from which nothing is read: servers send elements only whole."""
HOPS = 1500
"""Nodes of a list that the server may walk to reach a place: half a millisecond with a cold cache."""
FROM_BOTH_ENDS = (7, 0)
"""The version from which servers walk to a place in a list from the nearer end; older ones begin at the head."""
NODE = 8192
"""Bytes in a node of a list (the servers' default)."""
SEARCH_WINDOWS = 8
"""Windows of a string asked for in one round trip of a search."""
AROUND = 40
"""Bytes shown before a match in a string, and twice as many behind it."""


def reader_of(facts: KeyFacts, text: bytes, questions: Questions) -> Reader:
    """Return the reader for a value of this type; with `text`, one that searches."""
    mean = facts.mean_size
    if facts.kind != "string" and mean is not None and mean > TOO_BIG:
        return _Unread(facts, text, questions)
    readers: dict[str, type[Reader]] = {
        "string": _Matches if text else _Windows,
        "list": _List,
        "set": _Scan,
        "hash": _Scan,
        "zset": _Scan if text else _Sorted,
        "stream": _Stream,
    }
    return readers.get(facts.kind, _Unread)(facts, text, questions)


class _Unread(Reader):
    """Names what is not read."""

    async def next(self) -> Page:
        size = self.facts.mean_size or 0
        if size > TOO_BIG:
            return Page(note=f"not read: elements of about {size >> 20} MB each come only whole")
        return Page(note=f"not read: {self.facts.kind} is a module's own type")


class Placed(Reader):
    """Reads what has places, from any of them on."""

    position = 0
    """Where the next page begins: a byte or an index."""


class _Windows(Placed):
    """A string, window by window."""

    async def next(self) -> Page:
        key, start = self.facts.key, self.position
        length, data = await self.questions.ask([b"STRLEN", key], [b"GETRANGE", key, start, start + WINDOW - 1])
        self.position = start + len(data)
        return Page((), data, start, self.position, self.position < length)


class _Matches(Reader):
    """A string, searched; each match with what stands around it."""

    position = 0

    async def next(self) -> Page:
        return await self.gather(self._step)

    async def _step(self) -> list[Element]:
        key, start = self.facts.key, self.position
        ahead = AROUND * 2 + len(self.text)
        places = range(start, start + SEARCH_WINDOWS * WINDOW, WINDOW)
        reads: list[Sequence[bytes | int]] = [
            [b"GETRANGE", key, max(0, at - AROUND), at + WINDOW - 1 + ahead] for at in places
        ]
        length, *windows = await self.questions.ask([b"STRLEN", key], *reads)
        found: list[Element] = []
        for at, window in zip(places, windows, strict=True):
            found += self._within(window, at - max(0, at - AROUND), at, PAGE - len(found))
            if len(found) >= PAGE:
                self.position = (found[-1].index or 0) + 1
                break
        else:
            self.position = start + len(windows) * WINDOW
        self.over = self.position >= length
        self.read = min(length, self.position)
        return found

    def _within(self, window: bytes, offset: int, at: int, most: int) -> list[Element]:
        """Find the matches that begin inside the window proper, which begins at `offset` in these bytes."""
        found: list[Element] = []
        place = window.find(self.text, offset)
        while 0 <= place < offset + WINDOW and len(found) < most:
            around = window[max(0, place - AROUND) : place + len(self.text) + 2 * AROUND]
            found.append(Element(Piece(around, len(around)), index=at + place - offset))
            place = window.find(self.text, place + 1)
        return found


class _List(Placed):
    """A list, by index. Its middle can be too far from both ends to go there."""

    _stopped = False
    """Whether the rest is too far."""

    async def next(self) -> Page:
        self.read = self.position
        self.over = False
        if self._far(self.facts.length or 0):
            self.over = True
            return Page(start=self.position, read=self.position, note=self._far_note())
        page = await self.gather(self._step)
        if not self._stopped:
            return page
        return replace(page, note=f"{page.note}; {self._far_note()}" if page.note else self._far_note())

    async def _step(self) -> list[Element]:
        key, start = self.facts.key, self.position
        count = self.sizes.count(SCANNED if self.text else PAGE)
        length, values = await self.questions.ask([b"LLEN", key], [b"LRANGE", key, start, start + count - 1])
        self.sizes.learn([len(value) for value in values])
        self.position = self.read = start + len(values)
        self._stopped = self._far(length)
        self.over = not values or self.position >= length or self._stopped
        return [Element(piece(value), index=index) for index, value in enumerate(values, start) if self.text in value]

    def _far(self, length: int) -> bool:
        near_end = length - self.position if self._from_both_ends else self.position
        return min(self.position, near_end) > self._reach()

    @property
    def _from_both_ends(self) -> bool:
        return self.questions.version >= FROM_BOTH_ENDS

    def _reach(self) -> int:
        return HOPS * max(1, NODE // (self.facts.mean_size or NODE))

    def _far_note(self) -> str:
        where = "either end" if self._from_both_ends else "its beginning"
        return (
            f"the rest is not read: the server would have to walk too far ({self._reach():,} from {where} can be read)"
        )


class _Sorted(Placed):
    """A sorted set in the order of its scores."""

    async def next(self) -> Page:
        self.read = self.position
        self.over = False
        return await self.gather(self._step)

    async def _step(self) -> list[Element]:
        key, start = self.facts.key, self.position
        count = self.sizes.count(PAGE)
        length, flat = await self.questions.ask(
            [b"ZCARD", key], [b"ZRANGE", key, start, start + count - 1, b"WITHSCORES"]
        )
        members, scores = flat[::2], flat[1::2]
        self.sizes.learn([len(member) for member in members])
        self.position = self.read = start + len(members)
        self.over = not members or self.position >= length
        pairs = enumerate(zip(members, scores, strict=True), start)
        return [Element(piece(member), index=index, score=score) for index, (member, score) in pairs]


class _Scan(Reader):
    """A set or hash, or a searched sorted set, by cursor."""

    _cursor = b"0"
    _field_ttls = True
    _denied: str | None = None

    async def next(self) -> Page:
        page = await self.gather(self._step)
        if self._denied is None:
            return page
        note = f"{page.note}; {self._denied}" if page.note else self._denied
        return Page(page.elements, page.data, page.start, page.read, page.more, note)

    async def _step(self) -> list[Element]:
        kind, key = self.facts.kind, self.facts.key
        command = {"set": b"SSCAN", "hash": b"HSCAN", "zset": b"ZSCAN"}[kind]
        count = self.sizes.count(PAGE)
        if self.text:  # long texts can take longer to compare
            octets = MATCHED if self.sizes.known else MATCHED * 16  # what does not match is never sent
            count = self.sizes.count(SCANNED, octets // (1 + len(self.text) // 16))
        match = [b"MATCH", b"*" + escape(self.text) + b"*"] if self.text else []
        (page,) = await self.questions.ask([command, key, self._cursor, *match, b"COUNT", count])
        self._cursor, flat = page
        self.over = self._cursor == b"0"
        width = 1 if kind == "set" else 2
        if not self.text:
            self.sizes.learn([sum(map(len, flat)) * width // len(flat)] if flat else [])
        length = self.facts.length or 0
        self.read = length if self.over else min(length, self.read + (count if self.text else len(flat) // width))
        if kind == "set":
            return [Element(piece(member)) for member in flat]
        if kind == "zset":
            return [Element(piece(member), score=score) for member, score in zip(flat[::2], flat[1::2], strict=True)]
        return await self._fields(flat[::2], flat[1::2])

    async def _fields(self, fields: Sequence[bytes], values: Sequence[bytes]) -> list[Element]:
        ends = await self._ends(fields) if self.facts.field_ttls and self._field_ttls else {}
        return [
            Element(piece(value), name=piece(field), expires_at=ends.get(field))
            for field, value in zip(fields, values, strict=True)
        ]

    async def _ends(self, fields: Sequence[bytes]) -> dict[bytes, float]:
        """Ask when fields expire, except of those whose names are too long to send back."""
        short = [field for field in fields if len(field) <= CUT]
        if not short:
            return {}
        try:
            (ttls,) = await self.questions.ask([b"HPTTL", self.facts.key, b"FIELDS", len(short), *short])
        except Ended as end:
            if not isinstance(end.answer, Failure):
                raise
            self._field_ttls = False  # each refusal is an error in the server's statistics
            self._denied = f"no TTLs of fields: {end.answer.sentence}"
            return {}
        now = self.questions.clock.wall()
        return {field: now + ttl / 1000 for field, ttl in zip(short, ttls, strict=True) if ttl >= 0}


class _Stream(Reader):
    """A stream, oldest entry first."""

    _last: bytes | None = None

    async def next(self) -> Page:
        return await self.gather(self._step)

    async def _step(self) -> list[Element]:
        key = self.facts.key
        count = self.sizes.count(SCANNED if self.text else PAGE)
        start = b"(" + self._last if self._last else b"-"
        (entries,) = await self.questions.ask([b"XRANGE", key, start, b"+", b"COUNT", count])
        self.read += len(entries)
        self.over = len(entries) < count
        if entries:
            self._last = entries[-1][0]
        self.sizes.learn([sum(map(len, words or ())) for _, words in entries])
        return [_entry(entry_id, words or ()) for entry_id, words in entries if self._wanted(entry_id, words or ())]

    def _wanted(self, entry_id: bytes, words: Sequence[bytes]) -> bool:
        return not self.text or self.text in entry_id or any(self.text in word for word in words)


def _entry(entry_id: bytes, words: Sequence[bytes]) -> Element:
    pieces = [piece(word) for word in words]
    return Element(Piece(b"", 0), name=piece(entry_id), fields=tuple(zip(pieces[::2], pieces[1::2], strict=True)))
