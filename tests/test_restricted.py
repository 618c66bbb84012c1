"""Servers that know less, or allow less: every pane shows what it can, and says what is missing."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.looking import looking
from tests.servers import HOST, Server

GENERATIONS = ["redis-6.2", "valkey-9.1"]


def without(*commands: str) -> list[str]:
    """Options of a server on which these commands have no name any more, as some providers run it."""
    return [word for command in commands for word in ("--rename-command", command, "")]


def fill(server: Server) -> None:
    server.ask_all([("SET", f"session:{n}", "x", "EX", 900) for n in range(60)])
    server.ask("XADD", "events", "*", "kind", "created")


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_without_hello_config_client_and_select_nothing_is_missed(generation: str) -> None:
    with Server(generation, *without("HELLO", "CONFIG", "CLIENT", "SELECT", "COMMAND", "ACL", "DEBUG")) as server:
        fill(server)
        async with looking(server.port) as look:
            await look.until_shown("● live", "session:{int}", "60", "events", "kind=created", "100% seen", "primary")
            assert "this server has no" not in look.text


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_without_info_the_keys_are_shown_and_what_is_missing_is_said(generation: str) -> None:
    with Server(generation, *without("INFO", "PING", "HELLO", "CLIENT")) as server:
        fill(server)
        async with looking(server.port, (160, 40)) as look:
            await look.until_shown("● live", "session:{int}", "events", "kind=created", "100% seen")
            await look.until_shown("this server has no INFO", "mem –")


async def test_without_memory_usage_keys_are_still_counted() -> None:
    with Server("redis-6.2", *without("MEMORY", "XINFO")) as server:
        fill(server)
        async with looking(server.port, (160, 40)) as look:
            await look.until_shown("● live", "session:{int}", "100% seen", "used ")


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_managed_user_without_config_and_client_sees_the_dashboard(generation: str) -> None:
    with Server(generation) as server:
        fill(server)
        rules = ["+@all", "-@admin", "-@dangerous", "-config", "-client", "-acl", "-debug", "+info"]
        assert server.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", *rules) == b"OK"
        async with looking(server.port, username="app", password="secret") as look:
            await look.until_shown("● live", "session:{int}", "events", "kind=created", "100% seen", "primary")
            assert "ACL rule" not in look.text
        assert refused(server) <= {"client|setname", "client|no-touch", "client"}


def refused(server: Server) -> set[str]:
    """The commands that the server has refused for want of permission."""
    entries = server.ask("ACL", "LOG")
    assert isinstance(entries, list)
    told = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries]
    return {entry[b"object"].decode() for entry in told}


async def test_another_database_without_select_is_a_sentence() -> None:
    with Server("redis-6.2", *without("SELECT")) as server:
        async with looking(server.port, db=3) as look:
            await look.until_shown(f"{HOST}:{server.port} has no SELECT: only its database 0")
            place = look.app.screen.query_one("#place", Input)
            place.value = "0"
            place.focus()
            await look.press("enter")
            await look.until_shown("● live", "db0")
