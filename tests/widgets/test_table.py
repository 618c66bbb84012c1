from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import pytest
from textual.content import Content
from textual.events import MouseScrollDown

from widgets.columns import Column
from widgets.rows import Row
from widgets.table import Table

COLUMNS = (Column("family"), Column("keys", 6, "right", priority=2), Column("type", 6, priority=1))


def row(name: str, keys: int = 1, **options: Any) -> Row:
    return Row(name, (Content(name), Content(str(keys)), Content("hash")), **options)


def rows(count: int, first: int = 0) -> list[Row]:
    return [row(f"row{number}", number) for number in range(first, first + count)]


class Lazy(Sequence[Row]):
    """A hundred thousand rows that notes which were looked at."""

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift
        self.touched: set[int] = set()

    def __len__(self) -> int:
        return 100_000

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        assert isinstance(index, int)
        self.touched.add(index)
        return row(f"row{index - self.shift}")

    def index_of(self, key: str) -> int:
        return int(key[3:]) + self.shift


async def test_header_and_columns_line_up_also_with_wide_characters(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows([row("plain", 12), row("日本語", 345), row("👩‍👩‍👧 family", 6)])
    async with on_stage(table, 40, 5) as stage:
        assert stage.lines[:4] == [
            " family                     keys type",
            "▌plain                        12 hash",
            " 日本語                      345 hash",
            " 👩‍👩‍👧 family                     6 hash",
        ]


async def test_only_the_changed_number_is_repainted(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows([row("a", 1), row("b", 2)])
    async with on_stage(table, 40, 5) as stage:
        [(line, start, end)] = await stage.cells(lambda: table.show_rows([row("a", 1), row("b", 3)]))
        assert (line, end - start) == (2, 1)
        assert await stage.cells(lambda: table.show_rows([row("a", 1), row("b", 3)])) == []


async def test_more_rows_do_not_lay_the_screen_out_again(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(20))
    async with on_stage(table, 40, 5) as stage:
        assert all(start == 39 for _, start, _ in await stage.cells(lambda: table.show_rows(rows(60))))


async def test_cursor_follows_its_row(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(50))
    async with on_stage(table, 40, 10) as stage:
        table.move_to_key("row20")
        await stage.settle()
        line = next(y for y, text in enumerate(stage.lines) if "row20" in text)
        table.show_rows([row(f"new{number}") for number in range(7)] + rows(50))
        await stage.settle()
        assert table.cursor_key == "row20"
        assert table.cursor == 27
        assert "row20" in stage.lines[line]


async def test_window_follows_its_top_row_when_the_cursor_is_elsewhere(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(50))
    async with on_stage(table, 40, 10) as stage:
        table.scroll_to_line(30)
        await stage.settle()
        before = stage.lines[1:]
        table.show_rows([row("x"), row("y"), *rows(50)])
        await stage.settle()
        assert [line[:30] for line in stage.lines[1:]] == [line[:30] for line in before]


async def test_cursor_stays_near_when_its_row_is_gone(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(10))
    async with on_stage(table, 40, 20) as stage:
        table.move_to(9)
        table.show_rows(rows(4))
        await stage.settle()
        assert (table.cursor, table.cursor_key) == (3, "row3")
        assert [message.key for message in stage.told(Table.Highlighted)] == ["row0", "row9", "row3"]


async def test_touches_only_visible_rows_of_many(on_stage: Any) -> None:
    table, lazy = Table(COLUMNS), Lazy()
    table.show_rows(lazy)
    async with on_stage(table, 40, 12) as stage:
        await stage.pilot.press("end", "pageup", "home", "down")
        later = Lazy(shift=5_000)
        table.show_rows(later)
        await stage.settle()
        assert len(lazy.touched) < 100
        assert table.cursor == 5_001
        assert len(later.touched) < 200


@pytest.mark.parametrize(
    ("keys", "cursor"),
    [
        (["down", "j", "down", "up"], 2),
        (["k", "up"], 0),
        (["pagedown"], 8),
        (["end"], 49),
        (["end", "home"], 0),
        (["end", "pageup", "down"], 42),
    ],
)
async def test_keys_move_the_cursor_into_view(on_stage: Any, keys: list[str], cursor: int) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(50))
    async with on_stage(table, 40, 10) as stage:
        await stage.pilot.press(*keys)
        await stage.settle()
        assert table.cursor == cursor
        assert any(line.startswith(f"▌row{cursor} ") for line in stage.lines)


async def test_moving_the_cursor_repaints_two_lines(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(5))
    async with on_stage(table, 40, 10) as stage:
        table.focus()
        assert {line for line, _, _ in await stage.cells(lambda: table.move_to(1))} == {1, 2}


def tree() -> list[Row]:
    return [row("a", fold="open"), row("a1", depth=1), row("a2", depth=1, fold="closed"), row("b", fold="closed")]


async def test_a_tree_shows_levels_and_markers(on_stage: Any) -> None:
    table = Table(COLUMNS, tree=True)
    table.show_rows(tree())
    async with on_stage(table, 40, 6) as stage:
        assert [line[:10].rstrip() for line in stage.lines[1:5]] == ["▌▾ a", "     a1", "   ▸ a2", " ▸ b"]


async def test_tree_keys_ask_for_folding_and_walk(on_stage: Any) -> None:
    table = Table(COLUMNS, tree=True)
    table.show_rows(tree())
    async with on_stage(table, 40, 6) as stage:
        table.focus()
        await stage.pilot.press("left", "right", "left", "down", "down", "right", "space", "left", "enter")
        await stage.settle()
        assert [message.key for message in stage.told(Table.Toggled)] == ["a", "a2", "a2"]
        assert [message.key for message in stage.told(Table.Chosen)] == ["a"]


async def test_mouse_selects_toggles_and_chooses(on_stage: Any) -> None:
    table = Table(COLUMNS, tree=True)
    table.show_rows(tree())
    async with on_stage(table, 40, 8) as stage:
        await stage.pilot.click(offset=(8, 2))
        assert table.cursor_key == "a1"
        await stage.pilot.click(offset=(3, 3))
        await stage.pilot.click(offset=(8, 4), times=2)
        await stage.pilot.click(offset=(2, 0))
        await stage.settle()
        assert [message.key for message in stage.told(Table.Toggled)] == ["a2"]
        assert [message.key for message in stage.told(Table.Chosen)] == ["b"]
        assert [message.title for message in stage.told(Table.HeaderClicked)] == ["family"]


async def test_a_click_below_the_rows_does_nothing(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(2))
    async with on_stage(table, 40, 10) as stage:
        await stage.pilot.click(offset=(5, 8))
        assert table.cursor == 0


async def test_narrow_tables_drop_the_least_important_column(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(2))
    async with on_stage(table, 22, 4) as stage:
        assert stage.lines[0].split() == ["family", "keys"]
        await stage.pilot.resize_terminal(12, 4)
        await stage.settle()
        assert stage.lines[0].split() == ["family"]


async def test_the_sorted_column_has_an_arrow_that_moves_nothing(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(2))
    async with on_stage(table, 40, 4) as stage:
        plain = stage.lines[0]
        table.sorted_by = ("keys", True)
        await stage.settle()
        assert stage.lines[0] == plain.replace(" keys", "↓keys")


async def test_without_rows_it_says_why(on_stage: Any) -> None:
    table = Table(COLUMNS, empty=Content("No streams.\nXADD makes one."))
    async with on_stage(table, 40, 6) as stage:
        assert stage.lines[:2] == [" No streams.", " XADD makes one."]
        table.show_rows(rows(1))
        await stage.settle()
        assert "row0" in stage.lines[1]
        table.show_rows([])
        await stage.settle()
        assert stage.lines[0] == " No streams."
        await stage.pilot.press("down", "enter", "end", "space", "left")
        assert table.cursor_key is None


async def test_the_cursor_shows_without_colour_and_is_dim_without_focus(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(2))
    async with on_stage(table, 40, 4) as stage:
        table.blur()
        await stage.settle()
        blurred = stage.colour_of("▌")
        table.focus()
        await stage.settle()
        assert stage.lines[1].startswith("▌")
        assert stage.colour_of("▌") != blurred


async def test_wheel_scrolls_without_moving_the_cursor(on_stage: Any) -> None:
    table = Table(COLUMNS)
    table.show_rows(rows(50))
    async with on_stage(table, 40, 10) as stage:
        await stage.pilot._post_mouse_events([MouseScrollDown], table, offset=(5, 5))
        await stage.settle()
        assert (table.top, table.cursor) == (3, 0)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 17, 80, 250])
@pytest.mark.parametrize("height", [1, 2, 3, 70])
async def test_any_size_draws(on_stage: Any, width: int, height: int) -> None:
    table = Table(COLUMNS, tree=True)
    table.show_rows([row("日本語" * 9, depth=7, fold="open"), *rows(100)])
    async with on_stage(table, width, height) as stage:
        table.focus()
        await stage.pilot.press("down", "end", "pageup")
        assert all(table.render_line(y).cell_length == width for y in range(height))
