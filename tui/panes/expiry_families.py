"""Families by what never expires; the one under the cursor is shown by the panes beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.expiry.outlook import Outlook, Outlooks
from tui.engine.findings import Findings
from tui.engine.keyspace import Family
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.expiryrows import ALL, ORDERS, ExpiryRows, columns, in_order
from tui.words.units import ago, percent, plus_minus, size_plus_minus
from widgets.table import Table


class ExpiryFamiliesPane(Pane[Outlook]):
    """One table: all keys, then families, those with the most keys without a TTL first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="expiry.sort",
                tooltip="Sort by keys without TTL, their bytes, what expires within an hour, or name"),
        Binding("t", "set_ttl", "TTL", id="expiry.ttl", tooltip="Set, extend or remove TTLs of this family"),
    ]  # fmt: skip
    TITLE = "No TTL"
    JUMP = "N"
    HELP = (
        "What never expires, by family: how many keys, their bytes, and their share of the family. A share in amber is "
        "likely a leak: most keys of the family have a TTL, and some have none. 'in 1h' is what will have expired an "
        "hour from now.\n"
        "The cursor chooses what the panes TTL and Forecast are about; the first row stands for all keys. ▲ has a "
        "cliff: much of it expires at once.\n"
        "enter lists the family on the page Keys. t sets, extends or removes TTLs of the family, after a preview."
    )
    COLUMN = 0
    SHARE = 7
    COLLECTOR = Outlooks

    class About(Message):
        """About one family, or all keys."""

        def __init__(self, shape: Sequence[str] | None) -> None:
            super().__init__()
            self.shape = shape
            """The delimiter, then the parts; None for all keys."""

    class Pointed(About):
        """The cursor came to another one."""

    class Opened(About):
        """Enter or a double click."""

    class SetTtl(About):
        """A person wants to change TTLs of the family."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._order = next(iter(ORDERS))
        self._sorted: list[Family] = []
        self._sorted_of: tuple[object, str] = None, ""
        """The picture and the order that this rests on."""

    @property
    def shape(self) -> Sequence[str] | None:
        """The family under the cursor; None for all keys."""
        key = self.query_one(Table).cursor_key
        return key if isinstance(key, tuple) and key != ALL else None

    def compose(self) -> ComposeResult:
        """One table."""
        table = Table((), empty=Content("reading the first keys…"))
        table.sorted_by = (self._order, True)
        yield table

    def show(self, snapshot: Outlook) -> None:
        """Fill the table."""
        table, keyspace = self.query_one(Table), snapshot.keyspace
        families = self._in_order(snapshot)
        if self.filter:
            families = [family for family in families if self.filter.lower() in family.pattern.lower()]
        known = self.session.of(Findings).feed.latest
        table.columns = columns(keyspace, meant=known is not None and known.matcher is not None)
        table.empty = self._nothing(snapshot)
        cliffs = {one.family.shape for one in snapshot.cliffs}
        rows = ExpiryRows(keyspace, families, cliffs, known, self.session.secrecy)
        table.show_rows(rows if keyspace.families else ())
        self._describe(snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written."""
        if action == "set_ttl":
            return self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    def action_sort(self) -> None:
        """Sort by the next column."""
        titles = list(ORDERS)
        self._sort(titles[(titles.index(self._order) + 1) % len(titles)])

    def action_set_ttl(self) -> None:
        """Ask for a change of the family under the cursor."""
        self.post_message(self.SetTtl(self.shape))

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        self.post_message(self.Pointed(self.shape))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(self.shape))

    @on(Table.HeaderClicked)
    def _sort_by_click(self, event: Table.HeaderClicked) -> None:
        event.stop()
        if event.title in ORDERS:
            self._sort(event.title)

    def _sort(self, order: str) -> None:
        self._order = order
        self.query_one(Table).sorted_by = (order, order != "family")
        self.watch_snapshot(self.snapshot)

    def _in_order(self, snapshot: Outlook) -> list[Family]:
        families, order = self._sorted_of
        if families is not snapshot.keyspace.families or order != self._order:
            self._sorted_of = snapshot.keyspace.families, self._order
            self._sorted = in_order(snapshot.keyspace.families, self._order)
        return self._sorted

    def _nothing(self, snapshot: Outlook) -> Content:
        keyspace = snapshot.keyspace
        if keyspace.failure is not None:
            return Content(keyspace.failure.sentence)
        if not keyspace.complete:
            return Content("reading the first keys…")
        return Content.assemble("this database is empty — try ", ("SET session:1 hello EX 60", "bold"), " in redis-cli")

    def _describe(self, snapshot: Outlook) -> None:
        keyspace, never = snapshot.keyspace, snapshot.keyspace.lifetimes.never
        warnings = (keyspace.restarted, keyspace.denied, keyspace.failure and keyspace.failure.sentence)
        notes: list[str | tuple[str, str]] = [(warning, "$text-warning") for warning in warnings if warning]
        notes.append(f"{plus_minus(never.keys, never.keys_error)} keys")
        if never.bytes is not None:
            notes.append(f"{'≥' * never.bytes_at_least}{size_plus_minus(never.bytes, never.bytes_error)}")
        if keyspace.complete and keyspace.finished_at is not None:
            below = f"counted {ago(snapshot.wall - keyspace.finished_at)}"
        else:
            below = f"{percent(keyspace.seen, 0)} seen · ± covers 95 of 100"
        self.retitle(*notes, below=below)
