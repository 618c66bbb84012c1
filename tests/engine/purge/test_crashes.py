"""Whatever dies in the middle, and whenever: no key is lost without a record, none is touched that was not planned.

The figures of the long run (REDTOP_THOROUGH=1) stand beside each test.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Until
from tests.engine.purge.conftest import Live, digestible, executed, finished, planned, times, undone, world
from tests.proxy import Fault, FaultyProxy
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.failure import Kind
from tui.engine.info import Identity
from tui.engine.node import Node
from tui.engine.purge.account import Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.frames import Record, read_outline, read_records
from tui.engine.purge.journals import State, journals

FAR = int(time.time() * 1000) + 10_000_000
KEYS = 4000


def fill(server: Server, count: int = KEYS) -> None:
    """Planned keys of several types, every other one with an expiry; and others that nobody plans to remove."""
    commands: list[tuple[str | bytes | int, ...]] = []
    for n in range(count):
        key = f"s:{n}"
        if n % 10 == 0:
            commands.append(("HSET", key, "f", n, "g", "x"))
        elif n % 10 == 1:
            commands.append(("RPUSH", key, n, "x"))
        else:
            commands.append(("SET", key, f"value {n}"))
        if n % 2:
            commands.append(("PEXPIREAT", key, FAR + n))
    commands += [("SET", f"other:{n}", n) for n in range(100)]
    server.ask_all(commands)


def recorded(path: Path) -> dict[bytes, Record]:
    """Return what undo would bring back."""
    with path.open("rb") as file:
        outline = read_outline(file.fileno())
        found: dict[bytes, Record] = {}
        for batch in outline.batches:
            left = outline.left.get(batch.number, frozenset())
            records = read_records(file.fileno(), batch)
            found.update({record.key: record for at, record in enumerate(records) if at not in left})
    return found


# -- the purging process is killed --------------------------------------------------------------------------------


def kill_in_the_middle(server: Server, folder: Path, removed: int) -> None:
    """Let a process purge until so many keys are gone, and kill it then."""
    command = [sys.executable, "-m", "tests.engine.purge.victim", str(server.port), str(folder), "s:"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        assert victim.stdout.readline() == f"planned {KEYS}\n".encode()
        with Wire(HOST, server.port) as wire:
            victim.stdin.write(b"\n")
            victim.stdin.flush()
            while wire.ask([("DBSIZE",)])[0] > KEYS + 100 - removed and victim.poll() is None:
                pass
        victim.kill()


async def test_a_killed_process_loses_nothing_and_undo_brings_back_everything(live: Live, tmp_path: Path) -> None:
    """Figure: 200 seeded SIGKILLs, 0 keys lost, 0 others touched, digest and expiries equal after undo, 200 of 200."""
    rng = random.Random(4)
    interrupted = 0
    for run in range(times(4, 200)):
        with digestible("valkey-9.1") as server:
            fill(server)
            before, folder = world(server), tmp_path / str(run)
            everything = set(server.ask("KEYS", "*"))
            kill_in_the_middle(server, folder, rng.randint(1, KEYS - 1) if run % 8 else 0)
            await _judge_the_wreck(server, live, folder, everything)
            interrupted += sum(entry.state is State.INTERRUPTED for entry in journals(folder))
            node = await live(server)
            for entry in journals(folder):
                back = await undone(node, entry.path)
                assert back.counts.recreated == back.counts.failed == back.counts.remaining == 0
            assert world(server) == before
    assert interrupted


async def _judge_the_wreck(server: Server, live: Live, folder: Path, everything: set[bytes]) -> None:
    gone = everything - set(server.ask("KEYS", "*"))
    assert all(key.startswith(b"s:") for key in gone)
    entries = journals(folder)
    known = recorded(entries[0].path) if entries else {}
    assert gone <= set(known)


async def test_a_killed_purge_can_be_finished(live: Live, tmp_path: Path) -> None:
    """Only what is in the journal, and unchanged since; the rest stays, and undo still brings back all of it."""
    for run in range(times(3, 30)):
        with digestible("valkey-9.1") as server:
            fill(server)
            before, folder = world(server), tmp_path / str(run)
            node = await live(server)
            steps = execute(node, await planned(node, b"s:"), folder)
            with pytest.MonkeyPatch.context() as patch:
                batches = 0

                def settle(*_: object, most: int = run % 6 + 1) -> None:
                    nonlocal batches
                    batches += 1
                    if batches > most:
                        raise asyncio.CancelledError  # as if it were killed between the removal and its mark

                patch.setattr("tui.engine.purge.removing.Removal._settle", settle)
                with pytest.raises(asyncio.CancelledError):
                    async for _ in steps:
                        pass
            (entry,) = journals(folder)
            assert entry.state is State.INTERRUPTED
            left = len(server.ask("KEYS", "s:*"))
            receipt = await finished(node, entry.path)
            assert (receipt.counts.removed, receipt.failure) == (receipt.planned, None)
            assert len(server.ask("KEYS", "s:*")) == left
            (entry,) = journals(folder)
            assert (entry.state, entry.keys) == (State.COMPLETE, KEYS - left)
            again = await finished(node, entry.path)
            assert again.failure is not None
            assert "already" in again.failure.sentence
            await undone(node, entry.path)
            assert world(server) == before


async def test_finishing_removes_unfinished_keys_that_are_unchanged_and_leaves_the_others(
    live: Live, folder: Path, valkey: Server
) -> None:
    valkey.ask_all([("SET", f"s:{n}", n) for n in range(300)])
    node = await live(valkey)
    found = await planned(node, b"s:")
    with pytest.MonkeyPatch.context() as patch:

        def killed(*_: object) -> Any:
            raise asyncio.CancelledError  # after the journal, before the server is told anything

        patch.setattr("tui.engine.purge.removing.Limbo", killed)
        with pytest.raises(asyncio.CancelledError):
            await executed(node, found, folder)
    assert valkey.ask("DBSIZE") == 300
    valkey.ask_all([("SET", "s:1", "theirs"), ("DEL", "s:2")])
    (entry,) = journals(folder)
    receipt = await finished(node, entry.path)
    assert (receipt.counts.changed, receipt.changed_keys) == (1, (b"s:1",))
    assert receipt.counts.removed == 299
    assert valkey.ask("KEYS", "*") == [b"s:1"]
    back = await undone(node, entry.path)
    assert (back.counts.restored, back.counts.recreated) == (299, 0)
    assert valkey.ask("GET", "s:1") == b"theirs"


# -- the server is killed -----------------------------------------------------------------------------------------


async def test_a_killed_server_with_an_append_only_file_gets_everything_back(
    live: Live, tmp_path: Path, until: Until
) -> None:
    """Figure: 20 server `kill -9` with AOF everysec, 0 lost beyond what AOF itself loses, undo exact."""
    rng = random.Random(4)
    for run in range(times(2, 20)):
        with digestible("valkey-9.1", "--appendonly", "yes", "--appendfsync", "everysec") as server:
            fill(server)
            before, folder = world(server), tmp_path / str(run)
            node = await live(server)
            found = await planned(node, b"s:")
            was, due, receipt = node.identity, rng.randint(1, KEYS - 2000), None
            async for step in execute(node, found, folder, rate=20_000):
                if isinstance(step, Receipt):
                    receipt = step
                elif step.done >= due:
                    due = KEYS + 1
                    server.kill()
                    server.start()
            assert receipt is not None
            assert receipt.failure is not None
            assert receipt.failure.kind is Kind.CHANGED
            await until(_another(node, was))
            known = recorded(journals(folder)[0].path)
            assert set(found.keys) - set(server.ask("KEYS", "s:*")) <= set(known)
            back = await undone(node, journals(folder)[0].path)
            assert back.restarted
            assert back.counts.recreated == back.counts.failed == back.counts.remaining == 0
            assert world(server) == before


def _another(node: Node, was: Identity | None) -> Callable[[], bool]:
    return lambda: node.identity is not was


# -- the network, and somebody who writes meanwhile ---------------------------------------------------------------


class Somebody:
    """Writes to keys of the plan, and remembers what they hold since."""

    def __init__(self, server: Server, rng: random.Random) -> None:
        self._server = server
        self._rng = rng
        self._count = 0
        self.holds: dict[bytes, bytes | None] = {}
        """By key, the value written last; None when it was deleted last."""

    def act(self) -> None:
        """Do something to a few keys."""
        for _ in range(self._rng.randint(1, 3)):
            key = b"s:%d" % self._rng.randrange(KEYS + 200)
            self._count += 1
            if self._rng.random() < 0.8:
                value = b"theirs %d" % self._count
                self._server.ask("SET", key, value)
                self.holds[key] = value
            else:
                self._server.ask("DEL", key)
                self.holds[key] = None


class BadLuck:
    """What happens to requests of a writer's connection; the link that a person looks through is spared."""

    def __init__(self, rng: random.Random, act: Callable[[], None]) -> None:
        self.chance = 0.0
        self.most = 8
        """Faults, then it is enough: each takes a moment to get over."""
        self._rng = rng
        self._act = act

    def __call__(self, data: bytes) -> Fault | None:
        if not self.chance or not any(word in data for word in (b"WATCH", b"UNLINK", b"RESTORE", b"DUMP")):
            return None
        if self._rng.random() < 0.3:
            self._act()
        if not self.most or self._rng.random() >= self.chance:
            return None
        self.most -= 1
        return self._rng.choice(list(Fault))


@pytest.fixture
def impatient() -> Iterator[None]:
    """A half-open connection is given up after a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.engine.purge.lane.PATIENCE", 0.15)
        patch.setattr("tui.engine.purge.restoring.PATIENCE", 0.15)
        yield


@pytest.mark.usefixtures("impatient")
async def test_with_a_bad_network_and_somebody_writing_nothing_is_lost_and_nobody_is_harmed(
    live: Live, tmp_path: Path
) -> None:
    """Figure: 100 runs, 0 lost, 0 wrong keys, every unknown outcome resolved by reading back."""
    seen: set[Fault] = set()
    for run in range(times(2, 100)):
        rng, folder = random.Random(run), tmp_path / str(run)
        with digestible("valkey-9.1" if run % 3 else "redis-6.2") as server:
            fill(server)
            payloads = dict(_payloads(server))
            somebody = Somebody(server, rng)
            luck = BadLuck(rng, somebody.act)
            async with FaultyProxy(server.port, luck) as proxy:
                node = await live(server, Address(HOST, proxy.port))
                found = await planned(node, b"s:")
                luck.chance = 0.2
                receipt = await executed(node, found, folder)
                assert receipt.failure is None, receipt
                assert receipt.counts.unknown == receipt.counts.skipped == receipt.counts.failed == 0
                _judge_the_purge(server, somebody, payloads, receipt)
                back = await undone(node, receipt.journal)
                assert back.failure is None, back
                assert back.counts.remaining == back.counts.failed == 0
                _judge_the_undo(server, somebody, payloads)
                seen |= set(proxy.faults)
    assert len(seen) > 4


def _payloads(server: Server) -> list[tuple[bytes, bytes]]:
    keys = server.ask("KEYS", "*")
    return list(zip(keys, server.ask_all([("DUMP", key) for key in keys]), strict=True))


def _judge_the_purge(server: Server, somebody: Somebody, payloads: dict[bytes, bytes], receipt: Receipt) -> None:
    assert receipt.journal is not None
    now, known = dict(_payloads(server)), recorded(receipt.journal)
    for key, payload in payloads.items():
        if key in somebody.holds:
            continue
        if key.startswith(b"other:"):
            assert now.get(key) == payload
        else:
            assert key not in now, "all that nobody touched was to go"
            assert known[key].payload == payload
    for key, value in somebody.holds.items():
        if value is not None:
            assert server.ask("GET", key) == value, "what somebody has written since is theirs"


def _judge_the_undo(server: Server, somebody: Somebody, payloads: dict[bytes, bytes]) -> None:
    now = dict(_payloads(server))
    for key, payload in payloads.items():
        if key not in somebody.holds:
            assert now.get(key) == payload
    for key, value in somebody.holds.items():
        if value is not None:
            assert server.ask("GET", key) == value
        elif key in now and now[key] != payloads[key]:
            raise AssertionError("a deleted key may come back, but as it was")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.CUT, Fault.HALF_OPEN, Fault.RESET, Fault.REFUSE])
@pytest.mark.parametrize("undo", [True, False])
async def test_a_lost_answer_is_resolved_by_reading_back(
    one: Server, live: Live, folder: Path, fault: Fault, undo: bool
) -> None:
    fill(one)
    before = world(one)
    sent = 0

    def once(data: bytes) -> Fault | None:
        nonlocal sent
        sent += b"UNLINK" in data
        return fault if sent == 2 and b"UNLINK" in data else None

    async with FaultyProxy(one.port, once) as proxy:
        node = await live(one, Address(HOST, proxy.port))
        found = await planned(node, b"s:", undo=undo)
        receipt = await executed(node, found, folder if undo else None)
        assert proxy.faults == {fault: 1}
        assert (receipt.counts.removed, receipt.failure) == (KEYS, None)
        batches = KEYS // (500 if undo else 1000)
        calls = one.ask("INFO", "commandstats").decode()
        assert f"cmdstat_unlink:calls={batches}," in calls  # whatever happened, none ran twice
        assert one.ask("DBSIZE") == 100
        if undo:
            await undone(node, receipt.journal)
            assert world(one) == before


@pytest.mark.usefixtures("impatient")
async def test_what_somebody_makes_while_an_answer_is_lost_is_theirs(valkey: Server, live: Live, folder: Path) -> None:
    valkey.ask_all([("SET", f"s:{n}", n) for n in range(400)])
    theirs = [f"s:{n}".encode() for n in range(0, 400, 10)]
    lost = False

    def fault(data: bytes) -> Fault | None:
        nonlocal lost
        if b"UNLINK" in data and not lost:
            lost = True
            return Fault.LOSE_REPLY
        if lost and b"TIME" in data:
            # They are made anew, with the very same value, before anybody has read them back.
            valkey.ask_all([("SET", key, key[2:]) for key in theirs])
        return None

    async with FaultyProxy(valkey.port, fault) as proxy:
        node = await live(valkey, Address(HOST, proxy.port))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
    assert receipt.counts.removed == 360
    assert set(receipt.changed_keys) == set(theirs)
    assert sorted(valkey.ask("KEYS", "*")) == sorted(theirs)
