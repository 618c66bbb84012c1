"""The blast radius: exactly what would fall, before anything does. Changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from tui.engine.failure import Failure, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched
from tui.engine.revoke.falling import Falling, fall
from tui.engine.revoke.holdings import Holding, Ledger, Principal
from tui.engine.revoke.roles import Roles
from tui.engine.revoke.search import Search, settled
from tui.engine.revoke.wanted import Interest, Scope, Wanted


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known while the plan is being made."""

    found: int
    """Keys found so far."""
    scanned: int
    """Keys the server has gone through, about."""
    dbsize: int
    failure: Failure | None
    """Why it does not go on just now; it will by itself."""

    @property
    def share(self) -> float:
        """How much of the keyspace was gone through, 0 to 1."""
        return min(1.0, self.scanned / self.dbsize) if self.dbsize else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What falls, bound to the server processes it was found on. Its repr shows no key."""

    id: str
    wanted: Wanted
    roles: Roles = field(repr=False)
    interest: Interest = field(repr=False)
    target: Target
    made_at: float
    """Wall-clock seconds."""
    falling: Falling = field(repr=False)
    principals: tuple[Principal, ...]
    """Whose keys they are, as far as that is known."""
    unread: int
    """Keys that may belong here and could not be read: then nobody can say that nothing is left."""
    unowned: int
    """Keys that grant access and tell nowhere to whom."""

    @property
    def scope(self) -> Scope:
        """How much is revoked."""
        return self.wanted.scope

    @property
    def keys(self) -> tuple[Holding, ...]:
        """The keys that go, in order."""
        return self.falling.keys

    @property
    def user(self) -> bytes | None:
        """The user, when it is one."""
        users = {user for _, user in self.principals}
        return next(iter(users)) if len(users) == 1 else self.wanted.user

    @property
    def stateless(self) -> bool:
        """Whether the application also accepts some of these without asking the server."""
        return any(one.role.rule.stateless for one in self.keys)

    @property
    def minting(self) -> tuple[Holding, ...]:
        """Keys that stay and can mint what goes: the same logins' refresh tokens."""
        logins = {one.login for one in self.keys if one.role.grants and one.login is not None}
        staying = self.falling.staying
        return tuple(one for one in staying if one.role.place == 0 and one.login in logins)


def lives_until(keys: Collection[Holding], now: float) -> float | None:
    """Return when the last access that needs no server ends, in seconds since 1970; None when that is not known.

    It is what the tokens themselves say, or else when their keys would have expired; `now` when there is none.
    """
    access = [one for one in keys if one.role.grants and one.role.rule.stateless and not _only_mints(one)]
    ends = [one.moments.ends if one.moments.ends is not None else one.expires_at for one in access]
    known = [end for end in ends if end is not None]
    return None if len(known) < len(ends) or not ends else max(now, *known)


def _only_mints(one: Holding) -> bool:
    return one.role.place == 0 and len(one.role.rule.grants) > 1


async def plan(
    where: Where, roles: Roles, wanted: Wanted, *, share: float = 1.0
) -> AsyncGenerator[Preview | Plan | Failure, None]:
    """Find what falls: previews, then one plan, or one failure.

    `share` is the largest fraction of the server's time to take.
    """
    place = place_of(where)
    planner = _Planner(place, roles, wanted, Pacer(place.nodes[0], share, None))
    async with aclosing(watched(planner.run(), planner.preview, place.clock)) as steps:
        async for step in steps:
            yield step


class _Planner:
    def __init__(self, place: Place, roles: Roles, wanted: Wanted, pacer: Pacer) -> None:
        self._place = place
        self._roles = roles
        self._wanted = wanted
        self._pacer = pacer
        self._search = self._searching(Interest(), Ledger())

    def preview(self) -> Preview:
        """Return what is known."""
        search = self._search
        return Preview(search.found, search.scanned, search.dbsize, search.waiting)

    async def run(self) -> Plan | Failure:
        """Find all of it."""
        try:
            return await settled(self._place, self._plan)
        except Unavailable as error:
            return error.failure

    async def _plan(self) -> Plan:
        interest = await interest_of(self._place, self._roles, self._wanted, self._pacer)
        ledger = Ledger()
        self._search = self._searching(interest, ledger)
        await self._search.run()
        assert self._search.target is not None
        falling = chosen(ledger, self._wanted, interest)
        owners = {ledger.principal_of(one) for one in falling.keys}
        return Plan(
            id=secrets.token_hex(4),
            wanted=self._wanted,
            roles=self._roles,
            interest=interest,
            target=self._search.target,
            made_at=self._place.clock.wall(),
            falling=falling,
            principals=tuple(sorted(one for one in owners if one is not None)),
            unread=ledger.unread,
            unowned=sum(one.role.grants and ledger.owner_of(one) is None for one in ledger),
        )

    def _searching(self, interest: Interest, ledger: Ledger) -> Search:
        return Search(self._place, self._roles, interest, ledger, self._pacer.rest)


async def interest_of(place: Place, roles: Roles, wanted: Wanted, pacer: Pacer) -> Interest:
    """Say which users and logins it is about; of keys, that takes a look at them.

    Raises:
        Unavailable: the server went away, or refuses the questions.
    """
    if wanted.user is not None:
        return Interest.in_users(roles, wanted)
    if wanted.family is not None:
        return Interest.in_family(roles, wanted.family)
    ledger = Ledger()
    search = Search(place, roles, Interest.in_all(roles), ledger, pacer.rest)
    await search.look(wanted.keys or ())
    known = list(ledger)
    relatives = (
        key
        for one in known
        for family in one.role.rule.order
        if (key := family.pattern.fill(one.said(None))) is not None and key not in ledger.held
    )
    await search.look(list(relatives))
    principals = (ledger.principal_of(one) for one in known)
    return Interest().joined(known, (one for one in principals if one is not None))


def chosen(ledger: Ledger, wanted: Wanted, interest: Interest, again: Sequence[Holding] = ()) -> Falling:
    """Return what falls, of all that was found; `again` are keys that were to go before, and are there."""
    if wanted.user is not None:
        return fall(ledger, again, interest.principals, whole=False)
    if wanted.family is not None:
        targets = [one for one in ledger if one.role.family is wanted.family]
        return fall(ledger, [*targets, *again], (), whole=wanted.whole)
    targets = [one for key in wanted.keys or () for one in ledger.held.get(key, ())] + list(again)
    # A key that only goes along is meant as the name of its login: by itself it would change nothing.
    whole = wanted.whole or not any(one.role.grants for one in targets)
    return fall(ledger, targets, (), whole=whole)
