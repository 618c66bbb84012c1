"""Keys that come in one piece, as a slow line or tmux delivers them, mean what they mean one by one."""

from __future__ import annotations

from tests.looking import looking
from tests.servers import HOST, Server
from tests.storming import rest
from tests.watched import Watched, watched

PIECES = {
    "abc\x15def": "def",  # ctrl+u
    "abc\x7f\x7fxy": "axy",  # backspace
    "abc\x01de\x05f": "deabcf",  # home, end
    "ab\x1b[D\x1b[3~c": "ac",  # left, delete
    "\x1b[200~zap\x1b[201~\x7fx": "zax",  # pasted
}
"""What is written at once, and what must stand in the line then."""

LINES = {"2": "g", "3": "/c", "5": "t"}
"""Keys that open a line, by page."""


def last_line(watch: Watched) -> str:
    """The line that is typed into, which stands above the keys."""
    return watch.text.split("\n")[-2].strip()


def test_a_line_and_what_is_typed_into_it_may_come_in_one_piece(valkey: Server) -> None:
    valkey.ask_all(
        [("SET", f"key:{n}", n) for n in range(9)] + [("XADD", f"stream:{n}", "*", "a", n) for n in range(9)]
    )
    with watched("-h", HOST, "-p", str(valkey.port), "--schema", "oauth-proxy", size=(120, 40)) as watch:
        watch.until_shown("● live", "key:")
        for page, keys in LINES.items():
            watch.press(page)
            watch.until(lambda: f" {page} " not in watch.text.split("\n")[-1])  # noqa: B023 - polled before the next turn
            for key in keys:
                for text, meant in PIECES.items():
                    watch.press(key + text)
                    shown = "•" * len(meant) if (page, key) == ("5", "t") else meant
                    watch.until(lambda: last_line(watch) == shown)  # noqa: B023
                    watch.press("\x1b")
                    watch.until(lambda: last_line(watch).startswith("╰"))
                    rest(watch)
        assert watch.leave() == 0


async def test_a_pane_that_has_the_focus_for_a_moment_does_not_take_the_page(valkey: Server) -> None:
    """Jumping to a key while the list is zoomed closes a line, which gives the focus back, and shows the Inspector."""
    async with looking(valkey.port, (160, 50)) as look:
        await look.until_shown("● live")
        await look.press("2", "z")
        page, seen = look.page, list[int]()
        page.watch(page, "current", lambda index: seen.append(index), init=False)
        for _ in range(5):
            page.action_jump(1)
            page.action_jump(2)
            await look.until(lambda: page.panes[2].target.has_focus)
            await look.pilot.pause()
        assert seen == [1, 2] * 5
        assert look.shown == ["Inspector"]


async def test_a_key_that_is_jumped_to_is_shown_whatever_was_zoomed(valkey: Server) -> None:
    valkey.ask_all([("SET", f"key:{n}", n) for n in range(3)])
    async with looking(valkey.port, (160, 50)) as look:
        await look.until_shown("● live")
        await look.press("2", "K", "z")
        for n in range(3):
            await look.press("g", *f"key:{n}", "enter")
            await look.until(lambda: look.shown == ["Inspector"])
            await look.until_shown(f"key:{n}")
            await look.press("K")
