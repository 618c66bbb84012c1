"""What will have expired by when, what expires at once, and when the memory is full."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.expiry.outlook import Outlook, Outlooks
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.expirywords import cliff_lines, filling_sentence, forecast_chart, horizon_lines, wrapped
from widgets.chart import TimeChart, legend
from widgets.lines import Lines

CLIFFS = 3
"""Cliffs that are named at most; on a low pane fewer."""
CHART = 7
"""Rows that the curve keeps, two of them for its axis, whatever there is to say below it."""


class ExpiryForecastPane(Pane[Outlook]):
    """Numbers, the curve, cliffs, and a sentence on the memory."""

    TITLE = "Forecast"
    JUMP = "F"
    HELP = (
        "How many of the keys that are there now will have expired within a minute, ten minutes, an hour and a day, "
        "and how many bytes that frees, if nobody renews them. The curve shows the same between these times, as a "
        "share of all keys and of all bytes; time grows tenfold from part to part.\n"
        "▲ is a cliff: more than a fifth of a family expires within one minute, much closer together than its keys "
        "usually do. Whatever makes them anew will be asked for all of them at once: spread their TTLs.\n"
        "The memory's sentence goes by the last ten minutes: when maxmemory is reached at that rate, and when with "
        "what is going to expire until then, as far as that is more than what expires all the time."
    )
    COLUMN = 1
    SHARE = 16
    COLLECTOR = Outlooks
    DEFAULT_CSS = """
    ExpiryForecastPane TimeChart { height: 1fr; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._shape: Sequence[str] | None = None

    def compose(self) -> ComposeResult:
        """Numbers above the curve, words below."""
        yield Lines(id="horizons")
        chart = TimeChart()
        chart.can_focus = True
        yield chart
        yield Lines(id="words")

    def choose(self, shape: Sequence[str] | None) -> None:
        """Show one family; None shows all keys."""
        self._shape = shape
        self.watch_snapshot(self.snapshot)

    def on_resize(self) -> None:
        """Use the width there is."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: Outlook) -> None:
        """Draw all of it."""
        family = snapshot.family(self._shape)
        lifetimes = snapshot.lifetimes(self._shape)
        width, height = self.content_size
        chart = forecast_chart(lifetimes)
        self.query_one("#horizons", Lines).show_lines(horizon_lines(lifetimes, width))
        self.query_one(TimeChart).show(chart)
        self.query_one("#words", Lines).show_lines(self._words(snapshot, width, height))
        notes: list[str | tuple[str, str]] = [
            "all keys" if family is None else (self.session.secrecy.pattern(family.pattern), "bold")
        ]
        number = sum(family is None or one.family.shape == family.shape for one in snapshot.cliffs)
        if number:
            notes.append((f"▲ {number} cliff{'s' * (number != 1)}", "$text-warning"))
        self.retitle(*notes)
        below: Content = legend(chart)
        self.show_subtitle(below)

    def _words(self, snapshot: Outlook, width: int, height: int) -> list[Content]:
        """Cliffs, then the memory, as far as the curve leaves room."""
        room = max(1, height - CHART - 3)
        memory = wrapped([filling_sentence(snapshot.filling)], width)
        shape = self._shape if snapshot.family(self._shape) else None
        most = min(CLIFFS, max(0, room - len(memory)))
        cliffs = cliff_lines(snapshot.cliffs, snapshot.wall, shape, most, self.session.secrecy)
        return [*cliffs, *memory][:room]
