"""The survey: exact when it has read everything, honest before, light always, and hard to put off."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter

import psutil
import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.families import TTL_BOUNDS_MS
from tui.engine.keyspace import Family, Keyspace
from tui.engine.session import Session
from tui.engine.survey import FAST_PAGE, Survey

Command = tuple[str | bytes | int, ...]

SLOW = 0.02
"""A share at which a pass over some ten thousand keys takes longer than a test looks."""


@pytest.fixture
def short_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first picture comes before some ten thousand keys have been read."""
    monkeypatch.setattr("tui.engine.survey.BURST", 0.1)


def picture(session: Session) -> Keyspace:
    latest = session.of(Survey).feed.latest
    assert latest is not None
    return latest


def by_pattern(keyspace: Keyspace) -> dict[str, Family]:
    return {family.pattern: family for family in keyspace.families}


async def complete(session: Session, until: Until) -> Keyspace:
    """Watch until a pass is complete."""
    feed = session.of(Survey).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.complete)
    return picture(session)


async def first(session: Session, until: Until) -> Keyspace:
    """Watch until there is a first picture."""
    feed = session.of(Survey).feed
    with feed.hold():
        await until(lambda: feed.latest)
    return picture(session)


def fill(server: Server, count: int) -> Counter[str]:
    """Write that many keys of some families; returns the truth, by pattern."""
    chance = random.Random(count)
    truth: Counter[str] = Counter()
    kinds = random.Random(1).choices(
        ["user:{int}", "session:{hex}", "cart:{uuid}", "rare:{int}"], [60, 30, 8, 2], k=count
    )
    commands: list[Command] = []
    for number, kind in enumerate(kinds):
        random_hex = chance.randbytes(16).hex()
        key = {
            "user:{int}": f"user:{number}",
            "session:{hex}": f"session:{random_hex}",
            "cart:{uuid}": f"cart:{uuid.UUID(random_hex)}",
            "rare:{int}": f"rare:{number}",
        }[kind]
        commands.append(("SET", key, "x" * (len(kind) ** 2)))
        truth[kind] += 1
    for start in range(0, count, 10_000):
        server.ask_all(commands[start : start + 10_000])
    return truth


TTLS_MS = (30_000, 300_000, 1_800_000, 7_200_000, 172_800_000, 2_592_000_000)

MIXED: list[Command] = [
    *(("SET", f"user:{number}:profile", "x" * 10) for number in range(700)),
    *(("SET", f"token:{number}", "x", "PX", TTLS_MS[number % 6]) for number in range(600)),
    *(("RPUSH", f"chat:{number}:messages", "a", "b") for number in range(90)),
    *(("SADD", f"tags:{number}", "a", "b") for number in range(80)),
    *(("ZADD", f"rank:{number}", "1", "a") for number in range(70)),
    *(("HSET", f"row:{number}", "a", "b") for number in range(60)),
    *(("XADD", f"log:{number}", "*", "a", "b") for number in range(50)),
    *(("SET", b"\xff\xfe\x00:%d" % number, b"\x00") for number in range(40)),
    ("SET", "", "the empty key"),
    ("SET", b"\xff", "x"),
    ("SET", "big", "x" * 1_000_000),
    ("SET", "k" * 10_240, "x"),
    ("SET", ":".join(["a"] * 1000), "x"),
]


async def test_a_complete_pass_has_counted_every_key_exactly(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all(MIXED)
    keyspace = await complete(open_session(server), until)
    families = by_pattern(keyspace)
    assert keyspace.seen == 1.0
    assert keyspace.dbsize == keyspace.scanned == len(MIXED) == sum(family.keys for family in keyspace.families)
    assert {name: family.keys for name, family in families.items() if family.keys > 1} == {
        "user:{int}:profile": 700,
        "token:{int}": 600,
        "chat:{int}:messages": 90,
        "tags:{int}": 80,
        "rank:{int}": 70,
        "row:{int}": 60,
        "log:{int}": 50,
        "\\xff\\xfe\\x00:{int}": 40,
    }
    assert {"", "\\xff", "big", "{rest}"} <= set(families)
    assert all(family.keys_error == family.bytes_error == 0 for family in keyspace.families)
    assert all(family.bytes for family in keyspace.families)
    assert [
        families[name].types for name in ("chat:{int}:messages", "tags:{int}", "rank:{int}", "row:{int}", "log:{int}")
    ] == [((kind, 1.0),) for kind in ("list", "set", "zset", "hash", "stream")]


async def test_ttls_are_counted_in_their_buckets(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all(MIXED)
    keyspace = await complete(open_session(server), until)
    assert keyspace.ttl_buckets == (100,) * (len(TTL_BOUNDS_MS) + 1)
    assert keyspace.no_ttl == len(MIXED) - 600
    tokens, users = by_pattern(keyspace)["token:{int}"], by_pattern(keyspace)["user:{int}:profile"]
    assert (tokens.no_ttl, users.no_ttl) == (0.0, 1.0)
    assert tokens.ttl_mean == pytest.approx(sum(TTLS_MS) / 6000, rel=0.01)
    assert tokens.ttl_max == pytest.approx(2_592_000, abs=60)
    assert users.ttl_mean is users.ttl_max is None


async def test_keys_worth_naming_are_named(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all(MIXED)
    keyspace = await complete(open_session(server), until)
    assert (keyspace.biggest[0].key, keyspace.biggest[0].kind) == (b"big", "string")
    assert keyspace.biggest[0].bytes >= 1_000_000
    assert [big.bytes for big in keyspace.biggest] == sorted((big.bytes for big in keyspace.biggest), reverse=True)
    assert sorted(keyspace.streams) == sorted(b"log:%d" % number for number in range(50))
    soonest = [soon.at for soon in keyspace.soonest]
    assert soonest == sorted(soonest)
    assert {soon.key for soon in keyspace.soonest[:100]} == {b"token:%d" % number for number in range(0, 600, 6)}


@pytest.mark.usefixtures("short_burst")
async def test_the_first_picture_is_partial_and_says_how_sure_it_is(
    server: Server, open_session: Open, until: Until
) -> None:
    truth = fill(server, 200_000)
    server.ask_all([("SET", f"setting:{word}", "x") for word in ("theme", "mail", "flags", "region")])
    keyspace = await first(open_session(server, scan_share=SLOW), until)
    assert not keyspace.complete
    assert 0 < keyspace.seen < 1
    assert keyspace.dbsize == 200_004
    families = by_pattern(keyspace)
    for name, keys in truth.items():
        # One in twenty intervals misses the truth by a little; none misses it by as much again.
        assert abs(families[name].keys - keys) <= 2 * families[name].keys_error
        assert 0 < families[name].keys_error < 0.05 * 200_000
        bytes_each = server.ask("MEMORY", "USAGE", "user:0") if name == "user:{int}" else None
        if bytes_each:
            assert abs((families[name].bytes or 0) - keys * bytes_each) <= 0.1 * keys * bytes_each
    literal = [family for family in keyspace.families if "{" not in family.pattern]
    assert all((family.keys, family.keys_error) == (1, 0) for family in literal), "nothing to scale up"


async def test_an_empty_database_is_complete_with_no_keys(server: Server, open_session: Open, until: Until) -> None:
    keyspace = await complete(open_session(server), until)
    assert (keyspace.families, keyspace.dbsize, keyspace.seen, keyspace.failure) == ((), 0, 1.0, None)
    assert keyspace.no_ttl == sum(keyspace.ttl_buckets) == 0


async def silence(session: Session, until: Until) -> None:
    """Wait until the link has been idle for so long that it asks for a sign of life, twice."""
    for _ in range(2):
        pings = session.deployment.footprint.calls["ping"]
        await until(lambda before=pings: session.deployment.footprint.calls["ping"] > before)  # type: ignore[misc]


async def test_nothing_is_asked_while_nobody_watches(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey, 20_000)
    session = open_session(valkey)
    await first(session, until)
    await silence(session, until)
    before = session.deployment.footprint
    await silence(session, until)
    after = session.deployment.footprint
    asked = {name for name, count in after.calls.items() if count > before.calls[name]}
    assert asked == {"ping", "info"}, "nothing but whether it is there and what it can do"


async def test_a_pause_stops_the_survey_and_its_end_lets_it_go_on(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey, 20_000)
    session = open_session(valkey)
    with session.of(Survey).feed.hold():
        await until(lambda: session.deployment.footprint.calls["scan"] > 10)
        session.pace.paused = True
        await silence(session, until)
        scans = session.deployment.footprint.calls["scan"]
        await silence(session, until)
        assert session.deployment.footprint.calls["scan"] == scans
        session.pace.paused = False
        await until(lambda: session.deployment.footprint.calls["scan"] > scans + 10)


async def test_keys_that_vanish_while_they_are_read_are_left_out(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 20_000)
    gone = [f"user:{number}" for number in range(20_000)]
    session = open_session(server)
    with session.of(Survey).feed.hold():
        while gone:
            scans = session.deployment.footprint.calls["scan"]
            await until(lambda before=scans: session.deployment.footprint.calls["scan"] > before)  # type: ignore[misc]
            server.ask_all([("DEL", key) for key in gone[:500]])
            del gone[:500]
        left = server.ask("DBSIZE")
        await until(lambda: picture(session).complete and picture(session).dbsize == left)
    assert picture(session).failure is None
    assert "user:{int}" not in by_pattern(picture(session))


@pytest.mark.usefixtures("short_burst")
async def test_a_flush_in_the_middle_of_a_pass_leaves_an_empty_picture(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 50_000)
    session = open_session(server, scan_share=SLOW)
    with session.of(Survey).feed.hold():
        await until(lambda: session.of(Survey).feed.latest)
        assert not picture(session).complete
        server.ask("FLUSHALL")
        await until(lambda: picture(session).complete and picture(session).dbsize == 0)
    assert picture(session).families == ()


@pytest.mark.usefixtures("short_burst")
async def test_after_a_restart_the_pass_begins_again_and_says_so(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 50_000)
    session = open_session(server, scan_share=SLOW)
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest)
        server.kill()
        await until(lambda: picture(session).failure)
        assert picture(session).families, "what was known stays on screen"
        server.start()
        truth = fill(server, 30_000)
        await until(lambda: picture(session).restarted and not picture(session).failure)
        survey.share = 1.0
        await until(lambda: picture(session).complete)
    found = {family.pattern: family.keys for family in picture(session).families}
    assert found == truth, "nothing of the time before the restart is left"


async def test_a_lost_connection_is_shown_at_once_and_forgotten_as_soon_as_it_is_back(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey, 20_000)
    session = open_session(valkey)
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        survey.share = 0.005  # the next pass takes a minute
        valkey.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: picture(session).failure)
        assert picture(session).complete, "what was counted stays true enough"
        await until(lambda: not picture(session).failure)
    assert picture(session).restarted is None, "the same process answers: the cursor is still good"


def user(server: Server, *rules: str) -> Address:
    """Make a user with these rules, and return how to get in."""
    assert server.ask("ACL", "SETUSER", "probe", "on", ">secret", *rules) == b"OK"
    return Address(HOST, server.port, username="probe", password="secret")


async def test_without_memory_there_are_counts_and_the_rule_that_is_missing(
    server: Server, open_session: Open, until: Until
) -> None:
    truth = fill(server, 5_000)
    session = open_session(server, user(server, "~*", "+@all", "-memory"))
    keyspace = await complete(session, until)
    assert {family.pattern: family.keys for family in keyspace.families} == truth
    assert all(family.bytes is None for family in keyspace.families)
    assert "+memory|usage" in (keyspace.denied or "")
    assert session.deployment.footprint.calls["memory|usage"] <= 3 * FAST_PAGE, "what is refused is not asked again"


async def test_without_scan_the_failure_names_the_rule_and_goes_when_it_is_granted(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 1_000)
    session = open_session(server, user(server, "~*", "+@all", "-scan"))
    with session.of(Survey).feed.hold():
        await until(lambda: session.of(Survey).feed.latest)
        failure = picture(session).failure
        assert failure is not None
        assert "+scan" in failure.sentence
        server.ask("ACL", "SETUSER", "probe", "+scan")
        session.look_anew()
        await until(lambda: picture(session).complete)
    assert picture(session).failure is None
    assert picture(session).scanned == 1_000


async def test_keys_a_user_may_not_read_are_left_out_and_counted(
    server: Server, open_session: Open, until: Until
) -> None:
    truth = fill(server, 20_000)
    keyspace = await complete(open_session(server, user(server, "~session:*", "+@all")), until)
    assert {family.pattern: family.keys for family in keyspace.families} == {"session:{hex}": truth["session:{hex}"]}
    others = truth.total() - truth["session:{hex}"]
    assert f"{others} keys are left out" in (keyspace.denied or "")


@pytest.mark.usefixtures("short_burst")
async def test_keys_a_user_may_not_read_are_not_taken_for_ones_not_seen_yet(
    valkey: Server, open_session: Open, until: Until
) -> None:
    truth = fill(valkey, 100_000)
    keyspace = await first(open_session(valkey, user(valkey, "~session:*", "+@all"), scan_share=SLOW), until)
    assert not keyspace.complete
    (sessions,) = keyspace.families
    assert sessions.keys == pytest.approx(truth["session:{hex}"], rel=0.1)


@pytest.mark.usefixtures("short_burst")
async def test_a_user_of_few_keys_has_a_complete_picture_that_stays(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey, 50_000)
    session = open_session(valkey, user(valkey, "~rare:*", "+@all"))
    survey = session.of(Survey)
    pictures: list[Keyspace] = []

    async def watch() -> None:
        async for keyspace in survey.feed.watch():
            pictures.append(keyspace)  # noqa: PERF401

    watching = asyncio.create_task(watch())
    await until(lambda: len([keyspace for keyspace in pictures if keyspace.complete]) >= 3)
    watching.cancel()
    from_first = pictures[[keyspace.complete for keyspace in pictures].index(True) :]
    assert all(keyspace.complete for keyspace in from_first)


async def test_another_database_shows_its_own_keys(server: Server, open_session: Open, until: Until) -> None:
    fill(server, 1_000)
    server.ask_all([("SELECT", "3"), *((("SET", f"job:{number}", "x")) for number in range(50))])
    keyspace = await complete(open_session(server, Address(HOST, server.port, db=3)), until)
    assert {family.pattern: family.keys for family in keyspace.families} == {"job:{int}": 50}
    assert keyspace.dbsize == 50


async def test_a_delimiter_of_ones_own_is_honoured(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"a:b#c{number}x#{number}", "x") for number in range(20)])
    keyspace = await complete(open_session(valkey, delimiter="#"), until)
    assert [family.shape for family in keyspace.families] == [("#", "a:b", "{id}", "{int}")]


@pytest.mark.usefixtures("short_burst")
async def test_after_the_burst_the_survey_keeps_to_its_share_of_the_servers_time(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, 100_000)
    assert server._process is not None
    process = psutil.Process(server._process.pid)

    def used() -> float:
        times = process.cpu_times()
        return times.user + times.system

    session = open_session(server, interval=1.0, scan_share=SLOW)
    with session.of(Survey).feed.hold():
        await until(lambda: session.of(Survey).feed.latest)
        began, before, scans = time.monotonic(), used(), session.deployment.footprint.calls["scan"]
        await until(lambda: time.monotonic() > began + 2)
        share = (used() - before) / (time.monotonic() - began)
        assert session.deployment.footprint.calls["scan"] > scans, "it goes on"
        assert not picture(session).complete
    assert share < 0.06, "2 % and what an idle server needs for itself"
