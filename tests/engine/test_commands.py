"""The gateway: what redtop may send, how it is packed, and what it leaves in the server's counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import hiredis
import pytest

from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.commands import (
    CONTAINERS,
    READS,
    WRITES,
    Exchange,
    KeyQuestions,
    NotAllowedError,
    exchange,
    name_of,
    subscription,
)
from tui.engine.failure import ReplyError

Command = Sequence[bytes | int]

FILL: list[tuple[str | bytes | int, ...]] = [
    ("SET", "string", "x"),
    ("SET", "empty string", ""),
    ("SET", "mortal", "x", "EX", 1000),
    ("HSET", "hash", "f", "v"),
    ("RPUSH", "list", "a"),
    ("SADD", "set", "a"),
    ("ZADD", "zset", 1, "a"),
    ("XADD", "stream", "1-1", "f", "v"),
    ("XADD", "other stream", "1-1", "f", "v"),
    ("XGROUP", "CREATE", "stream", "group", "0"),
    ("XADD", "empty stream", "1-1", "f", "v"),
    ("XTRIM", "empty stream", "MAXLEN", 0),
]
"""A key of every type; a string and a stream can be empty and exist all the same."""

ON_A_KEY: dict[str, tuple[bytes | int, ...]] = {
    "dump": (b"DUMP", b"KEY"),
    "getrange": (b"GETRANGE", b"KEY", 0, 10),
    "hlen": (b"HLEN", b"KEY"),
    "hmget": (b"HMGET", b"KEY", b"f", b"g"),
    "hpttl": (b"HPTTL", b"KEY", b"FIELDS", 2, b"f", b"g"),
    "hscan": (b"HSCAN", b"KEY", 0, b"COUNT", 10),
    "llen": (b"LLEN", b"KEY"),
    "lpos": (b"LPOS", b"KEY", b"other"),
    "lrange": (b"LRANGE", b"KEY", 0, 10),
    "memory|usage": (b"MEMORY", b"USAGE", b"KEY"),
    "object|encoding": (b"OBJECT", b"ENCODING", b"KEY"),
    "object|freq": (b"OBJECT", b"FREQ", b"KEY"),
    "object|idletime": (b"OBJECT", b"IDLETIME", b"KEY"),
    "pexpiretime": (b"PEXPIRETIME", b"KEY"),
    "pttl": (b"PTTL", b"KEY"),
    "scard": (b"SCARD", b"KEY"),
    "sismember": (b"SISMEMBER", b"KEY", b"other"),
    "sscan": (b"SSCAN", b"KEY", 0, b"COUNT", 10),
    "strlen": (b"STRLEN", b"KEY"),
    "type": (b"TYPE", b"KEY"),
    "xinfo|consumers": (b"XINFO", b"CONSUMERS", b"KEY", b"group"),
    "xinfo|groups": (b"XINFO", b"GROUPS", b"KEY"),
    "xinfo|stream": (b"XINFO", b"STREAM", b"KEY"),
    "xlen": (b"XLEN", b"KEY"),
    "xpending": (b"XPENDING", b"KEY", b"group", b"-", b"+", 2),
    "xrange": (b"XRANGE", b"KEY", b"-", b"+", b"COUNT", 2),
    "xread": (b"XREAD", b"COUNT", 2, b"STREAMS", b"KEY", b"0"),
    "xrevrange": (b"XREVRANGE", b"KEY", b"+", b"-", b"COUNT", 2),
    "zcard": (b"ZCARD", b"KEY"),
    "zrange": (b"ZRANGE", b"KEY", 0, 10, b"WITHSCORES"),
    "zscan": (b"ZSCAN", b"KEY", 0, b"COUNT", 10),
    "zscore": (b"ZSCORE", b"KEY", b"other"),
}
"""Every allowed command that looks at a key, as redtop asks it."""

WITHOUT_A_KEY: dict[str, tuple[bytes | int, ...]] = {
    "client|list": (b"CLIENT", b"LIST"),
    "client|no-touch": (b"CLIENT", b"NO-TOUCH", b"ON"),
    "client|setname": (b"CLIENT", b"SETNAME", b"redtop"),
    "asking": (b"ASKING",),
    "cluster|info": (b"CLUSTER", b"INFO"),
    "cluster|nodes": (b"CLUSTER", b"NODES"),
    "cluster|shards": (b"CLUSTER", b"SHARDS"),
    "cluster|slot-stats": (b"CLUSTER", b"SLOT-STATS", b"ORDERBY", b"KEY-COUNT", b"LIMIT", 16, b"DESC"),
    "dbsize": (b"DBSIZE",),
    "info": (b"INFO", b"commandstats"),
    "ping": (b"PING",),
    "scan": (b"SCAN", b"0", b"COUNT", 100),
    "slowlog|get": (b"SLOWLOG", b"GET", 10),
    "slowlog|len": (b"SLOWLOG", b"LEN"),
    "time": (b"TIME",),
}

OF_SENTINELS = (*("sentinel|get-master-addr-by-name", "sentinel|masters", "sentinel|replicas", "sentinel|sentinels"),)
"""What only a Sentinel knows; it has no keys."""

NEED_A_WITNESS = (
    *("getrange", "hmget", "hpttl", "hscan", "lpos", "lrange", "sismember", "sscan", "strlen"),
    *("xlen", "xpending", "xrange", "xread", "xrevrange", "zrange", "zscan", "zscore"),
)
"""Commands whose reply does not always say whether the key exists."""

KEYS = [str(words[2 if words[0] == "XGROUP" else 1]).encode() for words in FILL]
MISSING = (b"missing", b"STREAMS", b"")
NEWER = frozenset({"hpttl", "pexpiretime"})
"""Commands that 6.2 and 7.0 do not have."""


class Measured:
    """Sends raw bytes on one connection and reads the counters on another."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._wire = Wire(HOST, server.port)
        self._reader = hiredis.Reader(replyError=ReplyError, notEnoughData=Ellipsis)

    def close(self) -> None:
        self._wire.close()

    def ask(self, question: Exchange) -> tuple[list[Any], tuple[int, int]]:
        """Return the replies and what the server says they did to (hits, misses)."""
        before = self._counters()
        self._wire._socket.sendall(question.payload)
        replies: list[Any] = []
        while len(replies) < question.expected:
            reply = self._reader.gets()
            if reply is Ellipsis:
                self._reader.feed(self._wire._socket.recv(1 << 16))
            else:
                replies.append(reply)
        after = self._counters()
        return replies, (after[0] - before[0], after[1] - before[1])

    def _counters(self) -> tuple[int, int]:
        stats = self._server.stats()
        return stats["keyspace_hits"], stats["keyspace_misses"]


@pytest.fixture
def measured(server: Server) -> Iterator[Measured]:
    server.ask_all(FILL)
    measured = Measured(server)
    yield measured
    measured.close()


def on(name: str, key: bytes) -> Command:
    return [key if word == b"KEY" else word for word in ON_A_KEY[name]]


def test_the_tables_above_have_every_command_that_may_be_sent() -> None:
    assert sorted([*ON_A_KEY, *WITHOUT_A_KEY, *OF_SENTINELS]) == sorted(READS)


@pytest.mark.parametrize("name", ON_A_KEY)
def test_the_tally_is_what_the_server_counted(measured: Measured, name: str) -> None:
    for key in KEYS if name in NEED_A_WITNESS else [*KEYS, *MISSING]:
        question = exchange(on(name, key))
        replies, counted = measured.ask(question)
        assert question.tally(replies) == counted, (key, replies)
        assert question.calls == {name: 1}


@pytest.mark.parametrize("name", NEED_A_WITNESS)
def test_with_the_type_asked_beside_it_the_tally_is_right_for_missing_keys_too(measured: Measured, name: str) -> None:
    for key in [*KEYS, *MISSING]:
        witness: Command = [b"TYPE", key]
        for question in (exchange(witness, on(name, key)), exchange(on(name, key), witness)):
            replies, counted = measured.ask(question)
            assert question.tally(replies) == counted, (key, replies)


@pytest.mark.parametrize("policy", ["allkeys-lfu", "allkeys-lru"])
def test_the_tally_of_object_holds_under_every_policy(measured: Measured, server: Server, policy: str) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", policy)
    for name in ("object|freq", "object|idletime"):
        for key in [*KEYS, *MISSING]:
            question = exchange(on(name, key))
            replies, counted = measured.ask(question)
            assert question.tally(replies) == counted, (key, replies)


@pytest.mark.parametrize("name", WITHOUT_A_KEY)
def test_what_looks_at_no_key_counts_nothing(measured: Measured, name: str) -> None:
    question = exchange(WITHOUT_A_KEY[name])
    replies, counted = measured.ask(question)
    assert question.tally(replies) == counted == (0, 0)
    assert question.calls == {name: 1}


def test_several_streams_are_read_and_counted_at_once(measured: Measured) -> None:
    commands: list[Command] = [
        [b"XREAD", b"COUNT", 2, b"STREAMS", b"stream", b"9-9"],
        [b"XREAD", b"STREAMS", b"stream", b"other stream", b"0", b"0"],
        [b"xread", b"streams", b"other stream", b"stream", b"9-9", b"0"],
    ]
    for command in commands:
        question = exchange(command)
        replies, counted = measured.ask(question)
        assert question.tally(replies) == counted


@pytest.mark.parametrize("witness", [(b"TYPE",), (b"XINFO", b"STREAM"), (b"XINFO", b"GROUPS"), (b"PTTL",)])
@pytest.mark.parametrize("missing", [b"missing", b"STREAMS", b""])
def test_an_empty_range_or_read_is_counted_right_when_another_reply_says_the_key_is_gone(
    measured: Measured, witness: tuple[bytes, ...], missing: bytes
) -> None:
    for asked in (
        [b"XRANGE", missing, b"-", b"+"],
        [b"XREVRANGE", missing, b"+", b"-"],
        [b"XREAD", b"STREAMS", missing, b"0"],
        [b"XREAD", b"COUNT", b"5", b"STREAMS", b"stream", missing, b"empty stream", b"0", b"0", b"0"],
        [b"XREVRANGE", b"empty stream", b"+", b"-"],
    ):
        question = exchange(asked, [*witness, missing])
        replies, counted = measured.ask(question)
        assert question.tally(replies) == counted, asked


def test_without_such_a_witness_a_missing_stream_counts_as_found() -> None:
    assert exchange([b"XREAD", b"STREAMS", b"gone", b"0"]).tally([None]) == (2, 0)
    assert exchange([b"XRANGE", b"gone", b"-", b"+"]).tally([[]]) == (1, 0)


def test_a_refused_command_counts_nothing(server: Server) -> None:
    server.ask_all([*FILL, ("ACL", "SETUSER", "default", "-type", "-pttl", "-@stream")])
    measured = Measured(server)
    question = exchange(
        [b"TYPE", b"string"],
        [b"PTTL", b"string"],
        [b"XINFO", b"STREAM", b"stream"],
        [b"XINFO", b"GROUPS", b"missing"],
        [b"XRANGE", b"stream", b"-", b"+"],
        [b"XREAD", b"STREAMS", b"stream", b"0"],
    )
    replies, counted = measured.ask(question)
    assert {reply.code for reply in replies} == {"NOPERM"}
    assert question.tally(replies) == counted == (0, 0)
    keys = KeyQuestions(memory=True).exchange([b"string", b"missing"])
    replies, counted = measured.ask(keys)
    assert keys.tally(replies) == counted == (0, 0)
    measured.close()


ODD_KEYS = [b"", b"\r\n", b"a\r\n$3\r\nfoo\r\n", b"*1\r\n$8\r\nFLUSHALL\r\n", bytes(range(256)), b"\xff", b"x" * 70_000]


@pytest.mark.parametrize("memory", [True, False])
def test_questions_about_keys_of_any_bytes_reach_exactly_these_keys(server: Server, memory: bool) -> None:
    server.ask_all([("SET", key, "x", "PX", 1_000_000 + n) for n, key in enumerate(ODD_KEYS)])
    measured = Measured(server)
    questions = KeyQuestions(memory=memory)
    asked = questions.exchange(ODD_KEYS, [b"DBSIZE"])
    replies, counted = measured.ask(asked)
    count = len(ODD_KEYS)
    assert replies[:count] == [b"string"] * count
    assert all(900_000 < ttl <= 1_000_000 + n for n, ttl in enumerate(replies[count : 2 * count]))
    if memory:
        sizes = replies[2 * count : 3 * count]
        assert all(size > len(key) for size, key in zip(sizes, ODD_KEYS, strict=True))
    assert replies[-1] == count
    assert asked.tally(replies) == counted == (2 * count, 0)
    assert asked.calls == dict.fromkeys(questions.names, count) | {"dbsize": 1}
    measured.close()


def test_keys_that_are_gone_by_now_are_counted_as_misses(measured: Measured) -> None:
    keys = [b"string", b"missing", b"hash", b"gone too", b"mortal"]
    asked = KeyQuestions(memory=True).exchange(keys, [b"SCAN", b"0"])
    replies, counted = measured.ask(asked)
    assert replies[: len(keys)] == [b"string", b"none", b"hash", b"none", b"string"]
    assert asked.tally(replies) == counted == (6, 4)


def test_types_alone_are_counted_as_one_look_per_key(measured: Measured) -> None:
    asked = KeyQuestions(memory=False, ttl=False).exchange([b"string", b"missing", b"stream"], [b"SCAN", b"0"])
    replies, counted = measured.ask(asked)
    assert replies[:3] == [b"string", b"none", b"stream"]
    assert asked.tally(replies) == counted == (2, 1)


def test_a_scan_that_picks_streams_counts_nothing_on_valkey_9(valkey: Server) -> None:
    """Older servers count every key they pass, and do not say how many: there it must not be used."""
    valkey.ask_all(FILL)
    measured = Measured(valkey)
    question = exchange([b"SCAN", b"0", b"TYPE", b"stream", b"COUNT", 1000])
    replies, counted = measured.ask(question)
    assert sorted(replies[0][1]) == [b"empty stream", b"other stream", b"stream"]
    assert question.tally(replies) == counted == (0, 0)
    measured.close()


def test_other_commands_beside_the_keys_are_counted_too(measured: Measured) -> None:
    asked = KeyQuestions(memory=False).exchange([b"string"], [b"TYPE", b"hash"], [b"PTTL", b"missing"])
    replies, counted = measured.ask(asked)
    assert asked.tally(replies) == counted == (3, 1)


def test_no_keys_need_no_questions() -> None:
    asked = KeyQuestions(memory=True).exchange([], [b"DBSIZE"])
    assert (asked.payload, asked.expected) == (exchange([b"DBSIZE"]).payload, 1)
    assert KeyQuestions(memory=True).exchange([]).expected == 0


def test_keys_are_packed_as_one_command_after_another() -> None:
    packed = KeyQuestions(memory=True).exchange(ODD_KEYS, [b"DBSIZE"])
    heads = ([b"TYPE"], [b"PTTL"], [b"MEMORY", b"USAGE"])
    single = exchange(*([*head, key] for head in heads for key in ODD_KEYS), [b"DBSIZE"])
    assert packed.payload == single.payload
    assert packed.expected == single.expected
    assert {name: count for name, count in packed.calls.items() if count} == single.calls


@pytest.mark.parametrize(
    "command",
    [
        [b"SET", b"k", b"v"],
        [b"set", b"k", b"v"],
        [b"DEL", b"k"],
        [b"UNLINK", b"k"],
        [b"KEYS", b"*"],
        [b"FLUSHALL"],
        [b"EVAL", b"return 1", 0],
        [b"CONFIG", b"GET", b"*"],
        [b"MONITOR"],
        [b"DEBUG", b"SLEEP", b"10"],
        [b"CLIENT", b"KILL", b"TYPE", b"normal"],
        [b"CLIENT"],
        [b"MEMORY", b"PURGE"],
        [b"XINFO"],
        [b"AUTH", b"secret"],
        [b"HELLO", 3],
        [b"XREADGROUP", b"GROUP", b"g", b"c", b"STREAMS", b"s", b">"],
        [b"\xff\xfe"],
        [b"PING\r\nFLUSHALL"],
    ],
)
def test_a_command_that_is_not_on_the_list_is_never_packed(command: Command) -> None:
    with pytest.raises(NotAllowedError):
        exchange(command)
    with pytest.raises(NotAllowedError):
        exchange([b"PING"], command)
    with pytest.raises(NotAllowedError):
        KeyQuestions(memory=True).exchange([b"key"], command)


def test_no_command_on_the_list_writes(server: Server) -> None:
    known = set(READS) - set(OF_SENTINELS)
    names = sorted({name.split("|")[0] for name in known} | known | {"set"})
    infos = server.ask_all([("COMMAND", "INFO", name) for name in names])
    flags = {name: info[0][2] for name, info in zip(names, infos, strict=True) if info and info[0]}
    assert {name.split("|")[0] for name in known} - NEWER <= set(flags), "it must know at least the containers"
    assert [name for name, its in flags.items() if b"write" in its] == ["set"]


def test_containers_are_named_with_their_second_word() -> None:
    assert name_of([b"memory", b"usage", b"k"]) == "memory|usage"
    assert name_of([b"TYPE", b"USAGE"]) == "type"
    assert {name.split("|")[0].upper().encode() for name in (*READS, *WRITES) if "|" in name} == CONTAINERS


@pytest.mark.parametrize("word", [b"SUBSCRIBE", b"PSUBSCRIBE", b"subscribe"])
def test_listening_is_packed_for_a_connection_of_its_own_only(word: bytes) -> None:
    with pytest.raises(NotAllowedError):
        exchange([word, b"channel"])
    packed = subscription([b"\r\n", b"chat"], [b"flow:*"])
    one = b"*3\r\n$9\r\nSUBSCRIBE\r\n$2\r\n\r\n\r\n$4\r\nchat\r\n"
    assert packed.payload == one + b"*2\r\n$10\r\nPSUBSCRIBE\r\n$6\r\nflow:*\r\n"
    assert packed.calls == {"subscribe": 1, "psubscribe": 1}
    assert subscription([]).payload == b""
