"""What a time chart shows, and how it is fitted to braille dots; no drawing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor
from operator import itemgetter
from typing import NamedTuple

from widgets.roles import Role

Point = tuple[float, float | None]
"""Seconds (any clock, as long as it is one) and a value; None where there was no value."""

Dots = tuple[tuple[int, int], ...]
"""Column and row of braille dots, both from 0 at the bottom left."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve."""

    name: str
    """A literal; never text from a server."""
    points: Sequence[Point]
    """In order of time."""
    role: Role = "primary"
    text: str = ""
    """Its last value for people, where there is no room for a curve, and in the legend."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line."""

    name: str
    value: float
    label: str = ""
    """Written on the line where no curve is in the way."""
    role: Role = "muted"


@dataclass(frozen=True, slots=True)
class ChartData:
    """Everything a chart shows. The first series is drawn on top."""

    series: tuple[Series, ...]
    limits: tuple[Limit, ...]
    now: float
    """On the clock of the points."""
    span: float
    """Seconds from the left edge to now."""
    top: float
    """Value at the upper edge; the lower is 0. Fixed by the caller: a wobble must never look like a cliff."""
    ticks: tuple[tuple[float, str], ...] = ()
    """Values with their labels, for the y axis."""
    places: tuple[tuple[float, str], ...] = ()
    """Times with their labels, for the x axis; without any it says how long ago, evenly spaced."""
    gap: float = 5.0
    """Seconds without a point after which the curve is interrupted: five missed looks at once a second."""


class Grid(NamedTuple):
    """Size of the drawing area in cells; a cell holds 2x4 dots."""

    columns: int
    rows: int


class Curve(NamedTuple):
    """A series as dots: pieces with gaps between."""

    role: Role
    pieces: tuple[Dots, ...]


def curves(chart: ChartData, grid: Grid) -> tuple[Curve, ...]:
    """Every series as dots."""
    return tuple(Curve(series.role, tuple(_pieces(series, chart, grid))) for series in chart.series)


def row_of(value: float, top: float, rows: int) -> int:
    """The row, from 0 at the bottom, of a value on a scale from 0 to `top`.

    >>> row_of(50, 100, 5), row_of(200, 100, 5), row_of(-1, 100, 5)
    (2, 4, 0)
    """
    share = value / top if top > 0 else 0.0
    return max(0, min(rows - 1, floor(0.5 + share * (rows - 1))))


def _pieces(series: Series, chart: ChartData, grid: Grid) -> Iterator[Dots]:
    """The mean of each dot column, cut where values are missing.

    The mean, because a column must not depend on when exactly within it we looked; and the window moves by
    whole cells (two dots), so that a finished column keeps its height and pattern, and old cells only shift.
    """
    cell = chart.span / grid.columns
    first = 2 * (floor(chart.now / cell) - grid.columns + 1)
    height = 4 * grid.rows
    for run in _runs(series.points, first * cell / 2, chart.gap):
        dots = [(column - first, row_of(mean, chart.top, height)) for column, mean in _means(run, cell / 2)]
        if inside := [dot for dot in dots if dot[0] < 2 * grid.columns]:
            yield tuple(inside)


def _runs(points: Sequence[Point], start: float, gap: float) -> Iterator[list[tuple[float, float]]]:
    """Points from just before `start`, split where a value or a stretch of time is missing."""
    run: list[tuple[float, float]] = []
    for index in range(max(0, bisect_left(points, start, key=itemgetter(0)) - 1), len(points)):
        time, value = points[index]
        if run and (value is None or time - run[-1][0] > gap):
            yield run
            run = []
        if value is not None:
            run.append((time, value))
    if run:
        yield run


def _means(run: Sequence[tuple[float, float]], step: float) -> Iterator[tuple[int, float]]:
    """Mean value of each dot column, by absolute column number."""
    column, total, count = floor(run[0][0] / step), 0.0, 0
    for time, value in run:
        here = floor(time / step)
        if here != column:
            yield column, total / count
            column, total, count = here, 0.0, 0
        total += value
        count += 1
    yield column, total / count
