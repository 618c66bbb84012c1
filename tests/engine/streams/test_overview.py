"""The list of streams: length, speed, groups and how far they are behind."""

from __future__ import annotations

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.session import Session
from tui.engine.streams.look import Look, lag_of
from tui.engine.streams.overview import PER_TICK, Stream, StreamList


def found(session: Session) -> dict[bytes, Stream]:
    latest = session.of(StreamList).feed.latest
    return {stream.key: stream for stream in latest.streams} if latest else {}


def knows_lag(server: Server) -> bool:
    return server.generation != "redis-6.2"


async def test_every_stream_is_found_with_its_length(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(30) for _ in range(number + 1)])
    server.ask("SET", "no stream", "x")
    session = open_session(server)
    with session.of(StreamList).feed.hold():
        await until(lambda: len(found(session)) == 30)
    assert {key: stream.length for key, stream in found(session).items()} == {
        b"log:%d" % number: number + 1 for number in range(30)
    }
    assert all(stream.groups == () and stream.lag is None for stream in found(session).values())
    latest = session.of(StreamList).feed.latest
    assert latest is not None
    assert (latest.seen, latest.failure) == (1.0, None)


async def test_groups_tell_how_far_they_are_behind(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all([("XADD", "log", "*", "n", number) for number in range(100)])
    for group, read in (("idle", 0), ("slow", 30), ("done", 100)):
        server.ask("XGROUP", "CREATE", "log", group, "0")
        if read:
            server.ask("XREADGROUP", "GROUP", group, "worker", "COUNT", read, "STREAMS", "log", ">")
    session = open_session(server)
    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
    stream = found(session)[b"log"]
    groups = {group.name: (group.lag, group.pending, group.consumers) for group in stream.groups}
    behind = 70 if knows_lag(server) else None
    assert groups == {b"idle": (100, 0, 0), b"slow": (behind, 30, 1), b"done": (0, 100, 1)}
    assert stream.lag == 100, "a group that has read nothing is all of the stream behind, whatever the server knows"
    assert stream.pending == 130


async def test_entries_trimmed_before_a_group_read_them_are_lost_and_not_lag(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("XADD", "log", "*", "n", number) for number in range(100)])
    server.ask_all(
        [
            ("XGROUP", "CREATE", "log", "slow", "0"),
            ("XREADGROUP", "GROUP", "slow", "w", "COUNT", 30, "STREAMS", "log", ">"),
        ]
    )
    server.ask("XTRIM", "log", "MAXLEN", 20)
    session = open_session(server)
    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
    (group,) = found(session)[b"log"].groups
    assert (group.lag, group.lost) == (20, 50 if knows_lag(server) else 0)


@pytest.mark.parametrize(
    ("told", "read", "delivered", "length", "lag", "lost"),
    [
        (20, 30, b"30-0", 20, 20, 50),  # the replies of a Redis 8 built from its source, to what the test above does
        (0, 30, b"30-0", 0, 0, 70),
        (0, 100, b"100-0", 20, 0, 0),
        (20, None, b"0-0", 20, 20, 80),
        (None, None, b"30-0", 20, 20, 0),
    ],
)
def test_redis_8_does_not_count_what_was_trimmed_as_lag(
    told: int | None, read: int | None, delivered: bytes, length: int, lag: int, lost: int
) -> None:
    first = b"%d-0" % (101 - length) if length else None
    look = Look(length, b"100-0", first, b"100-0" if length else None, 100, 0)
    assert lag_of(told, read, delivered, look) == (lag, lost)


async def test_a_group_that_reads_nothing_while_entries_come_is_stuck(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("XADD", "log", "*", "n", 0)
    for group in ("stuck", "fine", "asleep"):
        server.ask("XGROUP", "CREATE", "log", group, "0" if group != "asleep" else "$")
    session = open_session(server)

    def stuck() -> set[bytes]:
        stream = found(session).get(b"log")
        return {group.name for group in stream.groups if group.stuck_for} if stream else set()

    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
        assert stuck() == set(), "nothing has come since redtop looks"
        server.ask_all([("XADD", "log", "*", "n", 1), ("XREADGROUP", "GROUP", "fine", "w", "STREAMS", "log", ">")])
        await until(lambda: stuck() == {b"stuck", b"asleep"})
        server.ask("XREADGROUP", "GROUP", "stuck", "w", "STREAMS", "log", ">")
        await until(lambda: stuck() == {b"asleep"})


async def test_streams_that_others_want_to_see_are_looked_at_in_every_tick(
    valkey: Server, open_session: Open, until: Until
) -> None:
    count = 3 * PER_TICK
    valkey.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(count)])
    session = open_session(valkey, scan_share=0.5)
    listed = session.of(StreamList)
    with listed.feed.hold():
        await until(lambda: len(found(session)) == count)
        key = next(reversed(found(session)))
        listed.prefer([key, b"no such stream"])
        for length in range(2, 5):
            valkey.ask("XADD", key, "*", "a", "b")
            before = listed.feed.latest
            await until(lambda old=before: listed.feed.latest is not old)  # type: ignore[misc]
            before = listed.feed.latest
            await until(lambda old=before: listed.feed.latest is not old)  # type: ignore[misc]
            assert found(session)[key].length == length


async def test_a_lag_that_the_server_lost_count_of_is_not_known(
    valkey: Server, open_session: Open, until: Until
) -> None:
    ids = valkey.ask_all([("XADD", "log", "*", "n", number) for number in range(100)])
    valkey.ask("XGROUP", "CREATE", "log", "slow", ids[10])
    valkey.ask("XDEL", "log", ids[50])
    session = open_session(valkey)
    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
        assert found(session)[b"log"].groups[0].lag is None
        valkey.ask("XREADGROUP", "GROUP", "slow", "worker", "STREAMS", "log", ">")
        await until(lambda: found(session)[b"log"].groups[0].lag == 0)


@pytest.mark.parametrize("trim", [(), ("MAXLEN", 50)], ids=["growing", "trimmed"])
async def test_the_rate_counts_what_was_added_even_when_as_much_was_trimmed(
    server: Server, open_session: Open, until: Until, trim: tuple[str | int, ...]
) -> None:
    server.ask_all([("XADD", "log", "*", "a", "b")] * 50)
    session = open_session(server, interval=0.2)
    feed = session.of(StreamList).feed
    with feed.hold():
        await until(lambda: found(session))
        assert found(session)[b"log"].rate is None, "one look is no rate"
        server.ask_all([("XADD", "log", *trim, "*", "a", "b")] * 100)
        before = feed.latest
        await until(lambda: feed.latest is not before)
        rate = found(session)[b"log"].rate
        if trim and not knows_lag(server):
            assert rate is None, "this server cannot tell"
        else:
            assert rate is not None
            assert 20 <= rate <= 1000, (
                "a hundred between two looks, which a busy machine may bring closer or move apart"
            )
        await until(lambda: found(session)[b"log"].rate == 0)
        assert found(session)[b"log"].length == (50 if trim else 150)


async def test_a_stream_that_is_gone_disappears(server: Server, open_session: Open, until: Until) -> None:
    server.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(3)])
    session = open_session(server)
    with session.of(StreamList).feed.hold():
        await until(lambda: len(found(session)) == 3)
        server.ask("DEL", "log:1")
        await until(lambda: set(found(session)) == {b"log:0", b"log:2"})


async def test_a_stream_that_became_something_else_disappears_and_may_come_back(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(2)])
    session = open_session(server)
    with session.of(StreamList).feed.hold():
        await until(lambda: len(found(session)) == 2)
        server.ask("SET", "log:1", "x")
        await until(lambda: set(found(session)) == {b"log:0"})
        server.ask_all([("DEL", "log:1"), ("XADD", "log:1", "*", "a", "b")])
        await until(lambda: len(found(session)) == 2)


async def test_what_is_known_of_streams_that_are_gone_is_forgotten(
    valkey: Server, open_session: Open, until: Until
) -> None:
    session = open_session(valkey)
    listed = session.of(StreamList)
    with listed.feed.hold():
        for number in range(5):
            valkey.ask_all([("FLUSHALL",), ("XADD", f"log:{number}", "*", "a", "b")])
            await until(lambda name=b"log:%d" % number: list(found(session)) == [name])  # type: ignore[misc]
        await until(lambda: len(listed._looks) == len(listed._known) == 1)


async def test_without_permission_for_xinfo_the_sentence_names_the_rule(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("XADD", "log", "*", "a", "b")
    assert server.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-xinfo") == b"OK"
    address = Address(HOST, server.port, username="probe", password="secret")
    session = open_session(server, address)
    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
    assert "+xinfo|stream" in (found(session)[b"log"].denied or "")


async def test_without_permission_for_groups_the_rest_is_shown(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all([("XADD", "log", "*", "a", "b")] * 7)
    assert valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-xinfo|groups") == b"OK"
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    with session.of(StreamList).feed.hold():
        await until(lambda: found(session))
    stream = found(session)[b"log"]
    assert stream.length == 7
    assert "+xinfo|groups" in (stream.denied or "")


async def test_more_streams_than_fit_a_tick_take_turns(valkey: Server, open_session: Open, until: Until) -> None:
    count = 2 * PER_TICK + 50
    valkey.ask_all([("XADD", f"log:{number}", "*", "a", "b") for number in range(count)])
    session = open_session(valkey, scan_share=0.5)
    feed = session.of(StreamList).feed
    asked = []
    with feed.hold():
        await until(lambda: len(found(session)) == count)
        for _ in range(4):
            before, snapshot = session.deployment.footprint.calls["xinfo|stream"], feed.latest
            await until(lambda old=snapshot: feed.latest is not old)  # type: ignore[misc]
            asked.append(session.deployment.footprint.calls["xinfo|stream"] - before)
        assert asked == [PER_TICK] * 4
        valkey.ask("XADD", "log:7", "*", "a", "b")
        await until(lambda: found(session)[b"log:7"].length == 2)


async def test_a_server_that_is_away_is_shown_as_failure_and_what_was_known_stays(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask("XADD", "log", "*", "a", "b")
    session = open_session(valkey)
    feed = session.of(StreamList).feed
    with feed.hold():
        await until(lambda: found(session))
        valkey.kill()
        await until(lambda: feed.latest and feed.latest.failure)
        assert list(found(session)) == [b"log"]
        valkey.start()
        valkey.ask("XADD", "other", "*", "a", "b")
        await until(lambda: feed.latest and not feed.latest.failure and list(found(session)) == [b"other"])
