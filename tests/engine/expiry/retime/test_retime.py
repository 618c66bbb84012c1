"""TTLs of a family: exactly the previewed keys, exactly the wanted expiries, and back by undo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.engine.purge.conftest import Live, last
from tests.proxy import Fault, FaultyProxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.expiry.retime.account import Progress, Receipt, UndoReceipt
from tui.engine.expiry.retime.execute import SUFFIX, execute
from tui.engine.expiry.retime.undo import undo
from tui.engine.expiry.retime.wish import How, Wish, request_of
from tui.engine.failure import Failure, Kind
from tui.engine.node import Node
from tui.engine.place import Where
from tui.engine.purge.journals import State, journals
from tui.engine.purge.plan import Plan, plan

FAR = int(time.time() * 1000) + 100_000_000
LOCKS = (":", "lock", "flow", "{int}")
SHAPES = [LOCKS, (":", "lock", "import", "{int}"), (":", "lock", "flow", "{int}", "owner"), (":", "other", "{int}")]


def fill(server: Server, keys: int = 1200) -> None:
    """A family of which a half expires, and others that begin alike."""
    commands: list[tuple[str | int, ...]] = [
        ("SET", f"lock:flow:{n}", f"v{n}", *(("PXAT", FAR + n) if n % 2 else ())) for n in range(keys)
    ]
    if server.generation == "redis-6.2":
        commands = [("SET", f"lock:flow:{n}", f"v{n}") for n in range(keys)]
        commands += [("PEXPIREAT", f"lock:flow:{n}", FAR + n) for n in range(1, keys, 2)]
    commands += [("SET", f"lock:import:{n}", "x") for n in range(40)]
    commands += [("SET", f"lock:flow:{n}:owner", "x") for n in range(40)]
    commands += [("SADD", f"other:{n}", "x") for n in range(40)]
    server.ask_all(commands)


def expiries(server: Server) -> dict[bytes, int]:
    """When each key expires, in milliseconds since 1970; of 6.2 within some."""
    keys = sorted(server.ask("KEYS", "*"))
    if server.generation != "redis-6.2":
        return dict(zip(keys, server.ask_all([("PEXPIRETIME", key) for key in keys]), strict=True))
    left = server.ask_all([("PTTL", key) for key in keys])
    return {key: -1 if ttl < 0 else int(time.time() * 1000) + ttl for key, ttl in zip(keys, left, strict=True)}


def near(server: Server) -> int:
    """How far two readings of one expiry may lie apart (ms)."""
    return 1000 if server.generation == "redis-6.2" else 0


async def planned(node: Where, wish: Wish, shape: Sequence[str] = LOCKS, **rules: Any) -> Plan:
    found = await last(plan(node, request_of(shape, SHAPES, wish, delimiter=None, **rules)))
    assert isinstance(found, Plan), found
    return found


async def executed(node: Where, found: Plan, wish: Wish, folder: Path, **how: Any) -> Receipt:
    """Execute to the end; the numbers add up."""
    receipt = await last(execute(node, found, wish, "set 60s", folder, chance=Random(1), **how))
    assert isinstance(receipt, Receipt)
    assert receipt.counts.decided + receipt.counts.unknown + receipt.counts.skipped == receipt.planned
    return receipt


async def undone(node: Node, path: Path | None, **how: Any) -> UndoReceipt:
    """Undo to the end; the numbers add up."""
    assert path is not None
    receipt = await last(undo(node, path, **how))
    assert isinstance(receipt, UndoReceipt)
    counts = receipt.counts
    parts = counts.restored + counts.changed + counts.gone + counts.past + counts.failed + counts.remaining
    assert parts == receipt.total
    return receipt


def flow(server: Server, some: Iterable[int]) -> dict[bytes, int]:
    all_of = expiries(server)
    return {b"lock:flow:%d" % n: all_of[b"lock:flow:%d" % n] for n in some}


SET = Wish("lock:flow:{int}", How.SET, 3600.0)
LEAKS = Wish("lock:flow:{int}", How.SET, 3600.0, expiring=False)


# -- all is well --------------------------------------------------------------------------------------------------


async def test_a_ttl_is_given_to_the_keys_that_have_none_and_taken_back(
    store: Server, live: Live, folder: Path
) -> None:
    fill(store)
    before, node = expiries(store), await live(store)
    found = await planned(node, LEAKS)
    assert len(found.keys) == found.found.keys == found.found.no_ttl == 600
    started = time.time() * 1000
    receipt = await executed(node, found, LEAKS, folder)
    assert (receipt.counts.done, receipt.failure, receipt.cancelled) == (600, None, False)
    after = expiries(store)
    given = {key for key in before if abs(before[key] - after[key]) > near(store)}
    assert given == {b"lock:flow:%d" % n for n in range(0, 1200, 2)}, "its neighbours are left alone"
    assert all(started + 3_599_000 < after[key] < started + 3_605_000 for key in given)
    back = await undone(node, receipt.journal)
    assert (back.counts.restored, back.failure) == (600, None)
    assert all(abs(before[key] - expiry) <= near(store) for key, expiry in expiries(store).items())
    (entry,) = journals(folder, SUFFIX)
    assert (entry.state, entry.prefix, entry.done, entry.keys) == (State.UNDONE, b"lock:flow:{int}", "set 60s", 600)
    assert journals(folder) == [], "no purge takes it for its own"


async def test_extending_moves_every_expiry_by_just_so_much(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    wish = Wish("lock:flow:{int}", How.EXTEND, 7200.0, expiring=True)
    before, node = flow(store, range(1200)), await live(store)
    receipt = await executed(node, await planned(node, wish), wish, folder)
    assert receipt.counts.done == 600
    for n, (key, expiry) in enumerate(flow(store, range(1200)).items()):
        assert abs(expiry - (before[key] + 7_200_000 if n % 2 else -1)) <= near(store)
    await undone(node, receipt.journal)
    assert all(abs(before[key] - now) <= near(store) for key, now in flow(store, range(1200)).items())


async def test_removing_a_ttl_and_giving_it_back(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    wish = Wish("lock:flow:{int}", How.REMOVE, expiring=True)
    before, node = expiries(store), await live(store)
    receipt = await executed(node, await planned(node, wish), wish, folder)
    assert set(flow(store, range(1200)).values()) == {-1}
    back = await undone(node, receipt.journal)
    assert back.counts.restored == 600
    assert all(abs(before[key] - now) <= near(store) for key, now in expiries(store).items())


async def test_ends_are_spread_so_that_no_cliff_is_made(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 2000)
    wish = Wish("lock:flow:{int}", How.SET, 3600.0, spread=600.0)
    node = await live(valkey)
    started = time.time() * 1000
    receipt = await executed(node, await planned(node, wish), wish, folder)
    assert receipt.counts.done == 2000
    ends = sorted(flow(valkey, range(2000)).values())
    assert started + 3_000_000 <= ends[0] < started + 3_010_000
    assert started + 3_590_000 < ends[-1] <= time.time() * 1000 + 3_600_000
    assert max(after - before for before, after in pairwise(ends)) < 10_000


async def test_a_single_key_by_its_own_name_is_a_family(valkey: Server, live: Live, folder: Path) -> None:
    valkey.ask_all([("SET", "app:config", 1), ("SET", "app:config:old", 1)])
    node, shape = await live(valkey), (":", "app", "config")
    found = await planned(node, SET, shape)
    assert list(found.keys) == [b"app:config"]
    assert (await executed(node, found, SET, folder)).counts.done == 1
    assert valkey.ask("TTL", "app:config:old") == -1


async def test_a_family_without_a_literal_beginning_is_found(valkey: Server, live: Live, folder: Path) -> None:
    valkey.ask_all([("SET", f"{n:032x}", 1) for n in range(10**20, 10**20 + 50)] + [("SET", "x:1", 1)])
    node = await live(valkey)
    wish = Wish("{hex}", How.SET, 60.0)
    request = request_of((":", "{hex}"), [(":", "{hex}"), (":", "x", "{int}")], wish, delimiter=None)
    found = await last(plan(node, request))
    assert isinstance(found, Plan)
    assert len(found.keys) == 50


# -- what has changed since the preview ---------------------------------------------------------------------------


async def test_what_changed_since_the_preview_is_left_and_named(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    node = await live(store)
    found = await planned(node, LEAKS)
    store.ask_all([("SET", "lock:flow:0", "new"), ("EXPIRE", "lock:flow:2", 999), ("DEL", "lock:flow:4")])
    store.ask("SET", "lock:flow:5000", "later")
    receipt = await executed(node, found, LEAKS, folder)
    assert (receipt.counts.done, receipt.counts.changed, receipt.counts.gone) == (597, 2, 1)
    assert set(receipt.changed_keys) == {b"lock:flow:0", b"lock:flow:2"}
    assert store.ask("TTL", "lock:flow:0") == store.ask("TTL", "lock:flow:5000") == -1


async def test_a_write_between_look_and_change_wins(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    touched: set[bytes] = set()

    def fault(data: bytes) -> Fault | None:
        for key in (b"lock:flow:0", b"lock:flow:600", b"lock:flow:1198"):
            if b"PEXPIREAT" in data and b"%b\r" % key in data and key not in touched:
                touched.add(key)
                store.ask("SET", key, "written by the application")
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port))
        receipt = await executed(node, await planned(node, LEAKS), LEAKS, folder)
    assert set(receipt.changed_keys) == touched
    assert len(touched) == 3
    assert receipt.counts.done == 597
    assert all(store.ask("TTL", key) == -1 for key in touched)


async def test_undo_leaves_what_somebody_changed_since(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 20)
    wish = Wish("lock:flow:{int}", How.SET, 60.0)
    node = await live(valkey)
    receipt = await executed(node, await planned(node, wish), wish, folder)
    valkey.ask_all(
        [("EXPIRE", "lock:flow:0", 999), ("SET", "lock:flow:1", "renewed", "EX", 55), ("DEL", "lock:flow:2")]
    )
    valkey.ask("PERSIST", "lock:flow:3")
    back = await undone(node, receipt.journal)
    assert (back.counts.restored, back.counts.changed, back.counts.gone) == (16, 3, 1)
    assert valkey.ask("TTL", "lock:flow:0") > 990
    assert valkey.ask("TTL", "lock:flow:3") == -1
    again = await undone(node, receipt.journal)
    assert again.counts == back.counts


async def test_undo_never_ends_a_key_whose_old_time_is_over(valkey: Server, live: Live, folder: Path) -> None:
    valkey.ask_all([("SET", f"lock:flow:{n}", 1, "PX", 1500) for n in range(5)])
    over = time.time() + 1.5
    node = await live(valkey)
    receipt = await executed(node, await planned(node, SET), SET, folder)
    assert receipt.counts.done == 5
    while time.time() < over:  # noqa: ASYNC110 - a clock has no event
        await asyncio.sleep(0.02)
    back = await undone(node, receipt.journal)
    assert (back.counts.past, back.counts.restored) == (5, 0)
    assert valkey.ask("EXISTS", *(f"lock:flow:{n}" for n in range(5))) == 5


# -- what can go wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.CUT, Fault.RESET])
@pytest.mark.parametrize("how", list(How))
async def test_a_lost_answer_is_found_out_and_nothing_is_counted_twice(
    valkey: Server, live: Live, folder: Path, fault: Fault, how: How
) -> None:
    fill(valkey)
    wish = Wish("lock:flow:{int}", how, 3600.0, expiring=how is not How.SET)
    before, times = flow(valkey, range(1200)), 0

    def strike(data: bytes) -> Fault | None:
        nonlocal times
        if (b"PEXPIREAT\r" in data or b"PERSIST\r" in data) and times < 2:
            times += 1
            return fault
        return None

    async with FaultyProxy(valkey.port, strike) as proxy:
        node = await live(valkey, Address(HOST, proxy.port))
        receipt = await executed(node, await planned(node, wish), wish, folder)
        assert proxy.faults[fault] == 2
    assert (receipt.counts.done, receipt.counts.unknown, receipt.failure) == (600, 0, None)
    node = await live(valkey)
    back = await undone(node, receipt.journal)
    assert back.counts.restored == 600
    assert flow(valkey, range(1200)) == before


async def test_a_lost_answer_to_an_undo_does_no_harm(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey)
    before, node = flow(valkey, range(1200)), await live(valkey)
    receipt = await executed(node, await planned(node, SET), SET, folder)
    struck: list[bytes] = []

    def strike(data: bytes) -> Fault | None:
        if b"PEXPIREAT\r" in data and len(struck) < 2:
            struck.append(data)
            return Fault.LOSE_REPLY
        return None

    async with FaultyProxy(valkey.port, strike) as proxy:
        node = await live(valkey, Address(HOST, proxy.port))
        back = await undone(node, receipt.journal)
        assert proxy.faults[Fault.LOSE_REPLY] == 2
    assert back.counts.restored == 1200
    assert flow(valkey, range(1200)) == before


async def test_a_journal_belongs_to_the_place_it_names(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 20)
    node = await live(valkey)
    receipt = await executed(node, await planned(node, SET), SET, folder)
    with Server("valkey-9.1") as other:
        back = await undone(await live(other), receipt.journal)
    assert back.failure is not None
    assert "connect there" in back.failure.sentence
    assert back.counts.remaining == 20


async def test_stopping_leaves_a_complete_account_and_an_undo(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 5000)
    before, node, stop = flow(valkey, range(5000)), await live(valkey), asyncio.Event()
    found = await planned(node, SET)
    receipt: Receipt | None = None
    async for step in execute(node, found, SET, "set 1h", folder, share=0.05, stop=stop):
        if isinstance(step, Progress) and step.counts.done:
            stop.set()
        receipt = step if isinstance(step, Receipt) else None
    assert receipt is not None
    assert receipt.cancelled
    assert 0 < receipt.counts.done < 5000
    assert receipt.counts.done + receipt.counts.skipped == 5000
    assert (await undone(node, receipt.journal)).counts.restored == receipt.counts.done
    assert flow(valkey, range(5000)) == before


async def test_giving_up_in_the_middle_leaves_a_journal_that_undoes(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 5000)
    before, node = flow(valkey, range(5000)), await live(valkey)
    steps = execute(node, await planned(node, SET), SET, "set 1h", folder, share=0.05)
    async for step in steps:
        if isinstance(step, Progress) and step.counts.done:
            break
    await steps.aclose()
    (entry,) = journals(folder, SUFFIX)
    assert entry.state is State.INTERRUPTED
    back = await undone(node, entry.path)
    assert back.counts.restored > 0
    assert flow(valkey, range(5000)) == before


async def test_another_server_process_is_refused(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 20)
    node = await live(valkey)
    found = await planned(node, SET)
    connections = node.connections
    valkey.kill()
    valkey.start()
    fill(valkey, 20)
    while node.connections == connections:  # noqa: ASYNC110 - polled
        await asyncio.sleep(0.01)
    receipt = await executed(node, found, SET, folder)
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.CHANGED
    assert receipt.counts.skipped == 20
    assert journals(folder, SUFFIX) == []


async def test_read_only_changes_nothing(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 20)
    before, node = expiries(valkey), await live(valkey, read_only="read-only")
    receipt = await executed(node, await planned(node, SET), SET, folder)
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.READ_ONLY
    assert expiries(valkey) == before


@pytest.mark.parametrize("missing", ["pexpireat", "watch", "exec", "multi", "dump"])
async def test_a_missing_permission_is_named_and_nothing_is_changed(
    valkey: Server, live: Live, folder: Path, missing: str
) -> None:
    fill(valkey, 20)
    valkey.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", f"-{missing}")
    before = expiries(valkey)
    node = await live(valkey, Address(HOST, valkey.port, username="half", password="pw"))
    found = await last(plan(node, request_of(LOCKS, SHAPES, SET, delimiter=None)))
    failure = found if isinstance(found, Failure) else (await executed(node, found, SET, folder)).failure
    assert failure is not None
    assert f"+{missing}" in failure.sentence
    assert expiries(valkey) == before


async def test_keys_that_this_user_may_not_write_fail_alone(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 100)
    valkey.ask("ACL", "SETUSER", "half", "on", ">pw", "%R~*", "%RW~lock:flow:1*", "+@all")
    node = await live(valkey, Address(HOST, valkey.port, username="half", password="pw"))
    receipt = await executed(node, await planned(node, SET), SET, folder)
    mine = sum(str(n).startswith("1") for n in range(100))
    assert (receipt.counts.done, receipt.counts.failed) == (mine, 100 - mine)


async def test_protected_keys_stay_and_secret_names_are_not_written_down(
    valkey: Server, live: Live, folder: Path
) -> None:
    fill(valkey, 100)
    node = await live(valkey)
    found = await planned(node, SET, protected=(b"lock:flow:1",), secrets=(b"lock:flow:2",))
    kept = sum(str(n).startswith("1") for n in range(100))
    assert (len(found.keys), found.found.protected, found.found.secrets) == (100 - kept, kept, 11)
    receipt = await executed(node, found, SET, folder)
    assert (receipt.counts.done, receipt.counts.without_undo) == (100 - kept, 11)
    assert receipt.journal is not None
    assert b"lock:flow:2" not in receipt.journal.read_bytes()
    assert b"lock:flow:33" in receipt.journal.read_bytes()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Wish("x", How.SET, 5.0),
        lambda: Wish("x", How.SET, 1e12),
        lambda: Wish("x", How.SET, 60.0, spread=55.0),
        lambda: Wish("x", How.EXTEND, 60.0),
        lambda: Wish("x", How.REMOVE),
    ],
)
def test_wishes_that_make_no_sense_are_refused(make: Callable[[], Wish]) -> None:
    with pytest.raises(ValueError, match=r"TTL|spread"):
        make()
