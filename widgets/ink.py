"""From `Content` to segments of an exact width, in the styles of one widget, remembered."""

from __future__ import annotations

from typing import Literal

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content, Span
from textual.style import Style
from textual.widget import Widget

Align = Literal["left", "right", "center"]
Segments = tuple[Segment, ...]

MAX_CACHED = 300
"""Pieces after which those not asked for meanwhile are forgotten. Twice as many are remembered at most: more than every
cell of a 250x70 screen of tables."""

_UNSAFE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "·")
"""Controls would move the terminal's cursor. One character for one, so that spans still fit."""
_UNSAFE[0x09] = _UNSAFE[0x0A] = _UNSAFE[0x0D] = " "

_ALPHA_BY_NAME = (("$text-muted", "$foreground-muted"), ("$text-disabled", "$foreground-disabled"))
"""Textual 8.2 reads `auto 60%` in a span as plain `auto`, the *brightest* colour; these keep their alpha."""

_CacheKey = tuple[str, tuple[Span, ...], int, Align, Style]


class Ink:
    """Draws text in the styles of one widget and remembers what it drew until the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._pieces: dict[_CacheKey, Segments] = {}
        self._older: dict[_CacheKey, Segments] = {}
        self._styles: dict[str, Style] = {}
        self._bases: dict[tuple[str, ...], Style] = {}
        self.generation = 0
        """Changes whenever what was drawn before may look different now."""

    def begin(self) -> None:
        """A new drawing: focus or the mouse may have changed the component styles."""
        self._bases.clear()

    def forget(self) -> None:
        """Drop everything remembered: the theme or a style rule changed."""
        self.generation += 1
        self._pieces.clear()
        self._older.clear()
        self._styles.clear()
        self._bases.clear()

    def base(self, *components: str) -> Style:
        """The widget's own style, under the given component classes; never see-through."""
        style = self._bases.get(components)
        if style is None:
            widget = self._widget
            style = widget.get_visual_style(*components) if components else widget.visual_style
            if any(widget.get_component_styles(name).text_style.reverse for name in components):
                style += Style(reverse=True)  # the one that Textual's method forgets
            self._bases[components] = style
        return style

    def rich(self, *components: str) -> RichStyle:
        """The same as a Rich style, for segments built by hand."""
        return self.base(*components).rich_style

    def blank(self, width: int, base: Style) -> Segments:
        """Empty cells."""
        return (Segment(" " * width, base.rich_style),) if width > 0 else ()

    def glyph(self, character: str, style: Style, base: Style) -> Segments:
        """One character in the foreground of `style` on the background of `base`."""
        return (Segment(character, Style(base.background, style.foreground).rich_style),)

    def text(self, content: Content, width: int, base: Style, align: Align = "left") -> Segments:
        """One line of exactly `width` cells: cut with an ellipsis or padded on the side away from `align`."""
        if width <= 0:
            return ()
        key = (content.plain, tuple(content.spans), width, align, base)
        segments = self._pieces.get(key)
        if segments is None:
            segments = self._older.get(key) or self._draw(content, width, base, align)
            if len(self._pieces) >= MAX_CACHED:
                self._older, self._pieces = self._pieces, {}
            self._pieces[key] = segments
        return segments

    def _draw(self, content: Content, width: int, base: Style, align: Align) -> Segments:
        content = fit(clean(content), width)
        pieces = [
            Segment(text, style.rich_style)
            for text, style in content.render(base, end="", parse_style=self._style)
            if text
        ]
        spare = width - content.cell_length
        left = {"left": 0, "right": spare, "center": spare // 2}[align]
        return (*self.blank(left, base), *pieces, *self.blank(spare - left, base))

    def _style(self, name: str | Style) -> Style:
        if isinstance(name, Style):
            return name
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._parse(name)
        return style

    def _parse(self, name: str) -> Style:
        for unclear, clear in _ALPHA_BY_NAME:
            name = name.replace(unclear, clear)
        try:
            return self._widget.app.stylesheet.parse_style(name)
        except Exception:  # Textual names no type; an unknown style draws plain, as it does there
            return Style.null()


def clean(content: Content) -> Content:
    r"""The same content with control characters replaced, one for one.

    >>> clean(Content("a\tb\x1b[2J")).plain
    'a b·[2J'
    """
    if content.plain.isprintable():
        return content
    return Content(content.plain.translate(_UNSAFE), list(content.spans))


def fit(content: Content, width: int) -> Content:
    """The content cut with an ellipsis to at most `width` cells.

    >>> fit(Content("session:9f3c"), 9).plain
    'session:…'
    >>> fit(Content("日本語"), 4).plain
    '日 …'
    """
    if content.cell_length <= width:
        return content
    return content.truncate(width, ellipsis=True)
