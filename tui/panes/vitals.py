"""The strip under the header: one number with its recent course for each thing an operator looks at first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.session import Session
from tui.engine.thresholds import USUAL, Thresholds, together
from tui.engine.vitals import Pulse, Sample, Vitals
from tui.panes.base import Pane
from tui.words.units import count, percent, rate, size
from widgets.lines import Lines
from widgets.spark import spark

TREND_STEP = 5.0
"""Seconds per character of a trend: slow enough not to dance, fast enough to show the last minute or so."""
HEADROOM = 1.25
"""A trend without a scale of its own leaves a quarter free above: a steady number is then a line, not a block."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One entry of the strip."""

    label: str
    width: int
    """Cells of the longest value: fixed, so that nothing jitters."""
    text: Callable[[Sample], str]
    trend: Callable[[Sample], float | None]
    colour: Callable[[Sample, Thresholds], str]
    top: float | None = None
    """Full height of the trend; None means its own maximum."""


def _memory_text(sample: Sample) -> str:
    if not sample.maxmemory or sample.used is None:
        return size(sample.used)
    return f"{size(sample.used)}/{size(sample.maxmemory)} {percent(sample.used / sample.maxmemory, 0)}"


def _memory_colour(sample: Sample, limits: Thresholds) -> str:
    share = (sample.used or 0) / sample.maxmemory if sample.maxmemory else 0.0
    critical, warning = share > limits.memory_critical, share > limits.memory_warning
    return "$text-error" if critical else "$text-warning" if warning else ""


def _hit_colour(sample: Sample, limits: Thresholds) -> str:
    return "$text-warning" if sample.hit_rate is not None and sample.hit_rate < limits.hit_rate else ""


def _evicted_colour(sample: Sample, limits: Thresholds) -> str:
    return "$text-warning" if sample.evicted_per_s and not limits.evictions else ""


def _plain(sample: Sample, limits: Thresholds) -> str:
    return ""


def _filled(sample: Sample) -> float | None:
    if sample.used is None:
        return None
    return float(sample.used)


GAUGES = (
    Gauge("mem", 16, _memory_text, _filled, _memory_colour),
    Gauge("hit", 6, lambda s: percent(s.hit_rate), lambda s: s.hit_rate, _hit_colour, top=1.0),
    Gauge("ops", 7, lambda s: rate(s.ops_per_s), lambda s: s.ops_per_s, _plain),
    Gauge("clients", 5, lambda s: count(s.clients), lambda s: s.clients, _plain),
    Gauge("evict", 7, lambda s: rate(s.evicted_per_s), lambda s: s.evicted_per_s, _evicted_colour),
    Gauge("expire", 7, lambda s: rate(s.expired_per_s), lambda s: s.expired_per_s, _plain),
    Gauge("keys", 5, lambda s: count(s.keys), lambda s: s.keys, _plain),
)


class VitalsPane(Pane[Vitals]):
    """Two lines without a border: numbers, and under each its trend; only the numbers when it is low."""

    TITLE = "Vitals"
    COLLECTOR = Pulse

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._limits = together(schema.thresholds for schema in session.options.schemas)

    def compose(self) -> ComposeResult:
        """Lines of text."""
        yield Lines()

    def on_resize(self) -> None:
        """Lay the strip out for the new width."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: Vitals) -> None:
        """Draw the strip for the present width."""
        self.query_one(Lines).show_lines(strip(snapshot, self.size.width, self._limits)[: self.size.height or 2])


def strip(vitals: Vitals, width: int, limits: Thresholds = USUAL) -> list[Content]:
    """Lay out the numbers, in colour from the thresholds on, and, below, their trends."""
    gauges = list(GAUGES)
    while gauges and sum(_least(gauge) for gauge in gauges) > width - 1:
        gauges.pop(-2 if len(gauges) > 1 else 0)
    if not gauges:
        return []
    spare = (width - 1 - sum(_least(gauge) for gauge in gauges)) // len(gauges)
    numbers: list[Content] = [Content(" ")]
    trends: list[Content] = [Content(" ")]
    for gauge in gauges:
        cell = _least(gauge) + spare
        colour = gauge.colour(vitals.now, limits)
        number = Content.assemble(
            (gauge.label, "$foreground-muted"), " ", (gauge.text(vitals.now), f"bold {colour}".strip())
        )
        numbers.append(number.pad_right(max(0, cell - number.cell_length)))
        values = averages(vitals, gauge.trend, cell - 2)
        course = spark(values, cell - 2, gauge.top or HEADROOM * max((v for v in values if v), default=1.0))
        trends.append(Content.styled(course, colour or "$primary 70%").pad_right(2))
    return [Content("").join(numbers), Content("").join(trends)]


def _least(gauge: Gauge) -> int:
    return len(gauge.label) + 1 + gauge.width + 2


def averages(vitals: Vitals, pick: Callable[[Sample], float | None], steps: int) -> Sequence[float | None]:
    """Return the means of the last stretches of time; they begin at fixed moments, so that old ones stay put."""
    last = int(vitals.now.at // TREND_STEP)
    sums = [0.0] * steps
    counts = [0] * steps
    for sample in reversed(vitals.history):
        step = steps - 1 - (last - int(sample.at // TREND_STEP))
        if step < 0:
            break
        value = pick(sample)
        if value is not None and step < steps:
            sums[step] += value
            counts[step] += 1
    return [total / number if number else None for total, number in zip(sums, counts, strict=True)]
