"""The columns of a table and how they share a width; no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

GAP = 1
"""Blank cells between columns."""

MIN_REST = 10
"""Cells a column that takes the rest wants at least, unless it says otherwise; less important columns go first."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    """A literal, unique in its table; never text from a server."""
    width: int | None = None
    """Cells; None takes the rest, shared equally."""
    align: Literal["left", "right"] = "left"
    priority: int = 0
    """When it gets narrow the lowest goes first, the rightmost of equals; the first column never goes."""
    least: int = MIN_REST
    """Cells that a column which takes the rest wants before less important ones are shown."""


class Placed(NamedTuple):
    """A visible column."""

    number: int
    """Its place in the table's columns, and in each row's cells."""
    width: int
    """Cells."""


def place(columns: Sequence[Column], width: int) -> list[Placed]:
    """Which columns are visible in `width` cells, and how wide each is.

    >>> wide = [Column("family"), Column("keys", 7, priority=2), Column("share", 5, priority=1)]
    >>> place(wide, 40)
    [Placed(number=0, width=26), Placed(number=1, width=7), Placed(number=2, width=5)]
    >>> place(wide, 20)
    [Placed(number=0, width=12), Placed(number=1, width=7)]
    >>> place(wide, 5)
    [Placed(number=0, width=5)]
    """
    kept = list(range(len(columns)))
    while len(kept) > 1 and _needed(columns, kept) > width:
        kept.remove(min(kept[1:], key=lambda index: (columns[index].priority, -index)))
    return _share(columns, kept, width)


def _needed(columns: Sequence[Column], kept: Sequence[int]) -> int:
    wanted = (columns[index] for index in kept)
    return sum(column.least if column.width is None else column.width for column in wanted) + GAP * (len(kept) - 1)


def _share(columns: Sequence[Column], kept: Sequence[int], width: int) -> list[Placed]:
    rest = [index for index in kept if columns[index].width is None]
    fixed = sum(columns[index].width or 0 for index in kept)
    spare = max(0, width - fixed - GAP * (len(kept) - 1))
    shares = {index: (spare + turn) // len(rest) for turn, index in enumerate(rest)}
    placed = [Placed(index, shares.get(index, columns[index].width or 0)) for index in kept]
    return placed if len(placed) != 1 else [Placed(placed[0].number, min(width, placed[0].width))]
