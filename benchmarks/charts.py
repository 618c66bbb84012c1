"""What a chart costs: time of one redraw at 100x15, and of being shown unchanged data.

python -m benchmarks.charts
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from textual.app import App, ComposeResult

from benchmarks.machine import describe
from widgets.chart import ChartData, Limit, Series, TimeChart

ROUNDS = 60


class _Bare(App[None]):
    CSS = "TimeChart { width: 100; height: 15; }"

    def compose(self) -> ComposeResult:
        yield TimeChart()


def main() -> None:
    """Measure and print."""
    print(describe())
    asyncio.run(_measure())


async def _measure() -> None:
    app = _Bare()
    async with app.run_test(size=(120, 30)):
        chart = app.query_one(TimeChart)
        for name, noise in (("smooth curves", 0.0), ("noisy curves", 15.0)):
            data = _memory(noise)
            times = [_timed(chart, _moved(data, step)) for step in range(ROUNDS)]
            drawn = chart.redraws
            _report(f"redraw, {name}", times, f"(promise: 10; {drawn} redraws so far)")
        same = _moved(data, ROUNDS)
        chart.show(same)
        before = chart.redraws
        times = [_timed(chart, same) for _ in range(ROUNDS)]
        _report("unchanged data", times, f"(promise: no redraw; {chart.redraws - before} redraws)")


def _timed(chart: TimeChart, data: ChartData) -> float:
    started = time.perf_counter()
    chart.show(data)
    return 1000 * (time.perf_counter() - started)


def _report(name: str, times: list[float], note: str) -> None:
    print(f"{name:24} median {statistics.median(times):6.2f} ms, worst {max(times):6.2f} ms  {note}")


def _memory(noise: float) -> ChartData:
    """Ten minutes of used and resident memory, once a second, with a peak and a limit."""
    chance = random.Random(1)

    def curve(middle: float, swing: Callable[[float], float]) -> list[tuple[float, float | None]]:
        return [(1.0 * t, middle + swing(t / 60) * 8 + noise * chance.random()) for t in range(1200)]

    used = Series("used", curve(50, math.sin), "primary", "50M")
    rss = Series("rss", curve(60, math.cos), "muted", "60M")
    peak = Series("peak", [(1.0 * t, 80.0) for t in range(1200)], "secondary", "80M")
    limit = Limit("maxmemory", 95, "maxmemory 95M", "error")
    return ChartData((used, rss, peak), (limit,), 600.0, 600.0, 100.0, ((0, "0"), (50, "50M"), (100, "100M")))


def _moved(data: ChartData, steps: int) -> ChartData:
    """The same later, by more than one column, so that every curve is drawn anew."""
    return replace(data, now=600.0 + 7 * steps)


if __name__ == "__main__":
    main()
