"""From a key to its shape: the parts that look like ids become typed placeholders.

    session:9f3c21ab77de       ->  session:{hex}
    user:1042:profile          ->  user:{int}:profile
    celery-task-meta-<uuid>    ->  celery-task-meta-{uuid}

One regular expression, one pass, no configuration. What cannot be told from a single key (a position that holds
names, say) is found out from many keys in `families`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

MAX_KEY = 512
"""Bytes of a key that are looked at; longer keys share the family of their beginning."""
MAX_PARTS = 12
"""Parts a family may have; a key with a thousand delimiters would otherwise be a thousand levels deep."""

_HEX = rb"[0-9a-fA-F]"
_TOKEN_END = rb"(?![A-Za-z0-9])"
_TOKEN_START = rb"(?<![A-Za-z0-9])"
_PART_END = rb"(?=[:/|{}]|$)"

_RULES: tuple[tuple[str, bytes], ...] = (
    # Order matters: at one place the first rule that fits wins, so the most telling shapes come first.
    (
        "uuid",
        _TOKEN_START
        + _HEX
        + rb"{8}-"
        + _HEX
        + rb"{4}-"
        + _HEX
        + rb"{4}-"
        + _HEX
        + rb"{4}-"
        + _HEX
        + rb"{12}"
        + _TOKEN_END,
    ),
    ("url", rb"https?:/.*"),
    ("jwt", rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"),
    ("email", _TOKEN_START + rb"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    (
        "ip",
        _TOKEN_START
        # Addresses in use begin with a group of three digits or four; `1:2:3:4:5:6:7:8` is more likely just numbers.
        + rb"(?:"
        + _HEX
        + rb"{3,4}(?::"
        + _HEX
        + rb"{1,4}){7}|"
        # Shortened IPv6 starts with two groups or more, so that `a::b` stays two words and an empty part.
        + rb"(?=[0-9a-fA-F:]*\d)"
        + _HEX
        + rb"{3,4}:(?:"
        + _HEX
        + rb"{1,4}:){0,6}:(?:"
        + _HEX
        + rb"{1,4}(?::"
        + _HEX
        + rb"{1,4})*)?)"
        + _TOKEN_END,
    ),
    ("ip4", _TOKEN_START + rb"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![.\dA-Za-z])"),
    (
        "date",
        _TOKEN_START
        + rb"(?:19|20)\d\d-(?:0[1-9]|1[0-2])"
        + rb"(?:-[0-3]\d(?:[T ][0-2]\d(?::?[0-5]\d){0,2}(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?)?"
        + _TOKEN_END,
    ),
    ("date2", _TOKEN_START + rb"20\d\d(?:0[1-9]|1[0-2])[0-3]\d(?::?[0-2]\d(?:[0-5]\d){0,2})?" + _TOKEN_END),
    # Seconds, milliseconds, microseconds since 1970; 19 digits are an id from a generator more often than nanoseconds.
    ("time", _TOKEN_START + rb"1[4-9]\d{8}(?:\d{3}){0,2}(?:\.\d+)?" + _TOKEN_END),
    ("ulid", _TOKEN_START + rb"[0-7][0-9A-HJKMNP-TV-Z]{25}" + _TOKEN_END),
    ("int", _TOKEN_START + rb"\d+" + _TOKEN_END),
    ("hex", _TOKEN_START + rb"(?=[a-fA-F]*\d)(?=\d*[a-fA-F])" + _HEX + rb"{6,}" + _TOKEN_END),
    ("hex2", _TOKEN_START + _HEX + rb"{16,}" + _TOKEN_END),
    # base64url of a random value: a whole part, long, with lower, upper and digit.
    (
        "token",
        rb"(?<![A-Za-z0-9_-])(?=[^:/|{}]*\d)(?=[^:/|{}]*[a-z])(?=[^:/|{}]*[A-Z])[A-Za-z0-9_-]{16,}={0,2}" + _PART_END,
    ),
    # Letters and digits mixed beyond a word with a number behind it (`sess_ab12cd34`).
    (
        "id",
        _TOKEN_START + rb"(?=(?:[A-Za-z]*\d){2})(?![A-Za-z]+\d+" + _TOKEN_END + rb")[A-Za-z0-9]{8,}" + _TOKEN_END,
    ),
    # A number glued to a word (`user1042`), but not a name like v2, http2, sha256.
    ("int2", rb"(?<=[A-Za-z])(?<!sha)(?<!base)\d{3,}" + _TOKEN_END),
)

_NAMES = {"ip4": "ip", "date2": "date", "hex2": "hex", "int2": "int"}
_GROUPS = {name: b"(?P<%b>%b)" % (name.encode(), rule) for name, rule in _RULES}
_PATTERN = re.compile(b"|".join(_GROUPS.values()))
_WITHOUT_TOKENS = re.compile(b"|".join(group for name, group in _GROUPS.items() if name != "token"))
_PLACEHOLDER = {name: b"{%b}" % _NAMES.get(name, name).encode() for name, _ in _RULES}
ID = b"{id}"
"""An id of no telling shape: letters and digits, or a name at a position that holds names."""
REST = b"{rest}"
"""What stands beyond the parts, or the bytes, that are looked at."""
_PLACEHOLDERS = frozenset({*_PLACEHOLDER.values(), ID, REST})
_HOLDS_ONE = re.compile(b"|".join(map(re.escape, _PLACEHOLDERS))).search
_ALL_HEX = re.compile(_HEX + rb"{16,}").fullmatch
_HEX_SIZES = frozenset({32, 40, 64})
"""Lengths of MD5, SHA-1 and SHA-256 in hexadecimal, of UUIDs without dashes and of most random ids."""
_UUID = re.compile(_HEX + rb"{8}(?:-" + _HEX + rb"{4}){3}-" + _HEX + rb"{12}").fullmatch
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}").fullmatch
_SPANNING = re.compile(rb"https?|\d{4}-\d\d-\d\dT\d\d|20\d{6}").fullmatch
"""Parts that may begin something that goes on behind the delimiter: a URL, a time of day."""
_DOTTED = re.compile(rb"[^.@]+@|eyJ|(?:.*\.)?\d{1,3}(?:\.\d{1,3}){3}(?![^.])", re.DOTALL).match
"""Keys with ids that hold dots themselves: an address, a JWT."""

_DELIMITERS = (b":", b"/", b"|", b".")
_CLEAN = (b":", b"/", b"|")
"""Delimiters that ids seldom hold. At any other one, ids have to be found before the key is cut."""
_WORDS_KEPT = 20_000
"""Literal parts remembered; more than that are not words, and looking each one up again costs little."""

Shape = tuple[bytes, ...]
"""The delimiter, then the parts between the delimiters with ids replaced."""


class Shaper:
    """Turns keys into shapes, remembering the words it has met: about a microsecond a key."""

    def __init__(self, delimiter: bytes | None = None) -> None:
        self._delimiter = delimiter
        self._words: dict[bytes, bytes] = {b"": b""}
        self._quick = QuickShapes() if delimiter in {None, b":"} else None

    def shape_of(self, key: bytes) -> Shape:
        """Replace what looks like an id by its placeholder and cut at the delimiter.

        >>> Shaper().shape_of(b"user:1042:profile")
        (b':', b'user', b'{int}', b'profile')
        >>> Shaper().shape_of(b"stats:requests:20261120:07")
        (b':', b'stats', b'requests', b'{date}')
        >>> Shaper().shape_of(b"app/cache/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d")
        (b'/', b'app', b'cache', b'{uuid}')
        """
        quick = self._quick
        if quick is not None:
            known = quick.find(key)
            if known is not None:
                return known
        shape = self._shape_of(key)
        if quick is not None:
            quick.learn(shape)
        return shape

    def _shape_of(self, key: bytes) -> Shape:
        if len(key) > MAX_KEY:
            return (*self.shape_of(key[:MAX_KEY])[:-1], REST)  # its last part goes on, so nobody knows what it is
        delimiter = self._delimiter or (b":" if b":" in key else _delimiter_of(key))
        parts = key.split(delimiter)
        if len(parts) > 7 or b"::" in key:
            return self._whole(key, delimiter)  # room for an IPv6 address
        if delimiter not in _CLEAN and (delimiter != b"." or _DOTTED(key)):
            return self._whole(key, delimiter)
        known = self._words.get
        shape = [delimiter]
        for part in parts:
            # This runs for every key there is: the commonest ids are told here, without another call.
            name = known(part)
            if name is None:
                size = len(part)
                if size < 8 and part.isdigit():
                    name = b"{int}"
                elif size in _HEX_SIZES and _ALL_HEX(part):
                    name = b"{hex}"
                elif size == 36 and _UUID(part):
                    name = b"{uuid}"
                else:
                    name = self._look_closer(part)
                    if not name:
                        return self._whole(key, delimiter)
            shape.append(name)
        return tuple(shape)

    def _look_closer(self, part: bytes) -> bytes:
        """Return the part's shape, or nothing when an id may reach over the delimiter (URL, time of day)."""
        if part[:1] == b"{" and part[-1:] == b"}" and len(part) < 9 and part[1:-1].isdigit():
            return b"{{int}}"
        if _SPANNING(part):
            return b""
        if len(part) >= 16 and _BASE64(part) and _is_random(part):
            return b"{token}"
        shape = _PATTERN.sub(_placeholder, part)
        if shape == part and len(self._words) < _WORDS_KEPT:
            self._words[part] = part
        return shape

    def _whole(self, key: bytes, delimiter: bytes) -> Shape:
        parts = _PATTERN.sub(_placeholder, key).split(delimiter)
        if len(parts) >= MAX_PARTS:
            parts[MAX_PARTS - 1 :] = [REST]
        if len(parts) == 1:
            delimiter = self._delimiter or _DELIMITERS[0]  # one that was inside the id says nothing
        return (delimiter, *parts)


_QUICK_PARTS = {
    b"{int}": rb"[0-9]{1,7}",
    b"{hex}": b"(?:" + b"|".join(_HEX + b"{%d}" % size for size in sorted(_HEX_SIZES)) + b")",
    b"{uuid}": _HEX + rb"{8}(?:-" + _HEX + rb"{4}){3}-" + _HEX + rb"{12}",
}
"""Ids that are told by their letters and length alone, whatever stands beside them."""
_QUICK_FROM = 64
"""Times a shape is met before it is looked for first: compiling takes as long as a thousand keys."""
_QUICK_MOST = 12
"""Shapes looked for per namespace: they are tried one after the other."""


class QuickShapes:
    """Shapes met often, by the first part of the key: one regular expression tells most keys of a big keyspace.

    It knows only shapes that a key has exactly when the expression fits, so it never changes what the answer is.
    """

    def __init__(self) -> None:
        self._met: dict[Shape, int] = {}
        self._finders: dict[bytes, tuple[Callable[[bytes], re.Match[bytes] | None], list[Shape]]] = {}

    def find(self, key: bytes) -> Shape | None:
        """Return the shape of a key, when it is one of those."""
        finder = self._finders.get(key[: key.find(b":")])
        if finder is None:
            return None
        match = finder[0](key)
        return None if match is None else finder[1][match.lastindex or 0]

    def learn(self, shape: Shape) -> None:
        """Take note of a shape that had to be found out."""
        met = self._met.get(shape, 0) + 1
        if len(self._met) < _WORDS_KEPT or met > 1:
            self._met[shape] = met
        if met == _QUICK_FROM and _is_quick(shape):
            shapes: list[Shape] = self._finders[shape[1]][1] if shape[1] in self._finders else [()]
            if len(shapes) <= _QUICK_MOST:
                shapes.append(shape)
                tails = (b"(" + b":".join(map(_quick_part, known[2:])) + b")" for known in shapes[1:])
                pattern = re.escape(shape[1]) + b":(?:" + b"|".join(tails) + b")"
                self._finders[shape[1]] = re.compile(pattern).fullmatch, shapes


def _is_quick(shape: Shape) -> bool:
    """Whether a key has this shape exactly when its parts are these words and these plain ids."""
    delimiter, first, *rest = shape
    return (
        delimiter == b":"
        and 0 < len(rest) < 6
        and not has_placeholder(first)
        and all(part in _QUICK_PARTS or (part and not has_placeholder(part)) for part in rest)
    )


def _quick_part(part: bytes) -> bytes:
    return _QUICK_PARTS.get(part) or re.escape(part)


def _delimiter_of(key: bytes) -> bytes:
    return next((mark for mark in _DELIMITERS if mark in key), b":")


def _placeholder(match: re.Match[bytes]) -> bytes:
    if match.lastgroup == "token" and not _is_random(match[0], 0.42):
        return _WITHOUT_TOKENS.sub(_placeholder, match[0])  # a long name like `FeatureFlagsServiceV2`
    return _PLACEHOLDER[match.lastgroup or "id"]


_CLASSES = bytes(
    ord("0") if 48 <= code < 58 else ord("A") if 65 <= code < 91 else ord("a") if 97 <= code < 123 else ord("-")
    for code in range(256)
)


def _is_random(part: bytes, least: float = 0.5) -> bool:
    """Whether letters, digits and cases change so often that nobody has chosen them.

    In random base64 two neighbours are of different kinds in 65 of 100 cases, in words and paths far less often.
    `least` is how often they have to be.

    >>> _is_random(b"FdPO4DA/x0Zk3+9aBcD"), _is_random(b"/api/v1/items/list2")
    (True, False)
    """
    if part in {part.lower(), part.upper()}:
        return False  # hex, or words
    kinds = part.translate(_CLASSES)
    changes = sum(left != right for left, right in pairwise(kinds))
    return changes >= least * len(part)


def has_placeholder(part: bytes) -> bool:
    """Whether a part holds an id, alone or beside fixed text.

    Braces alone are none: in `{alice}.cart` they are a hash tag of Redis Cluster around a word.

    >>> has_placeholder(b"sess_{hex}"), has_placeholder(b"profile"), has_placeholder(b"{alice}")
    (True, False, False)
    """
    return b"{" in part and _HOLDS_ONE(part) is not None


def is_placeholder(part: bytes) -> bool:
    """Whether a part is nothing but one id.

    >>> is_placeholder(b"{uuid}"), is_placeholder(b"sess_{hex}")
    (True, False)
    """
    return part in _PLACEHOLDERS
