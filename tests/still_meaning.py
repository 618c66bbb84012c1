"""The pages Expiry and Tokens standing still: the frozen demo, as the five schemas that come with redtop see it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from tests.drifting import BUILT_IN
from tests.still import KEYS, PAGE, state, vitals, world
from tui.demo import SYSTEMS
from tui.demo.fill import FROZEN_NOW, build, plan
from tui.engine.expiry.cliffs import ExpirySample
from tui.engine.expiry.expiring import Expiries, Expiring
from tui.engine.expiry.filling import filling_of
from tui.engine.expiry.outlook import Outlook, Outlooks
from tui.engine.findings import Findings, Known
from tui.engine.keyshape import Shaper
from tui.engine.purge.request import Target
from tui.engine.revoke.board import Board, TokenBoard, _Book
from tui.engine.revoke.falling import fall
from tui.engine.revoke.holdings import Holding, Ledger, Names, holding
from tui.engine.revoke.plan import Plan
from tui.engine.revoke.roles import Roles
from tui.engine.revoke.wanted import Interest, Wanted
from tui.engine.schema.drift import Drift
from tui.engine.schema.findings import Example, Finding, Kind, worst_first
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Schema
from tui.engine.schema.source import Value
from tui.engine.session import Session
from tui.engine.survey import Survey

SCHEMAS: tuple[Schema, ...] = tuple(BUILT_IN[name] for name in SYSTEMS)
LATER = 0.4
"""Seconds after the prefill at which the picture is taken: nothing expires at just the same moment."""


def publish_expiry(session: Session) -> None:
    """Give every pane of the page its snapshot."""
    seen = session.of(Survey).feed.latest
    assert seen is not None
    session.of(Findings).feed.publish(known())
    session.of(Expiries).feed.publish(Expiring(seen, seen.soonest[:12], FROZEN_NOW + LATER))
    outlooks = session.of(Outlooks)
    outlooks._last, outlooks._last_whole = _sample(), True
    found = outlooks._find(seen, FROZEN_NOW)
    filling = filling_of(vitals(state()).history, seen.lifetimes)
    outlooks.feed.publish(Outlook(seen, found, filling, FROZEN_NOW + 12))


def _sample() -> ExpirySample:
    sample, shaper = ExpirySample(Random(1)), Shaper()
    for names, ttls in _pages():
        sample.take(names, ttls, shaper, FROZEN_NOW)
    return sample


def _pages() -> Iterator[tuple[list[bytes], list[int]]]:
    keys, _ = world()
    names = list(keys)
    for start in range(0, len(names), PAGE):
        page = names[start : start + PAGE]
        yield page, [-1 if keys[name].ttl is None else round(1000 * (keys[name].ttl or 0)) for name in page]


@cache
def known() -> Known:
    """What the schemas make of it: what keys tell by themselves, and what a look at their values would add."""
    keys, _ = world()
    drift = Drift(Matcher(SCHEMAS), Random(1))
    for page, ttls in _pages():
        drift.take(page, [keys[name].kind.encode() for name in page], ttls, [keys[name].size for name in page])
    found = sorted([*drift.findings(len(keys)), *_by_values(drift)], key=worst_first)
    return Known(SCHEMAS, tuple(found), complete=True, looked_at=FROZEN_NOW - 3, matcher=drift.matcher)


def _by_values(drift: Drift) -> Iterator[Finding]:
    for kind, schema, name, count, error, note in (
        (Kind.UNINDEXED, "oauth-proxy", "access_token", 12, 0.0, "not in oauth:user_tokens:ada.haas5"),
        (Kind.VANISHED, "faultmaven", "user_tokens", 31, 6.0, "names tok_5d9bfcca8dc0"),
        (Kind.NO_GROUP, "migration-platform", "flow_events", 1, 0.0, "no group processors"),
    ):
        family = BUILT_IN[schema].family(name)
        (key, *_) = (key for key in world()[0] if family.pattern.fits(key))
        examples = [Example(key, family.shown(key), note)]
        yield drift.finding(kind, family, count, error, drift.seen[family].keys.keys, examples)


def publish_tokens(session: Session) -> None:
    """Give both panes of the page their snapshot."""
    book = _Book()
    book.add(holdings())
    found = book.settled(complete=True)
    tokens = sum(one.tokens for one in found)
    session.of(TokenBoard).feed.publish(
        Board(active=True, principals=found, tokens=tokens, scanned=KEYS, dbsize=KEYS, complete=True)
    )


@cache
def holdings() -> tuple[Holding, ...]:
    """Everything that the token rules are about."""
    keys, roles, found = world()[0], Roles.of_schemas(SCHEMAS), []
    for key, value in _values().items():
        ttl = keys[key].ttl
        ends = None if ttl is None else FROZEN_NOW + ttl
        found += [one for role in roles.roles_of(key) if (one := holding(key, role, value, ends)) is not None]
    return tuple(found)


@cache
def _values() -> dict[bytes, Value]:
    """What strings and hashes of the prefill hold."""
    held: dict[bytes, Value] = {}
    for command in plan(build(SYSTEMS, 1, FROZEN_NOW), KEYS):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in command]
        if words[0] == b"SET":
            held[words[1]] = words[2]
        elif words[0] == b"HSET":
            before = held.get(words[1])
            fields = dict(zip(words[2::2], words[3::2], strict=True))
            held[words[1]] = {**before, **fields} if isinstance(before, dict) else fields
    return {key: value for key, value in held.items() if key in world()[0]}


def revocation(user: bytes) -> Plan:
    """All of a user of FaultMaven, as a plan."""
    ledger, roles = Ledger(), Roles.of_schemas(SCHEMAS)
    ledger.add(one for one in holdings() if one.role.schema == "faultmaven")
    principal = ("faultmaven", user)
    wanted = Wanted(user=user, schema=principal[0])
    family = BUILT_IN["faultmaven"].family("user_tokens")
    (shelf,) = next(shelves for of, shelves in roles.shelves.items() if of.label == family.label)
    index = shelf.index.family.pattern.fill({"user_id": user}) or b""
    held = [one for one in ledger if ledger.principal_of(one) == principal]
    members = tuple(one.said(user)["token_id"] for one in held if one.role.family is shelf.index.of)
    ledger.add_names(Names(index, shelf, b"set", principal, members))
    target = Target("127.0.0.1", 7379, None, 0, "x" * 40, "primary", "Valkey", "9.1.2")
    return Plan(
        id="5e55",
        wanted=wanted,
        roles=roles,
        interest=Interest.in_users(roles, wanted),
        target=target,
        made_at=FROZEN_NOW,
        falling=fall(ledger, (), {principal}, whole=False),
        principals=(principal,),
        unread=0,
        unowned=0,
    )
