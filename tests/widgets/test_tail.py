from __future__ import annotations

from typing import Any

import pytest
from textual.content import Content
from textual.style import Style

from widgets.ink import Align, Segments
from widgets.tail import Tail


def entries(count: int, first: int = 0) -> list[Content]:
    return [Content(f"entry {number}") for number in range(first, first + count)]


def shown(stage: Any) -> list[str]:
    return [line.rstrip("▐ ") for line in stage.lines]


async def test_follows_the_end(on_stage: Any) -> None:
    tail = Tail()
    async with on_stage(tail, 30, 4) as stage:
        tail.extend(entries(10))
        await stage.settle()
        assert shown(stage) == ["entry 6", "entry 7", "entry 8", "entry 9"]


async def test_nothing_moves_while_the_reader_looks_back(on_stage: Any) -> None:
    tail = Tail(max_lines=20)
    async with on_stage(tail, 40, 4) as stage:
        tail.extend(entries(20))
        await stage.settle()
        tail.focus()
        await stage.pilot.press("up", "up")
        await stage.settle()
        before = shown(stage)[:3]
        tail.extend(entries(7, first=20))
        await stage.settle()
        assert shown(stage)[:3] == before == ["entry 14", "entry 15", "entry 16"]
        assert stage.lines[3].startswith("entry 17")
        assert stage.lines[3].endswith("+7 new ↓")


async def test_the_end_key_follows_again_and_tells(on_stage: Any) -> None:
    tail = Tail()
    async with on_stage(tail, 30, 4) as stage:
        tail.extend(entries(20))
        tail.focus()
        await stage.pilot.press("pageup")
        tail.extend(entries(5, first=20))
        await stage.pilot.press("end")
        await stage.settle()
        assert shown(stage)[-1] == "entry 24"
        assert [message.following for message in stage.told(Tail.FollowingChanged)] == [False, True]


async def test_scrolling_back_to_the_end_follows_again(on_stage: Any) -> None:
    tail = Tail()
    async with on_stage(tail, 30, 4) as stage:
        tail.extend(entries(20))
        tail.focus()
        await stage.pilot.press("up", "down")
        assert tail.following


async def test_a_reader_overtaken_by_the_bound_sees_the_oldest_kept(on_stage: Any) -> None:
    tail = Tail(max_lines=10)
    async with on_stage(tail, 30, 4) as stage:
        tail.extend(entries(10))
        tail.focus()
        await stage.pilot.press("home")
        tail.extend(entries(500, first=10))
        await stage.settle()
        assert (tail.top, tail.line_count, tail.new) == (0, 10, 500)
        assert shown(stage)[0] == "entry 500"


async def test_draws_only_what_is_visible(on_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail()
    async with on_stage(tail, 30, 4) as stage:
        drawn: list[str] = []
        draw = tail.ink._draw

        def noted(content: Content, width: int, base: Style, align: Align) -> Segments:
            drawn.append(content.plain)
            return draw(content, width, base, align)

        monkeypatch.setattr(tail.ink, "_draw", noted)
        for batch in range(50):
            tail.extend(entries(1_000, first=batch * 1_000))
        await stage.settle()
        assert shown(stage)[-1] == "entry 49999"
        assert len(drawn) < 20


async def test_an_empty_extend_repaints_nothing(on_stage: Any) -> None:
    tail = Tail()
    tail.extend(entries(3))
    async with on_stage(tail, 30, 4) as stage:
        assert await stage.cells(lambda: tail.extend([])) == []


async def test_clear_forgets_and_follows(on_stage: Any) -> None:
    tail = Tail(empty=Content("Waiting for entries"))
    async with on_stage(tail, 30, 4) as stage:
        tail.extend(entries(20))
        tail.focus()
        await stage.pilot.press("home")
        tail.clear()
        await stage.settle()
        assert shown(stage)[0] == "Waiting for entries"
        assert tail.following
        assert tail.line_count == 0


async def test_dragging_the_scroll_mark_scrolls(on_stage: Any) -> None:
    tail = Tail()
    async with on_stage(tail, 30, 10) as stage:
        tail.extend(entries(100))
        await stage.settle()
        await stage.pilot.mouse_down(offset=(29, 0))
        await stage.pilot.mouse_up(offset=(29, 0))
        await stage.settle()
        assert tail.top == 0
        assert not tail.following


async def test_a_wide_line_is_cut_where_the_mark_begins(on_stage: Any) -> None:
    tail = Tail()
    async with on_stage(tail, 9, 2) as stage:
        tail.extend([Content("日本語日本語")])
        await stage.settle()
        assert stage.lines[0] == "日本語 …"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (5, 1), (250, 70)])
async def test_any_size_draws(on_stage: Any, width: int, height: int) -> None:
    tail = Tail(empty=Content("nothing yet"))
    async with on_stage(tail, width, height) as stage:
        tail.extend(entries(200))
        tail.focus()
        await stage.pilot.press("home", "down")
        tail.extend(entries(20_000))
        await stage.settle()
        assert all(tail.render_line(y).cell_length == width for y in range(height))
