"""Who is connected, of all nodes together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.engine.clients import ClientList, Clients
from tui.panes.drilled import DrilledPane
from tui.words.clientrows import (
    ORDERS,
    below_of,
    client_lines,
    client_rows,
    columns_of,
    found,
    key_of,
    notes_of,
    ordered,
)
from widgets.reader import TextLine


class ClientsPane(DrilledPane[Clients]):
    """One table, and one client in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="clients.sort", tooltip="Sort by memory, idle time, age, or address"),
    ]
    TITLE = "Clients"
    JUMP = "C"
    HELP = (
        "Every connection to the servers, as they list them: where it comes from, how it calls itself (CLIENT "
        "SETNAME), its last command, how long it has been silent (idle) and connected (age), and what its buffers "
        "take on the server. redtop's own are dim.\n"
        "▲ slow: a megabyte of replies or more waits for it, which is memory of the server's. ▲ monitor: "
        "MONITOR makes every command dearer. blocked: it waits, as BLPOP does. pub/sub: it listens to channels.\n"
        "enter shows all that the server says of a client. A list holds its server up for some microseconds per "
        "client, so a long one is asked for less often."
    )
    COLUMN = 1
    SHARE = 5
    COLLECTOR = ClientList
    ORDERS = ORDERS
    SMALLEST_FIRST = ("client",)

    def show(self, snapshot: Clients) -> None:
        """Fill the table."""
        several = snapshot.nodes > 1
        shown = ordered(found(snapshot, self.filter.lower()), self.order)
        empty = f"no client with {self.filter!r}" if self.filter else "no client is listed"
        self.show_parts(columns_of(several=several), client_rows(shown, several=several), empty)
        self.retitle(*notes_of(snapshot, len(shown), filtered=bool(self.filter)), below=below_of(snapshot))

    def lines_of(self, key: Hashable) -> Sequence[TextLine]:
        """Return all that the server says of a client."""
        clients = self.snapshot.clients if self.snapshot is not None else ()
        return next((client_lines(one) for one in clients if key_of(one) == key), ())
