"""How each command moves the server's counters of keyspace hits and misses, told from its reply."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from tui.engine.failure import ReplyError

Reply = Any
"""bytes, int, None, a list of replies, or a ReplyError."""

Tally = tuple[int, int]
"""Keyspace (hits, misses) that a command has caused."""

NOTHING: Tally = (0, 0)
HIT: Tally = (1, 0)
MISS: Tally = (0, 1)

Gone = Collection[bytes]
"""Keys that other replies of the same exchange say do not exist."""

Teller = Callable[[Sequence[bytes], Reply, Gone], Tally]
"""Tells from a command, its reply and the keys known to be gone what it has done to the counters."""


def no_tally(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count nothing."""
    return NOTHING


def type_(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count TYPE, which says itself that there is no key."""
    return MISS if reply == b"none" else by_error(command, reply, gone)


def ttl(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count PTTL and PEXPIRETIME."""
    return MISS if reply == -2 else by_error(command, reply, gone)


def by_error(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count commands that answer a missing key with an error; WRONGTYPE has found the key, so it is a hit."""
    if not isinstance(reply, ReplyError):
        return HIT
    if reply.code in {"ERR", "NOGROUP"} and "no such key" in str(reply).lower():
        return MISS
    return HIT if reply.code in {"WRONGTYPE", "NOGROUP"} else NOTHING


def range_(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count one look-up; an empty reply does not say whether the key exists, so ask TYPE or XINFO beside it."""
    return MISS if not reply and command[1] in gone else by_error(command, reply, gone)


def length(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count the length of a container: an empty one does not exist."""
    return MISS if reply == 0 else by_error(command, reply, gone)


def pages(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count one page of a container: a page may be empty though the key exists, so ask TYPE beside it."""
    empty = isinstance(reply, list) and not reply[1]
    return MISS if empty and command[1] in gone else by_error(command, reply, gone)


def element(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count a look for one element: "not there" may mean that the key is missing, so ask TYPE beside it."""
    return MISS if command[1] in gone and not isinstance(reply, ReplyError) else by_error(command, reply, gone)


def object_(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count OBJECT: nil for a missing key; the wrong eviction policy is noticed after the look-up."""
    if isinstance(reply, ReplyError):
        return HIT if "policy" in str(reply) else NOTHING
    return MISS if reply is None else HIT


def field_ttls(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count HPTTL: of a missing key it says what it says of missing fields."""
    return MISS if command[1] in gone and isinstance(reply, list) else by_error(command, reply, gone)


def dump(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count DUMP: nil for a missing key."""
    return MISS if reply is None else by_error(command, reply, gone)


def consumers(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count XINFO CONSUMERS: a missing key and a missing group are told apart by the code of the error."""
    if isinstance(reply, ReplyError):
        return {"ERR": MISS, "NOGROUP": HIT, "WRONGTYPE": HIT}.get(reply.code, NOTHING)
    return HIT


def xpending(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count XPENDING: one sentence says that the key, or only the group, is missing, so ask TYPE beside it."""
    if isinstance(reply, ReplyError) and reply.code == "NOGROUP":
        return MISS if command[1] in gone else HIT
    return by_error(command, reply, gone)


def xread(command: Sequence[bytes], reply: Reply, gone: Gone) -> Tally:
    """Count two look-ups per stream; only TYPE or XINFO beside it tells which ones exist.

    With a key of another type among several, the server stops there: then this is the least it can have been.
    """
    if isinstance(reply, ReplyError):
        return HIT if reply.code == "WRONGTYPE" else NOTHING
    words = command[[word.upper() for word in command].index(b"STREAMS") + 1 :]
    streams = words[: len(words) // 2]
    missing = sum(stream in gone for stream in streams)
    return 2 * (len(streams) - missing), 2 * missing
