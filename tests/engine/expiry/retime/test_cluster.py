"""TTLs of a family that is spread over a cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, wait_for
from tests.conftest import Open, Until
from tests.engine.expiry.retime.test_crashes import Killed, death_at
from tests.engine.expiry.retime.test_retime import FAR, executed, planned
from tests.engine.purge.conftest import last
from tests.engine.purge.test_cluster import Row, is_as_before, world
from tui.engine.deployment import Deployment
from tui.engine.expiry.retime.account import Receipt, UndoReceipt
from tui.engine.expiry.retime.execute import SUFFIX
from tui.engine.expiry.retime.finish import finish
from tui.engine.expiry.retime.undo import undo
from tui.engine.expiry.retime.wish import How, Wish
from tui.engine.node import Phase
from tui.engine.purge.journals import State, journals

KEYS = 600
WISH = Wish("lock:flow:{int}", How.SET, seconds=3600.0)


def rows() -> list[Row]:
    """A family on every node, of which a half expires, and others."""
    locks: list[Row] = [("SET", f"lock:flow:{n}", n, *(("PXAT", FAR + n) if n % 2 else ())) for n in range(KEYS)]
    return locks + [("SET", f"other:{n}", n) for n in range(60)]


@pytest.fixture
async def deployment(cluster: Cluster, open_session: Open, until: Until) -> Deployment:
    cluster.fill(rows())
    found = open_session(cluster.nodes[0]).deployment
    await until(lambda: found.is_cluster and all(node.state.phase is Phase.LIVE for node in found.nodes))
    return found


async def undone(deployment: Deployment, path: Path | None) -> UndoReceipt:
    assert path is not None
    receipt = await last(undo(deployment, path))
    assert isinstance(receipt, UndoReceipt)
    return receipt


def ttls(cluster: Cluster) -> list[int]:
    """Seconds that each key of the family has left."""
    return [cluster.ask("TTL", f"lock:flow:{n}") for n in range(0, KEYS, 20)]


async def test_a_family_gets_its_ttl_on_every_node_and_gets_the_old_ones_back(
    cluster: Cluster, deployment: Deployment, tmp_path: Path
) -> None:
    before = world(cluster)
    made = await planned(deployment, WISH)
    first, second, _ = cluster.nodes
    receipt = await executed(deployment, made, WISH, tmp_path)
    assert (receipt.counts.done, receipt.failure) == (KEYS, None)
    assert all(3500 < left <= 3600 for left in ttls(cluster))
    moved = list(range(5300, 5330))
    await asyncio.to_thread(cluster.migrate, moved, first, second)
    back = await undone(deployment, receipt.journal)
    assert back.failure is None
    assert back.counts.restored + back.counts.changed == KEYS  # MIGRATE itself alters some expiries
    assert back.counts.changed < KEYS / 50
    if not back.counts.changed:
        assert is_as_before(before, world(cluster), moved)


async def test_an_interrupted_change_is_finished_and_undone(
    cluster: Cluster, deployment: Deployment, tmp_path: Path
) -> None:
    before, made = world(cluster), await planned(deployment, WISH)
    with death_at(400), pytest.raises(Killed):
        await executed(deployment, made, WISH, tmp_path)
    (entry,) = journals(tmp_path, SUFFIX)
    assert entry.state is State.INTERRUPTED
    receipt = await last(finish(deployment, entry.path))
    assert isinstance(receipt, Receipt)
    assert receipt.failure is None
    back = await undone(deployment, entry.path)
    assert (back.counts.changed, back.counts.failed, back.counts.remaining) == (0, 0, 0)
    assert world(cluster) == before


async def test_with_a_node_away_the_others_change_and_undo_does_what_it_can(
    open_session: Open, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.purge.pacing.PATIENCE", 1.0)
    with Cluster("valkey-9.1", 3, 0, "--appendonly", "yes", "--cluster-require-full-coverage", "no") as cluster:
        cluster.fill(rows())
        deployment: Any = open_session(cluster.nodes[0]).deployment
        await until(lambda: deployment.is_cluster and all(n.state.phase is Phase.LIVE for n in deployment.nodes))
        before, made, victim = world(cluster), await planned(deployment, WISH), cluster.nodes[1]
        theirs = sum(key.startswith(b"lock:") for key in victim.ask("KEYS", "*"))
        victim.kill()
        receipt = await executed(deployment, made, WISH, tmp_path)
        assert (receipt.counts.done, receipt.counts.skipped) == (KEYS - theirs, theirs)
        assert receipt.failure is not None
        assert [number for _, number in receipt.reasons] == [theirs]
        cluster.nodes[2].kill()  # without a majority the last one refuses everything
        back = await undone(deployment, receipt.journal)
        assert back.failure is not None
        assert back.counts.remaining > (KEYS - theirs) / 2
        for server in cluster.nodes[1:]:
            server.start()
        await asyncio.to_thread(wait_for, cluster.is_whole)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        back = await undone(deployment, receipt.journal)
        assert (back.failure, back.counts.remaining) == (None, 0)
        assert world(cluster) == before
