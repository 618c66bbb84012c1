"""Making acts from what there is: every number in them was counted a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tui.engine.commands import Reply
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.printable import printable
from tui.engine.stream_acts.entries import AddEntry, Trim
from tui.engine.stream_acts.groups import DeleteConsumer, DeleteGroup, SetId
from tui.engine.streams_drill import Consumers, Gone, PendingPages, ask_stream, look_at_consumers
from tui.engine.streams_ids import Id, id_bytes, parse_id
from tui.engine.streams_look import Group, Look, Pending, group_of, look_of

MOST_PENDING = 10_000
"""Pending entries that one act names: more are taken in turns, and without them nothing is undone."""
PAGE = 1000
"""Entries that are counted in one round trip."""
PAGE_BYTES = 256 * 1024
"""Bytes that such a reply should have at most."""
MOST_COUNTED = 50_000
"""Entries that are counted for a trim, from the nearer end; when both are further the preview says more than that."""

Refused = Gone | Failure


async def held(
    deployment: Deployment, key: bytes, group: bytes, consumer: bytes | None = None, min_idle: float = 0.0
) -> tuple[tuple[Pending, ...], bool] | Refused:
    """Return the pending entries of a consumer (or of all) that are idle for so long, and whether there may be more."""
    pages = PendingPages(deployment, key, group, consumer)
    found: list[Pending] = []
    while pages.more and len(found) < MOST_PENDING:
        page = await pages.next(PAGE)
        if not isinstance(page, tuple):
            return page
        found += [one for one in page if one.idle >= min_idle]
    return tuple(found[:MOST_PENDING]), pages.more or len(found) > MOST_PENDING


async def plan_delete_consumer(
    deployment: Deployment, key: bytes, group: bytes, consumer: bytes
) -> DeleteConsumer | Refused:
    """Plan to delete a consumer."""
    entries = await held(deployment, key, group, consumer)
    if not isinstance(entries, tuple):
        return entries
    return DeleteConsumer(key, group, consumer, entries[0], deployment.clock.wall(), entries[1])


async def plan_delete_group(deployment: Deployment, key: bytes, group: bytes) -> DeleteGroup | Refused:
    """Plan to delete a group."""
    found = await _groups(deployment, key)
    if not isinstance(found, tuple):
        return found
    one = _named(found[1], group)
    consumers = await look_at_consumers(deployment, key, group)
    entries = await held(deployment, key, group)
    if not isinstance(one, Group):
        return one
    if not isinstance(consumers, Consumers):
        return consumers
    if not isinstance(entries, tuple):
        return entries
    names = tuple(consumer.name for consumer in consumers.consumers)
    pending = max(one.pending, len(entries[0]))
    return DeleteGroup(key, group, one.delivered, one.entries_read, names, entries[0], pending, deployment.clock.wall())


async def plan_set_id(deployment: Deployment, key: bytes, group: bytes, after: Id | None) -> SetId | Refused:
    """Plan to let a group go on after an id; None is the newest."""
    found = await _groups(deployment, key)
    if not isinstance(found, tuple):
        return found
    one = _named(found[1], group)
    if not isinstance(one, Group):
        return one
    to = found[0].last_id if after is None else id_bytes(after)
    return SetId(key, group, to, one.delivered, one.entries_read)


async def plan_add(deployment: Deployment, key: bytes, fields: Sequence[tuple[bytes, bytes]]) -> AddEntry | Refused:
    """Plan to add an entry; a stream that does not exist is made by it."""
    answer = await ask_stream(deployment, key, [b"XINFO", b"STREAM", key], may_be_missing=True)
    if not isinstance(answer, list):
        return answer
    (about,) = answer
    if isinstance(about, ReplyError):
        if about.code == "NOPERM":
            return of_reply(about, "+xinfo|stream")
        return AddEntry(key, tuple(fields), create=True)
    return AddEntry(key, tuple(fields), look_of(about).last_id)


async def plan_trim(
    deployment: Deployment, key: bytes, *, keep: int | None = None, before: Id | None = None
) -> Trim | Refused:
    """Plan to keep the newest so many entries, or those from an id (a time) on.

    Raises:
        ValueError: exactly one of the two has to be given.
    """
    if (keep is None) == (before is None):
        raise ValueError("a trim is by length or by age")
    answer = await ask_stream(deployment, key, [b"XINFO", b"STREAM", key], [b"MEMORY", b"USAGE", key])
    if not isinstance(answer, list):
        return answer
    about, memory = answer
    if isinstance(about, ReplyError):
        return of_reply(about, "+xinfo|stream")
    look = look_of(about)
    count = _page(look, memory)
    try:
        if before is not None:
            return await _by_age(deployment, key, look, id_bytes(before), count)
        return await _by_length(deployment, key, look, keep or 0, count)
    except _Refusal as refusal:
        return refusal.why


async def _by_age(deployment: Deployment, key: bytes, look: Look, first_kept: bytes, count: int) -> Trim:
    """Count what is older, from whichever end is nearer: that is found out by counting from both."""
    front, back = (_Walk(deployment, key, look.newest_id, forward=way) for way in (True, False))
    bound = parse_id(first_kept)
    while front.counted < MOST_COUNTED:
        old, new = await asyncio.gather(
            front.step(count, lambda entry_id: parse_id(entry_id) < bound),
            back.step(count, lambda entry_id: parse_id(entry_id) >= bound),
        )
        if old:
            return Trim(key, first_kept, front.counted)
        if new:
            return Trim(key, first_kept, look.length - back.counted)
    return Trim(key, first_kept, front.counted, exact=False)


async def _by_length(deployment: Deployment, key: bytes, look: Look, keep: int, count: int) -> Trim:
    """Find the first entry that stays, from whichever end is nearer."""
    gone = max(0, look.length - keep)
    if not keep or not gone:
        newest = parse_id(look.last_id)
        first_kept = look.first_id or b"0-0"
        return Trim(key, first_kept if not gone else id_bytes((newest[0], newest[1] + 1)), gone)
    walk = _Walk(deployment, key, look.newest_id, forward=gone < keep)
    wanted = gone + 1 if walk.forward else keep
    if wanted > MOST_COUNTED:
        raise _Refusal(Gone(f"that boundary is {wanted:,} entries from either end: trim by age, or in smaller steps"))
    while walk.counted < wanted and walk.last is not None:
        await walk.step(min(count, wanted - walk.counted), lambda _: True)
    return Trim(key, walk.last or b"0-0", gone)


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


async def _groups(deployment: Deployment, key: bytes) -> tuple[Look, list[Group]] | Refused:
    answer = await ask_stream(deployment, key, [b"XINFO", b"STREAM", key], [b"XINFO", b"GROUPS", key])
    if not isinstance(answer, list):
        return answer
    for reply, rule in zip(answer, ("+xinfo|stream", "+xinfo|groups"), strict=True):
        if isinstance(reply, ReplyError):
            return of_reply(reply, rule)
    look = look_of(answer[0])
    return look, [group_of(group, look) for group in answer[1]]


def _named(groups: Sequence[Group], name: bytes) -> Group | Gone:
    found = next((group for group in groups if group.name == name), None)
    return found or Gone(f"there is no group {printable(name)} now")


def _page(look: Look, memory: Reply) -> int:
    """How many entries to ask for at a time, so that a reply stays small."""
    if not isinstance(memory, int) or not look.length:
        return 10
    return max(10, min(PAGE, PAGE_BYTES * look.length // max(1, memory)))
