from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from widgets.chart import ChartData, Limit, Series, TimeChart, legend
from widgets.chart_data import Grid, curves

NOW = 1_700_000_000.0


def steady(value: float, seconds: int = 600) -> list[tuple[float, float | None]]:
    return [(NOW - seconds + second, value) for second in range(seconds + 1)]


def chart(*series: Series, **options: Any) -> ChartData:
    plain = ChartData(series or (Series("used", steady(50)),), (), NOW, 600, 100, ((0, "0"), (100, "100%")))
    return replace(plain, **options)


def braille(lines: list[str]) -> list[str]:
    return ["".join(" " if c < "\u2800" or c > "\u28ff" else c for c in line) for line in lines]


async def test_draws_axes_ticks_and_times(on_stage: Any) -> None:
    widget = TimeChart()
    widget.show(chart())
    async with on_stage(widget, 60, 10) as stage:
        assert stage.lines[0].startswith("100%┤")
        assert stage.lines[7].startswith("   0┤")
        assert stage.lines[9].split() == ["-10m", "-5m", "now"]


async def test_a_value_keeps_its_height_on_the_fixed_scale(on_stage: Any) -> None:
    widget = TimeChart()
    widget.show(chart(Series("hit", steady(99.3))))
    async with on_stage(widget, 60, 10) as stage:
        rows = [number for number, line in enumerate(braille(stage.lines)) if line.strip()]
        assert rows == [0]


async def test_draws_nothing_again_when_nothing_changed(on_stage: Any) -> None:
    widget = TimeChart()
    widget.show(chart())
    async with on_stage(widget, 60, 10) as stage:
        before = widget.redraws
        assert await stage.cells(lambda: widget.show(chart())) == []
        assert await stage.cells(lambda: widget.show(chart(now=NOW + 0.01))) == []
        assert widget.redraws == before


async def test_between_steps_only_the_last_column_changes(on_stage: Any) -> None:
    widget = TimeChart()
    cell = 600 / 55
    start = (NOW // cell) * cell
    points = [(start - 600 + second, 30.0 + second % 7) for second in range(602)]
    widget.show(chart(Series("used", points), now=start + 2))
    async with on_stage(widget, 60, 10) as stage:
        later = Series("used", [*points, (start + 3, 90.0)])
        painted = await stage.cells(lambda: widget.show(chart(later, now=start + 3)))
        assert painted
        # The line up to the new dot starts in the cell before it.
        assert min(left for _, left, _ in painted) >= 58


async def test_a_finished_column_keeps_its_height_while_the_window_moves() -> None:
    grid = Grid(50, 8)
    points = [(NOW + second, float(second * 37 % 100)) for second in range(-700, 60)]
    cell = 600 / 50
    first, second = (
        dict(curves(chart(Series("used", points), now=now), grid)[0].pieces[0]) for now in (NOW, NOW + cell)
    )
    shared = {x: y for x, y in first.items() if x >= 2 and x < 94}
    assert shared
    assert all(second[x - 2] == y for x, y in shared.items())


@pytest.mark.parametrize("missing", ["none", "absent"])
async def test_a_gap_is_empty_and_never_bridged(on_stage: Any, missing: str) -> None:
    points: list[tuple[float, float | None]] = [
        (time, None if NOW - 400 < time < NOW - 200 else value) for time, value in steady(50)
    ]
    if missing == "absent":
        points = [point for point in points if point[1] is not None]
    widget = TimeChart()
    widget.show(chart(Series("used", points)))
    async with on_stage(widget, 65, 10) as stage:
        [row] = [line for line in braille(stage.lines) if line.strip()]
        pieces = row.split()
        assert len(pieces) == 2
        assert 18 <= len(row.strip()) - sum(map(len, pieces)) <= 22


async def test_a_limit_is_a_labelled_dotted_line_that_hides_no_data(on_stage: Any) -> None:
    widget = TimeChart()
    data = chart(limits=(Limit("maxmemory", 50, "maxmemory"), Limit("far", 500, "far")))
    widget.show(data)
    async with on_stage(widget, 60, 12) as stage:
        assert "far" not in "".join(stage.lines)
        assert len("".join(braille(stage.lines)).split()[0]) >= 54
        widget.show(replace(data, series=(Series("used", steady(5)),)))
        await stage.settle()
        assert any("┄┄ maxmemory" in line for line in stage.lines)


async def test_colours_follow_role_and_theme(on_stage: Any) -> None:
    widget = TimeChart()
    widget.show(chart(Series("a", steady(10), "success"), Series("b", steady(90), "error")))
    async with on_stage(widget, 60, 10) as stage:
        marks = [next(c for c in line if c.strip()) for line in braille(stage.lines) if line.strip()]
        dark = {stage.colour_of(mark) for mark in marks}
        drawn = widget.redraws
        stage.app.theme = "nord"
        await stage.settle()
        nord = {stage.colour_of(mark) for mark in marks}
        assert len(dark) == len(nord) == 2
        assert not dark & nord
        assert widget.redraws == drawn


async def test_works_without_colour(on_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    widget = TimeChart()
    widget.show(chart())
    async with on_stage(widget, 60, 10) as stage:
        assert any(line.strip() for line in braille(stage.lines))


async def test_two_charts_do_not_disturb_each_other(on_stage: Any) -> None:
    one, other = TimeChart(), TimeChart()
    one.show(chart())
    other.show(chart(Series("x", steady(5)), limits=(Limit("limit", 80, "limit"),)))
    async with on_stage(one, 60, 10) as stage:
        alone = stage.lines
        await stage.app.mount(other)
        await stage.settle()
        one.show(chart(Series("used", steady(20))))
        one.show(chart())
        await stage.settle()
        assert [one.render_line(y).text.rstrip() for y in range(10)] == alone


async def test_with_fewer_than_two_points_it_is_collecting(on_stage: Any) -> None:
    widget = TimeChart()
    async with on_stage(widget, 60, 10) as stage:
        assert stage.lines[0] == "collecting…"
        widget.show(chart(Series("used", [(NOW, 1.0), (NOW - 1, None)])))
        await stage.settle()
        assert stage.lines[0] == "collecting…"
        assert widget.redraws == 0


async def test_with_too_little_room_it_writes_the_last_values(on_stage: Any) -> None:
    widget = TimeChart()
    widget.show(chart(Series("used", steady(50), text="50M"), Series("rss", steady(60.5))))
    async with on_stage(widget, 19, 3) as stage:
        assert stage.lines == ["used 50M", "rss 60.5", ""]


def test_the_legend_names_every_curve_and_limit() -> None:
    data = chart(Series("used", steady(1), text="1M"), limits=(Limit("maxmemory", 9, "max"),))
    assert legend(data).plain == "━ used 1M  ┄ maxmemory"


@pytest.mark.parametrize("width", [1, 2, 19, 20, 21, 79, 250])
@pytest.mark.parametrize("height", [1, 3, 4, 5, 70])
async def test_any_size_draws(on_stage: Any, width: int, height: int) -> None:
    ticks = ((0, "0"), (50, "a long label for a tick"), (100, "100%"))
    widget = TimeChart()
    widget.show(chart(ticks=ticks, limits=(Limit("l", 50, "label"),), top=100))
    async with on_stage(widget, width, height):
        assert all(widget.render_line(y).cell_length == width for y in range(height))


@pytest.mark.parametrize("top", [0, -1, 1e-9, 1e18])
async def test_any_scale_draws(on_stage: Any, top: float) -> None:
    widget = TimeChart()
    widget.show(chart(Series("x", [*steady(-5), (NOW + 1, 1e30)]), top=top, limits=(Limit("l", 0, "l"),)))
    async with on_stage(widget, 60, 10) as stage:
        assert stage.lines[9]
