"""Rows of a table that are made when they come into view, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import overload

from widgets.table import Row


class LazyRows(Sequence[Row]):
    """Rows made only when the table asks for them: the visible ones."""

    def __init__(self, items: Sequence[object], draw: Callable[[int], Row], index: dict[Hashable, int]) -> None:
        self._items = items
        self._draw = draw
        self._index = index

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._draw(at) for at in range(*index.indices(len(self._items)))]
        if not -len(self._items) <= index < len(self._items):
            raise IndexError(index)
        return self._draw(index % len(self._items))

    def index_of(self, key: Hashable) -> int | None:
        """Where the row of that key is."""
        return self._index.get(key)
