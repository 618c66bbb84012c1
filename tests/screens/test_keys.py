"""The Keys page: from a family to its keys to one value, on real servers."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from textual.widgets import Input

from tests.hostile import plant_all
from tests.looking import QUICK, Looking, looking
from tests.servers import Server
from tui.panes.inspector import InspectorPane
from tui.panes.keylist import KeyListPane
from tui.panes.namespaces import NamespacesPane
from tui.screens.confirm import ConfirmScreen
from tui.screens.dashboard import Dashboard
from tui.screens.keys import KeysPage
from widgets.table import Table

WIDE = (160, 48)


def rows(look: Looking) -> list[object]:
    """What the key list holds."""
    return [row.key for row in look.pane(KeyListPane).query_one(Table).rows]


def title(look: Looking) -> str:
    """The pane with the focus."""
    return look.page.panes[look.page.current].TITLE


async def open_keys(look: Looking) -> None:
    """Go to the page as soon as the keyspace is known."""
    await look.until_shown("● live", "100% seen")
    await look.press("2")
    await look.until(lambda: isinstance(look.page, KeysPage))


async def jump(look: Looking, key: str) -> None:
    """Type an exact key."""
    await look.press("g")
    look.page.query_one("#jump", Input).value = key
    await look.press("enter")


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    """The Keys page on a server with three families."""
    valkey.ask_all([("SET", f"session:{n}", f"value {n}", "EX", 900) for n in range(60)])
    valkey.ask_all([("HSET", f"user:{n}:profile", "name", f"user {n}") for n in range(30)])
    valkey.ask_all([("RPUSH", f"queue:{name}", "first", "second") for name in ("mails", "jobs")])
    async with looking(valkey.port, WIDE) as running:
        await open_keys(running)
        yield running


async def test_one_and_two_change_pages_which_keep_their_state(look: Looking) -> None:
    await look.press("down")
    path = look.pane(NamespacesPane).path
    page = look.page
    await look.press("1")
    await look.until(lambda: isinstance(look.page, Dashboard))
    await look.press("2")
    await look.until(lambda: look.page is page)
    assert look.pane(NamespacesPane).path == path


async def test_only_the_visible_page_follows_its_feeds(look: Looking) -> None:
    await look.press("1")
    dashboard = look.page
    assert all(pane._seen.is_set() for pane in dashboard.panes)
    await look.press("2")
    await look.until(lambda: not any(pane._seen.is_set() for pane in dashboard.panes))
    assert all(pane._seen.is_set() for pane in look.page.panes)
    await look.press("question_mark")
    assert all(pane._seen.is_set() for pane in look.page.panes), "a dialog leaves the page visible"


async def test_the_cursor_in_the_tree_lists_a_family_and_the_cursor_there_inspects_a_key(look: Looking) -> None:
    await look.until(lambda: len(rows(look)) == 60)
    await look.until_shown("Inspector · string", "value ", "TTL")
    await look.press("down")
    await look.until(lambda: len(rows(look)) == 30)
    await look.until_shown("Inspector · hash", "1 field")
    assert title(look) == "Namespaces", "looking does not take the focus"


async def test_enter_goes_in_and_escape_comes_back(look: Looking) -> None:
    await look.until(lambda: len(rows(look)) == 60)
    await look.press("enter")
    assert title(look) == "Keys"
    await look.press("down", "down", "enter")
    assert title(look) == "Inspector"
    await look.until(lambda: look.pane(InspectorPane).key == rows(look)[2])
    await look.press("escape")
    assert title(look) == "Keys"
    await look.press("right", "left", "left")
    assert title(look) == "Namespaces"
    await look.press("escape")
    assert title(look) == "Namespaces", "there is nothing further back"


async def test_a_held_arrow_key_does_not_list_every_family_it_passes(look: Looking) -> None:
    await look.until(lambda: len(rows(look)) == 60)
    keys = look.pane(KeyListPane)
    chosen: list[object] = []
    keys.watch(keys, "snapshot", lambda: chosen.append(keys.path), init=False)
    await look.press("down", "down", "up", "down", "up", "up", "down")
    await look.until(lambda: len(rows(look)) == 30)
    assert len(set(chosen)) <= 2


async def test_enter_on_a_family_of_the_dashboard_lists_its_keys(look: Looking) -> None:
    await look.press("1")
    await look.press("down", "enter")
    await look.until(lambda: isinstance(look.page, KeysPage) and len(rows(look)) == 30)
    assert title(look) == "Keys"
    await look.until(lambda: "".join(look.pane(NamespacesPane).path or ()) == "user:{int}:profile")


async def test_the_filter_keeps_the_keys_with_a_text_in_them(look: Looking) -> None:
    await look.press("enter", "slash", *"N:5")
    await look.until(lambda: len(rows(look)) == 11)
    await look.until_shown("11 of 60")
    await look.press("escape")
    await look.until(lambda: len(rows(look)) == 60)
    await look.press("slash", *"nowhere")
    await look.until_shown("no key here contains 'nowhere'")


async def test_types_ttls_and_sizes_come_for_the_rows_in_view_only(valkey: Server) -> None:
    valkey.ask_all([("SET", f"session:{n:05}", "x", "EX", 900) for n in range(3000)])
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        await look.until(lambda: len(rows(look)) == 3000)
        keys = look.pane(KeyListPane)
        page = keys.query_one(Table).page
        await look.until(lambda: len(keys._facts) >= page)
        assert len(keys._facts) < 3 * page
        await look.until(lambda: sum(bool(re.search(r"string +14m \d+s", line)) for line in look.lines) >= page - 1)
        await look.press("enter", "end")
        last = rows(look)[-1]
        await look.until(lambda: last in keys._facts)


async def test_the_end_of_a_hundred_thousand_keys_is_as_near_as_that_of_a_hundred(valkey: Server) -> None:
    valkey.ask_all([("SET", f"few:{n}", "x") for n in range(100)])
    for start in range(0, 100_000, 10_000):
        valkey.ask_all([("SET", f"many:{n}", "x") for n in range(start, start + 10_000)])
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        took = {}
        for row, (name, number) in enumerate([("many", 100_000), ("few", 100)]):
            await look.press("N", "home", *["down"] * row, "enter")
            await look.until(lambda: len(rows(look)) == number, 30)  # noqa: B023 - polled before the next turn
            took[name] = min([await there_and_back(look, number - 1) for _ in range(5)])
            await look.press("left")
    assert took["many"] < 2 * took["few"] + 0.1


async def there_and_back(look: Looking, last: int) -> float:
    """Go to the end of the list and to its beginning; returns how long that took (seconds)."""
    table = look.pane(KeyListPane).query_one(Table)
    started = time.perf_counter()
    for key, row in (("end", last), ("home", 0)):
        look.tap(key)
        await look.until(lambda: table.cursor == row)  # noqa: B023 - polled at once
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        (b"plain", "plain"),
        (b"\xff\x00\x1b[2J", r"\xff\x00\x1b[2J"),
        ("café:日本".encode(), "café:日本"),
        (b"back\\slash", r"back\\slash"),
        (b"[red]not markup[/]", "[red]not markup[/]"),
        (b"x" * 10_000, "x" * 10_000),
    ],
)
async def test_a_jump_opens_the_exact_key(valkey: Server, key: bytes, typed: str) -> None:
    valkey.ask("SET", key, "found it")
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        await jump(look, typed)
        await look.until_shown("found it")
        assert look.pane(InspectorPane).key == key
        assert title(look) == "Inspector"
        await look.press("y")
        assert look.app.clipboard == (typed if len(typed) < 100 else "x" * 10_000)


async def test_a_wrong_escape_is_one_sentence_and_the_line_stays(look: Looking) -> None:
    await jump(look, r"C:\temp")
    await look.until_shown("a backslash must be followed by")
    assert look.page.query_one("#jump", Input).display
    await look.press("escape")
    assert not look.page.query_one("#jump", Input).display
    assert title(look) == "Namespaces"


async def test_a_jump_to_nowhere_says_so(look: Looking) -> None:
    await jump(look, "nobody:knows")
    await look.until_shown("there is no such key now")


async def test_what_is_copied_reaches_the_terminal_as_osc_52_and_never_the_password(valkey: Server) -> None:
    valkey.ask("SET", b"it's \xff", "multi\nline")
    valkey.ask("CONFIG", "SET", "requirepass", "hunter2")
    async with looking(valkey.port, WIDE, password="hunter2") as look:
        await open_keys(look)
        await look.until_shown("multi")
        written: list[str] = []
        look.app._driver.write = written.append  # type: ignore[method-assign,union-attr]
        await look.press("I", "Y")
        command = f"""redis-cli -h 127.0.0.1 -p {valkey.port} -n 0 --askpass --quoted-input GET '"it\\x27s \\xff"'"""
        assert look.app.clipboard == command
        assert any(base64.b64encode(command.encode()).decode() in text for text in written)
        await look.press("c")
        assert look.app.clipboard == "multi\nline"
        await look.press("y")
        assert look.app.clipboard == r"it's \xff"
        await look.press("N", "y")
        assert look.app.clipboard == "".join(look.pane(NamespacesPane).path or ())


async def test_copying_an_element_takes_the_one_under_the_cursor(look: Looking) -> None:
    await jump(look, "queue:mails")
    await look.until_shown("second")
    await look.press("down", "c")
    assert look.app.clipboard == "second"
    await look.press("Y")
    assert look.app.clipboard.endswith('LRANGE "queue:mails" 0 -1')


async def test_a_key_that_vanishes_is_a_state(look: Looking, valkey: Server) -> None:
    await look.until(lambda: len(rows(look)) == 60)
    await look.press("enter", "enter")
    key = look.pane(InspectorPane).key
    assert key is not None
    await look.until_shown("Inspector · string")
    valkey.ask("DEL", key)
    await look.press("r")
    await look.until_shown("there is no such key now")
    valkey.ask("SET", key, "it is back")
    await look.press("r")
    await look.until_shown("it is back")


async def test_a_listed_key_that_runs_out_stays_in_its_row_crossed_out(valkey: Server) -> None:
    valkey.ask("SET", "short:lived", "x", "PX", 2500)
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        await look.until(lambda: rows(look) == [b"short:lived"])
        await look.until(lambda: any("short:lived" in line and "gone" in line for line in look.lines))


async def test_a_key_that_becomes_another_type_is_shown_as_that(look: Looking, valkey: Server) -> None:
    await jump(look, "queue:mails")
    await look.until_shown("Inspector · list")
    valkey.ask_all([("DEL", "queue:mails"), ("SET", "queue:mails", "text now")])
    await look.until_shown("Inspector · string", "text now", "it was a list a moment ago")


async def test_a_server_that_goes_away_and_comes_back_is_looked_at_again(look: Looking, valkey: Server) -> None:
    await look.press("enter", "enter")
    await look.until_shown("Inspector · string", "value ")
    key = look.pane(InspectorPane).key
    valkey.kill()
    await look.until(lambda: look.page.has_class("-stale"))
    await look.until_shown("value ")
    await look.press("escape", "down", "down")
    valkey.start()
    valkey.ask_all([("SET", f"session:{n}", f"other {n}") for n in range(60)])
    await look.until_shown("other ", seconds=20)
    assert look.pane(InspectorPane).key != key
    assert not look.page.has_class("-stale")


async def test_a_family_that_is_gone_teaches(look: Looking, valkey: Server) -> None:
    await look.until(lambda: len(rows(look)) == 60)
    valkey.ask("FLUSHALL")
    await look.press("down", "up")
    await look.until_shown("no such key now")
    await look.until_shown("this database is empty")


async def test_an_empty_database_teaches(valkey: Server) -> None:
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        await look.until_shown("this database is empty", "choose a family on the left", "jump to with g")


async def test_small_terminals_show_one_pane_at_a_time(valkey: Server) -> None:
    valkey.ask_all([("SET", f"session:{n}", f"value {n}") for n in range(60)])
    async with looking(valkey.port, (80, 24)) as look:
        await open_keys(look)
        assert look.shown == ["Namespaces"]
        await look.until_shown(" Namespaces   Keys   Inspector")
        await look.press("enter")
        await look.until(lambda: look.shown == ["Keys"] and len(rows(look)) == 60)
        await look.press("enter")
        await look.until_shown("value ", "never expires")
        assert look.shown == ["Inspector"]
        await look.press("escape", "escape")
        assert look.shown == ["Namespaces"]


async def test_tab_goes_round_and_never_stops_at_what_is_hidden(look: Looking) -> None:
    await look.until_shown("Inspector · string")
    seen = [title(look)]
    for _ in range(3):
        await look.press("tab")
        seen.append(title(look))
    assert seen == ["Namespaces", "Keys", "Inspector", "Namespaces"]


async def test_hostile_names_and_values_do_no_harm(valkey: Server) -> None:
    plant_all(valkey)
    async with looking(valkey.port, WIDE) as look:
        await open_keys(look)
        await look.press("asterisk")
        for _ in range(8):
            await look.press("enter", "enter")
            await look.until(lambda: look.pane(InspectorPane).facts is not None)
            await look.press("enter", "escape", "escape", "escape", "down")
        assert look.app.is_running
        assert all(line.isprintable() for line in look.lines)


async def test_another_server_gets_pages_of_its_own(look: Looking, valkey: Server) -> None:
    page = look.page
    with Server() as other:
        other.ask("SET", "elsewhere", "x")
        from tui.screens.connect import ConnectScreen

        await look.app.on_connect_screen_elsewhere(ConnectScreen.Elsewhere(f"127.0.0.1:{other.port}", ""))
        await look.until(lambda: isinstance(look.page, KeysPage) and look.page is not page)
        await look.until_shown("elsewhere")
        await look.until(lambda: rows(look) == [b"elsewhere"])
        await look.until(lambda: not page.is_running)


async def answer(look: Looking, text: str) -> None:
    """Type into the dialog's field and press its button."""
    dialog = await look.asked()
    dialog.query_one(Input).value = text
    await look.press("enter", "enter")
    await look.until(lambda: not isinstance(look.app.screen, ConfirmScreen))


async def test_a_ttl_is_set_and_taken_away_again(look: Looking, valkey: Server) -> None:
    await jump(look, "queue:jobs")
    await look.until_shown("never expires")
    await look.press("t")
    await answer(look, "2h")
    await look.until(lambda: valkey.ask("TTL", "queue:jobs") > 7000)
    await look.until_shown("queue:jobs expires in 2h", "1h 59m")
    await look.press("t")
    await answer(look, "none")
    await look.until(lambda: valkey.ask("TTL", "queue:jobs") == -1)
    await look.until_shown("never expires")


async def test_a_key_gets_another_name_and_stays_open(look: Looking, valkey: Server) -> None:
    await jump(look, "queue:jobs")
    await look.until_shown("Inspector · list")
    await look.press("R")
    await answer(look, r"queue:\xff")
    await look.until(lambda: valkey.ask("EXISTS", b"queue:\xff") == 1)
    assert look.pane(InspectorPane).key == b"queue:\xff"


async def test_nothing_is_changed_when_the_answer_is_no_or_the_key_changed_meanwhile(
    look: Looking, valkey: Server
) -> None:
    await jump(look, "queue:jobs")
    await look.until_shown("Inspector · list")
    await look.press("t")
    await look.decline()
    assert valkey.ask("TTL", "queue:jobs") == -1
    await look.press("t")
    await look.asked()
    valkey.ask("EXPIRE", "queue:jobs", 5000)
    await answer(look, "2h")
    await look.until_shown("Nothing was changed", "look again")
    assert valkey.ask("TTL", "queue:jobs") <= 5000


async def test_where_nothing_may_be_written_the_keys_that_write_do_not_exist(valkey: Server) -> None:
    valkey.ask("SET", "one", "x")
    async with looking(valkey.port, WIDE, settings=replace(QUICK, read_only=True)) as look:
        await open_keys(look)
        assert "READ-ONLY" in look.header
        await jump(look, "one")
        await look.until_shown("Inspector · string")
        await look.press("t", "R")
        assert look.app.screen is look.page
        assert not {"keys.ttl", "keys.rename"} & {binding.id for _, binding, _, _ in look.page.active_bindings.values()}


async def test_a_server_that_becomes_a_replica_takes_them_away_while_one_looks(look: Looking, valkey: Server) -> None:
    await jump(look, "queue:jobs")
    await look.until_shown("Inspector · list", "READ-WRITE")
    valkey.ask("REPLICAOF", "127.0.0.1", 1)
    await look.until_shown("READ-ONLY", "replica")
    await look.press("t")
    assert look.app.screen is look.page
