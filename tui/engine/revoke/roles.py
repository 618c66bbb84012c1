"""Which families the token rules of some schemas are about, and what has to be known of their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from tui.engine.printable import mask, printable
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Family, Index, Schema, TokenRule


@dataclass(frozen=True, slots=True, eq=False)
class Role:
    """What a family is to a token rule. Two are the same only when they are the same object."""

    rule: TokenRule
    family: Family
    place: int
    """Where it stands in the order in which keys go."""
    grants: bool
    """Whether its keys grant access; others only fall with them."""
    extra: tuple[str, ...]
    """Names beside user and session that its index asks for."""
    fields: tuple[bytes, ...]
    """Fields of a hash that tell names."""
    by_name: bool
    """Whether the name of a key tells whose it is, and to which login it belongs, so that no value is needed."""

    @property
    def schema(self) -> str:
        """Name of the schema."""
        return self.family.schema


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """An index that belongs to one user each: what it holds is that user's."""

    rule: TokenRule
    index: Index


@dataclass(frozen=True, slots=True)
class Roles:
    """The token rules of some schemas, by family."""

    schemas: tuple[Schema, ...]
    matcher: Matcher
    rules: tuple[TokenRule, ...]
    of: Mapping[Family, tuple[Role, ...]]
    shelves: Mapping[Family, tuple[Shelf, ...]]
    prefix: bytes
    """What all keys that matter begin with."""
    secret: frozenset[tuple[TokenRule, str]] = field(repr=False)
    """Names of a rule that are secrets themselves: some family of its says so."""

    @classmethod
    def of_schemas(cls, schemas: Sequence[Schema]) -> Roles:
        """Read the rules of some schemas."""
        rules = [rule for schema in schemas for rule in schema.tokens]
        of: dict[Family, tuple[Role, ...]] = {}
        shelves: dict[Family, tuple[Shelf, ...]] = {}
        for rule in rules:
            for place, family in enumerate(rule.order):
                of[family] = (*of.get(family, ()), _role(rule, family, place))
            for index in rule.indexes:
                if rule.user in index.family.pattern.names:
                    shelves[index.family] = (*shelves.get(index.family, ()), Shelf(rule, index))
        heads = [family.pattern.head for family in (*of, *shelves)]
        secret = {(rule, name) for rule in rules for family in rule.order for name in family.secret}
        return cls(tuple(schemas), Matcher(schemas), tuple(rules), of, shelves, _prefix(heads), frozenset(secret))

    def roles_of(self, key: bytes) -> tuple[Role, ...]:
        """Return what a key is to the rules; nothing when none is about it."""
        family = self.matcher.family_of(key)
        return () if family is None else self.of.get(family, ())

    def shelves_of(self, key: bytes) -> tuple[Shelf, ...]:
        """Return the indexes that a key is."""
        family = self.matcher.family_of(key)
        return () if family is None else self.shelves.get(family, ())

    def granting(self) -> Iterator[Family]:
        """Yield the families that grant access, each once."""
        yield from dict.fromkeys(family for rule in self.rules for family in rule.grants)

    def candidates(self, token: bytes) -> list[bytes]:
        """Return the keys that a pasted token can stand for: as its rules say, as it is, and by its SHA-256."""
        found: dict[bytes, None] = {}
        digest = sha256(token).hexdigest().encode()
        for rule in self.rules:
            found |= dict.fromkeys(key for _, key in rule.keys_of(token))
            for family in rule.grants:
                if len(family.pattern.names) == 1:
                    (name,) = family.pattern.names
                    keys = (family.pattern.fill({name: value}) for value in (token, digest))
                    found |= dict.fromkeys(key for key in keys if key is not None)
        return [key for key in found if self.roles_of(key)]

    def shown_session(self, rule: TokenRule, session: bytes | None) -> str:
        """Return the name of a login as safe text, masked where it is a secret."""
        if session is None:
            return ""
        return mask(session) if (rule, rule.session) in self.secret else printable(session)


def _prefix(heads: Sequence[bytes]) -> bytes:
    """Return what all of these begin with."""
    first, last = min(heads, default=b""), max(heads, default=b"")
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]


def _role(rule: TokenRule, family: Family, place: int) -> Role:
    wanted = {rule.user, rule.session}
    for index in rule.indexes:
        if index.of is family:
            wanted |= {index.holds, *index.family.pattern.names}
    names = {name for name in wanted if name is not None} & family.names()
    sources = [source for name in sorted(names) for source in family.tells.get(name, ())]
    fields = {source.name.encode() for source in sources if source.kind in {"field", "json"}}
    return Role(
        rule=rule,
        family=family,
        place=place,
        grants=family in rule.grants,
        extra=tuple(sorted(names - {rule.user, rule.session})),
        fields=tuple(sorted(fields)),
        by_name={rule.user, rule.session or rule.user} <= family.pattern.names,
    )
