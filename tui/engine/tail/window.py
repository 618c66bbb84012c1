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
        self._bytes = 0
        self._most = most
        self._most_bytes = most_bytes

    @property
    def full(self) -> bool:
        """Whether any other line pushes one out."""
        return len(self.lines) >= self._most or self._bytes >= self._most_bytes

    def extend(self, lines: Sequence[Raw]) -> list[Raw]:
        """Add lines that are newer; returns the oldest, which had to go for them."""
        self.lines.extend(lines)
        self._bytes += sum(map(size_of, lines))
        gone = self._shrink(self.lines.popleft)
        self.first += len(gone)
        return gone

    def prepend(self, lines: Sequence[Raw], *, keep_newest: bool = False) -> list[Raw]:
        """Add lines that are older; returns the newest, which had to go for them, the newest first.

        With `keep_newest` none has to go, and the bounds are passed: whoever asks looks at `full` before.
        """
        self.lines.extendleft(reversed(lines))
        self.first -= len(lines)
        self._bytes += sum(map(size_of, lines))
        return [] if keep_newest else self._shrink(self.lines.pop)

    def clear(self) -> None:
        """Let go of everything; numbers go on."""
        self.first += len(self.lines)
        self.lines.clear()
        self._bytes = 0

    def _shrink(self, take: Callable[[], Raw]) -> list[Raw]:
        gone: list[Raw] = []
        while len(self.lines) > self._most or (self._bytes > self._most_bytes and len(self.lines) > 1):
            gone.append(take())
            self._bytes -= size_of(gone[-1])
        return gone


class Kept:
    """All lines, and with a filter those that pass, which are then kept for longer."""

    def __init__(self) -> None:
        self.generation = 0
        """Counts up when what is shown begins anew."""
        self._all = Window()
        self._passed: Window | None = None
        self._match: Match | None = None
        self._waiting: deque[Raw] = deque()
        """Lines that the filter has not looked at yet."""

    @property
    def shown(self) -> Window:
        """What a person should see."""
        return self._all if self._passed is None else self._passed

    @property
    def filtered(self) -> bool:
        """Whether there is a filter."""
        return self._passed is not None

    @property
    def sifting(self) -> bool:
        """Whether there are lines that the filter has not looked at."""
        return bool(self._waiting)

    def extend(self, lines: Sequence[Raw]) -> list[Raw]:
        """Add lines that are newer, for `sift` to look at; returns those that had to go, the oldest first."""
        gone = self._all.extend(lines)
        if self._passed is not None:
            self._waiting.extend(lines)
        return gone

    def prepend(self, lines: Sequence[Raw]) -> list[Raw]:
        """Add lines that are older; returns those that had to go, the newest first.

        With a filter, lines go to those that pass (they have passed it already), and nothing has to go for them.
        """
        return self._all.prepend(lines) if self._passed is None else self._passed.prepend(lines, keep_newest=True)

    def passing(self, lines: Sequence[Raw]) -> list[Raw]:
        """Return those of some lines that pass the filter."""
        match = self._match
        return list(lines) if match is None else [line for line in lines if match(Line(*line))]

    def filter_by(self, match: Match | None) -> None:
        """Show only what passes from now on, and of what is kept, as `sift` finds it; None shows all."""
        self.generation += 1
        self._match = match
        self._passed = None if match is None else Window()
        self._waiting = deque() if match is None else deque(self._all.lines)

    def sift(self, enough: Callable[[], bool]) -> list[Raw]:
        """Look at waiting lines in their order until it is enough; returns those that had to go, the oldest first."""
        passed: list[Raw] = []
        while self._waiting and not enough():
            line = self._waiting.popleft()
            if self._match is not None and self._match(Line(*line)):
                passed.append(line)
        return self._passed.extend(passed) if self._passed is not None else []

    def clear(self) -> None:
        """Let go of everything."""
        self.generation += 1
        self._all.clear()
        self._waiting.clear()
        if self._passed is not None:
            self._passed.clear()


def size_of(line: Raw) -> int:
    """Bytes that a line takes, about."""
    return OVERHEAD + sum(map(len, line[2]))


def lines_of(key: bytes, entries: Sequence[Any]) -> list[Raw]:
    """Make lines of entries; what is very long is cut. An entry that was deleted while being read has no values."""
    return [(key, entry_id, _cut(values), 0) for entry_id, values in entries]


def _cut(values: Sequence[bytes] | None) -> tuple[bytes, ...]:
    if values and max(map(len, values)) > VALUE_CUT:
        return tuple(value[:VALUE_CUT] for value in values)
    return tuple(values or ())
