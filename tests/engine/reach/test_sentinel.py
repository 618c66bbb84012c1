"""A primary that sentinels guard: found, followed through failovers, and its replica watched."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from tests.cluster import Sentinels
from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.commands import exchange
from tui.engine.failure import Kind, Unavailable
from tui.engine.node import Phase
from tui.engine.session import Session
from tui.engine.survey import Survey
from tui.engine.writer import writer

PROMISED = 1.0
"""Seconds after Sentinel's own change that redtop may take to follow."""


def at(server: Server, **how: object) -> Address:
    return Address(HOST, server.port, **how)  # type: ignore[arg-type]


def follows(session: Session, server: Server) -> bool:
    (node,) = session.deployment.nodes
    return node.address.port == server.port and node.state.phase is Phase.LIVE


def sentence(session: Session) -> str:
    failure = session.deployment.state.worst.failure
    return failure.sentence if failure else ""


async def test_a_failover_is_followed_within_a_second_and_the_keys_are_read_from_the_start(
    sentinels: Sentinels, open_session: Open, until: Until
) -> None:
    old = sentinels.primary
    old.ask_all([("SET", f"user:{number}", "x") for number in range(3_000)])
    session = open_session(old, at(sentinels.sentinels[0]))
    survey = session.of(Survey)
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        assert session.deployment.state.kind == "sentinel"
        assert session.deployment.state.label == f"mymaster at {HOST}:{old.port}"
        new = await asyncio.to_thread(sentinels.failover)
        changed = time.monotonic()
        await until(lambda: follows(session, new))
        assert time.monotonic() - changed < PROMISED
        await until(lambda: survey.feed.latest and survey.feed.latest.restarted)
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
    assert survey.feed.latest is not None
    assert survey.feed.latest.dbsize == 3_000
    assert session.deployment.refusal is None, "it is a primary now"


async def test_a_crash_of_the_primary_and_of_the_sentinel_that_was_asked_is_survived(
    sentinels: Sentinels, open_session: Open, until: Until
) -> None:
    old, heir = sentinels.primary, sentinels.replica
    session = open_session(old, at(sentinels.sentinels[0], sentinel="mymaster"))
    await until(lambda: follows(session, old))
    sentinels.sentinels[0].kill()
    old.freeze()  # neither a reply nor an end of the connection
    await until(lambda: sentinels.primary is heir)
    changed = time.monotonic()
    await until(lambda: follows(session, heir))
    assert time.monotonic() - changed < PROMISED + 0.5, "and half a second to give up the sentinel"
    assert (await session.deployment.ask(exchange([b"TYPE", b"nothing"]))).replies == [b"none"]
    old.thaw()


async def test_passwords_go_to_whom_they_are_for_and_a_replica_is_only_read(open_session: Open, until: Until) -> None:
    with Sentinels(password="secret") as sentinels:
        first = sentinels.sentinels[0]
        primary = sentinels.primary
        # The sentinels want no password, and refuse one; that must not end it.
        for address in (at(first, password="secret"), at(first, password="secret", db=2, sentinel="mymaster")):
            session = open_session(primary, address)
            await until(partial(follows, session, primary))
        wrong = open_session(primary, at(first, password="wrong"))
        await until(lambda: wrong.deployment.state.worst.phase is Phase.REFUSED)
        assert sentence(wrong) == f"{HOST}:{primary.port} does not accept the password for the default user"

        watching = open_session(primary, at(first, password="secret", replica=True))
        await until(lambda: follows(watching, sentinels.replica))
        assert watching.deployment.refusal == "this server is a replica: write to its primary"
        with pytest.raises(Unavailable) as refused:
            async with writer(watching.deployment.nodes[0]):
                pass
        assert refused.value.failure.kind is Kind.READ_ONLY


async def test_when_it_is_not_clear_which_primary_one_sentence_says_what_to_do(
    sentinels: Sentinels, open_session: Open, until: Until, valkey: Server
) -> None:
    first = sentinels.sentinels[0]

    async def said(address: Address) -> str:
        session = open_session(first, address)
        await until(lambda: session.deployment.state.worst.phase is Phase.REFUSED)
        return sentence(session)

    place = f"the Sentinel at {HOST}:{first.port}"
    assert await said(at(first, sentinel="other")) == f"{place} knows no primary other: it knows mymaster"
    assert first.ask("SENTINEL", "MONITOR", "second", HOST, valkey.port, 2) == b"OK"
    assert await said(at(first)) == f"{place} watches 2 primaries: choose with --sentinel mymaster | second"
    for name in ("mymaster", "second"):
        first.ask("SENTINEL", "REMOVE", name)
    assert await said(at(first)) == f"{place} watches no primary"
    assert "is no Sentinel" in await said(at(valkey, sentinel="mymaster"))
    assert "--replica" in await said(at(valkey, replica=True))
