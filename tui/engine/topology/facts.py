"""What a server is, how it keeps its data and whom it serves: the facts an operator looks up, from INFO."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.info import Identity, Info
from tui.engine.topology.keysizes import Sizes, sizes_of


@dataclass(frozen=True, slots=True)
class Snapshots:
    """RDB files."""

    saved_at: float | None
    """Wall-clock seconds of the last one, as the server's clock goes; its start when there was none."""
    ok: bool
    """Whether the last attempt worked."""
    took: float | None
    """Seconds; None when there was none."""
    changes: int | None
    """Changes since, which a crash would lose without an append-only file."""
    saving: bool


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """The append-only file."""

    enabled: bool
    ok: bool
    """Whether the last write worked."""
    size: int | None
    """Bytes; None when it is off."""
    rewriting: bool
    rewrite_ok: bool


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server; None is not told."""

    identity: Identity
    mode: str
    """`standalone`, `cluster`, `sentinel`; safe text."""
    os: str | None
    process: int | None
    port: int | None
    config_file: str | None
    """Empty when it was started without one."""
    used: int | None
    """Bytes."""
    limit: int | None
    """maxmemory; 0 means none."""
    policy: str | None
    peak: int | None
    resident: int | None
    fragmentation: float | None
    """Resident bytes per byte used."""
    clients: int | None
    """With redtop's own."""
    clients_most: int | None
    blocked: int | None
    rejected: int | None
    """Clients turned away because there were too many."""
    errors: int | None
    """Error replies since it started, or since CONFIG RESETSTAT."""
    keys: int | None
    """In all databases."""
    snapshots: Snapshots
    append_only: AppendOnly
    sizes: tuple[Sizes, ...] = ()
    """How big its keys are, by type; empty where the server does not count."""


def facts_of(info: Info) -> ServerFacts:
    """Read the facts."""
    return ServerFacts(
        identity=info.identity,
        mode=info.text("server_mode") or info.text("redis_mode") or "",
        os=info.text("os"),
        process=info.integer("process_id"),
        port=info.integer("tcp_port"),
        config_file=info.text("config_file"),
        used=info.integer("used_memory"),
        limit=info.integer("maxmemory"),
        policy=info.text("maxmemory_policy"),
        peak=info.integer("used_memory_peak"),
        resident=info.integer("used_memory_rss"),
        fragmentation=info.real("mem_fragmentation_ratio"),
        clients=info.integer("connected_clients"),
        clients_most=info.integer("maxclients"),
        blocked=info.integer("blocked_clients"),
        rejected=info.integer("rejected_connections"),
        errors=info.integer("total_error_replies"),
        keys=sum(info.databases.values()) if info.integer("keyspace_hits") is not None else None,
        snapshots=_snapshots(info),
        append_only=_append_only(info),
        sizes=sizes_of(info),
    )


def _snapshots(info: Info) -> Snapshots:
    took = info.integer("rdb_last_bgsave_time_sec")
    return Snapshots(
        saved_at=info.real("rdb_last_save_time"),
        ok=info.text("rdb_last_bgsave_status") != "err",
        took=None if took is None or took < 0 else float(took),
        changes=info.integer("rdb_changes_since_last_save"),
        saving=bool(info.integer("rdb_bgsave_in_progress")),
    )


def _append_only(info: Info) -> AppendOnly:
    return AppendOnly(
        enabled=bool(info.integer("aof_enabled")),
        ok=info.text("aof_last_write_status") != "err",
        size=info.integer("aof_current_size"),
        rewriting=bool(info.integer("aof_rewrite_in_progress")),
        rewrite_ok=info.text("aof_last_bgrewrite_status") != "err",
    )
