"""redtop in a pseudo terminal, with the screen that a real terminal would make of what it writes."""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyte
from wcwidth import wcwidth

from benchmarks.terminal import Terminal

SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"  # other escapes
    rb"|[\x00-\x1a\x1c-\x1f\x7f]",  # controls
    re.DOTALL,
)
"""Whatever a terminal obeys instead of showing it."""

PYTE_KNOWS = re.compile(rb"\x1b\[[0-9;]*[HJK]|\x1b\[\?[0-9;]+[hl]|[\r\n]")
"""What pyte is given; it would show the rest, such as the keyboard protocol, as text; colours cost half its time."""


def sequences(raw: bytes) -> set[bytes]:
    """Every different control sequence in what was written, incomplete ones included."""
    return set(SEQUENCE.findall(raw)) | set(re.findall(rb"\x1b.{,9}", SEQUENCE.sub(b"", raw), re.DOTALL))


_NOT_DRAWN = re.compile("[\u0300-\u1dff\ua66f-\ud7fb\ufb1e-\ufe2f\U00010000-\U0001ffff]")
"""Where marks and joining letters are found; looking at all others would take too long."""


def as_drawn(text: str) -> str:
    """Return text as pyte can draw it.

    It is composed, because pyte cannot join Hangul letters to a syllable, as terminals do, and without what joins
    the cell before but has no combining class: there pyte loses the rest of the line.
    """
    return text if text.isascii() else _NOT_DRAWN.sub(_drawn, unicodedata.normalize("NFC", text))


def _drawn(found: re.Match[str]) -> str:
    return found[0] if unicodedata.combining(found[0]) or wcwidth(found[0]) else ""


class Watched:
    """The terminal, all bytes written so far, and the screen."""

    def __init__(self, terminal: Terminal, columns: int, rows: int) -> None:
        self.terminal = terminal
        self.raw = bytearray()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._decode = getincrementaldecoder("utf-8")().decode
        self._fed = 0
        self._lines = [""] * rows

    @property
    def lines(self) -> list[str]:
        """The text on screen; pyte's own `display` loses marks on wide characters."""
        columns = range(self.screen.columns)
        for y in self.screen.dirty:
            row = self.screen.buffer[y]
            self._lines[y] = "".join(row[x].data for x in columns)
        self.screen.dirty.clear()
        return self._lines

    @property
    def text(self) -> str:
        """All lines without trailing blanks."""
        return "\n".join(line.rstrip() for line in self.lines)

    @property
    def sequences(self) -> set[bytes]:
        """Every different control sequence written so far."""
        return sequences(bytes(self.raw))

    def look(self) -> None:
        """Take in what was written meanwhile."""
        self.raw += self.terminal.read(0.02)
        whole = len(self.raw)
        # A sequence or character that has come in part stays for the next time.
        if (escape := self.raw.rfind(b"\x1b")) >= 0 and not SEQUENCE.match(self.raw, escape):
            whole = escape
        chunk = bytes(self.raw[self._fed : whole])
        self._fed = whole
        known = SEQUENCE.sub(lambda found: found[0] if PYTE_KNOWS.fullmatch(found[0]) else b"", chunk)
        self._stream.feed(as_drawn(self._decode(known)))

    def until(self, condition: Callable[[], object], seconds: float = 25) -> None:
        """Look until the condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            self.look()
            if condition():
                return
            assert self.terminal.process.poll() is None, f"redtop ended:\n{bytes(self.raw[-3000:])!r}"
            assert time.monotonic() < deadline, f"not within {seconds} s; on screen:\n{self.text}"

    def until_shown(self, *texts: str) -> None:
        """Look until all texts are on screen."""
        self.until(lambda: all(text in self.text for text in texts))

    def press(self, keys: str | bytes) -> None:
        """Type."""
        self.terminal.write(keys.encode() if isinstance(keys, str) else keys)

    def leave(self) -> int:
        """Press q, and return the exit code when the program has ended."""
        self.press("q")
        deadline = time.monotonic() + 20
        while self.terminal.process.poll() is None:
            self.look()
            assert time.monotonic() < deadline, f"redtop goes on:\n{self.text}"
        self.look()
        return self.terminal.process.wait()


@contextmanager
def watched(*arguments: str, size: tuple[int, int] = (160, 50), **environment: str) -> Iterator[Watched]:
    """Run `redtop` with these arguments in a terminal of this size."""
    # Whoever runs the tests may have exported these two, and Textual believes them more than the terminal.
    environment = {"COLUMNS": str(size[0]), "LINES": str(size[1])} | environment
    with Terminal([sys.executable, "-m", "tui", *arguments], size[0], size[1], **environment) as terminal:
        yield Watched(terminal, *size)
