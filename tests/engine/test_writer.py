"""Changes: a connection of their own, one server process, never twice, and only where writing is allowed."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Open, Until
from tests.proxy import Proxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.commands import NotAllowedError, exchange
from tui.engine.failure import Kind, Unavailable
from tui.engine.node import Node, Phase
from tui.engine.session import Session
from tui.engine.vitals import Pulse
from tui.engine.writer import writer


async def live(session: Session, until: Until) -> Node:
    node = session.deployment.nodes[0]
    await until(lambda: node.state.phase is Phase.LIVE)
    return node


async def test_a_change_happens_once_on_a_connection_of_its_own(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("SET", "a", "x"), ("SET", "b", "x")])
    node = await live(open_session(server), until)
    async with writer(node) as pen:
        assert await pen.ask([b"UNLINK", b"a"]) == [1]
        names = server.ask("CLIENT", "LIST").decode()
        assert "name=redtop-writer" in names
        assert "name=redtop " in names
    assert server.ask("EXISTS", "a", "b") == 1


async def test_nothing_is_written_in_a_read_only_session(server: Server, open_session: Open, until: Until) -> None:
    node = await live(open_session(server, read_only="because I say so"), until)
    with pytest.raises(Unavailable, match="because I say so") as refused:
        async with writer(node):
            pytest.fail("it must not even connect")
    assert refused.value.failure.kind is Kind.READ_ONLY
    assert "redtop-writer" not in server.ask("CLIENT", "LIST").decode()


async def test_a_primary_that_became_a_replica_is_not_written_to(
    server: Server, open_session: Open, until: Until
) -> None:
    session = open_session(server)
    node = await live(session, until)
    async with writer(node) as pen:
        server.ask("REPLICAOF", HOST, 1)
        session.of(Pulse)
        await until(lambda: session.deployment.refusal)
        assert session.deployment.state.identity is not None
        assert session.deployment.state.identity.role == "replica"
        with pytest.raises(Unavailable, match="replica"):
            await pen.ask([b"UNLINK", b"a"])
    with pytest.raises(Unavailable, match="replica"):
        async with writer(node):
            pytest.fail("a replica must be refused")
    server.ask("REPLICAOF", "NO", "ONE")
    await until(lambda: not session.deployment.refusal)


async def test_another_server_process_is_refused(valkey: Server, open_session: Open, until: Until) -> None:
    node = await live(open_session(valkey), until)
    with pytest.raises(Unavailable, match="another server process") as refused:
        async with writer(node, run_id="0" * 40):
            pytest.fail("it must be refused")
    assert refused.value.failure.kind is Kind.CHANGED


async def test_an_answer_that_never_comes_is_unknown_and_nothing_is_sent_again(
    valkey: Server, open_session: Open, until: Until
) -> None:
    async with Proxy(valkey.port) as proxy:
        node = await live(open_session(valkey, Address(HOST, proxy.port)), until)
        async with writer(node) as pen:
            proxy.stall()
            with pytest.raises(Unavailable) as lost:
                await pen.ask([b"RENAMENX", b"a", b"b"], patience=0.05)
            assert lost.value.failure.kind is Kind.TIMEOUT
            with pytest.raises(Unavailable):
                await pen.ask([b"RENAMENX", b"a", b"b"])
    assert "cmdstat_renamenx" not in valkey.ask("INFO", "commandstats").decode()


async def test_what_a_writer_reads_is_taken_out_of_the_hit_rate(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("SET", f"k:{n}", "x") for n in range(500)])
    session = open_session(server)
    pulse = session.of(Pulse)
    node = await live(session, until)
    dumps = [[b"DUMP", b"k:%d" % (n % 700)] for n in range(1000)]
    async with writer(node) as pen:
        for _ in range(30):
            await pen.ask(*dumps)
            await asyncio.sleep(0)
    await pulse.take()
    vitals = await pulse.take()
    assert vitals.totals.reads == 0
    assert all(sample.hit_rate is None for sample in vitals.history)


@pytest.mark.parametrize("words", [[b"DEL", b"k"], [b"FLUSHALL"], [b"SET", b"k", b"v"], [b"EVAL", b"x", 0]])
async def test_even_a_writer_sends_only_what_is_on_its_list(
    valkey: Server, open_session: Open, until: Until, words: list[bytes | int]
) -> None:
    node = await live(open_session(valkey), until)
    async with writer(node) as pen:
        with pytest.raises(NotAllowedError):
            await pen.ask(words)


def test_without_a_permit_no_change_can_be_packed() -> None:
    with pytest.raises(NotAllowedError):
        exchange([b"UNLINK", b"k"])
