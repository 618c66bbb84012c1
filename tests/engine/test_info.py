"""INFO of real servers, and of things that only pretend to be one."""

from __future__ import annotations

import pytest

from tests.servers import Server
from tui.engine.info import Identity, Info
from tui.engine.printable import is_safe


def test_a_real_server_is_known(server: Server) -> None:
    info = Info(server.ask("INFO"))
    identity = info.identity
    assert identity.product == server.product.name
    assert identity.version_tuple[:2] == server.product.version, "not the Redis that it stands in for"
    assert len(identity.version_tuple) >= 3
    assert len(identity.run_id) == 40
    assert identity.role == "primary"
    assert identity.uptime >= 0


def test_what_the_vitals_need_is_told_by_every_generation(server: Server) -> None:
    info = Info(server.ask("INFO"))
    for name in ("used_memory", "used_memory_rss", "used_memory_peak", "maxmemory", "connected_clients"):
        assert info.integer(name) is not None, name
    for name in ("keyspace_hits", "keyspace_misses", "total_commands_processed", "evicted_keys", "expired_keys"):
        assert info.integer(name) is not None, name
    assert info.real("mem_fragmentation_ratio") is not None
    assert info.text("maxmemory_policy") == "noeviction"


def test_a_replica_is_known_as_one(server: Server) -> None:
    server.ask("REPLICAOF", "127.0.0.1", server.port)
    assert Info(server.ask("INFO")).identity.role == "replica"


def test_keys_are_told_by_database(server: Server) -> None:
    server.ask_all([("SET", "a", "x"), ("SET", "b", "x", "EX", 100), ("SELECT", 9), ("SET", "c", "x")])
    info = Info(server.ask("INFO"))
    assert info.databases == {0: 2, 9: 1}
    assert [info.keys(db) for db in (0, 9, 3)] == [2, 1, 0]
    assert Info(server.ask("INFO", "memory")).keys(0) is None, "sections without it do not say that there are none"


def test_commands_are_told_with_their_calls_and_time(server: Server) -> None:
    set_a = ("SET", "a", "x")
    server.ask_all([("CONFIG", "RESETSTAT"), set_a, set_a, set_a, ("CLIENT", "ID")])
    times = Info(server.ask("INFO", "commandstats")).command_times
    assert times["set"][0] == 3
    assert times["set"][1] >= 0
    assert times.get("client|id", times.get("client"))
    assert Info(server.ask("INFO")).command_times == {}


def test_the_three_looks_at_one_field_agree() -> None:
    info = Info(b"# Section\r\nnumber:42\r\nreal:1.5\r\nneg:-7\r\ntext:a:b:c\r\nempty:\r\n")
    assert (info.integer("number"), info.real("number"), info.text("number")) == (42, 42.0, "42")
    assert (info.integer("real"), info.real("real"), info.text("real")) == (None, 1.5, "1.5")
    assert (info.integer("neg"), info.text("text"), info.text("empty")) == (-7, "a:b:c", "")
    assert (info.integer("none"), info.real("none"), info.text("none"), info.text("# Section")) == (None,) * 4


JUNK = [
    b"",
    b"\x00\xff",
    b"no colon at all\r\n::::\r\n:\r\n\r\n\r\n",
    b"db0\r\ndb0:\r\ndb0:keys=\r\ndb1:keys=x,expires=1\r\ndbx:keys=1\r\ndb" + b"9" * 5000 + b":keys=1\r\n",
    b"db0:keys=" + b"9" * 5000,
    b"cmdstat_:\r\ncmdstat_x:calls=\r\ncmdstat_y:calls=a,usec=b\r\ncmdstat_z:=,=,=\r\ncmdstat_\xff\x1b:calls=1,usec=2\r\n",
    b"uptime_in_seconds:" + b"9" * 5000 + b"\r\nredis_version:" + b"9" * 5000,
    b"uptime_in_seconds:nan\r\nused_memory:1e9\r\nredis_version:7.\xc2\xb2.x-rc1..\r\n",
    b"run_id:\x1b]52;c;aGk=\x07\r\nserver_name:\x1b[31m\r\nvalkey_version:\x1b[2J\r\nrole:\xff\r\n",
]


@pytest.mark.parametrize("reply", JUNK)
def test_whatever_a_server_says_is_read_without_complaint(reply: bytes) -> None:
    info = Info(reply)
    assert all(0 <= keys < 2**64 for keys in info.databases.values())
    assert all(is_safe(name) for name in info.command_times)
    assert info.keys(0) is None
    assert all(0 <= part < 10**9 for part in info.identity.version_tuple)
    assert is_safe(f"{info.identity.product}{info.identity.version}{info.identity.run_id}{info.identity.role}")
    assert info.identity.uptime >= 0


@pytest.mark.parametrize("value", [b"nan", b"inf", b"-inf", b"1e999", b"0x10", b"1_000", b" 1", b"+1", b"--1", b"-"])
def test_what_is_no_number_is_not_told(value: bytes) -> None:
    info = Info(b"x:" + value)
    assert info.integer("x") is None
    assert info.real("x") in {None, 1.0, 1000.0}


@pytest.mark.parametrize(
    ("fields", "product", "version"),
    [
        (b"redis_version:7.2.4\r\nvalkey_version:9.1.2\r\nserver_name:valkey", "Valkey", "9.1.2"),
        (b"redis_version:7.2.4\r\nvalkey_version:7.2.5", "Valkey", "7.2.5"),
        (b"redis_version:6.2.14", "Redis", "6.2.14"),
        (b"redis_version:7.4.0\r\nserver_name:keydb", "Keydb", "7.4.0"),
        (b"", "Redis", "?"),
    ],
)
def test_products_go_by_their_own_name_and_version(fields: bytes, product: str, version: str) -> None:
    identity = Info(fields).identity
    assert (identity.product, identity.version) == (product, version)


def test_a_version_that_is_no_number_compares_as_the_oldest() -> None:
    assert Identity("", "Redis", "?", "primary", 0).version_tuple == ()
    assert Identity("", "Redis", "7.4-rc1", "primary", 0).version_tuple == (7,)
    assert () < (7, 2)
