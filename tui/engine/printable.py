r"""The only place where bytes become text for people.

Names, values and errors of a server are bytes that anyone may have chosen: they can carry terminal commands
or invisible characters, or be no text at all. `printable` turns them into text that shows every byte, moves
no cursor and hides nothing, and that leads back to exactly the same bytes:

* what is readable in UTF-8 stays as it is;
* a backslash becomes `\\`;
* a control byte, and a byte that is not valid UTF-8, becomes `\xNN`;
* any other character that cannot be seen for what it is becomes `\uNNNN` or `\UNNNNNNNN`.

So `\x80` is the lone byte 80, while the valid character U+0080 (bytes C2 80) is `\u0080`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256

MAX_MARKS = 3
"""Combining marks kept on one base: Hebrew and Vietnamese need three; more is a prank that covers lines."""

MASK_MIN_BYTES = 12
"""A secret shorter than this shows none of its characters: four of them would be too large a part."""

MASK_SHOWN = 4
"""Characters of a longer secret that are shown: enough to tell `eyJh` from `sk_l`."""

REPLACEMENT = "�"
"""What `scrub` puts in place of a character: visible, and one cell wide."""

_INVISIBLE = re.compile(
    "["
    "\u034f"  # combining grapheme joiner
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5"  # Khmer inherent vowels
    "\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
    "\u2800"  # Braille blank
    "\ufffc"  # object replacement
    "\U00013441\U00013442"  # Egyptian blanks
    "\U00016fe4\U0001d159"  # Khitan filler, null notehead
    "\U0001171e"  # a spacing mark (see below) since Unicode 16
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff"  # flags, skin tones: terminals disagree about their width
    "]"
)
"""Characters that `str.isprintable` lets pass although nobody sees them, or sees them alike."""

_WIDTH_UNSURE = ("Me", "Mc")
"""Marks around a letter, and those with a width of their own, on which nobody agrees: the Hindi word for Hindi takes 3
cells for Rich (and so for redtop), 4 for wcwidth's clusters, 5 in glibc and tmux (measured), so it would move the rest
of its row. Vowel signs of Hindi, Tamil and Bengali that are Mc are therefore written as escapes; Thai has none."""

_JOINING_JAMO = re.compile("[\u1161-\u11ff\ud7b0-\ud7fb]")
"""Hangul vowels and finals: letters to Unicode, but terminals draw them into the cell before, like marks."""

_HANGUL = re.compile("[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb]")
"""What such a letter may stand on; on anything else a terminal draws nothing, or moves the line."""

_PLAIN = (
    " -\\[\\]-~"  # ASCII without the backslash
    "\u00a1-\u00ac\u00ae-\u02ff"  # Latin
    "\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f"  # Greek, Cyrillic
    "\u05d0-\u05ea\u0620-\u064a"  # Hebrew and Arabic letters
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"  # dashes, quotes, ellipsis, currencies
    "\u2190-\u2426\u2440-\u244a\u2460-\u27ff\u2801-\u2b73"  # arrows, mathematics, boxes, shapes, Braille
    "\u3001-\u3029\u3041-\u3096\u30a1-\u30fe\u4e00-\u9ffc\uac00-\ud7a3\uff01-\uff5e"  # East Asia
    "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f"  # emoji
)
"""Assigned characters that need no second look: a regular expression knows them faster than a loop does."""

_ALL_PLAIN = re.compile(f"[{_PLAIN}]*").fullmatch
_ALL_DRAWABLE = re.compile(rf"[{_PLAIN}\\\u2800]*").fullmatch
_NOT_ASCII = re.compile(r"[^ -\[\]-~]+")
_BAD_ON_SCREEN = re.compile(r"[^ -~]+")

_HALF = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
"""The unfinished character that a cut leaves."""

_ESCAPED_ASCII = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)} | {ord("\\"): "\\\\"}

_ESCAPE = re.compile(r"\\(?:(\\)|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))?")


def printable(data: bytes) -> str:
    r"""Turn bytes into text that is safe to show and stands for exactly these bytes.

    >>> printable(b"session:9f3c")
    'session:9f3c'
    >>> print(printable(b"\x1b[2Jcaf\xc3\xa9\xff C:\\temp"))
    \x1b[2Jcafé\xff C:\\temp
    >>> print(printable("zero\u200bwidth".encode()))
    zero\u200bwidth
    """
    if data.isascii():
        text = data.decode("ascii")
        if text.isprintable() and "\\" not in text:
            return text
        return text.translate(_ESCAPED_ASCII)
    text = data.decode("utf-8", "surrogateescape")
    return text if _ALL_PLAIN(text) else _NOT_ASCII.sub(_escaped_run, text)


def beginning(data: bytes, most: int, size: int | None = None) -> str:
    """Turn at most `most` first bytes into text; an ellipsis says that there is more, and no character is halved.

    `size` is the number of bytes of the whole where `data` is only its beginning.

    >>> beginning(b"session:9f3c", 20), beginning(b"session:9f3c", 8), beginning("日本".encode(), 5)
    ('session:9f3c', 'session:…', '日…')
    """
    cut = data[: max(0, most)]
    if len(cut) >= (len(data) if size is None else size):
        return printable(cut)
    return f"{printable(_HALF.sub(b'', cut))}…"


def parse_printable(text: str) -> bytes:
    r"""Turn the form that `printable` writes back into its bytes.

    Text typed by a person is welcome too: a character that `printable` would have escaped stands for itself.

    Raises:
        ValueError: with one sentence, when a backslash starts no known escape.

    >>> parse_printable(r"caf\xc3\xa9\\")
    b'caf\xc3\xa9\\'
    >>> parse_printable(r"C:\temp")
    Traceback (most recent call last):
        ...
    ValueError: a backslash must be followed by \, xNN, uNNNN or UNNNNNNNN (character 3)
    """
    parts: list[bytes] = []
    done = 0
    for match in _ESCAPE.finditer(text):
        parts += _encoded(text[done : match.start()]), _unescaped(match)
        done = match.end()
    parts.append(_encoded(text[done:]))
    return b"".join(parts)


def text_of(data: bytes) -> str:
    r"""Decode what was text of redtop's own (a family's pattern in a journal), and make it safe all the same.

    Not one-to-one, unlike `printable`: names of a server never come here.

    >>> text_of("café:{hex}".encode()), text_of(b"\x1b[31m \xff")
    ('café:{hex}', '�[31m �')
    """
    return scrub(data.decode("utf-8", "replace"))


def is_safe(text: str) -> bool:
    r"""Tell whether a terminal draws every character of this text and obeys none.

    Unlike in the form of `printable`, our own drawings pass: a backslash, and the Braille blank of charts.

    >>> is_safe("used ⣀⠤⠒ 312M"), is_safe("\x1b]52;c;aGk=\x07"), is_safe("a\u202eb")
    (True, False, False)
    """
    if text.isascii():
        return text.isprintable()
    return _ALL_DRAWABLE(text) is not None or scrub(text) == text


def scrub(text: str) -> str:
    r"""Replace each character that is not safe to show by a visible `�`, one cell wide.

    The last belt before the terminal, for text whose bytes are gone; everything else uses `printable`.

    >>> scrub("\x1b[31mred\u200b")
    '�[31mred�'
    """
    if text.isascii() and text.isprintable():
        return text
    return text if _ALL_DRAWABLE(text) else _BAD_ON_SCREEN.sub(_scrubbed_run, text)


def mask(data: bytes) -> str:
    """Name a secret without telling it: its first characters and the start of its SHA-256.

    Two equal secrets have equal masks. A short one shows no character at all.

    >>> mask(b"eyJhbGciOiJIUzI1NiJ9.e30")
    'eyJh…3978d688'
    >>> mask(b"hunter2")
    '••••f52fbd32'
    """
    digest = sha256(data).hexdigest()[:8]
    if len(data) < MASK_MIN_BYTES:
        return f"••••{digest}"
    start = data.decode("utf-8", "surrogateescape")[:MASK_SHOWN]
    return f"{printable(start.encode('utf-8', 'surrogateescape'))}…{digest}"


@lru_cache(maxsize=4096)
def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M") or _JOINING_JAMO.match(char) is not None


@lru_cache(maxsize=4096)
def _is_visible(char: str) -> bool:
    """Whether the character can be seen, provided that a mark has something to stand on."""
    return char.isprintable() and not _INVISIBLE.match(char) and unicodedata.category(char) not in _WIDTH_UNSURE


def _escaped_run(match: re.Match[str]) -> str:
    return "".join(char if visible else _escaped(char) for char, visible in _judged(match))


def _scrubbed_run(match: re.Match[str]) -> str:
    return "".join(char if visible or char == "\u2800" else REPLACEMENT for char, visible in _judged(match))


def _judged(match: re.Match[str]) -> Iterator[tuple[str, bool]]:
    """Say of each character of a run whether it may be shown as it is; a mark may if it has a base."""
    start = match.start()
    base = match.string[start - 1] if start else " "
    marks = 0
    for char in match.group():
        visible = char != "\\" and _is_visible(char)
        if _is_mark(char):
            marks += 1
            visible = visible and marks <= MAX_MARKS and _carries(base, char)
        else:
            marks = 0
        yield char, visible
        base = char if visible else " "


def _carries(base: str, mark: str) -> bool:
    return base not in " \\" and (not _JOINING_JAMO.match(mark) or _HANGUL.match(base) is not None)


def _escaped(char: str) -> str:
    code = ord(char)
    if code == 0x5C:
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape's way of keeping a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _unescaped(match: re.Match[str]) -> bytes:
    backslash, byte, short, long = match.groups()
    if backslash:
        return b"\\"
    if byte:
        return bytes((int(byte, 16),))
    code = int(short or long or "-1", 16)
    if code < 0:
        raise ValueError(f"a backslash must be followed by \\, xNN, uNNNN or UNNNNNNNN (character {match.start() + 1})")
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"{match.group()} is not a character (character {match.start() + 1})")
    return chr(code).encode()


def _encoded(text: str) -> bytes:
    """Encode text without escapes; command-line arguments keep stray bytes the way of `surrogateescape`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("the text contains half a surrogate pair, which stands for no bytes") from None
