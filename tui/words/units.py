"""Numbers as people read them: short, honest at the edges, never wider than a column was made for.

Everything takes plain numbers; None and not-a-number become a dash, and infinity becomes `∞`. Counts go by
1000 (k, M, G), sizes by 1024 (K, M, G), as Redis itself counts memory. Rounding never claims too much: `100%`
and `0%` are said of exactly all and exactly nothing, and an error is rounded up.
"""

from __future__ import annotations

import re

DASH = "–"
"""What stands for a number that is not known."""

_INFINITY = float("inf")
_THOUSANDS = "kMGTPE"
_BINARY = "KMGTPE"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_YEAR = 365 * _DAY
_CLOCK = (
    (_YEAR, "y", _DAY, "d"),
    (_DAY, "d", _HOUR, "h"),
    (_HOUR, "h", _MINUTE, "m"),
    (_MINUTE, "m", 1, "s"),
)
_SECONDS = {"s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY, "w": 7 * _DAY, "y": _YEAR}
_WRITTEN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(s(?:ec)?|m(?:in)?|h|d(?:ays?)?|w|y)?(?![a-z.])")
"""A number and its unit."""


def count(number: float | None) -> str:
    """Say how many, in at most five characters: one decimal for thousands, three digits above.

    >>> [count(n) for n in (0, 12, 999, 1000, 9_800, 12_345, 812_000, 1_240_000, 52_000_000)]
    ['0', '12', '999', '1.0k', '9.8k', '12.3k', '812k', '1.24M', '52.0M']
    >>> [count(n) for n in (999.4, 999.5, 99_949, 99_950, 999_499, 999_950, 9_994_999, 9_995_000, 2**64)]
    ['999', '1.0k', '99.9k', '100k', '999k', '1.00M', '9.99M', '10.0M', '18.4E']
    >>> [count(n) for n in (0.3, 0.7, -0.3, -1_500, -812_400)]
    ['<1', '1', '>-1', '-1.5k', '-812k']
    >>> [count(n) for n in (None, float("nan"), float("inf"), float("-inf"))]
    ['–', '–', '∞', '-∞']
    """
    if number is None or number != number:
        return DASH
    if number < 0:
        shown = count(-number)
        return ">-1" if shown == "<1" else f"-{shown}"
    if 0 < number < 0.5:
        return "<1"
    return _scaled(number, 1000, "", _THOUSANDS)


def size(octets: float | None) -> str:
    """Say how many bytes in units of 1024, in at most five characters.

    >>> [size(n) for n in (0, 512, 1024, 2_050, 38 * 2**20, 312 * 2**20, 2**30, 12.34 * 2**30, 3 * 2**40)]
    ['0B', '512B', '1.0K', '2.0K', '38.0M', '312M', '1.0G', '12.3G', '3.0T']
    >>> [size(n) for n in (1023, 1023.6, 99.94 * 1024, 99.96 * 1024, 1023.4 * 1024, 2**20 - 1)]
    ['1023B', '1.0K', '99.9K', '100K', '1023K', '1.0M']
    >>> [size(n) for n in (None, -2048, float("nan"), float("inf"))]
    ['–', '-2.0K', '–', '∞']
    """
    if octets is None or octets != octets:
        return DASH
    if octets < 0:
        return f"-{size(-octets)}"
    return _scaled(octets, 1024, "B", _BINARY)


def duration(seconds: float | None) -> str:
    """Say how long, in the largest unit and the one below it; like a clock, it does not round up.

    >>> [duration(s) for s in (0, 2, 1.5, 42, 62, 3_600, 4 * 3_600 + 61, 273_600, 400 * 86_400)]
    ['0s', '2s', '1.5s', '42s', '1m 2s', '1h', '4h 1m', '3d 4h', '1y 35d']
    >>> [duration(s) for s in (0.15, 0.0123, 0.00015, 0.0000002)]
    ['150ms', '12ms', '150µs', '<1µs']
    >>> [duration(s) for s in (0.9994, 0.9996, 9.94, 9.96, 59.4, 59.9, 3_599.9, 86_399.9, 0.0009996)]
    ['999ms', '1s', '9.9s', '10s', '59s', '59s', '59m 59s', '23h 59m', '1ms']
    >>> [duration(s) for s in (None, -90, float("nan"), float("inf"))]
    ['–', '-1m 30s', '–', '∞']
    """
    if seconds is None or seconds != seconds:
        return DASH
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds == _INFINITY:
        return "∞"
    if seconds < _MINUTE:
        return _short_duration(seconds)
    for unit, name, below, below_name in _CLOCK:
        if seconds >= unit:
            whole, rest = int(seconds // unit), int(seconds % unit // below)
            return f"{whole}{name} {rest}{below_name}" if rest else f"{whole}{name}"
    raise AssertionError("a minute and more always finds its unit")


def parse_duration(text: str) -> float:
    """Return the seconds that a person wrote, as `duration` writes them or as bare seconds.

    Raises:
        ValueError: with a sentence that says how to write it.

    >>> [parse_duration(t) for t in ("90", "90s", "1.5h", "2h 30m", "1d12h", "1w", " 3 min ")]
    [90.0, 90.0, 5400.0, 9000.0, 129600.0, 604800.0, 180.0]
    >>> parse_duration("soon")
    Traceback (most recent call last):
        ...
    ValueError: write a time like 90s, 5m, 2h 30m or 7d
    """
    parts = _WRITTEN.findall(text.lower())
    alone = len(parts) == 1 or all(unit for _, unit in parts)
    if not parts or not alone or _WRITTEN.sub("", text.lower()).strip():
        raise ValueError("write a time like 90s, 5m, 2h 30m or 7d")
    return float(sum(float(number) * _SECONDS[unit[:1] or "s"] for number, unit in parts))


def percent(fraction: float | None, decimals: int = 1) -> str:
    """Say which share, from a fraction of one.

    >>> [percent(f) for f in (0, 0.5, 0.942, 1, 1.053, 0.01)]
    ['0%', '50.0%', '94.2%', '100%', '105.3%', '1.0%']
    >>> [percent(f) for f in (0.000_001, 0.000_99, 0.001, 0.999, 0.999_4, 0.999_6, 1.000_1)]
    ['<0.1%', '<0.1%', '0.1%', '99.9%', '99.9%', '>99.9%', '>100%']
    >>> [percent(f, 0) for f in (0, 0.004, 0.126, 0.994, 0.996, 1)]
    ['0%', '<1%', '13%', '99%', '>99%', '100%']
    >>> [percent(f) for f in (None, -0.052, -0.000_1, float("nan"), float("inf"))]
    ['–', '-5.2%', '>-0.1%', '–', '∞']
    """
    if fraction is None or fraction != fraction:
        return DASH
    if fraction < 0:
        shown = percent(-fraction, decimals)
        return f">-{shown[1:]}" if shown[0] == "<" else f"-{shown}"
    if fraction in (0, 1, _INFINITY):
        return "0%" if fraction == 0 else "100%" if fraction == 1 else "∞"
    step = 10.0**-decimals
    if fraction * 100 < step * (1 - 1e-9):  # 0.001 * 100 is a hair less than 0.1
        return f"<{step:.{decimals}f}%"
    shown = f"{fraction * 100:.{decimals}f}"
    if float(shown) == 100:
        return f">{100 - step:.{decimals}f}%" if fraction < 1 else ">100%"
    return f"{shown}%"


def rate(per_second: float | None) -> str:
    """Say how many per second; slow rates keep a decimal.

    >>> [rate(r) for r in (0, 0.5, 3.4, 9.96, 118, 12_345, 1_240_000)]
    ['0/s', '0.5/s', '3.4/s', '10/s', '118/s', '12.3k/s', '1.24M/s']
    >>> [rate(r) for r in (0.02, 3, 0.999, -0.5, -0.01, -1_200)]
    ['<0.1/s', '3.0/s', '1.0/s', '-0.5/s', '>-0.1/s', '-1.2k/s']
    >>> [rate(r) for r in (None, float("nan"), float("inf"))]
    ['–', '–', '∞/s']
    """
    if per_second is None or per_second != per_second:
        return DASH
    if per_second < 0:
        shown = rate(-per_second)
        return f">-{shown[1:]}" if shown[0] == "<" else f"-{shown}"
    if 0 < per_second < 0.1:
        return "<0.1/s"
    if 0 < per_second < 9.95:
        return f"{per_second:.1f}/s"
    return f"{count(per_second)}/s"


def plus_minus(value: float | None, error: float | None) -> str:
    """Say an estimated count with its error; an exact one says no error.

    The error is rounded up to two digits, so that what is shown still covers what was measured.

    >>> plus_minus(812_000, 6_000), plus_minus(812_000, 0), plus_minus(1_240_000, 12_340)
    ('812k ±6k', '812k', '1.24M ±13k')
    >>> [plus_minus(5_000, e) for e in (0.2, 9, 99.5, 123, 994, 996, 6_010)]
    ['5.0k ±1', '5.0k ±9', '5.0k ±100', '5.0k ±130', '5.0k ±1k', '5.0k ±1k', '5.0k ±6.1k']
    >>> plus_minus(None, 5), plus_minus(812_000, None), plus_minus(12, float("inf")), plus_minus(12, -3)
    ('–', '812k ±?', '12 ±∞', '12 ±3')
    """
    if value is None or value != value or error == 0:
        return count(value)
    return f"{count(value)} ±{_error(error)}"


def size_plus_minus(octets: float | None, error: float) -> str:
    """Say an estimated size with its error, which is rounded up; an exact one says no error.

    >>> size_plus_minus(38 * 2**20, 1_300_000), size_plus_minus(2_050, 0), size_plus_minus(None, 0)
    ('38.0M ±1.3M', '2.0K', '–')
    >>> size_plus_minus(5_000, 12.5), size_plus_minus(5_000, 12_345), size_plus_minus(5_000, float("inf"))
    ('4.9K ±13B', '4.9K ±13K', '4.9K ±∞')
    """
    if octets is None or error == 0:
        return size(octets)
    unit = 1.0
    while 1024 * unit <= error < _INFINITY:
        unit *= 1024
    unit *= 0.1 if unit > 1 and error < 10 * unit else 1
    rounded = size(-(-error // unit) * unit if error < _INFINITY else error)
    return f"{size(octets)} ±{rounded.replace('.0', '')}"


def ago(seconds: float | None) -> str:
    """Say how long ago, in one unit, rounded down; what a clock set back made negative is just now.

    >>> [ago(s) for s in (0, 0.4, 2.7, 59.9, 60, 3_599, 7_300, 200_000, 400 * 86_400)]
    ['just now', 'just now', '2s ago', '59s ago', '1m ago', '59m ago', '2h ago', '2d ago', '1y ago']
    >>> [ago(s) for s in (None, -5, float("nan"), float("inf"))]
    ['–', 'just now', '–', 'never']
    """
    if seconds is None or seconds != seconds:
        return DASH
    if seconds < 1:
        return "just now"
    if seconds == _INFINITY:
        return "never"
    whole = seconds if seconds >= _MINUTE else int(seconds)
    return f"{duration(whole).split(' ')[0]} ago"


def _scaled(number: float, step: int, unit: str, prefixes: str) -> str:
    """Divide by `step` until the rounded number is below it, so that 999.95 thousand is 1.00 million."""
    if number == _INFINITY:
        return "∞"
    if round(number) < step:
        return f"{round(number)}{unit}"
    for power, prefix in enumerate(prefixes, start=1):
        scaled = number / step**power
        two_decimals = step == 1000 and power > 1 and scaled < 9.995
        decimals = 2 if two_decimals else 1 if scaled < 99.95 else 0
        if round(scaled, decimals) < step or prefix == prefixes[-1]:
            return f"{scaled:.{decimals}f}{prefix}"
    raise AssertionError("the last prefix takes whatever is left")


def _short_duration(seconds: float) -> str:
    """Say less than a minute, in the unit in which at least one digit is left."""
    if seconds == 0:
        return "0s"
    if seconds < 0.000_001:
        return "<1µs"
    if seconds < 0.000_999_5:
        return f"{seconds * 1_000_000:.0f}µs"
    if seconds < 0.999_5:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    return f"{max(10, int(seconds))}s"


def _error(error: float | None) -> str:
    """Round an error up to two digits and drop decimals that say nothing."""
    if error is None or error != error:
        return "?"
    if abs(error) == _INFINITY:
        return "∞"
    whole = max(1, _ceiling(abs(error)))
    unit = 10 ** max(0, len(str(whole)) - 2)
    whole = _ceiling(whole / unit) * unit
    shown = count(whole)
    return f"{whole / 1000 ** _power(whole):g}{shown[-1]}" if shown[-1] in _THOUSANDS else shown


def _power(whole: int) -> int:
    return min((len(str(whole)) - 1) // 3, len(_THOUSANDS))


def _ceiling(number: float) -> int:
    return -int(-number // 1)
