"""Keys as rows of a table, made when they come into view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from textual.content import Content

from tui.engine.keylist import Listing
from tui.engine.keylist import Row as Facts
from tui.engine.needle import needle_of
from tui.engine.printable import is_safe
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.words.units import duration, size
from widgets.table import Column, Row

KEY_MOST = 300
"""Bytes of a key that a row shows."""

COLUMNS = (
    Column("key", least=24),
    Column("type", 6, "left", priority=5),
    Column("TTL", 7, "right", priority=7),
    Column("size", 5, "right", priority=6),
)
SHORT = {"stream": "stream", "ReJSON-RL": "json", "TSDB-TYPE": "series"}
"""Types that a module names longer than a column is wide."""


class Matches:
    """The keys with a text in them, found in what is new only."""

    def __init__(self) -> None:
        self._of: tuple[int, str] = (0, "")
        self._found: list[bytes] = []
        self._searched = 0

    def of(self, listing: Listing, text: str) -> Sequence[bytes]:
        """The keys of a list, which may have grown since, with this text in them; upper and lower case are alike."""
        if self._of != (listing.generation, text):
            self._of, self._found, self._searched = (listing.generation, text), [], 0
        needle = needle_of(text).lower()
        self._found += [key for key in listing.entries[self._searched :] if needle in key.lower()]
        self._searched = len(listing.entries)
        return self._found[:]


class KeyRows(Sequence[Row]):
    """Rows made only when the table asks for them: the visible ones."""

    def __init__(self, keys: Sequence[bytes], draw: Callable[[bytes], Row]) -> None:
        self._keys = keys
        self._draw = draw

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._draw(key) for key in self._keys[index]]
        return self._draw(self._keys[index])

    def index_of(self, key: object) -> int | None:
        """Where a key that moved far is now."""
        keys = list(self._keys[:])
        return keys.index(key) if isinstance(key, bytes) and key in keys else None


def row_of(key: bytes, facts: Facts | None, prefix: str, now: float, secrecy: Secrecy = NOTHING_SECRET) -> Row:
    """One key: its name alone until something is known of it; what all keys of the list begin with steps back."""
    name = _name(key, prefix, secrecy)
    if facts is None:
        return Row(key, (name,))
    if facts.gone:
        struck = Content.styled(name.plain, "$foreground-muted strike")
        return Row(key, (struck, Content(""), Content.styled("gone", "$text-warning")))
    kind = SHORT.get(facts.kind or "?", facts.kind or "?")
    return Row(key, (name, Content.styled(kind, "$foreground-muted"), _ttl(facts, now), Content(size(facts.bytes))))


def _name(key: bytes, prefix: str, secrecy: Secrecy) -> Content:
    if not key:
        return Content.styled("(the empty key)", "$foreground-muted")
    text = secrecy.shown(key, KEY_MOST)
    # A piece must not begin with a mark that stands on what comes before it.
    shared = len(prefix) if text.startswith(prefix) and is_safe(text[len(prefix) :]) else 0
    return Content.assemble((text[:shared], "$foreground-muted"), text[shared:])


def _ttl(facts: Facts, now: float) -> Content:
    if facts.expires_at is None:
        return Content.styled("–", "$foreground-muted")
    left = facts.expires_at - now
    return Content.styled("<1s" if left < 1 else duration(int(left)), "$text-warning" if left < 60 else "")
