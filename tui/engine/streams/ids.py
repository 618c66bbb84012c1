"""Ids of stream entries: their order, the times they stand for, and places that a person types.

An id is two numbers, `milliseconds-sequence`; the first is a time unless the application chose ids of its own.
"""

from __future__ import annotations

import datetime
import re

Id = tuple[int, int]

MOST = (1 << 64) - 1
"""The largest number in either half."""
FIRST_TIME, LAST_TIME = 10**11, 10**13
"""Milliseconds taken for times: 1973 to 2286. Counters that applications choose instead are smaller."""

_ID = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?").fullmatch
_AGO = re.compile(r"-(\d{1,9})(ms|s|m|h|d)").fullmatch
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,3})?)?").fullmatch
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_id(entry_id: bytes) -> Id:
    """Return the two numbers, which compare as the server compares ids.

    >>> parse_id(b"1712345678901-3") > parse_id(b"999-70")
    True
    """
    time, _, sequence = entry_id.partition(b"-")
    return int(time), int(sequence or 0)


def id_bytes(entry_id: Id) -> bytes:
    """Return an id as the server writes it."""
    return b"%d-%d" % entry_id


def before(entry_id: Id) -> Id:
    """Return the id just before this one: what XREAD, which reads behind an id, is given to begin with it.

    >>> before((5, 0)), before((0, 0))
    ((4, 18446744073709551615), (0, 0))
    """
    time, sequence = entry_id
    if sequence:
        return time, sequence - 1
    return (time - 1, MOST) if time else (0, 0)


def after(entry_id: Id) -> Id:
    """Return the id just after this one.

    >>> after((5, 0)), after((4, MOST)), after((MOST, MOST)) == (MOST, MOST)
    ((5, 1), (5, 0), True)
    """
    time, sequence = entry_id
    if sequence < MOST:
        return time, sequence + 1
    return (time + 1, 0) if time < MOST else entry_id


def time_of(entry_id: bytes) -> float | None:
    """Return the wall-clock seconds an id stands for; None when it is no time.

    >>> time_of(b"1712345678901-0"), time_of(b"42-1")
    (1712345678.901, None)
    """
    milliseconds = parse_id(entry_id)[0]
    return milliseconds / 1000 if FIRST_TIME < milliseconds < LAST_TIME else None


def age_of(entry_id: bytes | None, wall: float) -> float | None:
    """Return how old an entry is in seconds; None when its id is no time. A clock that is ahead makes nothing younger.

    >>> age_of(b"1712345678000-0", 1712345680.0), age_of(b"1712345690000-0", 1712345680.0), age_of(b"7-0", 0.0)
    (2.0, 0.0, None)
    """
    at = None if entry_id is None else time_of(entry_id)
    return None if at is None else max(0.0, wall - at)


def parse_place(text: str, wall: float) -> Id:
    """Return the first id at or after what a person typed, at `wall` seconds.

    That is an id (`1712345678901-0`, `5`), a time of the last 24 hours (`06:31`, `06:31:07`), a date with or without a
    time (`2024-05-01 06:31`), so long ago (`-10m`; ms, s, m, h, d), or `0` for the beginning.

    Raises:
        ValueError: one sentence that says what is understood.

    >>> parse_place("1712345678901-7", 0.0), parse_place("-2s", 1712345678.0)
    ((1712345678901, 7), (1712345676000, 0))
    """
    text = text.strip()
    if match := _ID(text):
        time, sequence = int(match[1]), int(match[2] or 0)
        if max(time, sequence) <= MOST:
            return time, sequence
    elif match := _AGO(text):
        return max(0, int(wall * 1000) - int(match[1]) * _UNITS[match[2]]), 0
    elif (moment := _moment(text, wall)) is not None:
        return max(0, int(moment.timestamp() * 1000)), 0
    raise ValueError("type an id (1712345678901-0), a time (06:31, 2024-05-01 06:31:07), or how long ago (-10m)")


def _moment(text: str, wall: float) -> datetime.datetime | None:
    """Read a date or a time of day, in local time; a time of day that has not come yet was yesterday's."""
    try:
        if match := _CLOCK(text):
            now = datetime.datetime.fromtimestamp(wall)
            micro = int(float(match[4] or 0) * 1_000_000)
            then = now.replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3] or 0), microsecond=micro)
            return then if then <= now else then - datetime.timedelta(days=1)
        return datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
