"""Who follows whom, and how far behind, as one server tells it (INFO replication)."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.address import Address
from tui.engine.info import Info

MANY = 1000
"""Replicas that are read at most; a server with more of them cannot be."""


@dataclass(frozen=True, slots=True)
class Follower:
    """A replica, as the server that feeds it tells."""

    address: str
    """Host and port; safe text."""
    state: str
    """`online`, or a step of the first copy (`wait_bgsave`, `send_bulk`, ...); safe text."""
    offset: int | None
    """Bytes of the stream of changes that it has acknowledged; it does so once a second."""
    silent_for: float | None
    """Seconds since it last acknowledged; None when not told."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The server that a replica follows."""

    address: str
    up: bool
    """Whether the link stands."""
    down_for: float | None
    """Seconds since it broke; None while it stands, or when it never stood."""
    quiet_for: float | None
    """Seconds since anything came over it; None while it is down."""
    copying: bool
    """Whether the first copy is on its way."""
    copied: float | None
    """How much of that has come, 0 to 1; None when not told (a copy that is not put on disk has no known end)."""


@dataclass(frozen=True, slots=True)
class Replication:
    """One server's part in replication."""

    offset: int | None
    """Bytes of the stream of changes: sent by a primary, applied by a replica."""
    history: str
    """Which stream that is: equal on servers that can go on from each other; safe text."""
    backlog: int | None
    """Bytes of the stream that are kept for replicas which come back: with more missing they copy everything."""
    followers: tuple[Follower, ...]
    upstream: Upstream | None
    """None on a primary."""

    @property
    def still(self) -> Replication:
        """The same without what moves, for when nobody can tell how it is now."""
        followers = tuple(Follower(one.address, "online", None, None) for one in self.followers)
        above = (
            None
            if self.upstream is None
            else Upstream(self.upstream.address, up=True, down_for=None, quiet_for=None, copying=False, copied=None)
        )
        return Replication(None, self.history, None, followers, above)


def replication_of(info: Info) -> Replication:
    """Read the replication section."""
    followers = (_follower(info.text(f"slave{number}")) for number in range(min(_told(info), MANY)))
    replica = info.text("role") == "slave"
    return Replication(
        offset=info.integer("slave_repl_offset" if replica else "master_repl_offset"),
        history=info.text("master_replid") or "",
        backlog=info.integer("repl_backlog_size") if info.integer("repl_backlog_active") else None,
        followers=tuple(one for one in followers if one is not None),
        upstream=_upstream(info) if replica else None,
    )


def _told(info: Info) -> int:
    return info.integer("connected_slaves") or 0


def _follower(line: str | None) -> Follower | None:
    """Read `ip=10.0.0.7,port=6379,state=online,offset=1052,lag=0`; newer servers add to it."""
    fields = dict(part.split("=", 1) for part in (line or "").split(",") if "=" in part)
    if "ip" not in fields:
        return None
    lag = _number(fields.get("lag"))
    return Follower(
        address=place(fields["ip"], _number(fields.get("port")) or 0),
        state=fields.get("state", "?"),
        offset=_number(fields.get("offset")),
        silent_for=None if lag is None or lag < 0 else float(lag),
    )


def _upstream(info: Info) -> Upstream:
    up = info.text("master_link_status") == "up"
    down, quiet = info.real("master_link_down_since_seconds"), info.real("master_last_io_seconds_ago")
    return Upstream(
        address=place(info.text("master_host") or "?", info.integer("master_port") or 0),
        up=up,
        down_for=None if up or down is None or down < 0 else down,
        quiet_for=None if not up or quiet is None or quiet < 0 else quiet,
        copying=bool(info.integer("master_sync_in_progress")),
        copied=_copied(info),
    )


def _copied(info: Info) -> float | None:
    total, left = info.integer("master_sync_total_bytes"), info.integer("master_sync_left_bytes")
    if not total or left is None or total < 0:
        return None
    return min(1.0, max(0.0, 1 - left / total))


def place(host: str, port: int) -> str:
    """Name a server by safe host text and port.

    >>> place("10.0.0.7", 6379), place("::1", 6379)
    ('10.0.0.7:6379', '[::1]:6379')
    """
    return Address(host, port).label if "\\" not in host else f"{host}:{port}"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.lstrip("-").isdecimal() and len(text) < 20 else None
