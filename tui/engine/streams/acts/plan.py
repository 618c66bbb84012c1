"""Making acts from what there is: every number in them was counted a moment ago."""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.printable import printable
from tui.engine.streams.acts.entries import AddEntry
from tui.engine.streams.acts.groups import DeleteConsumer, DeleteGroup, SetId
from tui.engine.streams.drill import Consumers, Gone, PendingPages, ask_stream, look_at_consumers
from tui.engine.streams.ids import Id, id_bytes
from tui.engine.streams.look import Group, Look, Pending, group_of, look_of

MOST_PENDING = 10_000
"""Pending entries that one act names: more are taken in turns, and without them nothing is undone."""
PAGE = 1000
"""Pending entries that are listed in one round trip."""

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
