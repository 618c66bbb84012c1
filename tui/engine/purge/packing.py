"""The same question about many keys, and several questions in one round trip.

Joining a fixed head with each key costs a fraction of a microsecond; packing each command by itself costs several.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.commands import NOTHING, Exchange, Reply, Run, Tally, allow, name_of, of_runs
from tui.engine.failure import ReplyError

_ABSENT: dict[str, Reply] = {"dump": None, "pexpiretime": -2, "pttl": -2, "type": b"none"}
"""What is answered about a key that is gone, by questions that count as look-ups. MEMORY USAGE does not."""


def tails_of(keys: Sequence[bytes]) -> list[bytes]:
    """Pack each key as the last word of a command."""
    return [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]


def each(words: Sequence[bytes], tails: Sequence[bytes]) -> Exchange:
    """Ask the same of every key; one reply for each, in order.

    Raises:
        NotAllowedError: it is not among the commands that only read.
    """
    name, count = name_of([*words, b""]), len(tails)
    allow(name, None)
    head = b"*%d\r\n" % (len(words) + 1) + b"".join(tails_of(words))

    def tally(replies: Sequence[Reply]) -> Tally:
        if name not in _ABSENT:
            return NOTHING
        gone = list(replies).count(_ABSENT[name])
        refused = sum(isinstance(reply, ReplyError) for reply in replies) if has_errors(replies) else 0
        return count - gone - refused, gone

    if not tails:
        return of_runs([], tally)
    return of_runs([Run(name, count, [*words, _key(tails[0])], head + head.join(tails))], tally)


def joined(*parts: Exchange) -> Exchange:
    """Put several exchanges into one; their replies come one after the other."""

    def tally(replies: Sequence[Reply]) -> Tally:
        hits = misses = at = 0
        for part in parts:
            more = part.tally(replies[at : at + part.expected])
            hits, misses, at = hits + more[0], misses + more[1], at + part.expected
        return hits, misses

    return of_runs([run for part in parts for run in part.runs], tally)


def _key(tail: bytes) -> bytes:
    return tail.partition(b"\r\n")[2][:-2]


def has_errors(replies: Sequence[Reply]) -> bool:
    """Whether any reply is an error; checked at the speed of C, as nearly always none is."""
    return ReplyError in set(map(type, replies))
