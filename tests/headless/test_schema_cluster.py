"""`redtop schema test` on a cluster: every node is read, and each key asked about where it is."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cluster import Cluster
from tests.test_cli import redtop

THINGS = """
title = "things"
[families.thing]
pattern = "thing:{id}"
purpose = "a thing"
type = "string"
ttl = "required"
"""


def test_every_node_of_a_cluster_is_tested(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "things.toml"
    file.write_text(THINGS)
    cluster.fill(("SET", f"thing:{number:08x}", "x", "EX", 1000) for number in range(600))
    cluster.fill(("SET", f"thing:{number:08x}", "x") for number in range(1000, 1030))
    assert min(node.ask("DBSIZE") for node in cluster.nodes) > 0
    done = redtop("schema", "test", "-p", str(cluster.nodes[2].port), "--exact", "--json", str(file))
    found = json.loads(done.stdout)
    assert (found["scanned"], found["complete"]) == (630, True), done.stderr
    assert [(one["kind"], one["count"], one["of"]) for one in found["findings"]] == [("no-ttl", 30, 630)]
