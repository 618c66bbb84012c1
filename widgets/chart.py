"""Values over time as braille curves; the only module that knows plotext."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.style import Style

from widgets.braille import marks
from widgets.chart_data import ChartData, Curve, Grid, Limit, Series, curves, row_of
from widgets.painted import Painted
from widgets.roles import ROLES, role_css, role_style

__all__ = ["ChartData", "Limit", "Series", "TimeChart", "legend"]

MIN_WIDTH, MIN_HEIGHT = 20, 4
"""With less room a curve says nothing: the last values are written instead."""

LABEL_WIDTH = 4
"""Least width of the y labels: `980M` and `1.0G` then leave the curve where it is."""

AXIS_CODE = 100
"""The colour number plotext is asked to use for axes; series take 1 and up, limits `LIMIT_CODE` and up."""

LIMIT_CODE = 50

_SGR = re.compile(r"\x1b\[([0-9;]*)m")

Piece = tuple[str, int]
"""Text and the colour number it came with; 0 for none."""


class TimeChart(Painted):
    """Curves on a fixed scale from 0 to a top, over a span that ends now.

    Drawn anew only when a dot, a label or the size changes; `redraws` counts that.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"timechart--axis", *role_css("TimeChart").classes}
    DEFAULT_CSS = (
        """
    TimeChart > .timechart--axis { color: $foreground 45%; }
    """
        + role_css("TimeChart").css
        + """
    TimeChart:nocolor > .timechart--secondary { text-style: dim; }
    """
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._chart: ChartData | None = None
        self._plotted: tuple[object, list[list[Piece]]] | None = None
        self._styled: tuple[object, list[Strip]] | None = None
        self.redraws = 0
        """How often plotext has drawn."""

    def show(self, chart: ChartData) -> None:
        """Show this; costs next to nothing when it looks as before."""
        self._chart = chart
        self.redraw()

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """The chart, or what fits instead."""
        chart = self._chart
        if chart is None or sum(_known(series) for series in chart.series) < 2:
            return self._draw_texts([Content.styled("collecting…", "$foreground-muted")], width, height)
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            return self._draw_texts([_last(series) for series in chart.series], width, height)
        return self._draw_chart(chart, width, height)

    def _draw_texts(self, lines: list[Content], width: int, height: int) -> list[Strip]:
        base = self.ink.base()
        drawn = [self.line(self.ink.text(line, width, base)) for line in lines[:height]]
        return [*drawn, *[self.line(self.ink.blank(width, base))] * (height - len(drawn))]

    def _draw_chart(self, chart: ChartData, width: int, height: int) -> list[Strip]:
        label = max((len(text) for _, text in chart.ticks), default=0)
        margin = max(LABEL_WIDTH, min(label, width // 3))
        # The y axis takes a column beside its labels, the x axis a line above its own.
        grid = Grid(width - margin - 1, height - 2)
        key = (grid, margin, curves(chart, grid), chart.limits, chart.ticks, chart.places, chart.span, chart.top)
        if self._plotted is None or self._plotted[0] != key:
            self._plotted = key, self._plot(chart, key[2], grid, margin)
        lines = self._plotted[1]
        shape = (id(lines), width, self.ink.base(), self.ink.generation)
        if self._styled is None or self._styled[0] != shape:
            self._styled = shape, [self._style_line(line, width) for line in lines]
        return self._styled[1]

    def _plot(self, chart: ChartData, drawn: tuple[Curve, ...], grid: Grid, margin: int) -> list[list[Piece]]:
        self.redraws += 1
        lines = _parse(_build(chart, drawn, grid, margin))
        for number, limit in enumerate(chart.limits):
            if 0 <= limit.value <= chart.top:
                row = grid.rows - 1 - row_of(limit.value, chart.top, grid.rows)
                lines[row] = _label(lines[row], limit.label, LIMIT_CODE + number)
        return lines

    def _style_line(self, line: list[Piece], width: int) -> Strip:
        base = self.ink.base()
        segments = [Segment(text, self._style(code, base).rich_style) for text, code in line]
        return Strip(Segment.simplify(segments)).adjust_cell_length(width, base.rich_style)

    def _style(self, code: int, base: Style) -> Style:
        if not code:
            return base
        component = "axis"
        if 0 < code <= len(ROLES):
            component = ROLES[code - 1]
        elif self._chart and LIMIT_CODE <= code < LIMIT_CODE + len(self._chart.limits):
            component = self._chart.limits[code - LIMIT_CODE].role
        return self.ink.base(f"timechart--{component}")


def legend(chart: ChartData) -> Content:
    """Names and last values in their colours, for a border subtitle: it hides no data there."""
    pieces: list[tuple[str, str]] = []
    for series in chart.series:
        pieces += [("━ ", role_style(series.role)), (f"{series.name} {series.text}".strip() + "  ", "")]
    for limit in chart.limits:
        pieces += [("┄ ", role_style(limit.role)), (f"{limit.name}  ", "")]
    return Content.assemble(*pieces).rstrip()


def _build(chart: ChartData, drawn: tuple[Curve, ...], grid: Grid, margin: int) -> str:
    """The chart as plotext draws it: ANSI text with our colour numbers."""
    # Imported on the first drawing: 30 ms that the first paint of the application need not wait for.
    import plotext

    figure: Any = plotext
    # plotext has one figure for the whole process: everything is set each time and no data is left behind.
    figure.clear_data()
    figure.limit_size(False, False)  # else it asks the terminal
    figure.plot_size(grid.columns + margin + 1, grid.rows + 2)
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    figure.canvas_color("default")
    figure.axes_color("default")
    figure.ticks_color(AXIS_CODE)
    _set_scales(figure, chart, grid, margin)
    # The first limit last: where two share a row, the more important one is seen.
    for number, limit in reversed(list(enumerate(chart.limits))):
        if 0 <= limit.value <= chart.top:
            figure.horizontal_line(row_of(limit.value, chart.top, grid.rows), color=LIMIT_CODE + number)
    _set_curves(figure, drawn, grid)
    text: str = figure.build()
    figure.clear_data()
    return text


def _set_curves(figure: Any, drawn: tuple[Curve, ...], grid: Grid) -> None:
    """The curves as one set of braille characters, each in its own colour."""
    found = marks([curve.pieces for curve in drawn], grid.columns)
    colours = [ROLES.index(curve.role) + 1 for curve in drawn]
    if found:
        figure.scatter(
            [mark.column for mark in found],
            [mark.row for mark in found],
            marker=[mark.character for mark in found],
            color=[colours[mark.number] for mark in found],
        )


def _set_scales(figure: Any, chart: ChartData, grid: Grid, margin: int) -> None:
    """Scales in cells, so that plotext places every character where it was counted."""
    right = grid.columns - 1
    figure.xlim(0, right)
    # plotext divides by the height of the scale: a single row needs one above it.
    figure.ylim(0, max(1, grid.rows - 1))
    labels = {row_of(value, chart.top, grid.rows): text for value, text in chart.ticks}
    figure.yticks(list(labels) or [0], [text[:margin].rjust(margin) for text in labels.values()] or [" " * margin])
    places = [(1 - (chart.now - time) / chart.span, label) for time, label in chart.places] or _even(chart, grid)
    figure.xticks([share * right for share, _ in places], [label for _, label in places])


def _even(chart: ChartData, grid: Grid) -> list[tuple[float, str]]:
    """As many times as fit without touching: halves always, quarters when wide."""
    parts = 4 if grid.columns >= 60 else 2 if grid.columns >= 24 else 1
    shares = [part / parts for part in range(parts + 1)]
    return [(share, _ago(chart.span * (1 - share))) for share in shares]


def _parse(ansi: str) -> list[list[Piece]]:
    r"""Lines of text with the colour numbers plotext was asked for.

    >>> _parse("\x1b[38;5;3mab\x1b[0m c")
    [[('ab', 3), (' c', 0)]]
    """
    lines: list[list[Piece]] = []
    for line in ansi.rstrip("\n").split("\n"):
        parts = _SGR.split(line)
        codes = [0, *(int(code.rsplit(";", 1)[-1] or 0) for code in parts[1::2])]
        lines.append([(text, code) for text, code in zip(parts[::2], codes, strict=True) if text])
    return lines


def _label(line: list[Piece], label: str, code: int) -> list[Piece]:
    """The limit's line dotted, with its label in the first stretch from the right that has room for it."""
    dotted = [(text.replace("─", "┄"), number) if number == code else (text, number) for text, number in line]
    for index in range(len(dotted) - 1, -1, -1):
        text, number = dotted[index]
        if label and number == code and len(text) > len(label) + 2:
            dotted[index] = (f"{text[: -len(label) - 2]} {label} ", number)
            break
    return dotted


def _ago(seconds: float) -> str:
    """A time before now, short.

    >>> _ago(600), _ago(150), _ago(45), _ago(5400), _ago(0)
    ('-10m', '-2.5m', '-45s', '-1.5h', 'now')
    """
    if seconds <= 0:
        return "now"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"-{round(seconds / size, 1):g}{unit}"
    return f"-{round(seconds, 1):g}s"


def _known(series: Series) -> int:
    """How many values there are, counted no further than matters."""
    known = 0
    for _, value in reversed(series.points):
        known += value is not None
        if known == 2:
            break
    return known


def _last(series: Series) -> Content:
    value = next((value for _, value in reversed(series.points) if value is not None), None)
    text = series.text or ("–" if value is None else f"{value:.4g}")
    return Content.assemble((f"{series.name} ", "$foreground-muted"), (text, role_style(series.role)))
