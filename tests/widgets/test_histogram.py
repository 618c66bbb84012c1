from __future__ import annotations

from typing import Any

import pytest
from textual.content import Content

from widgets.histogram import Bar, Histogram


def bars(*values: float) -> list[Bar]:
    return [Bar(Content(f"< {number}h"), value, Content(f"{value:g}%")) for number, value in enumerate(values)]


async def test_labels_bars_and_texts_line_up_also_with_wide_characters(on_stage: Any) -> None:
    widget = Histogram()
    widget.show_bars([*bars(50, 100), Bar(Content("日本"), 0, Content("0%"))])
    async with on_stage(widget, 20, 4) as stage:
        assert stage.lines == ["< 0h █████       50%", "< 1h ██████████ 100%", "日本              0%", ""]


async def test_only_the_changed_part_of_a_bar_is_repainted(on_stage: Any) -> None:
    widget = Histogram()
    widget.show_bars(bars(50, 100))
    async with on_stage(widget, 40, 2) as stage:
        painted = await stage.cells(lambda: widget.show_bars(bars(60, 100)))
        assert {line for line, _, _ in painted} == {0}
        assert await stage.cells(lambda: widget.show_bars(bars(60, 100))) == []


async def test_a_given_top_keeps_the_scale(on_stage: Any) -> None:
    widget = Histogram()
    widget.show_bars(bars(50), top=100)
    async with on_stage(widget, 19, 1) as stage:
        assert stage.lines == ["< 0h █████      50%"]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4, 2), (9, 1), (14, 5), (250, 70)])
async def test_any_size_draws(on_stage: Any, width: int, height: int) -> None:
    widget = Histogram()
    widget.show_bars(bars(0, 1, 1e9))
    async with on_stage(widget, width, height):
        assert all(widget.render_line(y).cell_length == width for y in range(height))
