"""Where families depart from their schema, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.findings import Findings, Known
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.driftrows import columns, details, finding_row
from tui.words.expirywords import wrapped
from tui.words.units import ago
from widgets.lines import Lines
from widgets.table import Table

DETAILS = 0.45
"""Part of the pane that the words about one finding may take."""


class ExpiryDriftPane(Pane[Known]):
    """A table of findings, and all about the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "set_ttl", "TTL", id="drift.ttl", tooltip="Set, extend or remove TTLs of this family"),
    ]
    TITLE = "Policy drift"
    JUMP = "P"
    HELP = (
        "With a schema (--schema): where families depart from it, the worst first. ✗ may give somebody access who "
        "should have none, ▲ is worth a look. Counts are exact once every key was read; ± covers 95 of 100 cases.\n"
        "Below: what the schema says, what to do, and some keys that are so. Secret parts of names are masked.\n"
        "enter lists the family on the page Keys. t changes the TTLs of its keys, after a preview."
    )
    COLUMN = 0
    SHARE = 5
    COLLECTOR = Findings
    DEFAULT_CSS = """
    ExpiryDriftPane Table { height: 1fr; }
    """

    class About(Message):
        """About one finding."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number
            """Its place among the findings."""

    class Opened(About):
        """Enter or a double click on a finding."""

    class SetTtl(About):
        """A person wants to change TTLs of its family."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._keys: Sequence[object] = ()
        """What the rows are known by, in the order of the findings."""

    def compose(self) -> ComposeResult:
        """Findings above, words below."""
        yield Table(columns(()), empty=Content("reading the first keys…"))
        yield Lines(id="words")

    def on_resize(self) -> None:
        """Use the width there is."""
        self._explain()

    def show(self, snapshot: Known) -> None:
        """Fill the table."""
        table = self.query_one(Table)
        table.empty = _nothing(snapshot, self.filter)
        found = snapshot.findings or ()
        table.columns = columns(found)
        rows = [finding_row(one) for one in found]
        self._keys = [row.key for row in rows]
        needle = self.filter.lower()
        table.show_rows([row for row in rows if any(needle in cell.plain.lower() for cell in row.cells)])
        self._explain()
        critical = sum(one.severity.value == "critical" for one in found)
        notes: list[str | tuple[str, str]] = []
        notes += [(f"✗ {critical}", "$text-error")] * bool(critical)
        notes += [(f"▲ {len(found) - critical}", "$text-warning")] * (len(found) > critical)
        if snapshot.failure is not None:
            notes.append((snapshot.failure.sentence, "$text-warning"))
        notes += [", ".join(schema.name for schema in snapshot.schemas)] * bool(snapshot.schemas)
        self.retitle(*notes, below=self._when(snapshot))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written."""
        if action == "set_ttl":
            return self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    def action_set_ttl(self) -> None:
        """Ask for a change of the family under the cursor."""
        self._tell(self.SetTtl, self.query_one(Table).cursor_key)

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        self._explain()

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        self._tell(self.Opened, event.key)

    def _tell(self, message: type[About], key: object) -> None:
        if key in self._keys:
            self.post_message(message(self._keys.index(key)))

    def _explain(self) -> None:
        """Say all about the finding under the cursor; without one, what could not be looked at."""
        known, key = self.snapshot, self.query_one(Table).cursor_key
        lines: list[Content] = []
        if known is not None and known.findings and key in self._keys:
            lines = details(known.findings[self._keys.index(key)])
        if known is not None:
            lines += [Content.styled(note, "$text-warning") for note in known.notes]
        width, height = self.content_size
        self.query_one("#words", Lines).show_lines(wrapped(lines, width)[: int(DETAILS * height)])

    def _when(self, known: Known) -> str:
        if known.looking:
            return "reading values…"
        if known.looked_at is None:
            return ""
        part = "" if known.complete else " at a part of the keys"
        return f"looked {ago(self.session.clock.wall() - known.looked_at)}{part}"


def _nothing(known: Known, text: str) -> Content:
    if not known.schemas:
        fits = "".join(f"\nThis keyspace {one.sentence}." for one in known.suggestions[:3])
        return Content.assemble(
            ("--schema NAME", "bold"),
            " tells redtop what families are for and how long their keys should live; what departs from that stands "
            "here then. ",
            ("redtop schema list", "bold"),
            " names those there are.",
            fits,
        )
    if text and known.findings:
        return Content(f"no finding contains {text!r}")
    if known.findings is None:
        return Content("reading the first keys…")
    if known.looking:
        return Content("the keys are as they should be; reading what some of them hold…")
    names = ", ".join(schema.name for schema in known.schemas)
    return Content.styled(f"nothing departs from {names}", "$text-success")
