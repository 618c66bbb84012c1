"""Which primaries a cluster has, and which slots each of them holds; plain values.

`view` reads what one node knows of all of them. The view of one may be a second old, so what each primary
says of itself counts more: the higher epoch owns a slot.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.engine.cluster.slots import SLOTS
from tui.engine.cluster.view import Seen, Span, View, bare, members_of, number_of, spans, view_of, view_of_shards
from tui.engine.commands import Reply
from tui.engine.printable import parse_printable

_MYSELF = re.compile(rb"^\S+ \S+ \S*\bmyself\b.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Home:
    """A primary: where keys live."""

    id: str
    """The cluster's own name for it."""
    host: str
    """Where clients find it; empty means the host that was asked."""
    port: int
    epoch: int = 0
    slots: tuple[Span, ...] = ()
    moving: frozenset[int] = frozenset()
    """Slots that are open: some of their keys are here, and others at another primary. Told by itself only."""
    failed: bool = False
    """Whether the cluster holds it for failed."""


@dataclass(frozen=True, slots=True)
class Topology:
    """All primaries at one time."""

    me: str
    """Id of the node that told; empty when it did not say."""
    homes: tuple[Home, ...]
    """In the order of their slots: only those that hold some."""
    replicas: int = 0
    epoch: int = 0
    """Counts up with every change of who holds what."""
    ok: bool = True
    """Whether the cluster serves keys."""

    @property
    def layout(self) -> Hashable:
        """Who holds what; unlike as soon as a slot has changed hands."""
        return tuple((home.id, home.slots) for home in self.homes)

    @property
    def moving(self) -> frozenset[int]:
        """Slots that are open."""
        return frozenset().union(*(home.moving for home in self.homes))

    @property
    def uncovered(self) -> int:
        """Slots that nobody holds."""
        return SLOTS - sum(number_of(home.slots) for home in self.homes)

    def with_claims(self, claims: Iterable[Home]) -> Topology:
        """Believe what primaries say of themselves, which nobody knows better."""
        told = {home.id: home for home in claims}
        homes = [_own(home, told.get(home.id)) for home in self.homes]
        if any(new.slots != old.slots for new, old in zip(homes, self.homes, strict=True)):
            homes = _settled(homes)
        return replace(self, homes=_sorted(homes))


def topology_of(nodes: Reply, shards: Reply, info: Reply, *, tls: bool = False) -> Topology | None:
    """Read CLUSTER NODES, SHARDS and INFO, some of which may be error replies; None when the first two are.

    `tls` says that nodes are connected to by TLS, which has a port of its own.
    """
    about = info if isinstance(info, bytes) else None
    if isinstance(nodes, bytes):
        view = view_of(nodes, about)
    elif isinstance(shards, list):
        view = view_of_shards(shards, about)
    else:
        return None
    places = endpoints(shards, tls=tls) if isinstance(shards, list) else {}
    homes = [_home(seen, view, places) for seen in view.members.values() if _is_home(seen, view)]
    replicas = sum(not seen.primary for seen in view.members.values())
    return Topology(view.me, _sorted(homes), replicas, view.epoch, view.ok is not False)


def claim_of(nodes: Reply) -> Home | None:
    """Read what a node says of itself from its CLUSTER NODES, without going through the others."""
    found = _MYSELF.search(nodes) if isinstance(nodes, bytes) else None
    if found is None:
        return None
    view = view_of(found[0], None)
    seen = view.members.get(view.me)
    return _home(seen, view, {}) if seen is not None and seen.primary else None


def endpoints(shards: Sequence[Reply], *, tls: bool) -> Mapping[str, tuple[str, int]]:
    """Return from CLUSTER SHARDS where clients should find each node, by id: an empty host means the one asked."""
    found: dict[str, tuple[str, int]] = {}
    for shard in shards:
        for pairs in _fields(shard).get(b"nodes") or []:
            node = _fields(pairs)
            port = node.get(b"tls-port" if tls else b"port", node.get(b"port"))
            host = _text(node.get(b"endpoint") or b"")
            if isinstance(port, int):
                found[_text(node.get(b"id"))] = ("" if host == "?" else host, port)
    return found


def find_slot(error: str) -> tuple[int, str, int] | None:
    """Read `MOVED 3999 127.0.0.1:6381` or `ASK ...`: slot, host (empty means the host that was asked) and port.

    >>> find_slot("MOVED 3999 127.0.0.1:6381"), find_slot("ASK 7 :6381"), find_slot("ERR no")
    ((3999, '127.0.0.1', 6381), (7, '', 6381), None)
    """
    words = error.split(" ")
    if len(words) < 3 or words[0] not in {"MOVED", "ASK"} or not words[1].isdecimal():
        return None
    host, _, port = words[2].rpartition(":")
    return (int(words[1]), bare(host), int(port)) if port.isdecimal() else None


def _is_home(seen: Seen, view: View) -> bool:
    """Whether it may hold keys; as long as nobody has any slots, the one who tells is all there is."""
    return seen.primary and bool(seen.slots or (seen.id == view.me and not any(map(_slots, view.members.values()))))


def _slots(seen: Seen) -> bool:
    return bool(seen.slots)


def _home(seen: Seen, view: View, places: Mapping[str, tuple[str, int]]) -> Home:
    host, _, port = seen.address.rpartition(":")
    told = "" if host == "?" else _text(parse_printable(bare(host)))  # else a form would be made of a form
    host, port_number = places.get(seen.id, (told, int(port or 0)))
    moving = frozenset(one.slot for one in seen.moving) if seen.id == view.me else frozenset()
    return Home(seen.id, host, port_number, seen.epoch, seen.slots, moving, seen.failed)


def _own(home: Home, told: Home | None) -> Home:
    return home if told is None else replace(home, epoch=told.epoch, slots=told.slots, moving=told.moving)


def _settled(homes: Sequence[Home]) -> list[Home]:
    """Give slots that several claim to the one with the highest epoch."""
    owners: dict[int, str] = {}
    for home in sorted(homes, key=lambda home: home.epoch):
        owners.update(dict.fromkeys(members_of(home.slots), home.id))
    held: dict[str, list[int]] = {home.id: [] for home in homes}
    for slot, owner in owners.items():
        held[owner].append(slot)
    return [replace(home, slots=spans(held[home.id])) for home in homes]


def _sorted(homes: Iterable[Home]) -> tuple[Home, ...]:
    return tuple(sorted(homes, key=lambda home: (home.slots[0][0] if home.slots else SLOTS, home.id)))


def _fields(pairs: Reply) -> dict[bytes, Reply]:
    return dict(zip(pairs[::2], pairs[1::2], strict=False)) if isinstance(pairs, list) else {}


def _text(value: Reply) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""
