"""Rules for ACL users, made of the gateway's lists: what each is for, and what each server takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.servers import Server
from tui.engine.commands import LISTENS, READS, WRITES, Purpose, purposes_of
from tui.engine.rules import (
    SINCE,
    RulesError,
    Wanted,
    beginning,
    quoted,
    rules_for,
    server_of,
    tells_apart,
    unknown_to,
    user_of,
)

CHANGES = [Purpose.PURGE, Purpose.REVOKE, Purpose.EDIT, Purpose.STREAMS]


def commands(*purposes: Purpose, server: str | None = None, db: int = 0) -> set[str]:
    place = None if server is None else server_of(server)
    return set(rules_for(Wanted(frozenset(purposes), server=place, db=db)).commands)


def test_every_command_that_can_be_sent_is_for_something() -> None:
    for name in (*READS, *WRITES, *LISTENS):
        assert purposes_of(name) <= set(Purpose)
        assert purposes_of(name)
    with pytest.raises(KeyError):
        purposes_of("flushall")


def test_watching_writes_nothing_and_whatever_writes_is_for_a_change() -> None:
    assert not {f"+{name}" for name in WRITES} & commands(Purpose.CLUSTER)
    assert all(purposes_of(name) <= set(CHANGES) for name in WRITES)
    written = set().union(*(commands(purpose) for purpose in CHANGES))
    assert {f"+{name}" for name in WRITES} <= written


def test_every_kind_but_that_of_a_sentinel_may_watch_too() -> None:
    for purpose in Purpose:
        assert (commands() <= commands(purpose)) is (purpose is not Purpose.SENTINEL)
    assert commands(Purpose.PURGE, Purpose.REVOKE) == commands(Purpose.PURGE) | commands(Purpose.REVOKE)


def test_a_sentinel_is_given_nothing_else() -> None:
    rules = rules_for(Wanted(frozenset({Purpose.SENTINEL}), db=3))
    assert rules.keys == rules.channels == ()
    assert all(rule.startswith("+sentinel|") for rule in rules.commands)
    with pytest.raises(RulesError, match="of its own"):
        rules_for(Wanted(frozenset({Purpose.SENTINEL, Purpose.PURGE})))


@pytest.mark.parametrize(
    ("server", "unknown"),
    [
        ("redis-6.2.14", {"+client|no-touch", "+hpttl", "+pexpiretime"}),
        ("redis-7.0", {"+client|no-touch", "+hpttl"}),
        ("redis-7.2.5", {"+hpttl"}),
        ("valkey-7.2", {"+hpttl"}),
        ("valkey-8.1", {"+hpttl"}),
        ("redis-7.4", set()),
        ("redis 8", set()),
        ("Valkey 9.0.1", set()),
    ],
)
def test_older_servers_are_spared_what_they_do_not_know(server: str, unknown: set[str]) -> None:
    assert commands(Purpose.PURGE) - commands(Purpose.PURGE, server=server) == unknown
    assert {f"+{name}" for name in unknown_to(server_of(server), [Purpose.PURGE])} == unknown


def test_what_a_server_is_said_to_know_it_knows(server: Server) -> None:
    asked = [name.split("|") for name in SINCE]
    if server.generation == "redis-6.2":  # which tells nothing of second words
        asked = [words for words in asked if len(words) == 1]
    infos = server.ask_all([("COMMAND", "INFO", "|".join(words)) for words in asked])
    unknown = {"|".join(words) for words, info in zip(asked, infos, strict=True) if not info or info[0] is None}
    said = set(unknown_to(server_of(str(server.product)), [Purpose.CLUSTER, *CHANGES]))
    assert {name for name in said if name.split("|") in asked} == unknown


def test_reading_is_told_from_writing_where_the_server_can() -> None:
    def keys(purpose: Purpose, server: str, *changes: bytes) -> Sequence[bytes]:
        return rules_for(Wanted(frozenset({purpose}), server=server_of(server), changes=changes)).keys

    assert keys(Purpose.WATCH, "redis-7.0") == keys(Purpose.CLUSTER, "valkey-8") == (b"%R~*",)
    assert keys(Purpose.WATCH, "redis-6.2") == keys(Purpose.PURGE, "redis-6.2") == (b"~*",)
    assert keys(Purpose.PURGE, "redis-7.0") == (b"~*",)
    assert keys(Purpose.PURGE, "redis-7.0", b"cache:*", b"tmp:*") == (b"%R~*", b"~cache:*", b"~tmp:*")
    assert not tells_apart(server_of("redis-6.2"))
    with pytest.raises(RulesError, match="cannot tell reading a key from changing it"):
        keys(Purpose.PURGE, "redis-6.2", b"cache:*")


def test_selecting_is_for_databases_other_than_the_first() -> None:
    assert commands(db=3) - commands() == {"+select"}


@pytest.mark.parametrize(
    "prefix", [b"cache:", b"user[1]:", b"a*b?c", b"back\\slash", b'"quoted"', b"two words", b"\xff\x00\r\n", b"it's"]
)
def test_a_pattern_of_any_bytes_fits_the_keys_that_begin_so_and_hardly_more(server: Server, prefix: bytes) -> None:
    """What no pattern can hold (blanks, zero) fits any one byte there."""
    if not tells_apart(server_of(str(server.product))):
        pytest.skip("this server knows no such patterns")
    wanted = Wanted(frozenset({Purpose.PURGE}), "half", server_of(str(server.product)), 0, [beginning(prefix)])
    words = tuple(b">pw" if word == b">PASSWORD" else word for word in rules_for(wanted).words)
    assert server.ask(*words) == b"OK"
    server.ask("ACL", "SETUSER", "half", "+set", "+auth")
    server.ask("ACL", "SETUSER", "half", "+acl|whoami")
    replies = server.ask_all(
        [("AUTH", "half", "pw"), *[("SET", key, "x") for key in (prefix + b"1", prefix, b"other")]]
    )
    assert replies[:3] == [b"OK"] * 3
    assert "NOPERM" in str(replies[3])


@pytest.mark.parametrize("word", [b"plain:*", b'"', b"'", b"\\", b"\xff\x00\n", b"", b"a b", "käse".encode()])
def test_a_quoted_word_is_one_line_of_ascii(word: bytes) -> None:
    text = quoted(word)
    assert text.isascii()
    assert text.isprintable()
    assert (text == word.decode("latin-1")) is (word == b"plain:*")


@pytest.mark.parametrize("text", ["", "redis", "7.0", "redis-x", "memcached-1", "redis-7.0.0.0.0"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(RulesError):
        server_of(text)


@pytest.mark.parametrize("name", ["", "a b", "a\n", "\0"])
def test_what_can_be_no_user_is_refused(name: str) -> None:
    with pytest.raises(RulesError):
        user_of(name)
