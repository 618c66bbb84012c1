"""The Server page on real servers: what stands where, and what each server is."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.cluster import Cluster
from tests.looking import Looking, looking
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.panes.clients import ClientsPane
from tui.panes.server_facts import ServerFactsPane
from tui.panes.slowlog import SlowLogPane
from tui.panes.topology import TopologyPane
from tui.screens.server import ServerPage
from widgets.reader import Reader
from widgets.table import Table


async def open_page(look: Looking) -> None:
    await look.until_shown("● live")
    await look.press("6")
    await look.until(lambda: isinstance(look.page, ServerPage) and servers(look))


def servers(look: Looking) -> list[str]:
    return [row.cells[0].plain for row in look.pane(TopologyPane).query_one(Table).rows]


def facts(look: Looking) -> str:
    return look.pane(ServerFactsPane).query_one(Reader).plain


async def test_a_single_server_says_so_and_how_it_would_get_a_replica(server: Server) -> None:
    async with looking(server.port) as look:
        await open_page(look)
        assert servers(look) == [f"{HOST}:{server.port}"]
        await look.until_shown("a single server", "REPLICAOF", "ok")
        await look.until(lambda: "asks " in facts(look))
        for name in ("server", "run", "config", "memory", "clients", "snapshots", "AOF", "replication", "redtop"):
            assert f"{name} " in facts(look)
        await look.press("question_mark")
        await look.until_shown("Every server: each primary with its replicas below it")


async def test_a_replica_and_the_loss_of_it_are_seen(valkey: Server) -> None:
    with Server("valkey-9.1", "--repl-diskless-sync-delay", "0") as replica:
        replica.ask("REPLICAOF", HOST, valkey.port)
        async with looking(valkey.port) as look:
            await open_page(look)
            await look.until(lambda: servers(look) == [f"{HOST}:{valkey.port}", f"{HOST}:{replica.port}"])
            await look.until_shown("1 primary, 1 replica")
            await look.press("down")
            await look.until(lambda: "redtop is not connected to it" in facts(look))
            replica.kill()
            await look.until_shown("✗ gone", f"✗ {HOST}:{replica.port} followed until")
            await look.press("up")
            await look.until(lambda: "noeviction" in facts(look))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_cluster_is_shown_and_a_dead_node_comes_first(cluster: Cluster, size: tuple[int, int]) -> None:
    dead = cluster.nodes[2]
    async with looking(cluster.nodes[0].port, size) as look:
        await open_page(look)
        await look.until_shown("cluster ok", "3 primaries")
        await look.until(lambda: servers(look) == [f"{HOST}:{node.port}" for node in cluster.nodes])
        await look.press("down", "enter")
        await look.until_shown(f"port {cluster.nodes[1].port}", "slots", "5462-10923")
        await look.press("escape")
        dead.kill()
        await look.until(lambda: servers(look)[0] == f"{HOST}:{dead.port}")
        await look.until_shown("✗ failed", "✗ cluster down")
        await look.press("slash", *str(cluster.nodes[1].port), "enter")
        await look.until(lambda: servers(look) == [f"{HOST}:{cluster.nodes[1].port}"])


async def test_what_is_wrong_stays_readable_when_the_only_server_is_lost(valkey: Server) -> None:
    async with looking(valkey.port) as look:
        await open_page(look)
        valkey.kill()
        await look.until_shown("✗ not reached", "redtop is not connected: nothing listens")
        assert "memory" not in facts(look), "old numbers are not shown as if they were new"
        valkey.start()
        await look.until(lambda: "memory" in facts(look))


async def test_clients_are_sorted_found_and_opened(server: Server) -> None:
    server.ask("CLIENT", "SETNAME", "gone by now")
    with closing(Wire(HOST, server.port)) as wire:
        wire.ask([("CLIENT", "SETNAME", "worker-1")])
        async with looking(server.port, (160, 48)) as look:
            await open_page(look)
            await look.until_shown("worker-1", "client list" if server.generation != "redis-6.2" else "client")
            await look.press("C", "s")
            await look.until_shown("↓idle")
            await look.press("s", "s")
            await look.until_shown("client ↑")
            await look.press("slash", *"worker", "enter")
            clients = look.pane(ClientsPane)
            await look.until(lambda: len(clients.table.rows) == 1)
            await look.until_shown("Clients · 1 of 2")
            await look.press("enter")
            await look.until_shown("laddr ", "name ", "worker-1", "flags ", "psub ")
            await look.press("escape")
            await look.until(lambda: clients.table.has_focus)
            assert clients.filter == "worker", "escape undoes one thing"
            await look.press("escape")
            await look.until_shown("Clients · 2")


async def test_what_was_slow_is_listed_and_opens_in_full(server: Server) -> None:
    server.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
    async with looking(server.port, (120, 40)) as look:
        await open_page(look)
        await look.until_shown("nothing was slow")
        server.ask_all(
            [
                ("CONFIG", "SET", "slowlog-log-slower-than", 0),
                ("LRANGE", "queue", 0, -1),
                ("CONFIG", "SET", "slowlog-log-slower-than", -1),
            ]
        )
        await look.until_shown("LRANGE queue 0 -1", "0s ago")
        await look.press("L", "slash", *"queue", "enter", "enter")
        await look.until_shown("microseconds", "by the server's clock")
        await look.press("escape", "s")
        await look.until_shown("↓took")
        assert len(look.pane(SlowLogPane).table.rows) == 1


async def test_what_a_login_may_not_see_is_said_where_it_would_stand(valkey: Server) -> None:
    valkey.ask("ACL", "SETUSER", "eve", "on", ">pw", "~*", "+@all", "-slowlog", "-client|list")
    async with looking(valkey.port, (160, 48), username="eve", password="pw") as look:
        await open_page(look)
        await look.until_shown("Clients · this user lacks +client|list", "Slow log · this user lacks +slowlog|len")
        await look.until(lambda: "memory" in facts(look))
