"""What a person types to see only some lines of a tail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tui.engine.needle import needle_of
from tui.engine.printable import text_of
from tui.engine.tail.window import VALUE_CUT, Line, Match

LONGEST = 500
"""Characters of a regular expression: more than anyone types, and no nest that takes long by its depth."""
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\]\[{},]', re.DOTALL)
_CLOSING = {b"{": b"}", b"[": b"]"}


def parse_filter(text: str) -> Match | None:
    r"""Return what decides whether a line is shown; None when everything is.

    `/error|warn/` is a regular expression over names and values, `level=error` a field with exactly that value
    (`level=err*`: that begins so), `data.user.id=7` the same inside JSON that a field holds, `.user.id=7` inside the
    JSON of any field or message, anything else a text in the stream's name, the id, a name or a value. Upper and lower
    case are alike but for the value of a field. Notes of skipped entries always pass.

    Raises:
        ValueError: one sentence that says what is wrong with a regular expression.

    >>> line = Line(b"log", b"1-0", (b"level", b"error", b"text", b"Disk full", b"data", b'{"user": {"id": 7}}'))
    >>> [parse_filter(text)(line) for text in ("disk", "level=error", "level=err", "level=e*", "/d.sk/", "/^full/")]
    [True, True, False, True, True, False]
    >>> [parse_filter(text)(line) for text in ("data.user.id=7", ".user.id=7", ".user.id=8", "level.id=7")]
    [True, True, False, False]
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
    paths = list(_paths(name))

    def fits(content: bytes) -> bool:
        return content.startswith(wanted) if beginning else content == wanted

    def match(line: Line) -> bool:
        if not line.id:
            return True
        for field, content in line.fields:
            if field == name and fits(content):
                return True
            if content[:1] in {b"{", b"["} and any(
                holder in {None, field} and _holds(content, path, fits) for holder, path in paths
            ):
                return True
        return False

    return match


def _paths(name: bytes) -> Iterator[tuple[bytes | None, list[str]]]:
    """Read a name as a field and a way into its JSON, wherever its dots may part them; None is any field.

    >>> list(_paths(b"a.b.c")), list(_paths(b".b"))
    ([(b'a', ['b', 'c']), (b'a.b', ['c'])], [(None, ['b'])])
    """
    for dot in (at for at, character in enumerate(name) if character == ord(".")):
        path = name[dot + 1 :].decode(errors="replace").split(".")
        if all(path):
            yield name[:dot] or None, path
        if not dot:
            return


def _holds(content: bytes, path: list[str], fits: Callable[[bytes], bool]) -> bool:
    """Whether JSON holds a fitting value at a place; of what was kept only in part, that part counts."""
    try:
        # Numbers stay as they were written, so that 1.50 is 1.50.
        told = json.loads(_mended(content), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return any(fits(found.encode(errors="replace")) for found in _found(told, path))


def _found(told: Any, path: list[str]) -> Iterator[str]:
    """Yield the values at a place; a list stands for its elements unless one is named by its number."""
    if isinstance(told, list):
        named = path and path[0].isdigit() and int(path[0]) < len(told)
        for one in [told[int(path[0])]] if named else told:
            yield from _found(one, path[1:] if named else path)
    elif path:
        if isinstance(told, dict) and path[0] in told:
            yield from _found(told[path[0]], path[1:])
    else:
        yield told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def _mended(content: bytes) -> bytes:
    """Close JSON that was cut: without the member in which that happened.

    >>> _mended(b'{"a": [1, {"b": "x", "c": "y' + b"z" * VALUE_CUT)
    b'{"a": [1, {"b": "x"}]}'
    """
    if len(content) < VALUE_CUT:
        return content
    ends: list[bytes] = []
    whole, closing = 0, b""
    for token in _TOKEN.finditer(content):
        match mark := token[0]:
            case b'"':
                break  # a string without an end
            case b"{" | b"[":
                ends.insert(0, _CLOSING[mark])
            case b"}" | b"]":
                del ends[:1]
            case b",":
                whole, closing = token.start(), b"".join(ends)
                continue
            case _:
                continue
        whole, closing = token.end(), b"".join(ends)
    return content[:whole] + closing


def _expression(pattern: str) -> Match:
    """RE2 looks at each byte once, whatever the pattern: Python's `re` takes hours for `(a+)+$` on a line of a's."""
    try:
        import re2  # a person who types none need not wait for it
    except ImportError:
        raise ValueError("regular expressions need the package google-re2, which this installation lacks") from None
    if len(pattern) > LONGEST:
        raise ValueError(f"a regular expression may have {LONGEST} characters")
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # values are bytes, and need not be text
    options.case_sensitive = options.log_errors = False
    try:
        search = re2.compile(pattern.encode(errors="replace"), options).search
    except re2.error as error:
        raise ValueError(f"this regular expression cannot be read: {_why(error)}") from None

    def match(line: Line) -> bool:
        return not line.id or any(search(value) for value in line.values)

    return match


def _why(error: Exception) -> str:
    """Return what RE2 says, which may be bytes."""
    said = error.args[0] if error.args else ""
    return text_of(said) if isinstance(said, bytes) else str(said)
