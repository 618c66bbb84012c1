"""The live tail of the Streams page: everything, in order, in bounded memory; and any place in the past."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.session import Session
from tui.engine.tail import live as tail_live
from tui.engine.tail.channels import MOST_PER_S
from tui.engine.tail.filter import parse_filter
from tui.engine.tail.live import FIRST, MOST, PAGE, LiveTail
from tui.engine.tail.window import KEPT, OVERHEAD, VALUE_CUT, Kept, Line, Raw, Window


def add(server: Server, first: int, count: int, key: str = "log", size: int = 0) -> None:
    server.ask_all([("XADD", key, "*", "n", number, "x", "y" * size) for number in range(first, first + count)])


def lines(session: Session) -> list[Line]:
    latest = session.of(LiveTail).feed.latest
    return list(latest.lines) if latest else []


def numbers(session: Session, key: bytes = b"log") -> list[int]:
    return [int(line.values[1]) for line in lines(session) if line.id and line.source == key]


async def test_a_chosen_stream_begins_with_its_last_entries_and_goes_on(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 500)
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == list(range(500 - FIRST, 500)))
        add(server, 500, 5)
        await until(lambda: numbers(session) == list(range(500 - FIRST, 505)))
    assert tail.feed.latest is not None
    assert (tail.feed.latest.following, tail.feed.latest.failure) == (True, None)


async def test_everything_that_comes_in_a_burst_is_read(server: Server, open_session: Open, until: Until) -> None:
    add(server, 0, 1)
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == [0])
        add(server, 1, 7 * MOST, size=180)
        await until(lambda: numbers(session)[-1:] == [7 * MOST])
    assert numbers(session) == list(range(7 * MOST + 1))


async def test_no_more_is_kept_than_the_window_and_numbers_go_on(
    valkey: Server, open_session: Open, until: Until
) -> None:
    add(valkey, 0, 1)
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == [0])
        add(valkey, 1, KEPT + 500)
        await until(lambda: numbers(session)[-1:] == [KEPT + 500])
    assert numbers(session) == list(range(501, KEPT + 501))
    assert tail.feed.latest is not None
    assert tail.feed.latest.first == 502


async def test_a_stream_that_is_too_fast_is_left_for_its_newest_entries_and_says_so(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_live, "AT_ONCE", 0.0)
    monkeypatch.setattr(tail_live, "PATIENT", 0)
    monkeypatch.setattr(tail_live, "MOST", 100)
    monkeypatch.setattr(tail_live, "LANDED", 50)
    add(server, 0, 1)
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == [0])
        add(server, 1, 2000)
        await until(lambda: numbers(session)[-1:] == [2000])
    notes = [line for line in lines(session) if not line.id]
    shown = len(numbers(session))
    known = server.generation != "redis-6.2"
    assert len(notes) >= 1
    if known:
        assert shown + sum(note.skipped or 0 for note in notes) == 2001
    else:
        assert {note.skipped for note in notes} == {None}
    assert numbers(session) == sorted(set(numbers(session))), "each once, in order"


async def test_several_streams_are_merged_by_time_even_when_one_has_much_more(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server)
    tail = session.of(LiveTail)
    for key in ("a", "b"):
        server.ask("XADD", key, "1700000000000-0", "n", 0)
    tail.choose([b"a", b"b"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 2)
        slow = [("XADD", "b", f"{1_700_000_000_000 + 900 * n}-0", "n", n) for n in range(1, 4)]
        fast = [("XADD", "a", f"{1_700_000_000_000 + n}-0", "n", n) for n in range(1, 3001)]
        server.ask_all([("MULTI",), *slow, *fast, ("EXEC",)])
        await until(lambda: len(lines(session)) == 3005)
    ids = [int(line.id.split(b"-")[0]) for line in lines(session)]
    assert ids == sorted(ids)


async def test_ids_that_are_no_times_do_not_hold_others_up(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey)
    tail = session.of(LiveTail)
    valkey.ask_all([("XADD", "counted", "1-0", "n", 0), ("XADD", "timed", "*", "n", 0)])
    tail.choose([b"counted", b"timed"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 2)
        valkey.ask_all([("XADD", "counted", f"{n + 1}-0", "n", n) for n in range(1, 2500)])
        valkey.ask("XADD", "timed", "*", "n", 1)
        await until(lambda: numbers(session, b"counted")[-1:] == [2499] and numbers(session, b"timed") == [0, 1])


async def test_one_can_go_to_a_place_read_on_from_there_and_come_back(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 2501)])
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session)[-1:] == [2500])
        await tail.go((701, 1))
        assert numbers(session) == list(range(701, 701 + PAGE))
        assert not tail.following
        server.ask("XADD", "log", "2501-1", "n", 2501)
        reads = session.deployment.footprint.calls["xread"]
        pings = session.deployment.footprint.calls["ping"]
        await until(lambda: session.deployment.footprint.calls["ping"] > pings)
        assert session.deployment.footprint.calls["xread"] == reads, "nothing is read until more is asked for"
        await tail.more()
        assert numbers(session) == list(range(701, 2502))
        assert tail.following, "that was the end: what comes now is the present"
        server.ask("XADD", "log", "2502-1", "n", 2502)
        await until(lambda: numbers(session)[-1] == 2502)
        await tail.go((9_000, 0))
        assert lines(session) == []
        await tail.newest()
        assert numbers(session) == list(range(2503 - FIRST, 2503))


async def test_a_stream_made_anew_is_read_from_its_beginning(server: Server, open_session: Open, until: Until) -> None:
    add(server, 0, 3)
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 3)
        server.ask("DEL", "log")
        reads = session.deployment.footprint.calls["xread"]
        await until(lambda: session.deployment.footprint.calls["xread"] > reads + 2)
        server.ask_all([("XADD", "log", "5-1", "n", 100), ("XADD", "log", "6-1", "n", 101)])
        await until(lambda: numbers(session) == [0, 1, 2, 100, 101])


async def test_what_became_another_type_is_left_and_the_others_go_on(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 2)
    add(server, 0, 2, "other")
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log", b"other"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 4)
        server.ask("SET", "other", "text")
        await until(lambda: tail.chosen == (b"log",))
        add(server, 2, 1)
        await until(lambda: numbers(session) == [0, 1, 2])


@pytest.mark.parametrize("command", ["xread", "xrevrange"])
async def test_a_missing_permission_names_its_rule(
    valkey: Server, open_session: Open, until: Until, command: str
) -> None:
    add(valkey, 0, 5)
    valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", f"-{command}")
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: tail.feed.latest and tail.feed.latest.failure)
    assert tail.feed.latest is not None
    assert tail.feed.latest.failure is not None
    assert f"+{command}" in tail.feed.latest.failure.sentence


async def test_without_permission_for_xinfo_everything_is_shown_but_the_count_of_what_was_left_out(
    server: Server, open_session: Open, until: Until
) -> None:
    add(server, 0, 5)
    server.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-xinfo")
    session = open_session(server, Address(HOST, server.port, username="probe", password="secret"))
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == list(range(5)))
        add(server, 5, 5)
        await until(lambda: numbers(session) == list(range(10)))
    assert tail.feed.latest is not None
    assert tail.feed.latest.failure is None


async def test_its_reads_are_taken_out_of_the_hit_rate(server: Server, open_session: Open, until: Until) -> None:
    add(server, 0, 50)
    add(server, 0, 50, "other")
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.choose([b"log", b"other", b"missing"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 100)
        server.ask("DEL", "other")
        reads = session.deployment.footprint.calls["xread"]
        await until(lambda: session.deployment.footprint.calls["xread"] > reads + 5)
        await tail.go((0, 1))
        await tail.newest()
        add(server, 50, 150)
        await tail.newest()
        await tail.earlier()

    def settled() -> bool:
        stats, own = server.stats(), session.deployment.footprint
        return [stats["keyspace_hits"], stats["keyspace_misses"]] == [own.hits, own.misses]

    await until(settled)


async def test_messages_of_channels_and_patterns_come_in_and_the_connection_goes_when_nobody_watches(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server)
    tail = session.of(LiveTail)
    tail.channels.listen([b"\xff", b"chat"], [b"flow:*"])
    with tail.feed.hold():
        await until(lambda: server.ask("PUBSUB", "NUMPAT") == 1)
        for channel in (b"\xff", b"chat", b"flow:7", b"other"):
            server.ask("PUBLISH", channel, b"\x00to " + channel)
        await until(lambda: len(lines(session)) == 3)
        assert [(line.source, list(line.values)) for line in lines(session)] == [
            (b"\xff", [b"\x00to \xff"]),
            (b"chat", [b"\x00to chat"]),
            (b"flow:7", [b"\x00to flow:7"]),
        ]
        tail.channels.listen([b"other"])
        await until(lambda: server.ask("PUBSUB", "NUMPAT") == 0)
        await until(lambda: server.ask("PUBLISH", "other", "x") == 1)
        await until(lambda: len(lines(session)) >= 4)
    await until(lambda: server.ask("PUBSUB", "CHANNELS") == [])
    assert session.deployment.nodes[0].writers == 0


async def test_too_many_messages_are_counted_and_said(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.channels.listen([b"fast"])
    with tail.feed.hold():
        await until(lambda: valkey.ask("PUBSUB", "CHANNELS") == [b"fast"])
        valkey.ask_all([("PUBLISH", "fast", n) for n in range(MOST_PER_S + 700)])
        await until(lambda: len(lines(session)) >= MOST_PER_S)

        def said() -> bool:
            valkey.ask("PUBLISH", "fast", "and again")
            return any(line.skipped for line in lines(session))

        await until(said)
    noted = sum(line.skipped or 0 for line in lines(session))
    heard = sum(bool(line.id) and line.values[0] != b"and again" for line in lines(session))
    assert noted + heard >= MOST_PER_S + 700


async def test_a_channel_that_may_not_be_heard_names_the_rule(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "resetchannels")
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    tail = session.of(LiveTail)
    tail.channels.listen([b"chat"])
    with tail.feed.hold():
        await until(lambda: tail.feed.latest and tail.feed.latest.failure)
    assert tail.feed.latest is not None
    assert tail.feed.latest.failure is not None
    assert "&NAME" in tail.feed.latest.failure.sentence


async def test_listening_goes_on_after_the_server_was_away(valkey: Server, open_session: Open, until: Until) -> None:
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.channels.listen([b"chat"])
    with tail.feed.hold():
        await until(lambda: valkey.ask("PUBSUB", "CHANNELS") == [b"chat"])
        valkey.kill()
        await until(lambda: tail.channels.listening.failure)
        valkey.start()
        await until(lambda: valkey.ask("PUBLISH", "chat", "back") == 1)
        await until(lambda: [line.values[0] for line in lines(session)] == [b"back"])
        await until(lambda: tail.channels.listening.failure is None)


def entry(number: int, **fields: str) -> Raw:
    return b"log", b"%d-0" % number, tuple(word.encode() for pair in fields.items() for word in pair), 0


def sift(kept: Kept) -> list[Raw]:
    return kept.sift(lambda: False)


def test_a_filter_keeps_what_passes_for_longer_and_gives_back_the_rest_when_it_goes() -> None:
    kept = Kept()
    kept.extend([entry(n, n=str(n)) for n in range(10)])
    kept.filter_by(parse_filter("n=3"))
    assert kept.sifting
    sift(kept)
    assert [line[1] for line in kept.shown.lines] == [b"3-0"]
    kept.extend([entry(n, n=str(n % 10)) for n in range(10, 10 + 2 * KEPT)])
    sift(kept)
    assert len(kept.shown.lines) == 1 + 2 * KEPT // 10
    kept.filter_by(None)
    assert len(kept.shown.lines) == KEPT


def test_a_window_is_bounded_by_bytes_too_and_grows_at_both_ends() -> None:
    window = Window(most_bytes=10 * (OVERHEAD + 100))
    gone = window.extend([entry(n, x="y" * 99) for n in range(50)])
    assert [line[1] for line in gone] == [b"%d-0" % n for n in range(40)]
    assert [line[1] for line in window.lines] == [b"%d-0" % n for n in range(40, 50)]
    assert window.first == 41
    gone = window.prepend([entry(n, x="y" * 99) for n in range(37, 40)])
    assert [line[1] for line in gone] == [b"49-0", b"48-0", b"47-0"]
    assert ([line[1] for line in window.lines], window.first) == ([b"%d-0" % n for n in range(37, 47)], 38)
    window.extend([entry(50, x="y" * 10**6)])
    assert [line[1] for line in window.lines] == [b"50-0"], "the newest stays, however big"


@pytest.mark.parametrize(
    ("typed", "passes"),
    [
        ("", True),
        ("DISK", True),
        ("nowhere", False),
        ("level=error", True),
        ("level=ERROR", False),
        ("level=err*", True),
        ("missing=x", False),
        (r"\xff", True),
        ("/disk|cpu/", True),
        ("/disk|cpu", True),
        ("/^full/", False),
        ("log", True),
        ("data.user.id=7", True),
        ("data.user.id=8", False),
        (".user.id=7", True),
        (".user.id=7*", True),
        ("level.user.id=7", False),
        ("dotted.data.id=9", True),
        (".items.name=b", True),
        (".items.1.name=b", True),
        (".items.0.name=b", False),
        (".items.7.name=b", False),
        (".ok=true", True),
        (".price=1.50", True),
        (".price=1.5", False),
        (".nothing=null", True),
        (".user=*", True),
        (".user=", False),
        (".nobody=*", False),
        (".=7", False),
        ("data..id=7", False),
        (".broken=1", False),
    ],
)
def test_filters(typed: str, passes: bool) -> None:
    match = parse_filter(typed)
    data = b'{"user": {"id": 7}, "items": [{"name": "a"}, {"name": "b"}], "ok": true, "price": 1.50, "nothing": null}'
    fields = {b"level": b"error", b"text": b"Disk full", b"raw": b"\xff", b"data": data}
    fields |= {b"dotted.data": b'{"id": "9"}', b"broken": b'{"broken": 1', b"deep": b"[" * 1999}
    line = Line(b"log", b"1-0", tuple(word for pair in fields.items() for word in pair))
    assert (match is None or match(line)) == passes
    assert match is None or match(Line(b"log", b"", (), 7)), "what was left out is always said"


@pytest.mark.parametrize("typed", ["/(/", "/(?=a)/", "/a{1000000}/", "/((((a?){50}){50}){50}){50}/", "/" + "(" * 5000])
def test_a_filter_that_is_no_expression_or_too_big_a_one_is_a_sentence(typed: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        parse_filter(typed)


def test_of_json_that_was_kept_only_in_part_that_part_is_looked_at() -> None:
    data = b'{"user": {"id": 7, "tags": ["a,]", "b\\""]}, "text": "' + b"[{,x" * 1000
    line = Line(b"log", b"1-0", (b"data", data[:VALUE_CUT]))
    matches = [parse_filter(typed) for typed in (".user.id=7", ".user.tags=a,]", ".text=*")]
    assert [match is not None and match(line) for match in matches] == [True, True, False]


async def test_no_expression_holds_up_anything_else(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("XADD", "log", "*", "n", n, "x", "a" * 1500 + "!") for n in range(KEPT)])
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == FIRST)
        await tail.go((0, 0))
        while len(lines(session)) < KEPT:
            await tail.more()
        beats = [session.clock.now()]
        filtering = asyncio.create_task(tail.filter_by(parse_filter("/(a+)+$|(a|aa)+b|(.*a){20}z/")))
        while not filtering.done():
            await asyncio.sleep(0)
            beats.append(session.clock.now())
    slowest = max(after - before for before, after in pairwise(beats))
    assert lines(session) == []
    assert len(beats) > 10, "it looks at a few lines at a time"
    assert slowest < 1.0, "Python's own expressions take longer than this machine will run"


async def test_what_was_before_is_read_when_one_scrolls_there_and_what_comes_after_again(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_live, "PAGE", 400)
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 2501)])
    session = open_session(server)
    tail = session.of(LiveTail)
    tail._kept._all = Window(most=1000)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: numbers(session) == list(range(2501 - FIRST, 2501)))
        latest = tail.feed.latest
        assert latest is not None
        assert latest.earlier
        await tail.earlier()
        assert numbers(session) == list(range(2001, 2501)), "a page before what is kept"
        assert tail.following
        for _ in range(2):
            await tail.earlier()
        assert numbers(session) == list(range(1201, 2201)), "what is newer goes beyond the bound"
        assert not tail.following, "so this is not the present any more"
        server.ask("XADD", "log", "2501-1", "n", 2501)
        while not tail.following:
            await tail.more()
        assert numbers(session) == list(range(1502, 2502)), "and comes again when it is asked for"
        for _ in range(10):
            await tail.earlier()
        assert numbers(session) == list(range(1, 1001))
        assert tail.feed.latest is not None
        assert not tail.feed.latest.earlier, "that was the beginning"
        await tail.go((700, 0))
        assert numbers(session) == list(range(700, 1100))
        await tail.earlier()
        assert numbers(session) == list(range(300, 1100)), "from a place one reads in both directions"


async def test_several_streams_are_merged_when_read_back_even_when_one_has_much_more(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_live, "PAGE", 500)
    first = 1_700_000_000_000
    valkey.ask_all([("XADD", "fast", f"{first + n}-0", "n", n) for n in range(3000)])
    valkey.ask_all([("XADD", "slow", f"{first + 100 * n}-5", "n", n) for n in range(30)])
    valkey.ask_all([("XADD", "counted", f"{n + 1}-0", "n", n) for n in range(700)])
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.choose([b"fast", b"slow", b"counted"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 2 * FIRST + 30)
        while (latest := tail.feed.latest) and latest.earlier:
            await tail.earlier()
    assert sorted(numbers(session, b"fast")) == list(range(3000))
    assert numbers(session, b"counted") == list(range(700))
    assert numbers(session, b"slow") == list(range(30))


async def test_with_a_filter_scrolling_back_searches_and_without_it_nothing_is_missing(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_live, "PAGE", 500)
    monkeypatch.setattr(tail_live, "MOST_PAGES", 3)
    valkey.ask_all(
        [("XADD", "log", f"{n}-1", "n", n, "kind", "rare" if n % 1500 == 7 else "usual") for n in range(5000)]
    )
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(numbers(session)) == FIRST)
        await tail.filter_by(parse_filter("kind=rare"))
        assert numbers(session) == []
        await tail.earlier()
        assert (numbers(session), tail.feed.latest and tail.feed.latest.sought) == ([4507], b"4400-1")
        await tail.earlier()
        assert (numbers(session), tail.feed.latest and tail.feed.latest.sought) == ([3007, 4507], b"2900-1")
        valkey.ask("XADD", "log", "5000-1", "n", 5000, "kind", "rare")
        await until(lambda: numbers(session) == [3007, 4507, 5000])
        await tail.filter_by(None)
        assert numbers(session) == list(range(4900, 5001))
        await tail.earlier()
        assert numbers(session) == list(range(4400, 5001))
        await tail.filter_by(parse_filter("kind=rare"))
        assert numbers(session) == [4507, 5000]
        await tail.earlier()
        assert numbers(session) == [3007, 4507, 5000]


async def test_big_values_are_kept_cut(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("XADD", "log", "*", "big", "x" * 100_000) for _ in range(30)])
    session = open_session(valkey)
    tail = session.of(LiveTail)
    tail.choose([b"log"])
    with tail.feed.hold():
        await until(lambda: len(lines(session)) == 30)
        valkey.ask_all([("XADD", "log", "*", "big", "x" * 100_000) for _ in range(200)])
        await until(lambda: len(lines(session)) == 230)
    assert {len(line.values[1]) for line in lines(session)} == {VALUE_CUT}
