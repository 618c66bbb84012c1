"""`redtop tail`: entries of streams to a pipe, as lines or as JSON lines, until ctrl-c."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from tui.engine.failure import Failure, Kind
from tui.engine.needle import needle_of
from tui.engine.node import Phase
from tui.engine.printable import printable, scrub
from tui.engine.session import Session
from tui.engine.streams.ids import Id, parse_place, time_of
from tui.engine.tail.pipe import Entry, entries, group_places, newest_places, places_from
from tui.fields import SettingsError
from tui.options import COULD_NOT_LOOK
from tui.settings import Settings

PASSES = frozenset({Kind.REFUSED, Kind.TIMEOUT, Kind.LOST, Kind.LOADING, Kind.FULL})
"""Failures that end by themselves, so that the tail waits."""


@dataclass(frozen=True, slots=True)
class TailWish:
    """What the command line asks for."""

    streams: tuple[bytes, ...]
    group: bytes | None
    place: Id | None
    as_json: bool

    @classmethod
    def of(
        cls, streams: Sequence[str], group: str | None, place: str | None, *, as_json: bool, wall: float
    ) -> TailWish:
        r"""Read the words of the command line; names may hold escapes as redtop shows them (`\xNN`).

        Raises:
            SettingsError: one sentence; the place is none, or there are two.
        """
        if group is not None and place is not None:
            raise SettingsError("--group begins where the group stands, --from where you say: leave one of them out.")
        try:
            wanted = None if place is None else parse_place(place, wall)
        except ValueError as error:
            raise SettingsError(f"--from: {error}.") from None
        keys = tuple(dict.fromkeys(needle_of(name) for name in streams))
        return cls(keys, None if group is None else needle_of(group), wanted, as_json)


def print_tail(settings: Settings, wish: TailWish, stream: TextIO) -> int:
    """Print entries until ctrl-c (which ends it like any other command); returns an exit code when it cannot go on."""
    return asyncio.run(_tail(settings, wish, stream))


async def _tail(settings: Settings, wish: TailWish, stream: TextIO) -> int:
    session = Session(settings.address)
    gone: BrokenPipeError | None = None
    failure: Failure | None = None
    async with asyncio.TaskGroup() as group:  # a programming error in the session ends it loudly
        running = group.create_task(session.run())
        try:
            failure = await _print(session, wish, stream)
        except BrokenPipeError as error:  # raised here it would come out inside a group
            gone = error
        finally:
            running.cancel()
    if gone is not None:
        raise gone
    assert failure is not None
    _complain(failure)
    return COULD_NOT_LOOK


async def _print(session: Session, wish: TailWish, stream: TextIO) -> Failure:
    """Print what comes; returns why it cannot go on."""
    places = await _places(session, wish)
    if isinstance(places, Failure):
        return places
    write = json_line if wish.as_json else text_line
    several = len(wish.streams) > 1
    async for came in entries(session.deployment, places, session.clock):
        if isinstance(came, Failure):
            if came.kind not in PASSES or session.deployment.state.worst.phase is Phase.REFUSED:
                return came
            _complain(came)
            continue
        stream.write("".join(write(entry, several=several) for entry in came))
        stream.flush()
    raise AssertionError("a tail has no end")


async def _places(session: Session, wish: TailWish) -> dict[bytes, bytes] | Failure:
    if wish.place is not None:
        return places_from(wish.streams, wish.place)
    if wish.group is not None:
        return await group_places(session.deployment, wish.streams, wish.group)
    return await newest_places(session.deployment, wish.streams)


def json_line(entry: Entry, *, several: bool) -> str:
    r"""One entry as a JSON object in a line; the same fields always.

    >>> json_line((b"log", b"1712345678901-0", [b"a", b"1"]), several=False)
    '{"stream": "log", "id": "1712345678901-0", "time": "2024-04-05T19:34:38.901Z", "fields": [["a", "1"]]}\n'
    """
    key, entry_id, values = entry
    at = time_of(entry_id)
    when = None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.{round(at * 1000) % 1000:03}Z"
    words = [printable(value) for value in values]
    fields = [list(pair) for pair in zip(words[::2], words[1::2], strict=True)]
    document = {"stream": printable(key), "id": printable(entry_id), "time": when, "fields": fields}
    return json.dumps(document, ensure_ascii=False) + "\n"


def text_line(entry: Entry, *, several: bool) -> str:
    r"""One entry as a line for people: time (or id), the stream where there are several, fields.

    >>> text_line((b"log", b"5-1", [b"a", b"x y"]), several=True)
    '5-1 log a=x y\n'
    """
    key, entry_id, values = entry
    at = time_of(entry_id)
    when = printable(entry_id) if at is None else f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    words = [printable(value) for value in values]
    pairs = [f"{name}={value}" for name, value in zip(words[::2], words[1::2], strict=True)]
    return " ".join([when, *([printable(key)] if several else []), *pairs]) + "\n"


def _complain(failure: Failure) -> None:
    sys.stderr.write(f"redtop: {scrub(failure.sentence)}\n")
    sys.stderr.flush()
