"""The gateway: the only commands redtop can send, who may send them, and how each one moves the hit counters.

What writes is on a list of its own, and packing it asks a `Permit` each time: `--read-only`, a profile, or the role of
a replica closes that door for everything above, whatever a screen shows.

Reading is not free of traces: TYPE, PTTL, XINFO and most others add to `keyspace_hits` or `keyspace_misses`
(measured on Redis 6.2, 7.0 and Valkey 9.1; `tests/engine/test_commands.py` measures it again on every run).
redtop counts its own and takes them out of every rate it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from tui.engine.failure import Failure, Kind, ReplyError, Unavailable

Reply = Any
"""bytes, int, None, a list of replies, or a ReplyError."""

Tally = tuple[int, int]
"""Keyspace (hits, misses) that a command has caused."""

NOTHING: Tally = (0, 0)
HIT: Tally = (1, 0)
MISS: Tally = (0, 1)


class NotAllowedError(Exception):
    """A command that is not on the list; a programming error, never the person's."""


@dataclass(slots=True)
class Permit:
    """Whether redtop may write to one server, asked at every packing: a role that flips counts at once."""

    asked_for: str | None = None
    """Why a person, or a profile, wants nothing written: a sentence; None when it may be."""
    replica: bool = False
    """Whether the server is a replica: its data is its primary's."""

    @property
    def refusal(self) -> str | None:
        """Why nothing may be written: a sentence; None when it may be."""
        return self.asked_for or ("this server is a replica: write to its primary" if self.replica else None)


Gone = Collection[bytes]
"""Keys that other replies of the same exchange say do not exist."""


def _no_tally(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    return NOTHING


def _type(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    return MISS if reply == b"none" else _by_error(command, reply, gone)


def _ttl(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    return MISS if reply == -2 else _by_error(command, reply, gone)


def _by_error(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count commands that answer a missing key with an error; WRONGTYPE has found the key, so it is a hit."""
    if not isinstance(reply, ReplyError):
        return HIT
    if reply.code in {"ERR", "NOGROUP"} and "no such key" in str(reply).lower():
        return MISS
    return HIT if reply.code in {"WRONGTYPE", "NOGROUP"} else NOTHING


def _range(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count one look-up; an empty reply does not say whether the key exists, so ask TYPE or XINFO beside it."""
    return MISS if not reply and command[1] in gone else _by_error(command, reply, gone)


def _length(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count the length of a container: an empty one does not exist."""
    return MISS if reply == 0 else _by_error(command, reply, gone)


def _pages(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count one page of a container: a page may be empty though the key exists, so ask TYPE beside it."""
    empty = isinstance(reply, list) and not reply[1]
    return MISS if empty and command[1] in gone else _by_error(command, reply, gone)


def _element(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count a look for one element: "not there" may mean that the key is missing, so ask TYPE beside it."""
    return MISS if command[1] in gone and not isinstance(reply, ReplyError) else _by_error(command, reply, gone)


def _object(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count OBJECT: nil for a missing key; the wrong eviction policy is noticed after the look-up."""
    if isinstance(reply, ReplyError):
        return HIT if "policy" in str(reply) else NOTHING
    return MISS if reply is None else HIT


def _field_ttls(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count HPTTL: of a missing key it says what it says of missing fields."""
    return MISS if command[1] in gone and isinstance(reply, list) else _by_error(command, reply, gone)


def _dump(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count DUMP: nil for a missing key."""
    return MISS if reply is None else _by_error(command, reply, gone)


def _consumers(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count XINFO CONSUMERS: a missing key and a missing group are told apart by the code of the error."""
    if isinstance(reply, ReplyError):
        return {"ERR": MISS, "NOGROUP": HIT, "WRONGTYPE": HIT}.get(reply.code, NOTHING)
    return HIT


def _xpending(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count XPENDING: one sentence says that the key, or only the group, is missing, so ask TYPE beside it."""
    if isinstance(reply, ReplyError) and reply.code == "NOGROUP":
        return MISS if command[1] in gone else HIT
    return _by_error(command, reply, gone)


def _xread(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count two look-ups per stream; only TYPE or XINFO beside it tells which ones exist.

    With a key of another type among several, the server stops there: then this is the least it can have been.
    """
    if isinstance(reply, ReplyError):
        return HIT if reply.code == "WRONGTYPE" else NOTHING
    words = command[[word.upper() for word in command].index(b"STREAMS") + 1 :]
    streams = words[: len(words) // 2]
    missing = sum(stream in gone for stream in streams)
    return 2 * (len(streams) - missing), 2 * missing


READS: Mapping[str, Callable[[Sequence[bytes], Reply, Gone], Tally]] = {
    "client|no-touch": _no_tally,
    "client|setname": _no_tally,
    "dbsize": _no_tally,
    "dump": _dump,
    "getrange": _range,
    "hlen": _length,
    "hmget": _element,
    "hpttl": _field_ttls,
    "hscan": _pages,
    "info": _no_tally,
    "llen": _length,
    "lpos": _element,
    "lrange": _range,
    "memory|usage": _no_tally,
    "object|encoding": _object,
    "object|freq": _object,
    "object|idletime": _object,
    "pexpiretime": _ttl,
    "ping": _no_tally,
    "pttl": _ttl,
    "scan": _no_tally,
    "scard": _length,
    "sismember": _element,
    "sscan": _pages,
    "strlen": _range,
    "time": _no_tally,
    "type": _type,
    "xinfo|consumers": _consumers,
    "xinfo|groups": _by_error,
    "xinfo|stream": _by_error,
    "xlen": _range,
    "xpending": _xpending,
    "xrange": _range,
    "xread": _xread,
    "xrevrange": _range,
    "zcard": _length,
    "zrange": _range,
    "zscan": _pages,
    "zscore": _element,
}
"""Allowed commands that change nothing, by their ACL name."""

WRITES: frozenset[str] = frozenset(
    {
        # What makes a change safe stands here too: none of it is of use without a change.
        "discard",
        "exec",
        "hdel",
        "lrem",
        "multi",
        "persist",
        "pexpire",
        "pexpireat",
        "renamenx",
        "restore",
        "srem",
        "unlink",
        "unwatch",
        "watch",
        "xack",
        "xadd",
        "xclaim",
        "xdel",
        "xgroup|create",
        "xgroup|createconsumer",
        "xgroup|delconsumer",
        "xgroup|destroy",
        "xgroup|setid",
        "xtrim",
        "zrem",
    }
)
"""Allowed commands of a `Writer`, by their ACL name."""

_WRITE_TALLIES: Mapping[str, Callable[[Sequence[bytes], Reply, Gone], Tally]] = {"xack": _range, "xclaim": _xpending}
"""Of the commands that change something, those that look the key up as reads do; ask TYPE beside them."""

CONTAINERS = frozenset({b"CLIENT", b"MEMORY", b"OBJECT", b"XGROUP", b"XINFO"})
"""Commands whose second word belongs to the name."""

_KEY_AT = {"pexpiretime": 1, "pttl": 1, "type": 1, "xinfo|consumers": 2, "xinfo|groups": 2, "xinfo|stream": 2}
"""Where the key stands in commands whose reply says whether it exists."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Some packed commands and how to read what comes back."""

    payload: bytes
    calls: Mapping[str, int]
    """How many times each command is called, by ACL name."""
    expected: int
    """Number of replies."""
    tally: Callable[[Sequence[Reply]], Tally]
    """Keyspace hits and misses caused, told from the replies."""


def name_of(command: Sequence[bytes]) -> str:
    """Return the ACL name of a command.

    >>> name_of([b"MEMORY", b"USAGE", b"key"])
    'memory|usage'
    """
    head = command[0].upper()
    words = command[:2] if head in CONTAINERS else command[:1]
    return b"|".join(words).decode("ascii", "replace").lower()


def rule_of(command: Sequence[bytes | int]) -> str:
    """Return the ACL rule that allows a command.

    >>> rule_of([b"XGROUP", b"SETID", b"key", b"group", 0])
    '+xgroup|setid'
    """
    return f"+{name_of([_word(word) for word in command])}"


def exchange(*commands: Sequence[bytes | int], permit: Permit | None = None) -> Exchange:
    """Pack commands for one round trip; with a permit also those that write.

    Raises:
        NotAllowedError: a command is not on the list, or writes and there is no permit.
        Unavailable: the permit does not allow writing now.
    """
    packed = [[_word(word) for word in command] for command in commands]
    names = [name_of(command) for command in packed]
    for name in names:
        allow(name, permit)

    def tally(replies: Sequence[Reply]) -> Tally:
        asked = list(zip(names, packed, replies, strict=False))
        gone = {command[_KEY_AT[name]] for name, command, reply in asked if _is_gone(name, command, reply)}
        tallies = [_tally_of(name)(command, reply, gone) for name, command, reply in asked]
        return sum(hits for hits, _ in tallies), sum(misses for _, misses in tallies)

    payload = b"".join(_packed(command) for command in packed)
    return Exchange(payload, Counter(names), len(packed), tally)


def subscription(channels: Sequence[bytes], patterns: Sequence[bytes] = ()) -> Exchange:
    """Pack what makes a connection listen, for one of its own: everything that comes on it then is no reply.

    `expected` counts commands, not replies: each channel and pattern is answered by itself.
    """
    said = [(name, words) for name, words in (("subscribe", channels), ("psubscribe", patterns)) if words]
    payload = b"".join(_packed([name.upper().encode(), *words]) for name, words in said)
    return Exchange(payload, Counter(name for name, _ in said), len(said), lambda _: NOTHING)


def allow(name: str, permit: Permit | None) -> None:
    """Let a command of that ACL name pass, or raise as `exchange` does."""
    if name in READS:
        return
    if name not in WRITES or permit is None:
        raise NotAllowedError(f"{name} is not a command redtop may send")
    if permit.refusal is not None:
        raise Unavailable(Failure(Kind.READ_ONLY, permit.refusal))


def _tally_of(name: str) -> Callable[[Sequence[bytes], Reply, Gone], Tally]:
    return READS.get(name) or _WRITE_TALLIES.get(name, _no_tally)


def _is_gone(name: str, command: Sequence[bytes], reply: Reply) -> bool:
    return name in _KEY_AT and READS[name](command, reply, ()) == MISS


def _packed(command: Sequence[bytes]) -> bytes:
    words: tuple[Any, ...] = tuple(command)  # hiredis' own types ask for an invariant tuple
    payload: bytes = hiredis.pack_command(words)
    return payload


def _word(word: bytes | int) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


class KeyQuestions:
    """The same questions about many keys, packed at a fraction of redis-py's cost.

    redis-py spends about 10 microseconds of CPU on each pipelined command; joining a fixed prefix with the key
    costs a fraction of one. Replies come back grouped by question, in the order of the keys.
    """

    def __init__(self, *, memory: bool, ttl: bool = True) -> None:
        self.names = ("type", *(("pttl",) if ttl else ()), *(("memory|usage",) if memory else ()))
        self._heads = [_head([word.encode() for word in name.upper().split("|")]) for name in self.names]

    def exchange(self, keys: Sequence[bytes], *others: Sequence[bytes | int]) -> Exchange:
        """Ask every question of every key, then the other commands; one round trip."""
        tails = [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]
        parts = [head + (head.join(tails)) for head in self._heads] if tails else []
        rest = exchange(*others)
        count = len(tails)
        calls = Counter(dict.fromkeys(self.names, count))
        calls.update(rest.calls)
        asked = len(self.names) * count
        looked = count * (1 + ("pttl" in self.names))

        def tally(replies: Sequence[Reply]) -> Tally:
            gone = list(replies[:count]).count(b"none") + list(replies[count:looked]).count(-2)
            denied = sum(isinstance(reply, ReplyError) for reply in replies[:looked])
            hits, misses = rest.tally(replies[asked:])
            return looked - gone - denied + hits, gone + misses

        return Exchange(b"".join([*parts, rest.payload]), calls, asked + rest.expected, tally)


def _head(words: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % (len(words) + 1) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
