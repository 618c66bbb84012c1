from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.content import Content

from widgets.frame import Framed
from widgets.lines import Lines


class Pane(Framed):
    DEFAULT_CSS = """
    Pane { border: round $foreground; padding: 1; border-title-align: left; border-subtitle-align: right; }
    """

    def compose(self) -> ComposeResult:
        yield Lines([Content("inside")])


async def test_a_changed_title_repaints_only_its_part_of_the_border(on_stage: Any) -> None:
    pane = Pane()
    async with on_stage(pane, 60, 12) as stage:
        await stage.cells(lambda: pane.show_title(Content("Names [b]14 % seen")))
        painted = await stage.cells(lambda: pane.show_title(Content("Names [b]15 % seen")))
        assert {line for line, _, _ in painted} == {0}
        assert max(right for _, _, right in painted) < 30
        assert "Names [b]15 % seen" in stage.lines[0]


async def test_a_changed_subtitle_repaints_the_lower_border(on_stage: Any) -> None:
    pane = Pane()
    async with on_stage(pane, 60, 12) as stage:
        painted = await stage.cells(lambda: pane.show_subtitle(Content("used 3M")))
        assert {line for line, _, _ in painted} == {11}
        assert min(left for _, left, _ in painted) > 40
        assert "used 3M" in stage.lines[11]


async def test_the_same_title_repaints_nothing_but_another_colour_does(on_stage: Any) -> None:
    pane = Pane()
    async with on_stage(pane, 60, 12) as stage:
        await stage.cells(lambda: pane.show_title(Content.styled("Names", "$primary")))
        assert await stage.cells(lambda: pane.show_title(Content.styled("Names", "$primary"))) == []
        assert await stage.cells(lambda: pane.show_title(Content.styled("Names", "$error"))) != []


async def test_titles_shown_before_mounting_appear(on_stage: Any) -> None:
    pane = Pane()
    pane.show_title(Content("early"))
    pane.show_subtitle(Content("late"))
    async with on_stage(pane, 60, 12) as stage:
        assert "early" in stage.lines[0]
        assert "late" in stage.lines[11]
