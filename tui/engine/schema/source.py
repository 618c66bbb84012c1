"""Where a schema finds a name in a value or in a pasted token: `json:user_id`, `field:user_id`, `jwt:sub`, ..."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import msgspec

Kind = Literal["value", "json", "field", "jwt", "raw", "sha256"]

_OF_VALUES: tuple[Kind, ...] = ("value", "json", "field", "jwt")
_OF_TOKENS: tuple[Kind, ...] = ("raw", "sha256", "jwt")
_NAMED = frozenset({"json", "field", "jwt"})

Value = bytes | Mapping[bytes, bytes]
"""What a key holds: a string, or the fields of a hash."""


@dataclass(frozen=True, slots=True)
class Source:
    """One place to look."""

    kind: Kind
    """`value`: the whole string; `json`: a path in it; `field`: of a hash; `jwt`: a claim, decoded and not verified;
    of a pasted token also `raw`: as it is, and `sha256`: its digest in hexadecimal."""
    name: str = ""
    """The path (parts with dots between), the field, or the claim."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    def of_value(self, value: Value) -> bytes | None:
        """Return what stands there in the value of a key; None when nothing does."""
        if isinstance(value, Mapping):
            # A field may hold what a string key would: older code keeps whole objects, newer code their fields.
            return value.get(self.name.encode()) if self.kind in {"field", "json"} else None
        if self.kind == "value":
            return value.strip() or None
        if self.kind == "jwt":
            return _text(claims(value).get(self.name))
        return at_path(value, self.name) if self.kind == "json" else None

    def of_token(self, token: bytes) -> bytes | None:
        """Return what a pasted token says there; None when it says nothing."""
        if self.kind == "raw":
            return token
        return sha256(token).hexdigest().encode() if self.kind == "sha256" else self.of_value(token)


def source_of(text: str, *, tokens: bool = False) -> Source:
    """Read a source as a schema writes it; `tokens` says that it is about pasted tokens and not about values.

    Raises:
        ValueError: with a phrase, when it is none.
    """
    kinds = _OF_TOKENS if tokens else _OF_VALUES
    head, _, name = text.partition(":")
    for kind in kinds:
        if head == kind and bool(name) == (kind in _NAMED):
            return Source(kind, name)
    forms = (f"{kind}:NAME" if kind in _NAMED else kind for kind in kinds)
    raise ValueError(f"{text!r} is no place to look: write one of {', '.join(forms)}")


def first(sources: Iterable[Source], value: Value) -> bytes | None:
    """Return what the first of these places holds that holds anything."""
    return next((found for source in sources if (found := source.of_value(value)) is not None), None)


def at_path(document: bytes, path: str) -> bytes | None:
    """Return the text or number at a path of a JSON document; None when there is none, or it is cut off before it.

    >>> at_path(b'{"user": {"id": 17}}', "user.id"), at_path(b'{"user_id": "u1", "text": "cut o', "user_id")
    (b'17', b'u1')
    """
    try:
        node: Any = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError):
        return _near(document, path)
    for step in path.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return _text(node)


def claims(token: bytes) -> dict[str, Any]:
    """Return the claims of a JWT, which are not verified; empty when it is none.

    >>> claims(b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2ln")
    {'sub': '17'}
    """
    parts = token.strip().split(b".")
    if len(parts) != 3:
        return {}
    try:
        found = msgspec.json.decode(urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (Base64Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _near(document: bytes, path: str) -> bytes | None:
    """Find a field in a document that was read only in part; its name alone has to be enough."""
    name = re.escape(path.rsplit(".", 1)[-1].encode())
    found = re.search(rb'"%b"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?[0-9]+))' % name, document)
    if found is None:
        return None
    if found[1] is None:
        return found[2]
    try:
        return _text(msgspec.json.decode(b'"%b"' % found[1]))
    except msgspec.DecodeError:
        return None


def _text(node: object) -> bytes | None:
    if isinstance(node, bool) or not isinstance(node, str | int) or node == "":
        return None
    return str(node).encode("utf-8", "surrogatepass")
