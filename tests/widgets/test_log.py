from __future__ import annotations

from typing import Any

import pytest
from textual.content import Content

from widgets.log import Log


def shown(stage: Any) -> list[str]:
    return [line.strip("▐▌ ") for line in stage.lines]


def window(first: int, count: int) -> list[int]:
    return list(range(first, first + count))


def log_of() -> Log:
    return Log(lambda number: Content(f"entry {number}"), empty=Content("nothing yet"))


async def test_follows_the_end_with_the_cursor_on_the_newest_line(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 30, 4) as stage:
        log.show_window(window(1, 10), 1)
        await stage.settle()
        assert shown(stage) == ["entry 7", "entry 8", "entry 9", "entry 10"]
        log.show_window(window(4, 10), 4)
        await stage.settle()
        assert shown(stage)[-1] == "entry 13"
        assert log.item == 13


async def test_nothing_moves_while_the_reader_looks_back_though_old_lines_go(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 40, 4) as stage:
        log.show_window(window(1, 20), 1)
        log.focus()
        await stage.settle()
        await stage.pilot.press(*["up"] * 6)
        before = shown(stage)
        log.show_window(window(6, 20), 6)
        await stage.settle()
        assert shown(stage)[:3] == before[:3] == ["entry 14", "entry 15", "entry 16"]
        assert log.item == 14
        assert "+5 new" in stage.lines[-1]
        log.show_window(window(16, 20), 16)
        await stage.settle()
        assert shown(stage)[0] == "entry 16", "what went cannot be shown any more"
        assert log.item == 16
        await stage.pilot.press("end")
        assert (log.following, log.item) == (True, 35)


async def test_enter_and_double_click_open_a_line(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 30, 4) as stage:
        log.show_window(window(1, 10), 1)
        log.focus()
        await stage.settle()
        await stage.pilot.press("up", "enter")
        await stage.pilot.click(offset=(3, 0), times=2)
        await stage.settle()
        assert [message.item for message in stage.told(Log.Chosen)] == [9, 7]


async def test_an_open_ended_log_asks_for_more_and_never_follows(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 30, 4) as stage:
        log.open_ended = True
        log.show_window(window(1, 20), 1, anew=True)
        log.stay()
        log.focus()
        await stage.settle()
        assert shown(stage)[0] == "entry 1"
        await stage.pilot.press("down", "down")
        assert stage.told(Log.EndNear) == []
        await stage.pilot.press("end")
        await stage.settle()
        assert len(stage.told(Log.EndNear)) == 1
        assert (log.following, log.item) == (False, 20)
        log.show_window(window(1, 40), 1)
        await stage.settle()
        assert log.item == 20
        assert "new" not in stage.lines[-1]


async def test_a_log_with_more_before_it_asks_for_that_and_stays_where_it_is_when_it_comes(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 30, 4) as stage:
        log.earlier = True
        log.show_window(window(101, 20), 101)
        log.focus()
        await stage.settle()
        await stage.pilot.press("up", "up")
        assert stage.told(Log.StartNear) == []
        await stage.pilot.press("home")
        await stage.settle()
        assert len(stage.told(Log.StartNear)) == 1
        log.show_window(window(81, 40), 81)
        await stage.settle()
        assert (log.item, shown(stage)[0]) == (101, "entry 101")
        await stage.pilot.press("up")
        assert log.item == 100
        log.show_window(window(81, 5), 81)
        await stage.settle()
        await stage.pilot.press("home", "home")
        assert len(stage.told(Log.StartNear)) == 3, "from the first line, too"
        log.earlier = False
        await stage.pilot.press("home")
        assert len(stage.told(Log.StartNear)) == 3


async def test_a_window_that_begins_anew_is_shown_from_its_end_or_its_first_line(on_stage: Any) -> None:
    log = log_of()
    async with on_stage(log, 30, 4) as stage:
        log.show_window(window(1, 10), 1)
        log.show_window(window(100, 20), 50, anew=True)
        await stage.settle()
        assert shown(stage)[-1] == "entry 119"
        log.show_window((), 70, anew=True)
        await stage.settle()
        assert shown(stage)[0] == "nothing yet"
        assert log.item is None


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (5, 1), (250, 70)])
async def test_any_size_draws_with_and_without_titles(on_stage: Any, width: int, height: int) -> None:
    log = log_of()
    async with on_stage(log, width, height) as stage:
        for head in (None, Content("titles")):
            log.head = head
            log.show_window(window(1, 200), 1)
            await stage.settle()
            assert all(log.render_line(y).cell_length == width for y in range(height))
