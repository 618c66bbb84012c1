"""One server in detail: what it is, how it keeps its data, whom it serves."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.session import Session
from tui.engine.topology.picture import Picture
from tui.engine.topology.watch import TopologyWatch
from tui.panes.base import Pane
from tui.words.serverfacts import folded, server_lines
from widgets.reader import Reader

EDGE = 1
"""Cells that the reader keeps for its scroll mark."""


class ServerFactsPane(Pane[Picture]):
    """Lines of facts about the server that is chosen in the topology."""

    TITLE = "Server"
    JUMP = "E"
    HELP = (
        "The server under the cursor of the topology: version, process and configuration file, memory and what happens "
        "when it is full, snapshots and append-only file with their last errors, its place in replication, and what "
        "redtop itself asks of it.\n"
        "snapshots: 'changes since' is what a crash would lose if there is no append-only file. history: servers with "
        "the same one can go on from each other without copying everything. slots: those with the most keys, and, "
        "where the server counts it (cluster-slot-stats-enabled), those that took the most CPU lately."
    )
    SHARE = 5
    COLLECTOR = TopologyWatch

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._key: str | None = None

    def compose(self) -> ComposeResult:
        """Lines that can be scrolled."""
        yield Reader()

    def choose(self, key: str) -> None:
        """Describe this server."""
        self._key = key
        self.watch_snapshot(self.snapshot)

    def on_resize(self) -> None:
        """Break lines anew."""
        self.call_after_refresh(self.watch_snapshot, self.snapshot)

    def show(self, snapshot: Picture) -> None:
        """Draw the lines."""
        reader = self.query_one(Reader)
        chosen = next((member for member in snapshot.all if member.key == self._key), None)
        # One server that redtop is connected to is always there, until a person chooses.
        member = chosen or next((member for member in snapshot.all if member.look is not None), None)
        lines = server_lines(member, snapshot.wall) if member is not None else []
        needle = self.filter.lower()
        lines = [line for line in lines if needle in "".join(text for text, _ in line).lower()]
        reader.empty = Content(f"nothing here contains {self.filter!r}" if self.filter else "looking…")
        width = max(1, reader.size.width - EDGE)
        rows = [row for line in lines for row in folded(line, width)]
        reader.show_lines(rows, top=reader.top if chosen is not None else 0)
        self.retitle(*((member.address, "bold"),) if member is not None else ())
