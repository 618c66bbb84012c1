"""Any key opens at once, whatever it holds, and leaves no trace in the server's statistics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.conftest import Open, Until
from tests.servers import GENERATIONS, HOST, Server
from tui.engine.address import Address
from tui.engine.commands import READS, exchange
from tui.engine.failure import Failure, Kind
from tui.engine.node import Phase
from tui.engine.onekey.elements import CUT, Element, Page
from tui.engine.onekey.inspect import KeyFacts, Missing, look
from tui.engine.onekey.pages import Pages
from tui.engine.onekey.readers import HOPS, NODE, TOO_BIG, WINDOW
from tui.engine.onekey.reading import PAGE
from tui.engine.session import Session

FILL: list[tuple[str | bytes | int, ...]] = [
    ("SET", "string", "hello"),
    ("SET", "number", 42),
    ("SET", "empty", ""),
    ("SETBIT", "bits", 1000, 1),
    ("RPUSH", "list", *(f"element {n}" for n in range(250))),
    ("SADD", "set", *(f"member {n}" for n in range(1000))),
    ("SADD", "integers", *range(300)),
    ("ZADD", "zset", *(word for n in range(250) for word in (f"{n / 2}", f"member {n}"))),
    ("HSET", "hash", *(word for n in range(250) for word in (f"field {n}", f"value {n}"))),
    ("HSET", "small hash", "a", "1", "b", "2"),
    *(("XADD", "stream", f"{n}-1", "n", n, "text", "words") for n in range(1, 251)),
    ("XADD", "empty stream", "1-1", "f", "v"),
    ("XTRIM", "empty stream", "MAXLEN", 0),
]
KINDS = {
    "string": "string",
    "number": "string",
    "empty": "string",
    "bits": "string",
    "list": "list",
    "set": "set",
    "integers": "set",
    "zset": "zset",
    "hash": "hash",
    "small hash": "hash",
    "stream": "stream",
    "empty stream": "stream",
}
LENGTHS = {
    "string": 5,
    "number": 2,
    "empty": 0,
    "bits": 126,
    "list": 250,
    "set": 1000,
    "integers": 300,
    "zset": 250,
} | {
    "hash": 250,
    "small hash": 2,
    "stream": 250,
    "empty stream": 0,
}


@pytest.fixture
def filled(server: Server) -> Server:
    server.ask_all(FILL)
    return server


async def facts_of(session: Session, key: str | bytes) -> KeyFacts:
    facts = await look(session.deployment, key if isinstance(key, bytes) else key.encode())
    assert isinstance(facts, KeyFacts), facts
    return facts


async def pages_of(session: Session, key: str | bytes, text: bytes = b"") -> list[Page]:
    """Read a value to its end."""
    pages = Pages(session.deployment, await facts_of(session, key), text)
    found: list[Page] = []
    while not found or found[-1].more:
        page = await pages.next()
        assert isinstance(page, Page), page
        found.append(page)
    return found


async def elements_of(session: Session, key: str | bytes, text: bytes = b"") -> list[Element]:
    return [element for page in await pages_of(session, key, text) for element in page.elements]


def traces(server: Server) -> tuple[int, int, int]:
    stats = server.stats()
    return stats["keyspace_hits"], stats["keyspace_misses"], stats["total_error_replies"]


async def test_facts_of_every_type(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    for key, kind in KINDS.items():
        facts = await facts_of(session, key)
        assert (facts.kind, facts.length) == (kind, LENGTHS[key])
        assert facts.encoding == filled.ask("OBJECT", "ENCODING", key).decode()
        assert facts.memory == filled.ask("MEMORY", "USAGE", key, "SAMPLES", 5)
        assert facts.expires_at is None
        assert facts.denied == ()
    assert facts.field_ttls == filled.product.since((7, 4), valkey=(9, 0))
    assert facts.touched != filled.product.since((7, 2)), "NO-TOUCH is there since 7.2"


async def test_a_ttl_is_a_time_that_does_not_wander(filled: Server, open_session: Open) -> None:
    filled.ask("PEXPIRE", "string", 100_000)
    due = time.time() + 100
    session = open_session(filled)
    assert [(await facts_of(session, "string")).expires_at for _ in range(3)] == [pytest.approx(due, abs=0.3)] * 3


@pytest.mark.parametrize(
    ("policy", "told"), [("allkeys-lru", "idle"), ("noeviction", "idle"), ("allkeys-lfu", "frequency")]
)
async def test_idle_time_or_frequency_is_told_as_the_policy_has_it(
    filled: Server, open_session: Open, policy: str, told: str
) -> None:
    filled.ask("CONFIG", "SET", "maxmemory-policy", policy)
    filled.ask("SET", "string", "hello again")
    session = open_session(filled)
    before = traces(filled)
    facts = await facts_of(session, "string")
    assert (facts.idle is not None, facts.frequency is not None) == (told == "idle", told == "frequency")
    assert traces(filled)[2] == before[2], "nothing was asked that the server has to answer with an error"


async def test_a_key_that_is_not_there_is_missing(server: Server, open_session: Open) -> None:
    session = open_session(server)
    assert await look(session.deployment, b"no\xff key") == Missing(b"no\xff key")


@pytest.mark.parametrize("key", [b"", b"\xff\x00\r\n", b"*?[a]\\", b"k" * 10_000])
async def test_keys_of_any_bytes_can_be_looked_at_and_read(server: Server, open_session: Open, key: bytes) -> None:
    server.ask("SET", key, b"\x00value\xff")
    session = open_session(server)
    assert (await facts_of(session, key)).key == key
    assert [page.data for page in await pages_of(session, key)] == [b"\x00value\xff"]


async def test_a_lost_server_is_a_failure_not_an_error(filled: Server, open_session: Open, until: Until) -> None:
    session = open_session(filled)
    pages = Pages(session.deployment, await facts_of(session, "list"))
    filled.kill()
    assert isinstance(await pages.next(), Failure)
    assert isinstance(await look(session.deployment, b"list"), Failure)
    await until(lambda: session.deployment.state.worst.phase is not Phase.LIVE)
    filled.start()
    filled.ask_all(FILL)
    await until(lambda: session.deployment.state.worst.phase is Phase.LIVE)
    assert isinstance(await pages.next(), Page), "reading goes on where it was"


async def test_what_may_not_be_asked_is_left_out_with_its_rule(filled: Server, open_session: Open) -> None:
    filled.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", "-memory", "-object", "-info", "-strlen")
    session = open_session(filled, Address(HOST, filled.port, username="guest", password="pw"))
    facts = await facts_of(session, "string")
    assert (facts.kind, facts.memory, facts.encoding, facts.idle, facts.length) == ("string", None, None, None, None)
    text = " ".join(facts.denied)
    assert all(rule in text for rule in ("+memory|usage", "+object|encoding", "+info", "+strlen"))
    page = await Pages(session.deployment, facts).next()
    assert isinstance(page, Failure)
    assert (page.kind, "+strlen" in page.sentence) == (Kind.DENIED, True)
    elements = await elements_of(session, "list")
    assert len(elements) == 250, "without MEMORY USAGE pages are small, but all is read"


async def test_without_permission_for_the_key_there_is_one_sentence(filled: Server, open_session: Open) -> None:
    filled.ask("ACL", "SETUSER", "guest", "on", ">pw", "~public:*", "+@all")
    session = open_session(filled, Address(HOST, filled.port, username="guest", password="pw"))
    answer = await look(session.deployment, b"string")
    assert isinstance(answer, Failure)
    assert answer.kind is Kind.DENIED


# -- pages --------------------------------------------------------------------------------------------------------


async def test_a_list_and_a_sorted_set_come_in_order_with_their_places(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    pages = await pages_of(session, "list")
    assert [len(page.elements) for page in pages] == [100, 100, 50]
    assert [(page.start, page.read, page.more) for page in pages] == [
        (0, 100, True),
        (100, 200, True),
        (200, 250, False),
    ]
    assert [(e.index, e.value.data) for page in pages for e in page.elements] == [
        (n, b"element %d" % n) for n in range(250)
    ]
    assert [(e.index, e.value.data, float(e.score or b"")) for e in await elements_of(session, "zset")] == [
        (n, b"member %d" % n, n / 2) for n in range(250)
    ]


async def test_sets_hashes_and_streams_come_whole(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    assert {e.value.data for e in await elements_of(session, "set")} == {b"member %d" % n for n in range(1000)}
    assert {e.value.data for e in await elements_of(session, "integers")} == {b"%d" % n for n in range(300)}
    pairs = {(e.name.data, e.value.data) for e in await elements_of(session, "hash") if e.name}
    assert pairs == {(b"field %d" % n, b"value %d" % n) for n in range(250)}
    entries = await elements_of(session, "stream")
    assert [e.name.data for e in entries if e.name] == [b"%d-1" % n for n in range(1, 251)]
    assert [[part.data for pair in e.fields for part in pair] for e in entries[:1]] == [[b"n", b"1", b"text", b"words"]]
    assert await elements_of(session, "empty stream") == []


async def test_pages_of_a_scan_say_how_far_they_are(filled: Server, open_session: Open) -> None:
    pages = await pages_of(open_session(filled), "set")
    assert pages[0].start == 0
    assert [page.start for page in pages[1:]] == [page.read for page in pages[:-1]]
    assert pages[-1].read == 1000


async def test_a_string_comes_in_windows_and_from_anywhere(server: Server, open_session: Open) -> None:
    value = bytes(n % 251 for n in range(200_000))
    server.ask("SET", "big", value)
    session = open_session(server)
    pages = await pages_of(session, "big")
    assert [(page.start, len(page.data), page.more) for page in pages] == [
        (0, WINDOW, True),
        (WINDOW, WINDOW, True),
        (2 * WINDOW, WINDOW, True),
        (3 * WINDOW, 200_000 - 3 * WINDOW, False),
    ]
    assert b"".join(page.data for page in pages) == value
    reader = Pages(session.deployment, await facts_of(session, "big"))
    page = await reader.at(150_000)
    assert isinstance(page, Page)
    assert page.data == value[150_000:]


async def test_lists_and_sorted_sets_can_be_entered_anywhere_and_others_cannot(
    filled: Server, open_session: Open
) -> None:
    session = open_session(filled)
    for key in ("list", "zset"):
        pages = Pages(session.deployment, await facts_of(session, key))
        assert pages.can_seek
        page = await pages.at(240)
        assert isinstance(page, Page)
        assert ([e.index for e in page.elements], page.start, page.more) == (list(range(240, 250)), 240, False)
        back = await pages.at(-5)
        assert isinstance(back, Page)
        assert back.elements[0].index == 0
    for key in ("set", "hash", "stream"):
        pages = Pages(session.deployment, await facts_of(session, key))
        assert not pages.can_seek
        with pytest.raises(ValueError, match="from its beginning"):
            await pages.at(10)


async def test_after_the_last_page_there_is_an_empty_one(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    for key in KINDS:
        pages = Pages(session.deployment, await facts_of(session, key))
        while isinstance(page := await pages.next(), Page) and page.more:
            pass
        after = await pages.next()
        assert isinstance(after, Page)
        assert (after.elements, after.data, after.more) == ((), b"", False), key


async def test_fields_of_hashes_have_their_ttls_where_the_server_has_them(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    facts = await facts_of(session, "hash")
    if facts.field_ttls:
        filled.ask("HPEXPIRE", "hash", 100_000, "FIELDS", 2, "field 7", "field 8")
    due = {e.name.data: e.expires_at for e in await elements_of(session, "hash") if e.name and e.expires_at}
    if facts.field_ttls:
        assert due == {name: pytest.approx(time.time() + 100, abs=1) for name in (b"field 7", b"field 8")}
    else:
        assert due == {}
        assert session.deployment.footprint.calls["hpttl"] == 0


async def test_without_permission_for_field_ttls_the_fields_are_shown(valkey: Server, open_session: Open) -> None:
    valkey.ask_all(FILL)
    valkey.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", "-hpttl")
    session = open_session(valkey, Address(HOST, valkey.port, username="guest", password="pw"))
    pages = await pages_of(session, "hash")
    assert sum(len(page.elements) for page in pages) == 250
    assert "+hpttl" in (pages[0].note or "")
    assert session.deployment.footprint.calls["hpttl"] == 1, "a refusal is not provoked twice"


async def test_big_elements_are_cut_and_asked_for_few_at_a_time(server: Server, open_session: Open) -> None:
    big = b"x" * 1_000_000
    for n in range(5):
        server.ask("RPUSH", "list", big)
        server.ask("SADD", "set", b"%d" % n + big)
        server.ask("HSET", "hash", f"field {n}", big)
        server.ask("ZADD", "zset", n, b"%d" % n + big)
        server.ask("XADD", "stream", f"{n + 1}-1", "f", big)
    session = open_session(server)
    for key in ("list", "set", "hash", "zset", "stream"):
        before = session.deployment.footprint.bytes_in
        pages = Pages(session.deployment, await facts_of(session, key))
        page = await pages.next()
        assert isinstance(page, Page)
        elements = page.elements
        pieces = [part for e in elements for part in (e.value, *(part for pair in e.fields for part in pair))]
        assert max(len(part.data) for part in pieces) == CUT
        assert max(part.size for part in pieces) in {1_000_000, 1_000_001}
        assert page.note == f"{len(elements)} cut to 4 KB"
        assert session.deployment.footprint.bytes_in - before < 6_000_000


async def test_elements_too_big_to_be_sent_are_named_and_not_read(server: Server, open_session: Open) -> None:
    for _ in range(2):
        server.ask("RPUSH", "list", b"x" * (3 * TOO_BIG))  # allocators give 7 MB for 6
    session = open_session(server)
    (page,) = await pages_of(session, "list")
    assert page.note in {f"not read: elements of about {size} MB each come only whole" for size in (6, 7)}
    assert session.deployment.footprint.calls["lrange"] == 0


async def test_the_middle_of_a_list_of_too_many_nodes_is_not_walked_to(server: Server, open_session: Open) -> None:
    element = b"x" * NODE
    for _ in range(100):
        server.ask_all([("RPUSH", "list", *[element] * 40)])
    session = open_session(server)
    pages = Pages(session.deployment, await facts_of(session, "list"))
    middle = await pages.at(2_000)
    assert isinstance(middle, Page)
    assert (middle.elements, middle.more) == ((), False)
    both = server.generation != "redis-6.2"
    assert middle.note is not None
    assert ("either end" in middle.note) == both
    assert f"{HOPS:,}" in middle.note
    forward = await pages_of(session, "list")
    assert 0 < forward[-1].read - HOPS <= PAGE
    assert "the rest is not read" in (forward[-1].note or "")
    end = await pages.at(3_990)
    assert isinstance(end, Page)
    assert len(end.elements) == (10 if both else 0)


async def test_a_modules_type_is_named_and_not_read(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    facts = KeyFacts(b"doc", "ReJSON-RL", None, 100, None, None, None, None, 0.0, False, False)
    page = await Pages(session.deployment, facts).next()
    assert isinstance(page, Page)
    assert page.note == "not read: ReJSON-RL is a module's own type"


# -- searching ----------------------------------------------------------------------------------------------------


async def test_searching_finds_exactly_what_contains_the_text(filled: Server, open_session: Open) -> None:
    session = open_session(filled)
    wanted = sorted(b"%d" % n for n in range(250) if b"24" in b"%d" % n)
    for key in ("list", "zset"):
        assert sorted(e.value.data.split()[1] for e in await elements_of(session, key, b"24")) == wanted
    assert sorted(e.name.data.split()[1] for e in await elements_of(session, "hash", b"24") if e.name) == wanted
    assert len(await elements_of(session, "set", b"24")) == sum(b"24" in b"%d" % n for n in range(1000))
    entries = await elements_of(session, "stream", b"24")
    assert sorted(e.fields[0][1].data for e in entries) == wanted
    assert [float(e.score or b"") for e in await elements_of(session, "zset", b"member 7")][:1]


@pytest.mark.parametrize("text", [b"*", b"?", b"[a]", b"\\", b"^", b"a*b", b"\xff", b"]", b"\x00"])
async def test_a_searched_text_means_itself_and_is_no_pattern(server: Server, open_session: Open, text: bytes) -> None:
    others = [b"plain", b"axb", b"a", b"ab", b"[b]"]
    members = [b"<" + text + b">", *(other for other in others if text not in other)]
    server.ask("SADD", "set", *members)
    session = open_session(server)
    assert [e.value.data for e in await elements_of(session, "set", text)] == [b"<" + text + b">"]


async def test_searching_a_string_finds_every_place_even_across_windows(server: Server, open_session: Open) -> None:
    value = bytearray(b"." * 700_000)
    places = [0, 5, WINDOW - 2, 2 * WINDOW - 3, 8 * WINDOW - 1, 600_000, len(value) - 6]
    for place in places:
        value[place : place + 6] = b"needle"
    value[5:11] = b"needle"
    server.ask("SET", "hay", bytes(value))
    session = open_session(server)
    truth = []
    at = bytes(value).find(b"needle")
    while at >= 0:
        truth.append(at)
        at = bytes(value).find(b"needle", at + 1)
    found = await elements_of(session, "hay", b"needle")
    assert [e.index for e in found] == truth
    assert all(b"needle" in e.value.data and len(e.value.data) < 200 for e in found)
    pages = Pages(session.deployment, await facts_of(session, "hay"), b"..")
    for start in (11, 11 + PAGE):
        page = await pages.next()
        assert isinstance(page, Page)
        assert [e.index for e in page.elements] == list(range(start, start + PAGE)), "overlapping places count"


async def test_a_long_search_returns_with_its_progress(server: Server, open_session: Open) -> None:
    server.ask("SADD", "set", *range(100_000))
    server.ask_all([("RPUSH", "list", *range(n, n + 1000)) for n in range(0, 100_000, 1000)])
    session = open_session(server)
    for key in ("set", "list"):
        pages = Pages(session.deployment, await facts_of(session, key), b"nowhere")
        reads = []
        longest = 0.0
        while True:
            started = time.monotonic()
            page = await pages.next()
            longest = max(longest, time.monotonic() - started)
            assert isinstance(page, Page)
            reads.append(page.read)
            if not page.more:
                break
        assert reads == sorted(reads)
        assert reads[-1] == 100_000
        assert longest < 1.5


# -- keys that change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"", b"e"])
@pytest.mark.parametrize("key", KINDS)
async def test_a_key_that_vanishes_or_changes_its_type_is_an_answer(
    filled: Server, open_session: Open, key: str, text: bytes
) -> None:
    session = open_session(filled)
    facts = await facts_of(session, key)
    gone, changed = (Pages(session.deployment, facts, text) for _ in range(2))
    before = traces(filled)
    filled.ask("DEL", key)
    assert await gone.next() == Missing(key.encode())
    filled.ask_all([("DEL", key), ("XADD", key, "1-1", "f", "v") if facts.kind != "stream" else ("SET", key, "x")])
    answer = await changed.next()
    assert isinstance(answer, KeyFacts)
    assert answer.kind == ("string" if facts.kind == "stream" else "stream")
    assert filled.stats()["keyspace_misses"] - before[1] == session.deployment.footprint.misses


async def test_keys_that_come_and_go_all_the_time_raise_nothing(
    filled: Server, open_session: Open, until: Until
) -> None:
    session = open_session(filled)
    makers: list[tuple[str | int, ...]] = [
        ("SET", "key", "x"),
        ("RPUSH", "key", "a", "b"),
        ("SADD", "key", *(f"m{n}" for n in range(300))),
        ("HSET", "key", "f", "v"),
        ("ZADD", "key", 1, "a"),
        ("XADD", "key", "1-1", "f", "v"),
    ]
    answers: set[type] = set()

    async def churn() -> None:
        for n in range(300):
            await asyncio.to_thread(filled.ask_all, [("DEL", "key"), makers[n % len(makers)]])

    task = asyncio.create_task(churn())
    while not task.done():
        facts = await look(session.deployment, b"key")
        answers.add(type(facts))
        if isinstance(facts, KeyFacts):
            answers.add(type(await Pages(session.deployment, facts).next()))
    await task
    assert answers <= {KeyFacts, Missing, Page}
    assert KeyFacts in answers


# -- traces -------------------------------------------------------------------------------------------------------

NEW_READS: dict[str, Callable[[bytes], list[bytes | int]]] = {
    "getrange": lambda key: [b"GETRANGE", key, 0, 10],
    "hlen": lambda key: [b"HLEN", key],
    "hpttl": lambda key: [b"HPTTL", key, b"FIELDS", 2, b"a", b"no"],
    "hscan": lambda key: [b"HSCAN", key, 0, b"MATCH", b"*nowhere*", b"COUNT", 5],
    "llen": lambda key: [b"LLEN", key],
    "lrange": lambda key: [b"LRANGE", key, 1000, 1010],
    "object|encoding": lambda key: [b"OBJECT", b"ENCODING", key],
    "object|freq": lambda key: [b"OBJECT", b"FREQ", key],
    "object|idletime": lambda key: [b"OBJECT", b"IDLETIME", key],
    "scard": lambda key: [b"SCARD", key],
    "sscan": lambda key: [b"SSCAN", key, 0, b"COUNT", 5],
    "strlen": lambda key: [b"STRLEN", key],
    "xlen": lambda key: [b"XLEN", key],
    "zcard": lambda key: [b"ZCARD", key],
    "zrange": lambda key: [b"ZRANGE", key, 1000, 1010, b"WITHSCORES"],
    "zscan": lambda key: [b"ZSCAN", key, 0, b"MATCH", b"*nowhere*"],
}


@pytest.mark.parametrize("name", NEW_READS)
async def test_the_tally_of_each_command_is_what_the_server_counts(
    filled: Server, open_session: Open, name: str
) -> None:
    assert name in READS
    session = open_session(filled)
    facts = await facts_of(session, "hash")
    if name == "hpttl" and not facts.field_ttls:
        return  # never asked here
    for key in (*KINDS, "missing"):
        start, own = traces(filled), session.deployment.footprint
        await session.deployment.ask_all(exchange([b"TYPE", key.encode()], NEW_READS[name](key.encode())))
        counted, now = traces(filled), session.deployment.footprint
        assert (now.hits - own.hits, now.misses - own.misses) == (counted[0] - start[0], counted[1] - start[1]), key
        assert counted[0] - start[0] + counted[1] - start[1] == 2


async def test_inspecting_leaves_no_hit_no_miss_and_no_error_behind(filled: Server, open_session: Open) -> None:
    before = traces(filled)
    session = open_session(filled)
    for key in KINDS:
        await pages_of(session, key)
        await pages_of(session, key, b"e")
        pages = Pages(session.deployment, await facts_of(session, key))
        if pages.can_seek:
            await pages.at(10**6)
    await look(session.deployment, b"missing")
    hits, misses, errors = traces(filled)
    own = session.deployment.footprint
    assert (hits - before[0], misses - before[1]) == (own.hits, own.misses)
    assert own.hits > 100
    assert errors == before[2]


async def test_reading_does_not_count_as_using_the_key_where_the_server_can_tell(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all(FILL)
    await until(lambda: valkey.ask("OBJECT", "IDLETIME", "list") >= 2)
    session = open_session(valkey)
    await pages_of(session, "list")
    facts = await facts_of(session, "list")
    assert facts.idle is not None
    assert facts.idle >= 2
    assert not facts.touched


# -- cost ---------------------------------------------------------------------------------------------------------

MILLION = 1_000_000
BUILD = """
for i = 0, 99999, 1000 do
  local words = {}
  for n = ARGV[1] + i, ARGV[1] + i + 999 do
    if ARGV[2] == 'RPUSH' or ARGV[2] == 'SADD' then
      words[#words + 1] = 'element:' .. n
    else
      words[#words + 1] = ARGV[2] == 'ZADD' and n or 'field:' .. n
      words[#words + 1] = 'element:' .. n
    end
  end
  redis.call(ARGV[2], KEYS[1], unpack(words))
end
"""


@pytest.fixture(scope="module", params=[name for name, program in GENERATIONS.items() if program is not None])
def huge(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with a million elements in each kind of container, and a string of 64 MB."""
    with Server(request.param) as server:
        server.ask("SETRANGE", "string", 64 * 2**20 - 1, "x")
        for key, command in {"list": "RPUSH", "set": "SADD", "zset": "ZADD", "hash": "HSET"}.items():
            for start in range(0, MILLION, 100_000):
                server.ask("EVAL", BUILD, 1, key, start, command)
        yield server


async def test_no_command_takes_the_server_a_millisecond_however_big_the_value(
    huge: Server, open_session: Open
) -> None:
    session = open_session(huge)
    huge.ask_all([("CONFIG", "SET", "slowlog-log-slower-than", 1000), ("CONFIG", "SET", "slowlog-max-len", 1000)])
    # On a busy machine the server may lose its core in the middle of any command; what is really slow is so each time.
    slow = await asyncio.wait_for(_slow_in_every_round(huge, session, rounds=3), 50)
    assert slow == set()


async def _slow_in_every_round(server: Server, session: Session, rounds: int) -> set[tuple[bytes, ...]]:
    always: set[tuple[bytes, ...]] | None = None
    for _ in range(rounds):
        server.ask("SLOWLOG", "RESET")
        for key in ("string", "list", "set", "zset", "hash"):
            await _walk(session, key)
        entries = server.ask("SLOWLOG", "GET", 1000)
        slow: set[tuple[bytes, ...]] = {tuple(entry[3]) for entry in entries if entry[5] == b"redtop"}
        always = slow if always is None else always & slow
        if not always:
            break
    return always or set()


async def _walk(session: Session, key: str) -> None:
    """Open, page on, go to the middle and to the end, search."""
    facts = await facts_of(session, key)
    pages = Pages(session.deployment, facts)
    for _ in range(5):
        assert isinstance(await pages.next(), Page)
    if pages.can_seek:
        for place in (facts.length or 0) // 2, (facts.length or 0) - 10:
            assert isinstance(await pages.at(place), Page)
    search = Pages(session.deployment, facts, b"t:77777")
    for _ in range(3):
        assert isinstance(await search.next(), Page)


async def test_a_huge_value_opens_as_fast_as_a_small_one(huge: Server, open_session: Open) -> None:
    huge.ask_all(
        [
            ("SET", "small string", "x"),
            ("RPUSH", "small list", *range(100)),
            ("SADD", "small set", *(f"m{n}" for n in range(100))),
            ("ZADD", "small zset", *(word for n in range(100) for word in (n, f"m{n}"))),
            ("HSET", "small hash", *(word for n in range(100) for word in (f"f{n}", n))),
        ]
    )
    session = open_session(huge)

    async def opened(key: str) -> None:
        await Pages(session.deployment, await facts_of(session, key)).next()

    for key in ("string", "list", "set", "zset", "hash"):
        big, small = await _best(lambda key=key: opened(key)), await _best(lambda key=key: opened(f"small {key}"))  # type: ignore[misc]
        assert big < 3 * small + 0.002, key


async def _best(work: Callable[[], Awaitable[None]]) -> float:
    times = []
    for _ in range(9):
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    return min(times)
