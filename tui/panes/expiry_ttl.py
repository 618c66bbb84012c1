"""How long keys have left, by count and by bytes: of all keys, or of one family."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from tui.engine.expiry.outlook import Outlook, Outlooks
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.words.expirywords import ttl_bars
from tui.words.units import percent, plus_minus, size_plus_minus
from widgets.histogram import Histogram
from widgets.lines import Lines


class ExpiryTtlPane(Pane[Outlook]):
    """Two histograms side by side."""

    TITLE = "TTL"
    JUMP = "T"
    HELP = (
        "Keys by the time they have left, and the bytes they take, in the same stretches of time. 'none' never expires "
        "by itself. A family with few keys and many bytes that never expires fills the memory first.\n"
        "Of all keys, or of the family that the cursor is on in the list of families."
    )
    COLUMN = 1
    SHARE = 11
    COLLECTOR = Outlooks
    DEFAULT_CSS = """
    ExpiryTtlPane Vertical { width: 1fr; height: 1fr; }
    ExpiryTtlPane #by_keys { width: 6fr; padding-right: 2; }
    ExpiryTtlPane #by_bytes { width: 5fr; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._shape: Sequence[str] | None = None

    def compose(self) -> ComposeResult:
        """Keys on the left, bytes on the right."""
        with Horizontal():
            for name in ("keys", "bytes"):
                with Vertical(id=f"by_{name}"):
                    yield Lines([Content.styled(f"{'      ' * (name == 'keys')}{name}", "$foreground-muted")])
                    yield Histogram(id=name)

    def on_mount(self) -> None:
        """Take the focus by the keys."""
        super().on_mount()
        self.query_one("#keys").can_focus = True

    def choose(self, shape: Sequence[str] | None) -> None:
        """Show one family; None shows all keys."""
        self._shape = shape
        self.watch_snapshot(self.snapshot)

    def on_resize(self) -> None:
        """Show as many stretches as there is room for."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: Outlook) -> None:
        """Draw the bars."""
        lifetimes, family = snapshot.lifetimes(self._shape), snapshot.family(self._shape)
        rows = self.content_size.height
        self.query_one("#keys", Histogram).show_bars(ttl_bars(lifetimes, rows, octets=False))
        self.query_one("#bytes", Histogram).show_bars(ttl_bars(lifetimes, rows, octets=True) if lifetimes.sized else ())
        whole, never = lifetimes.whole, lifetimes.never
        without = percent(never.keys / whole.keys, 0) if whole.keys else "–"
        notes: list[str | tuple[str, str]] = [
            "all keys" if family is None else (self.session.secrecy.pattern(family.pattern), "bold")
        ]
        notes.append(f"{without} without TTL")
        keyspace = snapshot.keyspace
        if not keyspace.complete:
            notes.append(f"{percent(keyspace.seen, 0)} seen")
        if not lifetimes.sized and keyspace.denied:
            notes.append((keyspace.denied, "$text-warning"))
        below = f"{plus_minus(whole.keys, whole.keys_error)} keys · {size_plus_minus(whole.bytes, whole.bytes_error)}"
        self.retitle(*notes, below=below)
