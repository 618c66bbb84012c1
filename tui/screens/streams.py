"""Screen 3: all streams, one of them from the inside, and a live tail."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from platformdirs import user_state_path
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from tui.engine.needle import needle_of
from tui.engine.printable import printable
from tui.engine.session import Session
from tui.engine.tail.live import LiveTail
from tui.panes.header import HeaderPane
from tui.panes.streams_all import AllStreamsPane
from tui.panes.streams_inside import InsidePane
from tui.panes.streams_tail import LiveTailPane
from tui.panes.vitals import VitalsPane
from tui.screens.base import PaneScreen
from tui.screens.resting import after_rest
from tui.screens.stream_changes import StreamChanges
from tui.screens.stream_keys import StreamKeys
from tui.words.brand import Brand
from widgets.inputline import InputLine
from widgets.keyline import KeyLine
from widgets.tabbar import TabBar

GO = "id, time (06:31, 2024-05-01 06:31:07), or -10m; enter goes there"
LISTEN = "channels, and patterns with *, separated by blanks; empty: listen to none"


class StreamsPage(PaneScreen):
    """Streams and the inside of one side by side, the tail below both."""

    TITLE = "Streams"
    KEY = "3"
    PANES = (AllStreamsPane, InsidePane, LiveTailPane)
    NARROW = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,ctrl+g", "go", "Go to", id="streams.go", tooltip="Go to an id or a time in the tailed streams"),
        Binding("c", "listen", "Channels", id="streams.listen", tooltip="Listen to pub/sub channels and patterns"),
        Binding("y", "copy", "Copy", show=False, id="streams.copy", tooltip="Copy the entry, or the stream's name"),
        Binding("a", "change('acknowledge')", "Acknowledge", show=False, id="streams.acknowledge",
                tooltip="Acknowledge the pending entry under the cursor"),
        Binding("m", "change('claim')", "Give", show=False, id="streams.claim",
                tooltip="Give pending entries to another consumer"),
        Binding("d", "change('delete')", "Delete", show=False, id="streams.delete",
                tooltip="Delete the group, consumer or entry under the cursor"),
        Binding("i", "change('move_group')", "Move", show=False, id="streams.move",
                tooltip="Let the group under the cursor go on from another id"),
        Binding("t", "change('trim')", "Trim", show=False, id="streams.trim", tooltip="Delete its oldest entries"),
        Binding("A", "change('add')", "Add", show=False, id="streams.add", tooltip="Add an entry to this stream"),
        Binding("u", "change('undo')", "Undo", show=False, id="streams.undo", tooltip="Take the last change back"),
        Binding("left", "out", "Out", show=False, id="streams.out", tooltip="Go back one step, or to the streams"),
        Binding("right", "into", "In", show=False, id="streams.into", tooltip="Go on to the pane on the right"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    StreamsPage .upper { height: 9fr; width: 1fr; }
    StreamsPage .lower { height: 10fr; width: 1fr; }
    """

    _marked = False
    """Whether a person has chosen what is tailed; otherwise the cursor does."""
    _asking: Callable[[str], None] | None = None
    """What takes the line that is being typed."""

    def __init__(self, session: Session, brand: Brand) -> None:
        super().__init__(session, brand)
        self._changes: StreamChanges | None = None

    @property
    def changes(self) -> StreamChanges:
        """What leads through a change."""
        if self._changes is None:
            self._changes = StreamChanges(self.app, self.session, user_state_path("redtop") / "streams")
        return self._changes

    @property
    def streams(self) -> AllStreamsPane:
        """All streams."""
        return self.query_one(AllStreamsPane)

    @property
    def inside(self) -> InsidePane:
        """One of them."""
        return self.query_one(InsidePane)

    @property
    def tail(self) -> LiveTailPane:
        """What is added to some."""
        return self.query_one(LiveTailPane)

    def compose(self) -> ComposeResult:
        """Two panes above, one below."""
        streams, inside, tail = self.panes
        yield HeaderPane(self.session, self._brand)
        yield VitalsPane(self.session)
        yield TabBar()
        with Vertical(id="columns"):
            with Horizontal(classes="column upper"):
                yield streams
                yield inside
            with Vertical(classes="column lower"):
                yield tail
        yield InputLine(id="filter", placeholder="only what passes this; enter keeps it, escape clears it")
        yield InputLine(id="jump")
        yield KeyLine()

    def on_mount(self) -> None:
        """Give the table of streams more room than the other."""
        super().on_mount()
        self.query_one("#jump", Input).display = False
        self.streams.styles.width = "3fr"
        self.inside.styles.width = "2fr"

    @on(AllStreamsPane.Pointed)
    def _pointed(self, event: AllStreamsPane.Pointed) -> None:
        event.stop()
        # The table lives: its rows move, and a cursor that nobody moved must not take away what is being read.
        if self.panes[self.current] is self.streams or self.inside.key is None:
            after_rest(self, self.session.clock, lambda: self._show(event.key), "stream")

    @on(AllStreamsPane.Opened)
    def _opened(self, event: AllStreamsPane.Opened) -> None:
        event.stop()
        self.workers.cancel_group(self, "stream")
        self._show(event.key)
        self._focus(self.inside.target)

    @on(AllStreamsPane.Marked)
    def _mark(self, event: AllStreamsPane.Marked) -> None:
        event.stop()
        tail = self.session.of(LiveTail)
        chosen = list(tail.chosen) if self._marked else []
        chosen = [key for key in chosen if key != event.key] if event.key in chosen else [*chosen, event.key]
        alone = not self._marked
        self._marked = bool(chosen)
        self._tail(chosen or [event.key], alone=alone)

    def action_back(self) -> None:
        """Undo one thing: the line, the filter, what is open, the zoom; then one pane back."""
        pane = self.panes[self.current]
        if self.query_one("#jump", Input).display:
            self._close_line()
        elif self.query_one("#filter", Input).display or pane.filter:
            super().action_back()
        elif (pane is self.inside and self.inside.back()) or (pane is self.tail and self.tail.close_entry()):
            return
        elif self.zoomed:
            self.zoomed = False
        elif pane is not self.streams:
            self._focus(self.streams.target)

    def action_out(self) -> None:
        """Go back one step, or to the streams."""
        if self.panes[self.current] is not self.inside or not self.inside.back():
            self._focus(self.streams.target)

    def action_into(self) -> None:
        """Go on to the inside of the stream."""
        if self.panes[self.current] is self.streams:
            self._focus(self.inside.target)

    def action_go(self) -> None:
        """Ask for a place."""
        self._ask(GO, "", self._go)

    def action_listen(self) -> None:
        """Ask for channels."""
        heard = self.session.of(LiveTail).channels.listening
        self._ask(LISTEN, " ".join(map(printable, (*heard.channels, *heard.patterns))), self._listen)

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        text = self.tail.copied if self.panes[self.current] is self.tail else printable(self.streams.key or b"")
        if text:
            self.app.copy_to_clipboard(text)
            self.app.notify(text[:60].replace("\n", " "), title="Copied")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written, nor where there is nothing to write to."""
        if action != "change":
            return super().check_action(action, parameters)
        may = self.is_mounted and self.session.deployment.refusal is None
        return may and self._keys.can(str(parameters[0]))

    def action_change(self, what: str) -> None:
        """Lead through a change of what the cursor is on."""
        if (doing := self._keys.doing(what, self.changes)) is not None:
            self.run_worker(doing, group="change", exclusive=True, description="a change and its dialogs")

    @property
    def _keys(self) -> StreamKeys:
        return StreamKeys(self.streams, self.inside, self.tail, self.panes[self.current])

    def _show(self, key: bytes) -> None:
        self.inside.look_into(key)
        if not self._marked:
            self._tail([key], alone=True)

    def _tail(self, keys: list[bytes], *, alone: bool) -> None:
        self.session.of(LiveTail).choose(keys, alone=alone)
        self.streams.followed = keys

    def _ask(self, placeholder: str, value: str, then: Callable[[str], None]) -> None:
        line = self.query_one("#jump", Input)
        line.placeholder, line.value, line.display = placeholder, value, True
        self._asking = then
        self.set_focus(line)  # at once: the place may come in one piece

    @on(Input.Submitted, "#jump")
    def _answer(self, event: Input.Submitted) -> None:
        if self._asking is not None:
            self._asking(event.value)

    def _go(self, text: str) -> None:
        self.run_worker(self._go_there(text), group="go", exclusive=True, description="go to a place in streams")

    async def _go_there(self, text: str) -> None:
        try:
            await self.tail.go(text)
        except ValueError as error:
            self.app.notify(str(error), severity="error")
            return
        self._close_line()
        self._focus(self.tail.target)

    def _listen(self, text: str) -> None:
        names = [needle_of(word) for word in text.split()]
        channels = [name for name in names if not _is_pattern(name)]
        self.session.of(LiveTail).channels.listen(channels, [name for name in names if _is_pattern(name)])
        self._close_line()
        self.session.pace.nudge()
        self._focus(self.tail.target)

    def _close_line(self) -> None:
        self.query_one("#jump", Input).display = False
        self._asking = None
        self.set_focus(self.panes[self.current].target)


def _is_pattern(name: bytes) -> bool:
    """Whether a name means many channels.

    >>> _is_pattern(b"flow:updates:*"), _is_pattern(b"chat:7")
    (True, False)
    """
    return any(character in name for character in b"*?[")
