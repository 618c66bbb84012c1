"""The same question about many keys, and several questions in one round trip.

Joining a fixed head with each key costs a fraction of a microsecond; packing each command by itself costs several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tui.engine.commands import NOTHING, Exchange, Reply, Tally, allow, name_of
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

    return Exchange(head + head.join(tails) if tails else b"", Counter({name: count}), count, tally)


def joined(*parts: Exchange) -> Exchange:
    """Put several exchanges into one; their replies come one after the other."""
    calls: Counter[str] = Counter()
    for part in parts:
        calls.update(part.calls)

    def tally(replies: Sequence[Reply]) -> Tally:
        hits = misses = at = 0
        for part in parts:
            more = part.tally(replies[at : at + part.expected])
            hits, misses, at = hits + more[0], misses + more[1], at + part.expected
        return hits, misses

    return Exchange(b"".join(part.payload for part in parts), calls, sum(part.expected for part in parts), tally)


def has_errors(replies: Sequence[Reply]) -> bool:
    """Whether any reply is an error; checked at the speed of C, as nearly always none is."""
    return ReplyError in set(map(type, replies))
