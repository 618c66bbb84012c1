"""Intervals that say 95 % hold the truth that often, also when keys come in clumps."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.estimate import GROUPS, Pages, Spread, error_of, variance_of

SURVEYS = 400
PAGE = 100

Amounts = list[tuple[int, list[int]]]
"""Per page: its keys, and the amount of each family in it."""


def clumped(chance: random.Random, pages: int, weights: list[float], clump: int) -> Iterator[tuple[int, list[int]]]:
    """Pages of uneven size where keys of one family come `clump` at a time, as on servers that cluster them."""
    for _ in range(pages):
        counts = [0] * len(weights)
        for family in chance.choices(range(len(weights)), weights, k=chance.randint(PAGE // 2, PAGE) // clump):
            counts[family] += chance.randint(1, 2 * clump - 1)
        yield sum(counts), counts


def error(total: int, spread: Spread, read: Pages, population: int) -> float:
    return error_of(total, variance_of(total, spread, read), read, population)


def estimate(pages: Amounts, family: int, population: int) -> tuple[float, float]:
    """What a survey of these pages says about one family: (estimate, error)."""
    read, spread = Pages(), Spread()
    for keys, amounts in pages:
        group = read.add(keys)
        if amounts[family]:
            spread.add(amounts[family], group)
    total = sum(amounts[family] for _, amounts in pages)
    return total * population / read.keys, error(total, spread, read, population)


def coverage(pages: Amounts, seen: int, family: int) -> float:
    """In which part of surveys that see pages of this keyspace by chance the interval holds the truth."""
    chance = random.Random(f"{seen} {family}")
    population = sum(keys for keys, _ in pages)
    truth = sum(amounts[family] for _, amounts in pages)
    held = 0
    for _ in range(SURVEYS):
        guess, error = estimate(chance.sample(pages, seen), family, population)
        held += abs(guess - truth) <= error
    return held / SURVEYS


@pytest.mark.parametrize("clump", [1, 5, 20])
@pytest.mark.parametrize("seen", [20, 60, 200])
@pytest.mark.parametrize("family", [0, 2])
def test_the_interval_of_a_count_holds_the_truth_as_often_as_it_says(clump: int, seen: int, family: int) -> None:
    pages = list(clumped(random.Random(clump), 300, [0.5, 0.3, 0.2], clump))
    assert 0.9 <= coverage(pages, seen, family) <= 0.99


@pytest.mark.parametrize("clump", [1, 8])
def test_the_interval_of_bytes_holds_the_truth_as_often_as_it_says(clump: int) -> None:
    chance = random.Random(clump)
    pages = [
        (keys, [round(sum(chance.lognormvariate(5, 1) for _ in range(count))) for count in counts])
        for keys, counts in clumped(chance, 300, [0.6, 0.4], clump)
    ]
    assert 0.9 <= coverage(pages, 60, 0) <= 0.99


def test_the_interval_of_a_rare_family_holds_the_truth_as_often_as_it_says() -> None:
    pages = list(clumped(random.Random(4), 300, [0.99, 0.01], 1))
    assert coverage(pages, 60, 1) >= 0.9


def test_what_has_all_been_read_has_no_error() -> None:
    pages = list(clumped(random.Random(1), 50, [0.5, 0.5], 5))
    population = sum(keys for keys, _ in pages)
    assert estimate(pages, 0, population)[1] == 0
    assert estimate(pages, 0, population - 5)[1] == 0, "keys were deleted meanwhile"


def test_nothing_can_be_said_from_one_page() -> None:
    pages = list(clumped(random.Random(1), 1, [0.5, 0.5], 5))
    assert estimate(pages, 0, 10_000)[1] == math.inf


def test_the_error_shrinks_with_what_is_read_and_grows_with_what_is_not() -> None:
    pages = list(clumped(random.Random(1), 1000, [0.5, 0.5], 5))
    population = sum(keys for keys, _ in pages)
    errors = [estimate(pages[:seen], 0, population)[1] for seen in (4, 32, 128, 512, 992)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 20
    assert estimate(pages[:32], 0, 2 * population)[1] > errors[1]


def test_keys_that_come_in_clumps_have_a_wider_interval() -> None:
    def width(clump: int) -> float:
        pages = list(clumped(random.Random(1), 200, [0.5, 0.5], clump))
        return estimate(pages, 0, 100_000)[1]

    assert width(20) > 2 * width(1)


@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=2, max_size=3 * GROUPS))
def test_families_that_turn_out_to_be_one_have_the_error_of_one(pages: list[list[int]]) -> None:
    """The very thing that sums of squares per family get wrong: they forget that the parts vary together."""
    read, parts, whole = Pages(), [Spread(), Spread()], Spread()
    for first, second, other in pages:
        group = read.add(first + second + other)
        parts[0].add(first, group)
        parts[1].add(second, group)
        whole.add(first + second, group)
    if not read.keys:
        return
    total = sum(first + second for first, second, _ in pages)
    parts[0].absorb(parts[1])
    for population in (read.keys, 2 * read.keys, 100_000):
        assert error(total, parts[0], read, population) == error(total, whole, read, population)
