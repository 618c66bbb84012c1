"""Planning a trim: how many entries go, and up to which id, found out from whichever end is nearer.

A server knows no ranks: between the ends of a stream only reading tells how many entries lie before an id. So both ends
are read up to a bound; a cut that lies beyond it is said as what it is, an estimate between two bounds.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tui.engine.commands import Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.streams.acts.trim import Trim, TrimToLength, Unread
from tui.engine.streams.drill import Gone, ask_stream
from tui.engine.streams.ids import Id, after, id_bytes, parse_id, time_of
from tui.engine.streams.look import Group, Look, group_of, look_of

PAGE = 1000
"""Entries that are counted in one round trip."""
PAGE_BYTES = 256 * 1024
"""Bytes that such a reply should have at most."""
MOST_COUNTED = 50_000
"""Entries that are counted from one end: a second or two."""

Refused = Gone | Failure


async def plan_trim(
    deployment: Deployment, key: bytes, *, keep: int | None = None, before: Id | None = None
) -> Trim | TrimToLength | Refused:
    """Plan to keep the newest so many entries, or those from an id (a time) on.

    Raises:
        ValueError: exactly one of the two has to be given.
    """
    if (keep is None) == (before is None):
        raise ValueError("a trim is by length or by age")
    questions = [[b"XINFO", b"STREAM", key], [b"MEMORY", b"USAGE", key], [b"XINFO", b"GROUPS", key]]
    answer = await ask_stream(deployment, key, *questions)
    if not isinstance(answer, list):
        return answer
    about, memory, groups = answer
    if isinstance(about, ReplyError):
        return of_reply(about, "+xinfo|stream")
    look = look_of(about)
    known = [] if isinstance(groups, ReplyError) else [group_of(group, look) for group in groups]
    plan = _Plan(deployment, key, look, known, _page(look, memory))
    try:
        return await (plan.by_age(id_bytes(before)) if before is not None else plan.by_length(keep or 0))
    except _Refusal as refusal:
        return refusal.why


class _Plan:
    """One look at a stream, and what follows from it."""

    def __init__(self, deployment: Deployment, key: bytes, look: Look, groups: list[Group], page: int) -> None:
        self._deployment = deployment
        self._key = key
        self._look = look
        self._groups = groups
        self._page = page

    async def by_age(self, first_kept: bytes) -> Trim:
        """Count what is older, from whichever end is nearer: that is found out by counting from both."""
        front, back = (_Walk(self._deployment, self._key, self._look.newest_id, forward=way) for way in (True, False))
        bound = parse_id(first_kept)
        while front.counted < MOST_COUNTED:
            old, new = await asyncio.gather(
                front.step(self._page, lambda entry_id: parse_id(entry_id) < bound),
                back.step(self._page, lambda entry_id: parse_id(entry_id) >= bound),
            )
            if old:
                return self._trim(first_kept, front.counted)
            if new:
                return self._trim(first_kept, self._look.length - back.counted)
        most = max(front.counted, self._look.length - back.counted)
        about = self._rank_of(first_kept)
        within = None if about is None else max(front.counted, min(most, about))
        losing = [group for group in self._groups if parse_id(group.delivered) < bound]
        unread = tuple(Unread(group.name, None) for group in losing)
        return Trim(self._key, front.counted, unread, first_kept, most, within)

    async def by_length(self, keep: int) -> Trim | TrimToLength:
        """Find the first entry that stays, from whichever end is nearer."""
        look = self._look
        gone = max(0, look.length - keep)
        if not gone:
            return self._trim(look.first_id or b"0-0", 0)
        if not keep:
            return self._trim(id_bytes(after(parse_id(look.last_id))), gone)
        walk = _Walk(self._deployment, self._key, look.newest_id, forward=gone < keep)
        wanted = gone + 1 if walk.forward else keep
        if wanted > MOST_COUNTED:
            return TrimToLength(self._key, gone, self._unread(gone), keep, self._id_at(gone))
        while walk.counted < wanted and walk.last is not None:
            await walk.step(min(self._page, wanted - walk.counted), lambda _: True)
        return self._trim(walk.last or b"0-0", gone)

    def _trim(self, first_kept: bytes, count: int) -> Trim:
        return Trim(self._key, count, self._unread(count), first_kept)

    def _unread(self, gone: int) -> tuple[Unread, ...]:
        """The groups that lose entries when so many go: those further behind than what stays."""
        stays = self._look.length - gone
        found = [Unread(one.name, None if one.lag is None else one.lag - stays) for one in self._groups if gone]
        return tuple(one for one in found if one.count is None or one.count > 0)

    def _rank_of(self, entry_id: bytes) -> int | None:
        """How many entries are older than an id, if they came evenly; None when ids are no times."""
        at, ends = time_of(entry_id), self._ends()
        return None if at is None or ends is None else round(self._look.length * (at - ends[0]) / (ends[1] - ends[0]))

    def _id_at(self, rank: int) -> bytes | None:
        """The id behind so many entries, if they came evenly."""
        ends = self._ends()
        if ends is None:
            return None
        return id_bytes((int(1000 * (ends[0] + (ends[1] - ends[0]) * rank / self._look.length)), 0))

    def _ends(self) -> tuple[float, float] | None:
        look = self._look
        first = None if look.first_id is None else time_of(look.first_id)
        newest = None if look.newest_id is None else time_of(look.newest_id)
        return None if first is None or newest is None or newest <= first else (first, newest)


class _Refusal(Exception):  # noqa: N818 - carries an answer out of the walk
    def __init__(self, why: Refused) -> None:
        super().__init__()
        self.why = why


class _Walk:
    """Counts entries from one end on, page by page."""

    def __init__(self, deployment: Deployment, key: bytes, newest: bytes | None, *, forward: bool) -> None:
        """Begin at the first entry, or (backward) at the newest there was: what comes after it is no part of this."""
        self.forward = forward
        self.counted = 0
        self.last: bytes | None = b""
        """Id of the last entry counted; None when there was none."""
        self._deployment = deployment
        self._key = key
        self._start = b"-" if forward else newest or b"+"

    async def step(self, count: int, counts: Any) -> bool:
        """Count a page; True when the last one that counts has been found.

        Raises:
            _Refusal: the stream is gone, or may not be read.
        """
        place = b"(" + self.last if self.last else None
        words: list[bytes | int] = (
            [b"XRANGE", self._key, place or self._start, b"+", b"COUNT", count]
            if self.forward
            else [b"XREVRANGE", self._key, place or self._start, b"-", b"COUNT", count]
        )
        answer = await ask_stream(self._deployment, self._key, words)
        if not isinstance(answer, list):
            raise _Refusal(answer)
        (entries,) = answer
        if isinstance(entries, ReplyError):
            raise _Refusal(of_reply(entries, "+xrange" if self.forward else "+xrevrange"))
        passed = [entry[0] for entry in entries if counts(entry[0])]
        self.counted += len(passed)
        self.last = passed[-1] if passed else self.last or None
        return len(passed) < count


def _page(look: Look, memory: Reply) -> int:
    """How many entries to ask for at a time, so that a reply stays small."""
    if not isinstance(memory, int) or not look.length:
        return 10
    return max(10, min(PAGE, PAGE_BYTES * look.length // max(1, memory)))
