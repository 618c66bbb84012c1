"""Users and their tokens as rows of tables, made when they come into view. No row holds a secret."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from textual.content import Content

from tui.engine.revoke.board import Board, Principal
from tui.engine.revoke.naming import shown_user
from tui.words.lazyrows import LazyRows
from tui.words.units import ago, count, duration
from widgets.table import Column, Row

if TYPE_CHECKING:
    from tui.engine.revoke.holdings import Holding, Login
    from tui.engine.revoke.roles import Roles

SOON = 60.0
"""Seconds of TTL from which on it is coloured: about to expire."""

SCHEMA = 14
"""Cells of the name of a schema: enough to tell the built-in ones apart."""


def principal_columns(*, schemas: bool) -> tuple[Column, ...]:
    """Return the columns of users; `schemas` when there is more than one."""
    return (
        Column("user", least=14),
        *((Column("schema", SCHEMA, "left", priority=4),) if schemas else ()),
        Column("tokens", 7, "right", priority=9),
        Column("logins", 6, "right", priority=5),
        Column("oldest", 7, "right", priority=6),
        Column("TTL", 7, "right", priority=7),
        Column("used", 8, "right", priority=8),
    )


HELD_COLUMNS = (
    Column("login, keys", least=24),
    Column("what", 16, "left", priority=4),
    Column("age", 7, "right", priority=6),
    Column("TTL", 7, "right", priority=7),
    Column("used", 8, "right", priority=5),
)
ORDERS = ("tokens", "oldest", "used", "TTL", "user")
"""What users can be sorted by: columns of the table."""


class Head(NamedTuple):
    """The row above the keys of one login."""

    login: Login | None
    """None: keys that tell of no login."""


Item: TypeAlias = "Head | Holding"


def principal_rows(principals: Sequence[Principal], wall: Callable[[], float], *, schemas: bool) -> LazyRows:
    """One row for each user, with times as they are when it is drawn; `schemas` when there is more than one."""
    index: dict[Hashable, int] = {principal.name: at for at, principal in enumerate(principals)}
    return LazyRows(principals, lambda at: _principal_row(principals[at], wall(), schemas=schemas), index)


def ordered(board: Board, order: str, needle: str) -> list[Principal]:
    """Return the users whose name has a text in it, in one of `ORDERS`: what wants a look first."""
    found = [one for one in board.principals if not needle or needle in user_text(one).lower()]
    if order == "user":
        return sorted(found, key=_by_name)
    keys: dict[str, Callable[[Principal], float]] = {
        "tokens": lambda one: -one.tokens,
        "oldest": lambda one: one.oldest or math.inf,
        "used": lambda one: -(one.used or 0.0),
        "TTL": lambda one: -(one.ends or 0.0),
    }
    return sorted(found, key=lambda one: (keys[order](one), *_by_name(one)))


def _by_name(one: Principal) -> tuple[bool, tuple[bool, int, bytes], str]:
    return one.user is None, _natural(one.user or b""), one.schema


def user_text(principal: Principal) -> str:
    """Name a user as safe text."""
    return "(told nowhere)" if principal.user is None else shown_user(principal.user)


def items_of(principal: Principal) -> list[Item]:
    """Return the keys of a user, login by login, what goes first at first, with a head above each login."""
    logins: dict[Login | None, list[Holding]] = {}
    for one in principal.held:
        logins.setdefault(one.login, []).append(one)
    items: list[Item] = []
    for login in sorted(logins, key=_login_order):
        keys = sorted(logins[login], key=lambda one: (not one.role.grants, one.role.place, one.key))
        items += [Head(login), *keys]
    return items


def held_rows(items: Sequence[Item], roles: Roles, wall: Callable[[], float]) -> LazyRows:
    """Rows for the keys of one user, likewise."""
    index: dict[Hashable, int] = {key_of(item): at for at, item in enumerate(items)}

    def draw(at: int) -> Row:
        item = items[at]
        if isinstance(item, Head):
            return _head_row(item, _below(items, at), roles, wall())
        return _held_row(item, wall())

    return LazyRows(items, draw, index)


def key_of(item: Item) -> Hashable:
    """What a row is: a key with its rule, or a login."""
    return item.login or "none" if isinstance(item, Head) else (item.key, item.role.rule.name)


def _below(items: Sequence[Item], at: int) -> list[Holding]:
    keys: list[Holding] = []
    for item in items[at + 1 :]:
        if isinstance(item, Head):
            break
        keys.append(item)
    return keys


def _principal_row(principal: Principal, now: float, *, schemas: bool) -> Row:
    muted = "$foreground-muted" if principal.user is None else ""
    cells = (
        Content.styled(user_text(principal), muted),
        *((Content.styled(principal.schema, "$foreground-muted"),) if schemas else ()),
        Content.styled(count(principal.tokens), "bold"),
        Content(count(principal.logins)),
        _age(principal.oldest, now),
        _ttl(principal.ends, now),
        _use(principal.used, now),
    )
    return Row(principal.name, cells)


def _head_row(head: Head, keys: Sequence[Holding], roles: Roles, now: float) -> Row:
    if head.login is None:
        return Row(key_of(head), (Content.styled("keys that tell of no login", "italic"),))
    rule, session = head.login
    made = min((one.moments.made for one in keys if one.moments.made is not None), default=None)
    used = max((one.moments.used for one in keys if one.moments.used is not None), default=None)
    ends = max(
        (math.inf if one.expires_at is None else one.expires_at for one in keys if one.role.grants), default=None
    )
    name = Content.styled(roles.shown_session(rule, session), "bold")
    what = Content.styled(rule.purpose, "$foreground-muted")
    return Row(key_of(head), (name, what, _age(made, now), _ttl(ends, now), _use(used, now)))


def _held_row(one: Holding, now: float) -> Row:
    # The mark says what lets somebody in; what only goes along is muted.
    tone = "" if one.role.grants else "$foreground-muted"
    mark = ("● ", "$text-warning") if one.role.grants else ("  ", "")
    cells = (
        Content.assemble(mark, (one.shown, tone)),
        Content.styled(one.role.family.name, tone),
        _age(one.moments.made, now),
        _ttl(math.inf if one.expires_at is None else one.expires_at, now),
        _use(one.moments.used, now),
    )
    return Row(key_of(one), cells, depth=1)


def _age(made: float | None, now: float) -> Content:
    return Content.styled("–", "$foreground-muted") if made is None else Content(duration(int(max(0, now - made))))


def _ttl(ends: float | None, now: float) -> Content:
    if ends is None:
        return Content.styled("–", "$foreground-muted")
    if ends == math.inf:
        return Content.styled("never", "$text-warning")
    left = ends - now
    return Content.styled("<1s" if left < 1 else duration(int(left)), "$text-warning" if left < SOON else "")


def _use(used: float | None, now: float) -> Content:
    return Content.styled("–", "$foreground-muted") if used is None else Content(ago(max(0, now - used)))


def _login_order(login: Login | None) -> tuple[bool, str, bytes]:
    return (True, "", b"") if login is None else (False, login[0].name, login[1])


def _natural(user: bytes) -> tuple[bool, int, bytes]:
    """Sort numbers before names, and 2 before 10."""
    return not user.isdigit(), len(user) if user.isdigit() else 0, user
