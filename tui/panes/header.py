"""The first line: where we are, how it stands, what we may do, what we cost."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.node import Phase
from tui.engine.session import Session
from tui.engine.status import Status, StatusWatch
from tui.panes.base import Pane
from tui.words.brand import LONGEST, Brand
from tui.words.units import count, duration, percent
from widgets.lines import Lines

_LAMPS = {
    Phase.LIVE: ("● live", "$text-success"),
    Phase.CONNECTING: ("○ connecting", "$text-warning"),
    Phase.BUSY: ("◐ busy", "$text-warning"),
    Phase.LATE: ("◐ no answer", "$text-warning"),
    Phase.LOST: ("✕ reconnecting", "$text-error"),
    Phase.REFUSED: ("✕ refused", "$text-error"),
}


class HeaderPane(Pane[Status]):
    """One line without a border."""

    TITLE = "Connection"
    LIVE_WHEN_PAUSED = True
    COLLECTOR = StatusWatch

    def __init__(self, session: Session, brand: Brand) -> None:
        super().__init__(session)
        self._brand = brand

    def compose(self) -> ComposeResult:
        """One line of text."""
        yield Lines()

    def on_resize(self) -> None:
        """Lay the line out for the new width."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: Status) -> None:
        """Draw the line for the present width."""
        self.query_one(Lines).show_lines([headline(snapshot, self._brand, self.size.width)])


LEAST_LABEL = 14
"""Cells of a place's name that are always shown; a long one gives way to how the place does."""
SHORT_WAY = 10
"""Cells for the name of the host on the way, when there is little room."""


def headline(status: Status, brand: Brand, width: int) -> Content:
    """Lay out the line: who and where on the left, how it stands next, mode and cost on the right.

    With too little room the less needed parts go: first the cost, then what the server is, then redtop's own name.
    """
    named, server, state = _place(status, brand), _server(status), _state(status)
    mode, cost = _mode(status, brand), _cost(status)
    excess = _place(status, brand, named=False).cell_length + state.cell_length + mode.cell_length + 6 - width
    place = _place(status, brand, named=False, shorter=max(0, excess))
    for left, right in (
        ([named, server, state], [mode, cost]),
        ([named, server, state], [mode]),
        ([named, state], [mode, cost]),
        ([named, state], [mode]),
        ([place, state], [mode]),
    ):
        start = Content("  ").join(part for part in left if part)
        end = Content("  ").join(right)
        gap = width - 2 - start.cell_length - end.cell_length
        if gap >= 2:
            return Content.assemble(" ", start, " " * gap, end, " ")
    excess = _place(status, brand, named=False).cell_length + _lamp(status).cell_length + 4 - width
    return Content.assemble(" ", _place(status, brand, named=False, shorter=max(0, excess)), "  ", state)


def _place(status: Status, brand: Brand, *, named: bool = True, shorter: int = 0) -> Content:
    """Lay out where we are: in full, or without redtop's name where a profile's stands, and short by so many cells."""
    label = status.state.label
    if shorter:
        keep = max(LEAST_LABEL, len(label) - shorter - 1)
        label = label if len(label) <= keep else f"{label[:keep]}…"
    who = [Content.styled(brand.name, "bold $primary")] if named or not brand.tag else []
    where = Content.assemble((label, "bold"), f" db{status.state.db}", brand.way(LONGEST if named else SHORT_WAY))
    return Content("  ").join(part for part in (*who, brand.tag, where) if part)


def _mode(status: Status, brand: Brand) -> Content:
    if status.state.refusal:
        return Content.styled("READ-ONLY", "$foreground-muted")
    return Content.styled("READ-WRITE", "bold $text-error" if brand.production else "$foreground-muted")


def _server(status: Status) -> Content:
    who = status.state.identity
    if who is None:
        return Content("")
    up = f"  up {duration(status.uptime)}" if status.uptime is not None else ""
    what = f"cluster, {status.state.nodes} nodes" if status.state.kind == "cluster" else who.role
    return Content.styled(f"{who.product} {who.version} {what}{up}", "$foreground-muted")


def _state(status: Status) -> Content:
    parts: list[str | Content | tuple[str, str]] = [_lamp(status)]
    if status.paused:
        parts.append((" ❚❚ paused", "bold $text-warning"))
    if status.interval != 1:
        parts.append((f" every {duration(status.interval)}", "$foreground-muted"))
    if status.failure is not None:
        colour = _LAMPS[status.state.worst.phase][1] if status.stale_for is not None else "$text-warning"
        parts.append((f" · {status.failure.sentence}", colour))
    return Content.assemble(*parts)


def _lamp(status: Status) -> Content:
    lamp, colour = _LAMPS[status.state.worst.phase]
    return Content.styled(f"{lamp} for {duration(status.stale_for)}" if status.stale_for else lamp, colour)


def _cost(status: Status) -> Content:
    commands, taken = status.cost.commands_per_s, status.cost.server_share
    share = "" if taken is None else f" {percent(taken)}"
    costs = "–" if commands is None else f"{count(commands)} cmd/s{share}"
    return Content.styled(f"redtop costs {costs}", "$foreground-muted")
