"""The keys of one family: any number of rows, of which only the visible ones are asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from tui.engine.chosen import Chosen
from tui.engine.failure import Failure
from tui.engine.keylist import KeyList, Listing
from tui.engine.keylist import Row as Facts
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.keyrows import COLUMNS, KeyRows, Matches, row_of
from tui.words.units import count, percent
from widgets.table import Row, Table

SETTLE = 0.03
"""Seconds that the window must stand still before its keys are asked about: a held page key passes many."""
FRESH = 10.0
"""Seconds after which visible keys are asked about again: between looks the TTLs count down by themselves."""
AGAIN = 1.0
"""Seconds between two ticks of the TTLs, and before asking again what could not be answered."""
REMEMBERED = 2_000
"""Keys of which facts and rows are kept: some screens around the window."""


class KeyListPane(Pane[Listing]):
    """One table; the page says which family."""

    TITLE = "Keys"
    JUMP = "K"
    HELP = (
        "The keys of the family or branch chosen in the tree, in the server's own order, found with SCAN on the "
        "family's literal beginning; the list grows while the scan goes on, at the survey's share of the server.\n"
        "Type, TTL and memory are asked only for the rows in view. A key that is gone stays in its row, crossed out.\n"
        "enter opens a key; / keeps the keys with a text in them (\\xNN and other escapes are understood)."
    )
    COLUMN = 1
    SHARE = 1

    class Pointed(Message):
        """The cursor came to another key."""

        def __init__(self, key: bytes) -> None:
            super().__init__()
            self.key = key

    class Opened(Pointed):
        """Enter or a double click on a key."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._path: tuple[str, ...] = ()
        self._keys: KeyList | None = None
        self._prefix = ""
        self._look = asyncio.Event()
        self._facts: dict[bytes, tuple[Facts, float]] = {}
        self._rows: dict[bytes, Row] = {}
        self._matches = Matches()
        self._failure: Failure | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """What is listed, as the family tree names it; empty before anything is."""
        return self._path

    @property
    def _title(self) -> str:
        """The pattern of what is listed; of a single key whose name is a secret, masked."""
        if self._keys is not None and (key := self._keys.chosen.key) is not None:
            return self.session.secrecy.shown(key)
        return "".join(self._path)

    @property
    def key(self) -> bytes | None:
        """The key under the cursor."""
        key = self.query_one(Table).cursor_key
        return key if isinstance(key, bytes) else None

    def compose(self) -> ComposeResult:
        """One table."""
        yield Table(COLUMNS, empty=Content("choose a family on the left: its keys are listed here"))

    def on_mount(self) -> None:
        """Let TTLs count down."""
        super().on_mount()
        self.tick_every(AGAIN, self._tick)

    def choose(self, path: Sequence[str], shapes: Sequence[Sequence[str]]) -> None:
        """List the keys of a family or branch; `shapes` are those of all families."""
        if tuple(path) == self._path:
            return
        self._path = tuple(path)
        self.set_reactive(KeyListPane.filter, "")
        self.snapshot = None
        self._forget()
        chosen = Chosen.branch(path, shapes)
        if chosen is None:
            self._keys = None
            self._show_nothing(Content("this family is gone"))
            return
        self._keys = KeyList(self.session, chosen, shapes)
        self._prefix = printable(chosen.prefix)
        self._show_nothing(Content("looking for its keys…"))
        self.work_on(self._keys.run, group="scan", exclusive=True, description="scan of a family")
        self.work_on(partial(self._watch, self._keys), group="listing", exclusive=True, description="keys of a family")

    def move_to(self, key: bytes) -> bool:
        """Put the cursor on a key; False when it is not listed."""
        return self.query_one(Table).move_to_key(key)

    def show(self, snapshot: Listing) -> None:
        """Show what has been found so far."""
        table = self.query_one(Table)
        table.empty = self._nothing(snapshot)
        keys = self._matches.of(snapshot, self.filter) if self.filter else snapshot.entries
        table.show_rows(KeyRows(keys, self._row))
        self._describe(snapshot, len(keys))

    async def _watch(self, keys: KeyList) -> None:
        while True:
            await self._seen.wait()
            async for listing in keys.feed.watch():
                if not self._seen.is_set():
                    break
                self.snapshot = listing

    async def _follow(self) -> None:
        """Ask about the visible keys whenever others came into view."""
        while True:
            await self._seen.wait()
            await self._look.wait()
            self._look.clear()
            await self.session.clock.sleep(SETTLE)
            if self._keys is not None and (keys := self._unknown()):
                await self._learn(self._keys, keys)

    async def _learn(self, listing: KeyList, keys: Sequence[bytes]) -> None:
        answer = await listing.facts(keys)
        if isinstance(answer, Failure):
            self._failure = answer
            await self.session.clock.sleep(AGAIN)
            self._look.set()
            return
        self._failure = None
        now = self.session.clock.now()
        if len(self._facts) > REMEMBERED:
            self._facts.clear()
        for facts in answer:
            self._facts[facts.key] = facts, now
            self._rows.pop(facts.key, None)
        self.query_one(Table).redraw()

    def _unknown(self) -> list[bytes]:
        """The visible keys that nothing is known of, or nothing new."""
        table = self.query_one(Table)
        visible = [row.key for row in table.rows[table.top : table.top + table.page]]
        return [key for key in visible if isinstance(key, bytes) and not self._knows(key)]

    def _knows(self, key: bytes) -> bool:
        if key not in self._facts or self.session.pace.paused:
            return key in self._facts
        facts, at = self._facts[key]
        expired = not facts.gone and facts.expires_at is not None and facts.expires_at <= self.session.clock.wall()
        return not expired and self.session.clock.now() - at < FRESH

    def _tick(self) -> None:
        living = [key for key in self._rows if key in self._facts and self._facts[key][0].expires_at is not None]
        for key in living:
            del self._rows[key]
        self.query_one(Table).redraw()
        self._look.set()

    def _forget(self) -> None:
        self._facts.clear()
        self._rows.clear()
        self._matches = Matches()

    def _row(self, key: bytes) -> Row:
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) > REMEMBERED:
                self._rows.clear()
            known = self._facts.get(key)
            if known is None:
                self._look.set()
            facts, now = known[0] if known else None, self.session.clock.wall()
            row = self._rows[key] = row_of(key, facts, self._prefix, now, self.session.secrecy)
        return row

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        assert isinstance(event.key, bytes)
        self.post_message(self.Pointed(event.key))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, bytes)
        self.post_message(self.Opened(event.key))

    def _show_nothing(self, why: Content) -> None:
        table = self.query_one(Table)
        table.empty = why
        table.show_rows(())
        table.move_to(0)
        self.retitle(below=self._title)

    def _nothing(self, listing: Listing) -> Content:
        if listing.failure is not None:
            return Content(listing.failure.sentence)
        if self.filter and len(listing.entries):
            return Content(f"no key here contains {self.filter!r}")
        if self.session.pace.paused and not listing.complete:
            return Content.assemble("paused: ", ("p", "bold"), " lets the search go on")
        if not listing.complete:
            return Content("looking for its keys…")
        return Content("no key of this family is left: they expired, or were deleted")

    def _describe(self, listing: Listing, shown: int) -> None:
        found = len(listing.entries)
        notes: list[str | tuple[str, str]] = [f"{count(shown)} of {count(found)}" if self.filter else count(found)]
        if not listing.complete and listing.full is None:
            notes.append(f"{percent(listing.scanned / listing.dbsize if listing.dbsize else 0, 0)} searched")
        failure = listing.failure or self._failure
        warnings = (listing.full, listing.restarted, failure and failure.sentence)
        notes += [(warning, "$text-warning") for warning in warnings if warning]
        self.retitle(*notes, below=self._title)
