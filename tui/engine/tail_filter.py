"""What a person types to see only some lines of a tail."""

from __future__ import annotations

import re

from tui.engine.needle import needle_of
from tui.engine.tail_window import Line, Match


def parse_filter(text: str) -> Match | None:
    r"""Return what decides whether a line is shown; None when everything is.

    `/error|warn/` is a regular expression over names and values, `level=error` a field with exactly that value
    (`level=err*`: that begins so), anything else a text in the stream's name, the id, a name or a value. Upper and
    lower case are alike but for the value of a field. Notes of skipped entries always pass.

    Raises:
        ValueError: one sentence that says what is wrong with a regular expression.

    >>> line = Line(b"log", b"1-0", (b"level", b"error", b"text", b"Disk full"))
    >>> [parse_filter(text)(line) for text in ("disk", "level=error", "level=err", "level=e*", "/d.sk/", "/^full/")]
    [True, True, False, True, True, False]
    """
    text = text.strip()
    if not text or text == "/":
        return None
    if text.startswith("/"):
        return _expression(text[1:].removesuffix("/"))
    name, equals, value = text.partition("=")
    if equals and name.strip():
        return _field(needle_of(name.strip()), needle_of(value.strip()))
    return _text(needle_of(text).lower())


def _text(needle: bytes) -> Match:
    def match(line: Line) -> bool:
        if not line.id:
            return True
        joined = b"\0".join((line.source, line.id, *line.values))
        return needle in joined.lower()

    return match


def _field(name: bytes, value: bytes) -> Match:
    beginning = value.endswith(b"*")
    wanted = value.removesuffix(b"*")

    def match(line: Line) -> bool:
        for field, content in line.fields:
            if field == name and (content.startswith(wanted) if beginning else content == wanted):
                return True
        return not line.id

    return match


def _expression(pattern: str) -> Match:
    try:
        search = re.compile(needle_of(pattern) if not pattern.isascii() else pattern.encode(), re.IGNORECASE).search
    except re.error as error:
        raise ValueError(f"this regular expression cannot be read: {error}") from None

    def match(line: Line) -> bool:
        return not line.id or any(search(value) for value in line.values)

    return match
