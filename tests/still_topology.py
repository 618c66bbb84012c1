"""A still cluster with some trouble: a primary that has failed, a replica that lags, slots on their way."""

from __future__ import annotations

from collections.abc import Sequence

from tests.still import MEMORY
from tui.demo.fill import FROZEN_NOW
from tui.engine.clients import ClientList, Clients, clients_of
from tui.engine.cluster.view import Moving, Seen, View
from tui.engine.failure import Failure, Kind
from tui.engine.info import Info
from tui.engine.node import NodeState, Phase
from tui.engine.session import Session
from tui.engine.slowlog import SlowEntry, SlowLog, SlowLogs
from tui.engine.topology.clusters import ClusterPicture, cluster_troubles
from tui.engine.topology.nodelook import Look, OwnCost
from tui.engine.topology.picture import Kind as Sort
from tui.engine.topology.picture import Picture
from tui.engine.topology.replication import replication_of
from tui.engine.topology.single import single_members
from tui.engine.topology.slot_stats import SlotStats
from tui.engine.topology.watch import TopologyWatch

PRIMARIES = ("10.0.4.11:6379", "10.0.4.12:6379", "10.0.4.13:6379")
REPLICAS = ("10.0.4.21:6379", "10.0.4.22:6379", "10.0.4.23:6379")
SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))
SILENCE = 10.0
NOTHING = Failure(Kind.REFUSED, f"nothing listens at {PRIMARIES[1]}")
OFFSET = 48_211_907_554
LIVE = NodeState(Phase.LIVE, FROZEN_NOW - 7260)


def info(number: int, *followers: str, mode: str = "cluster") -> Info:
    """What a primary says of itself."""
    used = MEMORY - (number << 20)
    lines = {
        "redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2", "server_mode": mode,
        "os": "Linux 6.12.0 x86_64", "process_id": 811 + number, "run_id": f"{number + 7}c0ffee{'5' * 33}",
        "tcp_port": 6379, "uptime_in_seconds": 7260, "config_file": "/etc/valkey/valkey.conf",
        "connected_clients": 118 + number, "maxclients": 10_000, "blocked_clients": 4, "used_memory": used,
        "used_memory_rss": int(1.13 * used), "used_memory_peak": int(1.04 * used), "mem_fragmentation_ratio": 1.13,
        "maxmemory": 3 * MEMORY, "maxmemory_policy": "volatile-lru", "keyspace_hits": 1, "total_error_replies": 12,
        "rdb_last_save_time": int(FROZEN_NOW) - 840, "rdb_changes_since_last_save": 18_211,
        "rdb_last_bgsave_time_sec": 3, "rdb_last_bgsave_status": "ok",
        "aof_enabled": 1, "aof_last_write_status": "ok", "aof_current_size": 3 * used,
        "role": "master", "connected_slaves": len(followers), "master_replid": f"4{number}aa91c0{'0' * 32}",
        "master_repl_offset": OFFSET + number, "repl_backlog_active": 1, "repl_backlog_size": 64 << 20,
        "db0": f"keys={412_000 + 9_000 * number},expires=0,avg_ttl=0", "cluster_enabled": 1,
    } | {f"slave{place}": line for place, line in enumerate(followers)}  # fmt: skip
    return Info("".join(f"{name}:{value}\r\n" for name, value in lines.items()).encode())


def follower(number: int, behind: int, silent_for: int) -> str:
    """What a primary says of its replica."""
    host, port = REPLICAS[number].split(":")
    return f"ip={host},port={port},state=online,offset={OFFSET + number - behind},lag={silent_for}"


def views() -> list[View]:
    """What the two primaries that are left see."""
    members = {
        f"p{number}": Seen(f"p{number}", place, True, "", epoch=number + 7, slots=(SLOTS[number],), failed=number == 1)
        for number, place in enumerate(PRIMARIES)
    }
    members |= {
        f"r{number}": Seen(f"r{number}", place, False, f"p{number}", doubted=number == 1, epoch=number + 7)
        for number, place in enumerate(REPLICAS)
    }
    moving = tuple(Moving(slot, "p2", leaves=True) for slot in range(5400, 5408))
    first = members | {"p0": Seen("p0", PRIMARIES[0], True, "", epoch=7, slots=(SLOTS[0],), moving=moving)}
    coming = tuple(Moving(slot, "p0", leaves=False) for slot in range(5400, 5408))
    third = members | {"p2": Seen("p2", PRIMARIES[2], True, "", epoch=9, slots=(SLOTS[2],), moving=coming)}
    return [View("p0", first, False, 12), View("p2", third, False, 12)]


def looks() -> Sequence[Look]:
    """What redtop sees: two primaries, and one that it lost."""
    told = (info(0, follower(0, 212, 0)), info(2, follower(2, 41 << 20, 23)))
    stats = SlotStats(((866, 1_210), (5_300, 1_004), (41, 988)), {866: 1}, ((866, 410_000), (12, 90_000)))
    seen = views()
    answered = [
        Look(
            place=PRIMARIES[number], state=LIVE, at=FROZEN_NOW, info=one, replication=replication_of(one),
            view=view, slots=stats, ops_per_s=4_210.0 - 700 * number, cost=OwnCost(23.4, 16_200.0),
        )
        for number, one, view in zip((0, 2), told, seen, strict=True)
    ]  # fmt: skip
    lost = NodeState(Phase.LOST, FROZEN_NOW - 42)
    return [*answered, Look(PRIMARIES[1], lost, FROZEN_NOW, offsets={"r1": OFFSET - 90_112}, failure=NOTHING)]


def troubled_cluster() -> Picture:
    """All of it."""
    made = ClusterPicture(views(), looks(), {PRIMARIES[1]: "p1"}, SILENCE)
    health = made.health
    return Picture(Sort.CLUSTER, made.members, FROZEN_NOW, health, troubles=cluster_troubles(health))


def lonely() -> Picture:
    """A server without replicas."""
    told = info(0, mode="standalone")
    look = Look(
        "127.0.0.1:7379", LIVE, FROZEN_NOW, told, replication_of(told), ops_per_s=420.0, cost=OwnCost(23.4, 16_200.0)
    )
    return Picture(Sort.SINGLE, single_members(look, {}, SILENCE), FROZEN_NOW)


def publish_topology(session: Session, picture: Picture) -> None:
    """Show it, with whom its primaries serve and what took them long."""
    session.of(TopologyWatch).feed.publish(picture)
    nodes = [look.place for member in picture.members if (look := member.look) is not None and look.info is not None]
    session.of(ClientList).feed.publish(clients(*nodes))
    session.of(SlowLogs).feed.publish(slow_log(*nodes))


CLIENTS = (
    # name, host, command, flags, idle, age, memory, output
    ("exports", "10.0.7.31:50122", "lrange", "N", 4, 212, 9_412_608, 9_400_000),
    ("", "10.0.9.2:40110", "monitor", "O", 0, 41, 20_512, 0),
    ("api-1", "10.0.7.11:43872", "hgetall", "N", 0, 86_412, 28_672, 0),
    ("api-2", "10.0.7.12:51204", "get", "N", 0, 86_390, 22_528, 0),
    ("api-3", "10.0.7.13:39418", "multi", "x", 0, 3_605, 22_528, 0),
    ("worker-mail", "10.0.7.21:44100", "xreadgroup", "b", 1, 7_212, 16_600, 0),
    ("worker-billing", "10.0.7.22:44836", "blpop", "b", 58, 7_211, 16_600, 0),
    ("redtop", "10.0.2.8:60412", "client|list", "N", 0, 95, 16_600, 0),
    ("notifier", "10.0.7.41:38110", "subscribe", "P", 640, 7_209, 2_048, 0),
    ("api-pool", "10.0.7.12:51230", "ping", "N", 1_805, 86_388, 1_880, 0),
    ("", "10.0.7.51:47002", "get", "N", 5_401, 5_409, 1_640, 0),
)
STRANGER = b"10.0.7.51:47002"
SLOW = (
    # seconds ago, microseconds, name, words
    (12, 1_912_004, "exports", (b"KEYS", b"*")),
    (74, 61_230, "exports", (b"LRANGE", b"queue:exports", b"0", b"-1")),
    (310, 44_871, "api-2", (b"HGETALL", b"stats:2026-11")),
    (1_804, 12_310, "", (b"SORT", b"idx:req:slow", b"ALPHA", b"DESC", b"LIMIT", b"0", b"20")),
    (9_120, 10_244, "worker-mail", (b"ZUNIONSTORE", b"rank:all", b"3", b"rank:eu", b"rank:us", b"rank:asia")),
)


def clients(*nodes: str) -> Clients:
    """Whoever is connected, to one of these nodes each."""
    lines = (
        f"id={number} addr={host} name={name} age={age} idle={idle} flags={flags} db=0 omem={output} "
        f"tot-mem={memory} cmd={command} user=default"
        for number, (name, host, command, flags, idle, age, memory, output) in enumerate(CLIENTS)
    )
    listed = [
        client for number, line in enumerate(lines) for client in clients_of(nodes[number % len(nodes)], line.encode())
    ]
    return Clients(tuple(listed), FROZEN_NOW, len(nodes), 1.0)


def slow_log(*nodes: str) -> SlowLog:
    """What took long, at one of these nodes each."""
    entries = tuple(
        SlowEntry(
            nodes[number % len(nodes)], 9 - number, FROZEN_NOW - ago, took, words, b"10.0.7.51:47002", name.encode()
        )
        for number, (ago, took, name, words) in enumerate(SLOW)
    )
    return SlowLog(entries, len(entries), len(nodes))
