"""What a tail keeps: the newest lines, within bounds of number and bytes, and those of them that pass a filter."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, overload

KEPT = 10_000
"""Lines kept: two hundred screens."""
KEPT_BYTES = 32 << 20
"""Bytes kept of them."""
VALUE_CUT = 2000
"""Bytes of a field's name or value that are kept: many screens wide; an entry that is opened is read again."""
OVERHEAD = 300
"""Bytes that Python adds to a line, about."""


class Line(NamedTuple):
    """An entry of a stream, a message of a channel, or a note that something was left out."""

    source: bytes
    """The stream, or the channel."""
    id: bytes
    """Of the entry; of a message the time it came, in milliseconds; empty for a note."""
    values: tuple[bytes, ...]
    """Field names and values in turn; of a message only its text."""
    skipped: int | None = 0
    """Of a note: how many were left out; None when nobody can say."""

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Names and values; a message has one value without a name."""
        if len(self.values) % 2:
            return [(b"", self.values[0])]
        return list(zip(self.values[::2], self.values[1::2], strict=True))


Raw = tuple[bytes, bytes, tuple[bytes, ...], int | None]
"""A line as it is kept: plain tuples of bytes are nothing that Python's garbage collector looks at again, and looking
at ten thousand lines would hold up a key for longer than a person should notice."""

Match = Callable[[Line], bool]
"""Says whether a line passes."""


class Lines(Sequence[Line]):
    """Lines kept, unpacked when they are looked at."""

    def __init__(self, raw: Iterable[Raw] = ()) -> None:
        self._raw = tuple(raw)

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [Line(*raw) for raw in self._raw[index]]
        return Line(*self._raw[index])


class Window:
    """The newest lines within bounds; each has a number, counted up without holes."""

    def __init__(self, most: int = KEPT, most_bytes: int = KEPT_BYTES) -> None:
        self.lines: deque[Raw] = deque()
        self.first = 1
        """Number of the oldest line kept."""
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._most = most
        self._most_bytes = most_bytes

    def extend(self, lines: Sequence[Raw], sizes: Sequence[int]) -> None:
        """Add lines of these sizes (bytes), and let go of the oldest beyond the bounds."""
        self.lines.extend(lines)
        self._sizes.extend(sizes)
        self._bytes += sum(sizes)
        while len(self.lines) > self._most or (self._bytes > self._most_bytes and len(self.lines) > 1):
            self.lines.popleft()
            self._bytes -= self._sizes.popleft()
            self.first += 1

    def clear(self) -> None:
        """Let go of everything; numbers go on."""
        self.first += len(self.lines)
        self.lines.clear()
        self._sizes.clear()
        self._bytes = 0


class Kept:
    """All lines, and with a filter those that pass, which are then kept for longer."""

    def __init__(self) -> None:
        self.generation = 0
        """Counts up when what is shown begins anew."""
        self._all = Window()
        self._passed: Window | None = None
        self._match: Match | None = None

    @property
    def shown(self) -> Window:
        """What a person should see."""
        return self._all if self._passed is None else self._passed

    def extend(self, lines: Sequence[Raw]) -> None:
        """Add lines in their order."""
        sizes = [OVERHEAD + sum(map(len, line[2])) for line in lines]
        self._all.extend(lines, sizes)
        if self._passed is not None:
            self._pass(lines, sizes)

    def filter_by(self, match: Match | None) -> None:
        """Show only what passes from now on, and of what is kept; None shows all."""
        self.generation += 1
        self._match = match
        self._passed = None
        if match is not None:
            self._passed = Window()
            self._pass(list(self._all.lines), list(self._all._sizes))

    def clear(self) -> None:
        """Let go of everything."""
        self.generation += 1
        self._all.clear()
        if self._passed is not None:
            self._passed.clear()

    def _pass(self, lines: Sequence[Raw], sizes: Sequence[int]) -> None:
        assert self._passed is not None
        assert self._match is not None
        passed = [pair for pair in zip(lines, sizes, strict=True) if self._match(Line(*pair[0]))]
        self._passed.extend([line for line, _ in passed], [size for _, size in passed])


def lines_of(key: bytes, entries: Sequence[Any]) -> list[Raw]:
    """Make lines of entries; what is very long is cut. An entry that was deleted while being read has no values."""
    return [(key, entry_id, _cut(values), 0) for entry_id, values in entries]


def _cut(values: Sequence[bytes] | None) -> tuple[bytes, ...]:
    if values and max(map(len, values)) > VALUE_CUT:
        return tuple(value[:VALUE_CUT] for value in values)
    return tuple(values or ())
