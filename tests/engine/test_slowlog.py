"""The slow logs of all nodes: followed as they grow, true to what the servers hold."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.secrecy import NOTHING_SECRET
from tui.engine.session import Session
from tui.engine.slowlog import SlowEntry, SlowLog, SlowLogs
from tui.words.slowrows import entry_lines, entry_rows, found, notes_of, ordered, words_of


def latest(session: Session) -> SlowLog:
    log = session.of(SlowLogs).feed.latest
    assert log is not None
    return log


def slow(server: Server, *commands: tuple[str | bytes | int, ...], name: str = "batch") -> None:
    """Have these commands in the slow log, and no others."""
    with closing(Wire(HOST, server.port)) as wire:
        wire.ask([("CLIENT", "SETNAME", name), ("CONFIG", "SET", "slowlog-log-slower-than", 0)])
        wire.ask([*commands, ("CONFIG", "SET", "slowlog-log-slower-than", -1)])


def said(log: SlowLog) -> list[str]:
    """The commands, oldest first, without those of `slow` itself."""
    texts = [" ".join(words_of(entry, NOTHING_SECRET)) for entry in reversed(log.entries)]
    return [text for text in texts if not text.startswith("CONFIG")]


@pytest.fixture(autouse=True)
def quiet(request: pytest.FixtureRequest) -> None:
    """Nothing is slow unless a test says so."""
    for name in ("server", "valkey"):
        if name in request.fixturenames:
            request.getfixturevalue(name).ask("CONFIG", "SET", "slowlog-log-slower-than", -1)


async def test_new_entries_come_as_they_are(server: Server, open_session: Open, until: Until) -> None:
    slow(server, ("SET", b"a\x1b[2J", 1))
    session = open_session(server)
    with session.of(SlowLogs).feed.hold():
        await until(lambda: session.of(SlowLogs).feed.latest)
        assert said(latest(session)) == [r"SET a\x1b[2J 1"]
        slow(server, ("GET", "one"), ("GET", "two"), ("GET", "three"))
        await until(lambda: len(said(latest(session))) == 4)
        log = latest(session)
    assert said(log)[1:] == ["GET one", "GET two", "GET three"]
    assert len(log.entries) == log.held == server.ask("SLOWLOG", "LEN")
    entry = next(one for one in log.entries if one.words == (b"GET", b"two"))
    assert (entry.name, entry.node) == (b"batch", f"{HOST}:{server.port}")
    assert entry.address.startswith(b"127.0.0.1:")
    assert abs(entry.at - session.clock.wall()) < 10
    text = "\n".join("".join(piece for piece, _ in line) for line in entry_lines(entry, NOTHING_SECRET))
    assert f"{entry.took:,} microseconds" in text
    assert text.endswith("GET\n  two")


async def test_what_the_server_forgets_is_forgotten(valkey: Server, open_session: Open, until: Until) -> None:
    slow(valkey, *[("GET", n) for n in range(20)])
    session = open_session(valkey)
    with session.of(SlowLogs).feed.hold():
        await until(lambda: session.of(SlowLogs).feed.latest)
        assert len(said(latest(session))) == 20
        valkey.ask("CONFIG", "SET", "slowlog-max-len", 5)
        slow(valkey, ("GET", "last"))
        await until(lambda: latest(session).held == 5)
        assert said(latest(session))[-1] == "GET last"
        assert len(latest(session).entries) == 5
        valkey.ask("SLOWLOG", "RESET")
        await until(lambda: latest(session).entries == ())
        slow(valkey, ("GET", "new"))
        await until(lambda: said(latest(session)) == ["GET new"])


async def test_another_process_begins_another_log(valkey: Server, open_session: Open, until: Until) -> None:
    slow(valkey, *[("GET", n) for n in range(20)])
    session = open_session(valkey)
    with session.of(SlowLogs).feed.hold():
        await until(lambda: session.of(SlowLogs).feed.latest)
        valkey.kill()
        await until(lambda: latest(session).troubles)
        assert latest(session).entries == (), "old entries are not shown as if they were the server's"
        valkey.start()
        valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
        slow(valkey, ("GET", "reborn"))
        await until(lambda: said(latest(session)) == ["GET reborn"])


async def test_a_long_log_is_read_in_part_and_that_is_said(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.slowlog.PAGE", 10)
    slow(valkey, *[("GET", n) for n in range(40)])
    session = open_session(valkey)
    with session.of(SlowLogs).feed.hold():
        await until(lambda: session.of(SlowLogs).feed.latest)
    log = latest(session)
    assert (len(log.entries), log.held) == (10, valkey.ask("SLOWLOG", "LEN"))
    assert list(notes_of(log, 10, filtered=False)) == [f"newest 10 of {log.held}"]


async def test_the_nodes_of_a_cluster_are_merged_by_time(cluster: Cluster, open_session: Open, until: Until) -> None:
    session = open_session(cluster.nodes[0])
    for node in cluster.nodes:
        node.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
        node.ask("SLOWLOG", "RESET")
        slow(node, ("PING", node.port))
    with session.of(SlowLogs).feed.hold():
        await until(lambda: (log := session.of(SlowLogs).feed.latest) and log.nodes == 3 and len(said(log)) == 3)
        log = latest(session)
        cluster.nodes[2].kill()
        await until(lambda: latest(session).troubles)
        assert len(said(latest(session))) == 2, "the others are still there"
    assert sorted(said(log)) == sorted(f"PING {node.port}" for node in cluster.nodes)
    assert {one.node for one in log.entries} == {f"{HOST}:{node.port}" for node in cluster.nodes}
    assert [one.at for one in log.entries] == sorted((one.at for one in log.entries), reverse=True)


async def test_whose_login_may_not_is_told_which_rule_is_missing(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("ACL", "SETUSER", "eve", "on", ">pw", "~*", "+@all", "-slowlog")
    session = open_session(server, Address(HOST, server.port, username="eve", password="pw"))
    with session.of(SlowLogs).feed.hold():
        await until(lambda: session.of(SlowLogs).feed.latest)
    assert latest(session).troubles == ("this user lacks +slowlog|len (ACL)",)


def entry(number: int, took: int, *words: bytes) -> SlowEntry:
    return SlowEntry("here", number, 1000.0 - number, took, words, b"10.0.0.1:5", b"app")


def test_entries_are_sorted_found_and_shown() -> None:
    entries = [entry(0, 90, b"GET", b"a"), entry(1, 600_000, b"KEYS", b"*"), entry(2, 60_000, b"SORT", b"b")]
    log = SlowLog(tuple(entries), 3, 2)
    assert ordered(entries, "when") == entries
    assert [one.took for one in ordered(entries, "took")] == [600_000, 60_000, 90]
    assert found(log, "keys *", NOTHING_SECRET) == [entries[1]]
    assert len(found(log, "app", NOTHING_SECRET)) == 3
    rows = entry_rows(entries, NOTHING_SECRET, lambda: 1010.0, several=True)
    assert [cell.plain for cell in rows[1].cells] == ["11s ago", "600 ms", "KEYS *", "app", "here"]
    assert rows.index_of(rows[2].key) == 2
    assert list(notes_of(log, 1, filtered=True)) == ["1 of 3"]
