"""A purge of a cluster: one plan, one journal, one receipt, whatever moves, fails over or dies meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import Cluster, wait_for
from tests.conftest import Open, Until
from tests.engine.purge.conftest import executed, finished, last, planned, undone
from tests.engine.purge.test_crashes import FAR
from tests.servers import HOST, Server
from tui.engine.cluster.slots import slot_of
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind
from tui.engine.node import Phase
from tui.engine.purge.account import Progress, Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.frames import read_outline, read_records
from tui.engine.purge.journals import State, journals
from tui.engine.purge.plan import Plan, Preview, plan
from tui.engine.purge.request import Request
from tui.engine.purge.undo import UndoReceipt

KEYS = 1500

Row = tuple[str | bytes | int | float, ...]
World = dict[bytes, tuple[bytes, int]]
LiveCluster = Callable[..., Awaitable[Deployment]]


@pytest.fixture
def live(open_session: Open, until: Until) -> LiveCluster:
    """Open a session on one node of a cluster, and return the deployment when all of them are connected."""

    async def start(cluster: Cluster, seed: int = 0, **options: Any) -> Deployment:
        server = cluster.nodes[seed]
        deployment = open_session(server, **options).deployment
        await until(lambda: deployment.is_cluster)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        return deployment

    return start


def rows(count: int = KEYS) -> list[Row]:
    """Planned keys of several types on all nodes, and some that a hash tag holds together; others nobody plans."""
    commands: list[Row] = []
    for n in range(count):
        key = f"s:{{tag{n % 5}}}:{n}" if n % 4 == 0 else f"s:{n}"
        commands.append([("SET", key, f"value {n}"), ("HSET", key, "f", n), ("RPUSH", key, n, "x")][n % 3])
        if n % 2:
            commands.append(("PEXPIREAT", key, FAR + n))
    return commands + [("SET", f"other:{n}", n) for n in range(100)]


def world(cluster: Cluster) -> World:
    """Return all there is on the primaries: contents as they are dumped, and absolute expiries."""
    found: World = {}
    ports = cluster.ports_by_slot()
    for server in cluster.primaries():
        mine = [key for key in server.ask("KEYS", "*") if ports[slot_of(key)] == server.port]
        dumps = server.ask_all([("DUMP", key) for key in mine])
        expiries = server.ask_all([("PEXPIRETIME", key) for key in mine])
        found |= dict(zip(mine, zip((dump[-8:] for dump in dumps), expiries, strict=True), strict=True))
    return found


def left(cluster: Cluster) -> set[bytes]:
    """Return what is left of the planned keys."""
    keys = cluster.keys()
    return {key for key in keys if key.startswith(b"s:")}


def is_as_before(before: World, after: World, moved: Iterable[int] = ()) -> bool:
    """Whether all is as it was; MIGRATE itself alters expiries by some milliseconds."""
    if before.keys() != after.keys():
        return False
    moved = frozenset(moved)
    return all(
        (dump, expiry) == after[key]
        or (slot_of(key) in moved and dump == after[key][0] and abs(expiry - after[key][1]) < 2000)
        for key, (dump, expiry) in before.items()
    )


def slots_of(cluster: Cluster, server: Server, most: int = 100) -> list[int]:
    """Return slots of a node that planned keys are in."""
    keys = server.ask("KEYS", "s:*")
    return sorted({slot_of(key) for key in keys})[:most]


async def when_begun(steps: Any, act: Callable[[], object]) -> Receipt:
    """Go through a purge to its end, and do something beside it as soon as a key is gone."""
    acting: asyncio.Task[object] | None = None
    final = None
    async for step in steps:
        if acting is None and isinstance(step, Progress) and step.counts.removed:
            acting = asyncio.create_task(asyncio.to_thread(act))
        final = step
    assert acting is not None, "it was over before anything could happen"
    await acting
    assert isinstance(final, Receipt)
    return final


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a node up after a second and a half."""
    monkeypatch.setattr("tui.engine.purge.pacing.PATIENCE", 1.5)


# -- at rest --------------------------------------------------------------------------------------------------------


async def test_a_prefix_goes_from_all_nodes_and_comes_back_exactly(
    cluster: Cluster, live: LiveCluster, folder: Path
) -> None:
    cluster.fill(rows())
    before, deployment = world(cluster), await live(cluster)
    made = await planned(deployment, b"s:")
    assert (len(made.keys), made.found.keys, made.dbsize) == (KEYS, KEYS, KEYS + 100)
    assert all(len(part) > 200 for part in made.keys.parts)
    assert set(made.keys) == left(cluster)
    receipt = await executed(deployment, made, folder)
    assert (receipt.counts.removed, receipt.failure, receipt.reasons) == (KEYS, None, ())
    assert not left(cluster)
    assert len(cluster.keys()) == 100
    (entry,) = journals(folder)
    assert (entry.state, entry.keys, len(entry.target.members if entry.target else ())) == (State.COMPLETE, KEYS, 3)
    back = await undone(await live(cluster, seed=2), entry.path)
    assert (back.counts.restored, back.failure, back.restarted) == (KEYS, None, False)
    assert world(cluster) == before
    (entry,) = journals(folder)
    assert entry.state is State.UNDONE


async def test_every_batch_in_the_journal_is_of_one_slot(cluster: Cluster, live: LiveCluster, folder: Path) -> None:
    cluster.fill(rows())
    deployment = await live(cluster)
    receipt = await executed(deployment, await planned(deployment, b"s:"), folder)
    assert receipt.journal is not None
    with receipt.journal.open("rb") as file:
        for batch in read_outline(file.fileno()).batches:
            assert len({slot_of(record.key) for record in read_records(file.fileno(), batch)}) == 1


async def test_without_undo_and_of_listed_keys_only_what_was_planned_goes(cluster: Cluster, live: LiveCluster) -> None:
    cluster.fill(rows())
    deployment = await live(cluster)
    listed = tuple(f"other:{n}".encode() for n in range(30))
    made = await planned(deployment, keys=listed, undo=False)
    assert len(made.keys) == 30
    receipt = await executed(deployment, made, None)
    assert (receipt.counts.removed, receipt.journal) == (30, None)
    made = await planned(deployment, b"s:", undo=False)
    cluster.fill([("SET", "s:late", 1)])
    assert (await executed(deployment, made, None)).counts.removed == KEYS
    assert cluster.keys() == {b"s:late"} | {f"other:{n}".encode() for n in range(30, 100)}


async def test_what_changed_since_the_preview_is_left_on_every_node(
    cluster: Cluster, live: LiveCluster, folder: Path
) -> None:
    cluster.fill(rows())
    deployment = await live(cluster)
    made = await planned(deployment, b"s:")
    touched = [f"s:{n}" for n in (1, 2, 3, 5, 6, 7)]
    cluster.fill([row for key in touched for row in (("DEL", key), ("SET", key, "theirs"))])
    receipt = await executed(deployment, made, folder)
    assert (receipt.counts.changed, receipt.counts.removed) == (6, KEYS - 6)
    assert left(cluster) == {key.encode() for key in touched}
    back = await undone(deployment, receipt.journal)
    assert (back.counts.restored, back.counts.remaining) == (KEYS - 6, 0)
    assert all(cluster.ask("GET", key) == b"theirs" for key in touched)


# -- slots that move ------------------------------------------------------------------------------------------------


async def test_slots_moved_since_the_preview_are_followed(cluster: Cluster, live: LiveCluster, folder: Path) -> None:
    cluster.fill(rows())
    before, deployment = world(cluster), await live(cluster)
    made = await planned(deployment, b"s:")
    first, second, third = cluster.nodes
    moved = slots_of(cluster, first, 60)
    await asyncio.to_thread(cluster.migrate, moved, first, third)
    altered = {key for key, about in world(cluster).items() if about != before[key]}
    receipt = await executed(deployment, made, folder)
    assert (receipt.counts.removed, receipt.counts.changed) == (KEYS - len(altered), len(altered))
    assert receipt.failure is None
    assert left(cluster) == altered
    await asyncio.to_thread(cluster.migrate, range(5500, 5530), second, first)
    back = await undone(deployment, receipt.journal)
    assert (back.counts.restored, back.failure) == (KEYS - len(altered), None)
    assert is_as_before(before, world(cluster), moved)


async def test_slots_that_move_in_the_middle_are_followed(cluster: Cluster, live: LiveCluster, folder: Path) -> None:
    cluster.fill(rows())
    before, deployment = world(cluster), await live(cluster)
    made = await planned(deployment, b"s:")
    first, second, third = cluster.nodes
    moving = slots_of(cluster, second, 120)

    def move() -> None:
        cluster.migrate(moving[::2], second, first)
        cluster.migrate(moving[1::2], second, third)

    receipt = await when_begun(execute(deployment, made, folder, rate=700), move)
    assert (receipt.failure, receipt.reasons) == (None, ())
    assert receipt.counts.removed + receipt.counts.changed == KEYS
    assert left(cluster) == set(receipt.changed_keys)
    assert all(slot_of(key) in moving and before[key][1] > 0 for key in receipt.changed_keys)
    back = await undone(deployment, receipt.journal)
    assert back.counts.restored == receipt.counts.removed
    assert is_as_before(before, world(cluster), moving)


async def half_moved(cluster: Cluster, slot: int, source: Server, target: Server) -> None:
    """Open a slot, and move one of its keys."""
    await asyncio.to_thread(cluster.begin_moving, slot, source, target)
    assert await asyncio.to_thread(cluster.move_keys, slot, source, target, 1) == 1


async def test_a_slot_on_its_way_is_waited_for_while_the_others_go_on(
    cluster: Cluster, live: LiveCluster, folder: Path
) -> None:
    cluster.fill(rows())
    before, deployment = world(cluster), await live(cluster)
    made, slot = await planned(deployment, b"s:"), slot_of(b"tag3")
    source = cluster.owner(b"tag3")
    target = next(server for server in cluster.nodes if server is not source)
    mine = {key for key in left(cluster) if slot_of(key) == slot}
    await half_moved(cluster, slot, source, target)
    final, ended = None, False
    async for step in execute(deployment, made, folder):
        if not ended and isinstance(step, Progress) and step.counts.removed == KEYS - len(mine) and step.waiting:
            assert step.waiting.kind is Kind.MOVING
            await asyncio.to_thread(cluster.migrate, [slot], source, target)
            ended = True
        final = step
    assert isinstance(final, Receipt)
    assert ended
    assert (final.counts.removed, final.failure) == (KEYS, None)
    assert not left(cluster)
    await undone(deployment, final.journal)
    assert world(cluster) == before


@pytest.mark.usefixtures("impatient")
async def test_a_slot_that_stays_open_is_left_and_said(cluster: Cluster, live: LiveCluster, folder: Path) -> None:
    cluster.fill(rows())
    deployment = await live(cluster)
    made, slot = await planned(deployment, b"s:"), slot_of(b"tag3")
    source = cluster.owner(b"tag3")
    target = next(server for server in cluster.nodes if server is not source)
    mine = {key for key in left(cluster) if slot_of(key) == slot}
    await half_moved(cluster, slot, source, target)
    again = await last(plan(deployment, Request(b"s:")))
    assert isinstance(again, Plan)
    assert (again.found.moving, len(again.keys)) == (1, KEYS - 1)
    receipt = await executed(deployment, made, folder)
    assert (receipt.counts.skipped, receipt.counts.removed) == (len(mine), KEYS - len(mine))
    assert receipt.reasons == (("its slot is being moved to another node", len(mine)),)
    assert left(cluster) == mine
    await asyncio.to_thread(cluster.migrate, [slot], source, target)
    rest = await executed(deployment, await planned(deployment, b"s:"), folder)
    assert (rest.counts.removed, rest.failure) == (len(mine), None)


async def test_keys_that_move_while_they_are_looked_for_are_not_missed(cluster: Cluster, live: LiveCluster) -> None:
    """SCAN alone would miss what goes from a node that is still to be read to one that was read already."""
    cluster.fill(rows())
    deployment = await live(cluster)
    first, _, third = cluster.nodes
    moving = slots_of(cluster, third, 120)
    found, acting, told = None, None, []
    async for step in plan(deployment, Request(b"s:"), share=0.02):
        if acting is None and isinstance(step, Preview) and step.scanned:
            acting = asyncio.create_task(asyncio.to_thread(cluster.migrate, moving, third, first))
        if isinstance(step, Preview) and step.failure is not None:
            told.append(step.failure.kind)
        found = step
    assert acting is not None
    await acting
    assert isinstance(found, Plan), found
    assert (set(found.keys), len(found.keys)) == (left(cluster), KEYS)
    assert Kind.MOVING in told


async def test_no_node_gets_more_than_four_connections_however_many_slots_it_takes_over(
    cluster: Cluster, live: LiveCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.purge.execute.SMALL", 100)
    monkeypatch.setattr("tui.engine.purge.execute.LANES", 4)
    cluster.fill(rows())
    deployment = await live(cluster)
    made = await planned(deployment, b"s:")
    first, second, third = cluster.nodes
    for server in (second, third):
        await asyncio.to_thread(cluster.migrate, slots_of(cluster, server, 80), server, first)
    most = 0
    async for _ in execute(deployment, made, folder):
        named = await asyncio.to_thread(lambda: [s.ask("CLIENT", "LIST").count(b"name=redtop") for s in cluster.nodes])
        most = max(most, *named)
    assert 2 < most <= 4
    assert len(left(cluster)) < KEYS / 50


# -- nodes that die -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_a_node_killed_in_the_middle_keeps_its_keys_and_the_others_go_on(
    live: LiveCluster, folder: Path, until: Until
) -> None:
    with Cluster("valkey-9.1", 3, 0, "--appendonly", "yes", "--cluster-require-full-coverage", "no") as cluster:
        cluster.fill(rows())
        before, deployment = world(cluster), await live(cluster)
        made, victim = await planned(deployment, b"s:"), cluster.nodes[1]
        receipt = await when_begun(execute(deployment, made, folder, rate=1000), victim.kill)
        counts = receipt.counts
        assert receipt.failure is not None
        assert counts.skipped + counts.unknown > 100
        assert counts.removed + counts.skipped + counts.unknown == KEYS
        label = f"{HOST}:{victim.port}"
        assert [(label in reason, number) for reason, number in receipt.reasons] == [(True, counts.skipped)]
        refused = await last(plan(deployment, Request(b"s:")))
        assert isinstance(refused, Failure)  # part of a purge is none
        victim.start()
        await asyncio.to_thread(wait_for, cluster.is_whole)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        assert counts.skipped <= len(left(cluster)) <= counts.skipped + counts.unknown
        (entry,) = journals(folder)
        if counts.unknown:
            assert entry.state is State.INTERRUPTED
            assert (await finished(deployment, entry.path)).failure is None
            assert len(left(cluster)) == counts.skipped
        back = await undone(deployment, entry.path)
        assert (back.counts.remaining, back.counts.failed) == (0, 0)
        assert world(cluster) == before


@pytest.mark.usefixtures("impatient")
async def test_undo_goes_on_without_a_node_and_is_completed_later(
    live: LiveCluster, folder: Path, until: Until
) -> None:
    with Cluster("valkey-9.1", 3, 0, "--appendonly", "yes", "--cluster-require-full-coverage", "no") as cluster:
        cluster.fill(rows())
        before, deployment = world(cluster), await live(cluster)
        receipt = await executed(deployment, await planned(deployment, b"s:"), folder)
        victim = cluster.nodes[2]
        ports = cluster.ports_by_slot()
        theirs = sum(ports[slot_of(key)] == victim.port for key in before if key.startswith(b"s:"))
        victim.kill()
        back = await undone(deployment, receipt.journal)
        assert isinstance(back, UndoReceipt)
        assert (back.counts.failed, back.counts.restored) == (theirs, KEYS - theirs)
        assert back.reasons
        victim.start()
        await asyncio.to_thread(wait_for, cluster.is_whole)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        back = await undone(deployment, receipt.journal)
        assert (back.counts.failed, back.counts.remaining) == (0, 0)
        assert world(cluster) == before


@pytest.mark.parametrize("way", ["handed over", "killed"])
async def test_a_failover_in_the_middle_is_followed(way: str, live: LiveCluster, folder: Path) -> None:
    with Cluster("valkey-9.1", 3, 1) as cluster:
        cluster.fill(rows())
        before, deployment = world(cluster), await live(cluster)
        made = await planned(deployment, b"s:")
        act = cluster.nodes[0].kill if way == "killed" else cluster.failover
        receipt = await when_begun(execute(deployment, made, folder, rate=700), act)
        assert receipt.failure is None
        assert receipt.counts.removed + receipt.counts.gone == KEYS
        if way == "handed over":
            assert receipt.counts.removed == KEYS
            assert not left(cluster)
        # What a primary had not told its replica when it died is there again: undo finds it as it was.
        back = await undone(deployment, receipt.journal)
        assert (back.counts.recreated, back.counts.failed, back.counts.remaining) == (0, 0, 0)
        assert world(cluster) == before


async def test_a_failover_since_the_preview_asks_for_another_one(live: LiveCluster, folder: Path, until: Until) -> None:
    with Cluster("valkey-9.1", 3, 1) as cluster:
        cluster.fill(rows(200))
        deployment = await live(cluster)
        made, known = await planned(deployment, b"s:"), deployment.layout
        await asyncio.to_thread(cluster.failover)
        await until(lambda: deployment.layout != known)
        await until(lambda: all(node.state.phase is Phase.LIVE for node in deployment.nodes))
        receipt = await executed(deployment, made, folder)
        assert receipt.failure is not None
        assert receipt.failure.kind is Kind.CHANGED
        assert len(left(cluster)) == 200


# -- redtop itself is killed ----------------------------------------------------------------------------------------


def kill_in_the_middle(cluster: Cluster, folder: Path) -> None:
    """Let a process purge until 200 keys are gone, and kill it then."""
    command = [sys.executable, "-m", "tests.engine.purge.victim", str(cluster.nodes[0].port), str(folder), "s:"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        assert victim.stdout.readline() == f"planned {KEYS}\n".encode()
        victim.stdin.write(b"\n")
        victim.stdin.flush()
        while sum(node.ask("DBSIZE") for node in cluster.nodes) > KEYS - 100:
            pass
        victim.kill()


@pytest.mark.parametrize("way", ["undo", "finish"])
async def test_a_killed_purge_of_a_cluster_is_finished_or_undone(
    way: str, cluster: Cluster, live: LiveCluster, folder: Path
) -> None:
    cluster.fill(rows())
    before = world(cluster)
    await asyncio.to_thread(kill_in_the_middle, cluster, folder)
    deployment = await live(cluster)
    (entry,) = journals(folder)
    assert entry.state is State.INTERRUPTED
    gone = before.keys() - cluster.keys()
    assert gone
    assert all(key.startswith(b"s:") for key in gone)
    if way == "finish":
        receipt = await finished(deployment, entry.path)
        assert (receipt.counts.removed, receipt.failure) == (receipt.planned, None)
        assert receipt.planned < 50
    back = await undone(deployment, entry.path)
    assert (back.counts.recreated, back.counts.failed, back.counts.remaining) == (0, 0, 0)
    assert world(cluster) == before


async def test_somebody_who_writes_all_the_time_loses_nothing(
    cluster: Cluster, live: LiveCluster, folder: Path, writing: Any
) -> None:
    cluster.fill(rows())
    deployment = await live(cluster)
    made = await planned(deployment, b"s:")
    first, _, third = cluster.nodes
    async with writing(cluster, [f"s:{n}" for n in range(1, 200) if n % 4]) as written:
        receipt = await when_begun(
            execute(deployment, made, folder, rate=1000),
            lambda: cluster.migrate(slots_of(cluster, first, 50), first, third),
        )
    assert receipt.failure is None
    assert written
    assert all(cluster.ask("GET", key) == value for key, value in written.items())
    await undone(deployment, receipt.journal)
    assert all(cluster.ask("GET", key) == value for key, value in written.items())


@pytest.fixture
def writing() -> Any:
    """Somebody who makes keys anew, one after the other, while it goes on; tells what was written last."""

    class Writing:
        def __init__(self, cluster: Cluster, keys: list[str]) -> None:
            self._cluster, self._keys = cluster, keys
            self.written: dict[str, bytes] = {}

        async def __aenter__(self) -> dict[str, bytes]:
            self._task = asyncio.create_task(self._write())
            return self.written

        async def __aexit__(self, *_: object) -> None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

        async def _write(self) -> None:
            for number, key in enumerate(self._keys * 5):
                value = f"theirs {number}".encode()
                await asyncio.shield(asyncio.to_thread(self._set, key, value))

        def _set(self, key: str, value: bytes) -> None:
            if self._cluster.ask("SET", key, value) == b"OK":
                self.written[key] = value

    return Writing
