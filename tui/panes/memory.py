"""Memory over time, against its limit."""

from __future__ import annotations

import math
from collections.abc import Callable

from textual.app import ComposeResult

from tui.engine.vitals import Pulse, Sample, Vitals
from tui.panes.base import Pane
from tui.panes.timespan import span_of
from tui.words.units import duration, percent, size
from widgets.chart import ChartData, Limit, Series, TimeChart


class MemoryPane(Pane[Vitals]):
    """Used, resident and peak memory on a scale that starts at 0 and ends at the limit, if there is one."""

    TITLE = "Memory"
    JUMP = "M"
    HELP = (
        "used: what the data and its bookkeeping take. rss: what the process holds from the operating system; "
        "far above used means fragmentation. peak: the most used since the server started.\n"
        "The line on top is maxmemory: there the server begins to evict, or to refuse writes, as its policy says. "
        "A break in the curve is time when the server did not answer."
    )
    COLUMN = 1
    SHARE = 4
    COLLECTOR = Pulse

    def compose(self) -> ComposeResult:
        """One chart."""
        chart = TimeChart()
        chart.can_focus = True
        yield chart

    def show(self, snapshot: Vitals) -> None:
        """Draw the chart when it looks different."""
        now = snapshot.now
        self.query_one(TimeChart).show(memory_chart(snapshot))
        notes = [f"used {size(now.used)}", f"rss {size(now.rss)}"]
        if now.maxmemory and now.used is not None:
            notes.insert(1, f"{percent(now.used / now.maxmemory, 0)} of {size(now.maxmemory)}")
        self.retitle(
            *notes,
            below=" · ".join(filter(None, (f"peak {size(now.peak)}", snapshot.policy, duration(span_of(snapshot))))),
        )


def memory_chart(vitals: Vitals) -> ChartData:
    """Put the history on a fixed scale."""
    now = vitals.now
    limit = next((sample.maxmemory for sample in reversed(vitals.history) if sample.maxmemory is not None), 0)
    most = max((max(s.used or 0, s.rss or 0) for s in vitals.history), default=0)
    top = nice_top(max(most, limit * 1.04))
    return ChartData(
        series=(
            _series("used", vitals, lambda s: s.used, "primary"),
            _series("rss", vitals, lambda s: s.rss, "muted"),
        ),
        limits=_limits(limit, now.peak, top),
        now=now.at,
        span=span_of(vitals),
        top=top,
        ticks=tuple((top * part, size(top * part)) for part in (0, 0.5, 1)),
        gap=max(5.0, 3 * vitals.interval),
    )


def _limits(limit: int | None, peak: int | None, top: float) -> tuple[Limit, ...]:
    limits = []
    if limit:
        limits.append(Limit("maxmemory", limit, f"maxmemory {size(limit)}", "error"))
    if peak and peak <= top:
        limits.append(Limit("peak", peak, f"peak {size(peak)}", "muted"))
    return tuple(limits)


def _series(name: str, vitals: Vitals, pick: Callable[[Sample], int | None], role: str) -> Series:
    return Series(name, [(sample.at, pick(sample)) for sample in vitals.history], role, size(pick(vitals.now)))  # type: ignore[arg-type]


def nice_top(value: float) -> float:
    """Return a round upper end of a scale of bytes, at or above `value`.

    >>> [nice_top(v) / 2**20 for v in (3 * 2**20, 65 * 2**20, 900 * 2**20)]
    [3.0, 80.0, 1024.0]
    """
    if value <= 0:
        return 1024.0
    unit = 2.0 ** (10 * math.floor(math.log2(value) / 10))
    steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600, 800, 1024)
    return next(step * unit for step in steps if step * unit >= value)
