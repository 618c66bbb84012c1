"""What one user holds: login by login, every key that grants access and what goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from tui.engine.revoke.board import Board, Principal, TokenBoard
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.tokenrows import HELD_COLUMNS, Head, Item, held_rows, items_of, key_of, user_text
from tui.words.units import count
from widgets.table import Table

if TYPE_CHECKING:
    from tui.engine.revoke.holdings import Holding, Login

AGAIN = 1.0
"""Seconds between two ticks of the times."""


class HeldPane(Pane[Board]):
    """One table; the page says whose."""

    TITLE = "Tokens"
    JUMP = "K"
    HELP = (
        "The keys of the user on the left, login by login, in the order in which they would go. ● grants access; the "
        "others go with it. What is secret in a name is masked: its first characters, and the beginning of its "
        "SHA-256 so that two can be told apart. Values are never shown.\n"
        "age and used are what names and values tell (created_at, iat, last_used and the like); TTL counts down.\n"
        "x ends the login under the cursor, with its refresh token; X revokes this one key alone."
    )
    COLUMN = 1
    COLLECTOR = TokenBoard

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.principal: Principal | None = None
        """Whose keys are shown."""
        self._items: list[Item] = []
        self._count = -1

    @property
    def item(self) -> Item | None:
        """The login or key under the cursor."""
        at = self.query_one(Table).cursor
        shown = self._filtered()
        return shown[at] if at < len(shown) else None

    @property
    def login(self) -> tuple[Login | None, tuple[bytes, ...]]:
        """The login under the cursor, and its keys."""
        item = self.item
        login = None if item is None else item.login
        keys = (one for one in self._items if not isinstance(one, Head) and one.login == login)
        return login, tuple(one.key for one in keys)

    @property
    def key(self) -> Holding | None:
        """The key under the cursor; None on the line of a login."""
        item = self.item
        return None if isinstance(item, Head) else item

    def compose(self) -> ComposeResult:
        """One table."""
        yield Table(HELD_COLUMNS, tree=True, empty=Content(""))

    def on_mount(self) -> None:
        """Let times go on."""
        super().on_mount()
        self.tick_every(AGAIN, self._tick)

    def choose(self, principal: Principal | None) -> None:
        """Show what a user holds; the same user again when more is known."""
        same = principal is not None and self.principal is not None and principal.name == self.principal.name
        if same and principal is self.principal and principal is not None and len(principal.held) == self._count:
            return
        self.principal = principal
        self._count = -1 if principal is None else len(principal.held)
        self._items = [] if principal is None else items_of(principal)
        if not same:
            self.set_reactive(HeldPane.filter, "")
            self.query_one(Table).show_rows(())
            self.query_one(Table).move_to(0)
        self._fill()

    def move_to(self, key: bytes) -> bool:
        """Put the cursor on a key; False when it is not listed."""
        at = next((at for at, item in enumerate(self._items) if not isinstance(item, Head) and item.key == key), None)
        return at is not None and self.query_one(Table).move_to_key(key_of(self._items[at]))

    def show(self, snapshot: Board) -> None:
        """Wait for the page: it says whose keys to show."""
        self._describe()

    def watch_filter(self) -> None:
        """Show the same keys through the new filter."""
        self._fill()

    def _fill(self) -> None:
        rows = held_rows(self._filtered(), self.session.of(TokenBoard).roles, self.session.clock.wall)
        table = self.query_one(Table)
        nothing = f"no key here contains {self.filter!r}" if self.filter else "what a user holds is listed here"
        table.empty = Content(nothing)
        table.show_rows(rows)
        self._describe()

    def _filtered(self) -> list[Item]:
        needle = self.filter.lower()
        if not needle:
            return self._items
        keys = (one for one in self._items if not isinstance(one, Head))
        return [one for one in keys if needle in f"{one.shown} {one.role.family.name}".lower()]

    def _describe(self) -> None:
        if self.principal is None:
            self.retitle()
            return
        grants = sum(1 for _ in self.principal.grants)
        of = f" · {self.principal.schema}" if len(self.session.options.schemas) > 1 else ""
        self.retitle(count(grants), below=f"{user_text(self.principal)}{of}")

    def _tick(self) -> None:
        if self._items:
            self.query_one(Table).redraw()

    @on(Table.Highlighted)
    @on(Table.Chosen)
    @on(Table.Toggled)
    def _moved(self, event: Table.RowMessage) -> None:
        event.stop()
