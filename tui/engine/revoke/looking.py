"""Reading keys that grant access: type, expiry and value, a page at a time, and nothing of it kept but names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from tui.engine.commands import Exchange, Reply, exchange, rule_of
from tui.engine.failure import ReplyError
from tui.engine.purge.packing import each, joined, tails_of
from tui.engine.purge.refusals import is_moving, is_of_one_key, stop_for_all
from tui.engine.revoke.holdings import Holding, Names, holding
from tui.engine.revoke.moments import FIELDS
from tui.engine.revoke.roles import Role, Shelf
from tui.engine.schema.source import Value

PAGE = 200
"""Keys asked about in one round trip."""
FIRST = 16 << 10
"""Bytes of a value that are read at first: nearly all are shorter."""
WHOLE = 8 << 20
"""Bytes of a value that are read at most: whose a longer one is stays unknown, and that is said."""
MEMBERS = 500
"""Elements of an index that are asked for in one round trip."""

Ask = Callable[[Exchange], Awaitable[Sequence[Reply]]]
T = TypeVar("T")


class There(NamedTuple):
    """A key that exists."""

    key: bytes
    roles: tuple[Role, ...]
    kind: bytes
    expires_at: float | None


@dataclass(slots=True)
class Looked:
    """What came of a look at some keys."""

    holdings: list[Holding] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)
    """Keys that this user may not read, or whose value is too long to tell whose they are."""


class Looker:
    """Looks at keys by way of some connection."""

    def __init__(self, ask: Ask, wall: Callable[[], float]) -> None:
        """Ask by `ask`; `wall` tells the time in seconds since 1970."""
        self._ask = ask
        self._wall = wall

    async def at(
        self, keys: Sequence[tuple[bytes, tuple[Role, ...]]], keeps: Callable[[Holding], bool] = lambda _: True
    ) -> Looked:
        """Look at keys, given with what they are to the rules; what is not to be kept is left out.

        Raises:
            Unavailable: the server is not there, or refuses the questions.
        """
        looked = Looked()
        for page in pages(keys, PAGE):
            there = await self._there(page, looked)
            values = await self._values(there, looked)
            for one in there:
                if one.key in values:
                    value = values[one.key]
                    found = (holding(one.key, role, value, one.expires_at, keeps) for role in one.roles)
                    looked.holdings += [kept for kept in found if kept is not None]
        return looked

    async def members(self, key: bytes, kind: bytes) -> tuple[bytes, ...]:
        """Return all elements of an index; nothing when it is gone, or no index.

        Raises:
            Unavailable: as above.
        """
        found: dict[bytes, None] = {}
        place: bytes | int | None = 0
        while place is not None:
            command = _listing(key, kind, place)
            if command is None:
                return ()
            reply, _ = await self._ask(exchange(command, [b"TYPE", key]))
            stop_for_all([reply], rule_of(command))
            if isinstance(reply, ReplyError):
                return ()
            names, place = _names(kind, reply, place)
            found |= dict.fromkeys(names)
        return tuple(found)

    async def beginnings(self, shelves: Sequence[tuple[bytes, Shelf]]) -> list[Names]:
        """Return the first elements of some indexes, in two round trips a page.

        Raises:
            Unavailable: as above.
        """
        found: list[Names] = []
        for page in pages(shelves, PAGE):
            kinds = await self._ask(each((b"TYPE",), tails_of([key for key, _ in page])))
            stop_if_moving(kinds)
            asked = [
                (key, shelf, kind, command)
                for (key, shelf), kind in zip(page, kinds, strict=True)
                if isinstance(kind, bytes) and (command := _listing(key, kind, 0)) is not None
            ]
            commands = [command for *_, command in asked] + [[b"TYPE", key] for key, *_ in asked]
            replies = await self._ask(exchange(*commands)) if asked else ()
            stop_if_moving(replies)
            for (key, shelf, kind, _), reply in zip(asked, replies, strict=False):
                if not isinstance(reply, ReplyError) and (names := _names(kind, reply, 0)[0]):
                    found.append(named(key, shelf, kind, names))
        return found

    async def kinds(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the type of each key, `none` when it does not exist.

        Raises:
            Unavailable: as above.
        """
        replies = [reply for page in pages(keys, PAGE) for reply in await self._ask(each((b"TYPE",), tails_of(page)))]
        stop_for_all(replies, "+type")
        return [reply if isinstance(reply, bytes) else b"none" for reply in replies]

    async def hold(self, entries: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
        """Say of each (index, its type, name) whether the index holds the name.

        Raises:
            Unavailable: as above.
        """
        held: list[bool] = []
        for page in pages(entries, PAGE):
            known = [(key, kind, name) for key, kind, name in page if kind in _HOLDS]
            commands = [_HOLDS[kind](key, name) for key, kind, name in known]
            witnesses = [[b"TYPE", key] for key in dict.fromkeys(key for key, *_ in known)]
            answers = await self._ask(exchange(*commands, *witnesses)) if commands else ()
            stop_if_moving(answers)
            replies = iter(answers)
            for _, kind, name in page:
                held.append(kind in _HOLDS and _held(kind, next(replies), name))
        return held

    async def _there(self, page: Sequence[tuple[bytes, tuple[Role, ...]]], looked: Looked) -> list[There]:
        tails = tails_of([key for key, _ in page])
        replies = await self._ask(joined(each((b"TYPE",), tails), each((b"PTTL",), tails)))
        stop_for_all(replies, "+type and +pttl")
        now, there = self._wall(), []
        for (key, roles), kind, left in zip(page, replies[: len(page)], replies[len(page) :], strict=True):
            if isinstance(kind, ReplyError) or isinstance(left, ReplyError):
                looked.unread.append(key)
            elif kind == b"none" or left == -2:
                looked.missing.append(key)
            else:
                there.append(There(key, roles, kind, now + left / 1000 if left >= 0 else None))
        return there

    async def _values(self, there: Sequence[There], looked: Looked) -> dict[bytes, Value | None]:
        """Read what strings and hashes hold; of other types nobody knows what they would say."""
        values: dict[bytes, Value | None] = {one.key: None for one in there if one.kind not in (b"string", b"hash")}
        asked = [one for one in there if one.key not in values]
        commands = [_reading(one) for one in asked]
        replies = await self._ask(exchange(*commands, *([b"TYPE", one.key] for one in asked))) if asked else ()
        stop_for_all(replies, "+getrange and +hmget")
        for one, reply, kind in zip(asked, replies[: len(asked)], replies[len(asked) :], strict=True):
            if kind == b"none":
                looked.missing.append(one.key)
            elif isinstance(reply, ReplyError):
                await self._refused(one, reply, values, looked)
            elif one.kind == b"hash":
                named = zip(_fields(one), reply, strict=True)
                values[one.key] = {name: value for name, value in named if value is not None}
            elif len(reply) < FIRST or all(role.by_name for role in one.roles):
                values[one.key] = reply
            else:
                await self._read_whole(one, values, looked)
        return values

    async def _refused(self, one: There, reply: ReplyError, values: dict[bytes, Value | None], looked: Looked) -> None:
        if is_of_one_key(reply):
            looked.unread.append(one.key)
        else:  # of another type by now: what its name tells is all there is
            values[one.key] = None

    async def _read_whole(self, one: There, values: dict[bytes, Value | None], looked: Looked) -> None:
        """Read a long value: its beginning alone may name somebody who is only mentioned in it."""
        value, kind = await self._ask(exchange([b"GETRANGE", one.key, 0, WHOLE - 1], [b"TYPE", one.key]))
        stop_if_moving([value, kind])
        if kind == b"none":
            looked.missing.append(one.key)
        elif isinstance(value, ReplyError) or len(value) >= WHOLE:
            looked.unread.append(one.key)
        else:
            values[one.key] = value


def stop_if_moving(replies: Sequence[Reply]) -> None:
    """Raise when a node of a cluster says of any key that it is not to be asked there now.

    Raises:
        Unavailable: so it is.
    """
    stop_for_all(filter(is_moving, replies), "")


def named(key: bytes, shelf: Shelf, kind: bytes, members: Sequence[bytes]) -> Names:
    """Name the elements of an index that belongs to one user."""
    user = (shelf.index.family.pattern.variables(key) or {})[shelf.rule.user]
    return Names(key, shelf, kind, (shelf.index.family.schema, user), tuple(members))


def pages(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into pages."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _fields(one: There) -> list[bytes]:
    return list(dict.fromkeys([*(name for role in one.roles for name in role.fields), *FIELDS]))


def _reading(one: There) -> Sequence[bytes | int]:
    if one.kind == b"hash":
        return [b"HMGET", one.key, *_fields(one)]
    return [b"GETRANGE", one.key, 0, FIRST - 1]


def _listing(key: bytes, kind: bytes, place: bytes | int) -> Sequence[bytes | int] | None:
    scans = {b"set": b"SSCAN", b"zset": b"ZSCAN", b"hash": b"HSCAN"}
    if kind in scans:
        return [scans[kind], key, place, b"COUNT", MEMBERS]
    if kind == b"list":
        return [b"LRANGE", key, place, int(place) + MEMBERS - 1]
    return [b"GETRANGE", key, 0, FIRST - 1] if kind == b"string" else None


def _names(kind: bytes, reply: Reply, place: bytes | int) -> tuple[Sequence[bytes], bytes | int | None]:
    """Return the names on a page of an index, and where the next page begins."""
    if kind == b"string":
        return ([reply] if reply else []), None
    if kind == b"list":
        return reply, int(place) + MEMBERS if len(reply) == MEMBERS else None
    cursor, found = reply
    return (found if kind == b"set" else found[::2]), None if cursor == b"0" else cursor


_HOLDS: Mapping[bytes, Callable[[bytes, bytes], Sequence[bytes | int]]] = {
    b"set": lambda key, name: [b"SISMEMBER", key, name],
    b"zset": lambda key, name: [b"ZSCORE", key, name],
    b"hash": lambda key, name: [b"HMGET", key, name],
    b"list": lambda key, name: [b"LPOS", key, name],
    b"string": lambda key, name: [b"GETRANGE", key, 0, max(FIRST, len(name))],
}


def _held(kind: bytes, reply: Reply, name: bytes) -> bool:
    if isinstance(reply, ReplyError):
        return False
    if kind == b"string":
        return bool(reply == name)
    if kind == b"hash":
        return reply[0] is not None
    return reply is not None and (kind != b"set" or reply == 1)
