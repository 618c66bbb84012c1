"""What a schema says, once it is read: frozen values without a file format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tui.engine.printable import printable
from tui.engine.schema.forms import Form
from tui.engine.schema.pattern import Pattern
from tui.engine.schema.source import Source, Value, first
from tui.engine.thresholds import Thresholds

NO_TTL = -1
"""What PTTL says of a key that never expires."""
FOREVER = 1 << 62


class SchemaError(Exception):
    """A schema cannot be used; its text is one sentence that names the file and, where it can, table and field."""


@dataclass(frozen=True, slots=True)
class Ttl:
    """How long keys of a family may live. All times are seconds."""

    required: bool
    """Whether each key must have a TTL."""
    allowed: bool = True
    """Whether a key may have one."""
    at_most: float | None = None
    """The longest remaining time there can be, the tolerance included."""
    said: str = ""
    """The policy in the words of the schema: `none`, `required`, `30s`, `at most 90d`."""

    @property
    def bounds_ms(self) -> tuple[int, int]:
        """What PTTL may answer, from and to."""
        if not self.allowed:
            return NO_TTL, NO_TTL
        most = FOREVER if self.at_most is None else round(self.at_most * 1000)
        return 0 if self.required else NO_TTL, most


ANY_TTL = Ttl(required=False, said="any")


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One family of keys. Two are the same only when they are the same object."""

    schema: str
    """Name of its schema."""
    name: str
    """Its name in the file."""
    pattern: Pattern
    purpose: str
    types: tuple[str, ...] = ()
    """Types its keys may have, as TYPE names them; empty means any."""
    ttl: Ttl = ANY_TTL
    usually: Mapping[str, Form] = field(default_factory=dict)
    """Forms by which a key is told from one of another schema that would fit as well."""
    must: Mapping[str, Form] = field(default_factory=dict)
    """Forms that the document promises: a key without them belongs here, and is wrong."""
    value: Form | None = None
    """What the whole value must look like (a JWT, a digest), when the document promises it."""
    tells: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    """What can be read from a value, by name: the first place that holds something counts."""
    expected_keys: tuple[int, int] | None = None
    """How many keys the document expects, from and to."""
    expected_bytes: tuple[int, int] | None = None
    """Bytes of one key, from and to, as the document estimates them."""
    longest: int | None = None
    """Elements of one key at most."""
    sensitive: bool = False
    """Whether values must not be shown."""
    secret: frozenset[str] = frozenset()
    """Placeholders that must not be shown: the name of such a key is itself a secret."""
    deprecated: str | None = None
    """Why no such key should exist any more."""
    groups: tuple[str, ...] = ()
    """Consumer groups that a stream should have."""
    json: tuple[str, ...] = ()
    """Fields of a stream's entries that hold JSON."""

    @property
    def label(self) -> str:
        """Its pattern, as a person writes it."""
        return self.pattern.text

    def shown(self, key: bytes) -> str:
        """Return one of its keys as safe text, with what is secret masked."""
        return self.pattern.masked(key, self.secret) if self.secret else printable(key)

    def names(self) -> frozenset[str]:
        """Return all names that a key of this family and its value can tell."""
        return self.pattern.names | self.tells.keys()

    def told(self, key: bytes, value: Value | None = None) -> dict[str, bytes]:
        """Return what a key, and its value if it is given, tell: placeholders and `tells`, by name."""
        found = self.pattern.variables(key) or {}
        if value is not None:
            for name, sources in self.tells.items():
                told = first(sources, value)
                if told is not None:
                    found[name] = told
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """A key whose elements name keys of another family."""

    name: str
    family: Family
    """The keys that hold the names; their type (string, list, set, zset, hash) says how."""
    holds: str
    """The name of what an element is: a list's, set's or sorted set's element, a hash's field, a string's value."""
    of: Family
    """What the elements name."""
    complete: bool = True
    """Whether every key of `of` must be named in it."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenRule:
    """How one kind of login is stored: what grants access, to whom, and what goes with it."""

    name: str
    purpose: str
    user: str
    """The name (a placeholder, or one of `tells`) that says whose a key is."""
    session: str | None
    """The name that ties the keys of one login together; None when nothing does."""
    grants: tuple[Family, ...]
    """What grants access, in the order in which it has to go: what can mint the rest first."""
    falls: tuple[Family, ...]
    """What goes after it, in this order: metadata, then caches."""
    indexes: tuple[Index, ...]
    """What finds the keys, and therefore goes last."""
    raw: Mapping[Family, Mapping[str, tuple[Source, ...]]]
    """How a token as the user holds it leads to a key: what it says of names, by family."""
    stateless: bool = False
    """Whether the application also accepts tokens without asking the server, until they expire."""

    @property
    def order(self) -> tuple[Family, ...]:
        """All families that go, in order; the indexes come after them."""
        return self.grants + self.falls

    def keys_of(self, token: bytes) -> Iterator[tuple[Family, bytes]]:
        """Yield the keys a pasted token can stand for; what it claims is decoded and not verified."""
        for family, names in self.raw.items():
            said = {name: told for name, sources in names.items() if (told := _said(sources, token)) is not None}
            key = family.pattern.fill(said)
            if key is not None:
                yield family, key


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of publish and subscribe."""

    name: str
    pattern: Pattern
    purpose: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What no value may begin with any more."""

    prefix: bytes
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One system's keys."""

    name: str
    """The name of its file, without `.toml`."""
    title: str
    """What the system is, in a line."""
    file: Path
    families: tuple[Family, ...]
    indexes: tuple[Index, ...] = ()
    tokens: tuple[TokenRule, ...] = ()
    channels: tuple[Channel, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()
    databases: Mapping[int, str] = field(default_factory=dict)
    """What each database is for, where the document says so."""
    expected_bytes: tuple[int, int] | None = None
    """Bytes of all its keys, from and to, as the document estimates them."""
    thresholds: Thresholds = field(default_factory=Thresholds)

    def family(self, name: str) -> Family:
        """Return the family of that name; KeyError when there is none."""
        return {family.name: family for family in self.families}[name]


def _said(sources: tuple[Source, ...], token: bytes) -> bytes | None:
    return next((said for source in sources if (said := source.of_token(token)) is not None), None)
