"""The tables of a schema file and their fields, as msgspec checks them; what they mean stands in `model`."""

from __future__ import annotations

from typing import Literal

import msgspec

# No msgspec.Meta: garbage collection while it is being taken in has ended the interpreter (msgspec issue 717). What a
# number may be is checked in `build`.
Amount = int | float
Expected = int | tuple[int, int]
Words = str | tuple[str, ...]


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table whose fields are all known."""


class TtlTable(Table, kw_only=True):
    """`ttl = { seconds = 300, tolerance = 5 }` or `{ at_most = 7776000, required = false }`."""

    seconds: Amount | None = None
    tolerance: Amount = 1.0
    """Seconds that a TTL may be over it."""
    at_most: Amount | None = None
    required: bool = True


class FamilyTable(Table, kw_only=True):
    """`[families.NAME]`; `model.Family` says what the fields mean."""

    pattern: str
    purpose: str
    delimiter: str | None = None
    type: Words = ()
    ttl: Literal["any", "none", "required"] | Amount | TtlTable = "any"
    where: dict[str, Words] = {}
    usually: dict[str, Words] = {}
    must: dict[str, Words] = {}
    value: Literal["jwt", "sha256", "hash"] | None = None
    tells: dict[str, Words] = {}
    keys: Expected | None = None
    bytes: Expected | None = None
    length: int | None = None
    sensitive: bool = False
    secret: Words = ()
    deprecated: str | None = None
    groups: tuple[str, ...] = ()
    json: tuple[str, ...] = ()


class IndexTable(Table, kw_only=True):
    """`[indexes.NAME]`."""

    family: str
    holds: str
    of: str
    complete: bool = True


class TokenTable(Table, kw_only=True):
    """`[tokens.NAME]`."""

    purpose: str
    user: str
    session: str | None = None
    grants: tuple[str, ...]
    falls: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    raw: dict[str, dict[str, Words]] = {}
    stateless: bool = False


class ChannelTable(Table, kw_only=True):
    """`[channels.NAME]`."""

    pattern: str
    purpose: str


class ForbiddenTable(Table, kw_only=True):
    """`[forbidden.NAME]`."""

    prefix: str
    why: str


class ThresholdsTable(Table, kw_only=True):
    """`[thresholds]`; `model.Thresholds` says what the fields mean."""

    memory_warning: Amount | None = None
    memory_critical: Amount | None = None
    hit_rate: Amount | None = None
    fragmentation: Amount | None = None
    fragmentation_bytes: int | None = None
    slow_per_minute: Amount | None = None
    blocked_clients: int | None = None
    replica_lag: Amount | None = None
    evictions: bool | None = None
    far_over: Amount | None = None


class Head(Table, kw_only=True):
    """What stands above the tables."""

    title: str
    delimiter: str = ":"
    bytes: Expected | None = None
    databases: dict[int, str] = {}


class Document(msgspec.Struct):
    """A whole file, each table with the fields it should have; what they mean together is for `build`."""

    head: Head
    families: dict[str, FamilyTable]
    indexes: dict[str, IndexTable]
    tokens: dict[str, TokenTable]
    channels: dict[str, ChannelTable]
    forbidden: dict[str, ForbiddenTable]
    thresholds: ThresholdsTable
