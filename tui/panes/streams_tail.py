"""The live tail of the Streams page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from tui.engine.failure import Failure
from tui.engine.onekey.elements import Element
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.engine.streams.drill import Gone
from tui.engine.streams.entry import entry_of, read_entry
from tui.engine.streams.ids import parse_place
from tui.engine.tail.filter import parse_filter
from tui.engine.tail.live import LiveTail, LiveTailing
from tui.engine.tail.window import Line
from tui.panes.base import Pane
from tui.words.streamrows import COLOURS, moment
from tui.words.taillines import Layout, entry_lines
from tui.words.units import count, rate
from tui.words.valueview import element_text
from widgets.log import Log
from widgets.reader import Reader

NAMED = 3
"""Streams that the title names; more are counted."""
COPIED = 64 * 1024
"""Characters that are copied at most: terminals ignore a clipboard text that is much longer."""


class LiveTailPane(Pane[LiveTailing]):
    """A log, and one entry of it in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "newest", "Follow", id="livetail.follow", tooltip="Jump to the newest entries and stay there"),
        Binding("v", "columns", "Columns", id="livetail.columns", tooltip="Show fields in columns, or in a line"),
    ]
    TITLE = "Tail"
    JUMP = "T"
    HELP = (
        "What is added to the chosen streams, and published on the channels you listen to (c), merged by time. "
        "10,000 lines are kept to scroll back, and what was before them is read when you come there. All is read as "
        "long as this machine keeps up; what was left out is said where it is missing, with its number.\n"
        "enter opens an entry in full, JSON laid out; escape closes it. g goes to an id (1712345678901-0), a time "
        "(06:31, 2024-05-01 06:31:07) or back by a while (-10m), to read from there in both directions; f jumps to the "
        "newest.\n"
        "/ filters: a text; field=value (a * at its end: begins so); data.user.id=7 inside the JSON of a field, "
        ".user.id=7 of any; /a regular expression/ (RE2). Only what passes is kept from then on; scrolling back "
        "searches on, 10,000 entries at a time. v shows fields in columns. p pauses everything."
    )
    COLLECTOR = LiveTail

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tail = session.of(LiveTail)
        self._layout = Layout()
        self._colours: dict[bytes, str] = {}
        self._generation = 0
        self._wrong = ""
        self._paging = False
        self._opened: Element | None = None

    def compose(self) -> ComposeResult:
        """Log and reader, one of them visible."""
        yield Log(lambda line: self._layout.draw(line, self._colours), empty=Content("choose a stream above"))
        yield Reader()

    def on_mount(self) -> None:
        """Begin with the log."""
        super().on_mount()
        self._show_log()

    @property
    def log(self) -> Log:  # type: ignore[override]  # Textual's own writes to a console that nobody opens here
        """The lines."""
        return self.query_one(Log)

    @property
    def target(self) -> Widget:
        """Log or reader, whichever is shown."""
        return self.log if self.log.can_focus else self.query_one(Reader)

    @property
    def line(self) -> Line | None:
        """The entry of a stream under the cursor; None when there is none, or it is a message."""
        line = self.log.item if self._opened is None else None
        return line if isinstance(line, Line) and line.id and len(line.values) % 2 == 0 else None

    @property
    def copied(self) -> str:
        """The entry that is open, or under the cursor, as text."""
        if self._opened is not None:
            return element_text(self._opened)[:COPIED]
        line = self.log.item
        if not isinstance(line, Line):
            return ""
        return "\n".join(f"{printable(name)}={printable(value)}" for name, value in line.fields)[:COPIED]

    def show(self, snapshot: LiveTailing) -> None:
        """Hand the window to the log."""
        log = self.log
        sources = (*snapshot.chosen, *snapshot.listening.channels, *snapshot.listening.patterns)
        for source in (*sources, *(line.source for line in snapshot.lines[-log.page :])):
            self._colours.setdefault(source, COLOURS[len(self._colours) % len(COLOURS)])
        anew, self._generation = snapshot.generation != self._generation, snapshot.generation
        patterns = snapshot.listening.patterns
        self._layout.learn(
            (*sources, *(line.source for line in snapshot.lines[-log.page :] if patterns)), snapshot.lines
        )
        log.head = self._layout.head
        log.empty = self._nothing(snapshot)
        log.open_ended = not snapshot.following
        log.earlier = snapshot.earlier
        log.show_window(snapshot.lines, snapshot.first, anew=anew)
        if not snapshot.following and log.following:
            log.stay()
        self.retitle(*self._notes(snapshot), below=self._below(snapshot))

    def watch_filter(self) -> None:
        """Filter in the engine, which keeps more of what passes."""
        try:
            match, self._wrong = parse_filter(self.filter), ""
        except ValueError as error:
            match, self._wrong = None, str(error)
        filtering = partial(self._tail.filter_by, match)
        self.work_on(filtering, group="filter", exclusive=True, description="filter the tail")
        super().watch_filter()

    async def go(self, text: str) -> None:
        """Go to the place that a person typed.

        Raises:
            ValueError: one sentence; it is no place.
        """
        place = parse_place(text, self.session.clock.wall())
        self.close_entry()
        await self._tail.go(place)
        self.log.stay()

    def close_entry(self) -> bool:
        """Close the entry that is open; False when none is."""
        if self._opened is None:
            return False
        self._opened = None
        self._show_log()
        return True

    def action_newest(self) -> None:
        """Jump to the newest entries and follow."""
        self.close_entry()
        if not self._tail.following:
            self.work_on(self._tail.newest, group="go", exclusive=True, description="newest entries")
        self.log.open_ended = False
        self.log.follow()

    def action_columns(self) -> None:
        """Columns, or one line."""
        self._layout.columns = not self._layout.columns
        self._layout.forget()
        if self.snapshot is not None:
            self.show(self.snapshot)
        self.log.redraw()

    @on(Log.EndNear)
    def _more(self, event: Log.EndNear) -> None:
        event.stop()
        back = isinstance(event, Log.StartNear)
        if not self._paging:
            self._paging = True
            self.work_on(partial(self._page, back=back), group="more", description="page of a stream")

    async def _page(self, *, back: bool) -> None:
        """One page at a time, however often a person asks for it."""
        try:
            await (self._tail.earlier() if back else self._tail.more())
        finally:
            self._paging = False

    @on(Log.Chosen)
    def _open(self, event: Log.Chosen) -> None:
        event.stop()
        if isinstance(event.item, Line) and event.item.id:
            self.work_on(
                partial(self._open_line, event.item), group="open", exclusive=True, description="open an entry"
            )

    async def _open_line(self, line: Line) -> None:
        """Show an entry in full: as it is now, or what was kept of it."""
        note = ""
        if len(line.values) % 2:
            found = entry_of(line.id, [b"message", *line.values])
        else:
            answer = await read_entry(self.session.deployment, line.source, line.id)
            if isinstance(answer, Gone | Failure):
                note, found = answer.sentence, entry_of(line.id, list(line.values))
            else:
                found = answer
        self._opened = found
        reader = self.query_one(Reader)
        shown = "" if len(line.values) % 2 else f"  {printable(line.id)}"
        source = (printable(line.source), self._colours.get(line.source, ""))
        head = [source, (shown, "bold"), (f"  {moment(line.id)}", "$foreground-muted")]
        lines = [head, [], *entry_lines(found, self.log.size.width)]
        if note:
            lines.insert(1, [(f"{note}; what was kept of it:", "$text-warning")])
        reader.show_lines(lines)
        self._show_reader()

    def _show_log(self) -> None:
        self._swap(self.log, self.query_one(Reader))

    def _show_reader(self) -> None:
        self._swap(self.query_one(Reader), self.log)

    def _swap(self, shown: Log | Reader, other: Log | Reader) -> None:
        moved = other.has_focus
        shown.display = shown.can_focus = True
        if moved:
            shown.focus()
        other.display = other.can_focus = False

    def _notes(self, snapshot: LiveTailing) -> Iterator[str | tuple[str, str]]:
        names = [printable(key) for key in snapshot.chosen]
        names += [f"♪{printable(key)}" for key in (*snapshot.listening.channels, *snapshot.listening.patterns)]
        if names:
            others = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
            yield ", ".join(names[:NAMED]) + others
        if snapshot.following and snapshot.rate is not None:
            yield rate(snapshot.rate)
        if not snapshot.following:
            yield "reading on from there: f jumps to the newest", "$text-accent"
        if snapshot.sifting:
            yield "filtering…", "$text-accent"
        elif snapshot.sought is not None:
            yield f"searched back to {moment(snapshot.sought).strip()}" if snapshot.earlier else "searched all before"
        if self._wrong:
            yield self._wrong, "$text-warning"
        if snapshot.failure is not None:
            yield snapshot.failure.sentence, "$text-warning"

    def _below(self, snapshot: LiveTailing) -> str:
        return f"{count(len(snapshot.lines))} kept" if snapshot.lines else ""

    def _nothing(self, snapshot: LiveTailing) -> Content:
        if snapshot.sifting:
            return Content("filtering…")
        if self.filter and not self._wrong:
            return Content(f"nothing that came so far passes {self.filter!r}; home searches further back")
        if snapshot.chosen or snapshot.listening.channels or snapshot.listening.patterns:
            return Content("waiting for the first entry…" if snapshot.following else "nothing was added after that")
        return Content("choose a stream above, or listen to a channel with c")
