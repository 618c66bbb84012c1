"""When a survey has to begin again, or to ask again: other servers, other roles, several nodes, new logins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.commands import Permit
from tui.engine.keyspace import Keyspace
from tui.engine.node import Node
from tui.engine.session import Options, Session
from tui.engine.survey import Survey
from tui.engine.vitals import Pulse

SLOW = 0.02
"""A share at which a pass over some ten thousand keys takes longer than a test looks."""


@pytest.fixture(autouse=True)
def _short_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.survey.BURST", 0.05)


def fill(server: Server, name: str, count: int) -> None:
    for start in range(0, count, 10_000):
        end = min(count, start + 10_000)
        server.ask_all([("SET", f"{name}:{number}", "x") for number in range(start, end)])


def picture(session: Session) -> Keyspace:
    latest = session.of(Survey).feed.latest
    assert latest is not None
    return latest


def counts(keyspace: Keyspace) -> dict[str, int]:
    return {family.pattern: family.keys for family in keyspace.families}


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Session, Server, Server]]:
    """A session on two servers that together hold a keyspace, and these."""
    with Server("valkey-9.1") as one, Server("redis-6.2") as two:
        session = Session(Address(HOST, one.port), Options(interval=0.05, scan_share=SLOW))
        deployment = session.deployment
        deployment.nodes = tuple(
            Node(Address(HOST, server.port), session.clock, Permit(), lambda: None) for server in (one, two)
        )
        task = asyncio.create_task(session.run())
        yield session, one, two
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_two_nodes_are_one_keyspace(pair: tuple[Session, Server, Server], until: Until) -> None:
    session, one, two = pair
    fill(one, "a", 3_000)
    fill(two, "a", 2_000)
    fill(two, "b", 1_000)
    survey = session.of(Survey)
    survey.share = 1.0
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
    assert counts(picture(session)) == {"a:{int}": 5_000, "b:{int}": 1_000}
    assert picture(session).dbsize == 6_000


async def test_when_one_node_restarts_all_begin_again_and_nothing_is_counted_twice(
    pair: tuple[Session, Server, Server], until: Until
) -> None:
    session, one, two = pair
    fill(one, "a", 30_000)
    fill(two, "b", 30_000)
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and {"a:{int}", "b:{int}"} <= counts(survey.feed.latest).keys())
        two.kill()
        await until(lambda: picture(session).failure)
        two.start()
        fill(two, "c", 10_000)
        await until(lambda: picture(session).restarted and not picture(session).failure)
        survey.share = 1.0
        await until(lambda: picture(session).complete)
    assert counts(picture(session)) == {"a:{int}": 30_000, "c:{int}": 10_000}


async def test_a_server_whose_role_changes_is_read_from_the_start(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, "a", 50_000)
    session = open_session(server, scan_share=SLOW)
    survey, pulse = session.of(Survey), session.of(Pulse)
    with survey.feed.hold(), pulse.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.scanned)
        connections = session.deployment.nodes[0].connections
        server.ask("REPLICAOF", HOST, "1")  # nobody answers there, so it keeps its keys
        await until(lambda: picture(session).restarted)
        assert picture(session).restarted == "the server has become a replica: its keys were read from the start"
        survey.share = 1.0
        await until(lambda: picture(session).complete)
    assert counts(picture(session)) == {"a:{int}": 50_000}
    assert session.deployment.nodes[0].connections == connections, "the connection was never lost"


async def test_after_a_reconnect_it_is_still_the_same_database(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, "a", 1_000)
    server.ask_all([("SELECT", "3"), *((("SET", f"job:{number}", "x")) for number in range(50))])
    session = open_session(server, Address(HOST, server.port, db=3))
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        before = picture(session).finished_at or 0.0
        server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(
            lambda: (picture(session).finished_at or 0.0) > before and session.deployment.nodes[0].connections > 1
        )
        await until(lambda: picture(session).failure is None)
    assert counts(picture(session)) == {"job:{int}": 50}
    assert picture(session).dbsize == server.ask_all([("SELECT", "3"), ("DBSIZE",)])[1] == 50


async def test_a_permission_that_was_granted_is_used_after_the_next_login(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server, "a", 500)
    assert server.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-memory") == b"OK"
    session = open_session(server, Address(HOST, server.port, username="probe", password="secret"))
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        assert "+memory|usage" in (picture(session).denied or "")
        server.ask("ACL", "SETUSER", "probe", "+memory")
        server.ask("CLIENT", "KILL", "USER", "probe")
        await until(lambda: picture(session).complete and picture(session).denied is None)
    assert all(family.bytes for family in picture(session).families)


async def test_after_a_change_of_a_persons_own_the_keys_are_counted_anew_at_once(
    valkey: Server, open_session: Open, until: Until
) -> None:
    valkey.ask_all([("SET", f"key:{number}", "x") for number in range(3000)])
    session = open_session(valkey, scan_share=None)
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        session.share.most = 0.0001  # the next pass would take minutes
        valkey.ask_all([("UNLINK", f"key:{number}") for number in range(1000)])
        survey.renew()
        await until(lambda: survey.feed.latest and survey.feed.latest.complete and survey.feed.latest.scanned == 2000)
    assert survey.feed.latest is not None
    assert survey.feed.latest.restarted is None
