"""The pattern of a family, such as `oauth:token:{jti}`: which keys fit, what their placeholders hold, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tui.engine.printable import mask, parse_printable, printable
from tui.engine.schema.forms import ANY_REST, ANY_TEXT, Form, date_form

Rank = tuple[int, ...]
"""How little each segment says, from the left; the smaller rank is the more specific pattern."""

_LITERAL, _PARTLY = 0, 1
_TOKENS = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][^{}]*").fullmatch


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder of a pattern."""

    name: str
    form: Form


Piece = bytes | Placeholder


class Pattern:
    """A pattern with its delimiter; immutable."""

    def __init__(self, text: str, delimiter: str = ":", where: Mapping[str, Form] | None = None) -> None:
        """Read a pattern; a literal brace is written twice, and what is no text in redtop's printable form.

        Args:
            text: the pattern as a schema writes it.
            delimiter: what separates the segments.
            where: forms of placeholders, by name; the others hold one segment of any text.

        Raises:
            ValueError: with a phrase, when the pattern makes no sense.
        """
        self.text = text
        self.delimiter = delimiter.encode()
        self.pieces = tuple(_pieces(text, delimiter, where or {}))
        self.placeholders = tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))
        if unknown := sorted(set(where or ()) - {placeholder.name for placeholder in self.placeholders}):
            raise ValueError(f"the pattern has no placeholder {{{unknown[0]}}}")
        self._check()

    @property
    def names(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(placeholder.name for placeholder in self.placeholders)

    @property
    def head(self) -> bytes:
        """What all its keys begin with."""
        first = self.pieces[0]
        return first if isinstance(first, bytes) else b""

    @property
    def literal(self) -> bytes | None:
        """The one key it stands for, when it has no placeholder."""
        return None if self.placeholders else self.head

    @cached_property
    def rank(self) -> Rank:
        """How little it says."""
        segments: list[list[int]] = [[]]
        for piece in self.pieces:
            if isinstance(piece, bytes):
                first, *others = ([_LITERAL] if part else [] for part in piece.split(self.delimiter))
            else:
                first, *others = ([piece.form.rank] for _ in range(self._spans(piece)))
            segments[-1] += first
            segments += others
        return tuple(segment[0] if len(segment) == 1 else _PARTLY if segment else _LITERAL for segment in segments)

    @cached_property
    def expression(self) -> bytes:
        """The regular expression of its keys, without groups."""
        return self._expression(b"(?:%b)")

    def narrowed(self, forms: Mapping[str, Form]) -> Pattern:
        """Return this pattern with other forms for some of its placeholders."""
        own = {placeholder.name: placeholder.form for placeholder in self.placeholders if placeholder.form.expression}
        return Pattern(self.text, self.delimiter.decode(), own | dict(forms))

    def fits(self, key: bytes) -> bool:
        """Whether a key has this pattern."""
        return self._finder.fullmatch(key) is not None

    def variables(self, key: bytes) -> dict[str, bytes] | None:
        """Return what the placeholders stand for in a key; None when the key has another pattern."""
        match = self._finder.fullmatch(key)
        if match is None:
            return None
        values: dict[str, bytes] = {}
        for placeholder, value in zip(self.placeholders, match.groups(), strict=True):
            values.setdefault(placeholder.name, value)
        return values

    def fill(self, values: Mapping[str, bytes]) -> bytes | None:
        """Return the key in which the placeholders have these values; None when one is missing or does not fit."""
        if not self.names <= values.keys():
            return None
        key = b"".join(piece if isinstance(piece, bytes) else values[piece.name] for piece in self.pieces)
        return key if self.variables(key) == {name: values[name] for name in self.names} else None

    def masked(self, key: bytes, secret: Iterable[str]) -> str:
        """Return a key as safe text with some of its placeholders masked; all of a key that does not fit."""
        match = self._finder.fullmatch(key)
        if match is None:
            return mask(key)
        parts, at = [], 0
        for number, placeholder in enumerate(self.placeholders, 1):
            value = mask(match[number]) if placeholder.name in secret else printable(match[number])
            parts += [printable(key[at : match.start(number)]), value]
            at = match.end(number)
        return "".join([*parts, printable(key[at:])])

    @cached_property
    def _finder(self) -> re.Pattern[bytes]:
        return re.compile(self._expression(b"(%b)"), re.DOTALL)

    def _expression(self, group: bytes) -> bytes:
        return b"".join(
            re.escape(piece) if isinstance(piece, bytes) else group % self._inner(piece) for piece in self.pieces
        )

    def _inner(self, piece: Placeholder) -> bytes:
        if piece.form.expression:
            return piece.form.expression
        segment = b"(?:(?!%b).)+" % re.escape(self.delimiter)
        if len(self.delimiter) == 1:
            segment = b"[^%b]+" % re.escape(self.delimiter)
        return re.escape(self.delimiter).join([segment] * self._spans(piece))

    def _spans(self, piece: Placeholder) -> int:
        """How many segments a placeholder stands for: as many as its name has."""
        return piece.name.encode().count(self.delimiter) + 1

    def _check(self) -> None:
        """Refuse what would be ambiguous, or slow with keys that somebody made up for it."""
        if sum(placeholder.form is ANY_REST for placeholder in self.placeholders) > 1:
            raise ValueError("only one placeholder may be `rest`")
        between, before = b"", ""
        for piece in self.pieces:
            if isinstance(piece, bytes):
                between = piece
                continue
            if before and self.delimiter not in between:
                raise ValueError(f"{{{before}}} and {{{piece.name}}} share a segment: only one may stand there")
            between, before = b"", piece.name


def _pieces(text: str, delimiter: str, where: Mapping[str, Form]) -> Iterator[Piece]:
    literal = ""
    for token in _TOKENS.findall(text):
        if token in ("{{", "}}"):
            literal += token[0]
        elif len(token) > 1 and token[0] == "{":
            if literal:
                yield parse_printable(literal)
            literal = ""
            yield _placeholder(token[1:-1], where)
        elif token in ("{", "}"):
            raise ValueError(f"a brace of its own at {token!r}: a placeholder is {{name}}, a literal brace is doubled")
        else:
            literal += token
    if literal:
        yield parse_printable(literal)
    if not text:
        raise ValueError("it is empty")


def _placeholder(name: str, where: Mapping[str, Form]) -> Placeholder:
    if not _NAME(name):
        raise ValueError(f"{{{name}}} is no name for a placeholder: it begins with a letter")
    return Placeholder(name, where.get(name) or date_form(name) or ANY_TEXT)
