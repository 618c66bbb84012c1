"""A list that grows while it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload


class Entries(Sequence[bytes]):
    """The first so many keys of a list that only grows: costs nothing to make, however long."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys
        self._count = len(keys)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self._keys[at] for at in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._keys[index if index >= 0 else index + self._count]
