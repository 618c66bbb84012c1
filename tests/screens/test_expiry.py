"""The Expiry page: what never goes, what departs from its policy, and what lies ahead, on real servers."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button, Input

from tests.engine.schema.test_drift import filled
from tests.looking import QUICK, Looking, looking
from tests.servers import Server
from tui.engine.commands import WRITES
from tui.panes.expiry_drift import ExpiryDriftPane
from tui.panes.expiry_families import ExpiryFamiliesPane
from tui.panes.expiry_next import ExpiryNextPane
from tui.panes.expiry_ttl import ExpiryTtlPane
from tui.panes.inspector import InspectorPane
from tui.panes.keylist import KeyListPane
from tui.screens.confirm import ConfirmScreen
from tui.screens.expiry import ExpiryPage
from tui.screens.keys import KeysPage
from widgets.histogram import Histogram
from widgets.table import Table

WIDE = (160, 48)
FAULTMAVEN = replace(QUICK, schemas=("faultmaven",))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.schema.closer.SECOND_LOOK", 0.01)
    monkeypatch.setattr("tui.engine.expiry.outlook.AGAIN", 0.0)


def fill(server: Server) -> None:
    """A family that leaks, one that falls off a cliff, one that goes evenly, and one that stays."""
    server.ask_all([("SET", f"cart:{n}", "x" * 50, "EX", 7200 + 60 * n) for n in range(90)])
    server.ask_all([("SET", f"cart:{n}", "x" * 50) for n in range(90, 100)])
    server.ask_all([("SET", f"page:{n}", "x" * 500, "EX", 3000) for n in range(200)])
    server.ask_all([("SET", f"session:{n}", "x", "EX", 40 + 8 * n) for n in range(50)])
    server.ask_all([("SET", f"user:{n}", "x" * 100) for n in range(60)])


async def open_page(look: Looking) -> None:
    await look.until_shown("● live")
    await look.press("4")
    await look.until(lambda: isinstance(look.page, ExpiryPage) and rows(look))
    await look.until(lambda: "100% seen" not in look.text and "counted" in look.text)


def rows(look: Looking) -> list[str]:
    return [row.cells[0].plain for row in look.pane(ExpiryFamiliesPane).query_one(Table).rows]


def numbers(look: Looking, family: str) -> list[str]:
    table = look.pane(ExpiryFamiliesPane).query_one(Table)
    return [cell.plain for cell in next(row for row in table.rows if row.cells[0].plain == family).cells[1:]]


def bars(look: Looking, kind: str) -> dict[str, float]:
    histogram = look.pane(ExpiryTtlPane).query_one(f"#{kind}", Histogram)
    labels = [bar.label.plain.strip() for bar in look.pane(ExpiryTtlPane).query_one("#keys", Histogram)._bars]
    return dict(zip(labels, (bar.value for bar in histogram._bars), strict=True))


async def test_what_never_expires_stands_first_with_its_bytes_and_leaks_are_amber(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until(lambda: rows(look)[:4] == ["all keys", "user:{int}", "cart:{int}", "▲ page:{int}"])
        assert numbers(look, "all keys")[0] == "70"
        assert numbers(look, "user:{int}")[0] == "60"
        assert numbers(look, "user:{int}")[2] == "100%"
        assert numbers(look, "cart:{int}")[0] == "10"
        leak = next(
            row for row in look.pane(ExpiryFamiliesPane).query_one(Table).rows if row.key == (":", "cart", "{int}")
        )
        assert "warning" in str(leak.cells[3].spans)
        assert numbers(look, "▲ page:{int}")[3] == "200", "all of it goes within the hour"
        await look.press("s", "s")
        assert rows(look)[1] == "▲ page:{int}"


async def test_the_histograms_are_of_all_keys_or_of_the_family_under_the_cursor(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        keys = bars(look, "keys")
        assert sum(keys.values()) == 410
        assert keys["none"] == 70
        assert bars(look, "bytes")["none"] > 60 * 100
        await look.press("down")
        await look.until_shown("TTL · user:{int}", "Forecast · user:{int}")
        assert bars(look, "keys")["none"] == 60
        assert sum(bars(look, "keys").values()) == 60
        await look.press("home")
        await look.until_shown("TTL · all keys")


async def test_cliffs_are_called_out_and_the_next_keys_count_down(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until_shown("▲ in 49m", "200 keys", "100% of page:{int}", "▲ 1 cliff")
        await look.until_shown("memory:")
        table = look.pane(ExpiryNextPane).query_one(Table)
        await look.until(lambda: [row.key for row in table.rows][:2] == [b"session:0", b"session:1"])
        before = table.rows[0].cells[0].plain
        await look.until(lambda: table.rows[0].cells[0].plain < before)
        valkey.ask("EXPIRE", "session:0", 5000)
        await look.until(lambda: table.rows[0].key == b"session:1")


async def test_enter_lists_a_family_and_shows_a_key_on_the_page_of_keys(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.press("enter")
        assert isinstance(look.page, ExpiryPage), "all keys are no family"
        await look.press("down", "enter")
        await look.until(lambda: isinstance(look.page, KeysPage))
        assert look.pane(KeyListPane).path == ("user:", "{int}")
        await look.press("4", "X")
        await look.until(lambda: look.pane(ExpiryNextPane).query_one(Table).rows)
        await look.press("enter")
        await look.until(lambda: isinstance(look.page, KeysPage) and look.pane(InspectorPane).key == b"session:0")


async def test_drift_says_what_to_do_and_leads_to_the_keys(valkey: Server) -> None:
    filled(valkey, ["faultmaven"], drift=True, keys=0, now=time.time())
    async with looking(valkey.port, WIDE, settings=FAULTMAVEN) as look:
        await open_page(look)
        await look.press("P")
        await look.until_shown("✗ ", "token in plain text", "looked just now")
        table = look.pane(ExpiryDriftPane).query_one(Table)
        deprecated = next(row.key for row in table.rows if "deprecated" in row.cells[3].plain)
        table.move_to_key(deprecated)
        await look.until_shown("cases live in PostgreSQL", "→ make sure that nothing reads them any more")
        await look.press("enter")
        await look.until(lambda: isinstance(look.page, KeysPage) and look.pane(KeyListPane).path[0] == "case:")


async def test_secret_names_are_masked(valkey: Server) -> None:
    secret = "0123456789abcdefghijklmn"
    valkey.ask_all([("SET", f"auth:token:{secret}{n}", "u1", "EX", 9 + n) for n in range(5)])
    valkey.ask_all([("SET", f"session:{secret}{n}", "{}") for n in range(5)])
    async with looking(valkey.port, WIDE, settings=FAULTMAVEN) as look:
        await open_page(look)
        await look.until_shown("token in plain text", "never expire", "looked just now")
        await look.until(lambda: len(look.pane(ExpiryNextPane).query_one(Table).rows) == 5)
        await look.press("P", "down")
        assert secret[4:] not in look.text


async def test_without_a_schema_the_pane_says_how_to_have_one(valkey: Server) -> None:
    filled(valkey, ["oauth-proxy"], drift=False, keys=0)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until_shown("--schema NAME", "redtop schema list", "looks like oauth-proxy")


async def test_a_clean_keyspace_is_told_so(valkey: Server) -> None:
    valkey.ask_all([("SET", f"lock:flow:{n}", 1, "EX", 30) for n in range(5)])
    async with looking(valkey.port, WIDE, settings=replace(QUICK, schemas=("migration-platform",))) as look:
        await open_page(look)
        await look.until_shown("nothing departs from migration-platform")


async def test_an_empty_database_teaches(valkey: Server) -> None:
    async with looking(valkey.port, WIDE) as look:
        await look.until_shown("● live")
        await look.press("4")
        await look.until_shown("this database is empty", "no key here ever expires", "SET session:1 hello EX 60")


async def test_small_terminals_show_one_pane_at_a_time_and_tall_ones_finer_bars(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, (80, 24)) as look:
        await open_page(look)
        assert look.shown == ["No TTL"]
        await look.press("T")
        await look.until(lambda: look.shown == ["TTL"] and len(bars(look, "keys")) == 13)
        await look.press("F")
        await look.until_shown("within", "▲ in 49m", "memory:")
        for size in ((30, 8), (200, 60)):
            await look.pilot.resize_terminal(*size)
            for key in "NPTFX":
                await look.press(key)
        assert look.app.is_running


async def test_without_permission_for_sizes_keys_are_shown_all_the_same(valkey: Server) -> None:
    fill(valkey)
    valkey.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-memory|usage")
    async with looking(valkey.port, WIDE, username="half", password="pw") as look:
        await open_page(look)
        await look.until_shown("+memory|usage")
        assert numbers(look, "user:{int}")[:2] == ["60", "–"]


async def test_hostile_names_do_no_harm(valkey: Server) -> None:
    nasty = [b"\xff\x1b[2J", b"[@click=app.quit]x[/]", b"\x00\r\n", "ab\u202e".encode(), b"x" * 3000, b""]
    valkey.ask_all([("SET", name + b"a:" + name, "x", "EX", 500) for name in nasty])
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.press("down", "down", "T", "F", "X", "down", "N", "end")
        assert look.app.is_running
        assert all(line.isprintable() for line in look.lines)


async def test_a_hidden_page_asks_nothing_and_looking_changes_nothing(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=replace(QUICK, schemas=("arketic",))) as look:
        await open_page(look)
        await look.until_shown("looked")
        calls = look.app.session.deployment.footprint.calls
        assert not WRITES.keys() & {name for name, count in calls.items() if count}
        await look.press("3")

        def asked() -> int:
            return look.app.session.deployment.footprint.calls["getrange"]

        await look.until(lambda: not any(pane._seen.is_set() for pane in look.app._book.pages[1].panes))  # type: ignore[union-attr]
        before, pulses = asked(), look.app.session.deployment.footprint.calls["info"]
        await look.until(lambda: look.app.session.deployment.footprint.calls["info"] > pulses + 5)
        assert asked() == before


# --- changing TTLs


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals and settings in a folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


async def dialog(look: Looking, title: str, fields: int = 3) -> ConfirmScreen:
    """Wait for a dialog with so many fields that listens."""

    def listens() -> bool:
        screen = look.app.screen
        asks = isinstance(screen, ConfirmScreen) and screen._question.title == title and not screen.deaf
        return asks and len(screen.query(Input)) == fields

    await look.until(listens)
    assert isinstance(look.app.screen, ConfirmScreen)
    return look.app.screen


async def answer(look: Looking, title: str, *values: str) -> None:
    """Fill in a dialog and say yes."""
    screen = await dialog(look, title, len(values))
    for field, value in zip(screen.query(Input), values, strict=True):
        field.value = value
    button = screen.query_one("#yes", Button)
    await look.until(lambda: not button.disabled)
    button.press()


async def to_family(look: Looking, *shape: str) -> None:
    table = look.pane(ExpiryFamiliesPane).query_one(Table)
    await look.until(lambda: table.move_to_key(shape))


@pytest.mark.usefixtures("state")
async def test_a_family_gets_a_ttl_after_a_preview_and_loses_it_again_by_undo(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await to_family(look, ":", "cart", "{int}")
        await look.press("t")
        first = await dialog(look, "TTL of a family")
        assert [field.value for field in first.query(Input)] == ["", "without TTL", "10%"]
        await answer(look, "TTL of a family", "2h", "without TTL", "0")
        await look.until_shown("set 2h where there is none", "Type the number of keys, 10:", "10 without TTL")
        await answer(look, "TTL of a family", "10")
        await look.until_shown("changed   10", "Close")
        assert valkey.ask("TTL", "cart:95") > 7100
        assert valkey.ask("TTL", "user:1") == -1
        await look.press("escape")
        await look.until(lambda: isinstance(look.app.screen, ExpiryPage))
        await look.until(lambda: numbers(look, "cart:{int}")[0] == "0", 20)
        await look.press("u")
        await look.until_shown("undoes    set 2h where there is none")
        await answer(look, "Undo a change of TTLs")
        await look.until_shown("put back  10", "Close")
        assert valkey.ask("TTL", "cart:95") == -1
        await look.press("escape", "u")
        await look.until_shown("can be undone")


@pytest.mark.usefixtures("state")
async def test_drift_is_mended_with_the_ttl_of_the_policy(valkey: Server) -> None:
    valkey.ask_all([("SET", f"lock:flow:{n}", 1) for n in range(12)])
    valkey.ask_all([("SET", f"lock:import:{n}", 1, "EX", 30) for n in range(12)])
    async with looking(valkey.port, WIDE, settings=replace(QUICK, schemas=("migration-platform",))) as look:
        await open_page(look)
        await look.until_shown("looked", "never expire")
        await look.press("P", "t")
        first = await dialog(look, "TTL of a family")
        assert [field.value for field in first.query(Input)] == ["30s", "without TTL", "10%"]
        assert isinstance(look.page, ExpiryPage)
        await answer(look, "TTL of a family", "30s", "without TTL", "10%")
        await answer(look, "TTL of a family", "12")
        await look.until_shown("changed   12")
        ttls = valkey.ask_all([("PTTL", f"lock:flow:{n}") for n in range(12)])
        assert all(20_000 < ttl <= 30_000 for ttl in ttls)


@pytest.mark.usefixtures("state")
async def test_nothing_changes_without_the_right_number_or_with_a_wish_that_makes_no_sense(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.press("t")
        await look.until_shown("choose a family")
        await to_family(look, ":", "user", "{int}")
        await look.press("t")
        first = await dialog(look, "TTL of a family")
        for text, good in (("soon", False), ("3s", False), ("none", True), ("+5m", True), ("1h", True)):
            next(iter(first.query(Input))).value = text
            await look.until(lambda: first.query_one("#yes", Button).disabled is not good)  # noqa: B023 - at once
        await answer(look, "TTL of a family", "60s", "without TTL", "55s")
        await look.until_shown("the spread must leave")
        await answer(look, "TTL of a family", "60s", "with TTL", "0")
        await look.until_shown("no key of this family is like that now")
        await look.press("t")
        await answer(look, "TTL of a family", "60s", "all", "0")
        await look.until_shown("Type the number of keys, 60:")
        second = await dialog(look, "TTL of a family", 1)
        second.query_one(Input).value = "61"
        assert second.query_one("#yes", Button).disabled
        await look.press("escape")
        await look.until(lambda: isinstance(look.app.screen, ExpiryPage))
        assert valkey.ask("TTL", "user:1") == -1


@pytest.mark.usefixtures("state")
async def test_one_key_is_given_more_time(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.press("X")
        await look.until(lambda: look.pane(ExpiryNextPane).query_one(Table).rows)
        await look.press("t")
        await answer(look, "Set TTL", "+10m")
        assert isinstance(look.page, ExpiryPage)
        await look.until(lambda: valkey.ask("TTL", "session:0") > 600)
        assert valkey.ask("TTL", "session:0") <= 640


async def test_where_nothing_may_be_written_no_key_changes_ttls(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=replace(QUICK, read_only=True)) as look:
        await open_page(look)
        await to_family(look, ":", "user", "{int}")
        await look.press("t", "u", "X", "t", "P", "t")
        assert isinstance(look.app.screen, ExpiryPage)
        assert not any(
            binding.action in {"set_ttl", "undo_ttl"}
            for _, binding, enabled, _ in look.page.active_bindings.values()
            if enabled
        )
