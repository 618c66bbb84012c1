"""What a person wants revoked, and which keys that concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.engine.revoke.holdings import Holding, Login, Principal
    from tui.engine.revoke.roles import Role, Roles
    from tui.engine.schema.model import Family, TokenRule


class Scope(StrEnum):
    """How much is revoked."""

    TOKEN = "token"  # noqa: S105 - a word, not a token
    SESSION = "session"
    USER = "user"
    FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of three: all of a user, some keys, or all keys of a family.

    Raises:
        ValueError: it is none of them, or more than one.
    """

    user: bytes | None = None
    keys: tuple[bytes, ...] | None = field(default=None, repr=False)
    """Keys that stand for one token; those that do not exist are passed over."""
    family: Family | None = None
    """One that grants access."""
    whole: bool = False
    """Whether the logins that these keys belong to go as well, with all that grants access for them."""
    schema: str | None = None
    """Of a user: only in this schema; None means in each."""

    def __post_init__(self) -> None:
        if (self.user is not None) + (self.keys is not None) + (self.family is not None) != 1:
            raise ValueError("a revocation takes a user, a token, or a family")

    @property
    def scope(self) -> Scope:
        """How much it is."""
        if self.user is not None:
            return Scope.USER
        if self.family is not None:
            return Scope.FAMILY
        return Scope.SESSION if self.whole else Scope.TOKEN


@dataclass(frozen=True, slots=True)
class Interest:
    """Which keys a search keeps."""

    principals: frozenset[Principal] = frozenset()
    logins: frozenset[Login] = frozenset()
    rules: frozenset[TokenRule] | None = None
    """All keys of these rules, whoever's they are; None when it is about the users and logins above."""

    @classmethod
    def in_users(cls, roles: Roles, wanted: Wanted) -> Interest:
        """Be about all of a user."""
        assert wanted.user is not None
        names = {schema.name for schema in roles.schemas if schema.tokens}
        return cls(frozenset((name, wanted.user) for name in names if wanted.schema in {None, name}))

    @classmethod
    def in_family(cls, roles: Roles, family: Family) -> Interest:
        """Be about all of a family, and what falls with it."""
        return cls(rules=frozenset(role.rule for role in roles.of.get(family, ())))

    @classmethod
    def in_all(cls, roles: Roles) -> Interest:
        """Be about everything."""
        return cls(rules=frozenset(roles.rules))

    def may_be(self, key: bytes, role: Role) -> bool:
        """Whether a key may matter, going by its name alone."""
        if self.rules is not None:
            return role.rule in self.rules
        if role.rule.user not in role.family.pattern.names:
            return True
        told = role.family.pattern.variables(key) or {}
        return self._is_of((role.schema, told[role.rule.user]), role.rule, told.get(role.rule.session or ""))

    def keeps(self, one: Holding) -> bool:
        """Whether a key matters; one that does not tell whose it is may, until all is known."""
        if self.rules is not None or one.user is None:
            return True
        return self._is_of((one.role.schema, one.user), one.role.rule, one.session)

    def joined(self, holdings: Iterable[Holding], principals: Iterable[Principal]) -> Interest:
        """Be about the users and logins of these as well."""
        logins = {login for one in holdings if (login := one.login) is not None}
        return Interest(self.principals | frozenset(principals), self.logins | logins, self.rules)

    def _is_of(self, principal: Principal, rule: TokenRule, session: bytes | None) -> bool:
        return principal in self.principals or (session is not None and (rule, session) in self.logins)
