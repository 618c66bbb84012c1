"""Changes to streams of a cluster go to the node that holds the stream."""

from __future__ import annotations

import asyncio

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tui.engine.cluster.slots import slot_of
from tui.engine.failure import Kind
from tui.engine.node import Phase
from tui.engine.streams.acts.entries import DeleteEntries
from tui.engine.streams.acts.groups import DeleteGroup
from tui.engine.streams.acts.plan import plan_delete_group
from tui.engine.streams.acts.run import carry_out, take_back

STREAMS = ("log:a", "log:b", "log:c", "log:d", "log:e")


async def test_acts_and_their_undo_reach_streams_on_every_node(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    for name in STREAMS:
        for number in range(1, 4):
            cluster.ask("XADD", name, f"{number}-1", "n", number)
        cluster.owner(name).ask("XGROUP", "CREATE", name, "g", "0")
    assert len({cluster.owner(name) for name in STREAMS}) == 3
    deployment = open_session(cluster.nodes[0]).deployment
    await until(lambda: deployment.is_cluster and all(node.state.phase is Phase.LIVE for node in deployment.nodes))
    for name in STREAMS:
        act = await plan_delete_group(deployment, name.encode(), b"g")
        assert isinstance(act, DeleteGroup)
        assert (await carry_out(deployment, act)).done == 1
        assert cluster.owner(name).ask("XINFO", "GROUPS", name) == []
        back = await take_back(deployment, act)
        assert not any(receipt.failure for receipt in back)
        assert len(cluster.owner(name).ask("XINFO", "GROUPS", name)) == 1


async def test_a_stream_on_its_way_to_another_node_is_left_and_said(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    cluster.ask("XADD", "log:a", "1-1", "n", 1)
    deployment = open_session(cluster.nodes[0]).deployment
    await until(lambda: deployment.is_cluster and all(node.state.phase is Phase.LIVE for node in deployment.nodes))
    source, slot = cluster.owner("log:a"), slot_of(b"log:a")
    target = next(server for server in cluster.nodes if server is not source)
    await asyncio.to_thread(cluster.begin_moving, slot, source, target)
    await asyncio.to_thread(cluster.move_keys, slot, source, target)
    act = DeleteEntries(b"log:a", (b"1-1",))
    receipt = await carry_out(deployment, act)
    assert receipt.done == 0
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.MOVING
    await asyncio.to_thread(cluster.end_moving, slot, source, target)
    await deployment.look_again()
    assert (await carry_out(deployment, act)).done == 1
    assert cluster.ask("XLEN", "log:a") == 0
