"""A cluster as it stands: slots, replicas, failing nodes, slots on their way; on real servers."""

from __future__ import annotations

import pytest

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.engine.pictures import Watching
from tests.servers import GENERATIONS, HOST
from tui.engine.address import Address
from tui.engine.cluster.slots import SLOTS
from tui.engine.cluster.view import number_of
from tui.engine.topology.picture import Kind, Level


@pytest.mark.parametrize("generation", [name for name, program in GENERATIONS.items() if program is not None])
async def test_every_shard_is_there_with_slots_replicas_and_numbers(
    generation: str, open_session: Open, until: Until
) -> None:
    with Cluster(generation, primaries=3, replicas=1) as cluster:
        cluster.fill(("SET", f"key:{n}", "x") for n in range(300))
        watching = Watching(open_session(cluster.nodes[1]))
        with watching.feed.hold():
            await until(lambda: watching.whole(cluster))
        picture = watching.picture
    assert picture.kind is Kind.CLUSTER
    assert picture.cluster is not None
    assert (picture.cluster.ok, picture.cluster.uncovered, picture.cluster.moving) == (True, (), ())
    assert picture.cluster.epoch >= 3
    assert [member.address for member in picture.members] == [f"{HOST}:{node.port}" for node in cluster.nodes]
    assert sum(number_of(member.slots) for member in picture.members) == SLOTS
    looks = [member.look for member in picture.members]
    infos = [look.info for look in looks if look is not None]
    assert sum(sum(info.databases.values()) for info in infos if info is not None) == 300
    for member, replicas in zip(picture.members, cluster.replicas, strict=True):
        assert [one.address for one in member.replicas] == [f"{HOST}:{replica.port}" for replica in replicas]
        assert member.offset is not None
        assert member.replicas[0].behind is not None


async def test_a_node_that_dies_is_lost_then_failed_and_then_its_replica_serves(
    open_session: Open, until: Until
) -> None:
    with Cluster(primaries=3, replicas=1) as cluster:
        watching = Watching(open_session(cluster.nodes[0]))
        dead, heir = cluster.nodes[2], cluster.replicas[2][0]
        with watching.feed.hold():
            await until(lambda: watching.whole(cluster))
            dead.kill()
            await until(lambda: "not reached" in watching.troubles(dead))
            await until(lambda: "failed" in watching.troubles(dead))
            assert watching.worst() is Level.ACT
            assert watching.picture.members[0].address == f"{HOST}:{dead.port}", "trouble first"
            await until(lambda: (one := watching.member(heir)) and one.primary and one.slots)
            await until(lambda: watching.picture.cluster and watching.picture.cluster.ok)
            assert "no replica" in watching.troubles(heir)


async def test_slots_that_nobody_serves_or_owns_are_said(cluster: Cluster, open_session: Open, until: Until) -> None:
    watching = Watching(open_session(cluster.nodes[0]))
    with watching.feed.hold():
        await until(lambda: watching.whole(cluster))
        assert not any("no replica" in watching.troubles(node) for node in cluster.nodes), "it has none at all"
        cluster.nodes[2].kill()
        await until(lambda: "down" in watching.said)
        health = watching.picture.cluster
        assert health is not None
        assert number_of(health.failed) > 5000
        assert any("nobody serves slots" in trouble.sentence for trouble in watching.picture.all_troubles)
        for node in cluster.nodes[:2]:
            node.ask("CLUSTER", "DELSLOTS", 7)
        await until(lambda: "not covered" in watching.said)
        assert any("slot 7" in trouble.sentence for trouble in watching.picture.troubles)


async def test_a_replica_that_dies_is_failed_and_its_primary_stands_alone(open_session: Open, until: Until) -> None:
    with Cluster(primaries=3, replicas=1) as cluster:
        watching = Watching(open_session(cluster.nodes[0]))
        with watching.feed.hold():
            await until(lambda: watching.whole(cluster))
            cluster.replicas[1][0].kill()
            await until(lambda: "failed" in watching.troubles(cluster.replicas[1][0]))
            assert watching.troubles(cluster.nodes[1]) == ["no replica"]
            assert watching.picture.cluster is not None
            assert watching.picture.cluster.ok


async def test_slots_that_move_are_said_with_both_ends(cluster: Cluster, open_session: Open, until: Until) -> None:
    source, target, _ = cluster.nodes
    watching = Watching(open_session(target))
    with watching.feed.hold():
        await until(lambda: watching.whole(cluster))
        for slot in (10, 11, 12):
            cluster.begin_moving(slot, source, target)
        await until(lambda: watching.said == ["moving"])
        sentence = watching.picture.troubles[0].sentence
        assert sentence == f"slots 10-12: moving from {HOST}:{source.port} to {HOST}:{target.port}"
        cluster.end_moving(10, source, target)
        target.ask("CLUSTER", "SETSLOT", 11, "STABLE")  # as a migration that broke off
        await until(lambda: set(watching.said) == {"half open", "moving"})
        moved = watching.member(target)
        assert moved is not None
        assert moved.slots[0] == (10, 10)


async def test_a_user_without_cluster_commands_sees_what_it_may_and_which_rule_it_lacks(
    open_session: Open, until: Until
) -> None:
    with Cluster(primaries=3, replicas=1) as cluster:
        for node in cluster.all:
            node.ask("ACL", "SETUSER", "watcher", "on", ">secret", "~*", "-@all", "+ping", "+info", "+cluster|shards")
        place = Address(HOST, cluster.nodes[0].port, username="watcher", password="secret")
        watching = Watching(open_session(cluster.nodes[0], place))
        with watching.feed.hold():
            await until(lambda: watching.whole(cluster) and "+cluster|nodes" in watching.picture.rules)
            picture = watching.picture
            assert {"+cluster|info", "+cluster|nodes", "+cluster|slot-stats"} == set(picture.rules)
            assert sum(number_of(member.slots) for member in picture.members) == SLOTS, "CLUSTER SHARDS tells"


async def test_the_slots_with_the_most_keys_and_the_most_cpu_are_known(
    cluster: Cluster, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.topology.nodelook.STATS_EVERY", 0.05)
    node = cluster.owner("{a}")
    cluster.fill(("SET", f"{{a}}{n}", "x") for n in range(50))
    node.ask("CONFIG", "SET", "cluster-slot-stats-enabled", "yes")
    watching = Watching(open_session(node))
    with watching.feed.hold():

        def busy() -> bool:
            node.ask_all([("GET", "{a}1")] * 200)
            member = watching.member(node)
            stats = member.look.slots if member is not None and member.look is not None else None
            return stats is not None and bool(stats.fullest) and bool(stats.busiest)

        await until(busy)
    member = watching.member(node)
    assert member is not None
    assert member.look is not None
    assert member.look.slots is not None
    assert member.look.slots.fullest[0] == (15495, 50)
    assert member.look.slots.busiest[0][0] == 15495


async def test_no_question_is_an_error_or_slow(open_session: Open, until: Until) -> None:
    with Cluster(primaries=1) as cluster:
        node = cluster.nodes[0]
        node.ask("CONFIG", "RESETSTAT")
        node.ask("CONFIG", "SET", "slowlog-log-slower-than", 1000)
        watching = Watching(open_session(node))
        with watching.feed.hold():
            await until(lambda: watching.whole(cluster))
            first = watching.picture.wall
            await until(lambda: watching.picture.wall > first + 1)
        slow = [entry[3] for entry in node.ask("SLOWLOG", "GET", 10)]
        assert [words for words in slow if words[0] == b"CLUSTER"] == []
        assert node.ask("INFO", "errorstats").split() == [b"#", b"Errorstats"]
