"""All streams with sizes, pending entries and consumers, those in trouble first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.session import Session
from tui.engine.streams.board import Board, StreamBoard
from tui.engine.streams.find import StreamFind
from tui.engine.streams.look import Group, Pending, Stream
from tui.engine.streams.trouble import Level, Thresholds, troubles_of, with_missing

GROUP = Group(b"g", 0, 0, 1)


def stream_of(*groups: Group) -> Stream:
    return Stream(b"log", 10, 1.0, b"9-0", groups, None, b"1-0", b"9-0")


def board(session: Session) -> Board:
    return session.of(StreamBoard).feed.latest or Board((), {}, 0.0)


def stream(session: Session, key: bytes = b"log") -> Stream:
    return next(one for one in board(session).streams if one.key == key)


def fill(server: Server, key: str = "log", entries: int = 20, read: int = 4) -> None:
    server.ask_all([("XADD", key, "*", "n", n) for n in range(entries)])
    server.ask("XGROUP", "CREATE", key, "g", "0")
    if read:
        server.ask("XREADGROUP", "GROUP", "g", "worker", "COUNT", read, "STREAMS", key, ">")


async def test_sizes_pending_entries_and_consumers_are_told(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    session = open_session(server)
    with session.of(StreamBoard).feed.hold():
        await until(lambda: board(session).streams)
    found = stream(session)
    (group,) = found.groups
    assert found.bytes == server.ask("MEMORY", "USAGE", "log")
    assert group.oldest is not None
    assert (group.oldest.id, group.oldest.consumer, group.oldest.deliveries) == (found.first_id, b"worker", 1)
    assert (group.dead, group.poisoned) == (0, 0)
    assert board(session).denied == ()


async def test_a_silent_consumer_and_an_entry_that_fails_again_and_again_are_flagged(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    oldest = server.ask("XRANGE", "log", "-", "+", "COUNT", 1)[0][0]
    server.ask_all([("XCLAIM", "log", "g", "worker", 0, oldest)] * 4)
    session = open_session(server)
    kept = session.of(StreamBoard)
    kept.thresholds = Thresholds(dead=0.1)
    with kept.feed.hold():
        await until(lambda: board(session).streams and stream(session).groups[0].dead)
        group = stream(session).groups[0]
        assert group.oldest is not None
        assert (group.dead, group.poisoned, group.oldest.deliveries) == (1, 1, 5)
        assert {trouble.what for trouble in board(session).troubles[b"log"]} == {"dead", "poison"}
        server.ask("XACK", "log", "g", *[entry[0] for entry in server.ask("XRANGE", "log", "-", "+", "COUNT", 4)])
        await until(lambda: not board(session).troubles[b"log"])


async def test_streams_in_trouble_come_first(server: Server, open_session: Open, until: Until) -> None:
    fill(server, "fine", read=0, entries=1)
    fill(server, "far behind", read=0, entries=500)
    fill(server, "behind", read=0, entries=150)
    fill(server, "lost", read=4, entries=50)
    server.ask("XGROUP", "SETID", "lost", "g", "0")
    session = open_session(server)
    kept = session.of(StreamBoard)
    kept.expected = lambda key: [b"other"] if key == b"lost" else []
    with kept.feed.hold():
        await until(lambda: len(board(session).streams) == 4)
    assert [one.key for one in board(session).streams] == [b"lost", b"behind", b"far behind", b"fine"]
    (trouble, *_) = board(session).troubles[b"lost"]
    assert (trouble.level, trouble.what, trouble.group) == (Level.ACT, "no group", b"other")


@pytest.mark.parametrize(
    ("group", "what"),
    [
        (GROUP, []),
        (replace(GROUP, lag=99), []),
        (replace(GROUP, lag=100), ["behind"]),
        (replace(GROUP, lag=None), []),
        (replace(GROUP, lag=5, stuck_for=29.0), []),
        (replace(GROUP, lag=5, stuck_for=30.0), ["stuck"]),
        (replace(GROUP, lag=500, lost=3, stuck_for=60.0, dead=2), ["stuck", "lost", "dead", "behind"]),
        (replace(GROUP, pending=1, oldest=Pending(b"1-0", b"c", 601.0, 1)), ["forgotten"]),
        (replace(GROUP, pending=1, oldest=Pending(b"1-0", b"c", 601.0, 1), dead=1), ["dead"]),
        (replace(GROUP, pending=1, oldest=Pending(b"1-0", b"c", 1.0, 9), poisoned=1), ["poison"]),
    ],
)
def test_troubles_by_threshold(group: Group, what: list[str]) -> None:
    assert [trouble.what for trouble in troubles_of(stream_of(group), Thresholds())] == what


def test_a_stream_whose_groups_are_not_known_is_in_trouble_but_lacks_none() -> None:
    denied = replace(stream_of(), denied="this user needs the ACL rule +xinfo|groups")
    (trouble,) = troubles_of(with_missing(denied, lambda _: [b"wanted"]), Thresholds())
    assert (trouble.what, trouble.sentence) == ("unknown", denied.denied)


@pytest.mark.parametrize(
    ("command", "rule"),
    [("xpending", "+xpending"), ("xinfo|consumers", "+xinfo|consumers"), ("memory|usage", "+memory|usage")],
)
async def test_a_missing_permission_is_named_once_and_not_asked_for_again(
    valkey: Server, open_session: Open, until: Until, command: str, rule: str
) -> None:
    fill(valkey)
    assert valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", f"-{command}") == b"OK"
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    feed = session.of(StreamBoard).feed
    with feed.hold():
        await until(lambda: board(session).denied)
        (sentence,) = board(session).denied
        assert rule in sentence
        calls = session.deployment.footprint.calls[command]
        for _ in range(3):
            before = feed.latest
            await until(lambda old=before: feed.latest is not old)  # type: ignore[misc]
        asked = session.deployment.footprint.calls[command] - calls
    assert asked == 0 or command == "memory|usage", "the survey asks that, too"
    assert stream(session).groups[0].pending == 4, "the rest is shown"


async def test_what_vanishes_or_changes_type_leaves_the_board(server: Server, open_session: Open, until: Until) -> None:
    for key in ("one", "two", "three"):
        fill(server, key)
    session = open_session(server)
    with session.of(StreamBoard).feed.hold():
        await until(lambda: len(board(session).streams) == 3)
        server.ask_all([("DEL", "one"), ("SET", "two", "text")])
        await until(lambda: [one.key for one in board(session).streams] == [b"three"])
        assert board(session).failure is None


async def test_nobody_watching_means_nothing_is_asked(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey)
    session = open_session(valkey)
    with session.of(StreamBoard).feed.hold():
        await until(lambda: board(session).streams)

    def calls(name: str) -> int:
        return session.deployment.footprint.calls[name]

    before, pings = calls("xpending"), calls("ping")
    await until(lambda: calls("ping") > pings)
    assert calls("xpending") <= before + 1, "one may have been on its way"


async def test_all_reads_of_the_board_are_taken_out_of_the_hit_rate(
    server: Server, open_session: Open, until: Until
) -> None:
    for number in range(50):
        fill(server, f"log:{number}")
    others = server.stats()
    session = open_session(server, scan_share=0.5)
    feed = session.of(StreamBoard).feed
    with feed.hold():
        await until(lambda: len(board(session).streams) == 50)
        server.ask("DEL", "log:7")
        for _ in range(4):
            before = feed.latest
            await until(lambda old=before: feed.latest is not old)  # type: ignore[misc]

    def settled() -> bool:
        stats, own = server.stats(), session.deployment.footprint
        counted = [stats[name] - others[name] for name in ("keyspace_hits", "keyspace_misses")]
        return counted == [own.hits, own.misses]

    await until(settled)


@pytest.mark.parametrize("others", [0, 3000])
async def test_the_scan_for_streams_finds_all_of_them_ahead_of_the_survey(
    server: Server, open_session: Open, until: Until, others: int
) -> None:
    server.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(40)])
    if others:
        server.ask_all([("SET", f"k:{number}", "x") for number in range(others)])
    session = open_session(server, scan_share=0.05)
    find = session.of(StreamFind)
    with find.feed.hold():
        await until(lambda: find.feed.latest and find.feed.latest.complete)
    assert find.feed.latest is not None
    assert sorted(find.feed.latest.keys) == sorted(b"log:%d" % number for number in range(40))
    stats, own = server.stats(), session.deployment.footprint
    assert (stats["keyspace_hits"], stats["keyspace_misses"]) == (own.hits, own.misses)
