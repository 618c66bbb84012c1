"""Changes to streams: exact plans, receipts as the server says, and the way back, on real servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Open, Until
from tests.proxy import Fault, FaultyProxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.deployment import Deployment
from tui.engine.failure import Kind
from tui.engine.node import Phase
from tui.engine.session import Session
from tui.engine.streams.acts import plan_trim as trimming
from tui.engine.streams.acts.base import Act, by_consumer
from tui.engine.streams.acts.entries import AddEntry, DeleteEntries
from tui.engine.streams.acts.groups import DeleteConsumer, DeleteGroup, SetId
from tui.engine.streams.acts.history import LASTING, MOST_AGE, Change, History
from tui.engine.streams.acts.pending import Acknowledge, Claim
from tui.engine.streams.acts.plan import held, plan_add, plan_delete_consumer, plan_delete_group, plan_set_id
from tui.engine.streams.acts.plan_trim import plan_trim
from tui.engine.streams.acts.run import Receipt, carry_out, take_back
from tui.engine.streams.acts.trim import Trim, TrimToLength, Unread
from tui.engine.streams.drill import Gone
from tui.engine.streams.look import Pending


async def live(session: Session, until: Until) -> Deployment:
    await until(lambda: session.deployment.state.worst.phase is Phase.LIVE)
    return session.deployment


def fill(server: Server, entries: int = 100, first: int = 1) -> None:
    """A stream `log` with ids 1-1, 2-1, ... and a group `g`: ann holds thirty of them, bob twenty."""
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(first, first + entries)])
    server.ask("XGROUP", "CREATE", "log", "g", "0")
    for name, count in (("ann", 30), ("bob", 20)):
        server.ask("XREADGROUP", "GROUP", "g", name, "COUNT", count, "STREAMS", "log", ">")


def pending(server: Server) -> list[list[Any]]:
    """Id, consumer and deliveries of what is pending."""
    return [[entry[0], entry[1], entry[3]] for entry in server.ask("XPENDING", "log", "g", "-", "+", 10_000)]


def length(server: Server) -> int:
    return int(server.ask("XLEN", "log"))


async def entries_of(
    deployment: Deployment, consumer: bytes | None = None, min_idle: float = 0.0
) -> tuple[Pending, ...]:
    found = await held(deployment, b"log", b"g", consumer, min_idle)
    assert isinstance(found, tuple)
    return found[0]


def said(receipts: Sequence[Receipt]) -> list[tuple[int, int]]:
    assert not any(receipt.failure or receipt.unknown for receipt in receipts), receipts
    return [(receipt.act.planned, receipt.done) for receipt in receipts]


async def test_acknowledged_entries_are_gone_and_come_back_as_they_were(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    server.ask("XCLAIM", "log", "g", "ann", 0, "3-1", "RETRYCOUNT", 7, "JUSTID")
    deployment = await live(open_session(server), until)
    before = pending(server)
    act = Acknowledge(b"log", b"g", await entries_of(deployment, b"ann"), deployment.clock.wall())
    assert "30 entries of group g of log count as done" in act.sentence
    assert said([await carry_out(deployment, act)]) == [(30, 30)]
    assert [entry[1] for entry in pending(server)] == [b"bob"] * 20
    assert said(await take_back(deployment, act)) == [(30, 30)]
    assert pending(server) == before


async def test_what_others_acknowledged_meanwhile_is_left_and_said(
    valkey: Server, open_session: Open, until: Until
) -> None:
    fill(valkey)
    deployment = await live(open_session(valkey), until)
    act = Acknowledge(b"log", b"g", await entries_of(deployment), deployment.clock.wall())
    valkey.ask("XACK", "log", "g", "1-1", "2-1")
    receipt = await carry_out(deployment, act)
    assert (receipt.done, receipt.left) == (48, 2)


async def test_entries_of_a_dead_consumer_go_to_another_and_back(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    before = pending(server)
    await until(lambda: server.ask("XPENDING", "log", "g", "-", "+", 1)[0][2] > 60)
    server.ask("XCLAIM", "log", "g", "ann", 0, "5-1", "JUSTID")
    entries = await entries_of(deployment, b"ann", 0.05)
    assert len(entries) == 29, "one was delivered just now"
    act = Claim(b"log", b"g", b"bob", entries, deployment.clock.wall(), min_idle=0.05)
    assert act.sentence.startswith("these 29 entries of group g of log, idle over 0 s, go to bob")
    server.ask("XCLAIM", "log", "g", "ann", 0, "7-1", "JUSTID")
    receipt = await carry_out(deployment, act)
    assert (receipt.done, receipt.left) == (28, 1), "what was delivered again since the look stays where it is"
    assert by_consumer(await entries_of(deployment)) == [(b"bob", 48), (b"ann", 2)]
    assert [count for _, _, count in pending(server)] == [count for _, _, count in before], "it is no delivery"
    assert said(await take_back(deployment, act)) == [(28, 28)]
    assert pending(server) == before


async def test_what_others_did_since_a_claim_is_not_undone_with_it(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = Claim(b"log", b"g", b"bob", await entries_of(deployment, b"ann"), deployment.clock.wall())
    assert said([await carry_out(deployment, act)]) == [(30, 30)]
    began = deployment.clock.now()
    server.ask("XACK", "log", "g", "1-1")
    await until(lambda: deployment.clock.now() - began > 0.1)
    elapsed = deployment.clock.now() - began
    server.ask("XCLAIM", "log", "g", "carl", 0, "2-1", "JUSTID")
    (receipt,) = await take_back(deployment, act, elapsed)
    assert (receipt.done, receipt.left) == (28, 2), "what was acknowledged, or given to carl, stays so"
    held_by = {entry_id: name for entry_id, name, _ in pending(server)}
    assert b"1-1" not in held_by
    assert (held_by[b"2-1"], held_by[b"3-1"]) == (b"carl", b"ann")


async def test_what_others_acknowledged_is_not_put_back(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = Acknowledge(b"log", b"g", await entries_of(deployment, b"ann"), deployment.clock.wall())
    server.ask("XACK", "log", "g", "1-1", "2-1")
    assert (await carry_out(deployment, act)).done == 28
    assert said(await take_back(deployment, act)) == [(28, 28)]
    assert [entry[0] for entry in pending(server)][:1] == [b"3-1"]


async def test_deleted_entries_are_gone_for_good_which_is_said(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = DeleteEntries(b"log", (b"1-1", b"50-1", b"500-1"))
    receipt = await carry_out(deployment, act)
    assert (receipt.done, receipt.left, length(server)) == (2, 1, 98)
    assert "cannot be undone" in act.NO_WAY_BACK
    assert await take_back(deployment, act) == []


@pytest.mark.parametrize("keep", [0, 1, 30, 70, 99, 100, 5000])
async def test_a_trim_by_length_says_how_many_go_and_takes_just_these(
    server: Server, open_session: Open, until: Until, keep: int
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = await plan_trim(deployment, b"log", keep=keep)
    assert isinstance(act, Trim)
    assert act.planned == max(0, 100 - keep)
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(101, 151)])
    receipt = await carry_out(deployment, act)
    assert receipt.done == act.planned, "what was added since the look is no part of it"
    assert length(server) == min(100, keep) + 50


@pytest.mark.parametrize("before", [0, 2, 40, 90, 101])
async def test_a_trim_by_age_counts_from_the_nearer_end(
    server: Server, open_session: Open, until: Until, before: int
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = await plan_trim(deployment, b"log", before=(before, 0))
    assert isinstance(act, Trim)
    assert act.planned == max(0, before - 1)
    assert (await carry_out(deployment, act)).done == act.planned
    assert length(server) == 100 - act.planned


async def test_a_trim_says_up_to_which_time(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey, 10, first=1_700_000_000_000)
    deployment = await live(open_session(valkey), until)
    act = await plan_trim(deployment, b"log", keep=4)
    assert isinstance(act, Trim)
    assert act.first_kept == b"1700000000006-1"
    assert act.sentence.startswith("6 entries of log go: all before 2023-11-1")


async def test_a_trim_names_the_groups_that_lose_what_they_were_not_given(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    server.ask_all([("XGROUP", "CREATE", "log", "new", "0"), ("XGROUP", "CREATE", "log", "done", "$")])
    deployment = await live(open_session(server), until)
    known = server.generation != "redis-6.2"
    for keep in (10, 60):
        act = await plan_trim(deployment, b"log", keep=keep)
        assert isinstance(act, Trim)
        told = {one.group: one.count for one in act.unread}
        assert told[b"new"] == 100 - keep
        assert b"done" not in told
        if known:
            assert told.get(b"g") == (40 if keep == 10 else None)


@pytest.mark.parametrize("timed", [True, False])
async def test_a_cut_that_is_far_from_both_ends_is_an_estimate_between_bounds(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch, timed: bool
) -> None:
    monkeypatch.setattr(trimming, "MOST_COUNTED", 20)
    monkeypatch.setattr(trimming, "PAGE_BYTES", 100)
    first = 1_700_000_000_000 if timed else 1
    fill(server, 400, first=first)
    deployment = await live(open_session(server), until)
    act = await plan_trim(deployment, b"log", keep=300)
    assert isinstance(act, TrimToLength)
    assert (act.planned, act.about) == (100, b"1700000000099-0" if timed else None)
    assert act.unread == ((Unread(b"g", 50),) if server.generation != "redis-6.2" else (Unread(b"g", None),))
    server.ask_all([("XADD", "log", "*", "n", "new")] * 7)
    receipt = await carry_out(deployment, act)
    assert (receipt.done, length(server)) == (107, 300), "what was added meanwhile pushes out as many more"
    by_age = await plan_trim(deployment, b"log", before=(first + 200, 0))
    assert isinstance(by_age, Trim)
    assert by_age.most is not None
    assert 20 <= by_age.count <= 93 <= by_age.most <= 280
    if by_age.about is not None:
        assert by_age.count <= by_age.about <= by_age.most
    assert f"between {by_age.count} and {by_age.most} entries" in by_age.sentence
    assert (await carry_out(deployment, by_age)).done == 93


async def test_a_big_trim_goes_in_steps(valkey: Server, open_session: Open, until: Until) -> None:
    for start in range(1, 60_000, 20_000):
        valkey.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(start, start + 20_000)])
    deployment = await live(open_session(valkey), until)
    act = await plan_trim(deployment, b"log", before=(59_990, 0))
    assert isinstance(act, Trim)
    assert act.planned == 59_989
    receipt = await carry_out(deployment, act)
    assert (receipt.done, length(valkey)) == (59_989, 11)
    slowest = valkey.ask("INFO", "commandstats").decode()
    calls = next(line for line in slowest.splitlines() if line.startswith("cmdstat_xtrim"))
    assert int(calls.split("calls=")[1].split(",")[0]) >= 6


async def test_a_deleted_consumer_comes_back_with_what_it_held(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    before = pending(server)
    act = await plan_delete_consumer(deployment, b"log", b"g", b"ann")
    assert isinstance(act, DeleteConsumer)
    assert "30 entries that it holds count as done" in act.sentence
    assert said([await carry_out(deployment, act)]) == [(1, 1)]
    assert len(pending(server)) == 20
    assert said(await take_back(deployment, act)) == [(1, 1), (30, 30)]
    assert pending(server) == before


async def test_a_deleted_group_comes_back_where_it_was(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    server.ask("XGROUP", "CREATECONSUMER", "log", "g", "idle one")
    deployment = await live(open_session(server), until)
    before, group = pending(server), server.ask("XINFO", "GROUPS", "log")
    act = await plan_delete_group(deployment, b"log", b"g")
    assert isinstance(act, DeleteGroup)
    assert "3 consumers, 50 entries pending, and its place at 50-1" in act.sentence
    assert said([await carry_out(deployment, act)]) == [(1, 1)]
    assert server.ask("XINFO", "GROUPS", "log") == []
    assert said(await take_back(deployment, act)) == [(1, 1)] * 4 + [(50, 50)]
    assert pending(server) == before
    assert server.ask("XINFO", "GROUPS", "log") == group
    again = await take_back(deployment, act)
    assert [receipt.failure.sentence for receipt in again if receipt.failure] == [
        "a group of this name is there already"
    ]


async def test_a_groups_place_is_moved_and_moved_back(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    before = server.ask("XINFO", "GROUPS", "log")
    act = await plan_set_id(deployment, b"log", b"g", None)
    assert isinstance(act, SetId)
    assert "after 100-1 instead of 50-1: it skips what lies between" in act.sentence
    assert said([await carry_out(deployment, act)]) == [(1, 1)]
    assert b"100-1" in server.ask("XINFO", "GROUPS", "log")[0]
    assert said(await take_back(deployment, act)) == [(1, 1)]
    assert server.ask("XINFO", "GROUPS", "log") == before
    back = await plan_set_id(deployment, b"log", b"g", (7, 1))
    assert isinstance(back, SetId)
    assert "gets what lies between once more" in back.sentence


async def test_a_group_that_has_read_on_is_not_moved_back(server: Server, open_session: Open, until: Until) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = await plan_set_id(deployment, b"log", b"g", (60, 1))
    assert isinstance(act, SetId)
    await carry_out(deployment, act)
    server.ask("XREADGROUP", "GROUP", "g", "ann", "COUNT", 5, "STREAMS", "log", ">")
    (receipt,) = await take_back(deployment, act)
    assert receipt.failure is not None
    assert "has read on since" in receipt.failure.sentence
    assert b"65-1" in server.ask("XINFO", "GROUPS", "log")[0]


@pytest.mark.parametrize("key", [b"log", b"new one"])
async def test_an_entry_is_added_and_deleted_again(
    server: Server, open_session: Open, until: Until, key: bytes
) -> None:
    fill(server)
    deployment = await live(open_session(server), until)
    act = await plan_add(deployment, key, [(b"\xff", b"\x00"), (b"n", b"1")])
    assert isinstance(act, AddEntry)
    assert act.create == (key != b"log")
    assert said([await carry_out(deployment, act)]) == [(1, 1)]
    assert server.ask("XREVRANGE", key, "+", "-", "COUNT", 1)[0][1] == [b"\xff", b"\x00", b"n", b"1"]
    assert said(await take_back(deployment, act)) == [(1, 1)]
    assert server.ask("XLEN", key) == (100 if key == b"log" else 0)


async def test_what_is_gone_is_no_plan(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey)
    valkey.ask("SET", "text", "x")
    deployment = await live(open_session(valkey), until)
    for plan in (
        plan_trim(deployment, b"gone", keep=5),
        plan_trim(deployment, b"text", before=(5, 0)),
        plan_delete_group(deployment, b"log", b"nobody"),
        plan_delete_consumer(deployment, b"gone", b"g", b"ann"),
        plan_set_id(deployment, b"log", b"nobody", None),
        plan_add(deployment, b"text", [(b"a", b"b")]),
    ):
        assert isinstance(await plan, Gone)


async def test_a_read_only_session_changes_nothing(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey)
    deployment = await live(open_session(valkey, read_only="because I say so"), until)
    receipt = await carry_out(deployment, DeleteEntries(b"log", (b"1-1",)))
    assert receipt.failure is not None
    assert (receipt.failure.kind, receipt.done, length(valkey)) == (Kind.READ_ONLY, 0, 100)


async def test_a_missing_permission_names_its_rule(valkey: Server, open_session: Open, until: Until) -> None:
    fill(valkey)
    valkey.ask("ACL", "SETUSER", "probe", "on", ">secret", "~*", "+@all", "-xdel")
    session = open_session(valkey, Address(HOST, valkey.port, username="probe", password="secret"))
    receipt = await carry_out(await live(session, until), DeleteEntries(b"log", (b"1-1",)))
    assert receipt.failure is not None
    assert "+xdel" in receipt.failure.sentence


def modes(folder: Path) -> list[int]:
    """Permissions of a folder, and of what is in it."""
    return [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())]


@pytest.mark.parametrize("name", ["acknowledge", "claim", "consumer", "group", "set id"])
async def test_the_way_back_outlives_the_program(
    valkey: Server, open_session: Open, until: Until, name: str, tmp_path: Path
) -> None:
    fill(valkey)
    deployment = await live(open_session(valkey), until)
    before, groups = pending(valkey), valkey.ask("XINFO", "GROUPS", "log")
    first = History(tmp_path / "streams", "here db0")
    act = await planned(deployment, name)
    change, why = first.begin(act, deployment.clock.wall())
    assert (why, type(act).__name__ in LASTING) == ("", True)
    first.finish(change, await carry_out(deployment, act), deployment.clock.wall())
    assert History(tmp_path / "streams", "elsewhere db0").load() == ()
    later = History(tmp_path / "streams", "here db0")
    (found,) = later.load()
    assert (found.act.sentence, found.why_not) == (act.sentence, "")
    assert modes(tmp_path / "streams") == [0o700, 0o600]
    said(await take_back(deployment, found.act))
    later.taken_back(found)
    assert (pending(valkey), valkey.ask("XINFO", "GROUPS", "log")[0][:2]) == (before, groups[0][:2])
    assert [one.why_not for one in later.load()] == ["taken back"]
    assert [one.why_not for one in first.load()] == ["taken back by another redtop"]
    assert History(tmp_path / "streams", "here db0").load() == ()


async def test_what_changed_nothing_is_no_change_and_what_cannot_be_written_down_is_said(
    valkey: Server, open_session: Open, until: Until, tmp_path: Path
) -> None:
    fill(valkey)
    deployment = await live(open_session(valkey), until)
    history = History(tmp_path, "here")
    entries = await entries_of(deployment)
    gone = Acknowledge(b"log", b"other", entries, 0.0)
    change, _ = history.begin(gone, 0.0)
    history.finish(change, await carry_out(deployment, gone), 0.0)
    assert (history.load(), modes(tmp_path)[1:]) == ((), [])
    (tmp_path / "file").write_text("in the way")
    nowhere = History(tmp_path / "file", "here")
    change, why = nowhere.begin(Acknowledge(b"log", b"g", entries, 0.0), 5.0)
    assert "lasts until redtop ends" in why
    nowhere.finish(change, await carry_out(deployment, change.act), 5.0)
    assert [one.why_not for one in nowhere.load()] == [""]


def test_old_and_broken_records_are_left_out(tmp_path: Path) -> None:
    now = 2 * MOST_AGE
    history = History(tmp_path, "here")
    act = SetId(b"log", b"g", b"1-1", b"0-0", None)
    old = History(tmp_path, "here")
    change, _ = old.begin(act, now - MOST_AGE - 1)
    old.finish(change, Receipt(act, 1), now - MOST_AGE - 1)
    (tmp_path / f"{int(now * 1000)}-broken.json").write_text("{")
    assert len(history.load()) == 1
    change, _ = history.begin(act, now)
    history.finish(change, Receipt(act, 1), now)
    assert [type(one) for one in History(tmp_path, "here").load()] == [Change]


COMMANDS = {
    "acknowledge": b"XACK",
    "claim": b"XCLAIM",
    "delete": b"XDEL",
    "trim": b"XTRIM",
    "consumer": b"DELCONSUMER",
    "group": b"DESTROY",
    "set id": b"SETID",
    "add": b"XADD",
}


async def planned(deployment: Deployment, name: str) -> Act:
    entries, now = await entries_of(deployment, b"ann"), deployment.clock.wall()
    act: object
    match name:
        case "acknowledge":
            act = Acknowledge(b"log", b"g", entries, now)
        case "claim":
            act = Claim(b"log", b"g", b"bob", entries, now)
        case "delete":
            act = DeleteEntries(b"log", (b"1-1", b"2-1"))
        case "trim":
            act = await plan_trim(deployment, b"log", keep=10)
        case "consumer":
            act = await plan_delete_consumer(deployment, b"log", b"g", b"ann")
        case "group":
            act = await plan_delete_group(deployment, b"log", b"g")
        case "set id":
            act = await plan_set_id(deployment, b"log", b"g", (70, 1))
        case _:
            act = await plan_add(deployment, b"log", [(b"a", b"b")])
    assert isinstance(act, Act), act
    return act


def calls(server: Server, name: str) -> int:
    """How often the server ran the command of an act."""
    word = {"consumer": "xgroup|delconsumer", "group": "xgroup|destroy", "set id": "xgroup|setid"}.get(
        name, COMMANDS[name].decode().lower()
    )
    lines = server.ask("INFO", "commandstats").decode().splitlines()
    return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines if line.startswith(f"cmdstat_{word}:"))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.RESET])
async def test_a_lost_answer_is_read_back_and_nothing_is_sent_twice(
    valkey: Server, open_session: Open, until: Until, name: str, fault: Fault
) -> None:
    fill(valkey)
    async with FaultyProxy(valkey.port, lambda data: fault if COMMANDS[name] in data else None) as proxy:
        deployment = await live(open_session(valkey, Address(HOST, proxy.port)), until)
        act = await planned(deployment, name)
        before = calls(valkey, name)
        receipt = await carry_out(deployment, act)
    assert proxy.faults[fault] == 1
    assert receipt.failure is not None
    commands = 30 if name == "acknowledge" else 1
    assert calls(valkey, name) - before == commands * (fault is Fault.LOSE_REPLY)
    if name == "trim":  # in steps, of which nobody counts what one has taken
        assert receipt.unknown
    else:
        assert (receipt.done, receipt.unknown) == (act.planned if fault is Fault.LOSE_REPLY else 0, False)


async def test_reads_of_plans_and_acts_are_taken_out_of_the_hit_rate(
    server: Server, open_session: Open, until: Until
) -> None:
    fill(server)
    others = server.stats()
    deployment = await live(open_session(server), until)
    for name in ("acknowledge", "claim", "set id", "delete", "consumer", "add", "trim", "group"):
        act = await planned(deployment, name)
        await carry_out(deployment, act)
        if name == "acknowledge":
            await take_back(deployment, act)
    gone = Acknowledge(b"gone", b"g", (Pending(b"1-1", b"c", 0.0, 1),), 0.0)
    for act in (
        gone,
        Claim(b"gone", b"g", b"c", gone.entries, 0.0),
        Claim(b"log", b"no group", b"c", gone.entries, 0.0),
    ):
        await carry_out(deployment, act)
    stats, own = server.stats(), deployment.footprint
    counted = [stats[name] - others[name] for name in ("keyspace_hits", "keyspace_misses")]
    assert counted == [own.hits, own.misses]
