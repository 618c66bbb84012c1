"""How long keys have left: how many in each stretch of time, and which go next."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from tui.engine.expiry.expiring import Expiries, Expiring
from tui.engine.keyspace import Family, Keyspace
from tui.engine.secrecy import Secrecy
from tui.panes.base import Pane
from tui.words.units import count, duration, percent
from widgets.histogram import Bar, Histogram
from widgets.lines import Lines

BUCKETS = ("< 1m", "< 10m", "< 1h", "< 1d", "< 7d", "≥ 7d")
"""Names of the buckets of `families.TTL_BOUNDS_MS`."""
KEY_MOST = 300
"""Bytes of a key that a line shows."""
LEAK = 0.5
"""A family of which less than this share has no TTL, but some have none, is more likely leaking than meant so."""


class TtlPane(Pane[Expiring]):
    """Bars of remaining TTL, then the keys that expire next, then families that seem to leak."""

    TITLE = "TTL"
    JUMP = "T"
    HELP = (
        "Keys by the time they have left. 'none' never expires by itself.\n"
        "next: the keys that expire soonest, looked at again at every refresh, as sessions get renewed.\n"
        "A warning names families where most keys have a TTL and some have none: those stay for ever."
    )
    COLUMN = 1
    SHARE = 5
    COLLECTOR = Expiries

    def compose(self) -> ComposeResult:
        """Bars, and lines below."""
        bars = Histogram()
        bars.can_focus = True
        yield bars
        yield Lines()

    def show(self, snapshot: Expiring) -> None:
        """Draw bars and lines."""
        keyspace = snapshot.keyspace
        self.query_one(Histogram).show_bars(ttl_bars(keyspace))
        room = max(0, self.content_size.height - len(BUCKETS) - 1)
        secrecy = self.session.secrecy
        self.query_one(Lines).show_lines([*_leaks(keyspace, secrecy)[:2], *_next(snapshot, secrecy)][:room])
        total = keyspace.no_ttl + sum(keyspace.ttl_buckets)
        without = percent(keyspace.no_ttl / total, 0) if total else "–"
        notes = [f"{without} without TTL"]
        if not keyspace.complete:
            notes.append(f"{percent(keyspace.seen, 0)} seen")
        self.retitle(*notes)


def ttl_bars(keyspace: Keyspace) -> list[Bar]:
    """One bar for keys without TTL and one for each bucket."""
    total = keyspace.no_ttl + sum(keyspace.ttl_buckets)

    def text(keys: int) -> Content:
        return Content(f"{count(keys):>5} {percent(keys / total, 0) if total else '–':>4}")

    bars = [Bar(Content("none"), keyspace.no_ttl, text(keyspace.no_ttl), "muted")]
    for name, keys in zip(BUCKETS, keyspace.ttl_buckets, strict=True):
        bars.append(Bar(Content(f"{name:<5}"), keys, text(keys), "primary"))
    return bars


def _next(snapshot: Expiring, secrecy: Secrecy) -> list[Content]:
    return [
        Content.assemble(
            ("      " if number else "next  ", "$foreground-muted"),
            f"{_left(soon.at - snapshot.wall):>6}  ",
            secrecy.shown(soon.key, KEY_MOST),
        )
        for number, soon in enumerate(snapshot.soonest)
    ]


def _left(seconds: float) -> str:
    return "<1s" if seconds < 1 else duration(int(seconds))


def _leaks(keyspace: Keyspace, secrecy: Secrecy) -> list[Content]:
    leaking = [family for family in keyspace.families if 0 < family.no_ttl < LEAK and family.keys >= 2]
    leaking.sort(key=lambda family: -family.no_ttl * family.keys)
    return [_leak(family, secrecy.pattern(family.pattern)) for family in leaking]


def _leak(family: Family, pattern: str) -> Content:
    return Content.assemble(
        ("▲ ", "$text-warning"), pattern, (f" {percent(family.no_ttl, 0)} without TTL", "$text-warning")
    )
