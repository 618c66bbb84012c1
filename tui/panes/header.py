"""The first line: where we are, how it stands, what we may do, what we cost."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.node import Phase
from tui.engine.session import Session
from tui.engine.status import Status, StatusWatch
from tui.panes.base import Pane
from tui.words.units import count, duration, percent
from widgets.lines import Lines

_LAMPS = {
    Phase.LIVE: ("● live", "$text-success"),
    Phase.CONNECTING: ("○ connecting", "$text-warning"),
    Phase.LATE: ("◐ no answer", "$text-warning"),
    Phase.LOST: ("✕ reconnecting", "$text-error"),
    Phase.REFUSED: ("✕ refused", "$text-error"),
}


class HeaderPane(Pane[Status]):
    """One line without a border."""

    TITLE = "Connection"
    LIVE_WHEN_PAUSED = True
    COLLECTOR = StatusWatch

    def __init__(self, session: Session, brand: str) -> None:
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


def headline(status: Status, name: str, width: int) -> Content:
    """Lay out the line: who and where on the left, how it stands next, mode and cost on the right.

    With too little room the less needed parts go: first the cost, then what the server is.
    """
    place, server, state = _place(status, name), _server(status), _state(status)
    mode = Content.styled("READ-ONLY" if status.state.refusal else "READ-WRITE", "$foreground-muted")
    full = [place, server, state], [mode, _cost(status)]
    for left, right in (full, (full[0], full[1][:1]), ([place, state], full[1]), ([place, state], full[1][:1])):
        start = Content("  ").join(part for part in left if part)
        end = Content("  ").join(right)
        gap = width - 2 - start.cell_length - end.cell_length
        if gap >= 2:
            return Content.assemble(" ", start, " " * gap, end, " ")
    return Content.assemble(" ", place, "  ", state)


def _place(status: Status, name: str) -> Content:
    return Content.assemble((name, "bold $primary"), "  ", (status.state.label, "bold"), f" db{status.state.db}")


def _server(status: Status) -> Content:
    who = status.state.identity
    if who is None:
        return Content("")
    up = f"  up {duration(status.uptime)}" if status.uptime is not None else ""
    nodes = f" {status.state.nodes} nodes" if status.state.nodes > 1 else ""
    return Content.styled(f"{who.product} {who.version} {who.role}{nodes}{up}", "$foreground-muted")


def _state(status: Status) -> Content:
    lamp, colour = _LAMPS[status.state.worst.phase]
    if status.stale_for:
        lamp = f"{lamp} for {duration(status.stale_for)}"
    parts: list[str | Content | tuple[str, str]] = [(lamp, colour)]
    if status.paused:
        parts.append((" ❚❚ paused", "bold $text-warning"))
    if status.interval != 1:
        parts.append((f" every {duration(status.interval)}", "$foreground-muted"))
    if status.failure is not None:
        parts.append((f" · {status.failure.sentence}", colour if status.stale_for is not None else "$text-warning"))
    return Content.assemble(*parts)


def _cost(status: Status) -> Content:
    share = "" if status.cost.server_share is None else f" {percent(status.cost.server_share)}"
    return Content.styled(f"redtop costs {count(status.cost.commands_per_s)} cmd/s{share}", "$foreground-muted")
