"""Who has tokens: all users with their logins, kept current pass after pass while somebody watches."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.findings import Findings
from tui.engine.session import Collector, Session

# msgspec and the schemas take a while to load: nobody who never comes to this page should wait for that.
if TYPE_CHECKING:
    from tui.engine.revoke.holdings import Holding, Names
    from tui.engine.revoke.roles import Roles
    from tui.engine.revoke.search import Search
    from tui.engine.schema.suggest import Suggestion

BURST = 0.3
"""Seconds at full speed at the start, so that a first screenful comes at once."""
REST_MOST = 2.0
"""Seconds between two pages at most."""
FRESH = 5
"""The passes that keep a complete list current take this many times less than the share."""
AGAIN = 10.0
"""Seconds between two passes."""
SHOWN_EVERY = 0.25
"""Seconds between two pictures while the first pass goes on, at least."""
FAILED_REST = 1.0
"""Seconds before the next pass when one has failed."""


@dataclass(slots=True, eq=False)
class Principal:
    """A user, with all that belongs to them. Grows while a pass goes on."""

    schema: str
    user: bytes | None
    """None: nothing tells whose these keys are."""
    held: list[Holding] = field(default_factory=list, repr=False)
    tokens: int = 0
    """Keys that grant access."""

    @property
    def name(self) -> tuple[str, bytes | None]:
        """What it is, stable between passes."""
        return self.schema, self.user

    @property
    def grants(self) -> Iterator[Holding]:
        """The keys that grant access."""
        return (one for one in self.held if one.role.grants)

    @property
    def logins(self) -> int:
        """Logins; a key that tells of none is one by itself."""
        return len({one.login or one.key for one in self.grants})

    @property
    def oldest(self) -> float | None:
        """When the oldest was made, in wall-clock seconds; None when nothing tells."""
        return min((one.moments.made for one in self.held if one.moments.made is not None), default=None)

    @property
    def used(self) -> float | None:
        """When one was last used, likewise."""
        return max((one.moments.used for one in self.held if one.moments.used is not None), default=None)

    @property
    def ends(self) -> float | None:
        """When the last of them expires: wall-clock seconds, infinite when one never does; None without any."""
        ends = (math.inf if one.expires_at is None else one.expires_at for one in self.grants)
        return max(ends, default=None)

    def add(self, one: Holding) -> None:
        """Take in a key."""
        self.held.append(one)
        self.tokens += one.role.grants


@dataclass(frozen=True, slots=True)
class Board:
    """Everybody who has tokens, as far as the keyspace was gone through."""

    active: bool
    """Whether a schema that knows tokens is active."""
    principals: tuple[Principal, ...] = ()
    """In no order. They grow; another pass has others."""
    tokens: int = 0
    scanned: int = 0
    dbsize: int = 0
    complete: bool = False
    """Whether that is all of them; it stays so while the next pass goes on."""
    unread: int = 0
    """Keys that could not be read."""
    failure: Failure | None = None
    suggestions: tuple[Suggestion, ...] = ()
    """Schemas that would fit, when none is active."""

    @property
    def share(self) -> float:
        """How much of the keyspace was gone through, 0 to 1."""
        return 1.0 if self.complete else min(1.0, self.scanned / self.dbsize) if self.dbsize else 0.0


class _Book:
    """What one pass has found, by user."""

    def __init__(self) -> None:
        from tui.engine.revoke.holdings import Ledger

        self.unread = 0
        self.principals: dict[tuple[str, bytes | None], Principal] = {}
        self._owners = Ledger()
        self._loose: list[Holding] = []

    def add(self, holdings: Iterable[Holding]) -> None:
        """Take in keys."""
        for one in holdings:
            self.learn(one)
            if one.user is None:
                self._loose.append(one)
            else:
                self._give(one, one.user)

    def learn(self, one: Holding) -> None:
        """Take in whose login a key is of."""
        self._owners.learn(one)

    def add_names(self, names: Names, *, keep: bool = True) -> None:
        """Take in what an index holds."""
        self._owners.add_names(names, keep=False)

    def settled(self, *, complete: bool) -> tuple[Principal, ...]:
        """Give keys that do not tell to those whom others name; at the end the rest belongs to nobody known."""
        loose, self._loose = self._loose, []
        for one in loose:
            owner = self._owners.owner_of(one)
            if owner is None and not complete:
                self._loose.append(one)
            else:
                self._give(one, owner)
        return tuple(principal for principal in self.principals.values() if principal.tokens)

    def _give(self, one: Holding, user: bytes | None) -> None:
        name = one.role.schema, user
        if name not in self.principals:
            self.principals[name] = Principal(*name)
        self.principals[name].add(one)


class TokenBoard(Collector[Board]):
    """Goes through the keyspace again and again, at the share that looking may take."""

    def __init__(self, session: Session) -> None:
        from tui.engine.revoke.roles import Roles

        super().__init__(session)
        self.roles: Roles = Roles.of_schemas(session.options.schemas)
        self._book = _Book()
        self._burst_until = -math.inf
        self._complete = False

    async def run(self) -> None:
        """Keep the list current; failures are published, never raised."""
        if not self.roles.rules:
            await self._suggest()
        while True:
            await self.feed.wanted()
            await self.session.pace.resumed()
            if not self._complete:
                self._burst_until = self.session.clock.now() + BURST
            failure = await self._pass()
            if failure is None or failure.kind is not Kind.CHANGED:
                await self.session.pace.rest(AGAIN if failure is None else FAILED_REST)

    def drop(self, keys: Collection[bytes]) -> None:
        """Forget keys that were removed: the next pass would see it, but a person wants to see it now."""
        latest = self.feed.latest
        if latest is None or not latest.active:
            return
        gone = frozenset(keys)
        kept = (_without(principal, gone) for principal in latest.principals)
        self._publish(tuple(one for one in kept if one.tokens), latest)

    # -- one pass -----------------------------------------------------------------------------------------------

    async def _pass(self) -> Failure | None:
        """Go through the keyspace once; while it is the first time, show what comes."""
        from tui.engine.revoke.search import Search
        from tui.engine.revoke.wanted import Interest

        self._book = _Book()
        await self.session.deployment.known()
        search = Search(self.session.deployment, self.roles, Interest.in_all(self.roles), self._book, self._rest)
        task = asyncio.create_task(search.run())
        try:
            while not task.done():
                spent = self._show(search, None, complete=False)
                pause = asyncio.ensure_future(self.session.clock.sleep(max(SHOWN_EVERY, 10 * spent)))
                await asyncio.wait({task, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
            task.result()
        except Unavailable as error:
            self._show(search, error.failure, complete=False)
            return error.failure
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Unavailable):
                await task
        self._complete = True
        self._show(search, None, complete=True)
        return None

    def _show(self, search: Search, failure: Failure | None, *, complete: bool) -> float:
        """Publish what is known, and return the seconds that took; a complete list stays until the next one is."""
        failure = failure or search.waiting
        latest = self.feed.latest
        if self._complete and not complete:
            if latest is not None and latest.failure != failure:
                self._publish(latest.principals, latest, failure)
            return 0.0
        started = self.session.clock.now()
        principals = self._book.settled(complete=complete)
        now = Board(
            active=True, scanned=search.scanned, dbsize=search.dbsize, complete=complete, unread=self._book.unread
        )
        self._publish(principals, now, failure)
        return self.session.clock.now() - started

    def _publish(self, principals: tuple[Principal, ...], like: Board, failure: Failure | None = None) -> None:
        tokens = sum(principal.tokens for principal in principals)
        self.feed.publish(replace(like, principals=principals, tokens=tokens, failure=failure))

    async def _rest(self, keys: int, busy: float) -> None:
        """Give the server back to the others; ask nothing while nobody watches."""
        await self.feed.wanted()
        await self.session.pace.resumed()
        clock, share = self.session.clock, self.session.share.most
        if self._complete and share < 1:
            share /= FRESH
        if share < 1 and clock.now() >= self._burst_until:
            await clock.sleep(min(REST_MOST, max(busy, 1e-6 * keys) * (1 / share - 1)))

    # -- without a schema ---------------------------------------------------------------------------------------

    async def _suggest(self) -> None:
        """Pass on which schemas would fit, for as long as the session lasts."""
        findings = self.session.of(Findings).feed
        async for _ in self.ticks(findings):
            known = findings.latest
            self.feed.publish(Board(active=False, suggestions=known.suggestions if known is not None else ()))


def _without(principal: Principal, gone: Collection[bytes]) -> Principal:
    if not any(one.key in gone for one in principal.held):
        return principal
    left = Principal(*principal.name)
    for one in principal.held:
        if one.key not in gone:
            left.add(one)
    return left
