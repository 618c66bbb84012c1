"""Which family of the active schemas a key belongs to: one dictionary look-up and one regular expression.

The pattern that says most about a key wins, read from the left: a literal segment before one of a known form, that
before any text, that before a rest. What says as much is decided by the order of the schemas, and in one file by the
order of its families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tui.engine.printable import parse_printable
from tui.engine.schema.model import Family, Schema
from tui.engine.schema.pattern import Pattern

Finder = Callable[[bytes], re.Match[bytes] | None]

_SAMPLES: Mapping[str, tuple[bytes, ...]] = {
    "date": (b"20250602:06", b"20250602", b"2025-06-02"),
    "email": (b"ann@example.com",),
    "hex": (b"9f3c21ab77de", b"9f3c21ab77de" * 2 + b"9f3c21ab", b"9f3c21ab" * 8),
    "id": (b"name", b"sess_x1", b"20250602"),
    "int": (b"1042", b"42", b"7"),
    "ip": (b"192.0.2.7", b"2001:db8::7"),
    "jwt": (b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2ln",),
    "rest": (b"rest", b"a:b", b"a:b:c"),
    "time": (b"1748845867",),
    "token": (b"FdPO4DAx0Zk3aBcD9q", b"FdPO4DAx0Zk3aBcD9qFdPO4DAx0Zk3aBcD9qx7AbC1d"),
    "ulid": (b"01ARZ3NDEKTSV4RRFFQ69G5FAV",),
    "url": (b"https://example.com:8443/mcp",),
    "uuid": (b"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",),
}
"""Parts of keys by the placeholder that the survey makes of them."""
_PLACEHOLDER = re.compile(rf"\{{({'|'.join(_SAMPLES)})\}}")
KEPT_SHAPES = 5000
"""Shapes whose families are remembered: a picture of the keyspace has fewer."""
_TRIES = max(map(len, _SAMPLES.values()))


class Matcher:
    """Knows the families of some schemas, which never change."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        self.schemas = tuple(schemas)
        self.families = tuple(family for schema in schemas for family in schema.families)
        self._shapes: dict[tuple[str, ...], tuple[Family, ...]] = {}
        self._exact: dict[bytes, Family] = {}
        for family in reversed(self.families):
            if family.pattern.literal is not None:
                self._exact[family.pattern.literal] = family
        ranked = sorted(_ranked(self.families), key=lambda item: item[0].rank)  # keeps the order of equals
        groups: dict[bytes, list[tuple[Pattern, Family]]] = {_first(pattern): [] for pattern, _ in ranked}
        for item in ranked:
            first = _first(item[0])
            for name, group in groups.items():
                if first in {b"", name}:
                    group.append(item)
        self._others = _finder(groups.pop(b"", []))
        self._finders = {name: _finder(group) for name, group in groups.items()}

    def family_of(self, key: bytes) -> Family | None:
        """Return the family of a key; None when no schema knows it. About a microsecond."""
        family = self._exact.get(key)
        if family is not None:
            return family
        find, families = self._finders.get(key.partition(b":")[0], self._others)
        match = find(key)
        return None if match is None else families[match.lastindex or 0]

    def all_of(self, key: bytes) -> tuple[Family, ...]:
        """Return every family that a key fits: the one it belongs to, then the others in their order."""
        main = self.family_of(key)
        others = (family for family in self.families if family is not main and family.pattern.fits(key))
        return () if main is None else (main, *others)

    def of_shape(self, shape: Sequence[str]) -> tuple[Family, ...]:
        """Return the families that keys of a shape belong to, as `all_of` does for one key.

        Args:
            shape: of a `keyspace.Family`: the delimiter, then the parts as safe text.
        """
        name = tuple(shape)
        if name not in self._shapes:
            if len(self._shapes) >= KEPT_SHAPES:
                self._shapes.clear()
            self._shapes[name] = next((found for key in _examples(shape) if (found := self.all_of(key))), ())
        return self._shapes[name]


def _ranked(families: Iterable[Family]) -> Iterator[tuple[Pattern, Family]]:
    """Yield the patterns to look for; what a family usually looks like stands before what it may look like."""
    for family in families:
        if family.usually or family.must:
            yield family.pattern.narrowed({**family.usually, **family.must}), family
        if family.pattern.literal is None:
            yield family.pattern, family


def _first(pattern: Pattern) -> bytes:
    """Return what all its keys have before their first colon, or nothing when that differs."""
    first, colon, _ = pattern.head.partition(b":")
    return first if colon else b""


def _finder(items: Sequence[tuple[Pattern, Family]]) -> tuple[Finder, list[Family]]:
    """Compile one expression for all; the empty group behind each alternative tells which one it was."""
    families = [family for _, family in items]
    expression = b"|".join(pattern.expression + b"()" for pattern, _ in items) or b"(?!)"
    return re.compile(expression, re.DOTALL).fullmatch, [*families[:1], *families]


def _examples(shape: Sequence[str]) -> Iterator[bytes]:
    """Yield keys of a shape: an id stands for more than one kind of text, so one example is not enough."""
    text = shape[0].join(shape[1:])
    literals = _PLACEHOLDER.split(text)
    for turn in range(_TRIES if len(literals) > 1 else 1):
        parts = [
            _SAMPLES[part][min(turn, len(_SAMPLES[part]) - 1)] if place % 2 else parse_printable(part)
            for place, part in enumerate(literals)
        ]
        yield b"".join(parts)
