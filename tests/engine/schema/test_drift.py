"""Drift on real servers: what the demo plants is found, and nothing else; estimates cover the truth."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.drifting import BUILT_IN, findings, kinds
from tests.servers import HOST, Server
from tui.demo import SYSTEMS, Demo
from tui.demo.fill import FROZEN_NOW, build, fill, plan
from tui.demo.wire import Command, Wire
from tui.engine.address import Address
from tui.engine.schema.drift import SAMPLE, Drift
from tui.engine.schema.expected import expected_groups
from tui.engine.schema.file import read_schema
from tui.engine.schema.findings import EXAMPLES, Finding, Kind, Severity
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Schema
from tui.engine.schema.reservoir import Reservoir

PLANTED: dict[str, set[tuple[str, str]]] = {
    "oauth-proxy": {
        ("no-ttl", "oauth_state"),
        ("long-ttl", "certificate_status"),
        ("needless-ttl", "certificate_domain"),
        ("wrong-type", "service_ports"),
        ("forbidden-value", "api_token"),
        ("vanished-in-index", "user_tokens"),
        ("missing-in-index", "access_token"),
    },
    "faultmaven": {
        ("no-ttl", "session"),
        ("long-ttl", "session"),
        ("wrong-type", "current_reports"),
        ("deprecated", "case"),
        ("deprecated", "user_cases"),
        ("deprecated", "case_index"),
        ("plaintext-token", "token"),
        ("too-many-keys", "token"),
        ("too-big", "session"),
        ("vanished-in-index", "user_tokens"),
        ("missing-in-index", "token_meta"),
    },
    "fastapi-best-architecture": {
        ("no-ttl", "token"),
        ("long-ttl", "login_captcha"),
        ("wrong-type", "user"),
        ("plaintext-token", "token"),
        ("vanished-in-index", "online"),
        ("missing-in-index", "token"),
    },
    "migration-platform": {
        ("no-ttl", "flow_lock"),
        ("long-ttl", "import_lock"),
        ("long-ttl", "cached_flow_state"),
        ("wrong-type", "flow_meta"),
        ("too-long", "flow_events"),
        ("missing-group", "flow_events"),
        ("vanished-in-index", "connections"),
        ("missing-in-index", "connection_expiry"),
    },
    "arketic": {
        ("no-ttl", "response"),
        ("long-ttl", "search"),
        ("wrong-type", "profile"),
        ("plaintext-token", "refresh_token"),
        ("vanished-in-index", "user_sessions"),
        ("missing-in-index", "session"),
    },
}
"""What each workload does wrong on purpose: kind and family."""

MINE = """
title = "for this test"
[families.token]
pattern = "t:{id}"
purpose = "token"
ttl = 60
tells = { user = "json:user.name" }
[families.of_user]
pattern = "u:{user}"
type = ["set", "list", "zset", "hash"]
purpose = "tokens of a user"
[families.cache]
pattern = "c:{id}"
purpose = "cache"
ttl = "required"
[indexes.of_user]
family = "of_user"
holds = "id"
of = "token"
[tokens.it]
purpose = "log-in"
user = "user"
grants = ["token"]
indexes = ["of_user"]
"""


def filled(server: Server, names: Sequence[str], *, drift: bool, keys: int, now: float = FROZEN_NOW) -> None:
    with Wire(HOST, server.port) as wire:
        assert fill(wire, build(names, 3, now, drift=drift), keys) == []


def by_kind(found: Sequence[Finding], kind: Kind, family: str) -> Finding:
    return next(one for one in found if one.kind is kind and one.family is not None and one.family.name == family)


@pytest.fixture
def mine(tmp_path: Path) -> Schema:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    return read_schema(file)


# --- the demo


@pytest.mark.parametrize("name", SYSTEMS)
async def test_what_a_workload_plants_is_found_and_nothing_else(valkey: Server, name: str) -> None:
    filled(valkey, [name], drift=True, keys=0)
    found, scanned, _, drift = await findings(valkey.port, [BUILT_IN[name]])
    assert kinds(found) == PLANTED[name]
    assert scanned.complete
    assert drift.unknown.keys == 0
    for finding in found:
        assert finding.severity is Severity.CRITICAL or finding.kind is not Kind.PLAINTEXT
        assert finding.error == 0 or finding.of > SAMPLE
        assert len(finding.examples) <= EXAMPLES
        assert finding.count >= len(finding.examples)
        assert finding.advice


async def test_all_five_together_are_told_apart(valkey: Server) -> None:
    filled(valkey, SYSTEMS, drift=True, keys=20_000)
    found, _, _, _ = await findings(valkey.port, list(BUILT_IN.values()))
    by_schema = {name: kinds([one for one in found if one.schema == name]) for name in SYSTEMS}
    assert by_schema == PLANTED


@pytest.mark.parametrize("names", [*([name] for name in SYSTEMS), SYSTEMS], ids=lambda names: "+".join(names)[:20])
async def test_nothing_is_reported_of_a_clean_workload(valkey: Server, names: Sequence[str]) -> None:
    filled(valkey, names, drift=False, keys=4000 * len(names))
    found, scanned, _, drift = await findings(valkey.port, [BUILT_IN[name] for name in names])
    assert found == []
    assert scanned.keys > 500
    assert drift.unknown.keys == 0


async def test_nothing_is_reported_of_a_clean_workload_that_lives() -> None:
    with Demo(keys=8000, drift=False) as demo, Wire(HOST, demo.port) as wire:
        demo.wait_filled()
        served = commands(wire)
        for _ in range(3):
            found, *_ = await findings(demo.port, list(BUILT_IN.values()), between=lambda _: until_served(wire, 500))
            assert found == []
        assert commands(wire) > served + 1000, "the workload went on meanwhile"


def commands(wire: Wire) -> int:
    text = wire.ask([("INFO", "stats")])[0].decode()
    return int(text.split("total_commands_processed:")[1].split()[0])


async def until_served(wire: Wire, more: int) -> None:
    """Wait until the workload has gone on for a while."""
    until = commands(wire) + more
    while commands(wire) < until:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.02)


async def test_a_planted_share_is_found_in_a_big_keyspace_within_its_error(valkey: Server) -> None:
    filled(valkey, ["oauth-proxy"], drift=True, keys=30_000)
    found, _, _, _ = await findings(valkey.port, [BUILT_IN["oauth-proxy"]])
    missing = by_kind(found, Kind.UNINDEXED, "access_token")
    with Wire(HOST, valkey.port) as wire:
        tokens = {name.split(b":")[2] for name in wire.ask([("KEYS", "oauth:token:*")])[0]}
        users = wire.ask([("KEYS", "oauth:user_tokens:*")])[0]
        indexed = {jti for members in wire.ask([("SMEMBERS", user) for user in users]) for jti in members}
    assert missing.of == len(tokens) > SAMPLE
    assert 0 < missing.error < len(tokens) / 20
    # The server's own hash seed decides which are looked at: one 95 % interval may miss, twice its width does not.
    assert abs(missing.count - len(tokens - indexed)) <= 2 * missing.error


@pytest.mark.parametrize("kind", list(Kind))
def test_the_demo_plants_every_kind(kind: Kind) -> None:
    assert any(kind == planted for by_family in PLANTED.values() for planted, _ in by_family)


# --- the pass


def page(keys: Sequence[tuple[bytes, int]]) -> tuple[list[bytes], list[bytes], list[int], list[int]]:
    return [key for key, _ in keys], [b"string"] * len(keys), [ttl for _, ttl in keys], [100] * len(keys)


def test_a_part_of_the_keyspace_gives_counts_whose_error_covers_the_truth(mine: Schema) -> None:
    chance = Random(5)
    keys = [(b"c:%d" % number, -1 if chance.random() < 0.03 else 5000) for number in range(20_000)]
    truth = sum(ttl < 0 for _, ttl in keys)
    covered = 0
    for seed in range(100):
        drift = Drift(Matcher([mine]), Random(1))
        some = Random(seed).sample(keys, 4000)
        for start in range(0, len(some), 200):
            drift.take(*page(some[start : start + 200]))
        (finding,) = drift.findings(len(keys))
        assert finding.kind is Kind.NO_TTL
        assert 0 < finding.error < truth
        covered += abs(finding.count - truth) <= finding.error
    assert covered >= 90


def test_memory_stays_bounded_whatever_is_wrong(mine: Schema) -> None:
    drift = Drift(Matcher([mine]), Random(1))
    for start in range(0, 60_000, 300):
        drift.take(*page([(b"%c:%d" % (b"tcx"[number % 3], number), -1) for number in range(start, start + 300)]))
    samples = [seen.sample.items for seen in drift.seen.values() if seen.sample is not None]
    assert all(len(items) <= SAMPLE for items in samples)
    assert len(drift.unknown_sample.items) == SAMPLE
    assert all(len(finding.examples) <= EXAMPLES for finding in drift.findings(60_000))
    assert drift.unknown.keys == 20_000


def test_before_anything_was_read_nothing_is_found(mine: Schema) -> None:
    drift = Drift(Matcher([mine]), Random(1))
    assert drift.findings(1000) == []
    assert drift.population_of(drift.unknown, 1000) == (0, math.inf)


def test_a_reservoir_keeps_every_item_with_the_same_chance() -> None:
    kept: Counter[int] = Counter()
    for seed in range(2000):
        reservoir: Reservoir[int] = Reservoir(10, Random(seed))
        for item in range(100):
            reservoir.offer(item)
        assert len(set(reservoir.items)) == 10
        kept.update(reservoir.items)
    # 2000 * 10 / 100 = 200 times each, with a standard deviation of 13.
    assert all(200 - 5 * 14 < kept[item] < 200 + 5 * 14 for item in range(100))
    assert 1000 - 160 < sum(kept[item] for item in range(95, 100)) < 1000 + 160


# --- the closer look


TOKEN: list[Command] = [("SET", "t:1", '{"user":{"name":"ann"}}', "EX", 50)]
INDEXES: dict[str, list[Command]] = {
    "set": [("SADD", "u:ann", "1")],
    "list": [("RPUSH", "u:ann", "1")],
    "zset": [("ZADD", "u:ann", 1, "1")],
    "hash": [("HSET", "u:ann", "1", "x")],
}


@pytest.mark.parametrize("kind", INDEXES)
async def test_an_index_may_be_of_any_type(server: Server, mine: Schema, kind: str) -> None:
    server.ask_all([*TOKEN, *INDEXES[kind]])
    assert (await findings(server.port, [mine]))[0] == []
    server.ask("UNLINK", "t:1")
    (gone,) = (await findings(server.port, [mine]))[0]
    assert (gone.kind, gone.count, gone.of, gone.examples[0].note) == (Kind.VANISHED, 1, 1, "names 1")
    server.ask("UNLINK", "u:ann")
    server.ask_all(TOKEN)
    (missing,) = (await findings(server.port, [mine]))[0]
    assert (missing.kind, missing.severity, missing.count) == (Kind.UNINDEXED, Severity.CRITICAL, 1)
    assert missing.examples[0].note == "not in u:ann"


async def repaired(server: Server, mine: Schema, commands: Sequence[Command]) -> set[tuple[str, str]]:
    async def mend(_: float) -> None:
        server.ask_all(commands)

    return kinds((await findings(server.port, [mine], between=mend))[0])


async def test_what_is_right_at_the_second_look_is_no_finding(valkey: Server, mine: Schema) -> None:
    valkey.ask_all([*TOKEN, ("SADD", "u:bob", "2")])
    assert await repaired(valkey, mine, [("SADD", "u:ann", "1"), ("SREM", "u:bob", "2")]) == set()
    valkey.ask_all([("SADD", "u:bob", "2"), ("SREM", "u:ann", "1")])
    assert await repaired(valkey, mine, [("SET", "t:2", "{}", "EX", 50), ("UNLINK", "t:1")]) == set()
    valkey.ask_all(TOKEN)
    assert await repaired(valkey, mine, [("SET", "unrelated", 1)]) == {("missing-in-index", "token")}


async def test_a_key_that_gets_its_ttl_a_moment_later_is_no_finding(valkey: Server, mine: Schema) -> None:
    valkey.ask_all([("SET", "c:1", "x"), ("SET", "c:2", "x")])
    real = Drift.findings

    def late(drift: Drift, population: int) -> list[Finding]:
        valkey.ask("EXPIRE", "c:1", 100)  # the application's second command comes after the page was read
        return real(drift, population)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drift, "findings", late)
        found, *_ = await findings(valkey.port, [mine])
    (finding,) = found
    assert (finding.kind, finding.count, finding.examples[0].key) == (Kind.NO_TTL, 1, b"c:2")


async def test_a_key_that_does_not_say_whose_it_is_counts_as_nobodys(valkey: Server, mine: Schema) -> None:
    valkey.ask_all([("SET", "t:1", "not json", "EX", 50), ("SET", "t:2", "{}", "EX", 50), ("HSET", "t:3", "a", "b")])
    found, *_ = await findings(valkey.port, [mine])
    assert kinds(found) == {("no-ttl", "token")}


async def test_an_index_of_names_that_do_not_say_which_key_is_meant(valkey: Server) -> None:
    schema = BUILT_IN["fastapi-best-architecture"]
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2ln"
    valkey.ask_all([("SET", "fba:token:17:s1", token, "EX", 100), ("SADD", "fba:token_online", "s1", "s2")])
    (finding,) = (await findings(valkey.port, [schema]))[0]
    assert (finding.kind, finding.count, finding.of) == (Kind.VANISHED, 1, 2)
    assert finding.examples[0].note == "names s2"


async def test_of_a_pass_that_was_cut_short_such_names_are_not_judged(valkey: Server) -> None:
    schema = BUILT_IN["fastapi-best-architecture"]
    valkey.ask_all([("SET", f"other:{number}", 1) for number in range(3000)])
    valkey.ask("SADD", "fba:token_online", "s1")
    found, scanned, *_ = await findings(valkey.port, [schema], most=500)
    assert not scanned.complete
    assert found == []


async def test_forbidden_values_are_found_under_any_name(valkey: Server) -> None:
    valkey.ask_all([("SET", "somewhere:else", "acm_123"), ("SET", "proxy:a.example", "acm_456"), ("SET", "x", "acm")])
    found, *_ = await findings(valkey.port, [BUILT_IN["oauth-proxy"]])
    assert kinds(found) == {("forbidden-value", ""), ("forbidden-value", "proxy")}
    assert [finding.examples[0].shown for finding in found] == ["somewhere:else", "proxy:a.example"]
    assert all("123" not in repr(finding) and "456" not in repr(finding) for finding in found), "values are not kept"


async def test_secret_names_are_masked_in_examples(valkey: Server) -> None:
    secret = "rt-0123456789abcdefghij"
    valkey.ask_all([("SET", f"oauth:refresh:{secret}", "{}"), ("SET", f"auth:token:{secret}", "u1", "EX", 100)])
    found, *_ = await findings(valkey.port, [BUILT_IN["oauth-proxy"], BUILT_IN["faultmaven"]])
    assert kinds(found) == {("no-ttl", "refresh_token"), ("plaintext-token", "token")}
    assert all(secret[5:] not in example.shown for finding in found for example in finding.examples)


async def test_bytes_of_any_kind_break_nothing(valkey: Server) -> None:
    with Wire(HOST, valkey.port) as wire:
        keys = [b"oauth:token:\xff\x00\x1b[2J", b"session:\n\n", b"oauth:refresh:\x80:\x80", b"", b":", b"::::"]
        wire.ask([("SET", key, b"\xff{\x00") for key in keys])
        wire.ask([("SADD", b"oauth:user_tokens:\xfe", b"\xff", b"")])
    found, scanned, *_ = await findings(valkey.port, list(BUILT_IN.values()))
    assert scanned.keys == len(keys) + 1
    assert all(example.shown.isprintable() for finding in found for example in finding.examples)


async def test_streams_without_a_group_of_their_family_are_named(server: Server) -> None:
    schema = BUILT_IN["migration-platform"]
    server.ask_all([("XADD", f"flow:events:{number}", "*", "event_type", "x") for number in range(3)])
    server.ask_all([("XGROUP", "CREATE", f"flow:events:{number}", "processors", 0) for number in (0, 1)])
    server.ask("XGROUP", "CREATE", "flow:events:2", "others", 0)
    (finding,) = (await findings(server.port, [schema]))[0]
    assert (finding.kind, finding.count, finding.of, finding.error) == (Kind.NO_GROUP, 1, 3, 0)
    assert [(one.shown, one.note) for one in finding.examples] == [("flow:events:2", "no group processors")]
    assert finding.detail == "groups: processors"
    expected = expected_groups([schema])
    assert (expected(b"flow:events:2"), expected(b"other")) == ((b"processors",), ())

    async def made(_: float) -> None:
        server.ask("XGROUP", "CREATE", "flow:events:2", "processors", 0)

    assert (await findings(server.port, [schema], between=made))[0] == [], "a program makes the group a moment later"


async def test_a_whole_system_far_over_its_estimate_is_told_once(valkey: Server, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text("bytes = [100, 1000]\n" + MINE)
    schema = read_schema(tmp_path / "small.toml")
    valkey.ask_all([("SET", f"c:{number}", "x" * 100, "EX", 50) for number in range(6)])
    assert (await findings(valkey.port, [schema]))[0] == [], "less than twice as much"
    valkey.ask_all([("SET", f"c:{number}", "x" * 100, "EX", 50) for number in range(30)])
    (finding,) = (await findings(valkey.port, [schema]))[0]
    assert (finding.kind, finding.family, finding.label, finding.count) == (Kind.TOO_BIG, None, "all of small", 30)
    assert finding.detail.endswith("the document expects at most 1,000")


async def test_how_far_is_far_is_for_the_schema_to_say(valkey: Server, tmp_path: Path) -> None:
    families = MINE.replace('pattern = "c:{id}"', 'pattern = "c:{id}"\nkeys = 10\nbytes = 10')
    valkey.ask_all([("SET", f"c:{number}", "x" * 2000, "EX", 50) for number in range(30)])
    found = {}
    for factor in (2, 4, 1000):
        file = tmp_path / f"mine-{factor}.toml"
        file.write_text(families + f"[thresholds]\nfar_over = {factor}\n")
        found[factor] = kinds((await findings(valkey.port, [read_schema(file)]))[0])
    many, big = ("too-many-keys", "cache"), ("too-big", "cache")
    assert found == {2: {many, big}, 4: {big}, 1000: set()}


async def test_a_user_who_may_not_read_values_gets_a_note_and_no_false_finding(valkey: Server) -> None:
    filled(valkey, ["oauth-proxy"], drift=True, keys=0)
    rules = ("on", ">pw", "~*", "-@all", "+info", "+dbsize", "+scan", "+type", "+pttl", "+memory|usage", "+ping")
    valkey.ask("ACL", "SETUSER", "watcher", *rules)
    address = Address(HOST, valkey.port, username="watcher", password="pw")
    found, _, closer, _ = await findings(valkey.port, [BUILT_IN["oauth-proxy"]], address=address)
    assert kinds(found) == {
        ("no-ttl", "oauth_state"),
        ("long-ttl", "certificate_status"),
        ("needless-ttl", "certificate_domain"),
        ("wrong-type", "service_ports"),
    }
    assert any("+getrange" in note for note in closer.notes)


async def test_without_sizes_and_without_some_keys_the_rest_is_judged(valkey: Server) -> None:
    filled(valkey, ["faultmaven"], drift=True, keys=0)
    rules = ("on", ">pw", "~session:*", "-@all", "+info", "+dbsize", "+scan", "+type", "+pttl", "+ping", "+getrange")
    valkey.ask("ACL", "SETUSER", "watcher", *rules)
    address = Address(HOST, valkey.port, username="watcher", password="pw")
    found, scanned, *_ = await findings(valkey.port, [BUILT_IN["faultmaven"]], address=address)
    assert kinds(found) == {("no-ttl", "session"), ("long-ttl", "session")}
    assert scanned.refused > 100
    assert scanned.population == scanned.keys < 200


def test_the_clean_plan_has_every_family_that_the_other_one_has() -> None:
    def families(drift: bool, name: str) -> Iterator[str]:
        matcher = Matcher([BUILT_IN[name]])
        for command in plan(build([name], 1, FROZEN_NOW, drift=drift), 0):
            key = str(command[1]).encode()
            family = matcher.family_of(key) if command[0] not in {"SELECT", "XGROUP", "XREADGROUP"} else None
            if family is not None and family.deprecated is None:
                yield family.name

    for name in SYSTEMS:
        assert set(families(False, name)) == set(families(True, name))
