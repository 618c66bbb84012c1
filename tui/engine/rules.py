"""The smallest ACL user for what a person wants to do with redtop, made of the gateway's own lists.

Servers differ in what they know: a rule about a command that is unknown there makes ACL SETUSER fail as a whole, and
only Redis 7 and Valkey tell reading a key from writing it. So a line is for one server.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.engine.commands import LISTENS, READS, WRITES, Purpose, purposes_of
from tui.engine.patterns import escape
from tui.engine.printable import printable
from tui.engine.schema.model import Schema
from tui.engine.schema.pattern import Pattern

Version = tuple[int, ...]

SINCE: Mapping[str, Mapping[str, Version]] = {
    "client|no-touch": {"Redis": (7, 2), "Valkey": ()},
    "cluster|shards": {"Redis": (7, 0), "Valkey": ()},
    "cluster|slot-stats": {"Redis": (8, 2), "Valkey": (8, 0)},
    "hpttl": {"Redis": (7, 4), "Valkey": (9, 0)},
    "pexpiretime": {"Redis": (7, 0), "Valkey": ()},
}
"""Commands that not every server knows, and the first version that does; nothing means all."""
READ_PATTERNS: Mapping[str, Version] = {"Redis": (7, 0), "Valkey": ()}
"""The first versions that tell reading a key from writing it."""

_SERVER = re.compile(r"(redis|valkey)[ -]?(\d{1,3}(?:\.\d{1,3}){0,3})", re.IGNORECASE)
_UNSPEAKABLE = re.compile(rb"[\s\0]")
"""What the server takes in no pattern: whoever needs one of these gets any character there."""


class RulesError(Exception):
    """There is no such user; its text is one sentence."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is to be allowed what."""

    purposes: frozenset[Purpose]
    user: str = "redtop"
    server: tuple[str, Version] | None = None
    """Product and version; None for the newest."""
    db: int = 0
    changes: Sequence[bytes] = ()
    """Patterns of the keys that may be changed; nothing means every key."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What goes into ACL SETUSER."""

    user: str
    keys: tuple[bytes, ...]
    """Rules for keys."""
    channels: tuple[bytes, ...]
    commands: tuple[str, ...]

    @property
    def words(self) -> tuple[bytes, ...]:
        """All words of the command; the password is a placeholder."""
        rules = (*self.keys, *self.channels, *(rule.encode() for rule in self.commands))
        # What the user had before is taken away: the line says all there is.
        return (b"ACL", b"SETUSER", self.user.encode(), b"reset", b"on", b">PASSWORD", *rules)

    @property
    def line(self) -> str:
        """The command as redis-cli takes it."""
        return " ".join(map(quoted, self.words))


def rules_for(wanted: Wanted) -> Rules:
    """Return the smallest user that may do what is wanted, and watch.

    Raises:
        RulesError: the server cannot be told that.
    """
    served = with_watching(wanted.purposes)
    if Purpose.SENTINEL in served and len(served) > 1:
        raise RulesError("a Sentinel is a server of its own: print its user alone")
    names = [name for name in (*READS, *WRITES, *LISTENS) if purposes_of(name) & served]
    known = sorted(name for name in names if _knows(wanted.server, SINCE.get(name, {})))
    if Purpose.SENTINEL in served:
        return Rules(wanted.user, (), (), tuple(f"+{name}" for name in known))
    known += ["select"] * (wanted.db != 0)
    return Rules(wanted.user, _keys(wanted), (b"&*",), tuple(f"+{name}" for name in sorted(known)))


def with_watching(purposes: Collection[Purpose]) -> frozenset[Purpose]:
    """Return what a user for these purposes may do: everybody may watch, but a Sentinel holds nothing to see."""
    return frozenset(purposes) if Purpose.SENTINEL in purposes else frozenset({Purpose.WATCH, *purposes})


def unknown_to(server: tuple[str, Version], purposes: Collection[Purpose]) -> list[str]:
    """Return the commands for these purposes that a server does not know."""
    served = with_watching(purposes)
    return [name for name, since in SINCE.items() if purposes_of(name) & served and not _knows(server, since)]


def tells_apart(server: tuple[str, Version] | None) -> bool:
    """Whether a server tells reading a key from changing it; None stands for the newest."""
    return _knows(server, READ_PATTERNS)


def server_of(text: str) -> tuple[str, Version]:
    """Read a product and a version.

    >>> server_of("redis-6.2"), server_of("Valkey 9")
    (('Redis', (6, 2)), ('Valkey', (9,)))

    Raises:
        RulesError: it is none.
    """
    match = _SERVER.fullmatch(text.strip())
    if match is None:
        raise RulesError("name a server and its version, such as redis-6.2 or valkey-9")
    return match[1].capitalize(), tuple(map(int, match[2].split(".")))


def user_of(text: str) -> str:
    """Check the name of a user.

    Raises:
        RulesError: no server takes it.
    """
    if not text or _UNSPEAKABLE.search(text.encode("utf-8", "surrogateescape")):
        raise RulesError("the name of an ACL user has at least one character, and no blanks")
    return text


def beginning(prefix: bytes) -> bytes:
    r"""Return the pattern of the keys that begin with these bytes.

    >>> print(beginning(b"user[1]:my cache").decode())
    user\[1\]:my?cache*
    """
    return _UNSPEAKABLE.sub(b"?", escape(prefix)) + b"*"


def touched_by(schemas: Iterable[Schema]) -> list[bytes]:
    """Return the patterns of all keys that revoking by these schemas can change: tokens, what goes with them, indexes.

    Raises:
        RulesError: they say nothing about tokens.
    """
    rules = [rule for schema in schemas for rule in schema.tokens]
    families = [*(family for rule in rules for family in rule.order)]
    families += [index.family for rule in rules for index in rule.indexes]
    if not families:
        raise RulesError("this schema says nothing about tokens, so there is nothing to revoke")
    return list(dict.fromkeys(_pattern(family.pattern) for family in families))


def quoted(word: bytes) -> str:
    r"""Return a word as redis-cli reads it: as it is, or between quotes.

    >>> print(quoted(b"~user:*"), quoted(b'~a"b\\*\xff'))
    ~user:* "~a\"b\\*\xff"
    """
    plain = all(32 < byte < 127 and byte not in b"\"'\\" for byte in word)
    if plain and word:
        return printable(word)
    shown = (f"\\{byte:c}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in word)
    return f'"{"".join(shown)}"'


def _keys(wanted: Wanted) -> tuple[bytes, ...]:
    if wanted.changes and not tells_apart(wanted.server):
        raise RulesError("this server cannot tell reading a key from changing it, and watching reads every key")
    changing = wanted.purposes - {Purpose.WATCH, Purpose.CLUSTER}
    if not tells_apart(wanted.server) or (changing and not wanted.changes):
        return (b"~*",)
    return (b"%R~*", *(b"~" + pattern for pattern in wanted.changes if changing))


def _knows(server: tuple[str, Version] | None, since: Mapping[str, Version]) -> bool:
    if server is None or not since:
        return True
    product, version = server
    return version >= since[product]


def _pattern(pattern: Pattern) -> bytes:
    """Return what the server takes for a family's pattern: any text for each placeholder."""
    pieces = (escape(piece) if isinstance(piece, bytes) else b"*" for piece in pattern.pieces)
    return _UNSPEAKABLE.sub(b"?", b"".join(pieces))
