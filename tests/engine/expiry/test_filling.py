"""When the memory is full: at this rate, with what expires, and not at all."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tui.engine.expiry.filling import FAR, State, filling_of, reached, trend_of
from tui.engine.expiry.lifetimes import BOUNDS_MS, BUCKETS, Lifetimes
from tui.engine.vitals import Sample

MB = 1 << 20


def samples(
    used: Callable[[int], float], seconds: int = 300, limit: int = 1000 * MB, expired: float = 0.0
) -> list[Sample]:
    return [
        Sample(float(second), used=int(used(second)), maxmemory=limit, expired_per_s=expired)
        for second in range(seconds)
    ]


def expiring(seconds: float, octets: int, keys: int = 100) -> Lifetimes:
    """Keys that all expire just before that time."""
    counts, sizes = [0] * BUCKETS, [0] * BUCKETS
    bucket = next(at for at, bound in enumerate(BOUNDS_MS) if bound >= 1000 * seconds)
    counts[bucket], sizes[bucket] = keys, octets
    return Lifetimes(keys=counts, bytes=sizes)


def test_at_an_even_rate_the_time_is_what_is_left_by_the_rate() -> None:
    filling = filling_of(samples(lambda second: 400 * MB + second * MB), None)
    assert filling.state is State.FILLING
    assert filling.full_in == pytest.approx((1000 - 699) / 1, rel=0.01)
    assert filling.earliest == pytest.approx(filling.full_in)
    assert filling.spared == filling.full_in


def test_noise_widens_the_interval_and_keeps_the_truth_in_it() -> None:
    held = 0
    for seed in range(100):
        chance = random.Random(seed)
        noise = [chance.gauss(0, 20 * MB) for _ in range(300)]
        filling = filling_of(samples(lambda second: 400 * MB + second * MB + noise[second]), None)  # noqa: B023 - at once
        assert filling.trend is not None
        held += filling.trend.low <= 1 * MB <= filling.trend.high
        assert 0 < filling.trend.high - filling.trend.low < 0.5 * MB
    assert held >= 90


def test_a_peak_that_is_over_bends_nothing() -> None:
    filling = filling_of(samples(lambda second: 400 * MB + second * MB + 300 * MB * (100 < second < 120)), None)
    assert filling.trend is not None
    assert filling.trend.per_s == pytest.approx(MB, rel=0.02)


def test_without_a_trend_nothing_is_foretold() -> None:
    chance = random.Random(4)
    assert filling_of(samples(lambda _: 400 * MB + chance.gauss(0, MB)), None).state is State.STEADY
    assert filling_of(samples(lambda second: 400 * MB - second * MB / 2), None).state is State.SHRINKING
    assert filling_of(samples(lambda _: 400 * MB, 10), None).state is State.COLLECTING
    assert filling_of(samples(lambda _: 995 * MB), None).state is State.FULL
    assert filling_of(samples(lambda second: second * MB, limit=0), None).state is State.UNLIMITED
    assert filling_of([], None).state is State.UNKNOWN
    assert filling_of([Sample(1.0)], None).state is State.UNKNOWN


def test_a_gap_at_the_end_leaves_the_last_that_is_known() -> None:
    known = samples(lambda second: 400 * MB + second * MB)
    assert filling_of([*known, Sample(300.0), Sample(301.0)], None).state is State.FILLING


def test_only_the_last_minutes_count() -> None:
    filling = filling_of(
        samples(
            lambda second: 900 * MB - second * MB / 10 if second < 1200 else 780 * MB + (second - 1200) * MB / 10, 1801
        ),
        None,
    )
    assert filling.state is State.FILLING


def test_what_expires_before_gives_time() -> None:
    growing = samples(lambda second: 400 * MB + second * MB)  # 301 s left
    before = filling_of(growing, expiring(200, 100 * MB))
    assert before.full_in == pytest.approx(301, rel=0.01)
    assert before.spared == pytest.approx(401, rel=0.01)
    assert before.freed == pytest.approx(100 * MB)
    after = filling_of(growing, expiring(3600, 100 * MB))
    assert after.spared == pytest.approx(301, rel=0.05)
    assert after.freed == pytest.approx(0, abs=MB)


def test_what_expires_all_the_time_is_in_the_rate_already() -> None:
    """Ten keys of a megabyte expire per second, and so they did while the rate was measured."""
    keys = [0] * BUCKETS
    for at, bound in enumerate(BOUNDS_MS):
        if bound <= 600_000:
            keys[at] = round((bound - (BOUNDS_MS[at - 1] if at else 0)) / 100)
    even = Lifetimes(keys=keys, bytes=[count * MB for count in keys])
    filling = filling_of(samples(lambda second: 400 * MB + second * MB, expired=10.0), even)
    assert filling.spared == pytest.approx(301, rel=0.02)


def test_much_that_expires_puts_it_off_for_long() -> None:
    filling = filling_of(samples(lambda second: 400 * MB + second * 10_000.0), expiring(60, 399 * MB))
    assert filling.full_in is not None
    assert filling.spared is not None
    assert filling.spared / filling.full_in == pytest.approx(999 / 600, rel=0.02)
    far = filling_of(samples(lambda second: 400 * MB + second * 1.0, 600), None)
    assert far.full_in is None, "in nineteen years"
    assert far.state is State.FILLING


def test_a_server_that_tells_no_sizes_gets_the_plain_forecast() -> None:
    filling = filling_of(samples(lambda second: 400 * MB + second * MB), Lifetimes(sized=False))
    assert filling.spared == filling.full_in


def test_the_first_moment_at_which_it_is_full_counts() -> None:
    assert reached(100.0, 1.0, lambda _: 0.0) == 100.0
    assert reached(100.0, 1.0, lambda seconds: 500.0 if seconds >= 101 else 0.0) == 100.0
    assert reached(1.0, 1e-9, lambda _: 0.0) is None
    assert reached(10.0, 1.0, lambda seconds: 2 * seconds) is None
    assert FAR > 1e7


def test_a_trend_needs_time_and_points() -> None:
    assert trend_of([]) is None
    assert trend_of([(0.0, 1.0), (100.0, 2.0)]) is None
    assert trend_of([(float(second), 1.0) for second in range(10)]) is None
    steady = trend_of([(float(second), 5.0) for second in range(100)])
    assert steady is not None
    assert (steady.per_s, steady.low, steady.high) == (0, 0, 0)
    assert not math.isnan(steady.per_s)
