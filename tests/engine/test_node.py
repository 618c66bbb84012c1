"""A node keeps its one connection, says in time how it stands, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

import psutil
import pytest

from tests.conftest import Until
from tests.proxy import Fault, FaultyProxy, saying
from tests.servers import HOST, Server, free_port
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.clock import SystemClock
from tui.engine.commands import Permit, exchange
from tui.engine.failure import Kind, ReplyError, Unavailable
from tui.engine.node import ATTEMPTS, Node, NodeState, Phase

SHOWN_WITHIN = 1.5
"""Seconds until a lost server must be shown as such (the promise of issue 2)."""
BACK_WITHIN = 1.0
"""Seconds until a server that is back must be shown as live."""


class Watched(Node):
    """A node that remembers its states, and runs as a task."""

    def __init__(self, port: int, **rest: object) -> None:
        self.states: list[NodeState] = []
        super().__init__(Address(HOST, port, **rest), SystemClock(), Permit(), self._note)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self.run())

    def _note(self) -> None:
        self.states.append(self.state)

    @property
    def phases(self) -> list[Phase]:
        return [state.phase for state in self.states]

    @property
    def kind(self) -> Kind | None:
        return self.state.failure.kind if self.state.failure else None

    @property
    def is_live(self) -> bool:
        return self.state.phase is Phase.LIVE

    def is_live_for_the(self, times: int) -> bool:
        return self.is_live and self.connections == times

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


Watch = Callable[..., Watched]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    nodes: list[Watched] = []

    def start(port: int, **rest: object) -> Watched:
        nodes.append(Watched(port, **rest))
        return nodes[-1]

    yield start
    for node in nodes:
        await node.stop()


async def seconds_until(until: Until, condition: Callable[[], object]) -> float:
    started = time.monotonic()
    await until(condition)
    return time.monotonic() - started


def own_clients(server: Server) -> list[bytes]:
    lines: list[bytes] = server.ask("CLIENT", "LIST").splitlines()
    return [line for line in lines if b" name=redtop " in line]


async def test_a_live_server_is_known_by_name(server: Server, watch: Watch, until: Until) -> None:
    node = watch(server.port)
    assert node.state.phase is Phase.CONNECTING
    await until(lambda: node.is_live)
    assert node.identity is not None
    assert node.identity.product == server.product.name
    assert (
        node.identity.run_id
        == dict(line.split(":", 1) for line in server.ask("INFO", "server").decode().split("\r\n") if ":" in line)[
            "run_id"
        ]
    )
    assert len(own_clients(server)) == 1
    assert node.connections == 1


async def test_reads_leave_the_servers_idea_of_used_keys_alone_where_it_can_be_told(
    server: Server, watch: Watch, until: Until
) -> None:
    node = watch(server.port)
    await until(lambda: node.is_live)
    flags = own_clients(server)[0].split(b" flags=")[1].split(b" ")[0]
    assert flags == (b"T" if server.product.since((7, 2)) else b"N"), "NO-TOUCH is there since 7.2"


async def test_a_question_asked_before_the_first_connection_waits_for_it(server: Server, watch: Watch) -> None:
    node = watch(server.port)
    assert (await node.ask(exchange([b"DBSIZE"]))).replies == [0]


async def test_a_killed_server_is_shown_lost_in_time_and_live_soon_after_its_return(
    server: Server, watch: Watch, until: Until
) -> None:
    node = watch(server.port)
    await until(lambda: node.is_live)
    first = node.identity
    server.kill()
    assert await seconds_until(until, lambda: not node.is_live) < SHOWN_WITHIN
    assert node.state.phase is Phase.LOST
    with pytest.raises(Unavailable):
        await node.ask(exchange([b"PING"]))
    await until(lambda: node.kind is Kind.REFUSED)  # let it have tried a few times before the server is back
    server.start()
    assert await seconds_until(until, lambda: node.is_live) < BACK_WITHIN
    assert (await node.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert node.identity is not None
    assert first is not None
    assert node.identity.run_id != first.run_id
    assert node.connections == 2
    assert node.phases == [Phase.LIVE, Phase.LOST, *[Phase.LOST] * (len(node.phases) - 3), Phase.LIVE]


@pytest.mark.parametrize("lasting", [Phase.LATE, Phase.LOST])
async def test_a_frozen_server_is_shown_in_time_and_live_soon_after_it_thaws(
    valkey: Server, watch: Watch, until: Until, lasting: Phase
) -> None:
    node = watch(valkey.port)
    await until(lambda: node.is_live)
    valkey.freeze()
    assert await seconds_until(until, lambda: not node.is_live) < SHOWN_WITHIN
    assert node.state.phase is Phase.LATE
    assert node.kind is Kind.TIMEOUT
    await until(lambda: node.state.phase is lasting)
    valkey.thaw()
    assert await seconds_until(until, lambda: node.is_live) < BACK_WITHIN
    assert (await node.ask(exchange([b"PING"]))).replies == [b"PONG"]
    assert node.connections == (1 if lasting is Phase.LATE else 2)


async def test_a_busy_conversation_notices_a_frozen_server_as_soon(valkey: Server, watch: Watch, until: Until) -> None:
    node = watch(valkey.port)

    async def chat() -> None:
        while True:
            await node.ask(exchange([b"DBSIZE"]))

    chatting = asyncio.create_task(chat())
    await until(lambda: node.footprint.commands > 100)
    valkey.freeze()
    assert await seconds_until(until, lambda: not node.is_live) < SHOWN_WITHIN
    with pytest.raises(Unavailable):  # given up when the connection is, not before: the answer might still come
        await chatting
    valkey.thaw()


async def test_a_black_hole_is_named_within_the_time_of_a_login(watch: Watch, until: Until) -> None:
    async with saying() as port:
        node = watch(port)
        with pytest.raises(Unavailable) as caught:
            await node.ask(exchange([b"PING"]))
        assert caught.value.failure.kind is Kind.TIMEOUT
        await until(lambda: node.kind is Kind.TIMEOUT)
        assert node.state.phase is Phase.CONNECTING, "it never was there, so it is not lost"
        await node.stop()


async def test_beside_an_attempt_without_an_answer_there_are_others_unless_the_login_might_be_refused(
    valkey: Server, watch: Watch, until: Until
) -> None:
    async with FaultyProxy(valkey.port, lambda _: Fault.HALF_OPEN) as proxy:
        node = watch(proxy.port)
        await until(lambda: proxy.connections == ATTEMPTS)
        await node.stop()
    async with FaultyProxy(valkey.port, lambda _: Fault.HALF_OPEN) as proxy:
        node = watch(proxy.port, password="which may be wrong")
        await until(lambda: node.kind is Kind.TIMEOUT)
        assert proxy.connections == 1
        await node.stop()


async def test_a_server_that_comes_late_is_found(watch: Watch, until: Until) -> None:
    port = free_port()
    node = watch(port)
    await until(lambda: node.kind is Kind.REFUSED)
    assert node.state.phase is Phase.CONNECTING
    with Server("valkey-9.1", port=port):
        assert await seconds_until(until, lambda: node.is_live) < BACK_WITHIN
        await node.stop()


async def test_another_process_at_the_same_place_has_another_identity(
    server: Server, watch: Watch, until: Until
) -> None:
    node = watch(server.port)
    ids = set()
    for times in range(1, 4):
        await until(partial(node.is_live_for_the, times))
        assert node.identity is not None
        ids.add(node.identity.run_id)
        server.kill()
        await until(lambda: not node.is_live)
        server.start()
    assert len(ids) == 3


async def test_a_refused_login_is_never_tried_again(server: Server, watch: Watch) -> None:
    server.ask("CONFIG", "SET", "requirepass", "right")
    node = watch(server.port, password="wrong")
    async with asyncio.timeout(5):
        await node.task  # it ends by itself, so there is nothing left that could try again
    assert node.state.phase is Phase.REFUSED
    assert node.kind is Kind.AUTH
    _, stats, log = server.ask_all([("AUTH", "right"), ("INFO", "commandstats"), ("ACL", "LOG")])
    calls = next(line for line in stats.splitlines() if line.startswith(b"cmdstat_auth:"))
    assert calls.startswith(b"cmdstat_auth:calls=2,"), "one by the node and one by this test"
    assert [dict(zip(entry[::2], entry[1::2], strict=True))[b"count"] for entry in log] == [1]
    with pytest.raises(Unavailable) as caught:
        await node.ask(exchange([b"PING"]))
    assert caught.value.failure == node.state.failure


@pytest.mark.parametrize("db", [0, 1])
async def test_a_missing_password_waits_for_a_person(server: Server, watch: Watch, db: int) -> None:
    server.ask("CONFIG", "SET", "requirepass", "right")
    node = watch(server.port, db=db)
    async with asyncio.timeout(5):
        await node.task
    assert (node.state.phase, node.kind) == (Phase.REFUSED, Kind.AUTH)
    assert "--askpass" in str(node.state.failure)


async def test_a_database_that_does_not_exist_waits_for_a_person(valkey: Server, watch: Watch) -> None:
    node = watch(valkey.port, db=99)
    async with asyncio.timeout(5):
        await node.task
    assert (node.state.phase, node.kind) == (Phase.REFUSED, Kind.DATABASE)


@pytest.mark.parametrize("forbidden", [["-client"], ["-info"], ["-@all", "+ping"]])
async def test_a_user_with_few_permissions_is_live_all_the_same(
    server: Server, watch: Watch, until: Until, forbidden: list[str]
) -> None:
    server.ask("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", *forbidden)
    node = watch(server.port, username="few", password="pw")
    await until(lambda: node.is_live)
    (reply,) = (await node.ask(exchange([b"CLIENT", b"SETNAME", b"few"]))).replies
    assert isinstance(reply, ReplyError) == (forbidden != ["-info"])
    assert node.identity is not None
    assert bool(node.identity.run_id) == (forbidden == ["-client"])


async def test_no_room_for_others_does_not_disturb_who_is_in(server: Server, watch: Watch, until: Until) -> None:
    with Wire(HOST, server.port) as holder:
        node = watch(server.port)
        await until(lambda: node.is_live)
        holder.ask([("CONFIG", "SET", "maxclients", 1)])
        assert (await node.ask(exchange([b"DBSIZE"]))).replies == [0]
        assert node.is_live


async def test_after_twenty_lost_connections_there_is_still_only_one_and_nothing_has_leaked(
    valkey: Server, watch: Watch, until: Until
) -> None:
    node = watch(valkey.port)
    await until(lambda: node.is_live)
    process, tasks = psutil.Process(), len(asyncio.all_tasks())
    files = process.num_fds()
    for times in range(2, 22):
        valkey.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(partial(node.is_live_for_the, times))
        assert len(own_clients(valkey)) == 1
    assert process.num_fds() == files
    assert len(asyncio.all_tasks()) == tasks
    await node.stop()
    await until(lambda: not own_clients(valkey))
    assert process.num_fds() == files - 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("lost", ["refused", "silent"])
async def test_failed_attempts_leave_nothing_open(watch: Watch, until: Until, lost: str) -> None:
    async with saying(closing=lost == "refused") as port:
        before = psutil.Process().num_fds()
        node = watch(port)
        await until(lambda: node.footprint.bytes_out > 100)  # it has asked at least twice
        await node.stop()
        # The other ends belong to this process as well, and close when they notice.
        await until(lambda: psutil.Process().num_fds() == before)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_while_connecting_is_clean(watch: Watch) -> None:
    async with saying() as port:
        for turns in range(12):
            node = watch(port, password="x" if turns % 2 else None)
            for _ in range(turns):
                await asyncio.sleep(0)
            await node.stop()
            assert not node.is_live
    with pytest.raises(asyncio.CancelledError):
        await node.task


async def test_the_way_there_and_back_is_measured(valkey: Server, watch: Watch, until: Until) -> None:
    node = watch(valkey.port)
    for _ in range(20):
        await node.ask(exchange([b"PING"]))
    assert 0 < node.round_trip < 0.1


async def test_a_quiet_node_asks_for_a_sign_of_life_and_nothing_else(
    valkey: Server, watch: Watch, until: Until
) -> None:
    node = watch(valkey.port)
    await until(lambda: node.footprint.calls["ping"] >= 2)
    assert node.footprint.calls.keys() <= {"info", "client|setname", "client|no-touch", "ping"}
    assert node.phases == [Phase.LIVE]
