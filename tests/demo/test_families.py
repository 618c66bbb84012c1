"""Every family of SYSTEMS.md is there after the prefill, with its type and its kind of TTL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tui.demo import HOST, SYSTEMS
from tui.demo.fill import FROZEN_NOW, fill_frozen
from tui.demo.server import DemoServer
from tui.demo.wire import Command, Wire

HEX, UUID, INT, ANY = "[0-9a-f]+", "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9]+", "[^:]+"
SPECIAL = {"hex": HEX, "uuid": UUID, "int": INT, "any": ANY, "rest": ".+", "jti": UUID, "sha256": "[0-9a-f]{64}"}
NONE = 0

# pattern, type, longest TTL in seconds (0: none). Several lines may stand in one family's row of SYSTEMS.md.
FAMILIES: dict[str, list[tuple[str, str, int]]] = {
    "oauth-proxy": [
        ("service:url:{any}", "string", NONE),
        ("service:external:{any}", "string", NONE),
        ("docker_service:{any}", "string", NONE),
        ("services:external", "set", NONE),
        ("cert:{any}", "string", NONE),
        ("cert:domain:{any}", "string", NONE),
        ("cert:status:{any}", "string", 300),
        ("proxy:{any}", "string", NONE),
        ("proxy:client:{int}:{int}", "string", 60),
        ("route:{hex}", "string", NONE),
        ("route:unique:{any}:{int}", "string", NONE),
        ("route:priority:{int}:{hex}", "string", NONE),
        ("route:priorities", "zset", NONE),
        ("oauth:client:{any}", "string", NONE),
        ("oauth:state:{any}", "string", 600),
        ("oauth:code:{hex}", "string", 600),
        ("oauth:token:{jti}", "string", 3600),
        ("oauth:refresh:{hex}", "string", 7 * 86_400),
        ("oauth:user_tokens:{any}", "set", NONE),
        ("token:{any}", "string", NONE),
        ("token:hash:{sha256}", "string", NONE),
        ("port:{int}", "string", NONE),
        ("service:ports:{any}", "hash", NONE),
        ("resource:https://{rest}", "string", NONE),
        ("events:workflow", "stream", NONE),
        ("workflow:state:{any}", "string", NONE),
        ("workflow:pending", "set", NONE),
        ("workflow:consumer:info", "hash", NONE),
        ("req:{int}:{rest}", "hash", 86_400),
        ("idx:req:ip:2001:{rest}", "zset", NONE),
        ("idx:req:ip:{any}", "zset", NONE),
        ("idx:req:host:{any}", "zset", NONE),
        ("idx:req:user:{any}", "zset", NONE),
        ("idx:req:status:{int}", "zset", NONE),
        ("idx:req:errors", "zset", NONE),
        ("idx:req:slow", "zset", NONE),
        ("idx:req:path:(GET|POST|DELETE):/{rest}", "zset", NONE),
        ("stream:requests", "stream", NONE),
        ("stats:requests:20250602:06", "string", NONE),
        ("stats:errors:20250602:06", "hash", NONE),
        ("stats:unique_ips:{any}:20250602:06", "string", NONE),
    ],
    "faultmaven": [
        ("session:sess_{hex}", "string", 1800),
        ("client_session:user_{hex}:browser_{hex}", "string", 1800),
        ("auth:user:{any}", "hash", NONE),
        ("auth:username:{any}", "string", NONE),
        ("auth:email:{any}", "string", NONE),
        ("auth:user_list", "list", NONE),
        ("auth:token:{sha256}", "string", 86_400),
        ("auth:user_tokens:{any}", "list", 86_400),
        ("auth:token_meta:{any}", "hash", 86_400),
        ("report:{any}:metadata", "hash", -90 * 86_400),
        ("case:{any}:reports", "zset", -90 * 86_400),
        ("case:{any}:reports:(INCIDENT_REPORT|RCA_REPORT|RUNBOOK)", "zset", -90 * 86_400),
        ("case:{any}:reports:current", "hash", -90 * 86_400),
    ],
    "fastapi-best-architecture": [
        ("fba:token:{int}:{uuid}", "string", 86_400),
        ("fba:token:(admin|superuser)", "string", 86_400),
        ("fba:refresh_token:{int}:{uuid}", "string", 7 * 86_400),
        ("fba:token_extra_info:{int}:{uuid}", "string", 86_400),
        ("fba:token_online", "set", NONE),
        ("fba:token_online:{uuid}", "string", 86_400),
        ("fba:user:{int}", "string", 3600),
        ("fba:login:captcha:{uuid}", "string", 300),
        ("fba:login:failure:{int}", "string", 86_400),
        ("fba:user:lock:{int}", "string", 300),
        ("fba:oauth2:state:{hex}", "string", 180),
        ("fba:email:captcha:{rest}", "string", 180),
        ("fba:ip:location:{rest}", "string", 86_400),
        ("fba:limiter:{rest}", "string", 60),
        ("fba:celery:task-meta:{uuid}", "string", 86_400),
        ("fba:snowflake:nodes:{int}:{int}", "string", 60),
    ],
    "migration-platform": [
        ("flow:events:{uuid}", "stream", NONE),
        ("flow:state:{uuid}", "string", 300),
        ("flow:meta:{uuid}", "hash", 3600),
        ("sse:connections", "hash", NONE),
        ("sse:connection:{any}", "string", 300),
        ("sse:flow:{uuid}:connections", "set", NONE),
        ("sse:expire:{any}", "string", 300),
        ("session:{uuid}", "string", 3600),
        ("session:active:{uuid}", "set", NONE),
        ("cache:assets:{uuid}", "string", 1800),
        ("cache:field_mappings:{uuid}", "string", 1800),
        ("cache:analysis:{uuid}", "string", 3600),
        ("cache:flow:state:{uuid}", "string", 300),
        ("api:discovery:{uuid}:{hex}", "string", 300),
        ("api:assets:{uuid}:{any}", "string", 300),
        ("celery:task:{uuid}", "string", 86_400),
        ("celery:queue:(default|priority)", "list", NONE),
        ("celery:retry:{uuid}", "string", 3600),
        ("rate_limit:{uuid}:{int}", "string", 60),
        ("rate_limit:global:{any}:{int}", "string", 60),
        ("rate_limit:tenant:{uuid}:{int}", "string", 3600),
        ("rate_limit:sliding:{uuid}", "zset", 60),
        ("lock:(flow|import|analysis):{uuid}", "string", 30),
        ("engagement:{uuid}:flows", "set", NONE),
        ("user:{uuid}:connections", "set", NONE),
        ("recent:flows:{uuid}", "zset", NONE),
    ],
    "arketic": [
        ("user:{uuid}:(profile|preferences|permissions)", "string", 3600),
        ("chat:{uuid}:messages", "list", 3600),
        ("chat:{uuid}:(participants|metadata)", "string", 3600),
        ("ai:response:{sha256}", "string", 3600),
        ("ai:model:{any}:config", "string", 3600),
        ("ai:prompt:{sha256}", "string", 3600),
        ("kb:{uuid}:documents", "string", 3600),
        ("kb:{uuid}:search:{hex}", "string", 900),
        ("kb:embedding:{hex}:{int}", "string", 3600),
        ("rate:api:{uuid}:{any}", "zset", 60),
        ("rate:api:global:{any}", "zset", 60),
        ("rate:api:ip:{rest}", "zset", 60),
        ("rate:ai:{uuid}:requests", "zset", 60),
        ("rate:ai:{uuid}:tokens", "zset", 60),
        ("rate:ai:{uuid}:monthly", "zset", 30 * 86_400),
        ("rate:(upload|download):{uuid}", "zset", 60),
        ("session:{hex}", "string", 3600),
        ("session:user:{uuid}", "set", 3600),
        ("session:refresh:{sha256}", "string", 3600),
    ],
}
"""A negative TTL: some keys have one, some have none (open and closed cases)."""


@dataclass(frozen=True)
class Key:
    """One key as a scan finds it."""

    name: str
    type: str
    ttl: int


def scan(wire: Wire) -> Iterator[str]:
    cursor = b"0"
    while True:
        cursor, names = wire.ask([("SCAN", cursor, "COUNT", 1000)])[0]
        yield from (name.decode() for name in names)
        if cursor == b"0":
            return


def keys(wire: Wire) -> list[Key]:
    found = []
    for names in batched_names(scan(wire)):
        commands: list[Command] = [(verb, name) for name in names for verb in ("TYPE", "TTL")]
        replies = wire.ask(commands)
        found += [Key(*row) for row in zip(names, (t.decode() for t in replies[::2]), replies[1::2], strict=True)]
    return [key for key in found if key.ttl != -2]


def batched_names(names: Iterator[str]) -> Iterator[Sequence[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if len(chunk) == 500:
            yield chunk
            chunk = []
    yield chunk


def matching(found: list[Key], pattern: str) -> list[Key]:
    expression = re.compile(re.sub(r"\{(\w+)\}", lambda m: f"(?:{SPECIAL[m[1]]})", pattern))
    return [key for key in found if expression.fullmatch(key.name)]


@pytest.fixture(scope="module")
def everything() -> Iterator[tuple[list[Key], Wire]]:
    with DemoServer() as server, Wire(HOST, server.port) as wire:
        assert fill_frozen(wire, seed=5) == []
        yield keys(wire), wire


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_family_is_there_with_its_type_and_kind_of_ttl(name: str, server: DemoServer, wire: Wire) -> None:
    assert fill_frozen(wire, seed=11, systems=[name], keys=0, drift=False) == []
    found = keys(wire)
    known: set[str] = set()
    for pattern, kind, ttl in FAMILIES[name]:
        members = matching(found, pattern) if pattern != "cert:{any}" else matching(found, "cert:[a-z]+[0-9]+-{int}")
        assert members, pattern
        assert {key.type for key in members} == {kind}, pattern
        check_ttls(pattern, members, ttl)
        known |= {key.name for key in members}
    assert {key.name for key in found} - known == set()


def check_ttls(pattern: str, members: list[Key], ttl: int) -> None:
    timed = [key.ttl for key in members if key.ttl >= 0]
    if ttl == NONE:
        assert not timed, pattern
    elif ttl > 0:
        assert len(timed) == len(members), pattern
        assert max(timed) <= ttl, pattern
    else:
        assert timed, pattern
        assert max(timed) <= -ttl, pattern


def test_the_three_databases_of_celery_are_in_use(everything: tuple[list[Key], Wire]) -> None:
    _, wire = everything
    commands: list[Command] = [("SELECT", 1), ("TYPE", "celery"), ("SELECT", 2), ("RANDOMKEY",), ("SELECT", 0)]
    _, kind, _, result, _ = wire.ask(commands)
    assert kind == b"list"
    assert result.startswith(b"celery-task-meta-")


def value(wire: Wire, found: list[Key], pattern: str) -> Any:
    reply = wire.ask([("GET", key.name) for key in matching(found, pattern)[:1]])[0]
    return json.loads(reply)


def test_what_grants_access_names_its_user_where_the_document_says(everything: tuple[list[Key], Wire]) -> None:
    found, wire = everything
    assert {"jti", "client_id", "scope", "exp"} <= set(value(wire, found, "oauth:token:{jti}"))
    assert {"jti", "client_id"} <= set(value(wire, found, "oauth:refresh:{hex}"))
    assert {"user_id", "session_id", "last_activity"} <= set(value(wire, found, "session:sess_{hex}"))
    assert {"user_id", "session_id", "ip_address"} <= set(value(wire, found, "session:{hex}"))
    assert {"user_id", "session_id"} <= set(value(wire, found, "session:refresh:{sha256}"))
    plain = wire.ask([("GET", matching(found, "auth:token:{sha256}")[0].name)])[0]
    assert plain.startswith(b"user_")


def test_without_drift_every_oauth_token_is_in_its_users_index(wire: Wire) -> None:
    assert fill_frozen(wire, seed=5, systems=["oauth-proxy"], keys=3000, drift=False) == []
    found = keys(wire)
    indexed: set[bytes] = set()
    for members in wire.ask([("SMEMBERS", key.name) for key in matching(found, "oauth:user_tokens:{any}")]):
        indexed |= set(members)
    tokens = {key.name.rpartition(":")[2].encode() for key in matching(found, "oauth:token:{jti}")}
    assert tokens <= indexed


def test_planted_drift_is_there(everything: tuple[list[Key], Wire]) -> None:
    found, wire = everything
    values = wire.ask([("GET", key.name) for key in matching(found, "token:{any}")])
    assert sum(reply.startswith(b"acm_") for reply in values) == 2
    assert matching(found, "case:{any}")
    assert [key for key in matching(found, "lock:flow:{uuid}") if key.ttl == -1]
    assert [key for key in matching(found, "ai:response:{sha256}") if key.ttl == -1]


def test_some_keys_are_big(everything: tuple[list[Key], Wire]) -> None:
    found, wire = everything
    names = ["idx:req:slow", "sse:connections", *(key.name for key in matching(found, "chat:{uuid}:messages"))]
    sizes = sorted(wire.ask([("MEMORY", "USAGE", name, "SAMPLES", 0) for name in names]))
    assert sizes[-1] > 3_000_000
    assert sizes[-3] > 1_500_000


def test_the_prefill_has_about_as_many_keys_as_asked_for(everything: tuple[list[Key], Wire]) -> None:
    assert abs(len(everything[0]) - 20_000) < 600


def test_keys_expire_soon_later_and_never(everything: tuple[list[Key], Wire]) -> None:
    ttls = [key.ttl for key in everything[0]]
    for low, high in ((0, 60), (60, 600), (600, 3600), (3600, 86_400), (86_400, 10**8)):
        assert sum(low <= ttl < high for ttl in ttls) > 100, (low, high)
    assert ttls.count(-1) > 500


def test_frozen_streams_have_fixed_ids_healthy_groups_and_one_that_lags(everything: tuple[list[Key], Wire]) -> None:
    _, wire = everything
    groups, newest, length = wire.ask(
        [
            ("XINFO", "GROUPS", "stream:requests"),
            ("XREVRANGE", "stream:requests", "+", "-", "COUNT", 1),
            ("XLEN", "stream:requests"),
        ]
    )
    lags = {group[b"name"]: group[b"lag"] for group in map(by_name, groups)}
    assert lags == {b"mail": 900, b"metrics": 0}
    assert 0 < int(FROZEN_NOW * 1000) - int(newest[0][0].split(b"-")[0]) < 1000
    assert length == 9600


def by_name(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_two_frozen_servers_hold_the_same(everything: tuple[list[Key], Wire]) -> None:
    found, wire = everything
    with DemoServer() as server, Wire(HOST, server.port) as other:
        fill_frozen(other, seed=5)
        assert {key.name for key in keys(other)} >= {key.name for key in found if not 0 <= key.ttl < 30}
        strings = [key.name for key in found if key.type == "string" and key.ttl > 60]
        sample = [("GET", name) for name in strings[:300]]
        assert wire.ask(sample) == other.ask(sample)
        for stream in ("stream:requests", "events:workflow"):
            assert wire.ask([("XRANGE", stream, "-", "+")]) == other.ask([("XRANGE", stream, "-", "+")])
