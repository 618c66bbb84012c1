"""Purging from the screens: look first, type, work, receipt, and all the way back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from tests.conftest import Open, Until
from tests.engine.expiry.retime.test_crashes import killed
from tests.engine.expiry.retime.test_retime import expiries
from tests.engine.expiry.retime.test_retime import fill as fill_locks
from tests.looking import QUICK, Looking, looking
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.expiry.retime.journals import every_journal
from tui.engine.node import Phase
from tui.engine.purge.execute import execute
from tui.engine.purge.journals import Entry
from tui.engine.purge.plan import Plan, plan
from tui.engine.purge.request import Request
from tui.engine.session import Session
from tui.panes.namespaces import NamespacesPane
from tui.screens.confirm import ConfirmScreen
from tui.screens.journals import JournalsScreen
from tui.screens.progress import ProgressScreen

FILL = [
    *[("SET", f"session:{n}", f"value {n}", "PX", 9_000_000 + n) for n in range(700)],
    *[("HSET", f"session:user:{n}", "name", f"user {n}") for n in range(300)],
    *[("SET", f"other:{n}", "x") for n in range(50)],
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals and settings of nobody."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def valkey() -> Iterator[Server]:
    """An empty Valkey that tells a digest of all it holds."""
    with Server("valkey-9.1", "--enable-debug-command", "yes") as running:
        yield running


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    valkey.ask_all(FILL)
    async with looking(valkey.port) as running:
        await running.until_shown("● live", "100% seen", "session:")
        yield running


def digest(server: Server) -> tuple[Any, list[int]]:
    """What the server holds, with the moment each key expires."""
    keys = sorted(server.ask("KEYS", "*"))
    return server.ask("DEBUG", "DIGEST"), server.ask_all([("PEXPIRETIME", key) for key in keys])


async def preview(look: Looking, prefix: str, exclude: str = "") -> ConfirmScreen:
    """Ask for a purge of the namespace under the cursor, and come to what has to be confirmed."""
    await look.press("d")
    form = await look.asked()
    assert [field.value for field in form.query(Input)] == [prefix, ""]
    form.query(Input).last().value = exclude
    await look.press("enter", "enter")
    await look.until(lambda: look.app.screen is not form and isinstance(look.app.screen, ConfirmScreen))
    question = await look.asked()
    assert isinstance(question, ConfirmScreen)
    return question


async def confirm(look: Looking, question: ConfirmScreen, *texts: str) -> ProgressScreen:
    """Type what is asked for, and wait for the receipt."""
    for field, text in zip(question.query(Input), texts, strict=True):
        field.value = text
    yes = question.query_one("#yes", Button)
    await look.until(lambda: not yes.disabled)
    yes.focus()
    await look.press("enter")
    work = await look.asked(ProgressScreen)
    await look.until(lambda: work.done)
    await look.until_shown("Close")
    assert isinstance(work, ProgressScreen)
    return work


async def test_a_namespace_is_purged_and_all_of_it_comes_back(look: Looking, valkey: Server, state: Path) -> None:
    before = digest(valkey)
    question = await preview(look, "session:")
    await look.until_shown("session:*", "1,000", "brings back all keys", "Type the prefix session:", "Remove 1,000")
    assert valkey.ask("DBSIZE") == 1050
    await confirm(look, question, "session:")
    await look.until_shown("planned   1,000", "removed   1,000", "can be brought back")
    assert valkey.ask("DBSIZE") == 50
    await look.until_shown("100% seen · 50 keys")
    await look.press("e")
    await look.until_shown("Receipt")
    _check_receipt(state)
    await look.press("enter", "u")
    await look.asked(JournalsScreen)
    await look.until_shown("session:*", "can be undone")
    await look.press("enter")
    await confirm(look, await look.asked())
    await look.until_shown("restored  1,000")
    assert digest(valkey) == before


def _check_receipt(folder: Path) -> None:
    (receipt,) = folder.glob("redtop-receipt-*.txt")
    assert "removed   1,000" in receipt.read_text()
    assert receipt.stat().st_mode & 0o777 == 0o600


async def test_excluded_keys_stay(look: Looking, valkey: Server) -> None:
    question = await preview(look, "session:", "session:user:* session:1?")
    await look.until_shown("310 excluded", "Remove 690")
    await confirm(look, question, "session:")
    assert valkey.ask("DBSIZE") == 1050 - 690
    assert valkey.ask("EXISTS", "session:17", "session:user:9") == 2


async def test_nothing_goes_before_the_right_text_is_typed_nor_when_the_answer_is_no(
    look: Looking, valkey: Server
) -> None:
    question = await preview(look, "session:")
    assert question.focused is question.query_one("#cancel")
    question.query_one(Input).value = "session"
    await look.press("right", "enter", "enter")
    await look.press("escape")
    await look.until(lambda: look.app.screen is look.page)
    assert valkey.ask("DBSIZE") == 1050


async def test_what_is_rewritten_after_the_preview_stays(look: Looking, valkey: Server) -> None:
    question = await preview(look, "session:")
    valkey.ask("SET", "session:1", "new")
    valkey.ask("SET", "session:brand-new", "x")
    valkey.ask("DEL", "session:2")
    await confirm(look, question, "session:")
    await look.until_shown("removed   998", "changed   1 ", "gone      1 ")
    assert valkey.ask("EXISTS", "session:1", "session:brand-new") == 2


async def test_one_key_is_deleted_from_the_keys_page_and_comes_back(look: Looking, valkey: Server) -> None:
    before = digest(valkey)
    await look.press("2")
    await look.until(lambda: look.page.TITLE == "Keys")
    await look.press("g")
    look.page.query_one("#jump", Input).value = "session:7"
    await look.press("enter")
    await look.until_shown("Inspector · string")
    await look.press("d")
    question = await look.asked()
    await look.until_shown("Delete a key", "session:7", "Type delete:")
    await confirm(look, question, "delete")
    assert valkey.ask("EXISTS", "session:7") == 0
    await look.press("enter", "u")
    await look.asked(JournalsScreen)
    await look.press("enter")
    await confirm(look, await look.asked())
    assert digest(valkey) == before


async def test_in_production_the_profile_has_to_be_named_as_well(valkey: Server) -> None:
    valkey.ask_all(FILL)
    settings = replace(QUICK, production=True, profile="prod-eu", protected=(b"session:user:",))
    async with looking(valkey.port, settings=settings) as look:
        await look.until_shown("● live", "100% seen", "session:")
        question = await preview(look, "session:")
        await look.until_shown("300 protected", "Type the profile's name, prod-eu")
        question.query(Input).first().value = "session:"
        await look.pilot.pause()
        assert question.query_one("#yes", Button).disabled
        await confirm(look, question, "session:", "prod-eu")
        assert valkey.ask("DBSIZE") == 350


async def test_where_nothing_may_be_written_neither_purge_nor_undo_exist(valkey: Server) -> None:
    valkey.ask_all(FILL)
    async with looking(valkey.port, settings=replace(QUICK, read_only=True)) as look:
        await look.until_shown("● live", "100% seen", "READ-ONLY")
        assert look.page.panes[look.page.current] is look.pane(NamespacesPane)
        await look.press("d", "u")
        assert look.app.screen is look.page
        ids = {binding.id for _, binding, _, _ in look.page.active_bindings.values()}
        assert not {"namespaces.purge", "app.undo"} & ids


async def test_an_interrupted_purge_is_offered_at_the_next_start(valkey: Server, state: Path) -> None:
    valkey.ask_all(FILL)
    before = digest(valkey)
    await _interrupt(valkey, state / "state" / "redtop" / "journals")
    assert valkey.ask("DBSIZE") < 1050
    async with looking(valkey.port) as look:
        await look.asked(JournalsScreen)
        await look.until_shown("was interrupted", "session:*", "interrupted")
        await look.press("enter")
        await confirm(look, await look.asked())
        await look.press("enter")
        assert digest(valkey) == before


async def test_what_was_interrupted_is_offered_only_when_nothing_else_is_done(
    valkey: Server, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key pressed while journals were being read from a slow disk was lost; a dialog then hid the offer for good."""
    valkey.ask_all(FILL)
    await _interrupt(valkey, state / "state" / "redtop" / "journals")
    reading, free = threading.Event(), threading.Event()

    def slowly(folder: Path) -> list[Entry]:
        reading.set()
        assert free.wait(30)
        return every_journal(folder)

    monkeypatch.setattr("tui.screens.visits.LOOK_BACK", 0.05)
    monkeypatch.setattr("tui.screens.purge.every_journal", slowly)
    async with looking(valkey.port) as look:
        await look.until_shown("● live", "100% seen")
        await look.until(reading.is_set)
        await look.press("d")
        await look.asked(ConfirmScreen)
        free.set()
        await look.decline()
        await look.asked(JournalsScreen)
        await look.until_shown("was interrupted", "session:*")


async def test_wrong_settings_of_purges_are_a_sentence_soon_after_the_start(
    valkey: Server, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.visits.LOOK_BACK", 0.05)
    (state / "config" / "redtop").mkdir(parents=True)
    (state / "config" / "redtop" / "config.toml").write_text("[purge]\njournal_days = 0")
    async with looking(valkey.port) as look:
        await look.until_shown("● live", "journal_days")
        assert look.app.screen is look.page


async def _interrupt(server: Server, folder: Path) -> None:
    """Begin a purge and drop it in the middle, as a crash would."""
    session = Session(Address(HOST, server.port))
    task = asyncio.create_task(session.run())
    node = session.deployment.nodes[0]
    async with asyncio.timeout(10):
        while node.state.phase is not Phase.LIVE:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)
    made = [item async for item in plan(node, Request(prefix=b"session:"))][-1]
    assert isinstance(made, Plan)
    work = execute(node, made, folder, rate=200)
    async for item in work:
        if item.counts.removed:
            break
    await work.aclose()
    task.cancel()


@pytest.mark.parametrize("key", ["enter", "F"])
async def test_an_interrupted_change_of_ttls_is_offered_at_the_next_start(
    valkey: Server, state: Path, open_session: Open, until: Until, key: str
) -> None:
    fill_locks(valkey, 100)
    before, folder = expiries(valkey), state / "state" / "redtop" / "journals"
    node = open_session(valkey).deployment.nodes[0]
    await until(lambda: node.state.phase is Phase.LIVE)
    await killed(node, folder, 8)  # the server has given the new TTLs, and nobody has heard its answer
    assert expiries(valkey) != before
    async with looking(valkey.port) as look:
        await look.asked(JournalsScreen)
        await look.until_shown("was interrupted", "TTL of lock:flow:{int}: set 1h", "interrupted")
        await look.press(key)
        screen = await look.asked()
        await look.until_shown("finishes" if key == "F" else "undoes", "lock:flow:{int}")
        await confirm(look, screen, *["finish"] * (key == "F"))
        await look.until_shown("changed   100" if key == "F" else "put back  100")
        await look.press("enter")
        if key == "F":
            await look.press("u")
            screen = await look.asked(JournalsScreen)
            await look.until_shown("can be undone")
            await look.press("enter")
            await confirm(look, await look.asked())
            await look.until_shown("put back  100")
        assert expiries(valkey) == before


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_on_a_small_terminal_what_goes_and_the_way_back_are_in_sight(
    valkey: Server, size: tuple[int, int]
) -> None:
    valkey.ask_all(FILL)
    async with looking(valkey.port, size) as look:
        await look.until_shown("● live", "session:")
        await preview(look, "session:")
        await look.until_shown("session:*", "Cancel", "Type the prefix")
        if size == (80, 24):
            await look.until_shown("brings back all keys")
        else:
            await look.press("pagedown", "pagedown")
            await look.until_shown("brings back all keys")
