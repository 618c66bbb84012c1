"""What goes with what: from the keys that are to be revoked to all that falls, in the order in which it must.

What grants goes first, what can mint the rest at the very first; then metadata, then caches, and what finds the keys
goes last. Whenever it breaks off, what is left grants nothing, or is still found.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from tui.engine.revoke.holdings import Holding, Ledger, Login, Principal, meant
from tui.engine.schema.model import Index


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an index that is to go."""

    index: Index = field(repr=False)
    key: bytes = field(repr=False)
    """The key that is the index."""
    member: bytes = field(repr=False)
    names: bytes | None = field(repr=False)
    """The key it stands for, if that goes as well: while that is there, the entry stays."""


@dataclass(frozen=True, slots=True)
class Falling:
    """All that goes, in order, and what stays."""

    keys: tuple[Holding, ...]
    """Each key once."""
    entries: tuple[Entry, ...]
    staying: tuple[Holding, ...]
    """Keys that grant access to the same users, and stay."""


def fall(ledger: Ledger, targets: Collection[Holding], principals: Collection[Principal], *, whole: bool) -> Falling:
    """Return what goes when these keys go.

    Args:
        ledger: all that belongs to the users and logins in question.
        targets: keys to be revoked.
        principals: users of whom everything goes.
        whole: whether the logins that the targets belong to go as well.
    """
    going = {one for one in ledger if ledger.principal_of(one) in principals}
    going |= set(targets)
    if whole:
        going |= _rest_of_logins(ledger, going)
    going |= _bereft(ledger, going)
    owners = {ledger.principal_of(one) for one in going} - {None}
    logins = {one.login for one in going} - {None}
    staying = [
        one
        for one in ledger
        if one not in going and one.role.grants and (ledger.principal_of(one) in owners or one.login in logins)
    ]
    entries = _entries(ledger, going, {one.login for one in staying}, principals)
    ordered = sorted(going, key=lambda one: (*order(one), one.key))  # a plan looks the same each time it is made
    by_key = {one.key: one for one in reversed(ordered)}
    by_name = {(entry.key, entry.member): entry for entry in entries}
    return Falling(tuple(reversed(by_key.values())), tuple(by_name.values()), tuple(sorted(staying, key=order)))


def order(one: Holding) -> tuple[bool, int]:
    """Sort keys by when they must go: what has less goes before what has more."""
    return not one.role.grants, one.role.place


def _rest_of_logins(ledger: Ledger, going: Collection[Holding]) -> set[Holding]:
    """Return the other keys of the same logins, but for those that say they are somebody else's."""
    owners: dict[Login, set[Principal | None]] = {}
    for one in going:
        if one.login is not None:
            owners.setdefault(one.login, {None}).add(ledger.principal_of(one))
    return {
        one
        for one in ledger
        if one.login is not None
        and one.login in owners
        and (ledger.principal_of(one) in owners[one.login] or owners[one.login] == {None})
    }


def _bereft(ledger: Ledger, going: Collection[Holding]) -> set[Holding]:
    """Return metadata and caches of what has nothing left that grants access: of a login, or of a user."""
    touched = {group for one in going for group in _groups(ledger, one)}
    alive = {group for one in ledger if one.role.grants and one not in going for group in _groups(ledger, one)}
    lost = touched - alive
    return {one for one in ledger if not one.role.grants and next(_groups(ledger, one), None) in lost}


def _groups(ledger: Ledger, one: Holding) -> Iterator[Hashable]:
    """Yield what a key belongs to: its login, and its user under this rule."""
    if one.login is not None:
        yield one.login
    principal = ledger.principal_of(one)
    if principal is not None:
        yield one.role.rule, principal


def _entries(
    ledger: Ledger, going: Collection[Holding], alive: Collection[Login | None], principals: Collection[Principal]
) -> Iterator[Entry]:
    """Yield the names of what goes, and of a user who loses everything also those that name nothing any more."""
    gone = {one.key for one in going}
    for one in going:
        yield from _entries_of(ledger, one, ended=one.login not in alive)
    for names in ledger.names.values():
        for member in names.members if names.principal in principals else ():
            target = meant(names, member)
            if target is None or target not in ledger.held or target in gone:
                yield Entry(names.shelf.index, names.key, member, target if target in gone else None)


def _entries_of(ledger: Ledger, one: Holding, *, ended: bool) -> Iterator[Entry]:
    said, rule = one.said(ledger.owner_of(one)), one.role.rule
    for index in rule.indexes:
        if index.of is one.role.family or (ended and index.holds == rule.session):
            key = index.family.pattern.fill(said)
            named = index.of.pattern.fill(said)
            if key is not None and index.holds in said:
                yield Entry(index, key, said[index.holds], named if named in ledger.held else None)


def kinds(keys: Iterable[Holding]) -> dict[Holding, int]:
    """Count keys by family: the first of each stands for it, in the order in which they go."""
    first: dict[Hashable, Holding] = {}
    counts: dict[Holding, int] = {}
    for one in keys:
        lead = first.setdefault(one.role.family, one)
        counts[lead] = counts.get(lead, 0) + 1
    return counts
