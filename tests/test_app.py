"""The application as a whole: live data in all panes, pace, themes, palette, leaving."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from tests.looking import Looking, looking
from tests.servers import HOST, Server
from tests.watched import watched
from tui.engine.vitals import Sample
from tui.panes.hitrate import HitRatePane
from tui.panes.memory import MemoryPane
from tui.panes.namespaces import NamespacesPane
from tui.panes.streams import StreamsPane
from tui.panes.ttl import TtlPane
from tui.panes.vitals import VitalsPane
from tui.screens.help import HelpScreen
from tui.theme import DARK, LIGHT


def history(look: Looking) -> Sequence[Sample]:
    """The samples that the hit-rate pane shows."""
    snapshot = look.pane(HitRatePane).snapshot
    return snapshot.history if snapshot else ()


def calls(look: Looking) -> Counter[str]:
    """What redtop has asked the server so far."""
    return Counter(look.app.session.deployment.footprint.calls)


@pytest.fixture
def filled(server: Server) -> Server:
    """A server of each generation with a bit of everything."""
    server.ask_all([("SET", f"session:{n}", "x" * 50, "EX", 500 + n) for n in range(60)])
    server.ask_all([("HSET", f"user:{n}:profile", "name", "x") for n in range(30)])
    server.ask_all([("XADD", "events:orders", "*", "kind", "created", "number", n) for n in range(5)])
    server.ask("XGROUP", "CREATE", "events:orders", "billing", "0")
    return server


async def test_the_dashboard_shows_every_pane_with_live_data(filled: Server) -> None:
    async with looking(filled.port, (200, 60)) as look:
        await look.until_shown("● live", "session:{int}", "user:{int}:profile", "events:orders", "billing")
        await look.until_shown("kind=created number=4", "used ", "100% seen", "< 1h")
        filled.ask_all([("GET", "session:1"), ("GET", "nothing")])
        for pane in (NamespacesPane, StreamsPane, MemoryPane, HitRatePane, TtlPane, VitalsPane):
            assert look.pane(pane).snapshot is not None
        filled.ask("XADD", "events:orders", "*", "kind", "cancelled")
        await look.until_shown("kind=cancelled")
        filled.ask_all([("SET", f"cache:{n}", "x") for n in range(20)])
        await look.until_shown("cache:{int}")
        assert f"127.0.0.1:{filled.port} db0" in look.header


async def test_hits_and_misses_of_the_application_reach_the_chart(valkey: Server) -> None:
    valkey.ask("SET", "there", "x")
    async with looking(valkey.port) as look:
        await look.until(lambda: len(history(look)) > 2)
        valkey.ask_all([("GET", "there"), ("GET", "gone"), ("GET", "gone"), ("GET", "gone")])
        await look.until(lambda: any(sample.hit_rate == 0.25 for sample in history(look)))


async def test_pause_freezes_the_picture_and_the_header_says_so(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live", "100% seen")
        await look.press("p")
        await look.until_shown("paused")
        before, asked = look.pane(NamespacesPane).snapshot, calls(look)
        valkey.ask_all([("SET", f"late:{n}", "x") for n in range(20)])
        shown, samples = look.text, len(history(look))
        await look.until(lambda: calls(look)["info"] > asked["info"] + 5)
        assert look.pane(NamespacesPane).snapshot is before
        assert look.lines[1:] == shown.splitlines()[1:]
        assert set(calls(look) - asked) <= {"info", "ping"}, "the history goes on, and nothing else is asked"
        await look.press("p")
        await look.until_shown("late:{int}")
        assert "paused" not in look.header
        assert len(history(look)) > samples + 5, "the charts have no hole"


async def test_plus_and_minus_change_the_interval_and_the_header_says_which(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("every 100ms")
        await look.press("minus", "minus")
        await look.until_shown("every 500ms")
        await look.press("plus")
        await look.until_shown("every 250ms")
        await look.press("minus", "minus")
        await look.until(lambda: "every" not in look.header)
        assert look.app.session.pace.interval == 1.0
        await look.press("equals_sign")
        await look.until_shown("every 500ms")


async def test_r_looks_at_once_however_long_the_interval(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("100% seen")
        look.app.session.pace.interval = 60
        valkey.ask("XADD", "late:stream", "*", "a", "b")
        await look.press("r")
        await look.until_shown("late:stream")


async def test_ctrl_t_changes_between_dark_and_light(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        assert look.app.theme == DARK.name
        await look.press("ctrl+t")
        assert look.app.theme == LIGHT.name
        assert look.page.styles.background.hex.lower() == LIGHT.background
        await look.press("ctrl+t")
        assert look.page.styles.background.hex.lower() == DARK.background


async def test_question_mark_explains_the_pane_with_the_focus(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        await look.press("S", "question_mark")
        await look.until(lambda: isinstance(look.app.screen, HelpScreen))
        await look.until_shown("Every stream found", "Leave redtop")
        await look.press("end")
        await look.until_shown("Go to Memory")
        await look.press("escape")
        await look.until(lambda: look.app.screen is look.page)


async def test_the_palette_lists_the_commands_and_runs_one(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        await look.press("ctrl+p")
        await look.until(lambda: isinstance(look.app.screen, CommandPalette))
        await look.until_shown("Change between dark and light", "Go to Memory", "Leave redtop")
        look.app.screen.query_one(Input).value = "picture"
        await look.until(lambda: "Go to Memory" not in look.text)
        await look.until_shown("Hold the picture still")
        await look.press("enter")
        await look.until(lambda: look.app.session.pace.paused)
        assert look.app.screen is look.page


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_ends_with_0(valkey: Server, key: str) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        await look.press(key)
        await look.until(lambda: not look.app.is_running)
    assert look.app.return_code == 0


def test_no_color_is_honoured(valkey: Server) -> None:
    valkey.ask("SET", "session:1", "x")
    with watched("-h", HOST, "-p", str(valkey.port), size=(120, 40), NO_COLOR="1") as watch:
        watch.until_shown("● live", "session")
        watch.press("z")
        watch.until_shown("Namespaces   Streams")
        assert watch.leave() == 0
        colours = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", bytes(watch.raw))
        assert colours, "greys tell what is less important"
        assert all(red == green == blue for red, green, blue in colours)
        assert [found for found in watch.sequences if re.fullmatch(rb"\x1b\[([0-9;]*;)?7(;.*)?m", found)], "the cursor"
