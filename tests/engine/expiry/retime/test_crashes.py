"""Whenever the process dies: every key is there as it was, with its old expiry or the new one, and undo is exact.

The figures of the long run (REDTOP_THOROUGH=1) stand beside each test.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.expiry.retime.test_retime import SET, expiries, fill, flow, planned, undone
from tests.engine.purge.conftest import Live, last, times
from tests.engine.purge.test_crashes import recorded
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.expiry.retime.account import Receipt
from tui.engine.expiry.retime.changing import Changing
from tui.engine.expiry.retime.execute import SUFFIX, execute
from tui.engine.expiry.retime.finish import finish
from tui.engine.expiry.retime.records import given
from tui.engine.node import Node
from tui.engine.purge.journal import Journal
from tui.engine.purge.journals import State, journals

KEYS = 300
POINTS = range(25)
"""Crash points: with batches of 75 there are 34, before and after each question and each record; all but the last
ones, where nothing is left to do, are tried."""


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def death_at(point: int) -> Iterator[None]:
    """Die before (even points) or after (odd ones) a question to the server, or something that is written."""
    passed = 0

    def due() -> bool:
        nonlocal passed
        passed += 1
        return passed == point + 1

    ask, append, settle = Changing._ask, Journal.append, Journal.settle

    async def dying_ask(changing: Changing, question: Any) -> Any:
        return await _around_async(due, lambda: ask(changing, question))

    def dying_append(journal: Journal, records: Any) -> int:
        return int(_around(due, lambda: append(journal, records)))

    def dying_settle(journal: Journal, number: int, left: Any = ()) -> None:
        _around(due, lambda: settle(journal, number, left))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Changing, "_ask", dying_ask)
        patch.setattr(Journal, "append", dying_append)
        patch.setattr(Journal, "settle", dying_settle)
        # What has not been written by then is lost with the process.
        patch.setattr(Journal, "close", lambda journal: _forget(journal))
        yield


def _around(due: Callable[[], bool], act: Callable[[], Any]) -> Any:
    if due():
        raise Killed
    result = act()
    if due():
        raise Killed
    return result


async def _around_async(due: Callable[[], bool], act: Callable[[], Awaitable[Any]]) -> Any:
    if due():
        raise Killed
    result = await act()
    if due():
        raise Killed
    return result


_close = Journal.close


def _forget(journal: Journal) -> None:
    journal._marks = b""
    _close(journal)


async def killed(node: Node, folder: Path, point: int) -> None:
    """Change TTLs until the process dies."""
    found = await planned(node, SET)
    with death_at(point), pytest.raises(Killed):
        await last(execute(node, found, SET, "set 1h", folder))


def judge(server: Server, before: dict[bytes, int], folder: Path) -> set[bytes]:
    """Every key is there, and which have a new expiry the journal knows; returns these."""
    now = flow(server, range(KEYS))
    changed = {key for key, expiry in now.items() if expiry != before[key]}
    known = recorded(journals(folder, SUFFIX)[0].path) if journals(folder, SUFFIX) else {}
    assert changed <= known.keys()
    assert all((known[key].expiry, given(known[key])) == (before[key], now[key]) for key in changed)
    return changed


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.expiry.retime.execute.BATCH", 75)


@pytest.mark.usefixtures("small_batches")
async def test_wherever_it_dies_no_key_is_lost_and_undo_is_exact(valkey: Server, live: Live, tmp_path: Path) -> None:
    node, outcomes = await live(valkey), set()
    for point in POINTS:
        fill(valkey, KEYS)
        before, size, folder = expiries(valkey), valkey.ask("DBSIZE"), tmp_path / str(point)
        await killed(node, folder, point)
        outcomes.add(len(judge(valkey, before, folder)))
        for entry in journals(folder, SUFFIX):
            assert entry.state is State.INTERRUPTED
            back = await undone(node, entry.path)
            assert back.failure is None
            assert back.counts.remaining == back.counts.changed == back.counts.failed == 0
        assert expiries(valkey) == before
        assert valkey.ask("DBSIZE") == size
    assert {0, 75, 150, 225, 300} >= outcomes > {0, 75}, "a batch changes as a whole, or not at all"


@pytest.mark.usefixtures("small_batches")
async def test_what_was_interrupted_is_finished_and_still_undone(valkey: Server, live: Live, tmp_path: Path) -> None:
    node, finished = await live(valkey), set()
    for point in POINTS:
        fill(valkey, KEYS)
        before, folder = expiries(valkey), tmp_path / str(point)
        await killed(node, folder, point)
        changed = judge(valkey, before, folder)
        for entry in journals(folder, SUFFIX):
            receipt = await last(finish(node, entry.path))
            assert isinstance(receipt, Receipt)
            assert (receipt.failure, receipt.counts.done) == (None, receipt.planned)
            (entry,) = journals(folder, SUFFIX)
            now = judge(valkey, before, folder)
            assert now >= changed, "a batch that was written down is changed now"
            assert (entry.state, entry.keys) == (State.COMPLETE, len(now))
            finished.add(len(now) - len(changed))
            again = await last(finish(node, entry.path))
            assert "already" in again.failure.sentence
            assert (await undone(node, entry.path)).counts.restored == len(now)
        assert expiries(valkey) == before
    assert finished == {0, 75}, "what it finds done, and what it does"


@pytest.mark.usefixtures("small_batches")
async def test_finishing_leaves_what_somebody_changed_and_what_would_be_over(
    valkey: Server, live: Live, folder: Path
) -> None:
    fill(valkey, KEYS)
    node = await live(valkey)
    await killed(node, folder, 6)  # the first batch is on disk, and the server was told nothing
    (entry,) = journals(folder, SUFFIX)
    known = recorded(entry.path)
    theirs, gone, *others = list(known)
    valkey.ask_all([("SET", theirs, "theirs"), ("DEL", gone)])
    wanted = {key: given(record) for key, record in known.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tui.engine.expiry.retime.finish.given",
            lambda record: 1000 if record.key == others[0] else wanted[record.key],
        )
        receipt = await last(finish(node, entry.path))
    assert (receipt.counts.changed, receipt.counts.gone, receipt.counts.failed) == (1, 1, 1)
    assert receipt.counts.done == len(known) - 3
    assert receipt.reasons == (("the time it was to get is over by now: left as it was", 1),)
    now = expiries(valkey)
    assert (now[theirs], now[others[0]]) == (-1, known[others[0]].expiry)
    assert all(now[key] == wanted[key] for key in others[1:])


def kill_in_the_middle(server: Server, folder: Path, changed: int) -> None:
    """Let a process change TTLs until so many are changed, and kill it then."""
    command = [sys.executable, "-m", "tests.engine.expiry.retime.victim", str(server.port), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"planned 5000\n"
        with Wire(HOST, server.port) as wire:
            calls = _changes(wire)
            victim.stdin.write(b"\n")
            victim.stdin.flush()
            while _changes(wire) < calls + changed and victim.poll() is None:
                pass
        victim.kill()


def _changes(wire: Wire) -> int:
    """How often a TTL was set on this server."""
    text = wire.ask([("INFO", "commandstats")])[0].decode()
    return int(text.split("cmdstat_pexpireat:calls=")[1].split(",")[0]) if "pexpireat" in text else 0


async def test_a_killed_process_leaves_nothing_that_cannot_be_undone(
    valkey: Server, live: Live, tmp_path: Path
) -> None:
    """Figure: 100 seeded SIGKILLs, no key lost, every expiry as before after undo, 100 of 100."""
    rng, partly = random.Random(4), 0
    node = await live(valkey)
    for run in range(times(4, 100)):
        fill(valkey, 5000)
        before, folder = expiries(valkey), tmp_path / str(run)
        kill_in_the_middle(valkey, folder, rng.randint(1, 4500))
        now = expiries(valkey)
        changed = [key for key in before if now[key] != before[key]]
        partly += 0 < len(changed) < 5000
        for entry in journals(folder, SUFFIX):
            if run % 2:
                assert (await last(finish(node, entry.path))).failure is None
            assert (await undone(node, entry.path)).failure is None
        assert expiries(valkey) == before
    assert partly
