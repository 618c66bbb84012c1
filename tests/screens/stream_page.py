"""What tests of the Streams page have in common."""

from __future__ import annotations

from textual.widgets import Button, Input

from tests.looking import Looking
from tests.servers import Server
from tui.panes.streams_all import AllStreamsPane
from tui.panes.streams_inside import InsidePane
from tui.screens.confirm import ConfirmScreen
from tui.screens.streams import StreamsPage
from widgets.table import Table

WIDE = (160, 48)


def fill(server: Server) -> None:
    """One stream that is fine, one whose group is behind, one with pending entries."""
    server.ask_all([("XADD", "fine", "*", "n", n) for n in range(5)])
    server.ask_all([("XADD", "late", "*", "n", n) for n in range(150)])
    server.ask_all([("XADD", "work", "*", "job", n, "data", f'{{"id": {n}, "what": "mail"}}') for n in range(60)])
    server.ask_all([("XGROUP", "CREATE", key, "group", "0") for key in ("late", "work")])
    server.ask("XREADGROUP", "GROUP", "group", "ann", "COUNT", 50, "STREAMS", "work", ">")
    server.ask("XREADGROUP", "GROUP", "group", "bob", "COUNT", 10, "STREAMS", "work", ">")


def names(look: Looking) -> list[object]:
    return [row.key for row in look.pane(AllStreamsPane).query_one(Table).rows]


def inside(look: Looking) -> list[object]:
    return [row.key for row in look.pane(InsidePane).query_one(Table).rows]


def focused(look: Looking) -> str:
    return look.page.panes[look.page.current].TITLE


async def open_page(look: Looking) -> None:
    await look.until_shown("● live")
    await look.press("3")
    await look.until(lambda: isinstance(look.page, StreamsPage) and names(look))


async def to(look: Looking, key: bytes) -> None:
    """Put the cursor on a stream."""
    look.pane(AllStreamsPane).query_one(Table).move_to_key(key)
    await look.until(lambda: look.pane(InsidePane).key == key)


async def answer(look: Looking, *texts: str) -> None:
    """Fill in a dialog and say yes."""
    await look.until(lambda: isinstance(look.app.screen, ConfirmScreen) and not look.app.screen.deaf)
    for field, text in zip(look.app.screen.query(Input), texts, strict=True):
        field.value = text
    await look.until(lambda: not look.app.screen.query_one("#yes", Button).disabled)
    screen = look.app.screen
    look.app.screen.query_one("#yes", Button).press()
    await look.until(lambda: look.app.screen is not screen)
