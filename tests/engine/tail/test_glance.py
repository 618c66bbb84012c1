"""The live tail: nothing lost that a person could read, and honest about the rest."""

from __future__ import annotations

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.session import Session
from tui.engine.tail.glance import FIRST, KEPT, MOST, VALUE_CUT, Entry, Tail

LANDED = MOST // 3
"""Entries shown after a jump."""


def add(server: Server, first: int, count: int, key: str = "log") -> None:
    server.ask_all([("XADD", key, "*", "n", number) for number in range(first, first + count)])


def entries(session: Session) -> list[Entry]:
    latest = session.of(Tail).feed.latest
    return list(latest.entries) if latest else []


def numbers(session: Session, key: bytes = b"log") -> list[int]:
    """The values of the field `n` that were shown of a stream."""
    return [int(entry.fields[0][1]) for entry in entries(session) if entry.id is not None and entry.stream == key]


def skips(session: Session) -> list[int | None]:
    return [entry.skipped for entry in entries(session) if entry.id is None]


def counts_additions(server: Server) -> bool:
    return server.generation != "redis-6.2"


async def test_a_chosen_stream_begins_with_its_last_entries(server: Server, open_session: Open, until: Until) -> None:
    add(server, 0, 100)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: entries(session))
    assert numbers(session) == list(range(100 - FIRST, 100))
    assert skips(session) == []
    assert [entry.number for entry in entries(session)] == list(range(1, FIRST + 1))


async def test_every_entry_is_shown_once_and_in_order_at_moderate_speed(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 10)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 10)
        for burst in range(5):
            add(server, 10 + 100 * burst, 100)
            await until(lambda expected=110 + 100 * burst: len(entries(session)) >= expected)  # type: ignore[misc]
    assert numbers(session) == list(range(510))
    assert [entry.number for entry in entries(session)] == list(range(1, 511)), "no holes: nothing was left out"


async def test_a_stream_too_fast_to_read_jumps_and_says_how_many_it_left_out(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 10)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 10)
        for first in (10, 5010):
            add(server, first, 5000)
            await until(lambda last=first + 4999: numbers(session)[-1] == last)  # type: ignore[misc]
        add(server, 10_010, 5)
        await until(lambda: numbers(session)[-1] == 10_014)
    assert numbers(session) == [
        *range(10),
        *range(5010 - LANDED, 5010),
        *range(10_010 - LANDED, 10_015),
    ]
    assert skips(session) == [5000 - LANDED if counts_additions(server) else None] * 2


async def test_what_was_skipped_of_a_stream_that_began_empty_is_known_too(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all([("XADD", "log", "*", "n", 0), ("XTRIM", "log", "MAXLEN", 0)])
    valkey.ask_all([("XGROUP", "CREATE", "empty", "g", "0", "MKSTREAM")])
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log", b"empty"])
    with tail.feed.hold():
        await until(lambda: tail.feed.latest)
        add(valkey, 1, 1000)
        await until(lambda: numbers(session)[-1:] == [1000])
        add(valkey, 0, 1000, "empty")
        await until(lambda: numbers(session, b"empty")[-1:] == [999])
    assert skips(session) == [1000 - LANDED] * 2


async def test_a_stream_made_anew_between_two_looks_claims_no_number_it_cannot_know(
    valkey: Server, open_session: Open, until: Until
) -> None:
    add(valkey, 0, 1000)
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session)[-1:] == [999])
        valkey.ask("DEL", "log")
        add(valkey, 0, 500)
        await until(lambda: numbers(session)[-1:] == [499])
    assert skips(session) == [None]


async def test_several_streams_are_merged_by_time(server: Server, open_session: Open, until: Until) -> None:
    def mixed(first: int, count: int) -> None:
        names = ["a", "b", "c"]
        server.ask_all([("XADD", names[n % 3], f"{1_000_000 + n}-0", "n", n) for n in range(first, first + count)])

    mixed(0, 30)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"a", b"b", b"c"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 30)
        for burst in range(3):
            mixed(30 + 60 * burst, 60)
            await until(lambda expected=90 + 60 * burst: len(entries(session)) == expected)  # type: ignore[misc]
    assert [entry.fields for entry in entries(session)] == [((b"n", b"%d" % n),) for n in range(210)]
    assert [entry.stream for entry in entries(session)[:3]] == [b"a", b"b", b"c"]


async def test_no_more_is_kept_than_one_scrolls_back(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey)
    tail = session.of(Tail)
    add(valkey, 0, 10)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session))
        for first in range(10, KEPT + 510, 250):
            add(valkey, first, 250)
            await until(lambda last=first + 249: numbers(session)[-1] == last)  # type: ignore[misc]
    assert len(entries(session)) == KEPT
    assert entries(session)[0].number == entries(session)[-1].number - KEPT + 1


async def test_big_and_binary_values_are_kept_as_bytes_and_cut(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("XADD", b"\xff", "*", b"\x00\x1b[2J", b"\xff\xfe", "big", b"x" * 1_000_000, b"f" * 5000, "")
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"\xff"])
    with tail.feed.hold():
        await until(lambda: entries(session))
    (entry,) = entries(session)
    assert entry.stream == b"\xff"
    assert entry.fields == ((b"\x00\x1b[2J", b"\xff\xfe"), (b"big", b"x" * VALUE_CUT), (b"f" * VALUE_CUT, b""))


async def test_a_stream_that_was_deleted_is_followed_when_it_comes_back(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 5)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 5)
        server.ask("DEL", "log")
        add(server, 100, 5)
        await until(lambda: numbers(session) == [*range(5), *range(100, 105)])
    assert tail.feed.latest is not None
    assert tail.feed.latest.failure is None


async def test_a_stream_that_does_not_exist_yet_is_waited_for(server: Server, open_session: Open, until: Until) -> None:
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: tail.feed.latest)
        add(server, 0, 5)
        await until(lambda: numbers(session) == [0, 1, 2, 3, 4])


async def test_what_became_another_type_is_left_and_the_others_go_on(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 5)
    add(server, 0, 5, "other")
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"log", b"other"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 10)
        server.ask("SET", "other", "x")
        await until(lambda: tail.chosen == (b"log",))
        add(server, 5, 5)
        await until(lambda: numbers(session) == list(range(10)))
        await until(lambda: tail.feed.latest and tail.feed.latest.failure is None)


async def test_what_never_was_a_stream_is_left_and_the_others_are_shown(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("SET", "text", "x")
    add(server, 0, 5)
    session = open_session(server)
    tail = session.of(Tail)
    tail.choose([b"text", b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == [0, 1, 2, 3, 4])
    assert tail.chosen == (b"log",)


async def test_without_permission_the_failure_names_the_rule(server: Server, open_session: Open, until: Until) -> None:
    add(server, 0, 5)
    for command in ("xread", "xrevrange"):
        assert server.ask("ACL", "SETUSER", "probe", "reset", "on", ">secret", "~*", "+@all", f"-{command}") == b"OK"
        session = open_session(server, Address(HOST, server.port, username="probe", password="secret"))
        tail = session.of(Tail)
        tail.choose([b"log"])
        seen = []
        with tail.feed.hold():
            await until(lambda feed=tail.feed: feed.latest and feed.latest.failure)  # type: ignore[misc]
            assert tail.feed.latest is not None
            assert tail.feed.latest.failure is not None
            seen.append(tail.feed.latest.failure.sentence)
        assert f"+{command}" in seen[0]


async def test_a_pause_holds_the_tail_and_its_end_shows_what_came_meanwhile(
    valkey: Server, open_session: Open, until: Until
) -> None:
    add(valkey, 0, 5)
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 5)
        session.pace.paused = True
        add(valkey, 5, 5)
        pings = session.deployment.footprint.calls["ping"]
        await until(lambda: session.deployment.footprint.calls["ping"] > pings)
        assert numbers(session) == list(range(5))
        session.pace.paused = False
        await until(lambda: numbers(session) == list(range(10)))


async def test_choosing_another_stream_keeps_what_was_shown_and_stops_the_old_one(
    valkey: Server, open_session: Open, until: Until
) -> None:
    add(valkey, 0, 5)
    add(valkey, 0, 5, "other")
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == list(range(5)))
        tail.choose([b"other"])
        add(valkey, 5, 5)
        add(valkey, 5, 5, "other")
        await until(lambda: numbers(session, b"other") == list(range(10)))
        assert numbers(session) == list(range(5))
        tail.choose([])
        reads = session.deployment.footprint.calls["xread"]
        pings = session.deployment.footprint.calls["ping"]
        await until(lambda: session.deployment.footprint.calls["ping"] > pings)
        assert session.deployment.footprint.calls["xread"] <= reads + 1, "one may have been on its way"
    assert tail.chosen == ()


async def test_a_stream_that_never_rests_is_read_at_a_humans_pace(
    valkey: Server, open_session: Open, until: Until
) -> None:
    """Also at an interval so short that no extra looks are due."""
    add(valkey, 0, 5)
    for interval, least, most in ((0.1, 2, 16), (2.0, 1, 5)):
        session = open_session(valkey, interval=interval)
        clock, tail = session.clock, session.of(Tail)
        tail.choose([b"log"])
        with tail.feed.hold():
            await until(lambda one=session: entries(one))  # type: ignore[misc]
            before, began = session.deployment.footprint.calls["xread"], clock.now()

            def busy(since: float = began, now: object = clock) -> bool:
                add(valkey, 0, 1)
                return now.now() > since + 1.2  # type: ignore[attr-defined,no-any-return]

            await until(busy)
            reads = session.deployment.footprint.calls["xread"] - before
        assert least <= reads <= most, f"in 1.2 s at an interval of {interval} s"


async def test_a_server_that_is_away_is_shown_as_failure_and_the_tail_goes_on_after_it(
    valkey: Server, open_session: Open, until: Until
) -> None:
    add(valkey, 0, 5)
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(entries(session)) == 5)
        valkey.kill()
        await until(lambda: tail.feed.latest and tail.feed.latest.failure)
        assert numbers(session) == list(range(5)), "what was shown stays"
        valkey.start()
        add(valkey, 5, 5)
        await until(lambda: numbers(session) == list(range(10)))
        await until(lambda: tail.feed.latest and tail.feed.latest.failure is None)


@pytest.mark.parametrize("count", [MOST - 1, MOST])
async def test_the_tail_jumps_only_when_more_came_than_it_takes(
    valkey: Server, open_session: Open, until: Until, count: int
) -> None:
    add(valkey, 0, 1)
    session = open_session(valkey)
    tail = session.of(Tail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: entries(session))
        add(valkey, 1, count)
        await until(lambda: numbers(session)[-1] == count)
    shown, note = len(numbers(session)), sum(number or 0 for number in skips(session))
    assert shown + note == count + 1
    assert bool(note) == (count == MOST)
