"""What pages of a value hold: elements, each cut to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

CUT = 4096
"""Bytes kept of one element."""


class Piece(NamedTuple):
    """Some bytes, cut to a bound."""

    data: bytes
    size: int
    """Bytes it has in all."""

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it than is here."""
        return len(self.data) < self.size


def piece(data: bytes) -> Piece:
    """Keep the beginning of some bytes."""
    return Piece(data[:CUT], len(data))


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a value."""

    value: Piece
    """An element of a list, a member of a set or sorted set, the value of a hash's field, a match in a string; empty
    for an entry of a stream."""
    index: int | None = None
    """Its place in a list or sorted set, counted from 0; the byte offset of a match in a string."""
    name: Piece | None = None
    """The field of a hash, the id of a stream's entry."""
    score: bytes | None = None
    """Of a member of a sorted set, as the server writes it."""
    fields: tuple[tuple[Piece, Piece], ...] = ()
    """Of an entry of a stream."""
    expires_at: float | None = None
    """When a field of a hash expires: wall-clock seconds; None without a TTL."""


@dataclass(frozen=True, slots=True)
class Page:
    """The next elements, or the next window of a string."""

    elements: tuple[Element, ...] = ()
    data: bytes = b""
    """Of a string: the window itself."""
    start: int = 0
    """How much of the value comes before: bytes or elements."""
    read: int = 0
    """How much of it has been read (or searched) up to the end of this page."""
    more: bool = False
    """Whether there is another page."""
    note: str | None = None
    """What a person should know: one safe sentence."""


def cut_note(elements: Sequence[Element]) -> str | None:
    """Say how many elements are shown in part."""
    cut = sum(
        any(
            part.is_cut for part in (element.value, *([element.name] if element.name else []), *sum(element.fields, ()))
        )
        for element in elements
    )
    return f"{cut} cut to {CUT // 1024} KB" if cut else None
