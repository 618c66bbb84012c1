"""Revoking in a cluster: tokens of one user on every node, one transaction for each slot, in the right order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.cluster import Cluster, wait_for
from tests.conftest import Open, Until
from tests.engine.purge.conftest import last
from tests.engine.revoke.conftest import Hasty, executed, planned, revoked, roles_of
from tests.engine.revoke.layouts import LAYOUTS, Arketic, Fba, Layout, OauthProxy, fill, holdings, written
from tui.demo.wire import Command
from tui.engine.cluster.slots import slot_of
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind
from tui.engine.node import Phase
from tui.engine.revoke.falling import order
from tui.engine.revoke.finding import Found, find
from tui.engine.revoke.pieces import Piece
from tui.engine.revoke.plan import plan
from tui.engine.revoke.removing import Remover
from tui.engine.revoke.wanted import Wanted

USER = Wanted(user=b"1")
LiveCluster = Callable[..., Awaitable[Deployment]]


class Everywhere:
    """A cluster as an application sees it: one keyspace."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def ask(self, *words: str | bytes | int) -> Any:
        if words[0] == "KEYS":
            return [key for server in self.cluster.primaries() for key in server.ask(*words)]
        return self.cluster.ask(*words)

    def ask_all(self, commands: Sequence[Command]) -> None:
        self.cluster.fill(commands)


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture
def everywhere(shared: Cluster) -> Any:
    """An empty cluster."""
    for server in shared.nodes:
        server.ask("FLUSHALL")
    return Everywhere(shared)


@pytest.fixture
def live(open_session: Open, until: Until) -> LiveCluster:
    async def start(cluster: Cluster, **options: Any) -> Deployment:
        deployment = open_session(cluster.nodes[0], **options).deployment
        await until(lambda: deployment.is_cluster)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        return deployment

    return start


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.schema)
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    return found


async def test_all_of_a_user_goes_from_every_node_and_nothing_of_anybody_else(
    everywhere: Any, shared: Cluster, live: LiveCluster, layout: Layout
) -> None:
    await asyncio.to_thread(fill, everywhere, layout)
    before, usable = holdings(everywhere), layout.usable(everywhere, "1")
    deployment = await live(shared)
    made = await planned(deployment, roles_of(layout), USER)
    assert {holding.key for holding in made.keys if holding.role.grants} == usable
    assert len({deployment.node_of(key) for key in usable}) > 1
    receipt = await executed(deployment, made)
    assert (receipt.counts.removed, receipt.verified, receipt.failure) == (receipt.planned, True, None)
    assert layout.usable(everywhere, "1") == set()
    assert layout.listed(everywhere, "1") == set()
    after = holdings(everywhere)
    assert all(after[key] == before[key] for key in after)
    assert before.keys() - after.keys() == before.keys() & written(layout, "1", "1-0", "1-1", "1-2", "1-3", "1-9")


async def test_each_transaction_is_of_one_slot_and_what_mints_goes_first(
    everywhere: Any, shared: Cluster, live: LiveCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(everywhere, Fba())
    pieces: list[Piece] = []
    attempt = Remover._attempt

    async def noted(remover: Remover, piece: Piece) -> None:
        pieces.append(piece)
        await attempt(remover, piece)

    monkeypatch.setattr(Remover, "_attempt", noted)
    receipt = await revoked(await live(shared), roles_of(Fba()), USER)
    assert receipt.verified
    keys = [one for piece in pieces for one in piece.keys]
    assert [order(one) for one in keys] == sorted(order(one) for one in keys)
    assert len({order(one) for one in keys}) == 4
    named = [[one.key for one in piece.keys] + [entry.key for entry in piece.entries] for piece in pieces]
    slots = [set(map(slot_of, names)) for names in named]
    assert {len(some) for some in slots} == {1}
    ends = [bool(piece.entries) for piece in pieces]
    assert ends == sorted(ends)  # names go out of the indexes last


async def test_what_is_in_one_slot_falls_in_one_transaction(
    everywhere: Any, shared: Cluster, live: LiveCluster
) -> None:
    """Where the application keeps a login together by a hash tag, nothing can break off in the middle."""
    everywhere.ask_all([("SET", f"fba:{kind}:{{1}}:x", "t") for kind in ("token", "refresh_token", "token_extra_info")])
    deployment = await live(shared)
    made = await planned(deployment, roles_of(Fba()), Wanted(user=b"{1}"))
    owner = shared.owner(b"{1}")
    owner.ask("CONFIG", "RESETSTAT")
    receipt = await executed(deployment, made)
    assert (receipt.counts.removed, receipt.verified) == (3, True)
    calls = owner.ask("INFO", "commandstats").decode()
    assert "cmdstat_exec:calls=2" in calls  # the first one is empty: it tells whether this user may


async def test_a_session_is_found_by_its_token_and_a_user_by_name(
    everywhere: Any, shared: Cluster, live: LiveCluster
) -> None:
    layout = OauthProxy()
    fill(everywhere, layout)
    before = layout.usable(everywhere, "1")
    deployment, roles = await live(shared), roles_of(layout)
    keys = tuple(roles.candidates(layout.raw("1", "1-0").encode()))
    found = await find(deployment, roles, Wanted(keys=keys))
    assert isinstance(found, Found)
    assert found.principal.user == b"1"
    receipt = await revoked(deployment, roles, Wanted(keys=keys, whole=True))
    assert receipt.verified
    gone = before - layout.usable(everywhere, "1")
    assert layout.refresh_key("1", "1-0").encode() in gone
    assert len(gone) == 2


async def test_slots_that_move_meanwhile_hide_nothing(live: LiveCluster) -> None:
    layout = Arketic()
    with Cluster() as cluster:
        everywhere: Any = Everywhere(cluster)
        fill(everywhere, layout)
        deployment = await live(cluster)
        made = await planned(deployment, roles_of(layout), USER)
        first, second, _ = cluster.nodes
        slots = sorted({slot_of(key) for key in first.ask("KEYS", "*")})

        class Moving(Hasty):
            """Some slots move back before the second look."""

            async def sleep(self, seconds: float) -> None:
                await asyncio.to_thread(cluster.migrate, slots[:10], second, first)
                self.slept.append(seconds)

        await asyncio.to_thread(cluster.migrate, slots, first, second)
        receipt = await executed(deployment, made, clock=Moving())
        assert (receipt.counts.removed, receipt.verified) == (receipt.planned, True)
        assert layout.usable(everywhere, "1") == set()
        assert layout.usable(everywhere, "10")


async def test_a_failover_between_two_looks_is_no_end(live: LiveCluster) -> None:
    layout = Fba()
    with Cluster("valkey-9.1", 3, 1) as cluster:
        everywhere: Any = Everywhere(cluster)
        fill(everywhere, layout)
        deployment = await live(cluster)
        made = await planned(deployment, roles_of(layout), USER)

        class Failing(Hasty):
            async def sleep(self, seconds: float) -> None:
                if not self.slept:
                    await asyncio.to_thread(cluster.failover)
                self.slept.append(seconds)

        receipt = await executed(deployment, made, clock=Failing())
        assert (receipt.counts.removed, receipt.verified, receipt.failure) == (receipt.planned, True, None)
        assert layout.usable(everywhere, "1") == set()


async def test_with_a_node_away_the_rest_goes_and_it_is_not_called_revoked(
    live: LiveCluster, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.purge.pacing.PATIENCE", 1.0)
    monkeypatch.setattr("tui.engine.revoke.search.PATIENCE", 1.0)
    layout = Fba()
    with Cluster("valkey-9.1", 3, 0, "--appendonly", "yes", "--cluster-require-full-coverage", "no") as cluster:
        everywhere: Any = Everywhere(cluster)
        fill(everywhere, layout)
        usable, ports = layout.usable(everywhere, "1"), cluster.ports_by_slot()
        deployment, roles = await live(cluster), roles_of(layout)
        made, victim = await planned(deployment, roles, USER), cluster.nodes[2]
        theirs = {key for key in usable if ports[slot_of(key)] == victim.port}
        assert 0 < len(theirs) < len(usable)
        victim.kill()
        receipt = await executed(deployment, made)
        assert not receipt.verified
        assert receipt.failure is not None
        assert receipt.counts.skipped >= len(theirs)
        victim.start()
        await asyncio.to_thread(wait_for, cluster.is_whole)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        assert layout.usable(everywhere, "1") == theirs
        again = await revoked(deployment, roles, USER)
        assert again.verified
        assert layout.usable(everywhere, "1") == set()
        assert layout.usable(everywhere, "10")


async def test_a_plan_fails_when_a_node_cannot_be_asked(live: LiveCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of somebody's tokens is not all of them."""
    monkeypatch.setattr("tui.engine.purge.pacing.PATIENCE", 0.5)
    monkeypatch.setattr("tui.engine.revoke.search.PATIENCE", 0.5)
    with Cluster() as cluster:
        deployment = await live(cluster)
        cluster.nodes[1].kill()
        found = await last(plan(deployment, roles_of(Fba()), USER))
    assert isinstance(found, Failure)
    assert found.kind in {Kind.MOVING, Kind.LOST, Kind.REFUSED, Kind.TIMEOUT}
