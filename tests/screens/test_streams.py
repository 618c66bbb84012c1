"""The Streams page: all streams, one from the inside, and the live tail, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.looking import Looking, looking
from tests.screens.stream_page import WIDE, fill, focused, inside, names, open_page, to
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.onepass import KEPT_STREAMS
from tui.engine.schema.model import Family, Schema
from tui.engine.schema.pattern import Pattern
from tui.engine.session import Options, Session
from tui.engine.streams.board import StreamBoard
from tui.engine.streams.trouble import Thresholds
from tui.engine.tail.live import LiveTail
from tui.panes.streams_inside import InsidePane
from tui.panes.streams_tail import LiveTailPane
from widgets.log import Log
from widgets.table import Table


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    fill(valkey)
    async with looking(valkey.port, WIDE) as running:
        await open_page(running)
        yield running


async def test_all_streams_are_listed_the_troubled_first(look: Looking) -> None:
    await look.until(lambda: names(look) == [b"late", b"fine", b"work"])
    await look.until_shown("▲ behind", "3 found", "150", "pending")
    assert look.style_of("▲ behind").color != look.style_of("fine ").color


async def test_that_there_are_more_streams_than_are_listed_is_said(valkey: Server) -> None:
    valkey.ask_all([("XADD", f"stream:{n}", "*", "a", n) for n in range(KEPT_STREAMS + 1100)])
    async with looking(valkey.port, (160, 50)) as look:
        await look.until_shown("● live")
        await look.press("3")
        await look.until_shown("found · there may be more: no others are listed")


async def test_enter_goes_from_a_stream_to_groups_consumers_entries_and_one_entry_and_escape_back(
    look: Looking,
) -> None:
    await to(look, b"work")
    await look.press("enter")
    assert focused(look) == "Groups"
    await look.until(lambda: inside(look) == [b"group"])
    await look.press("enter")
    await look.until(lambda: inside(look) == ["all", b"ann", b"bob"])
    await look.press("down", "enter")
    await look.until(lambda: len(inside(look)) == 50)
    await look.until_shown("group › ann", "50 pending")
    await look.press("enter")
    await look.until_shown('"what": "mail"')
    for rows in (50, 3, 1):
        await look.press("escape")
        await look.until(lambda: len(inside(look)) == rows)  # noqa: B023 - polled before the next turn
    assert look.pane(InsidePane).query_one(Table).cursor_key == b"group"
    await look.press("escape")
    assert focused(look) == "Streams"


async def test_pending_entries_are_read_on_while_one_scrolls(valkey: Server) -> None:
    valkey.ask_all([("XADD", "work", "*", "n", n) for n in range(1000)])
    valkey.ask_all([("XGROUP", "CREATE", "work", "g", "0"), ("XREADGROUP", "GROUP", "g", "w", "STREAMS", "work", ">")])
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await to(look, b"work")
        await look.press("enter")
        await look.until(lambda: inside(look) == [b"g"])
        await look.press("enter")
        await look.until(lambda: len(inside(look)) == 2)
        await look.press("enter")
        await look.until(lambda: len(inside(look)) == 200)
        for expected in (400, 600):
            await look.press("end")
            await look.until(lambda: len(inside(look)) == expected)  # noqa: B023 - polled before the next turn
        await look.until_shown("600+ pending")


async def test_the_stream_under_the_cursor_is_tailed_until_one_is_chosen(look: Looking, valkey: Server) -> None:
    tail = look.app.session.of(LiveTail)
    await to(look, b"fine")
    await look.until(lambda: tail.chosen == (b"fine",))
    await look.press("space")
    await to(look, b"work")
    assert tail.chosen == (b"fine",)
    await look.press("space")
    await look.until(lambda: tail.chosen == (b"fine", b"work"))
    valkey.ask_all([("XADD", "fine", "*", "n", "from fine"), ("XADD", "work", "*", "n", "from work")])
    await look.until_shown("n=from fine", "n=from work", "Tail · fine, work")
    await look.press("space", "S")
    await look.until(lambda: tail.chosen == (b"fine",))


async def test_a_new_entry_comes_into_the_tail_and_enter_opens_it_in_full(look: Looking, valkey: Server) -> None:
    await to(look, b"work")
    await look.press("T")
    long = "x" * 5000
    valkey.ask("XADD", "work", "*", b"\xff\x00", b"\x1b[2J", "data", '{"a": {"b": [1, 2]}}', "long", long)
    await look.until_shown("data=", '"b"')
    await look.press("enter")
    await look.until_shown("json", r"\xff\x00", "1b 5b 32 4a")
    await look.press("y")
    assert long in look.app.clipboard, "in full, though the tail keeps only its beginning"
    await look.press("escape")
    assert look.pane(LiveTailPane).query_one(Log).has_focus


async def test_an_entry_that_was_trimmed_meanwhile_is_shown_as_it_was_kept(look: Looking, valkey: Server) -> None:
    await to(look, b"fine")
    await look.until_shown("n=4")
    valkey.ask("XTRIM", "fine", "MAXLEN", 0)
    await look.press("T", "enter")
    await look.until_shown("this entry is gone", "what was kept of it")


async def test_go_to_an_id_reads_on_from_there_and_f_comes_back(valkey: Server) -> None:
    valkey.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 5001)])
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until_shown("n=5000")
        await look.press("g")
        look.page.query_one("#jump", Input).value = "100"
        await look.press("enter")
        await look.until_shown("100-1", "reading on from there")
        log = look.pane(LiveTailPane).query_one(Log)
        assert log.item.id == b"100-1"
        await look.press("end")
        await look.until(lambda: log.line_count == 2000)
        await look.press("f")
        await look.until_shown("n=5000")
        await look.until(lambda: "reading on" not in look.text)
        valkey.ask("XADD", "log", "5001-1", "n", "the newest")
        await look.until_shown("n=the newest")


async def test_what_is_no_place_is_a_sentence_and_the_line_stays(look: Looking) -> None:
    await look.press("g")
    look.page.query_one("#jump", Input).value = "yesterday"
    await look.press("enter")
    await look.until_shown("type an id")
    assert look.page.query_one("#jump", Input).display
    await look.press("escape")
    assert not look.page.query_one("#jump", Input).display


async def test_the_tail_is_filtered_by_text_field_and_expression(look: Looking, valkey: Server) -> None:
    await to(look, b"work")
    await look.press("T")
    log = look.pane(LiveTailPane).query_one(Log)
    await look.until(lambda: log.line_count == 60)
    for typed, lines in (("job=7", 1), (r'/"id": 1\d,/', 10), ("nothing like it", 0)):
        await look.press("slash")
        look.page.query_one("#filter", Input).value = typed
        await look.press("enter")
        await look.until(lambda: log.line_count == lines)  # noqa: B023 - polled before the next turn
        await look.press("escape")
    await look.until(lambda: log.line_count == 60)
    await look.press("slash")
    look.page.query_one("#filter", Input).value = "/(/"
    await look.until_shown("regular expression cannot be read")


async def test_scrolling_back_stays_and_counts_what_came(look: Looking, valkey: Server) -> None:
    await to(look, b"late")
    log = look.pane(LiveTailPane).query_one(Log)
    await look.until(lambda: log.line_count == 100)
    await look.press("T", "up", "up")
    item = log.item
    valkey.ask_all([("XADD", "late", "*", "n", "new")] * 7)
    await look.until_shown("+7 new")
    assert log.item == item
    await look.press("end")
    assert log.following


async def test_fields_stand_in_columns_on_demand(look: Looking) -> None:
    await to(look, b"work")
    await look.until_shown("job=59")
    await look.press("T", "v")
    await look.until(lambda: any(line.split()[1:4] == ["time", "job", "data"] for line in look.lines))
    assert "job=59" not in look.text
    await look.press("v")
    await look.until_shown("job=59")


async def test_channels_and_patterns_are_listened_to(look: Looking, valkey: Server) -> None:
    await look.press("c")
    look.page.query_one("#jump", Input).value = "chat:7 flow:*"
    await look.press("enter")
    await look.until(lambda: valkey.ask("PUBSUB", "NUMPAT") == 1)
    await look.until(lambda: valkey.ask("PUBLISH", "chat:7", "hello there") == 1)
    valkey.ask("PUBLISH", "flow:updates:1", '{"state": "done"}')
    valkey.ask("PUBLISH", "other", "nobody hears")
    await look.until_shown("hello there", "flow:updates:1", "♪chat:7")
    assert "nobody hears" not in look.text
    await look.press("1")
    await look.until(lambda: valkey.ask("PUBSUB", "NUMPAT") == 0)


async def test_a_dead_consumer_is_seen_from_everywhere(look: Looking) -> None:
    look.app.session.of(StreamBoard).thresholds = Thresholds(dead=0.05)
    await look.until(lambda: names(look)[0] == b"work")
    await look.until_shown("✗ dead")
    await to(look, b"work")
    await look.until_shown("pending entries of group are held by 2 consumers")


async def test_a_stream_that_vanishes_or_changes_type_under_the_cursor_says_so(look: Looking, valkey: Server) -> None:
    await to(look, b"work")
    await look.press("enter")
    await look.until(lambda: inside(look) == [b"group"])
    valkey.ask("DEL", "work")
    await look.until_shown("there is no such stream now")
    valkey.ask("SET", "work", "text")
    await look.until_shown("no stream any more but a string")
    await look.until(lambda: names(look) == [b"late", b"fine"])


async def test_without_permission_the_rules_are_named(valkey: Server) -> None:
    fill(valkey)
    valkey.ask("ACL", "SETUSER", "half", "on", ">pw", "~*", "+@all", "-xpending", "-xinfo|consumers")
    async with looking(valkey.port, (200, 60), username="half", password="pw") as look:
        await open_page(look)
        await look.until_shown("+xpending", "60")
        await to(look, b"work")
        await look.press("enter")
        await look.until(lambda: inside(look) == [b"group"])
        await look.press("enter")
        await look.until_shown("+xinfo|consumers")


async def test_hostile_names_and_values_do_no_harm(valkey: Server) -> None:
    nasty = [b"\xff\x1b[2J\x00\r\n[@click=app.quit]x[/]", "\u202e".encode() + b"x" * 3000]
    for name in nasty:
        valkey.ask("XADD", name, "*", name, name)
        valkey.ask("XGROUP", "CREATE", name, name, "0")
        valkey.ask("XREADGROUP", "GROUP", name, name, "STREAMS", name, ">")
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until(lambda: len(names(look)) == len(nasty))
        for name in nasty:
            await to(look, name)
            await look.press("enter")
            await look.until(lambda: inside(look) == [name])  # noqa: B023 - polled before the next turn
            await look.press("enter")
            await look.until(lambda: len(inside(look)) == 2)
            await look.press("enter", "enter", "escape", "escape", "escape", "escape", "T", "v", "enter", "escape", "S")
        assert look.app.is_running
        assert all(line.isprintable() for line in look.lines)


async def test_small_terminals_show_one_pane_at_a_time(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, (80, 24)) as look:
        await open_page(look)
        assert look.shown == ["Streams"]
        await look.press("enter")
        await look.until(lambda: look.shown == ["Groups"])
        await look.press("T")
        await look.until(lambda: look.shown == ["Tail"])


async def test_a_hidden_page_asks_nothing(look: Looking) -> None:
    await look.press("1")

    def calls(name: str) -> int:
        return look.app.session.deployment.footprint.calls[name]

    await look.until(lambda: not any(pane._seen.is_set() for pane in look.app._book.pages[1].panes))  # type: ignore[union-attr]
    before, scans = calls("xpending"), calls("info")
    await look.until(lambda: calls("info") > scans + 5)
    assert calls("xpending") <= before + 2, "some may have been on their way"


async def test_an_empty_database_teaches(valkey: Server) -> None:
    async with looking(valkey.port, WIDE) as look:
        await look.until_shown("● live")
        await look.press("3")
        await look.until_shown("XADD events * type hello", "listen to a channel with c")


async def test_scrolling_up_from_a_place_reads_what_was_before_it(valkey: Server) -> None:
    valkey.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 5001)])
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until_shown("n=5000")
        await look.press("g")
        look.page.query_one("#jump", Input).value = "3000"
        await look.press("enter")
        await look.until_shown("3000-1", "reading on from there")
        log = look.pane(LiveTailPane).query_one(Log)
        await look.press("up")
        await look.until(lambda: log.line_count == 2000)
        assert log.item.id == b"3000-1", "nothing moves"
        await look.press("up")
        await look.until_shown("n=2999")
        assert log.item.id == b"2999-1"
        await look.press("home")
        await look.until(lambda: log.line_count == 3000)
        await look.press("home")
        await look.until(lambda: log.line_count > 3000)


async def test_a_filter_of_any_kind_leaves_the_keyboard_alive_and_searches_back_on_demand(valkey: Server) -> None:
    body = "a" * 800 + "!"
    valkey.ask_all(
        [("XADD", "log", f"{n}-1", "n", n, "x", body, "data", f'{{"user": {{"id": {n}}}}}') for n in range(12_000)]
    )
    async with looking(valkey.port, WIDE) as look:
        await open_page(look)
        await look.until_shown("n=11999")
        await look.press("T", "slash")
        look.page.query_one("#filter", Input).value = "/^(a+)+$/"
        await look.press("enter")
        await look.until_shown("nothing that came so far passes", "home searches further back")
        await look.press("home")
        await look.until_shown("searched back to")
        await look.press("escape", "slash")
        look.page.query_one("#filter", Input).value = "data.user.id=11500"
        await look.press("enter", "home")
        await look.until_shown("11500-1")


async def test_a_group_that_the_schema_wants_and_nobody_made_is_flagged(valkey: Server) -> None:
    valkey.ask("XADD", "events:workflow", "*", "a", "b")
    session = Session(Address(HOST, valkey.port), Options(interval=0.1, schemas=(schema(),)))
    async with looking(valkey.port, WIDE, session=session) as look:
        await open_page(look)
        await look.until_shown("✗ no group", "the group workers does not exist")
        valkey.ask("XGROUP", "CREATE", "events:workflow", "workers", "$")
        await look.until(lambda: "no group" not in look.text)


def schema() -> Schema:
    """One that wants a group."""
    family = Family("s", "events", Pattern("events:{name}"), "", types=("stream",), groups=("workers",))
    return Schema("s", "a system", Path("s.toml"), (family,))
