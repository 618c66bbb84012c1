"""The commands that change something, against a cluster: any node will do, and all of it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.engine.revoke.layouts import Fba, fill
from tests.engine.revoke.test_cluster import Everywhere
from tests.headless.test_purge_cli import JOURNALS, UNDO, Bench
from tests.headless.test_revoke_cli import Desk

KEYS = 300


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """An empty one."""
    for server in shared.nodes:
        server.ask("FLUSHALL")
    return shared


def test_a_purge_is_of_all_nodes_and_undone_from_any(cluster: Cluster, tmp_path: Path) -> None:
    cluster.fill([("SET", f"cache:{n}", "v", *(("EX", 5000) if n % 2 else ())) for n in range(KEYS)])
    cluster.fill([("SET", f"other:{n}", "v") for n in range(20)])
    bench = Bench(cluster.nodes[0], tmp_path)
    nodes = [f"127.0.0.1:{server.port}" for server in cluster.nodes]
    planned = bench.json("purge", "cache:", "--dry-run")
    assert (planned["planned"], planned["dbsize"], planned["moving"]) == (KEYS, KEYS + 20, 0)
    assert sorted(planned["target"]["nodes"]) == sorted(nodes)
    assert planned["target"]["run_id"] is None
    done = bench.json("purge", "cache:", "--expect", str(KEYS))
    assert (done["removed"], done["undoable"], done["error"]) == (KEYS, KEYS, None)
    assert len(cluster.keys()) == 20
    elsewhere = Bench(cluster.nodes[2], tmp_path)
    (entry,) = elsewhere.json("journals", schema=JOURNALS)["journals"]
    assert (entry["keys"], entry["state"], len(entry["target"]["nodes"])) == (KEYS, "complete", 3)
    assert "cluster 127.0.0.1:" in elsewhere.run("journals").stdout
    assert elsewhere.json("undo", schema=UNDO)["restored"] == KEYS
    assert len(cluster.keys()) == KEYS + 20
    assert "nothing to undo" in bench.refused("undo", code=2)


def test_somebody_who_is_asked_sees_the_cluster_and_types_the_prefix(cluster: Cluster, tmp_path: Path) -> None:
    cluster.fill([("SET", f"cache:{n}", "v") for n in range(KEYS)])
    screen = Bench(cluster.nodes[1], tmp_path).typed("purge", "cache:", answers=["cache:"])
    assert "· 3 nodes" in screen
    assert not cluster.keys()


def test_a_user_is_revoked_on_all_nodes(cluster: Cluster, tmp_path: Path) -> None:
    everywhere, layout = Everywhere(cluster), Fba()
    fill(everywhere, layout)  # type: ignore[arg-type]  # it asks as a server does
    desk = Desk(cluster.nodes[0], tmp_path)
    planned = desk.receipt(layout.schema, "--user", "1", "--dry-run")
    done = desk.receipt(layout.schema, "--user", "1", "--expect", str(planned["planned"]))
    assert (done["removed"], done["verified"], done["error"]) == (planned["planned"], True, None)
    assert len(done["target"]["nodes"]) == 3
    assert layout.usable(everywhere, "1") == set()  # type: ignore[arg-type]
    assert layout.usable(everywhere, "10")  # type: ignore[arg-type]


def test_whoever_may_see_one_node_only_changes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    cluster.fill([("SET", f"cache:{n}", "v") for n in range(KEYS)])
    for server in cluster.nodes:
        server.ask("ACL", "SETUSER", "partly", "on", "nopass", "~*", "+@all", "-cluster|nodes", "-cluster|shards")
    bench = Bench(cluster.nodes[0], tmp_path)
    sentence = bench.refused("--user", "partly", "purge", "cache:", "--expect", "100", code=5)
    assert "only one node of the cluster" in sentence
    assert "+cluster|nodes" in sentence
    assert len(cluster.keys()) == KEYS
