"""Changing the TTL or the name of one key: what was seen is what is changed, once, and never a guess."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Open
from tests.proxy import Proxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind
from tui.engine.onekey.edit import Edit, Rename, SetTtl, apply
from tui.engine.onekey.inspect import KeyFacts, look

KEY = b"odd \xff\r\n key"


async def seen(deployment: Deployment, key: bytes = KEY) -> KeyFacts:
    facts = await look(deployment, key)
    assert isinstance(facts, KeyFacts)
    return facts


@pytest.fixture
async def deployment(server: Server, open_session: Open) -> Deployment:
    server.ask("SET", KEY, "x")
    return open_session(server).deployment


async def test_a_ttl_is_set_changed_and_taken_away(server: Server, deployment: Deployment) -> None:
    assert await apply(deployment, SetTtl(KEY, 90.5), await seen(deployment)) is None
    assert 89_000 < server.ask("PTTL", KEY) <= 90_500
    assert await apply(deployment, SetTtl(KEY, 1e9), await seen(deployment)) is None
    assert server.ask("PTTL", KEY) > 9e11
    assert await apply(deployment, SetTtl(KEY, None), await seen(deployment)) is None
    assert server.ask("PTTL", KEY) == -1


async def test_a_key_is_renamed_with_its_ttl(server: Server, deployment: Deployment) -> None:
    server.ask("PEXPIRE", KEY, 50_000)
    assert await apply(deployment, Rename(KEY, b"new\x00name"), await seen(deployment)) is None
    assert 40_000 < server.ask("PTTL", b"new\x00name") <= 50_000
    assert server.ask("EXISTS", KEY) == 0


async def test_a_name_that_is_taken_stays_with_its_key(server: Server, deployment: Deployment) -> None:
    server.ask("SET", "taken", "theirs")
    failure = await apply(deployment, Rename(KEY, b"taken"), await seen(deployment))
    assert failure == Failure(Kind.CHANGED, "there is a key named taken already")
    assert server.ask("GET", "taken") == b"theirs"
    assert server.ask("EXISTS", KEY) == 1


@pytest.mark.parametrize(
    "meanwhile",
    [("DEL", KEY), ("PEXPIRE", KEY, 5_000), ("RENAME", KEY, "elsewhere")],
    ids=["deleted", "other TTL", "renamed"],
)
async def test_a_key_that_changed_since_it_was_seen_is_left_alone(
    server: Server, deployment: Deployment, meanwhile: tuple[str | bytes | int, ...]
) -> None:
    facts = await seen(deployment)
    server.ask(*meanwhile)
    before = server.ask("PTTL", KEY)
    failure = await apply(deployment, SetTtl(KEY, 600), facts)
    assert failure is not None
    assert failure.kind is Kind.CHANGED
    assert server.ask("PTTL", KEY) <= before


async def test_a_key_of_another_type_by_now_is_left_alone(server: Server, deployment: Deployment) -> None:
    facts = await seen(deployment)
    server.ask_all([("DEL", KEY), ("RPUSH", KEY, "a")])
    failure = await apply(deployment, Rename(KEY, b"b"), facts)
    assert failure is not None
    assert failure.kind is Kind.CHANGED
    assert server.ask("TYPE", KEY) == b"list"


async def test_a_missing_permission_is_named(server: Server, deployment: Deployment) -> None:
    facts = await seen(deployment)
    server.ask("ACL", "SETUSER", "default", "-pexpire")
    failure = await apply(deployment, SetTtl(KEY, 600), facts)
    assert failure == Failure(Kind.DENIED, "this user lacks +pexpire (ACL)")
    assert server.ask("PTTL", KEY) == -1


async def test_nothing_is_changed_in_a_read_only_session(valkey: Server, open_session: Open) -> None:
    valkey.ask("SET", KEY, "x")
    deployment = open_session(valkey, read_only="not here").deployment
    failure = await apply(deployment, SetTtl(KEY, 600), await seen(deployment))
    assert failure == Failure(Kind.READ_ONLY, "not here")


class Losing(Proxy):
    """Ends the connection instead of passing on the answer to EXEC, whether or not the server got it."""

    armed = False
    delivers = True
    _muted = False

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, chunk: int) -> None:
        while data := await source.read(1 << 16):
            if self._muted:
                self.armed = self._muted = False
                raise ConnectionResetError
            if self.armed and b"EXEC" in data:
                self._muted = self.delivers
                if not self.delivers:
                    self.armed = False
                    raise ConnectionResetError
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError


@pytest.mark.parametrize("delivers", [True, False], ids=["it ran", "it did not"])
@pytest.mark.parametrize("edit", [SetTtl(KEY, 600.0), Rename(KEY, b"new"), SetTtl(KEY, None)], ids=str)
async def test_a_lost_answer_is_found_out_by_looking(
    server: Server, open_session: Open, edit: Edit, delivers: bool
) -> None:
    server.ask("SET", KEY, "x", "EX", 90)
    async with Losing(server.port) as proxy:
        deployment = open_session(server, Address(HOST, proxy.port)).deployment
        facts = await seen(deployment)
        proxy.armed, proxy.delivers = True, delivers
        failure = await apply(deployment, edit, facts)
        assert proxy.connections >= 2
    ttl = server.ask("PTTL", KEY)
    assert (ttl in {-1, -2} or ttl > 90_000) is delivers
    if delivers:
        assert failure is None
    else:
        assert failure is not None
        assert "nothing was changed" in failure.sentence
