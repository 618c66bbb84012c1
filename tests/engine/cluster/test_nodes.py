"""A real cluster: found through any node, routed by slot, followed through migrations, failovers and losses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import pytest

from tests.cluster import Cluster, wait_for
from tests.conftest import Open, Until
from tests.servers import GENERATIONS, HOST
from tui.engine.address import Address
from tui.engine.chosen import Chosen
from tui.engine.cluster.slots import slot_of
from tui.engine.commands import exchange
from tui.engine.expiry.expiring import Expiries
from tui.engine.failure import Failure, Kind, ReplyError
from tui.engine.keylist import KeyList
from tui.engine.keyspace import Keyspace
from tui.engine.node import Phase
from tui.engine.onekey.edit import Rename, SetTtl, apply
from tui.engine.onekey.inspect import KeyFacts, look
from tui.engine.session import Session
from tui.engine.streams.board import StreamBoard
from tui.engine.survey import Survey
from tui.engine.tail.glance import Tail
from tui.engine.vitals import Pulse, Vitals

T = TypeVar("T")
USERS, TAGGED = 6_000, 1_500
WORLD = {"user:{int}": USERS, "{cart}:{int}": TAGGED}


def fill(cluster: Cluster) -> None:
    """Keys all over the cluster, and a family that one slot holds all of."""
    cluster.fill(("SET", f"user:{number}", "x") for number in range(USERS))
    cluster.fill(("HSET", f"{{cart}}:{number}", "field", "x") for number in range(TAGGED))


def counts(keyspace: Keyspace) -> dict[str, int]:
    return {family.pattern: family.keys for family in keyspace.families}


def picture(session: Session) -> Keyspace:
    latest = session.of(Survey).feed.latest
    assert latest is not None
    return latest


async def beside(work: Callable[[], T]) -> T:
    """Do something slow to the cluster while the session goes on."""
    return await asyncio.to_thread(work)


@pytest.fixture
def guarded() -> Iterator[Cluster]:
    """Three primaries with a replica each."""
    with Cluster(replicas=1) as running:
        yield running


@pytest.mark.parametrize("generation", [name for name, program in GENERATIONS.items() if program is not None])
async def test_any_node_leads_to_all_and_every_key_is_counted_once(
    generation: str, open_session: Open, until: Until
) -> None:
    with Cluster(generation) as cluster:
        fill(cluster)
        session = open_session(cluster.nodes[1])
        survey, pulse = session.of(Survey), session.of(Pulse)
        with survey.feed.hold(), pulse.feed.hold():
            await until(lambda: survey.feed.latest and survey.feed.latest.complete)
            assert counts(picture(session)) == WORLD
            state = session.deployment.state
            assert (state.kind, state.nodes, state.down) == ("cluster", 3, ())
            await until(lambda: pulse.feed.latest and pulse.feed.latest.nodes and pulse.feed.latest.totals.seconds)
        vitals = pulse.feed.latest
        assert vitals is not None
        sizes = [server.ask("DBSIZE") for server in cluster.nodes]
        assert [node.now and node.now.keys for node in vitals.nodes] == sizes
        assert vitals.now.keys == sum(sizes)
        assert vitals.totals.reads == 0, "redtop's own reads are taken out on every node"


async def test_keys_are_asked_of_the_node_that_holds_them_wherever_they_move(
    cluster: Cluster, open_session: Open
) -> None:
    fill(cluster)
    session = open_session(cluster.nodes[0])
    deployment = session.deployment
    keys = [b"user:%d" % number for number in range(0, USERS, 7)]
    kinds = (await deployment.ask(exchange(*([b"TYPE", key] for key in keys)))).replies
    assert kinds == [b"string"] * len(keys)

    source, slot = cluster.owner("user:5"), slot_of(b"user:5")
    target = next(server for server in cluster.nodes if server is not source)
    cluster.begin_moving(slot, source, target)
    cluster.move_keys(slot, source, target)
    facts = await look(deployment, b"user:5")
    assert isinstance(facts, KeyFacts), "the node that it goes to has it already (ASK)"
    cluster.end_moving(slot, source, target)
    facts = await look(deployment, b"user:5")
    assert isinstance(facts, KeyFacts), "it has moved (MOVED)"
    assert await apply(deployment, SetTtl(b"user:5", 1000), facts) is None
    assert cluster.ask("TTL", "user:5") > 900
    await deployment.look_again()
    assert deployment.node_of(b"user:5").address.port == target.port
    refused = await apply(deployment, Rename(b"user:5", b"user:other"), facts)
    assert refused is not None
    assert "slot" in refused.sentence


async def test_lists_streams_tails_and_expiries_are_of_all_nodes(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    fill(cluster)
    names = [f"log:{number}" for number in range(12)]
    cluster.fill(("XADD", name, "1-1", "field", "value") for name in names)
    cluster.fill(("XGROUP", "CREATE", name, "group", "0") for name in names)
    cluster.fill(("EXPIRE", f"user:{number}", 500 + number) for number in range(9))
    streams = {name.encode() for name in names}
    session = open_session(cluster.nodes[2])

    board, tail, expiries = session.of(StreamBoard), session.of(Tail), session.of(Expiries)
    with board.feed.hold(), tail.feed.hold(), expiries.feed.hold():
        await until(lambda: board.feed.latest and {stream.key for stream in board.feed.latest.streams} == streams)
        tail.choose(list(streams))
        await until(lambda: tail.feed.latest and len(tail.feed.latest.entries) == len(names))
        cluster.fill(("XADD", name, "2-1", "field", "newer") for name in names)
        await until(lambda: tail.feed.latest and len(tail.feed.latest.entries) == 2 * len(names))
        await until(lambda: expiries.feed.latest and expiries.feed.latest.keyspace.complete)
        await until(lambda: expiries.feed.latest and len(expiries.feed.latest.soonest) == 9)
    assert expiries.feed.latest is not None
    assert [soon.key for soon in expiries.feed.latest.soonest] == [b"user:%d" % number for number in range(9)]

    keys = KeyList(session, Chosen(b":", (b"user", b"{int}"), whole=True))
    with keys.feed.hold():
        await keys.run()
    listing = keys.feed.latest
    assert listing is not None
    assert listing.complete
    assert len(set(listing.entries)) == len(listing.entries) == USERS
    rows = await keys.facts(listing.entries[:40])
    assert not isinstance(rows, Failure)
    assert {row.kind for row in rows} == {"string"}


async def test_slots_that_move_while_keys_are_read_are_counted_completely_and_said(
    cluster: Cluster, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BURST", 0.0), ("AT_ONCE", 0), ("GIVEN_PAGE", 50)):
        monkeypatch.setattr(f"tui.engine.survey.{name}", value)
    fill(cluster)
    session = open_session(cluster.nodes[0], scan_share=0.005)
    survey = session.of(Survey)
    said: set[str | None] = set()
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.scanned)
        assert not picture(session).complete
        # From the node that is read last to the one read first, and back: whoever goes on reading misses some.
        await beside(lambda: cluster.migrate(range(5500, 5560), cluster.nodes[1], cluster.nodes[0]))
        await beside(lambda: cluster.migrate(range(100, 160), cluster.nodes[0], cluster.nodes[2]))
        survey.share = 1.0

        def is_complete() -> bool:
            said.add(picture(session).restarted)
            return picture(session).complete

        await until(is_complete)
    assert any(reason and "slots were moving" in reason for reason in said)
    assert counts(picture(session)) == WORLD


async def test_a_node_that_is_down_is_said_and_counted_again_when_it_is_back(open_session: Open, until: Until) -> None:
    with Cluster("valkey-9.1", 3, 0, "--cluster-require-full-coverage", "no") as cluster:
        fill(cluster)
        session = open_session(cluster.nodes[0])
        survey, pulse, deployment = session.of(Survey), session.of(Pulse), session.deployment
        gone, left = cluster.nodes[2], sum(server.ask("DBSIZE") for server in cluster.nodes[:2])
        lost = [f"user:{number}" for number in range(100) if cluster.owner(f"user:{number}") is gone]
        with survey.feed.hold(), pulse.feed.hold():
            await until(lambda: survey.feed.latest and survey.feed.latest.complete)
            gone.kill()
            sentence = f"1 of 3 nodes is down ({HOST}:{gone.port}): its slots are not counted"
            await until(lambda: deployment.state.worst.failure and deployment.state.worst.failure.sentence == sentence)
            await until(lambda: picture(session).dbsize == left and not picture(session).complete)
            failure = picture(session).failure
            assert failure is not None
            assert failure.sentence == sentence
            await until(lambda: pulse.feed.latest and _down(pulse.feed.latest) == [False, False, True])
            assert pulse.feed.latest is not None
            assert pulse.feed.latest.now.keys == left
            answer = await deployment.ask(exchange(*([b"TYPE", f"user:{number}".encode()] for number in range(100))))
            errors = [reply for reply in answer.replies if isinstance(reply, ReplyError)]
            assert len(errors) == len(lost)
            assert {error.code for error in errors} == {"CLUSTERDOWN"}
            gone.start()
            await until(lambda: deployment.state.worst.phase is Phase.LIVE and deployment.state.worst.failure is None)
            await until(lambda: picture(session).complete and picture(session).failure is None)
            assert picture(session).dbsize == left, "it came back without its keys"
            await beside(lambda: wait_for(cluster.is_whole))
            cluster.fill(("SET", name, "again") for name in lost)
            await until(lambda: picture(session).dbsize == left + len(lost))


def _down(vitals: Vitals) -> list[bool]:
    return [node.now is None for node in vitals.nodes]


async def test_a_failover_is_followed_and_the_keys_are_read_from_the_start(
    guarded: Cluster, open_session: Open, until: Until
) -> None:
    fill(guarded)
    session = open_session(guarded.replicas[0][0])  # a replica leads to the primaries as well
    survey, deployment = session.of(Survey), session.deployment
    with survey.feed.hold():
        await until(lambda: survey.feed.latest and survey.feed.latest.complete)
        assert counts(picture(session)) == WORLD
        new = await beside(lambda: guarded.failover(1))
        await until(lambda: new.port in {node.address.port for node in deployment.nodes})
        await until(lambda: picture(session).restarted)
        await until(lambda: picture(session).complete)
        assert counts(picture(session)) == WORLD
        # And one that nobody has asked for: the cluster needs its time to be sure.
        crashed, heir = guarded.nodes[2], guarded.replicas[2][0]
        crashed.kill()
        await until(lambda: heir.port in {node.address.port for node in deployment.nodes})
        await until(lambda: deployment.state.down == () and deployment.state.worst.failure is None)
        await until(lambda: picture(session).complete and picture(session).failure is None)
    assert counts(picture(session)) == WORLD
    assert crashed.port not in {node.address.port for node in deployment.nodes}
    assert deployment.footprint.calls["scan"] > 0


async def test_what_stands_in_the_way_of_a_cluster_is_one_sentence(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    first = cluster.nodes[0]
    for node in cluster.nodes:
        node.ask("ACL", "SETUSER", "watcher", "on", ">pw", "~*", "+@all", "-cluster")

    async def said(address: Address) -> Failure:
        session = open_session(first, address)
        await until(lambda: session.deployment.state.worst.failure)
        failure = session.deployment.state.worst.failure
        assert failure is not None
        return failure

    other = await said(Address(HOST, first.port, db=3))
    assert (other.kind, other.sentence) == (Kind.DATABASE, f"{HOST}:{first.port} has no database 3")
    denied = await said(Address(HOST, first.port, username="watcher", password="pw"))
    assert denied.kind is Kind.DENIED
    assert denied.sentence.startswith("only one node of the cluster is looked at")
    assert "+cluster|nodes" in denied.sentence


async def test_when_all_nodes_have_gone_the_given_address_is_asked_again(open_session: Open, until: Until) -> None:
    """As where every node gets another place whenever it is started, and only a name stays."""
    with Cluster(primaries=1, replicas=1) as cluster:
        name = cluster.replicas[0][0]
        session = open_session(name)
        deployment = session.deployment
        await until(lambda: deployment.state.worst.phase is Phase.LIVE and deployment.is_cluster)
        assert deployment.nodes[0].address.port == cluster.nodes[0].port
        for server in cluster.all:
            server.kill()
        await until(lambda: deployment.state.down)
        other = Cluster(primaries=2)
        other.nodes[1].port = name.port
        with ExitStack() as stack:
            stack.push(other)
            await beside(other.__enter__)
            places = {server.port for server in other.nodes}
            await until(lambda: {node.address.port for node in deployment.nodes} == places)
            await until(lambda: deployment.state.worst.phase is Phase.LIVE and deployment.state.worst.failure is None)
