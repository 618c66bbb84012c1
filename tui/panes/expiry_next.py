"""The keys that expire next, counting down."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.expiry.expiring import Expiries, Expiring
from tui.engine.keyspace import Soon
from tui.panes.base import Pane
from tui.words.units import duration
from widgets.table import Column, Row, Table

KEY_MOST = 300
"""Bytes of a key that a row shows."""
URGENT = 10.0
"""Seconds from which on a key is all but gone."""


class ExpiryNextPane(Pane[Expiring]):
    """One table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "set_ttl", "TTL", id="next.ttl", tooltip="Set, extend or remove the TTL of this key"),
    ]
    TITLE = "Next"
    JUMP = "X"
    HELP = (
        "The keys that expire next. Those shown are asked again at every refresh: sessions get renewed, and go back in "
        "line.\n"
        "enter shows the key on the page Keys. t sets, extends or removes its TTL."
    )
    COLUMN = 1
    SHARE = 9
    COLLECTOR = Expiries

    class About(Message):
        """About one key."""

        def __init__(self, key: bytes) -> None:
            super().__init__()
            self.key = key

    class Opened(About):
        """Enter or a double click on a key."""

    class SetTtl(About):
        """A person wants to change its TTL."""

    def compose(self) -> ComposeResult:
        """One table."""
        yield Table((Column("in", 7, "right"), Column("key")), empty=Content("looking for keys that expire…"))

    def show(self, snapshot: Expiring) -> None:
        """Fill the table."""
        table = self.query_one(Table)
        table.empty = self._nothing(snapshot)
        soonest = [soon for soon in snapshot.soonest if self.filter.lower() in self._shown(soon.key).lower()]
        table.show_rows([self._row(soon, snapshot.wall) for soon in soonest])
        self.retitle()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written."""
        if action == "set_ttl":
            return self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    def action_set_ttl(self) -> None:
        """Ask for a change of the key under the cursor."""
        key = self.query_one(Table).cursor_key
        if isinstance(key, bytes):
            self.post_message(self.SetTtl(key))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, bytes)
        self.post_message(self.Opened(event.key))

    def _row(self, soon: Soon, wall: float) -> Row:
        left = soon.at - wall
        said = "<1s" if left < 1 else duration(int(left))
        return Row(
            soon.key, (Content.styled(said, "$text-warning" if left < URGENT else ""), Content(self._shown(soon.key)))
        )

    def _shown(self, key: bytes) -> str:
        return self.session.secrecy.shown(key, KEY_MOST)

    def _nothing(self, snapshot: Expiring) -> Content:
        if self.filter and snapshot.soonest:
            return Content(f"no such key contains {self.filter!r}")
        if not snapshot.keyspace.complete:
            return Content("looking for keys that expire…")
        return Content.assemble(
            "no key here ever expires — ", ("SET session:1 hello EX 60", "bold"), " makes one that does"
        )
