"""All streams in one table, the ones in trouble first."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.onepass import KEPT_STREAMS
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.engine.streams.board import Board, StreamBoard
from tui.engine.streams.trouble import Level
from tui.panes.base import Pane
from tui.words.streamrows import STREAM_COLUMNS, STYLES, stream_row
from tui.words.units import count, percent
from widgets.table import Table


class AllStreamsPane(Pane[Board]):
    """One table of all streams."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Tail", id="streams.mark", tooltip="Tail this stream, or cease to"),
    ]
    TITLE = "Streams"
    JUMP = "S"
    HELP = (
        "Every stream of this database, the ones in trouble first. in: entries added per second; lag: entries that "
        "the group furthest behind has not been given (? where the server cannot say: before 7.0, or after "
        "deletions); pending: given to a consumer and not acknowledged; oldest: when the oldest of these was added; "
        "dead: consumers that hold pending entries and have been silent for 10 minutes; last, first: age of the "
        "newest and the oldest entry.\n"
        "✗ stuck: a group reads nothing though entries come. ✗ lost: entries were trimmed away before a group read "
        "them. ✗ dead: a dead consumer. ▲ poison: entries delivered five times or more. ▲ forgotten: nobody has "
        "touched the oldest pending entry for 10 minutes. ▲ behind: 100 entries or more.\n"
        "enter looks into a stream; space tails it below (●), or ceases to. Until one is chosen, the stream under the "
        "cursor is tailed."
    )
    COLLECTOR = StreamBoard

    class Pointed(Message):
        """The cursor came to another stream."""

        def __init__(self, key: bytes) -> None:
            super().__init__()
            self.key = key

    class Opened(Pointed):
        """Enter or a double click on a stream."""

    class Marked(Pointed):
        """Space on a stream."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._followed: Collection[bytes] = ()

    @property
    def key(self) -> bytes | None:
        """The stream under the cursor."""
        key = self.query_one(Table).cursor_key
        return key if isinstance(key, bytes) else None

    @property
    def followed(self) -> Collection[bytes]:
        """Streams that are marked; setting them marks others."""
        return self._followed

    @followed.setter
    def followed(self, keys: Collection[bytes]) -> None:
        if tuple(keys) != tuple(self._followed):
            self._followed = keys
            self.watch_snapshot(self.snapshot)

    def compose(self) -> ComposeResult:
        """One table."""
        yield Table(STREAM_COLUMNS, empty=Content("looking for streams…"))

    def show(self, snapshot: Board) -> None:
        """Fill the table."""
        table = self.query_one(Table)
        needle, now = self.filter.lower(), self.session.clock.wall()
        streams = [one for one in snapshot.streams if needle in printable(one.key).lower()]
        table.empty = self._nothing(snapshot)
        table.show_rows(
            [
                stream_row(one, snapshot.troubles.get(one.key, ()), now, followed=one.key in self._followed)
                for one in streams
            ]
        )
        self._prefer(table)
        self.retitle(*self._notes(snapshot), below=self._totals(snapshot))

    def action_mark(self) -> None:
        """Tail the stream under the cursor, or cease to."""
        if self.key is not None:
            self.post_message(self.Marked(self.key))

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        assert isinstance(event.key, bytes)
        self._prefer(event.table)
        self.post_message(self.Pointed(event.key))

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        assert isinstance(event.key, bytes)
        self.post_message(self.Opened(event.key))

    def _prefer(self, table: Table) -> None:
        """Have the rows in view asked about first."""
        visible = table.rows[table.top : table.top + table.page]
        self.session.of(StreamBoard).prefer([row.key for row in visible if isinstance(row.key, bytes)])

    def _notes(self, board: Board) -> Iterator[str | tuple[str, str]]:
        denied = dict.fromkeys((*board.denied, *(stream.denied for stream in board.streams)))
        for sentence in (board.failure and board.failure.sentence, *denied):
            if sentence:
                yield sentence, "$text-warning"
        yield f"{len(board.streams):,} found"
        if len(board.streams) >= KEPT_STREAMS:
            yield "there may be more: no others are listed", "$text-warning"
        for level, word in ((Level.ACT, "✗"), (Level.LOOK, "▲")):
            number = sum(bool(troubles) and troubles[0].level is level for troubles in board.troubles.values())
            if number:
                yield f"{word} {number:,}", STYLES[level]
        if board.seen < 1:
            yield f"{percent(board.seen, 0)} searched"

    def _totals(self, board: Board) -> str:
        if not board.streams:
            return ""
        rates = [one.rate for one in board.streams if one.rate is not None]
        pending = sum(one.pending for one in board.streams)
        coming = f"{count(sum(rates))}/s in, " if rates else ""
        return f"{coming}{count(pending)} pending"

    def _nothing(self, board: Board) -> Content:
        if self.filter and board.streams:
            return Content(f"no stream contains {self.filter!r}")
        if board.seen < 1:
            return Content("looking for streams…")
        return Content.assemble("no streams here — ", ("XADD events * type hello", "bold"), " makes one")
