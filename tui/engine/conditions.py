"""What a server that answers cannot do just now: told by its errors and by INFO."""

from __future__ import annotations

from tui.engine.failure import Failure, Kind, ReplyError, of_reply
from tui.engine.info import Info

_OF_ALL = frozenset({"BUSY", "LOADING", "MASTERDOWN", "MISCONF"})
"""Codes that PING is answered with as well: they are about the server, not about who asks."""


def of_error(error: ReplyError) -> Failure | None:
    """Name what an error reply to a PING says of the whole server; None when it says nothing of that."""
    return of_reply(error, "+ping") if error.code in _OF_ALL else None


def of_info(info: Info) -> Failure | None:
    """Name the worst of what INFO (all default sections) tells; None when the server can do everything."""
    return next((found for found in (_loading(info), _cut_off(info), _full(info), _paused(info)) if found), None)


def _loading(info: Info) -> Failure | None:
    if info.integer("loading") != 1:
        return None
    done, left = info.real("loading_loaded_perc"), info.integer("loading_eta_seconds")
    progress = [] if done is None else [f"{min(done, 100.0):.0f} %"]
    progress += [] if not left or left < 0 else [f"about {left} s left"]
    return Failure(Kind.LOADING, "the server is loading its data" + (f" ({', '.join(progress)})" if progress else ""))


def _cut_off(info: Info) -> Failure | None:
    """A replica without its primary serves what it has, unless it is told not to."""
    if info.text("role") != "slave" or info.text("master_link_status") != "down":
        return None
    if info.integer("master_sync_in_progress") == 1:
        return Failure(Kind.OLD_DATA, "this replica copies its primary: its data is old until then")
    return Failure(Kind.OLD_DATA, "this replica has lost its primary: its data may be old")


def _full(info: Info) -> Failure | None:
    most, used = info.integer("maxmemory"), info.integer("used_memory")
    if not most or used is None or info.text("maxmemory_policy") != "noeviction":
        return None
    # Buffers for replicas and the append-only file are not held against the limit.
    if used - (info.integer("mem_not_counted_for_evict") or 0) <= most:
        return None
    return Failure(Kind.NO_WRITES, "memory is full and nothing may be evicted: writes are refused (OOM)")


def _paused(info: Info) -> Failure | None:
    """Told since Valkey 8.1; with all commands paused there would be no answer."""
    if info.text("paused_actions") != "write":
        return None
    left = (info.integer("paused_timeout_milliseconds") or 0) / 1000
    return Failure(Kind.NO_WRITES, f"writes are paused for {left:.0f} s more ({info.text('paused_reason')})")
