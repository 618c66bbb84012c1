"""What took long, of all nodes together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.engine.slowlog import SlowLog, SlowLogs
from tui.panes.drilled import DrilledPane
from tui.words.slowrows import (
    ORDERS,
    columns_of,
    entry_lines,
    entry_rows,
    found,
    key_of,
    notes_of,
    ordered,
)
from widgets.reader import TextLine

AGAIN = 1.0
"""Seconds between two ticks of the times."""


class SlowLogPane(DrilledPane[SlowLog]):
    """One table, and one command in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="slowlog.sort", tooltip="Sort by time, or by how long it took"),
    ]
    TITLE = "Slow log"
    JUMP = "L"
    HELP = (
        "Commands that ran for longer than the server's limit (slowlog-log-slower-than, 10 ms unless set otherwise), "
        "the newest first. took: how long the server did nothing else; what a client waited in line before is not in "
        "it. The server keeps the newest entries only (slowlog-max-len), and cuts long words.\n"
        "enter shows a command in full. What the active schemas call a secret is masked, and the values that stand "
        "beside it are hidden."
    )
    COLUMN = 1
    SHARE = 4
    COLLECTOR = SlowLogs
    ORDERS = ORDERS

    def on_mount(self) -> None:
        """Let times go on."""
        super().on_mount()
        self.tick_every(AGAIN, lambda: self.table.redraw())

    def show(self, snapshot: SlowLog) -> None:
        """Fill the table."""
        several, secrecy = snapshot.nodes > 1, self.session.secrecy
        shown = ordered(found(snapshot, self.filter.lower(), secrecy), self.order)
        empty = f"nothing slow has {self.filter!r} in it" if self.filter else "nothing was slow"
        rows = entry_rows(shown, secrecy, self.session.clock.wall, several=several)
        self.show_parts(columns_of(several=several), rows, empty)
        self.retitle(*notes_of(snapshot, len(shown), filtered=bool(self.filter)))

    def lines_of(self, key: Hashable) -> Sequence[TextLine]:
        """Return one command in full."""
        entries = self.snapshot.entries if self.snapshot is not None else ()
        return next((entry_lines(one, self.session.secrecy) for one in entries if key_of(one) == key), ())
