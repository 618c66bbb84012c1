"""Moving about on a page: focus, zoom, filter, mouse, and any size of terminal."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from functools import partial

import pytest
from textual.widgets import Input

from tests.looking import Looking, looking
from tests.servers import Server
from tui.panes.namespaces import NamespacesPane
from tui.panes.streams import StreamsPane
from tui.screens.contents import CONTENTS
from tui.settings import Settings
from widgets.chart import TimeChart
from widgets.histogram import Histogram
from widgets.tabbar import TabBar
from widgets.table import Table
from widgets.tail import Tail

ALL = ["Namespaces", "Streams", "Memory", "Hit rate", "TTL"]
SIZES = [(20, 5), (40, 10), (60, 20), (80, 24), (96, 27), (120, 40), (160, 48), (200, 60), (250, 70)]


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    """The dashboard at 120x40 on a server with a few families and streams."""
    valkey.ask_all([("SET", f"session:{n}", "x", "EX", 900) for n in range(40)])
    valkey.ask_all([("SET", f"cache:page:{n}", "x" * 200) for n in range(10)])
    valkey.ask_all([("XADD", f"events:{name}", "*", "kind", name) for name in ("orders", "mails")])
    async with looking(valkey.port) as running:
        await running.until_shown("● live", "session:{int}", "events:orders", "100% seen")
        yield running


def focused(look: Looking) -> tuple[str, str]:
    """The pane and the kind of widget with the focus."""
    widget = look.app.focused
    assert widget is not None
    return look.page.panes[look.page.current].TITLE, type(widget).__name__


def has_focus(look: Looking, title: str) -> bool:
    """Whether the focus is in that pane."""
    return focused(look)[0] == title


async def test_tab_goes_round_all_targets_and_shift_tab_back(look: Looking) -> None:
    round_trip = [focused(look)]
    for _ in range(6):
        await look.press("tab")
        round_trip.append(focused(look))
    assert round_trip == [
        ("Namespaces", "Table"),
        ("Streams", "Table"),
        ("Streams", "Tail"),
        ("Memory", "TimeChart"),
        ("Hit rate", "TimeChart"),
        ("TTL", "Histogram"),
        ("Namespaces", "Table"),
    ]
    await look.press("shift+tab")
    assert focused(look) == ("TTL", "Histogram")


@pytest.mark.parametrize(
    ("key", "title"), [("N", "Namespaces"), ("S", "Streams"), ("M", "Memory"), ("H", "Hit rate"), ("T", "TTL")]
)
async def test_a_capital_letter_jumps_to_its_pane_also_when_zoomed(look: Looking, key: str, title: str) -> None:
    await look.press("tab", key)
    assert focused(look)[0] == title
    assert look.shown == ALL
    await look.press("z")
    await look.until(lambda: look.shown == [title])
    await look.press("N" if key != "N" else "T", key)
    await look.until(lambda: look.shown == [title] and focused(look)[0] == title)
    await look.until_shown(" Namespaces   Streams ")
    await look.press("z")
    await look.until(lambda: look.shown == ALL)


async def test_escape_leaves_the_zoom(look: Looking) -> None:
    await look.press("z")
    await look.until(lambda: look.shown == ["Namespaces"])
    await look.press("escape")
    await look.until(lambda: look.shown == ALL)


async def test_the_filter_narrows_and_escape_clears_it(look: Looking) -> None:
    table = look.pane(NamespacesPane).query_one(Table)
    before = len(table.rows)
    await look.press("slash", *"PAGE")
    await look.until(lambda: look.pane(NamespacesPane).filter == "PAGE")
    await look.until(lambda: 0 < len(table.rows) < before)
    await look.until(lambda: "session:{int}" not in look.text)
    await look.until_shown("cache:page:{int}", "only 'PAGE'")
    await look.press("enter")
    assert look.app.focused is table, "enter keeps the filter and goes back to the rows"
    assert look.pane(NamespacesPane).filter == "PAGE"
    await look.press("escape")
    await look.until_shown("session:{int}")
    assert "only 'PAGE'" not in look.text


async def test_escape_in_the_filter_clears_it_and_gives_the_focus_back(look: Looking) -> None:
    await look.press("S", "slash", *"mails")
    table = look.pane(StreamsPane).query_one(Table)
    await look.until(lambda: [row.key for row in table.rows] == [b"events:mails"])
    await look.press("escape")
    await look.until(lambda: len(table.rows) == 2)
    assert look.app.focused is table
    assert not look.page.query_one("#filter", Input).display


async def test_letters_typed_into_the_filter_are_no_commands(look: Looking) -> None:
    await look.press("slash", *"qpzrNSMHTs+-?/")
    await look.until(lambda: look.pane(NamespacesPane).filter == "qpzrNSMHTs+-?/")
    assert look.app.is_running
    assert not look.app.session.pace.paused
    assert look.shown == ALL
    assert look.app.screen is look.page


async def test_a_filter_that_fits_nothing_says_so(look: Looking) -> None:
    await look.press("slash", *"zzz")
    await look.until_shown("no family contains 'zzz'")


async def test_a_click_gives_a_pane_the_focus(look: Looking) -> None:
    for kind, title in ((Histogram, "TTL"), (Tail, "Streams"), (TimeChart, "Memory")):
        await look.pilot.click(look.page.query(kind).first())
        await look.until(partial(has_focus, look, title))


async def test_a_click_on_a_title_sorts_by_that_column(look: Looking) -> None:
    table = look.pane(NamespacesPane).query_one(Table)
    line = next(line for line in look.lines if " family " in line)
    y = look.lines.index(line)
    await look.pilot.click(offset=(line.index("bytes") + 1, y))
    await look.until(lambda: table.sorted_by == ("bytes", True))
    await look.until_shown("↓bytes")
    first = table.rows[0].key
    await look.pilot.click(offset=(line.index("keys") + 1, y))
    await look.until(lambda: table.sorted_by == ("keys", True))
    await look.until(lambda: table.rows[0].key != first)
    await look.press("s")
    await look.until(lambda: table.sorted_by == ("bytes", True))


async def test_a_click_on_a_tab_shows_its_pane(look: Looking) -> None:
    await look.press("z")
    await look.until(lambda: look.shown == ["Namespaces"])
    bar = next(line for line in look.lines if " Namespaces   Streams " in line)
    await look.pilot.click(offset=(bar.index("Hit rate") + 2, look.lines.index(bar)))
    await look.until(lambda: look.shown == ["Hit rate"])
    assert focused(look)[0] == "Hit rate"


async def test_80x24_shows_one_pane_and_tabs(valkey: Server) -> None:
    async with looking(valkey.port, (80, 24)) as look:
        await look.until_shown("● live", " Namespaces   Streams   Memory   Hit rate   TTL")
        assert look.shown == ["Namespaces"]
        await look.press("tab")
        assert look.shown == ["Streams"]
        await look.press("H")
        assert look.shown == ["Hit rate"]
        await look.pilot.resize_terminal(120, 40)
        await look.until(lambda: look.shown == ALL)
        assert not look.page.query_one(TabBar).display
        assert focused(look)[0] == "Hit rate", "the focus stays where it was"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_every_size_draws_whole_lines(look: Looking, size: tuple[int, int]) -> None:
    await look.pilot.resize_terminal(*size)
    for key in "NSMHT":
        await look.press(key)
        await look.until(lambda: (look.app.size.width, look.app.size.height) == size)
        strips = look.app.screen._compositor.render_strips()
        assert len(strips) == size[1]
        assert {strip.cell_length for strip in strips} == {size[0]}
    await look.press("question_mark", "escape", "slash", "x", "escape", "z", "z")
    assert look.app.screen is look.page


async def test_resizing_back_and_forth_raises_nothing(look: Looking) -> None:
    dice = random.Random(1)
    for size in [
        *SIZES,
        *reversed(SIZES),
        *((dice.randint(1, 250), dice.randint(1, 70)) for _ in range(12)),
        (120, 40),
    ]:
        await look.pilot.resize_terminal(*size)
        await look.press(dice.choice("NSMHTz"))
    if look.page.zoomed:
        await look.press("z")
    await look.until(lambda: look.shown == ALL)


async def test_the_survey_takes_as_much_of_the_server_as_a_person_says(valkey: Server) -> None:
    valkey.ask_all([("SET", f"key:{n}", "x") for n in range(50_000)])
    async with looking(valkey.port, settings=Settings(interval=0.1)) as look:
        await look.until_shown("● live", "seen", "survey takes")
        assert not look.app.session.share.given
        await look.press("less_than_sign")
        await look.until_shown("survey takes at most 2.0%", "± covers 95 of 100 · survey takes 2.0%")
        await look.press("greater_than_sign", "greater_than_sign")
        await look.until_shown("survey takes at most 10.0%")
        await look.press("greater_than_sign", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert look.app.session.share.most == 1
        await look.until_shown("100% seen")


@pytest.mark.parametrize("columns", [80, 112, 120])
async def test_the_way_out_and_the_help_are_in_sight_on_every_page(valkey: Server, columns: int) -> None:
    async with looking(valkey.port, (columns, 40)) as look:
        await look.until_shown("● live")
        for chapter in CONTENTS:
            await find_help_and_way_out(look, chapter.key)


def test_the_contents_name_pages_as_they_name_themselves() -> None:
    assert [(page.key, page.title) for page in CONTENTS] == [
        (kind.KEY, kind.TITLE) for kind in (chapter.load() for chapter in CONTENTS)
    ]


async def find_help_and_way_out(look: Looking, key: str) -> None:
    await look.press(key)
    await look.until(lambda: key == look.page.KEY)
    await look.until(lambda: "? Help" in look.lines[-1] and look.lines[-1].endswith("q Quit"))
