"""What stands where: primaries, replicas, slots; the ones in trouble first."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from tui.engine.topology.picture import Kind, Picture
from tui.engine.topology.watch import TopologyWatch
from tui.panes.base import Pane
from tui.words.streamrows import trouble_line
from tui.words.topologyrows import SINGLE_COLUMNS, below_of, columns_of, member_rows, notes_of, rules_line, teaching
from widgets.lines import Lines
from widgets.table import Table

SENTENCES = 4
"""Sentences of trouble take at most one line in so many; the rest stands with each server."""


class TopologyPane(Pane[Picture]):
    """Sentences, and one table."""

    TITLE = "Topology"
    JUMP = "Y"
    HELP = (
        "Every server: each primary with its replicas below it, the ones in trouble first. Numbers of keys, memory and "
        "ops are those of servers that redtop is connected to (a dash: it is not); of the others it knows what their "
        "primary or the cluster says.\n"
        "behind: bytes that the primary has sent and the replica has not acknowledged, which it does once a second. "
        "silent: how long ago that was (on a replica itself: since it last heard from its primary). offset: how far "
        "the stream of changes has come there.\n"
        "✗ failed: the majority of the cluster says so. ✗ link down, not linked, gone: the replica gets no changes. "
        "✗ not covered: slots that belong to no node. ✗ not reached: redtop cannot connect. ▲ may fail: some nodes "
        "get no answer. ▲ silent, behind: the replica lags; further behind than the backlog, it must copy everything "
        "when its link breaks. ▲ moving: slots on their way to another node; half open: only one end knows of it.\n"
        "The server under the cursor is described below; enter goes there, escape comes back."
    )
    SHARE = 4
    COLLECTOR = TopologyWatch
    DEFAULT_CSS = """
    TopologyPane Table { height: 1fr; }
    """

    class Pointed(Message):
        """The cursor came to another server."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Opened(Message):
        """Enter or a double click on a server."""

    @property
    def key(self) -> str | None:
        """The server under the cursor."""
        key = self.query_one(Table).cursor_key
        return key if isinstance(key, str) else None

    def compose(self) -> ComposeResult:
        """Sentences above the table."""
        yield Lines()
        yield Table(SINGLE_COLUMNS, tree=True, empty=Content("looking…"))

    def on_resize(self) -> None:
        """Wrap sentences anew."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: Picture) -> None:
        """Draw all of it."""
        table = self.query_one(Table)
        table.columns = columns_of(snapshot)
        table.empty = Content(f"no server with {self.filter!r}" if self.filter else "looking…")
        table.show_rows(member_rows(snapshot, self.filter))
        self.query_one(Lines).show_lines(self._sentences(snapshot))
        self.retitle(*notes_of(snapshot), below=below_of(snapshot))

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        assert isinstance(event.key, str)
        self.post_message(self.Pointed(event.key))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened())

    def _sentences(self, picture: Picture) -> list[Content]:
        """What is missing and what is wrong, as far as there is room."""
        width = max(1, self.content_size.width - 1)
        lines = [rules_line(picture.rules)] if picture.rules else []
        troubles = picture.all_troubles
        most = max(1, self.content_size.height // SENTENCES)
        lines += [trouble_line(trouble) for trouble in troubles[:most]]
        if len(troubles) > most:
            lines.append(Content.styled(f"and {len(troubles) - most} more", "$foreground-muted"))
        if picture.kind is Kind.SINGLE and not troubles and not picture.rules:
            lines.append(teaching(picture))
        return [Content(" ") + row for line in lines for row in line.wrap(width)]
