"""Everybody who has tokens, however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.revoke.board import Board, Principal, TokenBoard
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.tokenrows import ORDERS, ordered, principal_columns, principal_rows
from tui.words.units import count, percent
from widgets.table import Table

SUGGESTED = 5
"""Schemas that are named when none is active."""
AGAIN = 1.0
"""Seconds between two ticks of the times."""


class PrincipalsPane(Pane[Board]):
    """One table of users."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="tokens.sort", tooltip="Sort by tokens, age, last use, TTL, or name"),
    ]
    TITLE = "Users"
    JUMP = "U"
    HELP = (
        "Everybody who has tokens by the active schema: how many keys grant access to them, in how many logins, how "
        "old the oldest is, when the last one expires (TTL), and when one was last used, where values tell that.\n"
        "They are found by every key of these families and by the indexes, so that a token which its index has "
        "forgotten is here as well. Users told nowhere: keys that grant access, but say nowhere to whom.\n"
        "enter goes to the tokens of a user; g finds a user or a key, t a pasted token; x ends all logins of the user "
        "under the cursor, after you have seen what would fall; X revokes a whole family."
    )
    COLUMN = 0
    COLLECTOR = TokenBoard

    class Pointed(Message):
        """The cursor came to another user, or more is known of the one it is on."""

        def __init__(self, principal: Principal | None) -> None:
            super().__init__()
            self.principal = principal

    class Opened(Pointed):
        """Enter or a double click on a user."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._order = ORDERS[0]
        self._shown: dict[tuple[str, bytes | None], Principal] = {}

    @property
    def principal(self) -> Principal | None:
        """The user under the cursor."""
        key = self.query_one(Table).cursor_key
        return self._shown.get(key) if isinstance(key, tuple) else None

    def compose(self) -> ComposeResult:
        """One table."""
        several = len(self.session.options.schemas) > 1
        table = Table(principal_columns(schemas=several), empty=Content("looking for tokens…"))
        table.sorted_by = (self._order, True)
        yield table

    def on_mount(self) -> None:
        """Let times go on."""
        super().on_mount()
        self.tick_every(AGAIN, self._tick)

    def show(self, snapshot: Board) -> None:
        """Fill the table."""
        table = self.query_one(Table)
        found = ordered(snapshot, self._order, self.filter.lower())
        self._shown = {one.name: one for one in found}
        table.empty = self._nothing(snapshot)
        several = len(self.session.options.schemas) > 1
        table.show_rows(principal_rows(found, self.session.clock.wall, schemas=several))
        self.retitle(*self._notes(snapshot, len(found)), below=self._below(snapshot))
        self.post_message(self.Pointed(self.principal))

    def move_to(self, principal: Principal) -> bool:
        """Put the cursor on a user; False when they are not listed."""
        return self.query_one(Table).move_to_key(principal.name)

    def named(self, user: bytes) -> Principal | None:
        """Return the user of exactly this name, as far as the list knows."""
        board = self.snapshot
        return next((one for one in board.principals if one.user == user), None) if board is not None else None

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._sort_by(ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)])

    @on(Table.HeaderClicked)
    def _click(self, event: Table.HeaderClicked) -> None:
        event.stop()
        if event.title in ORDERS:
            self._sort_by(event.title)

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        self.post_message(self.Pointed(self.principal))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(self.principal))

    def _sort_by(self, order: str) -> None:
        self._order = order
        self.query_one(Table).sorted_by = (order, order not in ("user", "used"))
        self.watch_snapshot(self.snapshot)

    def _tick(self) -> None:
        self.query_one(Table).redraw()

    def _notes(self, board: Board, shown: int) -> Iterator[str | tuple[str, str]]:
        if not board.active:
            return
        total = len(board.principals)
        yield f"{count(shown)} of {count(total)}" if self.filter else count(total)
        if not board.complete:
            yield f"{percent(board.share, 0)} searched"
        if board.unread:
            yield f"{count(board.unread)} keys may not be read", "$text-warning"
        if board.failure is not None:
            yield board.failure.sentence, "$text-warning"

    def _below(self, board: Board) -> str:
        names = ", ".join(schema.name for schema in self.session.options.schemas)
        return f"{count(board.tokens)} tokens by {names}" if board.active else ""

    def _nothing(self, board: Board) -> Content:
        if not board.active:
            return self._teach(board)
        if self.filter and board.principals:
            return Content(f"no user contains {self.filter!r}")
        if board.failure is not None:
            return Content(board.failure.sentence)
        if self.session.pace.paused and not board.complete:
            return Content.assemble("paused: ", ("p", "bold"), " lets the search go on")
        if not board.complete:
            return Content("looking for tokens…")
        return Content("nobody is logged in: no key of the families that grant access is there")

    def _teach(self, board: Board) -> Content:
        """Say how to have this page: only a schema knows what a login is."""
        lines = [
            Content("Only a schema knows which keys are logins, whose they are, and what goes with them."),
            Content(""),
        ]
        if self.session.options.schemas:
            lines[0] = Content("The active schema says nothing of tokens: [tokens.NAME] tables do (docs/schemas.md).")
        fitting = [one for one in board.suggestions if one.schema.tokens][:SUGGESTED]
        if fitting:
            lines.append(Content("This keyspace looks like"))
        for one in fitting:
            there = (f"  {one.present} of {one.described} families", "$foreground-muted")
            lines.append(Content.assemble((f"  redtop --schema {one.schema.name}", "bold"), there))
        if not fitting:
            lines.append(Content.assemble("Choose one:  ", ("redtop --schema NAME", "bold")))
        lines.append(Content(""))
        lines += [
            Content.assemble(("redtop schema list", "bold"), " names those there are;"),
            Content("docs/schemas.md says how to write one for your own system."),
        ]
        return Content("\n").join(lines)
