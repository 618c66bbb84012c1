"""A value, page by page: bounded reads only, so that a huge one opens as fast as a small one.

No command asks for more than the server answers within a fraction of a millisecond, and what comes back is cut at
once. A key that vanishes or becomes another type meanwhile is an answer, not an error: every question asks for its
type too, which also tells whether it counted as a hit or a miss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.engine.commands import Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.inspect import KeyFacts, Missing, ask, look
from tui.engine.patterns import escape

PAGE = 100
"""Elements of a page: a screenful, with some to scroll."""
WINDOW = 64 * 1024
"""Bytes of a string read at once."""
CUT = 4096
"""Bytes kept of one element."""
REPLY = 512 * 1024
"""Bytes one reply should have at most: copying them takes the server about a tenth of a millisecond."""
MATCHED = 64 * 1024
"""Bytes one command should search at most: matching costs the server much more than copying."""
SCANNED = 300
"""Elements one command should go through at most; on Redis 7.0 a sorted set takes more than a microsecond for each."""
TOO_BIG = 2 * 1024 * 1024
"""Mean bytes of an element from which nothing is read: servers send elements only whole."""
UNKNOWN = 16 * 1024
"""Bytes an element is taken to have until it is known, which it is unless MEMORY USAGE is denied."""
HOPS = 1500
"""Nodes of a list that the server may walk to reach a place: half a millisecond with a cold cache."""
FROM_BOTH_ENDS = (7, 0)
"""The version from which servers walk to a place in a list from the nearer end; older ones begin at the head."""
NODE = 8192
"""Bytes in a node of a list (the servers' default)."""
SEARCH_FOR = 0.3
"""Seconds one call may search before it returns with what it has found, so that progress can be shown."""
SEARCH_WINDOWS = 8
"""Windows of a string asked for in one round trip of a search."""
AROUND = 40
"""Bytes shown before a match in a string, and twice as many behind it."""


class Piece(NamedTuple):
    """Some bytes, cut to a bound."""

    data: bytes
    size: int
    """Bytes it has in all."""

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it than is here."""
        return len(self.data) < self.size


def piece(data: bytes) -> Piece:
    """Keep the beginning of some bytes."""
    return Piece(data[:CUT], len(data))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a value."""

    value: Piece
    """An element of a list, a member of a set or sorted set, the value of a hash's field, a match in a string; empty
    for an entry of a stream."""
    index: int | None = None
    """Its place in a list or sorted set, counted from 0; the byte offset of a match in a string."""
    name: Piece | None = None
    """The field of a hash, the id of a stream's entry."""
    score: bytes | None = None
    """Of a member of a sorted set, as the server writes it."""
    fields: tuple[tuple[Piece, Piece], ...] = ()
    """Of an entry of a stream."""
    expires_at: float | None = None
    """When a field of a hash expires: wall-clock seconds; None without a TTL."""


@dataclass(frozen=True, slots=True)
class Page:
    """The next elements, or the next window of a string."""

    elements: tuple[Element, ...] = ()
    data: bytes = b""
    """Of a string: the window itself."""
    start: int = 0
    """How much of the value comes before: bytes or elements."""
    read: int = 0
    """How much of it has been read (or searched) up to the end of this page."""
    more: bool = False
    """Whether there is another page."""
    note: str | None = None
    """What a person should know: one safe sentence."""


class _Ended(Exception):  # noqa: N818 - carries an answer out of the readers
    """There is no page; `answer` says why."""

    def __init__(self, answer: KeyFacts | Missing | Failure) -> None:
        super().__init__()
        self.answer = answer


class Pages:
    """Reads one value forward. With `text`, only what contains it.

    Sets, hashes and searched sorted sets come in the server's own order, in which an element may come twice while the
    value changes. A search looks at the members of sets and sorted sets, the fields of hashes, and everything in
    lists, streams and strings; upper and lower case are told apart.
    """

    def __init__(self, deployment: Deployment, facts: KeyFacts, text: bytes = b"") -> None:
        self.facts = facts
        self.text = text
        self._deployment = deployment
        self._reader = _reader(facts, text, _Questions(deployment, facts))

    @property
    def can_seek(self) -> bool:
        """Whether `at` works: strings, lists and sorted sets that are not searched."""
        return isinstance(self._reader, _Windows | _List | _Sorted)

    async def next(self) -> Page | KeyFacts | Missing | Failure:
        """Return the next page; after the last one, an empty page.

        KeyFacts are a new look: the key has become another type, so begin new Pages with them.
        """
        try:
            return await self._reader.next()
        except _Ended as end:
            return end.answer

    async def at(self, position: int) -> Page | KeyFacts | Missing | Failure:
        """Return the page that begins at a byte (strings) or an index, and go on from there.

        Raises:
            ValueError: this value has no places (see `can_seek`).
        """
        if not isinstance(self._reader, _Windows | _List | _Sorted):
            raise ValueError("this value can only be read from its beginning")  # noqa: TRY004 - not the argument's type
        self._reader.position = max(0, position)
        return await self.next()


class _Questions:
    """Asks about one key; whatever is not the expected answer ends the reading."""

    def __init__(self, deployment: Deployment, facts: KeyFacts) -> None:
        self.clock = deployment.clock
        identity = deployment.nodes[0].identity
        self.version = identity.version_tuple if identity else ()
        self._deployment = deployment
        self._facts = facts

    async def ask(self, *commands: Sequence[bytes | int]) -> list[Reply]:
        """Ask in one round trip, the key's type first.

        Raises:
            _Ended: gone, of another type, refused, or no server.
        """
        key = self._facts.key
        answer = await ask(self._deployment, [b"TYPE", key], *commands)
        if isinstance(answer, Failure):
            raise _Ended(answer)
        kind, *replies = answer.replies
        if kind == b"none":
            raise _Ended(Missing(key))
        wrong = any(isinstance(reply, ReplyError) and reply.code == "WRONGTYPE" for reply in replies)
        if wrong or kind != self._facts.kind.encode():
            raise _Ended(await look(self._deployment, key))
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ReplyError):
                raise _Ended(of_reply(reply, f"+{str(command[0], 'ascii').lower()}"))  # type: ignore[arg-type]
        return replies


class _Sizes:
    """How many elements to ask for, so that a reply stays within its bytes."""

    def __init__(self, facts: KeyFacts) -> None:
        self._mean = facts.mean_size or UNKNOWN

    def count(self, most: int, octets: int = REPLY) -> int:
        return max(1, min(most, octets // max(1, self._mean)))

    def learn(self, sizes: Sequence[int]) -> None:
        """Take what has come for what will come."""
        if sizes:
            self._mean = max(1, sum(sizes) // len(sizes))


class _Reader(ABC):
    """Reads one type of value."""

    def __init__(self, facts: KeyFacts, text: bytes, questions: _Questions) -> None:
        self.facts = facts
        self.text = text
        self.questions = questions
        self.sizes = _Sizes(facts)
        self.read = 0
        self.over = False

    @abstractmethod
    async def next(self) -> Page:
        """Return the next page."""

    async def gather(self, step: Callable[[], Awaitable[list[Element]]]) -> Page:
        """Take steps until a page is full, all is read, or it has taken long enough."""
        start, began = self.read, self.questions.clock.now()
        found: list[Element] = []
        while not self.over and len(found) < PAGE:
            found += await step()
            if self.questions.clock.now() - began > SEARCH_FOR:
                break
        return Page(tuple(found), b"", start, self.read, not self.over, _cut_note(found))


def _reader(facts: KeyFacts, text: bytes, questions: _Questions) -> _Reader:
    mean = facts.mean_size
    if facts.kind != "string" and mean is not None and mean > TOO_BIG:
        return _Unread(facts, text, questions)
    readers: dict[str, type[_Reader]] = {
        "string": _Matches if text else _Windows,
        "list": _List,
        "set": _Scan,
        "hash": _Scan,
        "zset": _Scan if text else _Sorted,
        "stream": _Stream,
    }
    return readers.get(facts.kind, _Unread)(facts, text, questions)


class _Unread(_Reader):
    """Names what is not read."""

    async def next(self) -> Page:
        size = self.facts.mean_size or 0
        if size > TOO_BIG:
            return Page(note=f"not read: elements of about {size >> 20} MB each come only whole")
        return Page(note=f"not read: {self.facts.kind} is a module's own type")


class _Windows(_Reader):
    """A string, window by window."""

    position = 0

    async def next(self) -> Page:
        key, start = self.facts.key, self.position
        length, data = await self.questions.ask([b"STRLEN", key], [b"GETRANGE", key, start, start + WINDOW - 1])
        self.position = start + len(data)
        return Page((), data, start, self.position, self.position < length)


class _Matches(_Reader):
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


class _List(_Reader):
    """A list, by index. Its middle can be too far from both ends to go there."""

    position = 0

    async def next(self) -> Page:
        self.read = self.position
        self.over = False
        if self._far(self.facts.length or 0):
            self.over = True
            return Page(start=self.position, read=self.position, note=self._far_note())
        return await self.gather(self._step)

    async def _step(self) -> list[Element]:
        key, start = self.facts.key, self.position
        count = self.sizes.count(SCANNED if self.text else PAGE)
        length, values = await self.questions.ask([b"LLEN", key], [b"LRANGE", key, start, start + count - 1])
        self.sizes.learn([len(value) for value in values])
        self.position = self.read = start + len(values)
        self.over = not values or self.position >= length or self._far(length)
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
            f"not read: the server would have to walk there; this list can be read up to {self._reach():,} from {where}"
        )


class _Sorted(_Reader):
    """A sorted set in the order of its scores."""

    position = 0

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


class _Scan(_Reader):
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
            count = self.sizes.count(SCANNED, MATCHED // (1 + len(self.text) // 16))
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
        except _Ended as end:
            if not isinstance(end.answer, Failure):
                raise
            self._field_ttls = False  # each refusal is an error in the server's statistics
            self._denied = f"no TTLs of fields: {end.answer.sentence}"
            return {}
        now = self.questions.clock.wall()
        return {field: now + ttl / 1000 for field, ttl in zip(short, ttls, strict=True) if ttl >= 0}


class _Stream(_Reader):
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


def _cut_note(elements: Sequence[Element]) -> str | None:
    """Say how many elements are shown in part."""
    cut = sum(
        any(
            part.is_cut for part in (element.value, *([element.name] if element.name else []), *sum(element.fields, ()))
        )
        for element in elements
    )
    return f"{cut} cut to {CUT // 1024} KB" if cut else None
