"""Text to read: any number of lines, wrapped at the edge, of which only the visible ones are ever drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from widgets.scroller import Scroller, quiet

TextLine = Sequence[tuple[str, str]]
"""Pieces of one line: text, and its style."""

FOLDED = "↳ "
"""Begins a row that goes on with the line above, so that no one takes it for a line of its own."""
LEAST = 8
"""Cells of text in a row, however narrow: less would be all marks."""


class _Place(NamedTuple):
    """What one row shows: characters of one line."""

    line: int
    start: int
    end: int


class Reader(Scroller, can_focus=True):
    """A window on lines of text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        quiet("reader", "up,k", "scroll(-1)", "Up", "Scroll one line up"),
        quiet("reader", "down,j", "scroll(1)", "Down", "Scroll one line down"),
        quiet("reader", "pageup", "page(-1)", "Page up", "Scroll one page up"),
        quiet("reader", "pagedown,space", "page(1)", "Page down", "Scroll one page down"),
        quiet("reader", "home", "first", "First", "Scroll to the first line"),
        quiet("reader", "end", "last", "Last", "Scroll to the last line"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"reader--empty", "reader--folded"}
    DEFAULT_CSS = """
    Reader {
        & > .reader--empty { color: $foreground 60%; }
        & > .reader--folded { color: $foreground 40%; }
    }
    """

    class EndNear(Message):
        """The last line came into view, or is less than a page away."""

        def __init__(self, reader: Reader) -> None:
            super().__init__()
            self.reader = reader

        @property
        def control(self) -> Reader:
            """The reader, for `@on` selectors."""
            return self.reader

    def __init__(
        self,
        *,
        empty: Content | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes, disabled=disabled)
        self._empty = empty or Content("")
        self._lines: list[TextLine] = []
        self._places: list[_Place] = []
        self._room = 0

    @property
    def lines(self) -> Sequence[TextLine]:
        """The lines, unwrapped."""
        return self._lines

    @property
    def line_count(self) -> int:
        """Rows to scroll through."""
        return len(self._places)

    @property
    def plain(self) -> str:
        """All lines as text, without styles and unwrapped."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    @property
    def empty(self) -> Content:
        """Shown instead of lines when there are none."""
        return self._empty

    @empty.setter
    def empty(self, empty: Content) -> None:
        self._empty = empty
        self.redraw()

    def show_lines(self, lines: Sequence[TextLine], *, top: int = 0) -> None:
        """Show these lines instead, from that row on."""
        self._lines = list(lines)
        self._lay_out()
        self._set_top(top)
        self.redraw()
        self._tell_end()

    def extend(self, lines: Sequence[TextLine], *, joined: bool = False) -> None:
        """Add lines at the end; what is in view stays there. With `joined` the first one goes on with the last."""
        if joined and lines and self._lines:
            lines = [[*self._lines.pop(), *lines[0]], *lines[1:]]
        start = len(self._lines)
        while self._places and self._places[-1].line >= start:
            self._places.pop()
        self._lines += lines
        self._places += self._placed(start)
        self.redraw()

    def draw_lines(self, width: int, height: int) -> list[Strip]:
        """The visible rows."""
        if self._room != _room(width):
            self._lay_out()
        base = self.ink.base()
        if not self._places:
            style = self.ink.base("reader--empty")
            wrapped = [
                row for part in self._empty.split("\n", allow_blank=True) for row in part.wrap(max(1, width - 1))
            ]
            drawn = [self.line(self.ink.text(row, width, style)) for row in wrapped[:height]]
        else:
            visible = self._places[self._top : self._top + height]
            drawn = [self._row(place, y, width) for y, place in enumerate(visible)]
        return [*drawn, *[self.line(self.ink.blank(width, base))] * (height - len(drawn))]

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again, and keep the line on top in place."""
        line = self._places[self._top].line if self._places else 0
        self._lay_out()
        self._set_top(next((row for row, place in enumerate(self._places) if place.line == line), 0))
        self._tell_end()

    def reader_scrolled(self) -> None:
        """Ask for more in time."""
        self._tell_end()

    def _row(self, place: _Place, y: int, width: int) -> Strip:
        base = self.ink.base()
        lead = self.ink.text(Content(FOLDED), len(FOLDED), self.ink.base("reader--folded")) if place.start else ()
        text = Content.assemble(*_cut(self._lines[place.line], place.start, place.end))
        room = width - 1 - (len(FOLDED) if place.start else 0)
        return self.line(lead, self.ink.text(text, room, base), self.thumb(y, base))

    def _lay_out(self) -> None:
        self._room = _room(self.size.width)
        self._places = self._placed(0)

    def _placed(self, start: int) -> list[_Place]:
        return [place for number in range(start, len(self._lines)) for place in self._wrapped(number)]

    def _wrapped(self, number: int) -> Iterator[_Place]:
        text = "".join(piece for piece, _ in self._lines[number])
        start, room = 0, self._room
        while True:
            end = min(len(text), start + room) if text.isascii() else _end(text, start, room)
            yield _Place(number, start, end)
            if end >= len(text):
                return
            start, room = end, max(LEAST, self._room - len(FOLDED))

    def _tell_end(self) -> None:
        if self._lines and self._top + 2 * self.page >= self.line_count:
            self.post_message(self.EndNear(self))

    def action_scroll(self, rows: int) -> None:
        """Scroll by some rows."""
        self._go(self._top + rows)

    def action_page(self, pages: int) -> None:
        """Scroll by some windows."""
        self._go(self._top + pages * max(1, self.page - 1))

    def action_first(self) -> None:
        """Scroll to the first line."""
        self._go(0)

    def action_last(self) -> None:
        """Scroll to the last line."""
        self._go(self.max_top)

    def _go(self, top: int) -> None:
        self.scroll_to_line(top)
        self._tell_end()


def _room(width: int) -> int:
    """Cells of text in a row; one is the scroll mark's."""
    return max(LEAST, width - 1)


def _end(text: str, start: int, room: int) -> int:
    """Where to stop so that at most `room` cells are filled; at least one character further.

    >>> _end("日本語", 0, 5)
    2
    """
    cells = 0
    for at in range(start, len(text)):
        cells += cell_len(text[at])
        if cells > room:
            return max(at, start + 1)
    return len(text)


def _cut(line: TextLine, start: int, end: int) -> Iterator[tuple[str, str]]:
    """The pieces of these characters.

    >>> list(_cut([("abc", "bold"), ("def", "")], 2, 5))
    [('c', 'bold'), ('de', '')]
    """
    at = 0
    for text, style in line:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            yield piece, style
        at += len(text)
