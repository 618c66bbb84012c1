"""Reading streams to a pipe: every entry, in order, at the speed of whoever takes them; nothing is skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tui.engine.clock import Clock
from tui.engine.commands import Reply, exchange
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind, ReplyError, of_reply
from tui.engine.streams.drill import ask_stream
from tui.engine.streams.ids import Id, before, id_bytes, parse_id, time_of
from tui.engine.streams.look import group_of, look_of

MOST = 1000
"""Entries per stream and reply."""
REPLY_BYTES = 1 << 20
"""Bytes that one reply should have at most."""
FIRST_COUNT = 50
"""Entries asked for before it is known how big they are."""
EVERY = 0.2
"""Seconds between looks when nothing came."""

Entry = tuple[bytes, bytes, Sequence[bytes]]
"""Stream, id, names and values in turn."""


async def newest_places(deployment: Deployment, keys: Sequence[bytes]) -> dict[bytes, bytes] | Failure:
    """Return where each stream ends now: what is read behind that is new. A missing stream begins at its beginning."""
    places: dict[bytes, bytes] = {}
    for key in keys:
        answer = await ask_stream(deployment, key, [b"XINFO", b"STREAM", key], may_be_missing=True)
        if not isinstance(answer, list):
            return answer if isinstance(answer, Failure) else Failure(Kind.REPLY, answer.sentence)
        (about,) = answer
        if isinstance(about, ReplyError) and about.code == "NOPERM":
            newest = await _newest(deployment, key)
            if isinstance(newest, Failure):
                return newest
            places[key] = newest
        else:
            places[key] = b"0-0" if isinstance(about, ReplyError) else look_of(about).last_id
    return places


async def _newest(deployment: Deployment, key: bytes) -> bytes | Failure:
    """Return the id of the newest entry, for a user without permission for XINFO."""
    answer = await ask_stream(deployment, key, [b"XREVRANGE", key, b"+", b"-", b"COUNT", 1], may_be_missing=True)
    if not isinstance(answer, list):
        return answer if isinstance(answer, Failure) else Failure(Kind.REPLY, answer.sentence)
    (entries,) = answer
    if isinstance(entries, ReplyError):
        return of_reply(entries, "+xinfo|stream")
    return entries[0][0] if entries else b"0-0"


async def group_places(deployment: Deployment, keys: Sequence[bytes], group: bytes) -> dict[bytes, bytes] | Failure:
    """Return where a group stands in each stream: what is read behind that it has not been given yet."""
    places: dict[bytes, bytes] = {}
    for key in keys:
        answer = await ask_stream(deployment, key, [b"XINFO", b"STREAM", key], [b"XINFO", b"GROUPS", key])
        if not isinstance(answer, list):
            return answer if isinstance(answer, Failure) else Failure(Kind.REPLY, answer.sentence)
        about, groups = answer
        for reply, rule in ((about, "+xinfo|stream"), (groups, "+xinfo|groups")):
            if isinstance(reply, ReplyError):
                return of_reply(reply, rule)
        found = [one.delivered for one in (group_of(reply, look_of(about)) for reply in groups) if one.name == group]
        if not found:
            return Failure(Kind.REPLY, "one of these streams has no such group")
        places[key] = found[0]
    return places


def places_from(keys: Sequence[bytes], place: Id) -> dict[bytes, bytes]:
    """Return the same place for every stream: what is read begins with that id."""
    return dict.fromkeys(keys, id_bytes(before(place)))


async def entries(
    deployment: Deployment, places: dict[bytes, bytes], clock: Clock
) -> AsyncIterator[list[Entry] | Failure]:
    """Yield what is behind these places, and then what comes, without end; merged by id.

    A failure is yielded once for as long as it lasts; while the server is away, reading waits for it.
    """
    failing: Failure | None = None
    count = FIRST_COUNT
    while True:
        kinds: list[list[bytes | int]] = [[b"TYPE", key] for key in places]
        read: list[bytes | int] = [b"XREAD", b"COUNT", count, b"STREAMS", *places, *places.values()]
        answer = await deployment.try_ask(exchange(read, *kinds))
        failure = answer if isinstance(answer, Failure) else _refusal(answer.replies)
        if failure is not None:
            if failure != failing:
                yield failure
            failing = failure
            await clock.sleep(EVERY)
            continue
        assert not isinstance(answer, Failure)
        failing = None
        found = _merged(answer.replies[0] or (), count)
        places.update({key: entry_id for key, entry_id, _ in found})  # the last of each
        for key, kind in zip(list(places), answer.replies[1:], strict=True):
            if kind == b"none":
                places[key] = b"0-0"  # made anew, it may begin with any id
        if found:
            size = sum(map(len, found[-1][2])) or 1
            count = max(1, min(MOST, REPLY_BYTES // size))
            yield found
        else:
            await clock.sleep(EVERY)


def _merged(reply: Sequence[tuple[bytes, Sequence[Reply]]], count: int) -> list[Entry]:
    """Return entries in the order of their ids, without those that would stand before what is still to be read.

    Where a stream has more to give, what is newer in others waits for it; ids that are no times wait for nothing.
    """
    ends = [parse_id(entries[-1][0]) for _, entries in reply if len(entries) >= count and time_of(entries[-1][0])]
    horizon = min(ends, default=None)
    found: list[Entry] = [(key, one[0], one[1] or ()) for key, entries in reply for one in entries]
    if horizon is not None and len(reply) > 1:
        found = [one for one in found if parse_id(one[1]) <= horizon or time_of(one[1]) is None]
    return sorted(found, key=lambda one: parse_id(one[1]))


def _refusal(replies: Sequence[object]) -> Failure | None:
    reply = replies[0]
    return of_reply(reply, "+xread") if isinstance(reply, ReplyError) else None
