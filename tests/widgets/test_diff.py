from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from widgets.diff import changed_regions, changed_runs

RED, BLUE = Style(color="red"), Style(color="blue")


def line(*pieces: str | tuple[str, Style]) -> Strip:
    return Strip([Segment(*piece) if isinstance(piece, tuple) else Segment(piece) for piece in pieces])


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        (line("same"), line("same"), []),
        (line("abcd"), line("abXd"), [(2, 3)]),
        (line("abcd"), line("ab", "cd"), []),
        (line(("ab", RED)), line(("ab", BLUE)), [(0, 2)]),
        (line("日本"), line("日木"), [(2, 4)]),
        (line("ab", "cd"), line("日", "cd"), [(0, 2)]),
        (line("日", "cd"), line("ab", "cd"), [(0, 2)]),
        (line("a🇩🇪b"), line("a🇫🇷b"), [(0, 4)]),
        (line("abc"), line("abcdef"), [(0, 6)]),
        (None, line("abc"), [(0, 3)]),
    ],
)
def test_names_the_columns_that_differ(old: Strip | None, new: Strip, runs: list[tuple[int, int]]) -> None:
    assert changed_runs(old, new) == runs


def test_far_apart_changes_are_two_runs() -> None:
    assert changed_runs(line("1" + "." * 60 + "1"), line("2" + "." * 60 + "2")) == [(0, 1), (61, 62)]


def test_near_changes_are_one_run() -> None:
    assert changed_runs(line("1....1"), line("2....2")) == [(0, 6)]


def test_new_lines_are_changed_regions() -> None:
    same = line("abc")
    assert [region.y for region in changed_regions([same], [same, line("xyz")])] == [1]


TEXT = st.lists(st.tuples(st.text("ab1 日é🙂", min_size=1, max_size=6), st.sampled_from([RED, BLUE])), max_size=5)


@given(TEXT, TEXT)
def test_painting_the_runs_over_the_old_line_gives_the_new_line(
    old: list[tuple[str, Style]], new: list[tuple[str, Style]]
) -> None:
    before, after = line(*old), line(*new)
    width = max(before.cell_length, after.cell_length)
    before, after = before.adjust_cell_length(width), after.adjust_cell_length(width)
    painted = before
    for start, end in changed_runs(before, after):
        painted = Strip.join([painted.crop(0, start), after.crop(start, end), painted.crop(end)])
    assert painted.simplify() == after.simplify()
