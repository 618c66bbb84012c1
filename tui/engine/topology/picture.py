"""What stands where: servers, whom they follow, and what is wrong with them; plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.engine.cluster.view import Span
from tui.engine.streams.trouble import Level, Trouble
from tui.engine.topology.nodelook import Look

__all__ = ["ClusterHealth", "Guard", "Kind", "Level", "Member", "Picture", "SlotMove", "Trouble", "worst_first"]


class Kind(StrEnum):
    """What a deployment is."""

    SINGLE = "single server"
    REPLICATED = "replication"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Member:
    """One server."""

    key: str
    """The same between looks: the cluster's id of it, else its address."""
    address: str
    """Host and port; safe text."""
    primary: bool
    troubles: tuple[Trouble, ...] = ()
    """The worst first."""
    slots: tuple[Span, ...] = ()
    offset: int | None = None
    """Bytes of the stream of changes that it has sent (a primary) or acknowledged (a replica)."""
    behind: int | None = None
    """Bytes that its primary has sent and it has not acknowledged; None on primaries and where unknown."""
    silent_for: float | None = None
    """Seconds since its primary heard from it, or it from its primary; None where unknown."""
    look: Look | None = None
    """What it says itself; None when redtop is not connected to it."""
    replicas: tuple[Member, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of itself and its replicas."""
        return max([trouble.level for member in self.all for trouble in member.troubles], default=Level.FINE)

    @property
    def all(self) -> Iterator[Member]:
        """Itself and all below."""
        yield self
        for replica in self.replicas:
            yield from replica.all


@dataclass(frozen=True, slots=True)
class SlotMove:
    """A slot whose keys go from one node to another."""

    slot: int
    source: str | None
    """Address; None when the source knows nothing of it: what is left of a move that broke off."""
    target: str | None


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """The cluster as a whole."""

    ok: bool | None
    """Whether every node that answers says that it serves; None when nobody may be asked."""
    epoch: int
    uncovered: tuple[Span, ...]
    """Slots that belong to nobody."""
    failed: tuple[Span, ...]
    """Slots whose node has failed: served again when a replica has taken over."""
    moving: tuple[SlotMove, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """The sentinels that watch a primary."""

    name: str
    """What they call it; safe text."""
    sentinels: int
    """How many there are, as the one that is asked says."""
    changed_at: float | None = None
    """Wall-clock seconds when redtop saw the server change for another one; None when it has not."""
    before: str | None = None
    """Where the server was before that; safe text."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it at one moment."""

    kind: Kind
    members: tuple[Member, ...]
    """Those that follow nobody, the ones in trouble first; each with its replicas."""
    wall: float
    """Wall-clock seconds."""
    cluster: ClusterHealth | None = None
    guard: Guard | None = None
    """None without Sentinel."""
    troubles: tuple[Trouble, ...] = ()
    """Of the whole."""
    rules: tuple[str, ...] = ()
    """ACL rules without which something is missing here."""

    @property
    def all(self) -> Iterator[Member]:
        """Every server."""
        for member in self.members:
            yield from member.all

    @property
    def all_troubles(self) -> list[Trouble]:
        """Of the whole and of each server, the worst first."""
        found = [*self.troubles, *(trouble for member in self.all for trouble in member.troubles)]
        return sorted(found, key=lambda trouble: -trouble.level)


def worst_first(members: Iterable[Member]) -> tuple[Member, ...]:
    """Order members and their replicas by their trouble; of equals by slots, then address."""
    ordered = [replace(member, replicas=worst_first(member.replicas)) for member in members]
    return tuple(sorted(ordered, key=_rank))


def _rank(member: Member) -> tuple[int, int, str]:
    return -member.level, member.slots[0][0] if member.slots else 1 << 20, member.address
