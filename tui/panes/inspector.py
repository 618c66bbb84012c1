"""One key: what it is, how long it lives, and its value page by page."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from tui.engine.failure import Failure, Kind
from tui.engine.needle import needle_of
from tui.engine.onekey.elements import Page
from tui.engine.onekey.gathered import Gathered
from tui.engine.onekey.inspect import KeyFacts, Missing, look
from tui.engine.onekey.pages import Pages
from tui.engine.session import Session
from tui.engine.values.kinds import Decoded, decode
from tui.panes.base import Pane
from tui.words.factsheet import became, fact_lines, key_lines, rule_lines, with_first_idle
from tui.words.units import count
from tui.words.valueview import ElementRows, columns_of, element_lines, element_text, label_of, name_width, text_lines
from widgets.drill import Drill
from widgets.lines import Lines
from widgets.reader import Reader
from widgets.table import Table

LOOK_AGAIN = 2.0
"""Seconds between two looks at the facts: eight cheap commands, and a key that went is noticed soon."""
TYPED = 0.25
"""Seconds that a search text must stand still: every letter would else search a long value anew."""
LINES = 16_384
"""Lines of one window of a string; laying out more takes longer than a person waits."""
COPIED = 64 * 1024
"""Characters that are copied at most: terminals ignore a clipboard text that is much longer."""

HIDDEN = "a secret, says the schema: V shows it, until you look at another key"

Found = KeyFacts | Missing | Failure


class InspectorPane(Pane[Found]):
    """Facts above, the value below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "reveal", "Reveal", show=False, id="inspector.reveal",
                tooltip="Show the secret name and value of this key, until another one is looked at"),
    ]  # fmt: skip
    TITLE = "Inspector"
    JUMP = "I"
    HELP = (
        "The key under the cursor: type and encoding, TTL (counting down), memory as the server estimates it, length, "
        "and when it was last used (or how often, under an LFU policy).\n"
        "Only a part of the value is read at a time, however big it is: scrolling on reads on. JSON, msgpack, gzip, "
        "zlib, zstd, base64, HyperLogLogs and bitmaps are recognised; anything else is shown as text or as bytes.\n"
        "enter opens one element in full, escape closes it. / searches the value on the server, upper and lower "
        "case told apart. r reads everything anew. c copies what is shown, y the key, Y a redis-cli command.\n"
        "With a schema, what lets somebody in is masked and its value is not read; V shows this one key."
    )
    COLUMN = 2
    SHARE = 1

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._key: bytes | None = None
        self._facts: KeyFacts | None = None
        self._value = Gathered()
        self._pages: Pages | None = None
        self._note: str | None = None
        self._label = ""
        self._failure: Failure | None = None
        self._decoded: list[Decoded] = []
        self._mid_line = False
        """Whether the last window ended inside a line of text."""
        self._anew = False
        """Whether the next look is for the value, too."""
        self._revealed: bytes | None = None
        """The secret key that a person wants to see."""

    @property
    def key(self) -> bytes | None:
        """The key that is inspected, if any."""
        return self._key

    @property
    def facts(self) -> KeyFacts | None:
        """What is known of it; None until it has been looked at, and when it is gone."""
        return self._facts

    @property
    def hides(self) -> bool:
        """Whether the key is a secret, or what it holds is, and nobody has asked to see it."""
        key, secrecy = self._key, self.session.secrecy
        return key is not None and key != self._revealed and (secrecy.hides_name(key) or secrecy.hides_value(key))

    @property
    def copied(self) -> str:
        """What is shown of the value, as text: the open or highlighted element, or the whole text."""
        drill = self.query_one(Drill)
        index = drill.table.cursor_key
        if not drill.table.display:
            return drill.reader.plain[:COPIED]
        return element_text(self._value.elements[index])[:COPIED] if isinstance(index, int) else ""

    @property
    def target(self) -> Widget:
        """The value: text or table, whichever is shown."""
        drill = self.query_one(Drill)
        return drill.table if drill.table.can_focus else drill.reader

    def compose(self) -> ComposeResult:
        """Facts above the value."""
        yield Lines(id="facts")
        yield Drill()

    def on_mount(self) -> None:
        """Begin empty."""
        self.query_one(Drill).show_nothing(Content("a key from the list, or one you jump to with g, is shown here"))
        self.tick_every(1.0, self._show_facts)

    def on_resize(self) -> None:
        """Use the width there is."""
        self.call_after_refresh(self._fit)

    def inspect(self, key: bytes) -> None:
        """Look at this key from now on."""
        if key == self._key:
            return
        self._key, self._revealed = key, None
        self.set_reactive(InspectorPane.filter, "")
        self._facts = self._failure = None
        self._begin("looking…")
        self._show_facts()
        self.work_on(partial(self._inspect, key), group="inspect", exclusive=True, description="look at a key")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is revealed where nothing is hidden."""
        if action == "reveal":
            return self.hides
        return super().check_action(action, parameters)

    def action_reveal(self) -> None:
        """Show what is hidden of this one key; never in a browser, where it would leave this machine."""
        if self.app.is_web:
            self.app.notify("secrets are not shown in a browser", severity="warning")
            return
        self._revealed = self._key
        if self._facts is not None:
            self._read(None)
        self._show_facts()

    def close_element(self) -> bool:
        """Close the element that is open; False when none is."""
        return self.query_one(Drill).close()

    def show(self, snapshot: Found) -> None:
        """Show facts, or why there are none."""
        self._failure = snapshot if isinstance(snapshot, Failure) else None
        if isinstance(snapshot, KeyFacts):
            before, self._facts = self._facts, with_first_idle(snapshot, self._facts)
            if before is None or before.kind != snapshot.kind or self._anew:
                self._anew = False
                self._read(became(before, snapshot))
        elif isinstance(snapshot, Missing):
            self._facts = None
            self._begin("there is no such key now: it expired, was deleted, or never was")
        elif self._facts is None:
            self._begin(snapshot.sentence)
        self._show_facts()
        self._describe()

    def watch_filter(self) -> None:
        """Search the value on the server."""
        if self._facts is not None:
            self.work_on(self._search, group="search", exclusive=True, description="search in a value")
        self._describe()

    async def _follow(self) -> None:
        """There is no feed: looking begins when a key is chosen."""

    async def _inspect(self, key: bytes) -> None:
        """Look at a key again and again, while somebody sees it."""
        clock, pace = self.session.clock, self.session.pace
        while True:
            await self._seen.wait()
            self.snapshot = await look(self.session.deployment, key)
            began = clock.now()
            await pace.rest(max(LOOK_AGAIN, pace.interval))
            while self._seen.is_set() and pace.paused:
                await pace.resumed()
            if clock.now() - began < LOOK_AGAIN and self._seen.is_set():
                self._anew = True  # a person asked to look now

    async def _search(self) -> None:
        await self.session.clock.sleep(TYPED)
        if self._facts is not None:  # meanwhile the key may have gone, or another be looked at
            self._read(None)

    def _begin(self, why: str) -> None:
        """Forget the value and say why there is none."""
        self._pages, self._note, self._label, self._value = None, None, "", Gathered()
        self._decoded = []
        self.workers.cancel_group(self, "value")
        self.query_one(Drill).show_nothing(Content(why))
        self._describe()

    def _read(self, note: str | None) -> None:
        """Read the value from its beginning."""
        assert self._facts is not None
        if self.hides:
            self._begin(HIDDEN)
            return
        self._value, self._note, self._label, self._decoded = Gathered(), note, "", []
        self._pages = Pages(self.session.deployment, self._facts, needle_of(self.filter))
        self._read_on()

    @on(Reader.EndNear)
    def _read_on(self) -> None:
        """Read another page, unless one is being read or none is left."""
        drill = self.query_one(Drill)
        if self._pages is not None and self._value.takes_more and not drill.inside:
            self._value.reading = True
            self.work_on(partial(self._next, self._pages), group="value", exclusive=True, description="page of a value")

    async def _next(self, pages: Pages) -> None:
        await self._seen.wait()
        page = await pages.next()
        # Laying out 64 KB of JSON takes up to 70 ms: a key pressed meanwhile must not wait for it.
        decoded = await asyncio.to_thread(self._decode, page) if isinstance(page, Page) and page.data else None
        if pages is not self._pages:
            return
        self._value.reading = False
        if isinstance(page, Page):
            self._value.take(page)
            self._show_page(page, decoded)
        elif isinstance(page, Failure):
            self._refuse(page)
        else:
            self.snapshot = page

    def _refuse(self, failure: Failure) -> None:
        """Say why there is no value; where time may help, the next look tries again."""
        self._anew = failure.kind not in {Kind.DENIED, Kind.REPLY}
        if self._value.read:
            self._note = failure.sentence
        else:
            self.query_one(Drill).show_nothing(Content(failure.sentence))
        self._show_facts()

    def _decode(self, page: Page) -> Decoded:
        total = self._facts.length if self._facts else None
        return decode(page.data, not page.more and not page.start, start=page.start, total=total, most=LINES)

    def _show_page(self, page: Page, decoded: Decoded | None) -> None:
        if decoded is not None:
            self._show_text(page, decoded)
        elif self._value.elements or self.filter:
            self._show_elements()
        else:
            self.query_one(Drill).show_nothing(Content(page.note or "(empty)"))
        self._show_facts()

    def _show_text(self, page: Page, decoded: Decoded) -> None:
        drill = self.query_one(Drill)
        lines = text_lines(decoded, drill.size.width)
        self._decoded.append(decoded)
        if len(lines) == LINES:
            lines.append([("… the rest of this part has too many lines", "$text-warning")])
        if page.start:
            drill.reader.extend(lines, joined=decoded.kind == "text" and self._mid_line)
        else:
            self._label = label_of(decoded)
            self._value.note = decoded.note
            drill.show_text(lines)
        self._mid_line = decoded.kind == "text" and not page.data.endswith(b"\n")

    def _fit(self) -> None:
        """Lay out for another width: a hex view has two forms."""
        drill = self.query_one(Drill)
        if self._decoded and not drill.inside:
            drill.reader.show_lines(
                [line for part in self._decoded for line in text_lines(part, drill.size.width)], top=drill.reader.top
            )
        self._show_facts()

    def _show_elements(self) -> None:
        assert self._facts is not None
        value, kind, drill = self._value, self._facts.kind, self.query_one(Drill)
        columns = columns_of(kind, value.ttls, self._facts.length or 0, name_width(value.elements, drill.size.width))
        more = f"{count(value.read)} of {count(self._facts.length)} read…" if value.more else None
        rows = ElementRows(kind, value.elements, self.session.clock.wall(), more, ttls=value.ttls)
        drill.show_parts(columns, rows, Content(f"nothing in it contains {self.filter!r}"))
        if value.more and drill.table.cursor >= len(rows) - drill.table.page:
            self._read_on()

    @on(Table.Highlighted)
    def _near_end(self, event: Table.Highlighted) -> None:
        event.stop()
        table = event.table
        if table.cursor >= len(table.rows) - table.page:
            self._read_on()

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        if isinstance(event.key, int) and self._facts is not None:
            drill = self.query_one(Drill)
            element = self._value.elements[event.key]
            drill.open(element_lines(self._facts.kind, element, self.session.clock.wall(), drill.size.width))

    def _show_facts(self) -> None:
        """Draw key and facts; the TTL counts down."""
        if self._key is None:
            return
        width = self.content_size.width
        shown = self.session.secrecy.shown(self._key) if self.hides else None
        lines = key_lines(self._key, width, shown)
        if self._facts is not None:
            lines += fact_lines(self._facts, self.session.clock.wall(), width)
            lines += rule_lines(self._label, self._notes(), width)
        self.query_one("#facts", Lines).show_lines(lines)

    def _notes(self) -> list[str]:
        """What a person should know of the value."""
        value = self._value
        notes = [note for note in (value.note, self._note) if note]
        if value.more and value.read:
            notes.append(f"{count(value.read)} read{', no more is kept: / searches all' if value.full else ''}")
        if self._facts is not None and self._facts.length is not None and value.outdated(self._facts.length):
            notes.append("it has changed: r reads it anew")
        return notes

    def _describe(self) -> None:
        notes: list[str | tuple[str, str]] = [self._facts.kind] if self._facts is not None else []
        if self._failure is not None:
            notes.append((self._failure.sentence, "$text-warning"))
        self.retitle(*notes)
