"""JSON as it came, one member a line: for reading, not for computing, so cut JSON is as welcome as whole.

Tokens are copied, never converted: numbers keep all their digits, and members their order and doubles.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from tui.engine.values.paper import Paper, Role

_TOKEN = re.compile(
    rb"""[ \t\r\n]*+(?:
        (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")
      | (?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)
      | (?P<literal>(?:true|false|null|NaN|-?Infinity)\b)
      | (?P<mark>[][{}:,])
    )""",
    re.DOTALL | re.VERBOSE,
)
_SPACE = re.compile(rb"[ \t\r\n]*")
_CUT_NUMBER = re.compile(rb"\.|[eE][+-]?").fullmatch
_WORDS = (b"true", b"false", b"null", b"NaN", b"-Infinity", b"Infinity")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|.)", re.DOTALL)


class Ending(Enum):
    """How far a value could be read."""

    WHOLE = auto()
    CUT = auto()
    """It stops in the middle."""
    LONG = auto()
    """The paper was full first."""


class _Want(Enum):
    VALUE = auto()
    VALUE_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    COLON = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()


_VALUES = {_Want.VALUE, _Want.VALUE_OR_END}
_KEYS = {_Want.KEY, _Want.KEY_OR_END}
_ENDS = {_Want.VALUE_OR_END, _Want.KEY_OR_END, _Want.COMMA_OR_END}
_CLOSING = {b"}": b"{", b"]": b"["}


def looks_like_json(data: bytes) -> bool:
    """Whether the first character is one that JSON worth formatting starts with."""
    return data.lstrip(b" \t\r\n")[:1] in {b"{", b"[", b'"'}


def write_json(data: bytes, paper: Paper) -> Ending | None:
    """Write JSON (or several JSON texts, one a line); None when it is not JSON, and the paper is spoiled then."""
    return _Writer(data, paper).run() if looks_like_json(data) else None


class _Writer:
    def __init__(self, data: bytes, paper: Paper) -> None:
        self._data = data
        self._paper = paper
        self._open: list[bytes] = []
        self._want = _Want.VALUE
        self._tokens = 0

    def run(self) -> Ending | None:
        position = 0
        while not self._paper.full:
            match = _TOKEN.match(self._data, position)
            if match is None:
                return self._stop(_SPACE.match(self._data, position).end())  # type: ignore[union-attr]  # may be empty
            if not self._take(match):
                return None
            position = match.end()
            self._tokens += 1
        self._paper.overflowed = True
        return Ending.LONG

    def _take(self, match: re.Match[bytes]) -> bool:
        """Write one token; False when it cannot stand here."""
        role, token = match.lastgroup, match[match.lastgroup or 0]
        if self._want is _Want.NOTHING:
            if role != "mark" or token not in b"{[" or b"\n" not in match[0]:
                return False
            self._paper.end()  # one JSON text a line
            self._want = _Want.VALUE
        if role == "mark":
            return self._mark(token)
        if self._want in _KEYS:
            return role == "string" and self._key(token)
        if self._want not in _VALUES:
            return False
        self._before_value()
        self._write(token, "string" if role == "string" else "number" if role == "number" else "literal")
        self._after_value()
        return True

    def _mark(self, mark: bytes) -> bool:
        if mark in b"{[":
            return self._want in _VALUES and self._begin(mark)
        if mark in b"}]":
            return self._want in _ENDS and self._open[-1:] == [_CLOSING[mark]] and self._close(mark)
        wanted, text = (_Want.COLON, ": ") if mark == b":" else (_Want.COMMA_OR_END, ",")
        if self._want is not wanted:
            return False
        self._paper.put(text, "punctuation")
        self._want = _Want.VALUE if mark == b":" or self._open[-1] == b"[" else _Want.KEY
        if mark == b",":
            self._paper.end(len(self._open))
        return True

    def _begin(self, mark: bytes) -> bool:
        self._before_value()
        self._paper.put(mark.decode(), "punctuation")
        self._open.append(mark)
        self._want = _Want.KEY_OR_END if mark == b"{" else _Want.VALUE_OR_END
        return True

    def _close(self, mark: bytes) -> bool:
        self._open.pop()
        if self._want is _Want.COMMA_OR_END:
            self._paper.end(len(self._open))
        self._paper.put(mark.decode(), "punctuation")
        self._after_value()
        return True

    def _key(self, token: bytes) -> bool:
        self._before_value()
        self._write(token, "key")
        self._want = _Want.COLON
        return True

    def _before_value(self) -> None:
        """Begin a line for the first member."""
        if self._want in {_Want.VALUE_OR_END, _Want.KEY_OR_END}:
            self._paper.end(len(self._open))

    def _after_value(self) -> None:
        self._want = _Want.COMMA_OR_END if self._open else _Want.NOTHING

    def _write(self, token: bytes, role: Role) -> None:
        self._paper.put_bytes(readable(token), role, len(self._open), escaped=True)

    def _stop(self, position: int) -> Ending | None:
        """End where no token is: at the end of the data, or in the middle of a token cut off."""
        rest = self._data[position:]
        if not rest:
            if self._want is _Want.NOTHING:
                return Ending.WHOLE
            return Ending.CUT if self._tokens > 1 else None  # a bracket alone is no JSON
        if rest.startswith(b'"') and self._open and self._want in _VALUES | _KEYS:
            self._before_value()
            self._write(rest, "key" if self._want in _KEYS else "string")
            return Ending.CUT
        if self._want in _VALUES and self._open and any(word.startswith(rest) for word in _WORDS):
            self._before_value()
            self._write(rest, "literal")
            return Ending.CUT
        if self._want is _Want.COMMA_OR_END and _CUT_NUMBER(rest):
            self._write(rest, "number")
            return Ending.CUT
        return None


def readable(token: bytes) -> bytes:
    r"""Turn `\uNNNN` into its character where that can be read; the token stays equivalent JSON.

    >>> readable(rb'"caf\u00e9 \n \u0041 \ud83d\ude00 \\u00e9 \udc00"').decode()
    '"café \\n \\u0041 😀 \\\\u00e9 \\udc00"'
    """
    return _ESCAPE.sub(_character, token) if b"\\u" in token else token


def _character(match: re.Match[bytes]) -> bytes:
    first, second = match[1], match[2]
    if first is None:
        return match[0]
    code = int(first, 16)
    if 0xD800 <= code < 0xDC00 and second:
        return chr(0x10000 + ((code - 0xD800) << 10) + int(second, 16) - 0xDC00).encode()
    if code < 0xA1 or 0xD800 <= code < 0xE000:
        return match[0]
    return chr(code).encode() + (b"\\u" + second if second else b"")
