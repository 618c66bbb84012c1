"""The purge itself: exactly the planned keys as they were previewed, journaled before they go, and back by undo."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Until
from tests.engine.purge.conftest import Live, executed, last, planned, undone, world
from tests.proxy import Fault, FaultyProxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.failure import Kind
from tui.engine.purge import journal as journal_module
from tui.engine.purge.account import Progress, Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.frames import read_outline, read_records
from tui.engine.purge.journals import State, journals
from tui.engine.purge.request import Big
from tui.engine.purge.undo import UndoProgress, UndoReceipt, undo

FAR = int(time.time() * 1000) + 10_000_000


def fill(server: Server, keys: int = 1200) -> None:
    """Every type, with and without expiry, beside keys that are nobody's business."""
    commands: list[tuple[str | bytes | int, ...]] = [
        ("SET", f"s:{n}", f"value {n}" * (n % 7), *(("PXAT", FAR + n) if n % 2 else ())) for n in range(keys)
    ]
    for n in range(30):
        commands.append(("HSET", f"s:h:{n}", *(word for at in range(n * 40 + 1) for word in (f"f{at}", at))))
        commands.append(("SADD", f"s:set:{n}", *(f"m{at}" for at in range(n * 40 + 1))))
        commands.append(("ZADD", f"s:z:{n}", *(word for at in range(n * 10 + 1) for word in (at, f"m{at}"))))
        commands.append(("RPUSH", f"s:l:{n}", *(f"m{at}" for at in range(n * 10 + 1))))
        commands.append(("XADD", f"s:x:{n}", "*", "f", "v"))
        commands.append(("SET", f"other:{n}", n))
    replies = server.ask_all(commands)
    assert not [reply for reply in replies if isinstance(reply, Exception)], replies


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def left_of(server: Server) -> list[bytes]:
    return sorted(server.ask("KEYS", "s:*"))


# -- all is well --------------------------------------------------------------------------------------------------


async def test_what_was_planned_goes_and_comes_back_exactly(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    found = await planned(node, b"s:")
    receipt = await executed(node, found, folder)
    assert (receipt.counts.removed, receipt.failure, receipt.cancelled) == (len(found.keys), None, False)
    assert receipt.counts.without_undo == 0
    assert left_of(store) == []
    assert store.ask("DBSIZE") == 30
    back = await undone(node, receipt.journal)
    assert (back.counts.restored, back.failure, back.restarted) == (len(found.keys), None, False)
    assert world(store) == before


async def test_expiries_are_exact_to_the_millisecond_without_pexpiretime(live: Live, folder: Path) -> None:
    with Server("redis-6.2") as old:
        old.ask_all([("SET", f"s:{n}", "x", "PXAT", FAR + n) for n in range(2000)])
        node = await live(old)
        found = await planned(node, b"s:")
        assert {item.key: item.expiry for item in found.keys.items()} == {b"s:%d" % n: FAR + n for n in range(2000)}
        receipt = await executed(node, found, folder)
        assert receipt.counts.removed == 2000
        await undone(node, receipt.journal)
        again = await planned(node, b"s:")
        assert {item.key: item.expiry for item in again.keys.items()} == {b"s:%d" % n: FAR + n for n in range(2000)}


async def test_the_journal_is_private_and_holds_every_record_before_its_key_goes(
    valkey: Server, live: Live, folder: Path
) -> None:
    fill(valkey)
    payloads = {key: valkey.ask("DUMP", key) for key in left_of(valkey)}
    node = await live(valkey)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    assert receipt.journal is not None
    assert (mode(receipt.journal), mode(folder)) == (0o600, 0o700)
    with receipt.journal.open("rb") as file:
        outline = read_outline(file.fileno())
        records = [record for batch in outline.batches for record in read_records(file.fileno(), batch)]
    assert {record.key: record.payload for record in records} == payloads
    (entry,) = journals(folder)
    assert (entry.state, entry.keys, entry.prefix) == (State.COMPLETE, len(payloads), b"s:")
    assert entry.bytes == receipt.journal.stat().st_size


async def test_without_undo_only_planned_keys_go_and_nothing_is_written(
    store: Server, live: Live, tmp_path: Path
) -> None:
    fill(store)
    node = await live(store)
    found = await planned(node, b"s:", undo=False)
    store.ask("SET", "s:new", "x")
    receipt = await executed(node, found, None)
    assert receipt.counts.removed == receipt.counts.without_undo == len(found.keys)
    assert left_of(store) == [b"s:new"]
    assert names(tmp_path) == []
    calls = store.ask("INFO", "commandstats")
    assert b"cmdstat_watch" not in calls
    assert b"cmdstat_dump" not in calls


async def test_one_listed_key_goes_with_the_same_care(store: Server, live: Live, folder: Path) -> None:
    store.ask_all([("SET", "a", "1", "EX", 1000), ("SET", "ab", "2")])
    node = await live(store)
    receipt = await executed(node, await planned(node, keys=(b"a",)), folder)
    assert receipt.counts.removed == 1
    (entry,) = journals(folder)
    assert (entry.prefix, entry.exact) == (b"a", True)
    assert store.ask("EXISTS", "a", "ab") == 1
    assert (await undone(node, receipt.journal)).counts.restored == 1
    assert 990 < store.ask("TTL", "a") <= 1000


# -- what has changed since the preview ---------------------------------------------------------------------------


async def test_what_changed_since_the_preview_is_left_and_reported(store: Server, live: Live, folder: Path) -> None:
    fill(store, 1000)
    node = await live(store)
    found = await planned(node, b"s:")
    store.ask_all(
        [
            ("SET", "s:0", "rewritten"),
            ("EXPIRE", "s:2", 500),
            ("PERSIST", "s:3"),
            ("DEL", "s:4"),
            ("SET", "s:4", "re-created"),
            ("HSET", "s:h:1", "f0", "other"),
            ("XADD", "s:x:1", "*", "f", "v"),
            ("SET", "s:new", "x"),
            ("DEL", "s:6"),
            ("PEXPIRE", "s:8", 1),
        ]
    )
    receipt = await executed(node, found, folder)
    counts = receipt.counts
    assert set(receipt.changed_keys) >= {b"s:0", b"s:2", b"s:3", b"s:4", b"s:h:1", b"s:x:1"}
    assert (counts.changed + counts.gone, counts.removed) == (8, len(found.keys) - 8)
    assert counts.gone >= 1
    assert {b"s:0", b"s:2", b"s:3", b"s:4", b"s:h:1", b"s:x:1", b"s:new"} == set(left_of(store)) - {b"s:8"}
    assert store.ask("GET", "s:4") == b"re-created"


async def test_another_expiry_alone_is_a_change(store: Server, live: Live, folder: Path) -> None:
    store.ask_all([("SET", f"s:{n}", "x", "PX", 10_000_000) for n in range(3)])
    node = await live(store)
    found = await planned(node, b"s:")
    store.ask("PEXPIREAT", "s:1", FAR)
    receipt = await executed(node, found, folder)
    assert (receipt.counts.removed, receipt.changed_keys) == (2, (b"s:1",))


async def test_a_key_touched_between_the_look_and_the_removal_is_left_and_the_others_go(
    store: Server, live: Live, folder: Path
) -> None:
    fill(store, 500)
    touched = {b"s:7", b"s:77", b"s:h:3"}
    waiting = set(touched)

    def fault(data: bytes) -> Fault | None:
        for key in [key for key in waiting if b"UNLINK" in data and key + b"\r" in data]:
            store.ask("HSET" if b"h" in key else "SETRANGE", key, 0, "theirs")
            waiting.discard(key)
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
    assert set(receipt.changed_keys) == touched
    assert receipt.counts.removed == len(found.keys) - 3
    assert left_of(store) == sorted(touched)
    (entry,) = journals(folder)
    assert entry.keys == receipt.counts.removed


async def test_a_key_that_never_stands_still_is_given_up_and_the_others_go(
    valkey: Server, live: Live, folder: Path
) -> None:
    """Written with the very same value all the time, so that only WATCH can tell."""
    fill(valkey, 300)
    value = valkey.ask("GET", "s:10")

    def fault(data: bytes) -> Fault | None:
        if b"UNLINK" in data and b"s:10\r" in data:
            valkey.ask("SET", "s:10", value)
        return None

    async with FaultyProxy(valkey.port, fault) as proxy:
        node = await live(valkey, Address(HOST, proxy.port))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
    assert receipt.changed_keys == (b"s:10",)
    assert receipt.counts.removed == len(found.keys) - 1
    assert left_of(valkey) == [b"s:10"]


async def test_two_purges_of_the_same_keys_share_them_without_loss(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    before = world(store)
    one, two = await live(store), await live(store)
    plans = [await planned(node, b"s:") for node in (one, two)]
    receipts = await asyncio.gather(
        *(executed(node, found, folder) for node, found in zip((one, two), plans, strict=True))
    )
    assert all(receipt.failure is None and receipt.counts.changed == 0 for receipt in receipts)
    assert sum(receipt.counts.removed for receipt in receipts) == len(plans[0].keys)
    assert left_of(store) == []
    for entry in journals(folder):
        await undone(one, entry.path)
    assert world(store) == before


# -- big and secret keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", list(Big))
async def test_big_keys_go_as_was_decided(
    store: Server, live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch, choice: Big
) -> None:
    monkeypatch.setattr("tui.engine.purge.looking.BIG_ELEMENTS", 3000)
    monkeypatch.setattr("tui.engine.purge.looking.HEAVY", 1000)
    monkeypatch.setattr("tui.engine.purge.looking.LOOSE_BYTES", 100_000)
    fill(store, 50)
    store.ask("RPUSH", "s:big", *(f"element {n}" for n in range(4000)))
    store.ask("SET", "s:long", "x" * 200_000, "PX", 10_000_000)
    before = world(store)
    node = await live(store)
    found = await planned(node, b"s:")
    assert found.found.big_keys == 1
    receipt = await executed(node, found, folder, big=choice)
    leaves = choice is Big.LEAVE
    assert receipt.counts.removed == len(found.keys) - leaves
    assert receipt.left_keys == ((b"s:big",) if leaves else ())
    assert receipt.counts.skipped == leaves
    assert not receipt.cancelled
    assert receipt.counts.without_undo == (choice is Big.WITHOUT_UNDO)
    assert left_of(store) == ([b"s:big"] if leaves else [])
    back = await undone(node, receipt.journal)
    assert back.counts.restored == found.covered(choice)
    assert (world(store) == before) is (choice is not Big.WITHOUT_UNDO)


async def test_a_long_key_that_changed_is_left(
    store: Server, live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.purge.looking.HEAVY", 1000)
    monkeypatch.setattr("tui.engine.purge.looking.LOOSE_BYTES", 10_000)
    store.ask_all([("SET", f"s:{name}", "x" * 20_000, "EX", 1000) for name in ("longer", "mortal", "same", "gone")])
    node = await live(store)
    found = await planned(node, b"s:")
    assert found.found.loosely == 4
    store.ask_all([("APPEND", "s:longer", "y" * 9000), ("EXPIRE", "s:mortal", 999), ("DEL", "s:gone")])
    receipt = await executed(node, found, folder)
    assert set(receipt.changed_keys) == {b"s:longer", b"s:mortal"}
    assert (receipt.counts.removed, receipt.counts.gone) == (1, 1)


@pytest.mark.parametrize("asked_for", [False, True])
async def test_keys_that_grant_access_are_journaled_only_when_asked_for(
    store: Server, live: Live, folder: Path, asked_for: bool
) -> None:
    store.ask_all([("SET", f"s:token:{n}", f"very secret {n}") for n in range(20)])
    store.ask_all([("SET", f"s:plain:{n}", "x") for n in range(30)])
    node = await live(store)
    found = await planned(node, b"s:", secrets=(b"s:token:",), undo_secrets=asked_for)
    store.ask("SET", "s:token:3", "rewritten")
    receipt = await executed(node, found, folder)
    assert (receipt.counts.removed, receipt.changed_keys) == (49, (b"s:token:3",))
    assert receipt.counts.without_undo == (0 if asked_for else 19)
    assert receipt.journal is not None
    assert (b"very secret" in receipt.journal.read_bytes()) is asked_for
    assert (await undone(node, receipt.journal)).counts.restored == (49 if asked_for else 30)


async def test_a_purge_of_nothing_but_secrets_leaves_no_journal(valkey: Server, live: Live, folder: Path) -> None:
    valkey.ask("SET", "s:token:1", "x")
    node = await live(valkey)
    receipt = await executed(node, await planned(node, b"s:", secrets=(b"s:token:",)), folder)
    assert (receipt.counts.removed, receipt.journal) == (1, None)
    assert names(folder) == []


# -- stopping -----------------------------------------------------------------------------------------------------


async def test_told_to_stop_it_ends_between_two_batches_with_a_complete_account(
    store: Server, live: Live, folder: Path
) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    found = await planned(node, b"s:")
    stop = asyncio.Event()
    receipt: Receipt | None = None
    async for step in execute(node, found, folder, rate=2000, stop=stop):
        if isinstance(step, Progress) and step.done:
            assert step.done + step.remaining == step.planned
            stop.set()
        elif isinstance(step, Receipt):
            receipt = step
    assert receipt is not None
    assert receipt.cancelled
    assert 0 < receipt.counts.removed < len(found.keys)
    assert receipt.counts.removed + receipt.counts.skipped == len(found.keys)
    assert len(left_of(store)) == receipt.counts.skipped
    assert journals(folder)[0].state is State.COMPLETE
    await undone(node, receipt.journal)
    assert world(store) == before


async def test_a_rate_is_kept(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey, 850)
    node = await live(valkey)
    found = await planned(node, b"s:")
    started = time.monotonic()
    receipt = await executed(node, found, folder, rate=1000)
    assert receipt.counts.removed == 1000
    assert 0.7 < time.monotonic() - started < 6


async def test_an_abandoned_purge_leaves_an_interrupted_journal_that_undo_takes(
    store: Server, live: Live, folder: Path
) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    steps = execute(node, await planned(node, b"s:"), folder, rate=2000)
    async for step in steps:
        if isinstance(step, Progress) and step.done:
            assert journals(folder)[0].state is State.RUNNING
            break
    await steps.aclose()
    (entry,) = journals(folder)
    assert entry.state is State.INTERRUPTED
    assert left_of(store)
    await undone(node, entry.path)
    assert world(store) == before


# -- the disk -----------------------------------------------------------------------------------------------------


async def test_a_full_disk_stops_it_before_anything_of_the_batch_is_removed(
    store: Server, live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    found = await planned(node, b"s:")
    room = 200_000

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if offset >= room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.pwrite(descriptor, data[: room - offset], offset)

    monkeypatch.setattr(journal_module, "_pwrite", pwrite)
    receipt = await executed(node, found, folder)
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.JOURNAL
    assert "space" in receipt.failure.sentence
    assert receipt.counts.skipped == len(left_of(store)) > 0
    assert receipt.counts.removed > 0
    monkeypatch.undo()
    await undone(node, receipt.journal)
    assert world(store) == before


async def test_no_room_for_the_journal_is_found_out_before_anything_is_removed(
    valkey: Server, live: Live, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(valkey)
    node = await live(valkey)
    found = await planned(node, b"s:")
    receipt = await executed(node, found, folder, limit=1000)
    assert receipt.failure is not None
    assert "more than its limit" in receipt.failure.sentence
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    receipt = await executed(node, found, folder)
    assert receipt.failure is not None
    assert "the disk has 1,000 left" in receipt.failure.sentence
    assert len(left_of(valkey)) == len(found.keys)
    assert names(folder) == []


async def test_a_folder_that_cannot_be_written_to_stops_it_at_once(valkey: Server, live: Live, tmp_path: Path) -> None:
    fill(valkey, 10)
    (tmp_path / "file").touch()
    node = await live(valkey)
    found = await planned(node, b"s:")
    receipt = await executed(node, found, tmp_path / "file" / "journals")
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.JOURNAL
    assert len(left_of(valkey)) == len(found.keys)
    with pytest.raises(ValueError, match="folder"):
        await executed(node, found, None)


# -- permissions and roles ----------------------------------------------------------------------------------------


@pytest.fixture
def guest(store: Server, live: Live) -> Callable[..., Any]:
    """A node of a user with the given rules."""

    async def enter(*rules: str) -> Any:
        store.ask("ACL", "SETUSER", "guest", "on", ">pw", "reset", "on", ">pw", "~*", "+@all", *rules)
        return await live(store, Address(HOST, store.port, username="guest", password="pw"))

    return enter


@pytest.mark.parametrize("command", ["watch", "multi", "unlink", "exec", "unwatch", "dump"])
async def test_a_missing_permission_ends_it_with_nothing_lost(
    store: Server, guest: Callable[..., Any], folder: Path, command: str
) -> None:
    fill(store, 700)
    before = world(store)
    node = await guest()
    found = await planned(node, b"s:")
    store.ask("ACL", "SETUSER", "guest", f"-{command}")
    receipt = await executed(node, found, folder)
    assert receipt.failure is not None
    assert receipt.failure.kind is Kind.DENIED
    assert f"+{command}" in receipt.failure.sentence
    assert receipt.counts.skipped == len(found.keys)
    assert world(store) == before


async def test_a_permission_taken_away_in_the_middle_ends_it_with_a_complete_account(
    store: Server, folder: Path, live: Live
) -> None:
    fill(store, 1500)
    before = world(store)
    store.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all")
    batches = 0

    def fault(data: bytes) -> Fault | None:
        nonlocal batches
        batches += b"UNLINK" in data
        if batches == 2 and b"UNLINK" in data:
            store.ask("ACL", "SETUSER", "guest", "-multi", "-unlink")
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port, username="guest", password="pw"))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
        assert receipt.failure is not None
        assert receipt.failure.kind is Kind.DENIED
        assert receipt.counts.removed == 500
        assert receipt.counts.skipped == len(found.keys) - 500 == len(left_of(store))
        store.ask("ACL", "SETUSER", "guest", "+@all")
        back = await undone(node, receipt.journal)
    assert back.counts.restored == 500
    assert world(store) == before


async def test_multi_alone_refused_in_the_middle_still_gives_a_true_account(
    store: Server, folder: Path, live: Live
) -> None:
    """Then the server runs what follows at once; it must be booked, and undone."""
    fill(store, 1500)
    before = world(store)
    store.ask("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all")
    batches = 0

    def fault(data: bytes) -> Fault | None:
        nonlocal batches
        batches += b"UNLINK" in data
        if batches == 2 and b"UNLINK" in data:
            store.ask("ACL", "SETUSER", "guest", "-multi")
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port, username="guest", password="pw"))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
        assert receipt.counts.removed == 1000 == len(found.keys) - len(left_of(store))
        assert receipt.failure is not None
        assert "+multi" in receipt.failure.sentence
        await undone(node, receipt.journal)
    assert world(store) == before


async def test_keys_this_user_may_not_remove_fail_one_by_one(
    store: Server, guest: Callable[..., Any], folder: Path
) -> None:
    fill(store, 600)
    node = await guest()
    found = await planned(node, b"s:")
    store.ask("ACL", "SETUSER", "guest", "resetkeys", "~s:[0-4]*", "~s:[a-z]*", "~s:6*")
    receipt = await executed(node, found, folder)
    lost = {key for key in found.keys if key[2:3] in b"5789"}
    assert receipt.counts.failed == len(lost) > 0
    assert set(receipt.failed_keys) <= lost
    assert receipt.reasons == (("no permission for this key", len(lost)),)
    assert set(left_of(store)) == lost
    assert receipt.counts.removed == len(found.keys) - len(lost)


async def test_a_primary_that_becomes_a_replica_in_the_middle_ends_it(store: Server, live: Live, folder: Path) -> None:
    fill(store, 1500)
    before = world(store)
    batches = 0

    def fault(data: bytes) -> Fault | None:
        nonlocal batches
        batches += b"UNLINK" in data
        if batches == 2 and b"UNLINK" in data:
            store.ask("REPLICAOF", HOST, 1)
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
        assert receipt.failure is not None
        assert receipt.failure.kind is Kind.READ_ONLY
        assert receipt.counts.removed == 500
        refused = await last(undo(node, receipt.journal or folder))
        assert isinstance(refused, UndoReceipt)
        assert refused.failure is not None
        assert refused.failure.kind is Kind.READ_ONLY
        store.ask("REPLICAOF", "NO", "ONE")
        back = await undone(await live(store, Address(HOST, proxy.port)), receipt.journal)
        assert back.failure is None
    assert world(store) == before


async def test_nothing_is_removed_or_restored_in_a_read_only_session(store: Server, live: Live, folder: Path) -> None:
    fill(store, 100)
    node = await live(store, read_only="because I say so")
    found = await planned(node, b"s:")
    receipt = await executed(node, found, folder)
    assert receipt.failure is not None
    assert receipt.failure.sentence == "because I say so"
    assert (receipt.counts.skipped, receipt.journal) == (len(found.keys), None)


# -- undo ---------------------------------------------------------------------------------------------------------


async def test_undo_leaves_what_was_made_since_and_tells_what_came_of_each(
    store: Server, live: Live, folder: Path, until: Until
) -> None:
    fill(store, 100)
    store.ask("SET", "s:short", "x", "PX", 400)
    node = await live(store)
    found = await planned(node, b"s:")
    receipt = await executed(node, found, folder)
    store.ask_all([("SET", "s:1", "theirs"), ("HSET", "s:h:2", "a", "b")])
    due = next(item.expiry for item in found.keys.items() if item.key == b"s:short")
    await until(lambda: time.time() * 1000 > due + 5)
    back = await undone(node, receipt.journal)
    counts = back.counts
    assert (counts.recreated, counts.expired, counts.failed, counts.remaining) == (2, 1, 0, 0)
    assert counts.restored == len(found.keys) - 3
    assert set(back.recreated_keys) == {b"s:1", b"s:h:2"}
    assert store.ask("GET", "s:1") == b"theirs"
    assert store.ask("EXISTS", "s:short") == 0
    assert journals(folder)[0].state is State.UNDONE


async def test_undo_twice_is_undo_once(store: Server, live: Live, folder: Path) -> None:
    fill(store, 100)
    node = await live(store)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    await undone(node, receipt.journal)
    store.ask("DEL", "s:1")
    again = await undone(node, receipt.journal)
    assert again.counts.remaining == 0
    assert store.ask("EXISTS", "s:1") == 0


@pytest.mark.parametrize("what", ["purge", "undo"])
async def test_told_to_stop_while_the_server_is_away_it_does_not_wait_for_it(
    one: Server, live: Live, folder: Path, what: str
) -> None:
    fill(one)
    node = await live(one)
    found = await planned(node, b"s:")
    stop, started = asyncio.Event(), node.clock.now()
    if what == "purge":
        work: Any = execute(node, found, folder, rate=500, stop=stop)
    else:
        work = undo(node, (await executed(node, found, folder)).journal or folder, rate=500, stop=stop)
    final: Any = None
    async for step in work:
        if getattr(step, "waiting", None) is not None:
            stop.set()
        elif step.counts.done and not stop.is_set():
            one.kill()
        final = step
    assert isinstance(final, Receipt | UndoReceipt)
    assert final.failure is not None
    assert node.clock.now() - started < 15


async def test_undo_told_to_stop_goes_on_from_there(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    stop = asyncio.Event()
    first: Any = None
    async for step in undo(node, receipt.journal or folder, rate=2000, stop=stop):
        if isinstance(step, UndoProgress) and step.counts.done:
            stop.set()
        first = step
    assert first.cancelled
    (entry,) = journals(folder)
    assert entry.state is State.PARTLY_UNDONE
    assert entry.restored == first.counts.restored > 0
    back = await undone(node, receipt.journal)
    assert (back.counts.remaining, back.counts.present) == (0, 0)
    assert world(store) == before


async def test_undo_without_memory_stops_and_goes_on_later(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    before = world(store)
    node = await live(store)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    used = store.stats("memory")["used_memory"]
    store.ask("CONFIG", "SET", "maxmemory", used + 60_000)
    stopped = await undone(node, receipt.journal)
    assert stopped.failure is not None
    assert "memory" in stopped.failure.sentence.lower()
    assert 0 < stopped.counts.remaining < stopped.total
    store.ask("CONFIG", "SET", "maxmemory", 0)
    back = await undone(node, receipt.journal)
    assert back.counts.remaining == back.counts.recreated == 0
    assert world(store) == before


async def test_a_payload_that_this_server_cannot_read_is_refused_with_a_sentence(live: Live, folder: Path) -> None:
    with Server("valkey-9.1") as new, Server("redis-6.2") as old:
        new.ask("SET", "s:1", "x")
        node = await live(new)
        receipt = await executed(node, await planned(node, b"s:"), folder)
        other = await live(old)
        refused = await undone(other, receipt.journal)
        assert refused.failure is not None
        assert "connect there" in refused.failure.sentence
        refused = await undone(other, receipt.journal, elsewhere=True)
        assert refused.failure is not None
        assert "Redis 6.2" in refused.failure.sentence
        assert "only Valkey 9 or newer" in refused.failure.sentence
        assert (await undone(node, receipt.journal)).counts.restored == 1


async def test_a_restarted_server_gets_its_keys_back_and_it_is_said(
    store: Server, live: Live, folder: Path, until: Until
) -> None:
    fill(store, 100)
    before = world(store)
    node = await live(store)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    was = node.identity
    others = {key: store.ask("GET", key) for key in store.ask("KEYS", "other:*")}
    store.kill()
    store.start()
    store.ask_all([("SET", key, value) for key, value in others.items()])
    await until(lambda: node.identity is not was)
    back = await undone(node, receipt.journal)
    assert back.restarted
    assert world(store) == before


async def test_two_undos_at_once_are_one_too_many(valkey: Server, live: Live, folder: Path) -> None:
    fill(valkey)
    node = await live(valkey)
    receipt = await executed(node, await planned(node, b"s:"), folder)
    first = undo(node, receipt.journal or folder, rate=500)
    async for step in first:
        assert isinstance(step, UndoProgress)
        if step.counts.done:
            break
    second = await undone(node, receipt.journal)
    assert second.failure is not None
    assert "another redtop" in second.failure.sentence
    await first.aclose()
    assert (await undone(node, receipt.journal)).counts.remaining == 0


async def test_a_server_busy_with_a_script_is_waited_for(store: Server, live: Live, folder: Path) -> None:
    fill(store)
    before = world(store)
    store.ask("CONFIG", "SET", "lua-time-limit", 10)
    busy = threading.Thread(target=store.ask, args=("EVAL", "for n = 1, 3e7 do end", 0))
    answers: list[bytes] = []

    def fault(data: bytes) -> Fault | None:
        if b"UNLINK" in data and not busy.is_alive() and not answers:
            busy.start()
            while not answers or not answers[0].startswith(b"BUSY"):
                answers[:] = [str(store.ask("PING")).encode()]
        return None

    async with FaultyProxy(store.port, fault) as proxy:
        node = await live(store, Address(HOST, proxy.port))
        found = await planned(node, b"s:")
        receipt = await executed(node, found, folder)
        busy.join()
        assert answers
        assert (receipt.counts.removed, receipt.failure) == (len(found.keys), None)
        await undone(node, receipt.journal)
    assert world(store) == before
