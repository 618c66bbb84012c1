"""Replication as it stands: roles, links and lags, on real servers of every generation."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator

import pytest

from tests.cluster import Sentinels
from tests.conftest import Open, Until
from tests.engine.pictures import Watching
from tests.servers import GENERATIONS, HOST, Server
from tui.engine.address import Address
from tui.engine.topology.picture import Kind, Level
from tui.engine.topology.watch import TopologyWatch

FAST = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
"""So that a replica is in step within a second or two."""


@pytest.fixture(params=[name for name, program in GENERATIONS.items() if program is not None])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica."""
    with Server(request.param, *FAST) as primary, Server(request.param, *FAST) as replica:
        replica.ask("REPLICAOF", HOST, primary.port)
        yield primary, replica


@pytest.fixture
def valkeys() -> Iterator[tuple[Server, Server]]:
    """The same where the generation does not matter."""
    with Server("valkey-9.1", *FAST) as primary, Server("valkey-9.1", *FAST) as replica:
        replica.ask("REPLICAOF", HOST, primary.port)
        yield primary, replica


async def test_a_server_alone_is_one_row_and_says_what_it_is(server: Server, open_session: Open, until: Until) -> None:
    server.ask("SET", "a", "1")
    watching = Watching(open_session(server))
    with watching.feed.hold():
        await until(lambda: (one := watching.member(server)) and one.look and one.look.ops_per_s is not None)
    picture = watching.picture
    assert picture.kind is Kind.SINGLE
    assert len(list(picture.all)) == 1
    assert picture.all_troubles == []
    one = picture.members[0]
    assert one.primary
    assert one.look is not None
    assert one.look.info is not None
    assert one.look.info.databases == {0: 1}
    assert one.look.ops_per_s == 0, "redtop's own commands are no traffic"
    assert one.look.cost is not None
    assert one.look.cost.commands > 0


async def test_a_replica_stands_below_its_primary_with_its_lag(
    pair: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = pair
    watching = Watching(open_session(primary))
    with watching.feed.hold():
        await until(lambda: watching.in_step(replica))
        primary.ask("SET", "a", "x" * 1000)
        await until(lambda: watching.in_step(replica) and watching.offset(replica) > 1000)
    top = watching.picture.members
    assert watching.picture.kind is Kind.REPLICATED
    assert [member.address for member in top] == [f"{HOST}:{primary.port}"]
    assert [member.primary for member in watching.picture.all] == [True, False]
    below = top[0].replicas[0]
    assert below.look is None, "redtop is not connected to it"
    assert below.offset == top[0].offset
    assert below.silent_for is not None
    assert below.silent_for < 5


async def test_the_lag_of_a_frozen_replica_grows_in_bytes_and_in_seconds(
    valkeys: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = valkeys
    watching = Watching(session := open_session(primary))
    session.of(TopologyWatch)._silence = 2.0  # ten seconds are too long for a test
    primary.ask("CONFIG", "SET", "repl-backlog-size", 1 << 16)
    with watching.feed.hold():
        await until(lambda: watching.in_step(replica))
        replica.freeze()
        try:
            primary.ask("SET", "a", "x" * 40_000)
            await until(lambda: watching.behind(replica) > 40_000)
            assert "behind" in watching.troubles(replica), "more than half of the backlog"
            assert watching.worst() is Level.LOOK
            await until(lambda: "silent" in watching.troubles(replica))
            primary.ask("SET", "b", "x" * 40_000)
            await until(lambda: watching.behind(replica) > 80_000)
            assert watching.worst() is Level.ACT, "more than the backlog"
        finally:
            replica.thaw()
        await until(lambda: watching.in_step(replica))


async def test_a_replica_that_went_away_is_remembered_until_it_comes_back(
    valkeys: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = valkeys
    watching = Watching(open_session(primary))
    with watching.feed.hold():
        await until(lambda: watching.in_step(replica))
        replica.kill()
        await until(lambda: watching.troubles(replica) == ["gone"])
        replica.start()
        replica.ask("REPLICAOF", HOST, primary.port)
        await until(lambda: watching.in_step(replica))


async def test_a_replica_that_is_looked_at_tells_of_its_link(
    pair: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = pair
    watching = Watching(open_session(replica))
    with watching.feed.hold():
        await until(lambda: (one := watching.member(replica)) and one.silent_for is not None and not one.troubles)
        above, below = watching.picture.all
        assert (above.address, above.look) == (f"{HOST}:{primary.port}", None)
        assert not below.primary
        assert below.look is not None
        primary.kill()
        await until(lambda: watching.troubles(replica) == ["link down"])
        assert f"{HOST}:{primary.port}" in watching.picture.all_troubles[0].sentence


async def test_a_replica_of_a_replica_stands_two_levels_down(
    valkeys: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = valkeys
    with Server("valkey-9.1", *FAST) as last:
        last.ask("REPLICAOF", HOST, replica.port)
        watching = Watching(open_session(replica))
        with watching.feed.hold():
            await until(lambda: watching.in_step(last))
        places = [member.address for member in watching.picture.all]
    assert places == [f"{HOST}:{server.port}" for server in (primary, replica, last)]


async def test_a_server_that_dies_keeps_its_place_and_shows_no_old_numbers(
    valkeys: tuple[Server, Server], open_session: Open, until: Until
) -> None:
    primary, replica = valkeys
    watching = Watching(open_session(primary))
    with watching.feed.hold():
        await until(lambda: watching.in_step(replica))
        primary.kill()
        await until(lambda: watching.troubles(primary) == ["not reached"])
        top, below = watching.picture.all
        assert top.look is not None
        assert top.look.info is None
        assert (below.offset, below.behind, below.silent_for) == (None, None, None)
        primary.start()
        await until(lambda: watching.troubles(primary) == [])


async def test_sentinels_are_named_and_a_failover_is_told(
    sentinels: Sentinels, open_session: Open, until: Until
) -> None:
    before = sentinels.primary
    guide = sentinels.sentinels[0]
    watching = Watching(open_session(guide))
    with watching.feed.hold():
        await until(lambda: watching.in_step(sentinels.servers[1]))
        guard = watching.picture.guard
        assert guard is not None
        assert (guard.name, guard.sentinels, guard.changed_at) == (Sentinels.NAME, 3, None)
        await asyncio.to_thread(sentinels.failover)
        await until(lambda: (now := watching.picture.guard) and now.changed_at is not None)
        guard = watching.picture.guard
        assert guard is not None
        assert guard.before == f"{HOST}:{before.port}"


async def test_a_failing_snapshot_is_said(valkey: Server, open_session: Open, until: Until) -> None:
    watching = Watching(open_session(valkey))
    valkey.ask("SET", "a", "1")
    shutil.rmtree(valkey._folder)
    valkey.ask("BGSAVE")
    with watching.feed.hold():
        await until(lambda: watching.troubles(valkey) == ["cannot save"])


async def test_without_permission_the_rule_is_named_and_asked_once(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask("ACL", "SETUSER", "watcher", "on", ">secret", "~*", "-@all", "+ping", "+client|setname", "+dbsize")
    session = open_session(server, Address(HOST, server.port, username="watcher", password="secret"))
    watching = Watching(session)
    with watching.feed.hold():
        await until(lambda: watching.feed.latest and watching.feed.latest.rules)
        first = watching.picture
        await until(lambda: watching.picture.wall > first.wall + 0.3)
    assert watching.picture.rules == ("+info",)
    assert [member.address for member in watching.picture.all] == [f"{HOST}:{server.port}"]
    lines = server.ask("INFO", "commandstats").decode().splitlines()
    said = next(line for line in lines if line.startswith("cmdstat_info:"))
    refused = int(said.partition("rejected_calls=")[2].partition(",")[0])
    assert refused <= 2, "at login, and once more; not at every tick"
