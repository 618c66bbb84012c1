"""Changes of TTLs that `redtop undo` takes back and `redtop journals` lists: the real program on real servers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Open, Until
from tests.engine.expiry.retime.test_crashes import Killed, death_at
from tests.engine.expiry.retime.test_retime import SET, executed, expiries, fill, planned
from tests.headless.test_purge_cli import JOURNALS, UNDO, Bench
from tests.headless.test_report import check
from tests.servers import Server
from tui.engine.node import Phase

KEYS = 100

Change = Callable[..., Awaitable[None]]


@pytest.fixture
def bench(valkey: Server, tmp_path: Path) -> Bench:
    fill(valkey, KEYS)
    return Bench(valkey, tmp_path)


@pytest.fixture
def before(bench: Bench) -> Iterator[dict[bytes, int]]:
    """When keys expire; at the end of the test they do again."""
    found = expiries(bench.server)
    yield found
    assert expiries(bench.server) == found


@pytest.fixture
def change(bench: Bench, open_session: Open, until: Until) -> Change:
    """Give all locks an hour, and die on the way if so wanted."""

    async def make(die_at: int | None = None) -> None:
        node = open_session(bench.server).deployment.nodes[0]
        await until(lambda: node.state.phase is Phase.LIVE)
        found = await planned(node, SET)
        if die_at is None:
            await executed(node, found, SET, bench.journals)
            return
        with death_at(die_at), pytest.raises(Killed):
            await executed(node, found, SET, bench.journals)

    return make


async def test_it_is_listed_beside_purges_and_undone_as_the_newest(
    bench: Bench, change: Change, before: dict[bytes, int]
) -> None:
    bench.json("purge", "other:", "--expect", "40")
    await change()
    newest, oldest = bench.json("journals", schema=JOURNALS)["journals"]
    assert (newest["prefix"], newest["change"], newest["keys"]) == ("lock:flow:{int}", "set 60s", KEYS)
    assert (newest["state"], oldest["prefix"], oldest["change"]) == ("complete", "other:", None)
    bench.env = {"COLUMNS": "160"}
    printed = bench.run("journals").stdout
    assert "TTL of lock:flow:{int}: set 60s" in printed
    assert "can be undone" in printed
    document = bench.json("undo", schema=UNDO)
    assert (document["restored"], document["planned"], document["change"]) == (KEYS, KEYS, "set 60s")
    assert bench.json("undo", schema=UNDO)["restored"] == 40, "then comes the purge"


async def test_what_somebody_changed_since_is_counted_and_left(bench: Bench, change: Change) -> None:
    await change()
    bench.server.ask_all([("PERSIST", "lock:flow:1"), ("DEL", "lock:flow:2")])
    document = bench.json("undo", code=4, schema=UNDO)
    assert (document["restored"], document["changed"], document["gone"]) == (KEYS - 2, 1, 1)
    assert bench.server.ask("TTL", "lock:flow:1") == -1


async def test_an_interrupted_one_is_told_finished_and_undone(
    bench: Bench, change: Change, before: dict[bytes, int]
) -> None:
    await change(die_at=6)  # the journal is on disk, and the server was told nothing
    assert expiries(bench.server) == before
    screen = bench.typed("purge", "nothing-like-this", answers=())
    assert "the change of TTL of lock:flow:{int}: set 60s" in screen
    assert "was interrupted" in screen
    printed = bench.run("undo", "--finish").stdout
    assert "changed   100" in printed
    assert all(0 < left <= 3600 for left in bench.server.ask_all([("TTL", f"lock:flow:{n}") for n in range(KEYS)]))
    assert "nothing to finish" in bench.refused("undo", "--finish", code=2)
    printed = bench.run("undo").stdout
    assert "put back  100 of 100" in printed


async def test_finishing_has_a_document_of_its_own(bench: Bench, change: Change, before: dict[bytes, int]) -> None:
    await change(die_at=6)
    document = json.loads(bench.run("undo", "--finish", "--json").stdout)
    check(document, FINISH)
    assert (document["done"], document["planned"], document["error"]) == (KEYS, KEYS, None)
    bench.run("undo")


FINISH = {
    name: UNDO.get(name, int)
    for name in (
        *("schema_version", "cancelled", "error", "target", "prefix", "change", "planned", "done", "changed", "gone"),
        *("failed", "skipped", "unknown", "journal", "seconds", "reasons", "changed_keys", "failed_keys"),
    )
}
