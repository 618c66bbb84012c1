"""The application's own hit rate over time."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.engine.vitals import Pulse, Vitals
from tui.panes.base import Pane
from tui.panes.timespan import span_of
from tui.words.units import duration, percent, rate
from widgets.chart import ChartData, Series, TimeChart


class HitRatePane(Pane[Vitals]):
    """Hits per read, always on a scale from 0 to 100."""

    TITLE = "Hit rate"
    JUMP = "H"
    HELP = (
        "Of the keys that the application asked for in each interval, the share that was there. redtop's own reads "
        "(its TYPE, PTTL and XINFO calls count as hits on every server) are taken out.\n"
        "It is a rate of the moment, not since the server started. The scale is always 0 to 100 %, so that a "
        "wobble does not look like a cliff. A break means that nothing was read, or that the server did not answer."
    )
    COLUMN = 1
    SHARE = 3
    COLLECTOR = Pulse

    def compose(self) -> ComposeResult:
        """One chart."""
        chart = TimeChart()
        chart.can_focus = True
        yield chart

    def show(self, snapshot: Vitals) -> None:
        """Draw the chart when it looks different."""
        self.query_one(TimeChart).show(hit_chart(snapshot))
        now = snapshot.now
        self.retitle(
            f"application {percent(now.hit_rate)}",
            f"{rate(now.reads_per_s)} reads",
            below=f"without redtop's own reads · {duration(span_of(snapshot))}",
        )


def hit_chart(vitals: Vitals) -> ChartData:
    """Put the history on a scale of percent."""
    points = [(s.at, None if s.hit_rate is None else 100 * s.hit_rate) for s in vitals.history]
    return ChartData(
        series=(Series("application", points, "success", percent(vitals.now.hit_rate)),),
        limits=(),
        now=vitals.now.at,
        span=span_of(vitals),
        top=100.0,
        ticks=((0, "0%"), (50, "50%"), (100, "100%")),
        gap=max(5.0, 3 * vitals.interval),
    )
