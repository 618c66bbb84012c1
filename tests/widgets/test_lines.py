from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.content import Content

from widgets.lines import Lines


def some(*texts: str) -> list[Content]:
    return [Content(text) for text in texts]


async def test_repaints_only_the_changed_cells(on_stage: Any) -> None:
    widget = Lines(some("used 12M", "peak 20M"))
    async with on_stage(widget, 20, 4) as stage:
        assert await stage.cells(lambda: widget.show_lines(some("used 13M", "peak 20M"))) == [(0, 6, 7)]
        assert stage.lines[0] == "used 13M"


async def test_repaints_nothing_when_nothing_changed(on_stage: Any) -> None:
    widget = Lines(some("used 12M"))
    async with on_stage(widget, 20, 4) as stage:
        assert await stage.cells(lambda: widget.show_lines(some("used 12M"))) == []


async def test_a_colour_alone_is_a_change(on_stage: Any) -> None:
    widget = Lines([Content.styled("ok", "$success")])
    async with on_stage(widget, 20, 2) as stage:
        assert await stage.cells(lambda: widget.show_lines([Content.styled("ok", "$error")])) == [(0, 0, 2)]


async def test_follows_the_theme(on_stage: Any) -> None:
    widget = Lines([Content.assemble(("red", "$error"), (" dim", "$text-muted"), " plain")])
    async with on_stage(widget, 30, 2) as stage:
        before = [stage.colour_of(text) for text in ("red", "dim", "plain")]
        stage.app.theme = "textual-light"
        await stage.settle()
        after = [stage.colour_of(text) for text in ("red", "dim", "plain")]
        assert before[1:] != after[1:]
        assert len(set(before)) == len(set(after)) == 3


async def test_muted_text_is_weaker_than_plain_text(on_stage: Any) -> None:
    widget = Lines([Content.assemble(("dim", "$text-muted"), " plain")])
    async with on_stage(widget, 30, 1) as stage:
        assert stage.colour_of("dim") < stage.colour_of("plain")


async def test_long_lines_end_in_an_ellipsis_also_through_a_wide_character(on_stage: Any) -> None:
    widget = Lines(some("abcdefgh", "日本語日本語"))
    async with on_stage(widget, 6, 2) as stage:
        assert stage.lines == ["abcde…", "日本 …"]


async def test_control_characters_never_reach_a_strip(on_stage: Any) -> None:
    widget = Lines(some("a\x1b[31mb\nc\td\x9be\x00"))
    async with on_stage(widget, 20, 1) as stage:
        assert all(character.isprintable() for character in stage.lines[0])


@pytest.mark.parametrize("style", ["$nonsense", "no such style!!", "[", ""])
async def test_an_unknown_style_draws_plain(on_stage: Any, style: str) -> None:
    async with on_stage(Lines([Content.styled("text", style)]), 20, 1) as stage:
        assert stage.lines == ["text"]


async def test_is_as_tall_as_its_lines() -> None:
    class Page(App[None]):
        def compose(self) -> ComposeResult:
            yield Lines(some("one"))

    app = Page()
    async with app.run_test(size=(20, 10)) as pilot:
        lines = app.query_one(Lines)
        assert lines.size.height == 1
        lines.show_lines(some("one", "two", "three"))
        await pilot.pause()
        assert lines.size.height == 3


async def test_lines_shown_before_mounting_appear(on_stage: Any) -> None:
    widget = Lines()
    widget.show_lines(some("early"))
    async with on_stage(widget, 20, 2) as stage:
        assert stage.lines[0] == "early"


async def test_hidden_and_shown_again_it_is_up_to_date(on_stage: Any) -> None:
    widget = Lines(some("old"))
    async with on_stage(widget, 20, 2) as stage:
        widget.display = False
        await stage.settle()
        widget.show_lines(some("new"))
        await stage.settle()
        widget.display = True
        await stage.settle()
        assert stage.lines[0] == "new"
