"""When a token was made, when it was last used, when it ends by itself: read from values, by the names in common use.

Schemas need not say so: JWTs have `iat` and `exp` (RFC 7519), and frameworks name the others alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from tui.engine.schema.source import Value, claims

MADE = ("created_at", "iat", "issued_at", "login_time", "last_login_time", "created")
USED = ("last_used", "last_used_at", "last_activity", "last_active", "last_seen", "last_access")
ENDS = ("exp",)
FIELDS = tuple(name.encode() for name in (*MADE, *USED, *ENDS))
"""Fields of a hash that may tell."""
MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds: as seconds it would be the year 5138."""
LATEST = 4e9
"""Seconds since 1970, the year 2096; later is a slip, or nonsense."""


class Moments(NamedTuple):
    """Seconds since 1970; None where nothing tells."""

    made: float | None = None
    used: float | None = None
    ends: float | None = None


UNKNOWN = Moments()


def moments_of(value: Value) -> Moments:
    """Return what the value of a key tells of its times.

    >>> moments_of(b'{"created_at": "2024-05-01T06:31:07Z", "exp": 1714548667}')
    Moments(made=1714545067.0, used=None, ends=1714548667.0)
    """
    told = _told(value)
    return Moments(*(_first(told, names) for names in (MADE, USED, ENDS))) if told else UNKNOWN


def _told(value: Value) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return {name.decode("ascii"): value[name] for name in FIELDS if name in value}
    if not value.startswith(b"{"):
        return claims(value)
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _first(told: Mapping[str, Any], names: Sequence[str]) -> float | None:
    return next((at for name in names if name in told and (at := _seconds(told[name])) is not None), None)


def _seconds(given: object) -> float | None:
    """Read a moment: seconds or milliseconds since 1970, as a number or text, or ISO 8601 (UTC unless it says so)."""
    if isinstance(given, bytes):
        given = given.decode("ascii", "replace")
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        at = float(given)
    except (ValueError, OverflowError):
        at = _iso(str(given))
    if not math.isfinite(at):
        return None
    at = at / 1000 if at >= MILLISECONDS_FROM else at
    return at if 0 < at < LATEST else None


def _iso(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
