"""The keys of one family: all of them, no others, at a pace the server does not feel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.chosen import Chosen
from tui.engine.entries import Entries
from tui.engine.failure import Failure, Kind
from tui.engine.feed import Feed
from tui.engine.keylist import KeyList, Listing, Row, exact
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Keyspace
from tui.engine.namespaces import Branch, tree
from tui.engine.patterns import escape
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.engine.shapes import Shapes
from tui.engine.survey import Survey

List = Callable[[KeyList], Awaitable[Listing]]


@pytest.fixture
def listed() -> List:
    """Run a list to its end while somebody watches."""

    async def run(keys: KeyList) -> Listing:
        with keys.feed.hold():
            async with asyncio.timeout(20):
                await keys.run()
        assert keys.feed.latest is not None
        return keys.feed.latest

    return run


def family(*parts: bytes, delimiter: bytes = b":") -> Chosen:
    return Chosen(delimiter, parts, whole=True)


def branch(*parts: bytes, delimiter: bytes = b":") -> Chosen:
    return Chosen(delimiter, parts, whole=False)


async def surveyed(session: Session) -> Keyspace:
    """Return the survey's first complete picture."""
    survey: Feed[Keyspace] = session.of(Survey).feed
    async with asyncio.timeout(20):
        with suppress(StopAsyncIteration):
            async for picture in survey.watch():
                if picture.complete:
                    return picture
    raise AssertionError


# -- what is chosen -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "prefix", "key"),
    [
        (family(b"user", b"{int}", b"cart"), b"user:", None),
        (family(b"sess_{hex}"), b"sess_", None),
        (family(b"celery-task-meta-{uuid}"), b"celery-task-meta-", None),
        (family(b"{id}"), b"", None),
        (family(b"{alice}.cart", b"{int}"), b"{alice}.cart:", None),
        (family(b"{alice}.{int}.x", b"y"), b"{alice}.", None),
        (family(b"jobs"), b"jobs", b"jobs"),
        (family(b"a", b"", b"b"), b"a::b", b"a::b"),
        (branch(b"a", b"b"), b"a:b:", None),
        (branch(b"a", b"{int}"), b"a:", None),
        (branch(b"app", b"cache", delimiter=b"/"), b"app/cache/", None),
    ],
)
def test_the_literal_beginning_of_a_family(chosen: Chosen, prefix: bytes, key: bytes | None) -> None:
    assert (chosen.prefix, chosen.key) == (prefix, key)


def test_families_and_branches_are_chosen_as_panes_know_them() -> None:
    shapes = [(":", "user", "{int}", "cart"), (":", "user", "list"), (r"/", r"a\xff\\", "b")]
    assert Chosen.family(shapes[0]) == family(b"user", b"{int}", b"cart")
    assert Chosen.branch(("user:",), shapes) == branch(b"user")
    assert Chosen.branch(("user:", "{int}:", "cart"), shapes) == family(b"user", b"{int}", b"cart")
    assert Chosen.branch(("user:", "list"), shapes) == family(b"user", b"list")
    assert Chosen.branch((r"a\xff\\/",), shapes) == branch(b"a\xff\\", delimiter=b"/")
    assert Chosen.branch(("gone:",), shapes) is None


@given(st.binary(max_size=20) | st.text("\\*?[]^-a", max_size=12).map(str.encode))
def test_an_escaped_pattern_has_no_special_character_left(literal: bytes) -> None:
    pattern = escape(literal)
    assert len(pattern) - len(literal) == sum(byte in b"\\*?[]" for byte in literal)


@pytest.mark.parametrize("name", [b"*", b"?", b"a[b-z]", b"\\", b"[^x]", b"\xff\x00", b"]", b"a\\*"])
async def test_only_the_keys_that_begin_with_exactly_these_bytes_are_listed(
    server: Server, open_session: Open, listed: List, name: bytes
) -> None:
    others = [b"plain:1", b"ab:1", b"a:1", b"x:1", b"ac:2", b"^:1"]
    server.ask_all([("SET", key, "x") for key in [name + b":1", name + b":2", *others]])
    listing = await listed(KeyList(open_session(server), family(name, b"{int}")))
    assert sorted(listing.entries) == [name + b":1", name + b":2"]


# -- which keys belong --------------------------------------------------------------------------------------------


def test_a_key_belongs_to_the_family_that_fits_it_best() -> None:
    families = [
        (b":", b"user", b"{int}"),
        (b":", b"user", b"{id}"),
        (b":", b"user", b"settings"),
        (b":", b"{id}", b"x"),
    ]
    shapes = Shapes(families)

    def home(*parts: bytes) -> list[tuple[bytes, ...]]:
        return [one[1:] for one in families if shapes.belongs((b":", *parts), one, whole=True)]

    assert home(b"user", b"{int}") == [(b"user", b"{int}")]
    assert home(b"user", b"alice") == [(b"user", b"{id}")]
    assert home(b"user", b"settings") == [(b"user", b"settings")]
    assert home(b"other", b"x") == [(b"{id}", b"x")]
    assert home(b"other", b"y") == []
    assert home(b"user", b"a", b"b") == []


def test_ids_that_look_different_by_chance_belong_to_the_family_of_the_others() -> None:
    shapes = Shapes([(b":", b"session", b"{hex}")])
    assert shapes.belongs((b":", b"session", b"{int}"), (b":", b"session", b"{hex}"), whole=True)
    assert shapes.belongs((b":", b"session", b"deadbeef"), (b":", b"session", b"{hex}"), whole=True)


def test_a_shape_of_no_known_family_belongs_where_it_fits() -> None:
    shapes = Shapes([])
    assert shapes.belongs((b":", b"a", b"{int}"), (b":", b"a", b"{int}"), whole=True)
    assert shapes.belongs((b":", b"a", b"x", b"y"), (b":", b"a"), whole=False)
    assert shapes.belongs((b":", b"a", b"x", b"y"), (b":", b"a", b"{id}"), whole=False)
    assert not shapes.belongs((b":", b"a"), (b":", b"a"), whole=False)
    assert not shapes.belongs((b"/", b"a", b"{int}"), (b":", b"a", b"{int}"), whole=True)


LAYOUT = [
    *(b"user:%d:profile" % n for n in range(400)),
    *(b"user:%d:cart" % n for n in range(300)),
    *(b"auth:username:%b" % name for name in (b"name%c%c" % (a, b) for a in range(97, 117) for b in range(97, 117))),
    *(b"session:%032x" % (n * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128) for n in range(1, 501)),
    *(b"app/cache/%d" % n for n in range(50)),
    b"user:list",
    b"jobs",
    b"\xff\x00:%d" % 7,
    b"",
]


async def test_the_lists_of_all_families_are_the_whole_keyspace_without_doubles(
    server: Server, open_session: Open, listed: List
) -> None:
    server.ask_all([("SET", key, "x") for key in LAYOUT])
    session = open_session(server)
    picture = await surveyed(session)
    shapes = [one.shape for one in picture.families]
    found: list[bytes] = []
    for one in picture.families:
        listing = await listed(KeyList(session, Chosen.family(one.shape), shapes))
        assert listing.complete
        assert len(listing.entries) == one.keys, one.pattern
        found += listing.entries
    assert sorted(found) == sorted(LAYOUT)


async def test_a_branch_lists_what_hangs_from_it(server: Server, open_session: Open, listed: List) -> None:
    server.ask_all([("SET", key, "x") for key in LAYOUT])
    session = open_session(server)
    picture = await surveyed(session)
    shapes = [one.shape for one in picture.families]

    async def check(branches: Sequence[Branch]) -> None:
        for one in branches:
            chosen = Chosen.branch(one.path, shapes)
            assert chosen is not None
            assert len((await listed(KeyList(session, chosen, shapes))).entries) == one.keys, one.pattern
            await check(one.children)

    await check(tree(picture.families))


async def test_keys_longer_than_is_looked_at_are_listed_too(server: Server, open_session: Open, listed: List) -> None:
    keys = [b"long:" + b"x" * 10_000 + b"%d" % n for n in range(20)]
    server.ask_all([("SET", key, "x") for key in keys])
    shape = [printable(part) for part in Shaper().shape_of(keys[0])]
    listing = await listed(KeyList(open_session(server), Chosen.family(shape), [shape]))
    assert sorted(listing.entries) == sorted(keys)


# -- how it goes on -----------------------------------------------------------------------------------------------


async def test_a_list_grows_at_its_end_and_old_snapshots_stay_as_they_were(
    valkey: Server, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.keylist.MOST_COUNT", 100)
    valkey.ask_all([("SET", f"key:{n}", "x") for n in range(20_000)])
    keys = KeyList(open_session(valkey, interval=0.01), family(b"key", b"{int}"))
    task = asyncio.create_task(keys.run())
    snapshots = []
    async with asyncio.timeout(20):
        async for listing in keys.feed.watch():
            snapshots.append((listing, list(listing.entries)))
            if listing.complete:
                break
    await task
    assert len(snapshots) > 3
    last = snapshots[-1][1]
    assert sorted(last) == sorted(b"key:%d" % n for n in range(20_000))
    for listing, entries in snapshots:
        assert list(listing.entries) == entries == last[: len(entries)]
        assert listing.generation == 1
        assert 0 <= listing.scanned <= listing.dbsize == 20_000
    assert snapshots[-1][0].scanned == 20_000


def test_entries_are_a_sequence_of_their_moment() -> None:
    keys = [b"a", b"b", b"c"]
    entries = Entries(keys)
    keys.append(b"d")
    assert (len(entries), list(entries), entries[-1], entries[1:], entries[0]) == (
        3,
        [b"a", b"b", b"c"],
        b"c",
        [b"b", b"c"],
        b"a",
    )
    with pytest.raises(IndexError):
        entries[3]
    with pytest.raises(IndexError):
        entries[-4]


async def test_nobody_watching_means_nothing_asked(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask_all([("SET", f"key:{n}", "x") for n in range(5_000)])
    session = open_session(valkey)
    keys = KeyList(session, family(b"key", b"{int}"))
    task = asyncio.create_task(keys.run())
    await until(lambda: session.deployment.nodes[0].identity)
    assert session.deployment.footprint.calls["scan"] == 0
    with keys.feed.hold():
        await until(lambda: keys.feed.latest and keys.feed.latest.complete)
    await task
    assert session.deployment.footprint.calls["scan"] > 0


async def test_no_more_than_its_share_of_the_servers_time_is_taken(
    server: Server, open_session: Open, listed: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.keylist.BURST", 0.0)
    server.ask_all([("SET", f"key:{n}", "x") for n in range(60_000)])
    session = open_session(server, scan_share=0.05)
    keys = KeyList(session, family(b"nothing", b"{int}"))
    started = session.clock.now()
    listing = await listed(keys)
    elapsed = session.clock.now() - started
    (scans,) = (line for line in server.ask("INFO", "commandstats").splitlines() if line.startswith(b"cmdstat_scan:"))
    spent = int(scans.split(b"usec=")[1].split(b",")[0]) / 1e6
    assert (listing.complete, len(listing.entries)) == (True, 0)
    assert spent / elapsed <= 0.05


async def test_the_list_ends_at_its_bound_and_says_so(
    valkey: Server, open_session: Open, listed: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey.ask_all([("SET", f"key:{n}", "x") for n in range(5_000)])
    session = open_session(valkey)
    monkeypatch.setattr("tui.engine.keylist.KEPT", 1_000)
    listing = await listed(KeyList(session, family(b"key", b"{int}")))
    assert (len(listing.entries), listing.complete) == (1_000, False)
    assert listing.full == "the first 1,000 keys are listed; there may be more"
    monkeypatch.setattr("tui.engine.keylist.KEPT_BYTES", 2_000)
    listing = await listed(KeyList(session, family(b"key", b"{int}")))
    assert 200 < len(listing.entries) < 500


async def test_listing_again_begins_a_new_generation(valkey: Server, open_session: Open, listed: List) -> None:
    valkey.ask_all([("SET", f"key:{n}", "x") for n in range(10)])
    keys = KeyList(open_session(valkey), family(b"key", b"{int}"))
    first = await listed(keys)
    valkey.ask("DEL", "key:3")
    second = await listed(keys)
    assert (len(first.entries), len(second.entries)) == (10, 9)
    assert (first.generation, second.generation) == (1, 2)


async def test_a_family_of_one_key_needs_no_scan(server: Server, open_session: Open, listed: List) -> None:
    server.ask_all([("SET", f"key:{n}", "x") for n in range(5_000)] + [("SET", "jobs", "x")])
    session = open_session(server)
    assert list((await listed(KeyList(session, family(b"jobs")))).entries) == [b"jobs"]
    gone = await listed(KeyList(session, family(b"gone")))
    assert (list(gone.entries), gone.complete) == ([], True)
    assert session.deployment.footprint.calls["scan"] == 0


async def test_another_server_process_makes_the_list_begin_again_and_say_so(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.keylist.MOST_COUNT", 50)
    server.ask_all([("SET", f"key:{n}", "x") for n in range(100_000)])
    keys = KeyList(open_session(server), family(b"key", b"{int}"))
    task = asyncio.create_task(keys.run())
    with keys.feed.hold():
        await until(lambda: keys.feed.latest and len(keys.feed.latest.entries) > 100)
        server.kill()
        await until(lambda: keys.feed.latest and keys.feed.latest.failure)
        server.start()
        server.ask_all([("SET", f"key:{n}", "x") for n in range(7)])
        await until(lambda: keys.feed.latest and keys.feed.latest.complete)
    await task
    assert keys.feed.latest is not None
    assert keys.feed.latest.generation > 1
    assert "another server process" in (keys.feed.latest.restarted or "")
    assert len(keys.feed.latest.entries) == 7
    assert keys.feed.latest.failure is None


async def test_a_user_who_may_not_scan_reads_the_rule(server: Server, open_session: Open, until: Until) -> None:
    server.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", "-scan")
    session = open_session(server, Address(HOST, server.port, username="guest", password="pw"))
    keys = KeyList(session, family(b"key", b"{int}"))
    task = asyncio.create_task(keys.run())
    with keys.feed.hold():
        await until(lambda: keys.feed.latest and keys.feed.latest.failure)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert keys.feed.latest is not None
    failure = keys.feed.latest.failure
    assert failure is not None
    assert (failure.kind, "+scan" in failure.sentence) == (Kind.DENIED, True)


# -- beside the keys ----------------------------------------------------------------------------------------------


async def test_rows_tell_type_ttl_and_size_in_one_round_trip(server: Server, open_session: Open) -> None:
    server.ask_all([("SET", "a", "x", "EX", 100), ("RPUSH", "b\xff", "1"), ("XADD", "c", "1-1", "f", "v")])
    session = open_session(server)
    keys = KeyList(session, branch(b""))
    rows = await keys.facts([b"a", "b\xff".encode(), b"gone", b"c"])
    assert not isinstance(rows, Failure)
    assert [(row.kind, row.gone) for row in rows] == [
        ("string", False),
        ("list", False),
        (None, True),
        ("stream", False),
    ]
    now = session.clock.wall()
    assert rows[0].expires_at == pytest.approx(now + 100, abs=1)
    assert [row.expires_at for row in rows[1:]] == [None] * 3
    assert [row.bytes for row in rows] == [server.ask("MEMORY", "USAGE", row.key) for row in rows]
    assert await keys.facts([]) == []


async def test_rows_without_permission_for_memory_have_no_sizes_and_do_not_ask_twice(
    server: Server, open_session: Open
) -> None:
    server.ask("SET", "a", "x")
    server.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", "-memory")
    session = open_session(server, Address(HOST, server.port, username="guest", password="pw"))
    keys = KeyList(session, branch(b""))
    for _ in range(2):
        assert await keys.facts([b"a"]) == [Row(b"a", "string", None, None, gone=False)]
    assert session.deployment.footprint.calls["memory|usage"] == 1


async def test_a_key_that_may_not_be_looked_at_leaves_the_others_their_sizes(
    server: Server, open_session: Open
) -> None:
    server.ask_all([("SET", "mine:1", "x"), ("SET", "theirs:1", "x")])
    server.ask("ACL", "SETUSER", "guest", "on", ">pw", "~mine:*", "+@all")
    session = open_session(server, Address(HOST, server.port, username="guest", password="pw"))
    keys = KeyList(session, branch(b""))
    for _ in range(2):
        rows = await keys.facts([b"theirs:1", b"mine:1"])
        assert not isinstance(rows, Failure)
        assert rows[0] == Row(b"theirs:1", None, None, None, gone=False)
        assert rows[1].bytes == server.ask("MEMORY", "USAGE", "mine:1")


@pytest.mark.parametrize("key", [b"", b"\xff\r\n", b"*", b"k" * 10_000])
async def test_an_exact_key_is_there_or_not(server: Server, open_session: Open, key: bytes) -> None:
    session = open_session(server)
    assert await exact(session.deployment, key) is False
    server.ask("SET", key, "x")
    assert await exact(session.deployment, key) is True
    server.kill()
    assert isinstance(await exact(session.deployment, key), Failure)
    keys = KeyList(session, branch(b""))
    assert isinstance(await keys.facts([key]), Failure)


async def test_listing_and_rows_leave_no_hit_and_no_miss_behind(
    server: Server, open_session: Open, listed: List
) -> None:
    server.ask_all([("SET", f"key:{n}", "x") for n in range(1_000)])
    before = server.stats()
    session = open_session(server)
    keys = KeyList(session, family(b"key", b"{int}"))
    listing = await listed(keys)
    await keys.facts([*listing.entries[:50], b"gone"])
    await exact(session.deployment, b"key:1")
    await exact(session.deployment, b"gone")
    after, own = server.stats(), session.deployment.footprint
    sampled = 2  # one of the type and of the TTL went out first: a user may be refused either
    assert after["keyspace_hits"] - before["keyspace_hits"] == own.hits == 101 + sampled
    assert after["keyspace_misses"] - before["keyspace_misses"] == own.misses == 3
    assert after["total_error_replies"] == before["total_error_replies"]
