"""Lines of safe, coloured text: what a decoded value is written on, in bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tui.engine.printable import printable

Role = Literal["key", "string", "number", "literal", "punctuation", "plain", "muted"]
"""What a piece of text is, so that a pane can choose its colour."""
Span = tuple[str, Role]
"""Safe text and its role."""
Line = tuple[Span, ...]

MOST_LINES = 4096
"""Lines of one picture: the hex view of 64 KB, and as many as a Python loop writes in some hundredths of a second."""
WIDTH = 1000
"""Bytes of one run of text before it goes on in the next line: endless lines are slow to draw and tell no more."""
DEEPEST = 30
"""Levels that are indented; what nests deeper stands below each other."""
INDENT = "  "


class Paper:
    """Takes spans and line ends until it is full; writing on is harmless then."""

    def __init__(self, most: int = MOST_LINES, width: int = WIDTH) -> None:
        self.lines: list[Line] = []
        self.width = max(1, width)
        self.overflowed = False
        """Whether there was more to write than room for it."""
        self._most = most
        self._line: list[Span] = []

    @property
    def full(self) -> bool:
        """Whether there is no room for another line."""
        return len(self.lines) >= self._most

    def put(self, text: str, role: Role) -> None:
        """Write our own words, or text that is safe already."""
        self._line.append((text, role))

    def put_bytes(self, data: bytes, role: Role, depth: int = 0, *, escaped: bool = False) -> None:
        r"""Write somebody's bytes, on several lines if they are long.

        `escaped` says that a backslash in them starts an escape already, as in JSON, and is not to be doubled.
        """
        for number, piece in enumerate(chunks(data, self.width)):
            if self.full:
                self.overflowed = True
                return
            if number:
                self.end(depth)
            text = printable(piece)
            self._line.append((text.replace("\\\\", "\\") if escaped else text, role))

    def end(self, depth: int = 0) -> None:
        """End the line and indent the next one."""
        if self.full:
            self.overflowed = True
        else:
            self.lines.append(tuple(self._line))
        self._line = [(INDENT * min(depth, DEEPEST), "plain")] if depth else []

    def finish(self) -> tuple[Line, ...]:
        """End the last line, if anything stands on it, and return all."""
        if self._line:
            self.end()
        return tuple(self.lines)


def chunks(data: bytes, width: int) -> Iterator[bytes]:
    """Cut into pieces of at most `width` bytes (and a few), never inside a UTF-8 character; at least one piece."""
    start = 0
    while True:
        end = start + width
        for _ in range(3):
            if end < len(data) and data[end] & 0xC0 == 0x80:
                end += 1
        yield data[start:end]
        start = end
        if start >= len(data):
            return
