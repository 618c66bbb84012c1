"""The same picture in fewer bytes: repaints only the cells asked for, and says only what changes in colour.

Textual 8.2 repaints from the left edge of a widget up to the last changed cell, and sends both full colours and
a reset with every piece of text. Over SSH that is most of what a dashboard writes. An application uses this by

    def _display(self, screen, renderable):
        super()._display(screen, lean(renderable))
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate  # not public; tests/widgets/test_lean.py tells when it changes
from textual.strip import Strip

RESET = "\x1b[0m"


class LeanUpdate(ChopsUpdate):
    """A partial update of the screen that writes what it must and nothing else."""

    def render_segments(self, console: Console) -> str:
        """The update as text for the terminal."""
        pen = Pen(console._color_system or ColorSystem.TRUECOLOR)
        cursor = (-1, -1)
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, left), min(end, right)
                if strip is None or start >= stop:
                    continue
                if cursor != (start, y):
                    pen.move(start, y)
                pen.write(strip.crop(start - x, stop - x))
                cursor = (stop, y)
        return pen.finish()


def lean(renderable: object) -> object:
    """A leaner form of a partial screen update; anything else unchanged."""
    if type(renderable) is ChopsUpdate:
        return LeanUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
    return renderable


class Codes(NamedTuple):
    """A style as SGR parameters; empty where it says nothing."""

    attributes: str
    foreground: str
    background: str


PLAIN = Codes("", "", "")


class Pen:
    """Writes text and remembers the style the terminal is in."""

    def __init__(self, system: ColorSystem) -> None:
        self._system = system
        self._now = PLAIN
        self._out: list[str] = []

    def move(self, x: int, y: int) -> None:
        """Go to a cell, counted from 0."""
        self._out.append(f"\x1b[{y + 1};{x + 1}H")

    def write(self, strip: Strip) -> None:
        """Write a piece of a line where the cursor is."""
        for segment in strip:
            if segment.text:
                self._write(segment)

    def finish(self) -> str:
        """Everything written, ending in the plain style."""
        self._switch(PLAIN)
        return "".join(self._out)

    def _write(self, segment: Segment) -> None:
        style = segment.style
        if style is not None and style.link:
            # A link is written whole, with its own end; rare enough not to be clever.
            self._switch(PLAIN)
            self._out.append(Strip.render_style(style, segment.text, self._system))
            return
        self._switch(PLAIN if style is None else _codes(style, self._system))
        self._out.append(segment.text)

    def _switch(self, new: Codes) -> None:
        if new != self._now:
            self._out.append(_difference(self._now, new))
            self._now = new


@lru_cache(4096)
def _difference(old: Codes, new: Codes) -> str:
    r"""The shortest way from one style to another.

    >>> _difference(Codes("", "31", "40"), Codes("", "32", "40"))
    '\x1b[32m'
    """
    if new == PLAIN:
        return RESET
    if old.attributes not in {"", new.attributes}:
        return f"\x1b[{';'.join(['0', *filter(None, new)])}m"
    parts = [
        new.attributes if new.attributes != old.attributes else "",
        "" if new.foreground == old.foreground else new.foreground or "39",
        "" if new.background == old.background else new.background or "49",
    ]
    return f"\x1b[{';'.join(filter(None, parts))}m"


@lru_cache(4096)
def _codes(style: Style, system: ColorSystem) -> Codes:
    without_colour = Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        blink=style.blink,
        reverse=style.reverse,
        strike=style.strike,
        underline2=style.underline2,
    )
    foreground, background = style.color, style.bgcolor
    return Codes(
        Strip.render_ansi(without_colour, system),
        ";".join(foreground.downgrade(system).get_ansi_codes()) if foreground else "",
        ";".join(background.downgrade(system).get_ansi_codes(False)) if background else "",
    )
