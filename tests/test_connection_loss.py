"""No server, a wrong password, a server that dies under the dashboard, a fault in redtop itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from textual.widgets import Button, Input

from benchmarks.terminal import Terminal
from tests.looking import Looking, looking
from tests.servers import HOST, Server, free_port
from tui.engine.vitals import Sample
from tui.panes.memory import MemoryPane
from tui.panes.namespaces import NamespacesPane
from tui.screens.connect import ConnectScreen


def asks(look: Looking) -> ConnectScreen | None:
    """The first screen, when it is there."""
    return look.app.screen if isinstance(look.app.screen, ConnectScreen) else None


async def test_without_a_server_it_says_so_and_offers_the_demo() -> None:
    port = free_port()
    async with looking(port) as look:
        await look.until(lambda: asks(look))
        await look.until_shown(f"Nothing listens at {HOST}:{port}.", "Start the demo", "Connect", "Quit")
        await look.until(lambda: look.app.focused is look.app.screen.query_one("#demo"))  # so enter starts the demo


async def test_the_dashboard_appears_by_itself_when_the_server_starts() -> None:
    server = Server()
    async with looking(server.port) as look:
        await look.until(lambda: asks(look))
        with server:
            server.ask("SET", "hello", "x")
            await look.until(lambda: look.app.screen is look.page)
            await look.until_shown("● live", "hello ")


async def test_another_address_typed_on_the_first_screen_is_used(valkey: Server) -> None:
    async with looking(free_port()) as look:
        await look.until(lambda: asks(look))
        place = look.app.screen.query_one("#place", Input)
        place.value = f"{HOST}:{valkey.port}"
        place.focus()
        await look.press("enter")
        await look.until(lambda: not asks(look) and "● live" in look.text)
        assert f"{HOST}:{valkey.port}" in look.header


async def test_nonsense_typed_on_the_first_screen_is_answered_with_a_sentence() -> None:
    async with looking(free_port()) as look:
        await look.until(lambda: asks(look))
        place = look.app.screen.query_one("#place", Input)
        place.value = "redis://[bold]:x/[/]"
        place.focus()
        await look.press("enter")
        await look.until(lambda: len(look.app._notifications) == 1)
        assert asks(look)


async def test_a_server_that_wants_a_password_is_asked_for_one() -> None:
    with Server("redis-6.2", "--requirepass", "right") as locked:
        async with looking(locked.port) as look:
            await look.until(lambda: asks(look))
            await look.until_shown("wants a password")
            await look.press(*"wrong", "enter")
            await look.until(lambda: asks(look) and "does not accept the password" in look.text)
            await look.press(*"right", "enter")
            await look.until(lambda: not asks(look) and "● live" in look.text)


@pytest.mark.parametrize("presses", [1, 2])
async def test_the_demo_button_starts_a_demo_that_is_gone_afterwards(presses: int) -> None:
    ports = set()
    async with looking(free_port()) as look:
        await look.until(lambda: asks(look))
        button = look.app.screen.query_one("#demo", Button)
        for _ in range(presses):
            button.post_message(Button.Pressed(button))
        await look.until(lambda: not asks(look) and "redtop demo" in look.header and "● live" in look.header)
        pane = look.pane(NamespacesPane)
        await look.until(lambda: pane.snapshot and pane.snapshot.dbsize > 1000)
        ports = servers_below()
        assert look.app.settings.address.port in ports
        assert len(ports) == 1, "however often the button is pressed"
    assert not servers_below()


async def test_a_dead_server_is_a_state_and_its_return_is_noticed(server: Server) -> None:
    server.ask_all([("SET", f"session:{n}", "x", "EX", 900) for n in range(40)])
    async with looking(server.port, (200, 60)) as look:
        await look.until(lambda: len(history(look)) > 5 and "100% seen" in look.text)
        first, colour = history(look)[0], look.style_of("session:").color
        server.kill()
        assert await look.until(lambda: "reconnecting" in look.header or "no answer" in look.header) < 1.5
        await look.until(lambda: look.page.has_class("-stale"))
        await look.until(lambda: look.style_of("session:").color != colour)  # what was known stays, and steps back
        assert not asks(look)
        await look.until(lambda: history(look)[-1].used is None)
        server.start()
        assert await look.until(lambda: "● live" in look.header) < 1
        await look.until(lambda: not look.page.has_class("-stale") and history(look)[-1].used)
        assert history(look)[0] == first
        assert None in {sample.used for sample in history(look)}, "the time without a server is a gap"


def history(look: Looking) -> Sequence[Sample]:
    """The samples that the memory pane shows."""
    snapshot = look.pane(MemoryPane).snapshot
    return snapshot.history if snapshot else ()


def servers_below() -> set[int]:
    """Ports that processes started by this one listen on."""
    ports = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            found = child.net_connections("tcp")
            ports |= {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}
    return ports


FAULTY = """
import sys
from tui.cli import main
from tui.engine.streams.overview import StreamList

async def broken(self, keys):
    canary = "canary-in-a-local"
    raise RuntimeError("canary-in-the-message")

StreamList._look = broken
sys.exit(main(sys.argv[1:]))
"""


def test_a_fault_in_redtop_ends_with_one_sentence_and_tells_no_values(valkey: Server, tmp_path: Path) -> None:
    valkey.ask("XADD", "canary-key", "*", "a", "b")
    command = [sys.executable, "-c", FAULTY, "-h", HOST, "-p", str(valkey.port), "-a", "canary-password"]
    valkey.ask("CONFIG", "SET", "requirepass", "canary-password")
    with Terminal(command, 100, 30, XDG_STATE_HOME=str(tmp_path)) as terminal:
        _, before = terminal.read_until(b"\x1b[?1049l", 20)
        output = before + terminal.read(5)
        code = terminal.process.wait(5)
    last = output.rpartition(b"\x1b[?1049l")[2].decode()
    assert code not in (0, -6)
    assert "redtop: a fault inside redtop" in last
    assert "Traceback" not in last
    assert "canary" not in last
    recorded = (tmp_path / "redtop" / "fault.log").read_text()
    assert "in broken" in recorded
    assert "canary" not in recorded.replace("canary =", "").replace("raise RuntimeError", "")
    assert (tmp_path / "redtop" / "fault.log").stat().st_mode & 0o077 == 0
