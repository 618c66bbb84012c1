"""With one permission less: the pane concerned names the rule, the rest goes on, and the server is asked just once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.driving import plant, schema, type_into
from tests.headless.test_acl import make, rules_of
from tests.looking import QUICK, Looking, looking
from tests.servers import Server
from tui.engine.node import Phase
from tui.engine.rules import Wanted, rules_for
from tui.engine.survey import Survey
from tui.panes.streams_all import AllStreamsPane
from tui.panes.streams_inside import InsidePane
from widgets.table import Table

DASHBOARD = ("dbsize", "info", "memory|usage", "pttl", "scan", "type", "xinfo|groups", "xinfo|stream")
VALUES = {
    "string": ("getrange", "object|encoding", "object|idletime", "strlen"),
    "hash": ("hlen", "hpttl", "hscan"),
    "list": ("llen", "lrange"),
    "set": ("scard", "sscan"),
    "zset": ("zcard", "zrange"),
    "stream": ("xlen", "xrange"),
}
GROUPS = ("xinfo|consumers", "xpending")
TAIL = ("xread", "xrevrange")
CHANNELS = ("psubscribe", "subscribe")
INDEXES = ("hmget", "lpos", "sismember", "zscore")
OTHERS = ("client|list", "slowlog|get", "slowlog|len")
SEARCH, UNDER_LFU = "zscan", "object|freq"
UNSEEN = ("client|no-touch", "client|setname", "ping")
"""What nobody sees the lack of: redtop has no name then, counts as use, or asks for another sign of life."""


def test_the_tables_have_every_rule_for_watching() -> None:
    values = [name for names in VALUES.values() for name in names]
    known = [*DASHBOARD, *values, *GROUPS, *TAIL, *CHANNELS, *INDEXES, *OTHERS, SEARCH, UNDER_LFU, *UNSEEN]
    assert sorted(f"+{name}" for name in known) == sorted(rules_for(Wanted(frozenset())).commands)


class Lacking:
    """The application, logged in anew whenever a rule is taken away."""

    def __init__(self, look: Looking, server: Server) -> None:
        self.look = look
        self.tap = look.tap
        self._server = server
        self._node = look.app.session.deployment.nodes[0]

    async def without(self, name: str) -> None:
        """Log in as a user who lacks this rule, and no other."""
        before = self._node.connections
        make(self._server, rules_of(self._server), without=f"+{name}")
        self._server.ask_all([("ACL", "LOG", "RESET"), ("CLIENT", "KILL", "USER", "redtop")])
        await self.look.until(lambda: self._node.connections > before and self._node.state.phase is Phase.LIVE)

    async def shows(self, text: str) -> None:
        """Wait for a text on the screen, without spending all the time on looking for it."""
        for _ in range(150):
            if text in self.look.text:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"no {text} within 15 s; on screen:\n{self.look.text}")

    async def goes_on_and_asks_once(self, name: str) -> None:
        """Let redtop ask on for a while, and see what the server has refused by then."""
        asked = self._node.footprint.commands
        await self.look.until(lambda: self._node.footprint.commands > asked + 20)
        logged = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in self._server.ask("ACL", "LOG")]
        assert [(entry[b"object"].decode(), entry[b"count"]) for entry in logged] == [(name, 1)]
        assert "● live" in self.look.header


@asynccontextmanager
async def lacking(server: Server, page: str, *schemas: str) -> AsyncIterator[Lacking]:
    """Open a page as the user that `redtop acl watch` prints."""
    plant(server, 50)
    make(server, rules_of(server))
    settings = replace(QUICK, read_only=True, schemas=schemas)
    async with looking(server.port, (160, 40), settings=settings, username="redtop", password="pw") as look:
        survey = look.app.session.of(Survey).feed
        await look.until(lambda: survey.latest and survey.latest.complete, seconds=30)
        await look.press(page)
        yield Lacking(look, server)


async def test_on_the_dashboard(valkey: Server) -> None:
    async with lacking(valkey, "1") as user:
        for name in DASHBOARD:
            await user.without(name)
            await user.shows(f"+{name}")
            await user.goes_on_and_asks_once(name)
        for name in UNSEEN:
            await user.without(name)
            await user.goes_on_and_asks_once(name)


@pytest.mark.parametrize("kind", VALUES)
async def test_in_a_value(valkey: Server, kind: str) -> None:
    async with lacking(valkey, "2") as user:
        for name in VALUES[kind]:
            await user.without(name)
            await type_into(user.look, "g", "late")
            await type_into(user.look, "g", f"value:{kind}")
            await user.shows(f"+{name}")
            await user.goes_on_and_asks_once(name)


async def test_in_a_search_and_under_another_policy(valkey: Server) -> None:
    async with lacking(valkey, "2") as user:
        await type_into(user.look, "g", "value:zset")
        await user.without(SEARCH)
        await type_into(user.look, "slash", "a")
        await user.shows(f"+{SEARCH}")
        await user.goes_on_and_asks_once(SEARCH)
        valkey.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        await user.without(UNDER_LFU)
        await user.shows(f"+{UNDER_LFU}")
        await user.goes_on_and_asks_once(UNDER_LFU)


async def test_on_the_page_of_streams(valkey: Server) -> None:
    async with lacking(valkey, "3") as user:
        table = user.look.pane(AllStreamsPane).query_one(Table)
        await user.look.until(lambda: {b"late", b"value:stream"} <= {row.key for row in table.rows})
        for name in (*GROUPS, *TAIL):
            user.tap(AllStreamsPane.JUMP)
            table.move_to_key(b"value:stream")
            await user.look.until(lambda: user.look.pane(InsidePane).key == b"value:stream")
            await user.without(name)
            table.move_to_key(b"late")
            await user.shows(f"+{name}")
            await user.goes_on_and_asks_once(name)


@pytest.mark.parametrize("name", CHANNELS)
async def test_in_the_channels(valkey: Server, name: str) -> None:
    async with lacking(valkey, "3") as user:
        await user.without(name)
        await type_into(user.look, "c", "chat:7 flow:*")
        await user.shows(f"+{name}")
        await user.goes_on_and_asks_once(name)


async def test_on_the_page_of_the_server(valkey: Server) -> None:
    async with lacking(valkey, "6") as user:
        for name in OTHERS:
            await user.without(name)
            await user.shows(f"+{name}")
            await user.goes_on_and_asks_once(name)


@pytest.mark.parametrize("name", INDEXES)
async def test_in_a_schema_that_is_checked(
    valkey: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.schema.closer.SECOND_LOOK", 0.01)
    plant(valkey, 50)
    make(valkey, rules_of(valkey), without=f"+{name}")
    settings = replace(QUICK, interval=0.25, read_only=True, schemas=(schema(tmp_path),))
    async with looking(valkey.port, (160, 40), settings=settings, username="redtop", password="pw") as look:
        user = Lacking(look, valkey)
        await look.press("4", "P")
        await user.shows(f"+{name}")
        await user.goes_on_and_asks_once(name)


async def test_a_rule_that_is_granted_counts_from_the_next_refresh_on(valkey: Server) -> None:
    async with lacking(valkey, "1") as user:
        await user.without("scan")
        await user.shows("+scan")
        make(valkey, rules_of(valkey))
        user.tap("r")
        await user.look.until(lambda: not user.look.app.session.deployment.nodes[0].rights.refused)
        await user.shows("100% seen")
