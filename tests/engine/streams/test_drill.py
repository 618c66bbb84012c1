"""Into one stream: groups, consumers, pending entries page by page, on real servers."""

from __future__ import annotations

import time

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.deployment import Deployment
from tui.engine.node import Phase
from tui.engine.session import Session
from tui.engine.streams.drill import Consumers, Gone, Inside, PendingPages, look_at_consumers, look_inside
from tui.engine.streams.look import Group


async def live(session: Session, until: Until) -> Deployment:
    await until(lambda: session.deployment.state.worst.phase is Phase.LIVE)
    return session.deployment


async def groups(deployment: Deployment, key: bytes = b"log") -> dict[bytes, Group]:
    inside = await look_inside(deployment, key)
    assert isinstance(inside, Inside), inside
    return {group.name: group for group in inside.stream.groups}


def fill(server: Server, entries: int = 100, key: str = "log") -> list[bytes]:
    ids: list[bytes] = server.ask_all([("XADD", key, "*", "n", number) for number in range(entries)])
    return ids


async def test_groups_say_where_they_stand(server: Server, open_session: Open, until: Until) -> None:
    ids = fill(server)
    server.ask_all([("XGROUP", "CREATE", "log", name, "0") for name in ("slow", b"\xff")])
    server.ask("XREADGROUP", "GROUP", "slow", "w", "COUNT", 30, "STREAMS", "log", ">")
    found = await groups(await live(open_session(server), until))
    assert (found[b"slow"].delivered, found[b"slow"].lag, found[b"slow"].pending) == (ids[29], 70, 30)
    assert found[b"slow"].entries_read == (None if server.generation == "redis-6.2" else 30)
    assert found[b"slow"].oldest is not None
    assert found[b"slow"].oldest.id == ids[0]
    assert (found[b"\xff"].lag, found[b"\xff"].oldest) == (100, None)


async def test_a_lag_that_the_server_does_not_know_is_counted_up_to_a_bound(
    server: Server, open_session: Open, until: Until
) -> None:
    ids = fill(server, 3000)
    server.ask_all([("XGROUP", "CREATE", "log", "near", ids[2900]), ("XGROUP", "CREATE", "log", "far", ids[10])])
    server.ask_all([("XDEL", "log", ids[2950])])
    found = await groups(await live(open_session(server), until))
    assert (found[b"near"].lag, found[b"near"].lag_least) == (98, None)
    assert (found[b"far"].lag, found[b"far"].lag_least) == (None, 1000)


async def test_entries_too_big_to_be_counted_are_not(valkey: Server, open_session: Open, until: Until) -> None:
    ids = valkey.ask_all([("XADD", "log", "*", "n", "x" * 1_000_000) for _ in range(10)])
    valkey.ask_all([("XGROUP", "CREATE", "log", "g", ids[2]), ("XDEL", "log", ids[5])])
    deployment = await live(open_session(valkey), until)
    (group,) = (await groups(deployment)).values()
    assert (group.lag, group.lag_least) == (None, None)
    assert deployment.footprint.calls["xrange"] == 0


async def test_consumers_come_with_most_pending_first(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    server.ask("XGROUP", "CREATE", "log", "g", "0")
    for name, count in (("few", 5), ("many", 50), ("none", 0)):
        server.ask("XGROUP", "CREATECONSUMER", "log", "g", name)
        if count:
            server.ask("XREADGROUP", "GROUP", "g", name, "COUNT", count, "STREAMS", "log", ">")
    found = await look_at_consumers(await live(open_session(server), until), b"log", b"g")
    assert isinstance(found, Consumers)
    assert [(one.name, one.pending) for one in found.consumers] == [(b"many", 50), (b"few", 5), (b"none", 0)]
    assert all(0 <= one.idle < 10 for one in found.consumers)
    inactive = [one.inactive is not None for one in found.consumers]
    assert inactive == ([True, True, False] if server.product.since((7, 2)) else [False] * 3)


@pytest.mark.parametrize("consumer", [None, b"w"])
async def test_pending_entries_are_read_in_pages_without_holes(
    server: Server, open_session: Open, until: Until, consumer: bytes | None
) -> None:
    ids = fill(server, 250)
    server.ask("XGROUP", "CREATE", "log", "g", "0")
    server.ask("XREADGROUP", "GROUP", "g", "w", "COUNT", 240, "STREAMS", "log", ">")
    server.ask("XREADGROUP", "GROUP", "g", "other", "STREAMS", "log", ">")
    pages = PendingPages(await live(open_session(server), until), b"log", b"g", consumer)
    read: list[bytes] = []
    while pages.more:
        page = await pages.next(100)
        assert isinstance(page, tuple)
        read += [pending.id for pending in page]
        assert all(pending.deliveries == 1 and pending.idle < 10 for pending in page)
    assert read == (ids if consumer is None else ids[:240])


async def test_many_pending_entries_and_a_long_stream_open_as_fast_as_few(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all([("XADD", "small", "*", "n", 1), ("XGROUP", "CREATE", "small", "g", "0")])
    for start in range(0, 200_000, 20_000):
        valkey.ask_all([("XADD", "big", f"{n + 1}-1", "n", n) for n in range(start, start + 20_000)])
    valkey.ask_all([("XGROUP", "CREATE", "big", "g", "0")])
    valkey.ask("XREADGROUP", "GROUP", "g", "w", "STREAMS", "big", ">")
    deployment = await live(open_session(valkey), until)
    took = {}
    for key in (b"small", b"big"):
        began = time.perf_counter()
        for _ in range(20):
            assert isinstance(await look_inside(deployment, key), Inside)
            assert isinstance(await PendingPages(deployment, key, b"g").next(50), tuple)
        took[key] = time.perf_counter() - began
    assert took[b"big"] < 3 * took[b"small"] + 0.5


async def test_what_is_gone_says_so(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    server.ask_all([("SET", "text", "x"), ("XGROUP", "CREATE", "log", "g", "0")])
    deployment = await live(open_session(server), until)
    for answer, words in (
        (await look_inside(deployment, b"nothing"), "no such stream"),
        (await look_inside(deployment, b"text"), "no stream any more but a string"),
        (await look_at_consumers(deployment, b"log", b"\xff"), r"no group \xff"),
        (await PendingPages(deployment, b"log", b"gone").next(), "no group gone"),
        (await PendingPages(deployment, b"nothing", b"g").next(), "no such stream"),
    ):
        assert isinstance(answer, Gone)
        assert words in answer.sentence


@pytest.mark.parametrize("rule", ["xinfo|stream", "xinfo|groups", "xinfo|consumers", "xpending"])
async def test_a_missing_permission_names_its_rule(valkey: Server, open_session: Open, until: Until, rule: str) -> None:
    fill(valkey)
    valkey.ask_all([("XGROUP", "CREATE", "log", "g", "0"), ("XREADGROUP", "GROUP", "g", "w", "STREAMS", "log", ">")])
    valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", f"-{rule}")
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    deployment = await live(session, until)
    inside = await look_inside(deployment, b"log")
    said = (inside.sentence,) if isinstance(inside, Gone) else inside.denied  # type: ignore[union-attr]
    assert [sentence for sentence in said if f"+{rule}" in sentence] == list(said) != []


async def test_reads_of_the_drill_are_taken_out_of_the_hit_rate(
    server: Server, open_session: Open, until: Until
) -> None:
    ids = fill(server)
    server.ask_all([("XGROUP", "CREATE", "log", "g", ids[3]), ("XDEL", "log", ids[50])])
    server.ask("XREADGROUP", "GROUP", "g", "w", "COUNT", 5, "STREAMS", "log", ">")
    deployment = await live(open_session(server), until)
    before = server.stats(), (deployment.footprint.hits, deployment.footprint.misses)
    for key in (b"log", b"nothing"):
        for group in (b"g", b"none"):
            await look_inside(deployment, key)
            await look_at_consumers(deployment, key, group)
            await PendingPages(deployment, key, group).next()
    stats = server.stats()
    counted = tuple(stats[name] - before[0][name] for name in ("keyspace_hits", "keyspace_misses"))
    assert counted == (deployment.footprint.hits - before[1][0], deployment.footprint.misses - before[1][1])
