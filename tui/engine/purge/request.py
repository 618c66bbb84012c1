"""What a person wants removed, and from where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.engine.address import Address, shown
from tui.engine.info import Identity
from tui.engine.place import Where, place_of


class Big(StrEnum):
    """What to do with keys so big that reading them whole holds up the server."""

    LEAVE = "leave"
    WITH_UNDO = "with undo"
    WITHOUT_UNDO = "without undo"


@dataclass(frozen=True, slots=True)
class Request:
    """Which keys to remove.

    Raises:
        ValueError: with one sentence, when it names no keys, or all keys without saying so.
    """

    prefix: bytes = b""
    """What the keys begin with: bytes, taken literally."""
    keys: tuple[bytes, ...] | None = None
    """Instead of a prefix: exactly these keys."""
    exclude: tuple[bytes, ...] = ()
    """Glob patterns, by the server's rules, on the whole key."""
    exclude_keys: frozenset[bytes] = frozenset()
    protected: tuple[bytes, ...] = ()
    """What keys begin with that are never removed, whatever else is asked for."""
    only: Callable[[bytes], bool] | None = None
    """Of these, only keys it says yes to: a family that its prefix alone does not tell from others."""
    expiring: bool | None = None
    """Of these, only keys with a TTL, or only those without one; None means both."""
    all_keys: bool = False
    """Whether an empty prefix really means every key of the database."""
    undo: bool = True
    """Whether the keys are written to a journal before they go."""
    secrets: tuple[bytes, ...] = ()
    """What keys begin with that grant access: a journal would be a file of live credentials."""
    undo_secrets: bool = False
    """Whether to journal these all the same."""

    def __post_init__(self) -> None:
        if self.keys is not None and (self.prefix or self.all_keys):
            raise ValueError("a purge takes a prefix, or a list of keys, not both")
        if self.keys == ():
            raise ValueError("the list of keys to remove is empty")
        if self.keys is None and not self.prefix and not self.all_keys:
            raise ValueError("an empty prefix is every key of the database: that must be asked for in so many words")
        if self.prefix and self.all_keys:
            raise ValueError("a purge takes a prefix, or all keys, not both")
        if b"" in self.protected or b"" in self.secrets:
            raise ValueError("a protected or secret prefix must not be empty: it would be every key")

    @property
    def name(self) -> bytes:
        """What a receipt or a journal calls it: the prefix; of a single key, that key."""
        return self.keys[0] if self.keys is not None and len(self.keys) == 1 else self.prefix


@dataclass(frozen=True, slots=True)
class Target:
    """The server process and the database that a plan or a journal is about; of a cluster, all of them."""

    host: str
    port: int
    socket_path: str | None
    db: int
    run_id: str
    """Empty when this user may not ask who answers, and of a cluster."""
    role: str
    product: str
    version: str
    members: tuple[Target, ...] = ()
    """Of a cluster: the nodes that hold its keys; host and port are then those by which it was found."""

    @classmethod
    def of(cls, where: Where) -> Target:
        """Name what is connected to now."""
        place = place_of(where)
        members = tuple(cls._of(node.address, node.identity) for node in place.nodes)
        if not place.is_cluster:
            return members[0]
        return replace(cls._of(place.address, place.nodes[0].identity), run_id="", role="primary", members=members)

    @classmethod
    def _of(cls, address: Address, who: Identity | None) -> Target:
        known = (who.run_id, who.role, who.product, who.version) if who else ("", "primary", "Redis", "?")
        return cls(address.host, address.port, address.socket_path, address.db, *known)

    @property
    def label(self) -> str:
        """The place as a person knows it; safe text."""
        return Address(self.host, self.port, self.socket_path).label

    @property
    def server(self) -> str:
        """Product and version; safe text."""
        return shown(f"{self.product} {self.version}")

    @property
    def _all(self) -> tuple[Target, ...]:
        return self.members or (self,)

    def is_at(self, other: Target) -> bool:
        """Whether both are the same database of the same place, or of the same process by another name.

        Clusters are the same when they have a node in common: whoever leads a slot may have changed.
        """
        if bool(self.members) != bool(other.members):
            return False
        return any(mine._is_at(theirs) for mine in self._all for theirs in other._all)

    def _is_at(self, other: Target) -> bool:
        place = (self.host, self.port, self.socket_path) == (other.host, other.port, other.socket_path)
        return self.db == other.db and (place or bool(self.run_id and self.run_id == other.run_id))

    def is_still(self, other: Target) -> bool:
        """Whether the same processes still answer there, in the same roles."""
        return self.is_at(other) and self._processes == other._processes

    @property
    def run_ids(self) -> frozenset[str]:
        """The processes it is about."""
        return frozenset(one.run_id for one in self._all)

    @property
    def _processes(self) -> frozenset[tuple[str, str]]:
        return frozenset((one.run_id, one.role) for one in self._all)
