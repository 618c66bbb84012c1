"""Cliffs: found where keys expire at once, and nowhere else."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from tui.engine.expiry.cliffs import Cliff, ExpirySample, cliffs_of
from tui.engine.keyshape import Shaper

NOW = 1_000_000.0


def found(times: list[float], *, whole: bool = True) -> list[Cliff]:
    return list(cliffs_of(times, NOW, whole=whole))


def even(count: int, lifetime: float, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [NOW + chance.uniform(0, lifetime) for _ in range(count)]


def at_once(count: int, when: float, within: float = 5.0, seed: int = 2) -> list[float]:
    chance = random.Random(seed)
    return [NOW + when + chance.uniform(0, within) for _ in range(count)]


@pytest.mark.parametrize("lifetime", [20, 60, 90, 200, 300, 600, 3600, 86_400])
@pytest.mark.parametrize("count", [25, 100, 1000, 10_000])
@pytest.mark.parametrize("whole", [True, False])
def test_keys_that_come_evenly_are_no_cliff(lifetime: float, count: int, whole: bool) -> None:
    for seed in range(10):
        assert found(even(count, lifetime, seed), whole=whole) == []


def test_a_few_keys_that_live_much_longer_make_no_cliff_of_the_others() -> None:
    for seed in range(20):
        assert found([*even(2700, 300, seed), *even(3, 86_400, seed)], whole=False) == []
        assert found([*even(300, 250, seed), *even(15, 86_400, seed)]) == []


def test_what_a_job_of_a_minute_has_made_is_a_cliff() -> None:
    (cliff,) = found([*even(100, 86_400), *at_once(900, 3000, within=59)])
    assert cliff.share > 0.85
    assert 50 < cliff.seconds <= 60


@pytest.mark.parametrize("lifetime", [45, 300, 3600, 86_400])
def test_keys_made_at_once_are_a_cliff(lifetime: float) -> None:
    (cliff,) = found(at_once(500, lifetime - 5))
    assert (cliff.share, cliff.error) == (1.0, 0.0)
    assert 0 <= cliff.at - NOW - (lifetime - 5) < 0.2
    assert cliff.seconds <= 5


def test_more_than_a_fifth_is_a_cliff_and_less_is_none() -> None:
    (cliff,) = found(even(700, 86_400) + at_once(300, 3000))
    assert cliff.share == pytest.approx(0.3, abs=0.01)
    assert found(even(820, 86_400) + at_once(180, 3000)) == []


def test_keys_that_never_expire_count_as_part_of_the_family() -> None:
    assert found([math.inf] * 820 + at_once(180, 3000)) == []
    (cliff,) = found([math.inf] * 700 + at_once(300, 3000))
    assert cliff.share == 0.3


def test_several_cliffs_are_told_apart() -> None:
    cliffs = found(even(300, 86_400) + at_once(400, 3000) + at_once(300, 9000))
    assert [round(cliff.share, 1) for cliff in cliffs] == [0.4, 0.3]
    assert [round((cliff.at - NOW) / 1000) for cliff in cliffs] == [3, 9]


def test_a_few_keys_are_none_and_what_is_over_is_none() -> None:
    assert found(at_once(19, 3000)) == []
    assert found(at_once(500, -100)) == []
    assert found([]) == []


def test_of_a_sample_only_what_is_certain_is_said() -> None:
    assert found(even(77, 86_400) + at_once(23, 3000), whole=False) == []
    (cliff,) = found(even(500, 86_400) + at_once(500, 3000), whole=False)
    assert 0.02 < cliff.error < 0.05
    assert abs(cliff.share - 0.5) <= cliff.error


def test_a_sample_is_fair_whole_as_long_as_it_can_be_and_bounded() -> None:
    shaper, kept = Shaper(), Counter[float]()
    for seed in range(400):
        sample = ExpirySample(random.Random(seed), 50)
        for start in range(0, 1000, 40):
            page = [b"k:%d" % number for number in range(start, start + 40)]
            sample.take(page, [1000 * number for number in range(start, start + 40)], shaper, 0.0)
            assert sample.is_whole == (start + 40 <= 50)
        assert len(sample.rows) == 50
        assert sample.keys == 1000
        kept.update(at for _, at in sample.rows)
    # 400 * 50 / 1000 = 20 times each, with a standard deviation of 4.4.
    early, late = sum(kept[float(n)] for n in range(100)), sum(kept[float(n)] for n in range(900, 1000))
    assert 2000 - 220 < early < 2000 + 220
    assert 2000 - 220 < late < 2000 + 220
    assert max(kept.values()) < 20 + 5 * 4.4
