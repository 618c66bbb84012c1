"""A table's rows: what one is, and where it went after an update; no drawing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.content import Content

NEARBY = 64
"""How far from its old place a row is looked for one by one before asking the whole list."""

SCAN_LIMIT = 5_000
"""Longest list searched for a row from end to end; in longer ones a row that jumped counts as gone."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row. Compared by identity: two `Content` of different colours count as equal in Textual."""

    key: Hashable
    """What the row is, stable between updates; cursor and window follow it."""
    cells: tuple[Content, ...]
    """One for each column, in the table's order; missing ones are blank."""
    depth: int = 0
    """Level in the tree."""
    fold: Literal["none", "open", "closed"] = "none"
    """Whether the row has children, and whether they are shown."""


def find(rows: Sequence[Row], key: Hashable | None, near: int) -> int | None:
    """Where the row with this key is now, looking around its old place first; None when it is not found.

    A sequence with an `index_of(key)` method is asked for rows that moved further than a screen.

    >>> rows = [Row(name, ()) for name in "abc"]
    >>> find(rows, "c", 0), find(rows, "z", 0)
    (2, None)
    """
    if key is None or not rows:
        return None
    for distance in range(NEARBY):
        for index in {near - distance, near + distance}:
            if 0 <= index < len(rows) and rows[index].key == key:
                return index
    if index_of := getattr(rows, "index_of", None):
        found: int | None = index_of(key)
        return found
    if len(rows) <= SCAN_LIMIT:
        return next((index for index, row in enumerate(rows) if row.key == key), None)
    return None


def parent_of(rows: Sequence[Row], index: int) -> int | None:
    """The row that this row is a child of; None at the first level.

    >>> rows = [Row("a", ()), Row("b", (), depth=1), Row("c", (), depth=1)]
    >>> parent_of(rows, 2), parent_of(rows, 0)
    (0, None)
    """
    depth = rows[index].depth
    if not depth:
        return None
    return next((above for above in range(index - 1, -1, -1) if rows[above].depth < depth), None)
