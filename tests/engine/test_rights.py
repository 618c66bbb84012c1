"""What is refused is asked once on a connection, however many keys the question is about; the books stay right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.commands import KeyQuestions, exchange
from tui.engine.failure import ReplyError
from tui.engine.node import Node, Phase
from tui.engine.purge.packing import each, joined, tails_of
from tui.engine.rights import is_refusal

KEYS = [b"key:%d" % number for number in range(100)]


def refused(server: Server) -> dict[str, int]:
    """How often the server has refused what."""
    entries = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in server.ask("ACL", "LOG")]
    return {entry[b"object"].decode(): entry[b"count"] for entry in entries}


@pytest.fixture
async def node(server: Server, open_session: Open, until: Until) -> Node:
    """A node whose user may not ask for sizes and TTLs, on a server with a hundred keys."""
    server.ask_all([("SET", key, "x") for key in KEYS])
    assert (
        server.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "&*", "+@all", "-memory", "-pttl", "-dbsize") == b"OK"
    )
    session = open_session(server, Address(HOST, server.port, username="half", password="pw"))
    found: Node = session.deployment.nodes[0]
    await until(lambda: found.state.phase is Phase.LIVE)
    return found


QUESTIONS: dict[str, Callable[[], Any]] = {
    "a page of the survey": lambda: KeyQuestions(memory=True).exchange(KEYS, [b"DBSIZE"]),
    "a page of a purge": lambda: joined(
        each((b"TYPE",), tails_of(KEYS)),
        each((b"PTTL",), tails_of(KEYS)),
        each((b"MEMORY", b"USAGE"), tails_of(KEYS)),
        exchange([b"DBSIZE"]),
    ),
    "commands one by one": lambda: exchange(
        *([b"TYPE", key] for key in KEYS),
        *([b"PTTL", key] for key in KEYS),
        *([b"MEMORY", b"USAGE", key] for key in KEYS),
        [b"DBSIZE"],
    ),
}


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_a_question_about_many_keys_is_refused_once_and_answered_in_order(
    server: Server, node: Node, kind: str
) -> None:
    before = server.stats()
    for _ in range(3):
        replies = (await node.ask(QUESTIONS[kind]())).replies
        assert replies[:100] == [b"string"] * 100
        assert {reply.code for reply in replies[100:]} == {"NOPERM"}
        assert len(replies) == 301
    counts = refused(server)
    assert set(counts.values()) == {1}
    assert {name.split("|")[0] for name in counts} == {"dbsize", "memory", "pttl"}
    assert server.stats()["keyspace_hits"] - before["keyspace_hits"] == node.footprint.hits
    assert node.footprint.misses == 0


async def test_who_goes_away_before_the_answer_has_learned_for_the_next(server: Server, node: Node) -> None:
    for _ in range(5):
        asking = asyncio.create_task(node.ask(exchange([b"DBSIZE"])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
    await node.ask(exchange([b"DBSIZE"]))
    assert refused(server) == {"dbsize": 1}


async def test_two_that_ask_at_the_same_time_are_refused_once(server: Server, node: Node) -> None:
    await asyncio.gather(*(node.ask(exchange([b"DBSIZE"])) for _ in range(20)))
    assert refused(server) == {"dbsize": 1}


async def test_what_is_all_refused_goes_nowhere(server: Server, node: Node) -> None:
    await node.ask(exchange([b"DBSIZE"]))
    sent = node.footprint.commands
    (reply,) = (await node.ask(exchange([b"DBSIZE"]))).replies
    assert isinstance(reply, ReplyError)
    assert reply.code == "NOPERM"
    assert node.footprint.commands == sent


async def test_after_forgetting_and_after_a_new_login_it_is_asked_again(
    server: Server, node: Node, until: Until
) -> None:
    await node.ask(exchange([b"DBSIZE"]))
    server.ask("ACL", "SETUSER", "half", "+dbsize")
    assert isinstance((await node.ask(exchange([b"DBSIZE"]))).replies[0], ReplyError)
    node.rights.forget()
    assert (await node.ask(exchange([b"DBSIZE"]))).replies == [100]
    server.ask("ACL", "SETUSER", "half", "-dbsize")
    assert isinstance((await node.ask(exchange([b"DBSIZE"]))).replies[0], ReplyError), "rules can go as well"
    server.ask("ACL", "SETUSER", "half", "+dbsize")
    connections = node.connections
    server.ask("CLIENT", "KILL", "USER", "half")
    await until(lambda: node.connections > connections)
    assert (await node.ask(exchange([b"DBSIZE"]))).replies == [100]


async def test_keys_that_may_not_be_read_are_no_reason_to_stop_asking(server: Server, node: Node) -> None:
    server.ask("ACL", "SETUSER", "half", "resetkeys", "~key:1*")
    for _ in range(2):
        replies = (await node.ask(KeyQuestions(memory=False, ttl=False).exchange(KEYS))).replies
        assert sum(reply == b"string" for reply in replies) == 11
        assert sum(isinstance(reply, ReplyError) for reply in replies) == 89


async def test_a_command_that_the_server_does_not_know_is_asked_once(server: Server, node: Node) -> None:
    server.ask("CONFIG", "RESETSTAT")
    replies = [(await node.ask(exchange([b"CLUSTER", b"SLOT-STATS"]))).replies[0] for _ in range(3)]
    assert all(isinstance(reply, ReplyError) for reply in replies)
    if is_refusal(replies[0]):  # not where it is known, and only switched off
        assert server.stats()["total_error_replies"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOPERM User half has no permissions to run the 'dbsize' command", True),
        ("NOPERM this user has no permissions to run the 'memory' command or its subcommand", True),
        ("NOPERM No permissions to access a key", False),
        ("NOPERM this user has no permissions to access one of the keys used as arguments", False),
        ("NOPERM No permissions to access a channel", False),
        ("ERR unknown command 'memory', with args beginning with: 'usage' 'secret' ", True),
        ("ERR unknown subcommand 'no-touch'. Try CLIENT HELP.", True),
        ("ERR Unknown subcommand or wrong number of arguments for 'NO-TOUCH'. Try CLIENT HELP.", True),
        ("ERR no such key", False),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("LOADING Redis is loading the dataset in memory", False),
    ],
)
def test_a_refusal_is_of_the_command_not_of_the_key(text: str, expected: bool) -> None:
    assert is_refusal(ReplyError(text)) is expected


def test_anything_else_is_no_refusal() -> None:
    assert not is_refusal(b"NOPERM")
    assert not is_refusal(None)
