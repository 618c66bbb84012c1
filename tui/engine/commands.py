"""The gateway: the only commands redtop can send, who may send them, and how each one moves the hit counters.

What writes is on a list of its own, and packing it asks a `Permit` each time: `--read-only`, a profile, or the role of
a replica closes that door for everything above, whatever a screen shows.

Reading is not free of traces: TYPE, PTTL, XINFO and most others add to `keyspace_hits` or `keyspace_misses`
(measured on Redis 6.2, 7.0 and Valkey 9.1; `tests/engine/test_commands.py` measures it again on every run).
redtop counts its own and takes them out of every rate it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import hiredis

from tui.engine import tallies
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.tallies import MISS, NOTHING, Reply, Tally, Teller

__all__ = [
    "CONTAINERS",
    "LISTENS",
    "NOTHING",
    "READS",
    "WRITES",
    "Exchange",
    "KeyQuestions",
    "NotAllowedError",
    "Permit",
    "Purpose",
    "Purposes",
    "Reply",
    "Run",
    "Tally",
    "allow",
    "exchange",
    "name_of",
    "of_runs",
    "purposes_of",
    "rule_of",
    "subscription",
]


class NotAllowedError(Exception):
    """A command that is not on the list; a programming error, never the person's."""


@dataclass(slots=True)
class Permit:
    """Whether redtop may write to one server, asked at every packing: a role that flips counts at once."""

    asked_for: str | None = None
    """Why a person, or a profile, wants nothing written: a sentence; None when it may be."""
    replica: bool = False
    """Whether the server is a replica: its data is its primary's."""
    partial: str | None = None
    """Why only one node of a cluster can be seen: a sentence. A part of what is meant must not pass for all of it."""

    @property
    def refusal(self) -> str | None:
        """Why nothing may be written: a sentence; None when it may be."""
        replica = "this server is a replica: write to its primary" if self.replica else None
        return self.asked_for or self.partial or replica


READS: Mapping[str, Teller] = {
    "asking": tallies.no_tally,
    "client|list": tallies.no_tally,
    "client|no-touch": tallies.no_tally,
    "client|setname": tallies.no_tally,
    "cluster|info": tallies.no_tally,
    "cluster|nodes": tallies.no_tally,
    "cluster|shards": tallies.no_tally,
    "cluster|slot-stats": tallies.no_tally,
    "dbsize": tallies.no_tally,
    "dump": tallies.dump,
    "getrange": tallies.range_,
    "hlen": tallies.length,
    "hmget": tallies.element,
    "hpttl": tallies.field_ttls,
    "hscan": tallies.pages,
    "info": tallies.no_tally,
    "llen": tallies.length,
    "lpos": tallies.element,
    "lrange": tallies.range_,
    "memory|usage": tallies.no_tally,
    "object|encoding": tallies.object_,
    "object|freq": tallies.object_,
    "object|idletime": tallies.object_,
    "pexpiretime": tallies.ttl,
    "ping": tallies.no_tally,
    "pttl": tallies.ttl,
    "scan": tallies.no_tally,
    "scard": tallies.length,
    "sentinel|get-master-addr-by-name": tallies.no_tally,
    "sentinel|masters": tallies.no_tally,
    "sentinel|replicas": tallies.no_tally,
    "sentinel|sentinels": tallies.no_tally,
    "sismember": tallies.element,
    "slowlog|get": tallies.no_tally,
    "slowlog|len": tallies.no_tally,
    "sscan": tallies.pages,
    "strlen": tallies.range_,
    "time": tallies.no_tally,
    "type": tallies.type_,
    "xinfo|consumers": tallies.consumers,
    "xinfo|groups": tallies.by_error,
    "xinfo|stream": tallies.by_error,
    "xlen": tallies.range_,
    "xpending": tallies.xpending,
    "xrange": tallies.range_,
    "xread": tallies.xread,
    "xrevrange": tallies.range_,
    "zcard": tallies.length,
    "zrange": tallies.range_,
    "zscan": tallies.pages,
    "zscore": tallies.element,
}
"""Allowed commands that change nothing, by their ACL name."""


class Purpose(StrEnum):
    """What a command serves; the ACL rules that `redtop acl` prints are made of it."""

    WATCH = "watch"
    CLUSTER = "cluster"
    """Watching the nodes of a cluster."""
    SENTINEL = "sentinel"
    """Asking a Sentinel, which is a server of its own."""
    PURGE = "purge"
    REVOKE = "revoke"
    EDIT = "edit"
    STREAMS = "streams"


Purposes = frozenset[Purpose]

LISTENS = frozenset({"psubscribe", "subscribe"})
"""What only watches as well, and needs a connection of its own: see `subscription`."""

_OTHER_READS: Mapping[str, Purposes] = {
    "asking": frozenset({Purpose.CLUSTER}),
    "cluster|info": frozenset({Purpose.CLUSTER}),
    "cluster|nodes": frozenset({Purpose.CLUSTER}),
    "cluster|shards": frozenset({Purpose.CLUSTER}),
    "cluster|slot-stats": frozenset({Purpose.CLUSTER}),
    "dump": frozenset({Purpose.PURGE, Purpose.EDIT}),
    "pexpiretime": frozenset({Purpose.PURGE, Purpose.EDIT}),
    "sentinel|get-master-addr-by-name": frozenset({Purpose.SENTINEL}),
    "sentinel|masters": frozenset({Purpose.SENTINEL}),
    "sentinel|replicas": frozenset({Purpose.SENTINEL}),
    "sentinel|sentinels": frozenset({Purpose.SENTINEL}),
    "time": frozenset({Purpose.PURGE, Purpose.EDIT}),
}
"""What the reads are for that watching a single server has no use for."""

_SAFE = frozenset({Purpose.PURGE, Purpose.REVOKE, Purpose.EDIT})
"""What watches a key before it changes it."""

WRITES: Mapping[str, Purposes] = {
    # What makes a change safe stands here too: none of it is of use without a change.
    "exec": _SAFE,
    "hdel": frozenset({Purpose.REVOKE}),
    "lrem": frozenset({Purpose.REVOKE}),
    "multi": _SAFE,
    "persist": frozenset({Purpose.EDIT}),
    "pexpire": frozenset({Purpose.EDIT}),
    "pexpireat": frozenset({Purpose.EDIT}),
    "renamenx": frozenset({Purpose.EDIT}),
    "restore": frozenset({Purpose.PURGE}),
    "srem": frozenset({Purpose.REVOKE}),
    "unlink": frozenset({Purpose.PURGE, Purpose.REVOKE}),
    "unwatch": _SAFE,
    "watch": _SAFE,
    "xack": frozenset({Purpose.STREAMS}),
    "xadd": frozenset({Purpose.STREAMS}),
    "xclaim": frozenset({Purpose.STREAMS}),
    "xdel": frozenset({Purpose.STREAMS}),
    "xgroup|create": frozenset({Purpose.STREAMS}),
    "xgroup|createconsumer": frozenset({Purpose.STREAMS}),
    "xgroup|delconsumer": frozenset({Purpose.STREAMS}),
    "xgroup|destroy": frozenset({Purpose.STREAMS}),
    "xgroup|setid": frozenset({Purpose.STREAMS}),
    "xtrim": frozenset({Purpose.STREAMS}),
    "zrem": frozenset({Purpose.REVOKE}),
}
"""Allowed commands of a `Writer`, by their ACL name, and what they are for."""

_WRITE_TALLIES: Mapping[str, Teller] = {"xack": tallies.range_, "xclaim": tallies.xpending}
"""Of the commands that change something, those that look the key up as reads do; ask TYPE beside them."""

CONTAINERS = frozenset({b"CLIENT", b"CLUSTER", b"MEMORY", b"OBJECT", b"SENTINEL", b"SLOWLOG", b"XGROUP", b"XINFO"})
"""Commands whose second word belongs to the name."""

_KEY_AT = {"pexpiretime": 1, "pttl": 1, "type": 1, "xinfo|consumers": 2, "xinfo|groups": 2, "xinfo|stream": 2}
"""Where the key stands in commands whose reply says whether it exists."""


class Run(NamedTuple):
    """The same command some times in a row."""

    name: str
    """By its ACL name."""
    times: int
    first: Sequence[bytes]
    """The words of the first of them."""
    packed: bytes
    """All of them."""


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
    runs: tuple[Run, ...] = ()
    """The commands, in order, where some of them may be left out; empty where they belong together."""


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

    runs = [Run(name, 1, words, _packed(words)) for name, words in zip(names, packed, strict=True)]
    return of_runs(runs, tally)


def of_runs(runs: Sequence[Run], tally: Callable[[Sequence[Reply]], Tally]) -> Exchange:
    """Put packed commands into one exchange."""
    calls: Counter[str] = Counter()
    for run in runs:
        calls[run.name] += run.times
    payload = b"".join([run.packed for run in runs])
    return Exchange(payload, calls, sum(run.times for run in runs), tally, tuple(runs))


def subscription(channels: Sequence[bytes], patterns: Sequence[bytes] = ()) -> Exchange:
    """Pack what makes a connection listen, for one of its own: everything that comes on it then is no reply.

    `expected` counts commands, not replies: each channel and pattern is answered by itself.
    """
    said = [(name, words) for name, words in (("subscribe", channels), ("psubscribe", patterns)) if words]
    payload = b"".join(_packed([name.upper().encode(), *words]) for name, words in said)
    return Exchange(payload, Counter(name for name, _ in said), len(said), lambda _: NOTHING)


def purposes_of(name: str) -> Purposes:
    """Return what a command that may be sent is for; KeyError for any other."""
    if name in READS or name in LISTENS:
        return _OTHER_READS.get(name, frozenset({Purpose.WATCH}))
    return WRITES[name]


def allow(name: str, permit: Permit | None) -> None:
    """Let a command of that ACL name pass, or raise as `exchange` does."""
    if name in READS:
        return
    if name not in WRITES or permit is None:
        raise NotAllowedError(f"{name} is not a command redtop may send")
    if permit.refusal is not None:
        raise Unavailable(Failure(Kind.READ_ONLY, permit.refusal))


def _tally_of(name: str) -> Teller:
    return READS.get(name) or _WRITE_TALLIES.get(name, tallies.no_tally)


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
        self._words = [[word.encode() for word in name.upper().split("|")] for name in self.names]
        self._heads = [_head(words) for words in self._words]

    def exchange(self, keys: Sequence[bytes], *others: Sequence[bytes | int]) -> Exchange:
        """Ask every question of every key, then the other commands; one round trip."""
        tails = [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]
        rest = exchange(*others)
        count = len(tails)
        questions = zip(self.names, self._words, self._heads, strict=True) if tails else ()
        runs = [Run(name, count, [*words, keys[0]], head + head.join(tails)) for name, words, head in questions]
        asked = len(self.names) * count
        looked = count * (1 + ("pttl" in self.names))

        def tally(replies: Sequence[Reply]) -> Tally:
            gone = list(replies[:count]).count(b"none") + list(replies[count:looked]).count(-2)
            denied = sum(isinstance(reply, ReplyError) for reply in replies[:looked])
            hits, misses = rest.tally(replies[asked:])
            return looked - gone - denied + hits, gone + misses

        return of_runs([*runs, *rest.runs], tally)


def _head(words: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % (len(words) + 1) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
