"""The gateway: the only commands redtop can send, and how each one moves the server's hit counters.

Reading is not free of traces: TYPE, PTTL, XINFO and most others add to `keyspace_hits` or `keyspace_misses`
(measured on Redis 6.2, 7.0 and Valkey 9.1; `tests/engine/test_commands.py` measures it again on every run).
redtop counts its own and takes them out of every rate it shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from tui.engine.failure import ReplyError

Reply = Any
"""bytes, int, None, a list of replies, or a ReplyError."""

Tally = tuple[int, int]
"""Keyspace (hits, misses) that a command has caused."""

NOTHING: Tally = (0, 0)
HIT: Tally = (1, 0)
MISS: Tally = (0, 1)


class NotAllowedError(Exception):
    """A command that is not on the list; a programming error, never the person's."""


def _no_tally(command: Sequence[bytes], reply: Reply) -> Tally:
    return NOTHING


def _type(command: Sequence[bytes], reply: Reply) -> Tally:
    return MISS if reply == b"none" else _by_error(command, reply)


def _ttl(command: Sequence[bytes], reply: Reply) -> Tally:
    return MISS if reply == -2 else _by_error(command, reply)


def _by_error(command: Sequence[bytes], reply: Reply) -> Tally:
    """Count commands that answer a missing key with an error; WRONGTYPE has found the key, so it is a hit."""
    if not isinstance(reply, ReplyError):
        return HIT
    if reply.code in {"ERR", "NOGROUP"} and "no such key" in str(reply).lower():
        return MISS
    return HIT if reply.code in {"WRONGTYPE", "NOGROUP"} else NOTHING


def _xread(command: Sequence[bytes], reply: Reply) -> Tally:
    """Count two look-ups per stream: an empty reply does not say whether it exists, but redtop asks of those it saw."""
    streams = (len(command) - [word.upper() for word in command].index(b"STREAMS") - 1) // 2
    if isinstance(reply, ReplyError):
        return (1, 0) if reply.code == "WRONGTYPE" else NOTHING
    return (2 * streams, 0)


READS: Mapping[str, Callable[[Sequence[bytes], Reply], Tally]] = {
    "client|id": _no_tally,
    "client|no-touch": _no_tally,
    "client|setname": _no_tally,
    "dbsize": _no_tally,
    "info": _no_tally,
    "memory|usage": _no_tally,
    "ping": _no_tally,
    "pttl": _ttl,
    "scan": _no_tally,
    "type": _type,
    "xinfo|groups": _by_error,
    "xinfo|stream": _by_error,
    "xrange": _by_error,
    "xread": _xread,
    "xrevrange": _by_error,
}
"""Allowed commands by their ACL name. Nothing in this version of redtop writes."""

CONTAINERS = frozenset({b"CLIENT", b"MEMORY", b"XINFO"})
"""Commands whose second word belongs to the name."""


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
    return b"|".join(words).decode("ascii").lower()


def exchange(*commands: Sequence[bytes | int]) -> Exchange:
    """Pack commands for one round trip.

    Raises:
        NotAllowedError: a command is not on the list.
    """
    packed = [[_word(word) for word in command] for command in commands]
    names = [name_of(command) for command in packed]
    for name in names:
        if name not in READS:
            raise NotAllowedError(f"{name} is not a command redtop may send")

    def tally(replies: Sequence[Reply]) -> Tally:
        hits = misses = 0
        for name, command, reply in zip(names, packed, replies, strict=False):
            hit, miss = READS[name](command, reply)
            hits += hit
            misses += miss
        return hits, misses

    payload = b"".join(_packed(command) for command in packed)
    return Exchange(payload, Counter(names), len(packed), tally)


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

    def __init__(self, *, memory: bool) -> None:
        self.names = ("type", "pttl", "memory|usage") if memory else ("type", "pttl")
        heads = ((b"TYPE",), (b"PTTL",), (b"MEMORY", b"USAGE"))
        self._heads = [_head(words) for words in heads[: len(self.names)]]

    def exchange(self, keys: Sequence[bytes], *others: Sequence[bytes | int]) -> Exchange:
        """Ask every question of every key, then the other commands; one round trip."""
        tails = [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]
        parts = [head + (head.join(tails)) for head in self._heads] if tails else []
        rest = exchange(*others)
        count = len(tails)
        calls = Counter(dict.fromkeys(self.names, count))
        calls.update(rest.calls)

        def tally(replies: Sequence[Reply]) -> Tally:
            gone = list(replies[:count]).count(b"none") + list(replies[count : 2 * count]).count(-2)
            denied = sum(isinstance(reply, ReplyError) for reply in replies[: 2 * count])
            return 2 * count - gone - denied, gone

        return Exchange(b"".join([*parts, rest.payload]), calls, len(self.names) * count + rest.expected, tally)


def _head(words: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % (len(words) + 1) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
