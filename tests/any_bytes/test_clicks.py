"""A click on what anybody may have written only chooses a row: no text of a server is ever an action."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.terminal import Terminal
from tests.any_bytes.driven import LASTS, answer, asked_about, line_of, redtop
from tests.engine.revoke.layouts import OauthProxy
from tests.servers import HOST, Server
from tests.storming import rest
from tests.watched import Watched

pytestmark = LASTS

TRAP = "[@click=app.quit]"
"""Ends the program where it is taken for markup; stands in every name and value."""
ROWS = 2
"""Clicks of one kind in one column are enough."""


def click_all(watch: Watched, at_least: int) -> None:
    """Click wherever the trap is on screen: at least on so many of them."""
    rest(watch)
    watch.until(lambda: len(places(watch)) >= at_least)
    spots = places(watch)
    for y, x in spots:
        click(watch, y, x + 2)
        watch.look()
    rest(watch)
    assert watch.terminal.process.poll() is None, f"ended by a click on one of {spots}"


def click(watch: Watched, y: int, x: int) -> None:
    """Press the mouse, and release it."""
    watch.press(f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m")


def places(watch: Watched) -> list[tuple[int, int]]:
    """Row and column of each trap, few of one column."""
    found: dict[int, list[int]] = {}
    for y in range(watch.screen.lines):
        cells = "".join(watch.screen.buffer[y][x].data[:1] or "?" for x in range(watch.screen.columns))
        for x in range(len(cells)):
            if cells.startswith(TRAP[:9], x):
                found.setdefault(x, []).append(y)
    return [(y, x) for x, ys in found.items() for y in ys[:ROWS]]


def plant(server: Server) -> None:
    """Everything that has a name is called the same."""
    trap = TRAP.encode()
    server.ask_all([("SET", trap + b":%d" % n, trap, "EX", 1000 + n) for n in range(4)])
    server.ask_all([("SET", trap + b":j", b'{"%b": "%b"}' % (trap, trap)), ("HSET", "v:hash", trap, trap)])
    server.ask_all([("RPUSH", "v:list", trap, trap), ("SADD", "v:set", trap), ("ZADD", "v:zset", 1, trap)])
    server.ask_all([("XADD", trap + b"s", "*", trap, trap), ("XGROUP", "CREATE", trap + b"s", trap, "0")])
    server.ask("XREADGROUP", "GROUP", trap, trap, "STREAMS", trap + b"s", ">")
    server.ask_all(OauthProxy().login(TRAP, f"{TRAP}-0"))
    server.ask("AUTH", trap, trap)
    server.ask("EVAL", b"return redis.error_reply(ARGV[1])", 0, trap)


OBEDIENT = f"""
from textual.app import App
from textual.widgets import Label
class Obedient(App):
    def compose(self):
        yield Label("{TRAP}click me[/]", markup=True)
Obedient().run()
"""


def test_the_click_ends_a_program_that_takes_text_for_markup() -> None:
    with Terminal([sys.executable, "-c", OBEDIENT], 80, 24, COLUMNS="80", LINES="24") as terminal:
        watch = Watched(terminal, 80, 24)
        watch.until_shown("click me")
        click(watch, 0, 0)
        terminal.process.wait(20)


def test_the_dashboard_and_the_expiry_page(valkey: Server) -> None:
    plant(valkey)
    with redtop(valkey, size=(160, 60)) as watch:
        watch.until_shown(f"={TRAP}")
        click_all(watch, 3)
        watch.press("4")
        watch.until_shown("╭─ Next", TRAP)
        click_all(watch, 4)


def test_keys_values_dialogs_and_notices(valkey: Server) -> None:
    plant(valkey)
    with redtop(valkey, size=(160, 60)) as watch:
        watch.press("2")
        watch.until_shown("Inspector")
        line_of(watch, "g", "the exact key", f"{TRAP}:j")
        watch.until_shown(f'"{TRAP}": ')
        click_all(watch, 4)
        for kind in "hash", "list", "set", "zset":
            line_of(watch, "g", "the exact key", f"v:{kind}")
            watch.until_shown(f"╭─ Inspector · {kind}", TRAP)
            click_all(watch, 1)
            watch.press("I\r")
            click_all(watch, 1)
        line_of(watch, "g", "the exact key", f"{TRAP}:1")
        watch.press("y")
        watch.until_shown("Copied the key")
        click_all(watch, 3)
        for key, title in ("R", "Rename"), ("d", "Delete a key"):
            line_of(watch, "g", "the exact key", f"{TRAP}:1")
            asked_about(watch, key, title, TRAP)
            click_all(watch, 1)
            answer(watch, "\x1b", title)


def test_streams_groups_consumers_entries_and_channels(valkey: Server) -> None:
    plant(valkey)
    with redtop(valkey, size=(160, 60)) as watch:
        watch.press("3")
        watch.until_shown("╭─ Groups", f"={TRAP}")
        watch.press("\r")
        for step in range(4):  # groups, consumers, pending entries, one of them
            click_all(watch, 3)
            watch.press("G\r" if step else "\r")
        line_of(watch, "c", "channels, and patterns", "*")
        watch.until(lambda: valkey.ask("PUBSUB", "NUMPAT") == 1)
        valkey.ask("PUBLISH", TRAP, TRAP)
        watch.until_shown(f"{TRAP} ")
        click_all(watch, 3)
        watch.press("T\r")
        click_all(watch, 1)


def test_users_tokens_and_what_stands_where(valkey: Server, home: Path) -> None:
    plant(valkey)
    folder = home / "config" / "redtop"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(f'[profiles."{TRAP}"]\nport = {valkey.port}\nhost = "{HOST}"\n')
    (folder / "config.toml").chmod(0o600)
    with redtop(valkey, "--profile", TRAP, "--schema", "oauth-proxy", size=(160, 60)) as watch:
        click_all(watch, 1)
        watch.press("5")
        watch.until_shown("╭─ Users", TRAP, "jti")
        click_all(watch, 1)
        asked_about(watch, "x", "Revoke", TRAP)
        click_all(watch, 1)
        answer(watch, "\x1b", "Revoke")
        for page, pane, least in ("6", "Topology", 0), ("1", "Namespaces", 1):
            watch.press(page)
            watch.until_shown(f"╭─ {pane}")
            click_all(watch, least)
        watch.press("o")
        watch.until_shown("╭─ Go to")
        click_all(watch, 1)
        answer(watch, "\x1b", "Go to")
