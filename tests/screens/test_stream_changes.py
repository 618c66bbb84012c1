"""Changes on the Streams page: what goes, said exactly; the way back, also later; and none where none may be made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button

from tests.looking import QUICK, Looking, looking
from tests.screens.stream_page import WIDE, answer, fill, inside, names, open_page, to
from tests.servers import HOST, Server
from tui.panes.streams_tail import LiveTailPane
from tui.screens.stream_history import StreamHistoryScreen
from widgets.log import Log
from widgets.table import Table


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of nobody."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    fill(valkey)
    async with looking(valkey.port, WIDE) as running:
        await open_page(running)
        yield running


async def take_back(look: Looking) -> None:
    """Take the newest change back."""
    await look.press("u")
    await look.until(lambda: isinstance(look.app.screen, StreamHistoryScreen) and listed(look))
    await look.press("enter")


def listed(look: Looking) -> list[list[str]]:
    """The changes that are listed."""
    return [[cell.plain for cell in row.cells] for table in look.app.screen.query(Table) for row in table.rows]


async def test_entries_of_a_consumer_are_given_to_another_and_taken_back(look: Looking, valkey: Server) -> None:
    def held() -> dict[bytes, int]:
        return {one[1]: one[3] for one in valkey.ask("XINFO", "CONSUMERS", "work", "group")}

    await to(look, b"work")
    await look.press("enter")
    await look.until(lambda: inside(look) == [b"group"])
    await look.press("enter")
    await look.until(lambda: inside(look) == ["all", b"ann", b"bob"])
    await look.press("down", "m")
    await answer(look, "carl", "0s")
    await look.until_shown("These 50 entries of group group of work go to carl", "u takes it back")
    await answer(look)
    await look.until(lambda: held() == {b"ann": 0, b"bob": 10, b"carl": 50})
    await take_back(look)
    await look.until(lambda: held() == {b"ann": 50, b"bob": 10, b"carl": 0})


async def test_a_trim_says_exactly_what_goes_and_wants_the_name(look: Looking, valkey: Server) -> None:
    await to(look, b"late")
    await look.press("t")
    await answer(look, "30")
    await look.until_shown("120 entries of late go: all before", "This cannot be undone")
    assert look.app.screen.query_one("#yes", Button).disabled
    await answer(look, "late")
    await look.until(lambda: valkey.ask("XLEN", "late") == 30)


async def test_a_group_is_deleted_and_comes_back(look: Looking, valkey: Server) -> None:
    before = valkey.ask("XPENDING", "work", "group")
    await to(look, b"work")
    await look.press("enter")
    await look.until(lambda: inside(look) == [b"group"])
    await look.press("d")
    await look.until_shown("2 consumers, 60 entries pending")
    await answer(look, "group")
    await look.until(lambda: valkey.ask("XINFO", "GROUPS", "work") == [])
    await take_back(look)
    await look.until(
        lambda: valkey.ask("XINFO", "GROUPS", "work") and valkey.ask("XPENDING", "work", "group") == before
    )


async def test_in_a_read_only_session_there_is_nothing_to_change_with(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=replace(QUICK, read_only=True)) as look:
        await open_page(look)
        await to(look, b"late")
        await look.press("t", "A", "enter")
        await look.until(lambda: inside(look) == [b"group"])
        await look.press("d", "i")
        assert look.app.screen is look.page
        assert not any(id_.startswith(("streams.trim", "streams.delete")) for id_ in shown_keys(look))


def shown_keys(look: Looking) -> list[str]:
    return [binding.id or "" for _, binding, enabled, _ in look.app.screen.active_bindings.values() if enabled]


async def test_changes_are_listed_with_their_way_back_or_why_there_is_none(look: Looking, valkey: Server) -> None:
    before = valkey.ask("XPENDING", "work", "group")
    await to(look, b"work")
    await look.press("enter")
    await look.until(lambda: inside(look) == [b"group"])
    await look.press("d")
    await answer(look, "group")
    await look.until(lambda: valkey.ask("XINFO", "GROUPS", "work") == [])
    await look.press("S", "t")
    await answer(look, "59")
    await look.until_shown("1 entry of work goes: all before")
    await answer(look, "work")
    await look.until(lambda: valkey.ask("XLEN", "work") == 59)
    await look.press("u")
    await look.until(lambda: isinstance(look.app.screen, StreamHistoryScreen) and len(listed(look)) == 2)
    assert [cells[1:] for cells in listed(look)] == [
        ["Trim", "work", "no way back"],
        ["Delete group", "work", "can go back"],
    ]
    await look.until_shown("Group group of work is deleted with 2 consumers, 60 entries pending")
    await look.press("up", "enter")
    await look.until(lambda: any("no entry at an old id" in one.message for one in look.app._notifications))
    await look.press("escape", "1", "3")
    async with looking(valkey.port, WIDE) as another:
        await open_page(another)
        await another.press("u")
        await another.until(lambda: isinstance(another.app.screen, StreamHistoryScreen) and listed(another))
        assert [cells[3] for cells in listed(another)] == ["can go back"]
        await another.press("enter")
        await another.until(lambda: valkey.ask("XINFO", "GROUPS", "work"))
        await another.until(lambda: valkey.ask("XPENDING", "work", "group")[0] == before[0] - 1)
    await look.press("u")
    await look.until(lambda: isinstance(look.app.screen, StreamHistoryScreen) and len(listed(look)) == 2)
    assert listed(look)[1][3] == "taken back by another redtop"


async def test_an_entry_is_deleted_from_the_tail_and_that_is_said_to_be_for_good(look: Looking, valkey: Server) -> None:
    await to(look, b"fine")
    await look.press("T")
    log = look.pane(LiveTailPane).query_one(Log)
    await look.until(lambda: log.line_count == 5)
    await look.press("d")
    await look.until_shown("1 entry of fine", "This cannot be undone")
    await answer(look)
    await look.until(lambda: valkey.ask("XLEN", "fine") == 4)


async def test_on_a_replica_everything_is_seen_and_nothing_can_be_changed(valkey: Server) -> None:
    fill(valkey)
    with Server() as replica:
        replica.ask("REPLICAOF", HOST, str(valkey.port))
        async with looking(replica.port, WIDE) as look:
            await look.until(lambda: replica.ask("XLEN", "work") == 60)
            await open_page(look)
            await look.until(lambda: sorted(map(str, names(look))) == sorted(map(str, (b"fine", b"late", b"work"))))
            await to(look, b"work")
            valkey.ask("XADD", "work", "*", "n", "through the primary")
            await look.until_shown("n=through the primary")
            await look.press("t", "A", "enter")
            await look.until(lambda: inside(look) == [b"group"])
            await look.press("d", "i", "m")
            assert look.app.screen is look.page
