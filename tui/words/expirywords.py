"""What lies ahead, in words and numbers: plain values in, lines, bars and curves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from textual.content import Content

from tui.engine.expiry.filling import Filling, State
from tui.engine.expiry.lifetimes import BOUNDS_MS, HORIZONS, Amount, Lifetimes
from tui.engine.expiry.outlook import FamilyCliff
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.words.units import duration, percent, plus_minus, size, size_plus_minus
from widgets.chart import ChartData, Series
from widgets.histogram import Bar
from widgets.roles import Role

_FEW = (60, 600, 3600, 86_400, 604_800)
_MANY = (10, 60, 300, 600, 1800, 3600, 21_600, 86_400, 172_800, 604_800, 2_592_000)
"""Upper ends of the stretches of time that have a bar, where there is room for many."""
MUCH_ROOM = len(_MANY) + 3
"""Rows from which there is."""
SOONEST = 1.0
"""Seconds at the left end of the curve: nearer than that nobody can act."""
NUMBERS = 12
"""Cells of an amount with its error: `12.3k ±1.2k`."""
NAMES = {60.0: "1m", 600.0: "10m", 3600.0: "1h", 86_400.0: "1d"}


def ttl_bars(lifetimes: Lifetimes, rows: int, *, octets: bool) -> list[Bar]:
    """One bar for what never expires and one for each stretch of time; by bytes, or by keys."""
    ends = _MANY if rows >= MUCH_ROOM else _FEW
    whole = lifetimes.whole
    parts = [("none", lifetimes.never), (f"< {_short(ends[0])}", lifetimes.within(ends[0]))]
    parts += [(f"< {_short(end)}", lifetimes.between(start, end)) for start, end in pairwise(ends)]
    parts.append((f"≥ {_short(ends[-1])}", lifetimes.between(ends[-1], math.inf)))
    return [_bar(name, amount, whole, octets=octets) for name, amount in parts]


def _bar(name: str, amount: Amount, whole: Amount, *, octets: bool) -> Bar:
    value, total = (amount.bytes or 0.0, whole.bytes or 0.0) if octets else (amount.keys, whole.keys)
    share = percent(value / total, 0) if total else "–"
    said = _bytes(amount) if octets else plus_minus(amount.keys, amount.keys_error)
    label = Content("" if octets else f"{name:<5}")
    role: Role = "muted" if name == "none" else "accent" if octets else "primary"
    return Bar(label, value, Content(f"{said} {share:>4}"), role)


def _bytes(amount: Amount) -> str:
    return f"{'≥' * amount.bytes_at_least}{size_plus_minus(amount.bytes, amount.bytes_error)}"


def _short(seconds: float) -> str:
    return duration(seconds).split(" ")[0]


def horizon_lines(lifetimes: Lifetimes, width: int) -> list[Content]:
    """How much expires within a minute, ten, an hour, a day: a small table."""
    amounts = [lifetimes.within(seconds) for seconds in HORIZONS]
    cells = min(NUMBERS, (width - 6) // len(HORIZONS) - 1)
    rows = (
        ("within", [NAMES[seconds] for seconds in HORIZONS], "$foreground-muted"),
        ("keys", [_fitting(plus_minus(one.keys, one.keys_error), cells) for one in amounts], ""),
        ("bytes", [_fitting(_bytes(one), cells) for one in amounts], ""),
    )
    return [
        Content.assemble((f"{name:<6}", "$foreground-muted"), *((f" {text:>{cells}}", style) for text in texts))
        for name, texts, style in rows
    ]


def _fitting(text: str, cells: int) -> str:
    """Leave the error away where there is no room for it."""
    return text if len(text) <= cells else text.partition(" ")[0]


def forecast_chart(lifetimes: Lifetimes) -> ChartData:
    """Draw how much of the keys and of the bytes will have expired by when; time grows tenfold from part to part."""
    times = [bound / 1000 for bound in BOUNDS_MS if SOONEST <= bound / 1000 <= HORIZONS[-1]]
    whole, amounts = lifetimes.whole, [lifetimes.within(seconds) for seconds in times]
    places = [math.log10(seconds / SOONEST) for seconds in times]
    keys = [100 * one.keys / whole.keys if whole.keys else 0.0 for one in amounts]
    series = [Series("keys", list(zip(places, keys, strict=True)), "primary", f"{keys[-1]:.0f}%")]
    if whole.bytes:
        octets = [100 * (one.bytes or 0.0) / whole.bytes for one in amounts]
        series.append(Series("bytes", list(zip(places, octets, strict=True)), "accent", f"{octets[-1]:.0f}%"))
    return ChartData(
        series=tuple(series),
        limits=(),
        now=places[-1],
        span=places[-1],
        top=100.0,
        ticks=((0, "0%"), (50, "50%"), (100, "100%")),
        places=tuple((math.log10(seconds / SOONEST), _short(seconds)) for seconds in (1, 10, *HORIZONS)),
    )


def cliff_lines(
    cliffs: Sequence[FamilyCliff],
    now: float,
    shape: Sequence[str] | None,
    most: int,
    secrecy: Secrecy = NOTHING_SECRET,
) -> list[Content]:
    """Call out what expires at once, the next first; of one family, or of all."""
    shown = [one for one in cliffs if shape is None or one.family.shape == shape]
    lines = [_cliff_line(one, now, secrecy) for one in shown[: most if len(shown) <= most else most - 1]]
    if len(shown) > len(lines) and most > 0:
        lines.append(Content.styled(f"▲ and {len(shown) - len(lines)} more cliffs", "$text-warning"))
    return lines


def _cliff_line(one: FamilyCliff, now: float, secrecy: Secrecy) -> Content:
    within = "at once" if one.cliff.seconds < 1 else f"within {duration(max(1, round(one.cliff.seconds)))}"
    keys = plus_minus(round(one.keys), one.keys_error)
    return Content.assemble(
        ("▲ ", "$text-warning"),
        (f"in {duration(max(0, int(one.cliff.at - now)))} ", "bold $text-warning"),
        (f"{keys} keys {within}: {percent(one.cliff.share, 0)} of ", "$text-warning"),
        secrecy.pattern(one.family.pattern),
    )


def filling_sentence(filling: Filling) -> Content:
    """Say when the memory is full."""
    used, limit = size(filling.used), size(filling.limit)
    match filling.state:
        case State.UNKNOWN:
            return _muted("memory: the server does not tell how it fills")
        case State.UNLIMITED:
            return _muted(f"memory: {used}, and no maxmemory: it takes what the machine has{_rate(filling)}")
        case State.COLLECTING:
            return _muted(f"memory: {used} of {limit}; watching how it fills…")
        case State.FULL:
            said = f"memory: maxmemory {limit} is reached: the server evicts keys, or refuses writes, by its policy"
            return Content.styled(said, "$text-error")
        case State.STEADY:
            over = _short(filling.trend.seconds) if filling.trend else ""
            return _muted(f"memory: {used} of {limit}, no clear trend in the last {over}")
        case State.SHRINKING:
            return _muted(f"memory: {used} of {limit}, and shrinking{_rate(filling)}")
        case State.FILLING:
            return _full_sentence(filling)


def _full_sentence(filling: Filling) -> Content:
    if filling.full_in is None:
        return _muted(
            f"memory: {size(filling.used)} of {size(filling.limit)}, full in more than a year{_rate(filling)}"
        )
    latest = duration(_whole(filling.latest)) if filling.latest is not None else "never"
    between = (
        "" if latest == duration(_whole(filling.earliest)) else f", {duration(_whole(filling.earliest))} to {latest}"
    )
    style = "bold $text-warning" if filling.full_in < HORIZONS[-1] else "bold"
    return Content.assemble(
        f"memory:{_rate(filling, ' ')} and full in ",
        (duration(_whole(filling.full_in)), style),
        (between, "$foreground-muted"),
        f" (maxmemory {size(filling.limit)}); ",
        *_spared(filling),
    )


def _spared(filling: Filling) -> list[str | tuple[str, str]]:
    assert filling.full_in is not None
    if filling.spared is None:
        return [f"with the expiries to come, which free {size(filling.freed)}, not within a year"]
    if filling.spared < 1.02 * filling.full_in + 1:
        return ["the expiries to come change little"]
    return [
        "with the expiries to come in ",
        (duration(_whole(filling.spared)), "bold"),
        f" ({size(filling.freed)} freed)",
    ]


def _rate(filling: Filling, before: str = ", ") -> str:
    if filling.trend is None or filling.trend.low <= 0 <= filling.trend.high:
        return ""
    sign = "+" if filling.trend.per_s > 0 else ""
    return f"{before}{sign}{size(filling.trend.per_s)}/s"


def _whole(seconds: float | None) -> float | None:
    return None if seconds is None else float(round(seconds))


def _muted(text: str) -> Content:
    return Content.styled(text, "$foreground-muted")


def wrapped(lines: Sequence[Content], width: int) -> list[Content]:
    """Break lines at words."""
    return [part for line in lines for part in line.wrap(max(10, width))]
