"""Questions about what keys hold, a page at a time, with rests: reading values is the dear part of a look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from tui.engine.commands import Exchange, Reply, exchange, rule_of
from tui.engine.failure import ReplyError, of_reply
from tui.engine.link import Answer
from tui.engine.schema.source import Value
from tui.engine.streams.look import fields_of

PAGE = 50
"""Keys asked about in one round trip: values are bigger than what a survey asks, so fewer at once."""
VALUE = 16 * 1024
"""Bytes of a string that are read: documents that name a user do so near their beginning."""

WALKED = 5000
"""Elements of a list that the server may go through to find one (a tenth of a millisecond); longer ones are not."""

STEP = 500
"""Elements that one command brings: those of a sorted set cost the server 0.7 microseconds each."""

Ask = Callable[[Exchange], Awaitable[Answer]]
Rest = Callable[[Answer], Awaitable[None]]
Command = Sequence[bytes | int]
T = TypeVar("T")

_COUNTS = {b"list": b"LLEN", b"set": b"SCARD", b"zset": b"ZCARD", b"hash": b"HLEN", b"stream": b"XLEN"}


@dataclass(frozen=True, slots=True)
class Entries:
    """Some elements of a key that serves as an index."""

    key: bytes
    kind: bytes
    total: int
    """How many there are."""
    names: tuple[bytes, ...]
    """Elements, fields of a hash, or the value of a string: those that were read."""


class Asker:
    """Asks one server; what a user may not ask is remembered as a note and taken as not known."""

    def __init__(self, ask: Ask, rest: Rest, chance: Random) -> None:
        """Ask by `ask`, and give the server back to the others by `rest` after each answer."""
        self._ask = ask
        self.rest = rest
        """Gives the server back to the others after an answer."""
        self._chance = chance
        self.notes: dict[str, None] = {}

    async def types(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the type of each key; `none` when there is no such key, or this user may not know."""
        replies = [reply for page in pages(keys, PAGE) for reply in await self._all([[b"TYPE", key] for key in page])]
        return [reply if isinstance(reply, bytes) else b"none" for reply in replies]

    async def ttls(self, keys: Sequence[bytes]) -> list[Reply]:
        """Return what PTTL says of each key."""
        return [reply for page in pages(keys, PAGE) for reply in await self._all([[b"PTTL", key] for key in page])]

    async def strings(self, keys: Sequence[bytes], size: int = VALUE) -> dict[bytes, bytes]:
        """Return the beginnings of strings, at most `size` bytes each; keys that are gone are left out."""
        return await self._values(keys, lambda key: [b"GETRANGE", key, 0, size - 1], b"string")

    async def hashes(self, keys: Sequence[bytes], fields: Sequence[bytes]) -> dict[bytes, Mapping[bytes, bytes]]:
        """Return some fields of hashes; keys that are gone are left out."""
        found = await self._values(keys, lambda key: [b"HMGET", key, *fields], b"hash") if fields else {}
        return {
            key: {name: value for name, value in zip(fields, values, strict=True) if value is not None}
            for key, values in found.items()
        }

    async def values(self, keys: Sequence[tuple[bytes, bytes]], fields: Sequence[bytes]) -> dict[bytes, Value]:
        """Return what keys, given with their types, hold: strings, and of hashes these fields."""
        strings = await self.strings([key for key, kind in keys if kind == b"string"])
        hashes = await self.hashes([key for key, kind in keys if kind == b"hash"], fields)
        return {**strings, **hashes}

    async def lengths(self, keys: Sequence[tuple[bytes, bytes]]) -> dict[bytes, int]:
        """Return the number of elements of keys, which are given with their types; strings have none."""
        counted = [(key, _COUNTS[kind]) for key, kind in keys if kind in _COUNTS]
        found: dict[bytes, int] = {}
        for page in pages(counted, PAGE):
            replies = await self._all([[word, key] for key, word in page], *(key for key, _ in page))
            found |= {key: reply for (key, _), reply in zip(page, replies, strict=True) if isinstance(reply, int)}
        return found

    async def groups(self, keys: Sequence[bytes]) -> dict[bytes, frozenset[bytes]]:
        """Return the names of the consumer groups of streams; keys that are no streams by now are left out."""
        found: dict[bytes, frozenset[bytes]] = {}
        for page in pages(keys, PAGE):
            replies = await self._all([[b"XINFO", b"GROUPS", key] for key in page])
            told = ((key, reply) for key, reply in zip(page, replies, strict=True) if not isinstance(reply, ReplyError))
            found |= {key: frozenset(fields_of(group)[b"name"] for group in reply) for key, reply in told}
        return found

    async def entries(self, keys: Sequence[tuple[bytes, bytes]], most: int) -> list[Entries]:
        """Return up to about `most` entries of each index, which is given with its type; those gone are left out."""
        lengths = await self.lengths(keys)
        known = [(key, kind) for key, kind in keys if kind == b"string" or lengths.get(key)]
        names: dict[bytes, list[bytes]] = {key: [] for key, _ in known}
        for page in pages(known, PAGE):
            # Of a list neither the oldest nor the newest only.
            places = {key: self._chance.randrange(max(1, lengths.get(key, 1) - most + 1)) for key, _ in page}
            left = [(key, kind, places[key] if kind == b"list" else 0) for key, kind in page]
            while left:
                commands = [_listing(key, kind, at, min(STEP, most - len(names[key]))) for key, kind, at in left]
                replies = await self._all(commands, *(key for key, *_ in left))
                for (key, kind, _), reply in zip(left, replies, strict=True):
                    names[key] += _names(kind, reply)
                rests = [
                    (key, kind, _rest(kind, at, reply)) for (key, kind, at), reply in zip(left, replies, strict=True)
                ]
                left = [(key, kind, at) for key, kind, at in rests if at is not None and len(names[key]) < most]
        found = [(key, kind, tuple(names[key][:most])) for key, kind in known if names[key]]
        return [Entries(key, kind, max(lengths.get(key, 1), len(some)), some) for key, kind, some in found]

    async def hold(self, entries: Sequence[tuple[bytes, bytes]]) -> list[bool | None]:
        """Say of each (index, name) whether the index holds the name; None when that cannot be told."""
        indexes = list(dict.fromkeys(key for key, _ in entries))
        kinds = dict(zip(indexes, await self.types(indexes), strict=True))
        lengths = await self.lengths([(key, b"list") for key, kind in kinds.items() if kind == b"list"])
        kinds |= {key: b"a long list" for key, length in lengths.items() if length > WALKED}
        found: list[bool | None] = []
        for page in pages(entries, PAGE):
            known = [(key, name) for key, name in page if kinds[key] in _HOLDS]
            replies = iter(await self._all([_HOLDS[kinds[key]](key, name) for key, name in known], *dict(known)))
            for key, name in page:
                if kinds[key] in _HOLDS:
                    found.append(_held(kinds[key], next(replies), name))
                else:
                    found.append(False if kinds[key] == b"none" else None)
        return found

    async def _values(
        self, keys: Sequence[bytes], command: Callable[[bytes], Command], kind: bytes
    ) -> dict[bytes, Reply]:
        found: dict[bytes, Reply] = {}
        for page in pages(keys, PAGE):
            replies = await self._all([[b"TYPE", key] for key in page] + [command(key) for key in page])
            rows = zip(page, replies[: len(page)], replies[len(page) :], strict=True)
            found |= {key: value for key, now, value in rows if now == kind and not isinstance(value, ReplyError)}
        return found

    async def _all(self, commands: Sequence[Command], *witnesses: bytes) -> list[Reply]:
        """Ask in one round trip; `witnesses` are keys whose types tell an empty answer from a missing key."""
        if not commands:
            return []
        extra: list[Command] = [[b"TYPE", key] for key in witnesses]
        answer = await self._ask(exchange(*commands, *extra))
        await self.rest(answer)
        replies = answer.replies[: len(commands)]
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, ReplyError) and reply.code == "NOPERM":
                self.notes.setdefault(f"not everything was looked at: {of_reply(reply, rule_of(command)).sentence}")
        return replies


_HOLDS: Mapping[bytes, Callable[[bytes, bytes], Command]] = {
    b"set": lambda key, name: [b"SISMEMBER", key, name],
    b"zset": lambda key, name: [b"ZSCORE", key, name],
    b"hash": lambda key, name: [b"HMGET", key, name],
    b"list": lambda key, name: [b"LPOS", key, name],
    b"string": lambda key, name: [b"GETRANGE", key, 0, VALUE - 1],
}


def _held(kind: bytes, reply: Reply, name: bytes) -> bool | None:
    if isinstance(reply, ReplyError):
        return None
    if kind == b"string":
        return bool(reply == name)
    if kind == b"hash":
        return reply[0] is not None
    return reply is not None and (kind != b"set" or reply == 1)


def _listing(key: bytes, kind: bytes, at: int, count: int) -> Command:
    """Ask for some elements from a place on: an index of a list, or a cursor."""
    if kind == b"list":
        return [b"LRANGE", key, at, at + count - 1]
    if kind == b"string":
        return [b"GETRANGE", key, 0, VALUE - 1]
    return [{b"set": b"SSCAN", b"zset": b"ZSCAN"}.get(kind, b"HSCAN"), key, at, b"COUNT", count]


def _rest(kind: bytes, at: int, reply: Reply) -> int | None:
    """Return the place where there may be more; None when there is no more."""
    if isinstance(reply, ReplyError) or kind == b"string":
        return None
    if kind == b"list":
        return at + len(reply) if reply else None
    return int(reply[0]) or None


def _names(kind: bytes, reply: Reply) -> tuple[bytes, ...]:
    if isinstance(reply, ReplyError):
        return ()
    if kind == b"string":
        return (reply,) if reply else ()
    if kind == b"list":
        return tuple(reply)
    return tuple(reply[1] if kind == b"set" else reply[1][::2])


def pages(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into pages."""
    return (items[start : start + size] for start in range(0, len(items), size))
