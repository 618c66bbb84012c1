"""What a value is, told from its bytes, and how it reads: JSON, text, numbers, packed data, or hex.

Pure functions over (the beginning of) a value, bounded in time and memory whatever it holds. All text that comes out
is safe to show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tui.engine.values.hyperloglog import read_hyperloglog
from tui.engine.values.jsonview import Ending, write_json
from tui.engine.values.msgpackview import write_msgpack
from tui.engine.values.packed import opened, signature_of, unbased
from tui.engine.values.paper import MOST_LINES, WIDTH, Line, Paper, chunks

MOST_LAYERS = 4
"""Wrappings taken off one another; base64 of gzip is two."""
PER_LINE = 16
"""Bytes in a line of the hex view."""
ODD = 0.1
"""Share of bytes that are no text, up to which something is shown as text: a Latin-1 name, a colour code."""
SPARSE = 0.6
"""Share of zero bytes from which binary data may be a bitmap."""
FEW_BITS = 3
"""Positions of set bits that are named."""

_INTEGER = re.compile(rb"[+-]?\d{1,40}").fullmatch
_DECIMAL = re.compile(rb"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?").fullmatch
_CONTROLS = bytes(code for code in (*range(32), 127) if chr(code) not in "\t\n\r")
_ASCII = bytes(code if 32 <= code < 127 else 0xB7 for code in range(256))
"""What the hex view shows of each byte: `·` (in Latin-1) for what is not ASCII."""
_WORD = re.compile(rb"[ -~]{5}")
_SECONDS = range(1_000_000_000, 4_102_444_800)
"""Unix times that are taken for times: September 2001 to the end of 2099."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value (or its beginning) as a person reads it."""

    layers: tuple[str, ...]
    """From the outside in: `("base64", "gzip", "json")`. The last one says what is shown."""
    kind: str
    """`json`, `msgpack`, `text`, `integer`, `number`, `hyperloglog`, `bitmap`, `hex` or `empty`."""
    lines: tuple[Line, ...]
    """Each line is a tuple of (safe text, role)."""
    note: str | None = None
    """What a person should know of it, if anything: one line."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How much may be written, and how wide."""

    most: int
    width: int

    def paper(self) -> Paper:
        return Paper(self.most, self.width)


def decode(
    data: bytes,
    complete: bool = True,
    *,
    start: int = 0,
    total: int | None = None,
    width: int = WIDTH,
    most: int = MOST_LINES,
) -> Decoded:
    """Recognise a value and lay it out in at most `most` lines.

    `complete` says whether `data` is all of it; `start` is where in the value it begins (the middle of a value is
    read as text or hex only), `total` the length of the value in bytes, for the note. Runs of more than `width` bytes
    go on in the next line. Never raises.

    >>> decode(b'{"a":1}').layers, decode(b"42").kind, decode(bytes([0, 255])).kind
    (('json',), 'integer', 'hex')
    """
    sheet = _Sheet(most, width)
    notes: list[str | None] = [_part(data, start, total)] if not complete or start else []
    if start:
        kind, lines, note = _plain(data, False, sheet, start)
        return Decoded((kind,), kind, lines, _joined([*notes, note]))
    layers: list[str] = []
    while len(layers) < MOST_LAYERS:
        inner = opened(data, complete) or unbased(data, complete, _is_known)
        if inner is None:
            break
        layers.append(inner.name)
        notes.append(inner.note)
        if inner.data is None:
            lines, cut = _hex(data, sheet, 0)
            return Decoded(tuple(layers), "hex", lines, _joined([*notes, cut]))
        data, complete = inner.data, inner.whole
    kind, lines, note = _shown(data, complete, sheet)
    name = (signature_of(data) if kind in {"hex", "bitmap"} else None) or kind
    if name == "pickle":
        notes.append("a Python pickle is never loaded: it could run code")
    return Decoded((*layers, name), kind if name == kind else "hex", lines, _joined([*notes, note]))


_Shown = tuple[str, tuple[Line, ...], str | None]
"""Kind, lines, note."""


def _shown(data: bytes, complete: bool, sheet: _Sheet) -> _Shown:
    if not data:
        return "empty", (), "empty"
    if complete and (number := _number(data)):
        return number
    return (
        _hyperloglog(data)
        or _json(data, complete, sheet)
        or (_text(data, sheet) if _is_text(data, 0.0, complete) else None)
        or _msgpack(data, complete, sheet)
        or _plain(data, complete, sheet, 0)
    )


def _plain(data: bytes, complete: bool, sheet: _Sheet, start: int) -> _Shown:
    """Show text or bytes, without looking for more."""
    if signature_of(data) is None and _is_text(data, ODD, complete):
        return _text(data, sheet)
    note = None if start else _bitmap(data)
    lines, cut = _hex(data, sheet, start)
    return "bitmap" if note else "hex", lines, _joined([note, cut])


def _is_known(data: bytes, whole: bool) -> bool:
    """Whether bytes out of base64 make sense; short binary would too often do so by chance."""
    if opened(data, whole) is not None or signature_of(data) is not None:
        return True
    if data[:1] in {b"{", b"["}:
        return write_json(data, Paper()) is not None
    return 0x81 <= data[0] <= 0x8F and len(data) >= 12 and write_msgpack(data, Paper()) is not None


def _number(data: bytes) -> _Shown | None:
    if _INTEGER(data):
        return "integer", (((data.decode(), "number"),),), _moment(int(data))
    if _DECIMAL(data):
        return "number", (((data.decode(), "number"),),), None
    return None


def _moment(number: int) -> str | None:
    for unit, name in ((1, "seconds"), (1000, "milliseconds"), (1_000_000, "microseconds")):
        if number // unit in _SECONDS:
            return f"as a time in {name}: {datetime.fromtimestamp(number // unit, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return None


def _json(data: bytes, complete: bool, sheet: _Sheet) -> _Shown | None:
    paper = sheet.paper()
    ending = write_json(data, paper)
    if ending is None:
        return None
    note = "cut in the middle of the JSON" if ending is Ending.CUT else None
    if ending is Ending.CUT and complete:
        note = "the JSON stops in the middle"
    return "json", paper.finish(), note or _cut(paper)


def _msgpack(data: bytes, complete: bool, sheet: _Sheet) -> _Shown | None:
    paper = sheet.paper()
    ending = write_msgpack(data, paper)
    if ending is None or (complete and ending is Ending.CUT):
        return None
    return "msgpack", paper.finish(), "cut in the middle" if ending is Ending.CUT else _cut(paper)


def _hyperloglog(data: bytes) -> _Shown | None:
    found = read_hyperloglog(data)
    if found is None:
        return None
    number = found.cached if found.cached is not None else found.counted
    how = (
        "as the server counted"
        if found.cached is not None
        else "counted here; the server has not since the last change"
    )
    lines: list[Line] = [(("encoding     ", "key"), (found.encoding, "plain"))]
    if number is not None:
        lines.append((("cardinality  ", "key"), (f"{number:,}", "number"), (f"  ({how})", "muted")))
    return "hyperloglog", tuple(lines), None if number is not None else "its registers are cut or damaged"


def _is_text(data: bytes, odd: float, complete: bool) -> bool:
    """Whether at most that share of the bytes is neither UTF-8 nor a control character that texts have."""
    controls = len(data) - len(data.translate(None, _CONTROLS))
    strays = 0
    if not data.isascii():
        at_the_edges = 0 if complete else 6  # a character may be cut at either end
        strays = max(0, len(data) - len(data.decode("utf-8", "ignore").encode()) - at_the_edges)
    return strays + controls <= odd * len(data)


def _text(data: bytes, sheet: _Sheet) -> _Shown:
    paper = sheet.paper()
    rows = data.split(b"\n", sheet.most)
    if rows[-1:] == [b""]:
        rows.pop()
    crlf = any(row.endswith(b"\r") for row in rows[:-1])
    for row in rows:
        _text_row(row.removesuffix(b"\r") if crlf else row, paper)
    return "text", paper.finish(), _joined(["lines end with CR LF" if crlf else None, _cut(paper)])


def _text_row(row: bytes, paper: Paper) -> None:
    for piece in chunks(row, paper.width):
        for number, cell in enumerate(piece.split(b"\t")):
            if number:
                paper.put("→   ", "muted")
            if cell:
                paper.put_bytes(cell, "plain")
        paper.end()


def _hex(data: bytes, sheet: _Sheet, start: int) -> tuple[tuple[Line, ...], str | None]:
    """Write offset, bytes and ASCII; lines that repeat the one before are one `*`, as hexdump does."""
    paper = sheet.paper()
    before, starred = b"", False
    for at in range(0, len(data), PER_LINE):
        row = data[at : at + PER_LINE]
        if row != before or at + PER_LINE >= len(data):
            before, starred = row, False
            _hex_row(row, start + at, paper)
        elif not starred:
            starred = True
            paper.put("*", "muted")
            paper.end()
        if paper.overflowed:
            break
    return paper.finish(), _cut(paper)


def _hex_row(row: bytes, at: int, paper: Paper) -> None:
    paper.put(f"{at:08x}  ", "muted")
    paper.put(row.hex(" ").ljust(3 * PER_LINE - 1), "plain")
    paper.put("  " + row.translate(_ASCII).decode("latin-1"), "string")
    paper.end()


def _bitmap(data: bytes) -> str | None:
    """Say which bits are set when most are not, as in what SETBIT makes."""
    if data.count(0) < SPARSE * len(data) or not any(data) or _WORD.search(data) or signature_of(data):
        return None
    bits = sum(byte.bit_count() for byte in data)
    places = [8 * at + bit for at, byte in _set_bytes(data) for bit in range(8) if byte & 0x80 >> bit][:FEW_BITS]
    first = ", ".join(map(str, places)) + (", …" if bits > len(places) else "")
    return f"may be a bitmap: {bits:,} of {8 * len(data):,} bits set ({first})"


def _set_bytes(data: bytes) -> list[tuple[int, int]]:
    """Return the first bytes that are not zero, with their places; enough for the bits that are named."""
    found = re.finditer(rb"[^\x00]", data, re.DOTALL)
    return [(match.start(), match[0][0]) for match, _ in zip(found, range(FEW_BITS), strict=False)]


def _cut(paper: Paper) -> str | None:
    return f"first {len(paper.lines):,} lines" if paper.overflowed else None


def _part(data: bytes, start: int, total: int | None) -> str:
    of = f" of {size(total)}" if total is not None else ""
    return f"{size(len(data))} from byte {start:,}{of}" if start else f"first {size(len(data))}{of}"


def size(octets: int) -> str:
    """Say how many bytes, as a person would.

    >>> [size(n) for n in (12, 65536, 12 * 2**20, 1536)]
    ['12 bytes', '64 KB', '12 MB', '1.5 KB']
    """
    if octets < 1024:
        return f"{octets} bytes"
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if octets >= 1 << power:
            return f"{octets / (1 << power):.1f}".removesuffix(".0") + f" {unit}"
    raise AssertionError


def _joined(notes: list[str | None]) -> str | None:
    return "; ".join(note for note in notes if note) or None
