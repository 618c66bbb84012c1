"""Going elsewhere from inside the dashboard: profiles, databases, a typed place; nothing of the old session stays."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from textual.widgets import Input

from tests.conftest import Until
from tests.gateway import install_gateway
from tests.looking import QUICK, Looking, looking
from tests.proxy import Proxy
from tests.servers import HOST, Server, free_port
from tui.engine.address import Tls
from tui.screens.connect import ConnectScreen
from tui.screens.keys import KeysPage
from tui.screens.places import PlacesScreen
from tui.settings import resolve


@pytest.fixture
def other() -> Iterator[Server]:
    """The server of the profile `staging`."""
    with Server("redis-6.2") as running:
        running.ask("SET", "staging:1", "x")
        yield running


@pytest.fixture
def config(other: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config.toml with two profiles; one of them is broken."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_HOST", "not-asked.invalid")
    file = tmp_path / "redtop" / "config.toml"
    file.parent.mkdir()
    file.write_text(
        f"""
        [profiles.staging]
        host = "{HOST}"
        port = {other.port}
        read_only = true
        production = true
        [profiles.broken]
        color = "red"
        """
    )
    return file


def connections(server: Server) -> int:
    """How many connections of redtop's the server has."""
    listed = server.ask("CLIENT", "LIST")
    assert isinstance(listed, bytes)
    return listed.count(b"name=redtop")


async def picker(look: Looking) -> PlacesScreen:
    await look.press("o")
    await look.until(lambda: isinstance(look.app.screen, PlacesScreen))
    screen = look.app.screen
    assert isinstance(screen, PlacesScreen)
    return screen


async def test_another_profile_opens_on_the_same_page_and_the_old_connection_is_closed(
    valkey: Server, other: Server, config: Path, until: Until
) -> None:
    valkey.ask("SET", "here:1", "x")
    async with looking(valkey.port) as look:
        await look.until_shown("● live", "here:")
        await look.press("2")
        await look.until(lambda: isinstance(look.app.screen, KeysPage))
        await picker(look)
        await look.until_shown("staging PRODUCTION", f"{HOST}:{other.port} db0", "read-only", "db0", "1 keys")
        await look.press("enter")
        await look.until(lambda: "staging PRODUCTION" in look.header and "● live" in look.header)
        await look.until(lambda: isinstance(look.app.screen, KeysPage))
        await look.until_shown("staging:", "READ-ONLY")
        assert connections(valkey) == 0
        assert connections(other) == 1
        assert look.app.settings.profile == "staging"
        sessions = [task for task in asyncio.all_tasks() if task.get_name() == "deployment"]
        assert len(sessions) == 1, "of the old session no task is left"
    await until(lambda: connections(other) == 0)


async def test_another_database_is_chosen_from_those_that_hold_keys(valkey: Server, config: Path) -> None:
    valkey.ask_all([("SET", "zero", "x"), ("SELECT", 5), *[("SET", f"five:{n}", "x") for n in range(1234)]])
    async with looking(valkey.port, settings=QUICK) as look:
        await look.until_shown("● live", "zero")
        await picker(look)
        await look.until_shown("db5", "1.2k keys")
        await look.press("end", "enter")
        await look.until(lambda: "db5" in look.header and "● live" in look.header)
        await look.until_shown("five:")
        assert connections(valkey) == 1
        screen = await picker(look)
        screen.query_one("#place", Input).focus()
        await look.press("0", "enter")
        await look.until(lambda: "db0" in look.header and "● live" in look.header)


async def test_a_typed_place_is_gone_to_and_the_profile_stays_behind(
    valkey: Server, other: Server, config: Path
) -> None:
    other.ask("CONFIG", "SET", "requirepass", "right")
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        screen = await picker(look)
        screen.query_one("#place", Input).value = f"{HOST}:{other.port}"
        screen.query_one("#password", Input).focus()
        await look.press(*"right", "enter")
        await look.until(lambda: str(other.port) in look.header and "● live" in look.header)
        assert "staging" not in look.header
        assert "right" not in look.text


async def test_what_is_wrong_is_said_in_the_list_and_one_stays(valkey: Server, config: Path) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        screen = await picker(look)
        await look.until_shown("cannot be used")
        await look.press("down", "enter")
        await look.until_shown("unknown field", "`colour`")
        screen.query_one("#place", Input).value = "redis://[bold]:x/[/]"
        screen.query_one("#place", Input).focus()
        await look.press("enter")
        await look.until_shown("no valid host and port")
        await look.press("escape")
        await look.until(lambda: look.app.screen is look.page)
        assert str(valkey.port) in look.header


@pytest.fixture(params=[("[profiles", "not valid TOML"), ("[oops]", "unknown field `oops`")])
def wrong(request: pytest.FixtureRequest, config: Path) -> str:
    """What is wrong with the file."""
    text, hint = request.param
    config.write_text(text)
    return str(hint)


async def test_a_file_that_cannot_be_read_is_a_sentence_and_databases_are_still_there(
    valkey: Server, wrong: str
) -> None:
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        await picker(look)
        # Where the sentence is wrapped depends on how long the path of the file is.
        await look.until(lambda: wrong in " ".join(look.text.replace("│", "").split()))
        await look.until_shown("db0")


async def test_while_a_change_is_under_way_nobody_goes_anywhere(valkey: Server, config: Path) -> None:
    async def change() -> None:
        await done.wait()

    done = asyncio.Event()
    async with looking(valkey.port) as look:
        await look.until_shown("● live")
        look.app.run_worker(change(), group="change", description="a change")
        await look.press("o")
        await look.until_shown("a change is under way")
        assert look.app.screen is look.page
        done.set()
        await picker(look)


async def test_the_first_screen_offers_the_profiles_as_well(other: Server, config: Path) -> None:
    async with looking(free_port()) as look:
        await look.until(lambda: isinstance(look.app.screen, ConnectScreen))
        await look.until_shown("ctrl+o lists your profiles")
        await look.press("ctrl+o")
        await look.until(lambda: isinstance(look.app.screen, PlacesScreen))
        await look.until_shown("staging")
        await look.press("escape")
        await look.until(lambda: isinstance(look.app.screen, ConnectScreen))
        await look.press("ctrl+o")
        await look.until(lambda: isinstance(look.app.screen, PlacesScreen))
        await look.press("enter")
        await look.until(lambda: "staging" in look.header and "● live" in look.header)


async def test_the_profile_that_is_left_takes_its_ssh_along(
    valkey: Server, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = install_gateway(tmp_path / "bin", monkeypatch)
    async with looking(valkey.port, ssh="me@bastion") as look:
        await look.until_shown("● live", "via bastion")
        assert len(gateway.running) == 1
        await picker(look)
        await look.press("enter")
        await look.until(lambda: "staging" in look.header and "● live" in look.header)
        assert not gateway.running
        assert connections(valkey) == 0


async def test_an_ssh_that_is_refused_waits_for_the_person(
    valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = install_gateway(tmp_path / "bin", monkeypatch)
    async with looking(valkey.port, ssh="denied") as look:
        await look.until(lambda: isinstance(look.app.screen, ConnectScreen))
        await look.until_shown("Permission denied", "when ssh gets there, press Connect")
        assert len(gateway.starts) == 1
        look.app.screen.query_one("#place", Input).focus()
        await look.press("enter")
        await look.until(lambda: len(gateway.starts) == 2)


async def test_insecure_is_said_once_and_stays_in_the_header(valkey: Server) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("any.example").configure_cert(context)
    async with Proxy(valkey.port, tls=context) as proxy:
        settings = replace(QUICK, notices=resolve({"insecure": True, "host": HOST}, {}, Path()).notices)
        async with looking(proxy.port, settings=settings, tls=Tls(insecure=True)) as look:
            await look.until_shown("● live", "TLS is not verified")
            assert "TLS not verified" in look.header
