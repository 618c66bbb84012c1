"""What planned keys hold by now, read the same way as for the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import ReplyError
from tui.engine.info import Identity
from tui.engine.purge.expiry import FOREVER, GONE, Expiries
from tui.engine.purge.keystore import LOOSE, Item
from tui.engine.purge.looking import LENGTHS, NO_PRINT, loose_print
from tui.engine.purge.packing import each, has_errors, joined, tails_of

Ask: TypeAlias = Callable[[Exchange], Awaitable[Sequence[Reply]]]
NOTHING_BEFORE = exchange()


class Now(NamedTuple):
    """One key as it is."""

    mark: Reply
    """Its print; None when it is missing; or the error that was answered."""
    expiry: Reply
    """Milliseconds since 1970, -1 without; or an error."""
    payload: bytes | None
    """As DUMP gave it; None of a long key."""

    @property
    def refused(self) -> ReplyError | None:
        """Why it could not be looked at."""
        if isinstance(self.mark, ReplyError):
            return self.mark
        return self.expiry if isinstance(self.expiry, ReplyError) else None

    @property
    def is_missing(self) -> bool:
        """Whether there is no such key."""
        return self.mark is None or bool(self.expiry == GONE)

    def is_as(self, item: Item) -> bool:
        """Whether it is what was planned."""
        return bool(self.mark == item.print and self.expiry == item.expiry)


class Picture:
    """Some keys as they are, in order."""

    def __init__(self, marks: list[Reply], expiries: list[Reply], payloads: Sequence[Reply]) -> None:
        self.payloads = payloads
        self._marks = marks
        self._expiries = expiries

    def __iter__(self) -> Iterator[Now]:
        for mark, expiry, payload in zip(self._marks, self._expiries, self.payloads, strict=True):
            yield Now(mark, expiry, payload if isinstance(payload, bytes) else None)

    def is_as(self, items: Sequence[Item]) -> bool:
        """Whether all are what was planned; told at the speed of C, as it nearly always holds."""
        return self._marks == [item.print for item in items] and self._expiries == [item.expiry for item in items]

    @property
    def refusals(self) -> list[ReplyError]:
        """The errors among the answers."""
        if not has_errors(self._marks) and not has_errors(self._expiries):
            return []
        return [about.refused for about in self if about.refused is not None]


class Current:
    """Looks at planned keys on a connection of one's own."""

    def __init__(self, identity: Identity | None, ask: Ask) -> None:
        self._expiries = Expiries(identity)
        self._ask = ask

    async def of(self, items: Sequence[Item], before: Exchange = NOTHING_BEFORE) -> tuple[Sequence[Reply], Picture]:
        """Send what is to go before, then look at each; return the replies to both.

        A long key must stand alone among the items.
        """
        tails = tails_of([item.key for item in items])
        if len(items) == 1 and items[0].flags & LOOSE:
            return await self._long(items[0].key, tails, before)
        question = joined(before, each((b"DUMP",), tails), self._expiries.question(tails))
        replies = await self._ask(question)
        first, middle = before.expected, before.expected + len(items)
        expiries = await self._expiries.exact(self._ask, tails, self._expiries.read(replies[middle:]))
        payloads = replies[first:middle]
        marks = [payload[-8:] if type(payload) is bytes else payload for payload in payloads]
        return replies[:first], Picture(marks, expiries, payloads)

    async def exists(self, items: Sequence[Item]) -> Picture:
        """Ask no more than whether each is there; those that are have the print of keys nobody looked at."""
        kinds = await self._ask(each((b"TYPE",), tails_of([item.key for item in items])))
        marks = [kind if isinstance(kind, ReplyError) else None if kind == b"none" else NO_PRINT for kind in kinds]
        return Picture(marks, [FOREVER] * len(marks), [None] * len(marks))

    async def _long(self, key: bytes, tails: list[bytes], before: Exchange) -> tuple[Sequence[Reply], Picture]:
        about = exchange([b"TYPE", key], [b"MEMORY", b"USAGE", key])
        replies = await self._ask(joined(before, about, self._expiries.question(tails)))
        first = before.expected
        kind, size = replies[first : first + 2]
        (expiry,) = await self._expiries.exact(self._ask, tails, self._expiries.read(replies[first + 2 :]))
        return replies[:first], Picture([await self._print(key, kind, size)], [expiry], [None])

    async def _print(self, key: bytes, kind: Reply, size: Reply) -> Reply:
        for reply in (kind, size):
            if reply is None or isinstance(reply, ReplyError):
                return reply
        length: Reply = 0
        if kind in LENGTHS:
            (length,) = await self._ask(exchange([LENGTHS[kind], key]))
        return length if isinstance(length, ReplyError) else loose_print(kind, length, size)
