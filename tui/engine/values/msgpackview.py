"""MessagePack as lines: read for showing, value by value, so that a cut value shows what there is."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from tui.engine.values.jsonview import Ending
from tui.engine.values.paper import Paper, Role

DEEPEST = 64
"""Levels of nesting that are followed; nobody writes more, and Python's own stack has its limits."""
LEAST_CUT = 4
"""Values that must have been read before a cut beginning counts as MessagePack: bytes alone say little."""

_INTEGERS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
_FLOATS = {0xCA: ">f", 0xCB: ">d"}
_LITERALS = {0xC0: "null", 0xC2: "false", 0xC3: "true"}
_SIZED: dict[int, tuple[str, str]] = {
    0xC4: ("bytes", ">B"),
    0xC5: ("bytes", ">H"),
    0xC6: ("bytes", ">I"),
    0xC7: ("extension", ">B"),
    0xC8: ("extension", ">H"),
    0xC9: ("extension", ">I"),
    0xD9: ("string", ">B"),
    0xDA: ("string", ">H"),
    0xDB: ("string", ">I"),
    0xDC: ("array", ">H"),
    0xDD: ("array", ">I"),
    0xDE: ("map", ">H"),
    0xDF: ("map", ">I"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Cut(Exception):  # noqa: N818 - not an error: the data just ends here
    """The data ends inside a value."""


class _NotMsgpack(Exception):  # noqa: N818 - an answer, not an error
    """These bytes are something else."""


class _Full(Exception):  # noqa: N818 - likewise
    """The paper is full."""


def looks_like_msgpack(data: bytes) -> bool:
    """Whether the first byte starts a map, an array or a string with something in it."""
    if len(data) < 2:
        return False
    first = data[0]
    return (
        0x81 <= first <= 0x8F or 0x91 <= first <= 0x9F or 0xA1 <= first <= 0xBF or first in {0xD9, *range(0xDA, 0xE0)}
    )


def write_msgpack(data: bytes, paper: Paper) -> Ending | None:
    """Write one MessagePack value; None when it is none, and the paper is spoiled then."""
    if not looks_like_msgpack(data):
        return None
    writer = _Writer(data, paper)
    try:
        writer.value(0)
    except _NotMsgpack:
        return None
    except _Full:
        paper.overflowed = True
        return Ending.LONG
    except _Cut:
        return Ending.CUT if writer.values >= LEAST_CUT else None
    return Ending.WHOLE if writer.position == len(data) else None


class _Writer:
    def __init__(self, data: bytes, paper: Paper) -> None:
        self.position = 0
        self.values = 0
        self._data = data
        self._paper = paper

    def value(self, depth: int, *, is_key: bool = False) -> None:
        """Read and write the value at the current position."""
        if depth > DEEPEST:
            raise _NotMsgpack
        if self._paper.full:
            raise _Full
        kind, size = self._head(self._take(1)[0])
        if kind in {"array", "map"}:
            if is_key:
                raise _NotMsgpack  # possible, but nobody does it
            self._container(kind, size, depth)
        elif kind == "string":
            self._string(size, depth, "key" if is_key else "string")
        elif kind == "bytes":
            self._bytes(size, depth, "key" if is_key else "string")
        elif kind == "extension":
            self._extension(size, depth)
        self.values += 1

    def _head(self, first: int) -> tuple[str, int]:
        """Read what a value is and how long; a number or literal is written at once."""
        if first in _SIZED:
            kind, form = _SIZED[first]
            return kind, self._number(form)
        if 0xD4 <= first <= 0xD8:
            return "extension", 1 << (first - 0xD4)
        if 0x80 <= first < 0xC0:
            kind, mask = ("map", 15) if first < 0x90 else ("array", 15) if first < 0xA0 else ("string", 31)
            return kind, first & mask
        if first in _LITERALS:
            self._paper.put(_LITERALS[first], "literal")
        elif first in _FLOATS:
            self._paper.put(repr(struct.unpack(_FLOATS[first], self._take(4 if first == 0xCA else 8))[0]), "number")
        elif first == 0xC1:
            raise _NotMsgpack
        else:
            small = first if first < 0x80 else first - 256
            self._paper.put(str(self._number(_INTEGERS[first]) if first in _INTEGERS else small), "number")
        return "scalar", 0

    def _container(self, kind: str, size: int, depth: int) -> None:
        opening, closing = "{}" if kind == "map" else "[]"
        self._paper.put(opening, "punctuation")
        for number in range(size):
            self._paper.end(depth + 1)
            if kind == "map":
                self.value(depth + 1, is_key=True)
                self._paper.put(": ", "punctuation")
            self.value(depth + 1)
            if number < size - 1:
                self._paper.put(",", "punctuation")
        if size:
            self._paper.end(depth)
        self._paper.put(closing, "punctuation")

    def _string(self, size: int, depth: int, role: Role) -> None:
        data = self._data[self.position : self.position + size]
        whole = len(data) == size
        try:
            data.decode("utf-8", "strict" if whole else "ignore")
        except UnicodeDecodeError:
            if depth == 0:
                raise _NotMsgpack from None  # a string alone is too little to say that text is none
        self._quoted(b'"' + data + b'"' * whole, size, depth, role)

    def _bytes(self, size: int, depth: int, role: Role) -> None:
        data = self._data[self.position : self.position + size]
        self._paper.put("b", "punctuation")
        self._quoted(b'"' + data + b'"' * (len(data) == size), size, depth, role)

    def _quoted(self, shown: bytes, size: int, depth: int, role: Role) -> None:
        self._paper.put_bytes(shown, role, depth)
        self._take(size)

    def _extension(self, size: int, depth: int) -> None:
        code = struct.unpack(">b", self._take(1))[0]
        data = self._take(size)
        moment = _moment(data) if code == -1 else None
        if moment is not None:
            self._paper.put(moment, "literal")
            return
        self._paper.put(f"extension {code}: ", "muted")
        self._paper.put_bytes(data, "string", depth)

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _take(self, size: int) -> bytes:
        if self.position + size > len(self._data):
            raise _Cut
        self.position += size
        return self._data[self.position - size : self.position]


def _moment(data: bytes) -> str | None:
    """Read the extension type for times."""
    if len(data) == 4:
        seconds, nanoseconds = struct.unpack(">I", data)[0], 0
    elif len(data) == 8:
        both = struct.unpack(">Q", data)[0]
        seconds, nanoseconds = both & (1 << 34) - 1, both >> 34
    elif len(data) == 12:
        nanoseconds, seconds = struct.unpack(">Iq", data)
    else:
        return None
    try:
        return (_EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)).isoformat()
    except OverflowError:
        return None
