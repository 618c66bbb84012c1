"""A still cluster with some trouble: a primary that has failed, a replica that lags, slots on their way."""

from __future__ import annotations

from collections.abc import Sequence

from tests.still import MEMORY
from tui.demo.fill import FROZEN_NOW
from tui.engine.cluster.view import Moving, Seen, View
from tui.engine.failure import Failure, Kind
from tui.engine.info import Info
from tui.engine.node import NodeState, Phase
from tui.engine.session import Session
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
    """Show it."""
    session.of(TopologyWatch).feed.publish(picture)
