"""Who is connected: the servers' own lists, merged, and how often it is asked for."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.clients import ClientList, Clients
from tui.engine.session import Session
from tui.words.clientrows import below_of, client_lines, client_rows, is_trouble, notes_of, ordered


def latest(session: Session) -> Clients:
    listed = session.of(ClientList).feed.latest
    assert listed is not None
    return listed


def named(session: Session, name: bytes) -> bool:
    listed = session.of(ClientList).feed.latest
    return listed is not None and any(one.name == name for one in listed.clients)


def wire(server: Server, *commands: tuple[str | int, ...]) -> closing[Wire]:
    client = Wire(HOST, server.port)
    client.ask(commands)
    return closing(client)


async def test_every_client_is_listed_with_what_it_does(server: Server, open_session: Open, until: Until) -> None:
    session = open_session(server)
    with wire(server, ("CLIENT", "SETNAME", "worker"), ("SELECT", 3), ("GET", "a")), ExitStack() as held:
        held.enter_context(session.of(ClientList).feed.hold())
        await until(lambda: named(session, b"worker"))
        listed = latest(session)
    worker = next(one for one in listed.clients if one.name == b"worker")
    assert (worker.node, worker.own, worker.facts[b"db"], worker.facts[b"cmd"]) == (
        f"{HOST}:{server.port}",
        False,
        b"3",
        b"get",
    )
    assert worker.memory > 0
    assert [one.name for one in listed.clients if one.own] == [b"redtop"]
    assert (listed.nodes, listed.troubles) == (1, ())
    (row,) = client_rows([worker], several=False)
    assert [cell.plain for cell in row.cells][1:5] == ["worker", "default", "get", "–"]
    assert [
        (line[0][0].strip(), line[1][0]) for line in client_lines(worker) if line[0][0].strip() in {"name", "db"}
    ] == [("name", "worker"), ("db", "3")]


async def test_who_takes_no_replies_comes_first(valkey: Server, open_session: Open, until: Until) -> None:
    valkey.ask("SET", "big", b"x" * (4 << 20))
    session = open_session(valkey)
    with (
        wire(valkey, ("CLIENT", "SETNAME", "busy")),
        wire(valkey, ("CLIENT", "SETNAME", "deaf")) as deaf,
        session.of(ClientList).feed.hold(),
    ):
        deaf._socket.sendall(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n" * 20)
        await until(lambda: any(is_trouble(one) for one in latest(session).clients) if named(session, b"deaf") else 0)
        listed = latest(session)
    for order in ("memory", "idle", "age", "client"):
        first, *others = ordered(listed.clients, order)
        assert first.name == b"deaf", order
        assert not any(map(is_trouble, others))
    assert client_rows([first], several=False)[0].cells[4].plain == "▲ slow"
    assert list(notes_of(listed, 3, filtered=False)) == [str(len(listed.clients)), ("▲ 1", "$text-warning")]


async def test_the_nodes_of_a_cluster_are_merged_and_each_client_tells_its_node(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    session = open_session(cluster.nodes[0])
    with ExitStack() as held:
        for number, node in enumerate(cluster.nodes):
            held.enter_context(wire(node, ("CLIENT", "SETNAME", f"app-{number}")))
        held.enter_context(session.of(ClientList).feed.hold())
        await until(lambda: all(named(session, b"app-%d" % number) for number in range(3)))
        listed = latest(session)
    assert {one.name: one.node for one in listed.clients if one.name.startswith(b"app")} == {
        b"app-%d" % number: f"{HOST}:{node.port}" for number, node in enumerate(cluster.nodes)
    }
    assert listed.nodes == 3


async def test_whose_login_may_not_list_clients_is_told_which_rule_is_missing(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("ACL", "SETUSER", "eve", "on", ">pw", "~*", "+@all", "-client|list" if _fine(server) else "-client")
    session = open_session(server, Address(HOST, server.port, username="eve", password="pw"))
    with session.of(ClientList).feed.hold():
        await until(lambda: session.of(ClientList).feed.latest)
        assert latest(session).clients == ()
        assert latest(session).troubles == ("this user lacks +client|list (ACL)",)


def _fine(server: Server) -> bool:
    """Whether a rule may take a single subcommand away."""
    return server.generation != "redis-6.2"


async def test_a_crowd_is_counted_and_not_listed(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.clients.MOST", 3)
    session = open_session(valkey)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(wire(valkey))
        held.enter_context(session.of(ClientList).feed.hold())
        await until(lambda: session.of(ClientList).feed.latest)
    listed = latest(session)
    assert listed.troubles == (f"4 clients at {HOST}:{valkey.port}: listing them would hold it up",)
    assert list(notes_of(listed, 0, filtered=False)) == [(listed.troubles[0], "$text-warning")]
    assert "cmdstat_client|list" not in valkey.ask("INFO", "commandstats").decode()


async def test_a_long_list_is_asked_for_seldom(
    valkey: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.clients.PER_CLIENT", 1.0)
    session = open_session(valkey)
    collector = session.of(ClientList)
    with collector.feed.hold():
        await until(lambda: collector.feed.latest)
        assert latest(session).every == 30.0
        assert below_of(latest(session)).endswith("listed every 30s")
        asked = valkey.ask("INFO", "commandstats")
        for _ in range(5):
            session.pace.nudge()
            await session.clock.sleep(0.02)
    assert b"cmdstat_client|list:calls=1," in asked
    assert b"cmdstat_client|list:calls=1," in valkey.ask("INFO", "commandstats"), "also when a person presses r"
