"""Bars, sparks and meters as plain text, always of the asked width."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = "▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉"


def spark(values: Sequence[float | None], width: int, top: float | None = None, gap: str = " ") -> str:
    """One row of the newest `width` values, the newest at the right, padded on the left.

    The scale starts at 0 and ends at `top` (the largest value shown when not given), so that small wobbles
    look small. Unknown values show as `gap`.

    >>> spark([0, 1, 2, None, 8], 5)
    '▁▁▂ █'
    >>> spark([5, 5], 4, top=10)
    '  ▄▄'
    >>> spark([], 3)
    '   '
    """
    shown = values[-width:] if width > 0 else ()
    highest = top if top is not None else max((value for value in shown if value is not None), default=0.0)
    return "".join(gap if value is None else _level(value, highest) for value in shown).rjust(max(0, width))


def _level(value: float, top: float) -> str:
    if top <= 0 or value != value:  # NaN is the one value that differs from itself
        return LEVELS[0]
    share = min(1.0, max(0.0, value / top))
    return LEVELS[min(len(LEVELS) - 1, max(0, round(share * len(LEVELS)) - 1))]


def bar(fraction: float, width: int) -> str:
    """A horizontal bar in eighths of a cell, padded to `width`. Anything above nothing is visible.

    >>> bar(0.5, 4)
    '██  '
    >>> bar(0.3, 3)
    '▉  '
    >>> bar(0.0001, 3)
    '▏  '
    >>> bar(7, 2)
    '██'
    """
    width = max(0, width)
    if not fraction > 0:
        return " " * width
    eighths = max(1, min(width * 8, round(fraction * width * 8) if fraction < 1 else width * 8))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)[:width]


def meter(fraction: float, width: int) -> str:
    """A bar on a visible track, in whole cells, for a limited quantity such as memory.

    >>> meter(0.5, 6)
    '▆▆▆░░░'
    >>> meter(0.01, 6)
    '▆░░░░░'
    """
    width = max(0, width)
    filled = 0 if not fraction > 0 else min(width, max(1, round(min(1.0, fraction) * width)))
    return "▆" * filled + "░" * (width - filled)
