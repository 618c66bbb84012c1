"""What one node of a cluster knows of all of them (CLUSTER NODES, CLUSTER SHARDS, CLUSTER INFO)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tui.engine.cluster.slots import SLOTS
from tui.engine.commands import Reply
from tui.engine.info import Info
from tui.engine.printable import printable
from tui.engine.topology.replication import place

Span = tuple[int, int]
"""The first and the last of some slots that follow each other."""

_SLOTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MOVING = re.compile(r"\[(\d{1,5})-([<>])-(\S+)\]")


@dataclass(frozen=True, slots=True)
class Moving:
    """A slot that is open: its keys go from one node to another. Only these two know."""

    slot: int
    other: str
    """Id of the other node."""
    leaves: bool
    """Whether it leaves this node; otherwise it comes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One member of the cluster, as another one (or itself) sees it."""

    id: str
    address: str
    """Host and port; safe text."""
    primary: bool
    follows: str
    """Id of its primary; empty for primaries."""
    failed: bool = False
    """The majority holds it for failed."""
    doubted: bool = False
    """The one who looks gets no answer from it."""
    epoch: int = 0
    """Of its slots: who has the higher one owns them."""
    slots: tuple[Span, ...] = ()
    moving: tuple[Moving, ...] = ()
    """Only known of the one who looks."""
    offset: int | None = None
    """Bytes of the stream of changes, as gossip tells, which is a second or more old; None when not told."""


@dataclass(frozen=True, slots=True)
class View:
    """The cluster as one node sees it."""

    me: str
    """Id of the one who looks; empty when not told."""
    members: Mapping[str, Seen]
    """By id."""
    ok: bool | None = None
    """Whether it serves: cluster_state; None when not told."""
    epoch: int = 0
    """The latest it has heard of: who has the highest knows of the latest failover."""


def view_of(nodes: bytes, info: bytes | None) -> View:
    """Read replies of CLUSTER NODES and CLUSTER INFO (None when not told)."""
    lines = [printable(line).split(" ") for line in nodes.split(b"\n") if line]
    members = {words[0]: _seen(words) for words in lines if _counts(words)}
    me = next((words[0] for words in lines if len(words) >= 8 and "myself" in words[2].split(",")), "")
    about = Info(info or b"")
    state = about.text("cluster_state")
    newest = about.integer("cluster_current_epoch") or max((one.epoch for one in members.values()), default=0)
    return View(me, members, None if state is None else state == "ok", newest)


def view_of_shards(shards: Sequence[Reply], info: bytes | None) -> View:
    """Read CLUSTER SHARDS where CLUSTER NODES may not be asked; it does not say who answers, nor what moves."""
    members = {one.id: one for shard in shards for one in _shard(_fields(shard))}
    about = Info(info or b"")
    state = about.text("cluster_state")
    return View("", members, None if state is None else state == "ok", about.integer("cluster_current_epoch") or 0)


def offsets_of(shards: Sequence[Reply]) -> dict[str, int]:
    """Return each member's place in the stream of changes, by id, from CLUSTER SHARDS; 0 there means not known yet."""
    seen = (one for shard in shards for one in _shard(_fields(shard)))
    return {one.id: one.offset for one in seen if one.offset}


def spans(slots: Iterable[int]) -> tuple[Span, ...]:
    """Join slots that follow each other.

    >>> spans([5, 1, 2, 3, 9])
    ((1, 3), (5, 5), (9, 9))
    """
    found: list[Span] = []
    for slot in sorted(slots):
        if found and slot == found[-1][1] + 1:
            found[-1] = found[-1][0], slot
        else:
            found.append((slot, slot))
    return tuple(found)


def members_of(some: Iterable[Span]) -> set[int]:
    """Take spans apart into slots.

    >>> sorted(members_of([(1, 3), (9, 9)]))
    [1, 2, 3, 9]
    """
    return {slot for first, last in some for slot in range(first, min(last, SLOTS - 1) + 1)}


def number_of(some: Iterable[Span]) -> int:
    """Count slots."""
    return sum(last - first + 1 for first, last in some)


def _counts(words: Sequence[str]) -> bool:
    """Whether a line is about a member; one that is only shaking hands has no lasting id yet."""
    return len(words) >= 8 and "handshake" not in words[2].split(",")


def _seen(words: Sequence[str]) -> Seen:
    """Read `ID HOST:PORT@BUS[,NAME] FLAGS PRIMARY PING PONG EPOCH LINK SLOT...`."""
    flags = words[2].split(",")
    primary = "master" in flags
    return Seen(
        id=words[0],
        address=_address(words[1]),
        primary=primary,
        follows="" if primary or words[3] == "-" else words[3],
        failed="fail" in flags,
        doubted="fail?" in flags,
        epoch=_whole(words[6]),
        slots=tuple(_spans(words[8:])),
        moving=tuple(_moving(words[8:])),
    )


def _address(text: str) -> str:
    """Read `10.0.0.7:6379@16379,name`; a host that is not known yet is empty."""
    host, _, port = text.split(",", 1)[0].split("@", 1)[0].rpartition(":")
    return place(bare(host) or "?", _whole(port))


def bare(host: str) -> str:
    """Take an IPv6 address out of its brackets; nothing else, for a host may be named anything.

    >>> bare("[::1]"), bare("::1"), bare("odd[/]")
    ('::1', '::1', 'odd[/]')
    """
    return host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host


def _spans(words: Iterable[str]) -> Iterator[Span]:
    for word in words:
        if found := _SLOTS.fullmatch(word):
            first = int(found[1])
            yield first, int(found[2] or first)


def _moving(words: Iterable[str]) -> Iterator[Moving]:
    for word in words:
        if found := _MOVING.fullmatch(word):
            yield Moving(int(found[1]), found[3], leaves=found[2] == ">")


def _shard(shard: Mapping[str, Reply]) -> Iterator[Seen]:
    bounds = shard.get("slots") or []
    slots = tuple(zip(bounds[::2], bounds[1::2], strict=False))
    nodes = [_fields(node) for node in shard.get("nodes") or []]
    primary = next((_text(node.get("id")) for node in nodes if node.get("role") == b"master"), "")
    for node in nodes:
        leads = node.get("role") == b"master"
        offset = node.get("replication-offset")
        yield Seen(
            id=_text(node.get("id")),
            address=place(_text(node.get("ip")) or "?", _port(node)),
            primary=leads,
            follows="" if leads else primary,
            failed=_text(node.get("health")).startswith("fail"),
            slots=slots if leads else (),
            offset=offset if isinstance(offset, int) else None,
        )


def _fields(pairs: Reply) -> dict[str, Reply]:
    return {_text(name): value for name, value in zip(pairs[::2], pairs[1::2], strict=False)}


def _port(node: Mapping[str, Reply]) -> int:
    port = node.get("port", node.get("tls-port"))
    return port if isinstance(port, int) else 0


def _text(value: Reply) -> str:
    return printable(value) if isinstance(value, bytes) else ""


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else 0
