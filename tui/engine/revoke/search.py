"""Going through the keyspace for what grants access: by indexes, and by what names and values of keys tell.

Indexes answer at once, but an application may have forgotten to write one; values tell the truth, but a scan may miss
what is written while it runs. So both are asked: indexes, then every key, then the indexes once more.

The nodes of a cluster are gone through at the same time. When slots have moved meanwhile, or a node has taken over from
another, the search is worth nothing: it ends as `MOVING`, and is to be begun again (`settled`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.link import Answer
from tui.engine.node import Node
from tui.engine.patterns import escape
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.pacing import PATIENCE, Patience
from tui.engine.purge.request import Target
from tui.engine.purge.watching import together
from tui.engine.revoke.falling import Entry
from tui.engine.revoke.holdings import Holding, Names, Principal, meant
from tui.engine.revoke.looking import Looked, Looker, named
from tui.engine.revoke.roles import Role, Roles, Shelf
from tui.engine.revoke.wanted import Interest

PAGE = 500
"""Keys the server goes through in one SCAN."""
PAUSE = 0.5
"""Seconds before the next attempt when keys were on the move: nodes tell each other of a change within a second."""
MOST = 1_000_000
"""Keys that are kept at most: some half a gigabyte. Whoever has more of them wants a purge of the family."""

_MOVED = Failure(Kind.MOVING, "keys keep moving between the nodes: try again when the cluster rests")
_CHANGED = Failure(Kind.CHANGED, "another server process answers by now: look again")

T = TypeVar("T")
Rest = Callable[[int, float], Awaitable[None]]
"""Rests after so many keys, which took the server so many seconds."""


class Book(Protocol):
    """Where a search writes down what it finds."""

    unread: int
    """Keys that could not be read."""

    def add(self, holdings: Iterable[Holding]) -> None:
        """Take in keys."""

    def learn(self, one: Holding) -> None:
        """Take in whose a login is, from a key that is not to be kept."""

    def add_names(self, names: Names, *, keep: bool = True) -> None:
        """Take in what an index holds."""


class _Pass:
    """How far it is with one server."""

    def __init__(self, node: Node, patience: Patience) -> None:
        self.node = node
        self.patience = patience
        self.target: Target | None = None
        self.scanned = self.dbsize = 0


class Search:
    """One pass over all keys for what an interest is about."""

    def __init__(self, where: Where, roles: Roles, interest: Interest, book: Book, rest: Rest) -> None:
        place = place_of(where)
        self._place = place
        self._layout = place.layout
        self._passes = [_Pass(node, Patience(node, self._has_moved)) for node in place.nodes]
        first = place.nodes[0]
        self._keyed = _Pass(first, Patience(first, self._has_moved)) if place.is_cluster else self._passes[0]
        """Asks about keys, wherever they are."""
        self.found = 0
        """Keys found so far."""
        self._roles = roles
        self._interest = interest
        self._book = book
        self._rest = rest
        self._looker = Looker(self.ask, place.clock.wall)
        self._shelves: dict[bytes, Shelf] = {}
        self._seen: set[bytes] = set()
        self._unread: set[bytes] = set()
        self._busy = 0.0
        """Seconds that the server has spent since the last rest."""

    async def run(self) -> None:
        """Find everything.

        Raises:
            Unavailable: the server went away for good, is another one by now, or refuses the questions.
        """
        try:
            await together(*(self._count_keys(one) for one in self._passes))
            await self.ask_indexes()
            await together(*(self._scan(one) for one in self._passes))
            await self._by_indexes({**self._fillable(), **self._shelves})
        except Unavailable:
            if self._has_moved():
                raise Unavailable(_MOVED) from None
            raise
        await self._place.look_again()
        if self._has_moved():
            raise Unavailable(_MOVED)

    @property
    def target(self) -> Target | None:
        """The server processes that have answered; another one later ends the search."""
        members = tuple(one.target for one in self._passes if one.target is not None)
        if len(members) < len(self._passes):
            return None
        return replace(Target.of(self._place), members=members) if self._place.is_cluster else members[0]

    def _has_moved(self) -> bool:
        return self._place.layout != self._layout

    @property
    def scanned(self) -> int:
        """Keys the servers have gone through, about."""
        return sum(one.scanned for one in self._passes)

    @property
    def dbsize(self) -> int:
        """Keys there are."""
        return sum(one.dbsize for one in self._passes)

    @property
    def waiting(self) -> Failure | None:
        """Why it does not go on just now."""
        patiences = [one.patience for one in (self._keyed, *self._passes)]
        return next((patience.waiting for patience in patiences if patience.waiting is not None), None)

    async def ask_indexes(self) -> None:
        """Find what the indexes of the users in question name: at once, however many keys there are.

        Raises:
            Unavailable: as above.
        """
        await self._by_indexes(self._fillable())

    async def look(self, keys: Iterable[bytes]) -> Looked:
        """Look at some keys, and write down those that matter."""
        known = [(key, roles) for key in dict.fromkeys(keys) if (roles := self._matters(key))]
        looked = await self._looker.at(known, self._keeps)
        self._book.add(looked.holdings)
        self._count({one.key for one in looked.holdings}, looked.unread)
        await self._paced(len(known))
        return looked

    def _count(self, kept: set[bytes], unread: Iterable[bytes]) -> None:
        self._seen |= kept
        self.found = len(self._seen)
        self._unread |= set(unread)
        self._book.unread = len(self._unread)
        if self.found > MOST:
            sentence = f"there are more than {MOST:,} keys to go: purge the family, or revoke by user"
            raise Unavailable(Failure(Kind.REPLY, sentence))

    def _keeps(self, one: Holding) -> bool:
        kept = self._interest.keeps(one)
        if not kept:  # somebody else's; a key that tells only the login may be of the same one
            self._book.learn(one)
        return kept

    def _matters(self, key: bytes) -> tuple[Role, ...]:
        return tuple(role for role in self._roles.roles_of(key) if self._interest.may_be(key, role))

    async def still_named(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return those names that an index holds though the key they stand for, if known, is gone."""
        indexes = list(dict.fromkeys(entry.key for entry in entries))
        kinds = dict(zip(indexes, await self._looker.kinds(indexes), strict=True))
        held = await self._looker.hold([(entry.key, kinds[entry.key], entry.member) for entry in entries])
        left = [entry for entry, is_held in zip(entries, held, strict=True) if is_held]
        named = [entry.names if entry.names is not None else b"" for entry in left]
        there = await self._looker.kinds(named)
        return [entry for entry, kind in zip(left, there, strict=True) if entry.names is None or kind == b"none"]

    async def _count_keys(self, one: _Pass) -> None:
        (one.dbsize,) = await self._ask(one, exchange([b"DBSIZE"]))

    async def _scan(self, one: _Pass) -> None:
        match = [b"MATCH", escape(self._roles.prefix) + b"*"] if self._roles.prefix else []
        cursor = b"0"
        while True:
            question = exchange([b"DBSIZE"], [b"SCAN", cursor, *match, b"COUNT", PAGE])
            one.dbsize, (cursor, keys) = await self._ask(one, question)
            await self._paced(0)
            one.scanned = min(one.scanned + PAGE, one.dbsize)
            await self.look(key for key in keys if key not in self._seen)
            await self._look_into(keys)
            if cursor == b"0":
                one.scanned = one.dbsize
                return

    async def _look_into(self, keys: Sequence[bytes]) -> None:
        """Remember the indexes of the users in question; of everybody, read how they begin."""
        shelves = [(key, shelf) for key in keys for shelf in self._roles.shelves_of(key) if key not in self._shelves]
        if self._interest.rules is None:
            self._shelves |= {key: shelf for key, shelf in shelves if self._principal(key, shelf)}
        elif shelves:
            for names in await self._looker.beginnings(shelves):
                self._book.add_names(names, keep=False)
            await self._paced(len(shelves))

    def _principal(self, key: bytes, shelf: Shelf) -> Principal | None:
        told = shelf.index.family.pattern.variables(key) or {}
        principal = (shelf.index.family.schema, told.get(shelf.rule.user, b""))
        return principal if principal in self._interest.principals else None

    def _fillable(self) -> dict[bytes, Shelf]:
        """Return the indexes whose name follows from the user alone."""
        return {
            key: shelf
            for schema, user in self._interest.principals
            for shelves in self._roles.shelves.values()
            for shelf in shelves
            if shelf.index.family.schema == schema
            and (key := shelf.index.family.pattern.fill({shelf.rule.user: user})) is not None
        }

    async def _by_indexes(self, shelves: dict[bytes, Shelf]) -> None:
        """Read whole indexes, and look at what they name."""
        kinds = await self._looker.kinds(list(shelves))
        for (key, shelf), kind in zip(shelves.items(), kinds, strict=True):
            members = await self._looker.members(key, kind) if kind != b"none" else ()
            if members:
                names = named(key, shelf, kind, members)
                self._book.add_names(names)
                await self.look(target for member in members if (target := meant(names, member)) is not None)

    async def _paced(self, keys: int) -> None:
        busy, self._busy = self._busy, 0.0
        await self._rest(keys, busy)

    async def ask(self, question: Exchange) -> Sequence[Reply]:
        """Ask about keys over the shared links; wait for a server that is away, but never go on with another one."""
        return await self._borne(self._keyed, self._place.ask, question)

    async def _ask(self, one: _Pass, question: Exchange) -> Sequence[Reply]:
        """Ask a server about all it has, likewise."""
        return await self._borne(one, one.node.ask, question)

    async def _borne(
        self, one: _Pass, ask: Callable[[Exchange], Awaitable[Answer]], question: Exchange
    ) -> Sequence[Reply]:
        while True:
            try:
                answer = await ask(question)
                self._busy += max(0.0, answer.took - one.node.round_trip)
                self._stay(one)
                _check(question, answer.replies)
            except Unavailable as error:
                await one.patience.bear(error.failure)
            else:
                one.patience.answered()
                return answer.replies

    def _stay(self, one: _Pass) -> None:
        now = Target.of(one.node)
        one.target = one.target or now
        if not now.is_still(one.target):
            raise Unavailable(_MOVED if self._place.is_cluster else _CHANGED)


async def settled(place: Place, search: Callable[[], Awaitable[T]]) -> T:
    """Search, and begin again as long as keys are on the move in a cluster.

    Raises:
        Unavailable: as `Search.run`; of kind MOVING when they do not come to rest.
    """
    clock = place.clock
    began = clock.now()
    while True:
        try:
            return await search()
        except Unavailable as error:
            if error.failure.kind is not Kind.MOVING or clock.now() - began > PATIENCE:
                raise
        await clock.sleep(PAUSE)
        await place.look_again()


def _check(question: Exchange, replies: Sequence[Reply]) -> None:
    """Raise what stands for the whole: a server that is loading, or a refused SCAN."""
    for reply in replies[-2:]:
        if isinstance(reply, ReplyError) and reply.code in {"LOADING", "BUSY", "MASTERDOWN"}:
            raise Unavailable(Failure(Kind.LOADING, of_reply(reply, "").sentence))
    if "scan" in question.calls or "dbsize" in question.calls:
        for reply, rule in zip(replies, ("+dbsize", "+scan"), strict=False):
            if isinstance(reply, ReplyError):
                raise Unavailable(of_reply(reply, rule))
