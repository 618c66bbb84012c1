"""Families as rows of the page of expiries: what never goes, and what goes soon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import overload

from textual.content import Content

from tui.engine.expiry.lifetimes import Lifetimes
from tui.engine.findings import Known
from tui.engine.keyspace import Family, Keyspace
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.words.familyrows import label_of
from tui.words.units import percent, plus_minus, size_plus_minus
from widgets.table import Column, Row

ALL: tuple[str, ...] = ()
"""Stands for all keys where a shape is asked for."""
HOUR = 3600.0
LEAK = 0.5
"""A family of which less than this share has no TTL, but some have none, is more likely leaking than meant so."""
POLICY = 9
"""Cells of the longest usual policy: none or at most 90 days."""
EXACT, ESTIMATED = (5, 6), (11, 12)
"""Cells of keys and of bytes, without and with their errors."""

ORDERS: Mapping[str, Callable[[Family], float]] = {
    "no TTL": lambda family: -family.lifetimes.never.keys,
    "bytes": lambda family: -(family.lifetimes.never.bytes or 0),
    "in 1h": lambda family: -family.lifetimes.within(HOUR).keys,
    "family": lambda family: 0.0,
}
"""Ways to sort, by the title of the column."""


def columns(keyspace: Keyspace, *, meant: bool) -> tuple[Column, ...]:
    """Return the columns; `meant` says whether a schema is active."""
    keys, octets = EXACT if keyspace.complete else ESTIMATED
    return (
        Column("family", least=20),
        Column("no TTL", max(keys, 7), "right", priority=9),
        Column("bytes", octets, "right", priority=7),
        Column("share", 6, "right", priority=6),
        Column("in 1h", max(keys, 6), "right", priority=5),
        *((Column("policy", POLICY, priority=8),) if meant else ()),
    )


def in_order(families: Sequence[Family], order: str) -> list[Family]:
    """Sort families."""
    rank = ORDERS[order]
    return sorted(families, key=lambda family: (rank(family), family.pattern))


class ExpiryRows(Sequence[Row]):
    """All keys first, then families; rows are made only when the table asks for them: the visible ones."""

    def __init__(
        self,
        keyspace: Keyspace,
        families: Sequence[Family],
        cliffs: Collection[tuple[str, ...]],
        known: Known | None,
        secrecy: Secrecy = NOTHING_SECRET,
    ) -> None:
        """Show some families; `cliffs` are the shapes of those that have one."""
        self._secrecy = secrecy
        self._whole = keyspace.lifetimes
        self._families = families
        self._cliffs = cliffs
        self._known = known if known is not None and known.matcher is not None else None
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self._families) + 1

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = self._made.get(index)
        if row is None:
            row = self._made[index] = self._row(index)
        return row

    def index_of(self, key: object) -> int | None:
        """Where a family that moved far is now."""
        places = (place for place, family in enumerate(self._families, 1) if family.shape == key)
        return next(places, None)

    def _row(self, index: int) -> Row:
        if index == 0:
            cells = (Content.styled("all keys", "italic"), *_numbers(self._whole, leaks=False))
            return Row(ALL, cells)
        family = self._families[index - 1]
        name = label_of(self._secrecy.pattern(family.pattern))
        if family.shape in self._cliffs:
            name = Content.assemble(("▲ ", "$text-warning"), name)
        leaks = 0 < family.no_ttl < LEAK and family.keys >= 2
        return Row(family.shape, (name, *_numbers(family.lifetimes, leaks=leaks), *self._policy(family)))

    def _policy(self, family: Family) -> tuple[Content, ...]:
        if self._known is None:
            return ()
        meant = self._known.family_of(family.shape)
        if meant is None:
            return (Content.styled("?", "$foreground-muted"),)
        wrong = meant.ttl.required and family.no_ttl > 0
        return (Content.styled(_short(meant.ttl.said), "$text-warning" if wrong else ""),)


def _short(policy: str) -> str:
    """Write a policy in few cells.

    >>> [_short(policy) for policy in ("required", "30s", "at most 1h", "none or at most 90d")]
    ['required', '30s', '≤1h', 'none/≤90d']
    """
    return policy.replace("none or ", "none/").replace("at most ", "≤")


def _numbers(lifetimes: Lifetimes, *, leaks: bool) -> tuple[Content, ...]:
    never, soon, whole = lifetimes.never, lifetimes.within(HOUR), lifetimes.whole
    muted = "" if never.keys else "$foreground-muted"
    size = f"{'≥' * never.bytes_at_least}{size_plus_minus(never.bytes, never.bytes_error)}"
    share = percent(never.keys / whole.keys, 0) if whole.keys else ""
    return (
        Content.styled(plus_minus(never.keys, never.keys_error), muted),
        Content.styled(size, muted),
        Content.styled(share, "$text-warning" if leaks else muted),
        Content.styled(plus_minus(soon.keys, soon.keys_error), "" if soon.keys else "$foreground-muted"),
    )
