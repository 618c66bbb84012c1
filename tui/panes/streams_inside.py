"""Into one stream: its groups, their consumers, their pending entries, one entry in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from tui.engine.failure import Failure
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.engine.streams.board import StreamBoard
from tui.engine.streams.drill import PAGE, Consumers, Gone, Inside, PendingPages, look_at_consumers, look_inside
from tui.engine.streams.entry import read_entry
from tui.engine.streams.look import Pending
from tui.engine.streams.trouble import Thresholds, Trouble
from tui.panes.base import Pane
from tui.words.streamrows import (
    CONSUMER_COLUMNS,
    GROUP_COLUMNS,
    PENDING_COLUMNS,
    consumer_row,
    facts_line,
    group_row,
    pending_row,
    trouble_line,
)
from tui.words.taillines import entry_lines
from tui.words.units import count
from widgets.drill import Drill
from widgets.lines import Lines
from widgets.table import Row, Table

AGAIN = 1.0
"""Seconds between two looks at what is shown: a few cheap commands."""
MOST_LINES = 4
"""Sentences of trouble above the table."""
ALL = "all"
"""Key of the row that stands for the pending entries of all consumers."""


@dataclass(frozen=True, slots=True)
class PendingList:
    """Pending entries read so far."""

    entries: tuple[Pending, ...]
    more: bool


Found = Inside | Consumers | PendingList | Gone | Failure


@dataclass(frozen=True, slots=True)
class Depth:
    """How deep a person has gone: None at the end of what is not chosen."""

    group: bytes | None = None
    consumer: bytes | None = None
    everyone: bool = False
    """Whether it is the pending entries of all consumers."""

    @property
    def shows_pending(self) -> bool:
        """Whether pending entries are shown."""
        return self.everyone or self.consumer is not None

    @property
    def up(self) -> Depth:
        """One step back."""
        return Depth(self.group) if self.shows_pending else Depth()


class InsidePane(Pane[Found]):
    """Groups; enter goes to consumers, then to pending entries, then to an entry; escape comes back."""

    TITLE = "Groups"
    JUMP = "G"
    COLUMN = 1
    HELP = (
        "The consumer groups of the stream under the cursor. enter goes on to the consumers of a group, to their "
        "pending entries (the oldest first, page by page, however many), and to one entry in full; escape comes back.\n"
        "lag: entries not given to the group yet, counted by the server or, where it lost count, by redtop up to a "
        "thousand (≥). delivered: the entry it was given last. read: entries it was ever given.\n"
        "idle: since a consumer last asked for anything; inactive: since it last got anything (7.2 and later). "
        "tries: how often an entry was delivered.\n"
        "a acknowledges an entry, m gives entries to another consumer, d deletes what the cursor is on, i lets a group "
        "go on from another id; each asks first, and u takes the last one back where the server allows it."
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.key: bytes | None = None
        """The stream that is looked into."""
        self.depth = Depth()
        """What is shown of it."""
        self._pages: PendingPages | None = None
        self._entries: list[Pending] = []
        self._reading = False
        self._anew = False
        self._return_to: object = None
        """The row that the cursor goes to as soon as it is there."""

    @property
    def limit(self) -> Thresholds:
        """When something counts as trouble."""
        return self.session.of(StreamBoard).thresholds

    @property
    def row(self) -> bytes | None:
        """Group, consumer or pending entry under the cursor; None when there is none."""
        drill = self.query_one(Drill)
        key = drill.table.cursor_key
        return key if isinstance(key, bytes) and drill.table.display else None

    @property
    def entry(self) -> Pending | None:
        """The pending entry under the cursor."""
        if not self.depth.shows_pending:
            return None
        return next((one for one in self._entries if one.id == self.row), None)

    @property
    def target(self) -> Widget:
        """Table or text, whichever is shown."""
        drill = self.query_one(Drill)
        return drill.table if drill.table.can_focus else drill.reader

    def compose(self) -> ComposeResult:
        """What is wrong, and the table."""
        yield Lines(id="about")
        yield Drill()

    def on_mount(self) -> None:
        """Begin empty."""
        self.query_one(Drill).show_nothing(Content("the groups of a stream are shown here"))

    def look_into(self, key: bytes) -> None:
        """Show the groups of this stream."""
        if key != self.key:
            self.key = key
            self._go(Depth())

    def back(self) -> bool:
        """Come back one step; False when there is none."""
        if self.query_one(Drill).close():
            return True
        if self.depth == Depth():
            return False
        left = self.depth
        self._go(left.up)
        self._return_to = left.group if self.depth.group is None else left.consumer or ALL
        return True

    def show(self, snapshot: Found) -> None:
        """Fill the table."""
        drill = self.query_one(Drill)
        match snapshot:
            case Inside():
                self._show_groups(snapshot)
            case Consumers():
                self._show_consumers(snapshot)
            case PendingList():
                self._show_pending(snapshot)
            case Gone() | Failure():
                self._about([])
                drill.show_nothing(Content(snapshot.sentence))
        if self._return_to is not None and drill.table.move_to_key(self._return_to):
            self._return_to = None
        self._describe(snapshot)

    async def _follow(self) -> None:
        """There is no feed: looking begins when a stream is chosen."""

    def _go(self, depth: Depth) -> None:
        self.depth, self._return_to = depth, None
        self._pages, self._entries, self._reading = None, [], False
        self.set_reactive(InsidePane.filter, "")
        self.query_one(Drill).close()
        self.query_one(Drill).table.show_rows(())
        self.query_one(Drill).table.move_to(0)
        self.work_on(self._look, group="look", exclusive=True, description="look into a stream")

    async def _look(self) -> None:
        """Look again and again, while somebody sees it."""
        clock, pace = self.session.clock, self.session.pace
        while True:
            await self._seen.wait()
            await pace.resumed()
            self.snapshot = await self._ask()
            self._anew = False
            began = clock.now()
            await pace.rest(max(AGAIN, pace.interval))
            self._anew = clock.now() - began < AGAIN / 2  # a person asked to look now

    async def _ask(self) -> Found:
        deployment, depth = self.session.deployment, self.depth
        assert self.key is not None
        if depth.group is None:
            return await look_inside(deployment, self.key, self.limit)
        if not depth.shows_pending:
            return await look_at_consumers(deployment, self.key, depth.group)
        if self._pages is None or self._anew or len(self._entries) <= PAGE:
            self._pages, self._entries = PendingPages(deployment, self.key, depth.group, depth.consumer), []
            return await self._next(self._pages)
        return PendingList(tuple(self._entries), self._pages.more)  # being read further down: r reads it anew

    async def _next(self, pages: PendingPages) -> PendingList | Gone | Failure:
        page = await pages.next()
        if not isinstance(page, tuple):
            return page
        self._entries += page
        return PendingList(tuple(self._entries), pages.more)

    async def _read_on(self, pages: PendingPages) -> None:
        if not self._reading:
            self._reading = True
            found = await self._next(pages)
            self._reading = False
            if pages is self._pages:
                self.snapshot = found

    @on(Table.Highlighted)
    def _near_end(self, event: Table.Highlighted) -> None:
        event.stop()
        table = event.table
        if self._pages is not None and self._pages.more and table.cursor >= len(table.rows) - table.page:
            self.work_on(partial(self._read_on, self._pages), group="page", description="page of pending entries")

    @on(Table.Chosen)
    def _deeper(self, event: Table.Chosen) -> None:
        event.stop()
        key = event.key
        if self.depth.shows_pending:
            if isinstance(key, bytes):
                self.work_on(partial(self._open, key), group="open", exclusive=True, description="open an entry")
        elif key == ALL:
            self._go(replace(self.depth, everyone=True))
        elif isinstance(key, bytes):
            self._go(Depth(key) if self.depth.group is None else replace(self.depth, consumer=key))

    async def _open(self, entry_id: bytes) -> None:
        assert self.key is not None
        found = await read_entry(self.session.deployment, self.key, entry_id)
        drill = self.query_one(Drill)
        if isinstance(found, Gone | Failure):
            drill.open([[(found.sentence, "$text-warning")]])
        else:
            drill.open([[(printable(entry_id), "bold")], [], *entry_lines(found, drill.size.width)])

    def _show_groups(self, inside: Inside) -> None:
        stream, now = inside.stream, self.session.clock.wall()
        troubles = [one for one in self._troubles(stream.key) if one.what != "unknown"]
        lines = [facts_line(stream, now), *(trouble_line(one) for one in troubles[:MOST_LINES])]
        lines += [Content.styled(sentence, "$text-warning") for sentence in inside.denied]
        self._about(lines)
        groups = sorted(stream.groups, key=lambda group: (-(group.lag or 0), group.name))
        rows = [group_row(group, self.limit, now) for group in groups]
        nothing = Content("no groups: nobody reads this stream as a consumer of a group")
        self.query_one(Drill).show_parts(GROUP_COLUMNS, self._filtered(rows), nothing)

    def _troubles(self, key: bytes) -> Sequence[Trouble]:
        board = self.session.of(StreamBoard).feed.latest
        return board.troubles.get(key, ()) if board is not None else ()

    def _show_consumers(self, found: Consumers) -> None:
        self._about([])
        total = sum(consumer.pending for consumer in found.consumers)
        everyone = Row(ALL, (Content.styled("all of them", "italic"), Content(""), Content(count(total))))
        rows = [everyone, *(consumer_row(one, self.limit) for one in found.consumers)]
        self.query_one(Drill).show_parts(
            CONSUMER_COLUMNS, self._filtered(rows), Content(f"no consumer contains {self.filter!r}")
        )

    def _show_pending(self, found: PendingList) -> None:
        self._about([])
        rows = [pending_row(one, self.limit) for one in found.entries]
        nothing = Content("nothing is pending: all that was delivered has been acknowledged")
        self.query_one(Drill).show_parts(PENDING_COLUMNS, self._filtered(rows), nothing)

    def _filtered(self, rows: list[Row]) -> list[Row]:
        needle = self.filter.lower()
        return [row for row in rows if not needle or any(needle in cell.plain.lower() for cell in row.cells)]

    def _about(self, lines: Sequence[Content]) -> None:
        self.query_one("#about", Lines).show_lines(lines)

    def _describe(self, found: Found) -> None:
        depth, name = self.depth, printable(self.key or b"")
        steps = [name] if depth.group is None else [printable(depth.group)]
        if depth.shows_pending:
            steps.append(printable(depth.consumer) if depth.consumer is not None else "all")
        more = "+" if isinstance(found, PendingList) and found.more else ""
        notes = [f"{count(len(found.entries))}{more} pending"] if isinstance(found, PendingList) else []
        self.retitle(" › ".join(steps), *notes, below="" if depth.group is None else name)
