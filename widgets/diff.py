"""Which cells of a line changed: the one place that decides what is sent to the terminal again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

Cell = tuple[str, Style | None]
"""The text of one screen cell and its style; the right half of a wide character is an empty text."""

Run = tuple[int, int]
"""Columns from the first, inclusive, to the second, exclusive."""

FLAG_LETTERS = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
"""Two of them make one flag."""

MOVE_BYTES = 8
"""What starting a run elsewhere costs: one cursor move such as `ESC[12;34H`."""

STYLE_BYTES = 20
"""What a change of colour costs: one true-colour foreground such as `ESC[38;2;224;224;224m`."""


def changed_regions(old: Sequence[Strip], new: Sequence[Strip]) -> Iterator[Region]:
    """The regions, relative to the first line, where new lines differ from the old ones.

    Lines beyond the end of `old` count as changed over their whole width.
    """
    for y, strip in enumerate(new):
        before = old[y] if y < len(old) else None
        if before is strip:
            continue
        for start, end in changed_runs(before, strip):
            yield Region(start, y, end - start, 1)


def changed_runs(old: Strip | None, new: Strip) -> list[Run]:
    """The column ranges in which two lines differ, merged where one write is cheaper than two.

    >>> changed_runs(Strip([Segment("used 12M")]), Strip([Segment("used 13M")]))
    [(6, 7)]
    """
    if old is None or old.cell_length != new.cell_length:
        return [(0, max(new.cell_length, old.cell_length if old else 0))]
    before, after = list(old), list(new)
    if before == after:
        return []
    offset = _drop_common(before, after)
    cells = _cells(after)
    return [(start + offset, end + offset) for start, end in _merge(_runs(_cells(before), cells), cells)]


def _drop_common(before: list[Segment], after: list[Segment]) -> int:
    """Remove equal segments at both ends in place; return how many cells went at the start."""
    common = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        common += 1
    offset = sum(segment.cell_length for segment in after[:common])
    del before[:common], after[:common]
    while before and after and before[-1] == after[-1]:
        before.pop()
        after.pop()
    return offset


def _cells(segments: Sequence[Segment]) -> list[Cell]:
    """One entry for each screen cell."""
    cells: list[Cell] = []
    for text, style, _ in segments:
        if text.isascii():
            cells.extend((character, style) for character in text)
        else:
            cells.extend(_wide_cells(text, style))
    return cells


def _wide_cells(text: str, style: Style | None) -> list[Cell]:
    widths = [cell_len(character) for character in text]
    length = cell_len(text)
    if 0 in widths or sum(widths) != length or any(character in FLAG_LETTERS for character in text):
        # Characters that join (flags, families, accents) are one piece: never cut inside.
        return [(text, style), *[("", style)] * (length - 1)] if length else []
    cells: list[Cell] = []
    for character, width in zip(text, widths, strict=True):
        cells.append((character, style))
        if width == 2:
            cells.append(("", style))
    return cells


def _runs(before: list[Cell], after: list[Cell]) -> list[Run]:
    """Ranges of differing cells; a wide character is always taken whole."""
    runs: list[Run] = []
    length = len(after)
    column = 0
    while column < length:
        if column < len(before) and before[column] == after[column]:
            column += 1
            continue
        start = column
        while start and (after[start][0] == "" or (start < len(before) and before[start][0] == "")):
            start -= 1
        column += 1
        while column < length and not _same_start(before, after, column):
            column += 1
        runs.append((start, column))
    return runs


def _same_start(before: list[Cell], after: list[Cell], column: int) -> bool:
    if column >= len(before):
        return False
    return before[column] == after[column] and after[column][0] != ""


def _merge(runs: list[Run], cells: list[Cell]) -> list[Run]:
    """Join runs whose gap is cheaper to write again than to jump over."""
    merged: list[Run] = []
    for start, end in runs:
        if merged and _gap_is_cheap(cells, merged[-1][1], start):
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _gap_is_cheap(cells: list[Cell], left: int, right: int) -> bool:
    if right <= left:
        return True
    if right - left > MOVE_BYTES + STYLE_BYTES:
        return False
    through = cells[left - 1 : right + 1]
    changes = sum(one[1] != other[1] for one, other in pairwise(through))
    text = sum(1 if text.isascii() else 3 * len(text) for text, _ in through[1:-1])
    jump = MOVE_BYTES + (STYLE_BYTES if through[0][1] != through[-1][1] else 0)
    return text + changes * STYLE_BYTES <= jump
