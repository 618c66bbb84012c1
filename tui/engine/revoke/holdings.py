"""What is known of keys that grant access, and who they belong to. No values are kept: only what they tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tui.engine.revoke.moments import UNKNOWN, Moments, moments_of
from tui.engine.revoke.roles import Role, Shelf
from tui.engine.schema.model import TokenRule
from tui.engine.schema.source import Value

Principal = tuple[str, bytes]
"""Whose keys they are: name of the schema, and the user as its keys name them."""
Login = tuple[TokenRule, bytes]
"""One login: its rule, and what ties its keys together."""
NOTHING_MORE: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """One key, as one rule sees it."""

    key: bytes = field(repr=False)
    role: Role = field(repr=False)
    user: bytes | None = field(repr=False)
    """None when neither name nor value tells."""
    session: bytes | None = field(repr=False)
    expires_at: float | None
    """Wall-clock seconds; None without a TTL."""
    moments: Moments = UNKNOWN
    more: Mapping[str, bytes] = field(default_factory=lambda: NOTHING_MORE, repr=False)
    """Other names it tells, as far as an index needs them."""

    @property
    def login(self) -> Login | None:
        """The login it belongs to, when it tells."""
        return None if self.session is None else (self.role.rule, self.session)

    @property
    def shown(self) -> str:
        """Its name as safe text, secrets masked."""
        return self.role.family.shown(self.key)

    def said(self, user: bytes | None) -> dict[str, bytes]:
        """Return all names it tells; `user` stands in when it does not tell whose it is."""
        rule, whose = self.role.rule, self.user if self.user is not None else user
        names = dict(self.more)
        if whose is not None:
            names[rule.user] = whose
        if self.session is not None and rule.session is not None:
            names[rule.session] = self.session
        return names


def holding(
    key: bytes,
    role: Role,
    value: Value | None,
    expires_at: float | None,
    keeps: Callable[[Holding], bool] = lambda _: True,
) -> Holding | None:
    """Take from a key what its rule asks for; None when it is not to be kept."""
    told = role.family.told(key, value)
    rule = role.rule
    more = {name: told[name] for name in role.extra if name in told}
    found = Holding(
        key=key,
        role=role,
        user=told.get(rule.user),
        session=None if rule.session is None else told.get(rule.session),
        expires_at=expires_at,
        more=more or NOTHING_MORE,
    )
    if not keeps(found):
        return None
    return found if value is None else replace(found, moments=moments_of(value))


@dataclass(frozen=True, slots=True)
class Names:
    """What one index key holds."""

    key: bytes
    shelf: Shelf
    kind: bytes
    """Its type."""
    principal: Principal
    members: tuple[bytes, ...]


def meant(names: Names, member: bytes) -> bytes | None:
    """Return the key that an element of an index names; None when that cannot be told."""
    index = names.shelf.index
    known = index.family.pattern.variables(names.key) or {}
    return index.of.pattern.fill({**known, index.holds: member})


class Ledger:
    """All that a search has found, and whose it is."""

    def __init__(self) -> None:
        self.held: dict[bytes, tuple[Holding, ...]] = {}
        """By key; more than one when several rules are about it."""
        self.names: dict[bytes, Names] = {}
        """Indexes, by key."""
        self.unread = 0
        """Keys of families that grant access which could not be read whole, or not at all."""
        self._owners: dict[tuple[TokenRule, str, bytes], bytes] = {}

    def __iter__(self) -> Iterator[Holding]:
        return (one for several in self.held.values() for one in several)

    def add(self, holdings: Iterable[Holding]) -> None:
        """Take in keys; one that was there already is replaced by what is known now."""
        by_key: dict[bytes, list[Holding]] = defaultdict(list)
        for one in holdings:
            by_key[one.key].append(one)
            self.learn(one)
        for key, several in by_key.items():
            self.held[key] = tuple(several)

    def learn(self, one: Holding) -> None:
        """Take in whose login a key says it is of, and nothing else."""
        if one.user is not None and one.session is not None and one.role.rule.session is not None:
            self._owners.setdefault((one.role.rule, one.role.rule.session, one.session), one.user)

    def add_names(self, names: Names, *, keep: bool = True) -> None:
        """Take in what an index holds; `keep` also which index it was."""
        if keep:
            self.names[names.key] = names
        rule, index = names.shelf.rule, names.shelf.index
        for member in names.members:
            self._owners.setdefault((rule, index.holds, member), names.principal[1])

    def owner_of(self, one: Holding) -> bytes | None:
        """Return whose a key is: as it says itself, as others of its login say, or as an index does."""
        if one.user is not None:
            return one.user
        rule = one.role.rule
        names = one.said(None).items()
        return next((user for name, value in names if (user := self._owners.get((rule, name, value)))), None)

    def principal_of(self, one: Holding) -> Principal | None:
        """Return the same with its schema."""
        user = self.owner_of(one)
        return None if user is None else (one.role.schema, user)

    def of(self, principals: Iterable[Principal]) -> list[Holding]:
        """Return all that belongs to some users."""
        wanted = frozenset(principals)
        return [one for one in self if self.principal_of(one) in wanted]
