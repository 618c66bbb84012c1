"""When keys expire: absolute, and exact to the millisecond on every server.

Since 7.0 servers tell it (PEXPIRETIME). Before, only the time left is told (PTTL), and a client's clock beside it is
off by a millisecond in most cases. So the server's own TIME is asked before and after every few keys: when both name
the same millisecond, the sum is exact; the few keys where the millisecond turned in between are asked again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import ReplyError, Unavailable, of_reply
from tui.engine.info import Identity
from tui.engine.purge.packing import each, joined

FEW = 25
"""Keys between two looks at the server's clock: they take it some ten microseconds."""
FOREVER, GONE = -1, -2
"""What is said of a key without expiry, and of a missing one."""

Ask: TypeAlias = Callable[[Exchange], Awaitable[Sequence[Reply]]]


class Expiries:
    """Asks one server when keys expire."""

    def __init__(self, identity: Identity | None) -> None:
        self._tells = identity is not None and identity.version_tuple >= (7, 0)

    def question(self, tails: Sequence[bytes]) -> Exchange:
        """Ask of every key."""
        if self._tells:
            return each((b"PEXPIRETIME",), tails)
        clock = exchange([b"TIME"])
        groups = [each((b"PTTL",), tails[at : at + FEW]) for at in range(0, len(tails), FEW)]
        return joined(clock, *(part for group in groups for part in (group, clock)))

    def read(self, replies: Sequence[Reply]) -> list[Reply]:
        """Return of each key: milliseconds since 1970, FOREVER, GONE, an error, or None when it has to be asked again.

        Raises:
            Unavailable: this user may not ask the time.
        """
        if self._tells:
            return list(replies)
        found: list[Reply] = []
        for at in range(0, len(replies) - 1, FEW + 1):
            group = replies[at : at + FEW + 2]
            before, after = milliseconds(group[0]), milliseconds(group[-1])
            same = before == after
            found += [_absolute(before, ttl) if same else _without_clock(ttl) for ttl in group[1:-1]]
        return found

    async def exact(self, ask: Ask, tails: Sequence[bytes], found: list[Reply]) -> list[Reply]:
        """Ask again wherever the answer is not exact yet."""
        while None in found:
            open_now = [at for at, expiry in enumerate(found) if expiry is None]
            again = self.read(await ask(self.question([tails[at] for at in open_now])))
            for at, expiry in zip(open_now, again, strict=True):
                found[at] = expiry
        return found


def milliseconds(reply: Reply) -> int:
    """Return the reply to TIME in milliseconds since 1970.

    Raises:
        Unavailable: it is an error.
    """
    if isinstance(reply, ReplyError):
        raise Unavailable(of_reply(reply, "+time"))
    seconds, micros = reply
    return int(seconds) * 1000 + int(micros) // 1000


def _absolute(now: int, ttl: Reply) -> Reply:
    return ttl if isinstance(ttl, ReplyError) or ttl < 0 else now + ttl


def _without_clock(ttl: Reply) -> Reply:
    return ttl if isinstance(ttl, ReplyError) or ttl < 0 else None
