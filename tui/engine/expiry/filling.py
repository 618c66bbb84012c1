"""When the memory is full, at the rate at which it fills now, and what the keys that expire until then give back.

The rate is the median of the slopes between parts of the last minutes (Theil 1950, Sen 1968), with the interval that
Kendall's tau gives: one burst of writes or one big delete does not bend it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, median

from tui.engine.expiry.lifetimes import BOUNDS_MS, Lifetimes, T
from tui.engine.vitals import Sample

SPAN = 600.0
"""Seconds that the rate is measured over at most: what happened earlier is not the present rate."""
LEAST_SPAN = 15.0
"""Seconds at least: in less, a single big value looks like a trend."""
PARTS = 12
"""Parts of that time whose means are compared."""
LEAST_PARTS = 6
"""With fewer, no interval covers 95 %."""
FULL = 0.99
"""Part of maxmemory from which on it is full: the server frees a little before it adds."""
FAR = 365 * 86_400.0
"""Seconds beyond which nobody plans."""


class State(StrEnum):
    """How the memory fills."""

    UNKNOWN = "unknown"
    """The server does not tell."""
    UNLIMITED = "unlimited"
    """There is no maxmemory."""
    COLLECTING = "collecting"
    """Not looked at for long enough."""
    FULL = "full"
    STEADY = "steady"
    """No trend that is clear."""
    SHRINKING = "shrinking"
    FILLING = "filling"


@dataclass(frozen=True, slots=True)
class Trend:
    """Bytes per second: the estimate and its 95 % interval."""

    per_s: float
    low: float
    high: float
    seconds: float
    """How long it was measured."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What becomes of the memory."""

    state: State
    used: int = 0
    limit: int = 0
    trend: Trend | None = None
    full_in: float | None = None
    """Seconds until maxmemory is reached at this rate; None when it is not, or not within a year."""
    earliest: float | None = None
    """The same at the upper end of the interval."""
    latest: float | None = None
    """The same at the lower end; None when it may never be."""
    spared: float | None = None
    """Seconds until it is reached when the keys that are there expire as they will, as far as that is more than now."""
    freed: float = 0.0
    """Bytes that these give back until then, more than at the present rate."""


def filling_of(samples: Sequence[Sample], lifetimes: Lifetimes | None) -> Filling:
    """Judge by the pulse, oldest first, and by what expires when."""
    now = next((sample for sample in reversed(samples) if sample.used is not None), None)
    if now is None or now.used is None or now.maxmemory is None:
        return Filling(State.UNKNOWN)
    used, limit = now.used, now.maxmemory
    recent = [sample for sample in samples if sample.at > now.at - SPAN]
    trend = trend_of([(sample.at, sample.used) for sample in recent if sample.used is not None])
    if not limit:
        return Filling(State.UNLIMITED, used, 0, trend)
    if used >= FULL * limit:
        return Filling(State.FULL, used, limit, trend)
    if trend is None:
        return Filling(State.COLLECTING, used, limit)
    if trend.low <= 0 <= trend.high:
        return Filling(State.STEADY, used, limit, trend)
    if trend.high < 0:
        return Filling(State.SHRINKING, used, limit, trend)
    return _full(used, limit, trend, lifetimes, _expired_per_s(recent))


def _full(used: int, limit: int, trend: Trend, lifetimes: Lifetimes | None, expired_per_s: float) -> Filling:
    room = limit - used
    full_in, earliest, latest = (_near(room / per_s) for per_s in (trend.per_s, trend.high, trend.low))
    spared, freed = full_in, 0.0
    if lifetimes is not None and lifetimes.sized:
        gone = _more_than_now(lifetimes, expired_per_s)
        spared = reached(room, trend.per_s, gone)
        freed = gone(FAR if spared is None else spared)
    return Filling(State.FILLING, used, limit, trend, full_in, earliest, latest, spared, freed)


def _near(seconds: float) -> float | None:
    return seconds if seconds <= FAR else None


def _expired_per_s(samples: Sequence[Sample]) -> float:
    """Return how many keys expired per second lately."""
    rates = [sample.expired_per_s for sample in samples if sample.expired_per_s is not None]
    return fmean(rates) if rates else 0.0


def _more_than_now(lifetimes: Lifetimes, expired_per_s: float) -> Callable[[float], float]:
    """Return what expires within some time beyond what expires all the time: that is in the present rate already."""
    living = sum(lifetimes.keys)
    mean = sum(lifetimes.bytes) / living if living else 0.0
    return lambda seconds: max(0.0, (lifetimes.within(seconds).bytes or 0.0) - expired_per_s * mean * seconds)


def reached(room: float, per_s: float, gone: Callable[[float], float]) -> float | None:
    """Return when that room is filled at that rate while some bytes go; None when not within a year.

    >>> reached(100.0, 2.0, lambda seconds: 0.0)
    50.0
    >>> round(reached(100.0, 2.0, lambda seconds: 60.0 if seconds > 45 else 0.0))
    80
    """
    before, short = 0.0, room
    for bound in (*_steps(room / per_s), FAR):
        left = room - per_s * bound + gone(bound)
        if left <= 0:
            return before + (bound - before) * short / (short - left)
        before, short = bound, left
    return None


def _steps(first: float) -> list[float]:
    """Return times to try: the bounds between which expiries are even, and when it would be full without any."""
    return sorted({first, *(bound / 1000 for bound in BOUNDS_MS if bound / 1000 < FAR)} - {0.0})


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """Return the trend of some points (seconds, value), oldest first; None when they tell too little.

    >>> trend = trend_of([(second, 1000 + 5 * second) for second in range(60)])
    >>> trend.per_s, trend.low, trend.high
    (5.0, 5.0, 5.0)
    """
    if not points or points[-1][0] - points[0][0] < LEAST_SPAN:
        return None
    start, seconds = points[0][0], points[-1][0] - points[0][0]
    parts: list[list[tuple[float, float]]] = [[] for _ in range(PARTS)]
    for point in points:
        parts[min(PARTS - 1, int((point[0] - start) / seconds * PARTS))].append(point)
    means = [(fmean(at for at, _ in part), fmean(value for _, value in part)) for part in parts if part]
    count = len(means)
    if count < LEAST_PARTS:
        return None
    slopes = sorted((after[1] - before[1]) / (after[0] - before[0]) for before, after in combinations(means, 2))
    aside = T * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    lowest = max(0, math.floor((len(slopes) - aside) / 2))
    return Trend(median(slopes), slopes[lowest], slopes[-1 - lowest], seconds)
