"""Nodes of different size and content, read to different extents: no partial picture leans towards any of them."""

from __future__ import annotations

import math
import random

import pytest

from tui.engine.estimate import Pages, Sample, Spread, Strata
from tui.engine.keyshape import Shaper
from tui.engine.onepass import Pass

SURVEYS = 400
PAGE = 50

Node = list[tuple[int, int]]
"""Of each page the keys, and how many of them are of the family that is looked at."""


def node(chance: random.Random, pages: int, share: float, clump: int) -> Node:
    """Pages in which keys of the family come `clump` at a time."""
    found = []
    for _ in range(pages):
        mine = sum(clump for _ in range(PAGE // clump) if chance.random() < share)
        found.append((PAGE, mine))
    return found


def survey(nodes: list[Node], read: list[int], chance: random.Random) -> tuple[float, float]:
    """What is said of the family when so many pages of each node have been read: (estimate, error)."""
    strata, spread, total = Strata(), Spread(), 0
    for number, (pages, count) in enumerate(zip(nodes, read, strict=True)):
        for keys, mine in chance.sample(pages, count):
            group = strata.add(keys, number)
            spread.add(mine, group)
            total += mine
    sample = Sample.of(strata, [sum(keys for keys, _ in pages) for pages in nodes])
    return sample.total(total, spread), sample.error(total, spread)


@pytest.mark.parametrize("clump", [1, 10])
@pytest.mark.parametrize("read", [[20, 20, 20], [200, 10, 30], [8, 60, 60], [100, 60, 5]])
def test_the_estimate_is_right_on_average_and_its_interval_as_often_as_it_says(read: list[int], clump: int) -> None:
    chance = random.Random(f"{read} {clump}")
    nodes = [node(chance, pages, share, clump) for pages, share in ((600, 0.1), (60, 0.9), (60, 0.5))]
    truth = sum(mine for pages in nodes for _, mine in pages)
    said = [survey(nodes, read, chance) for _ in range(SURVEYS)]
    mean = sum(estimate for estimate, _ in said) / SURVEYS
    assert mean == pytest.approx(truth, rel=0.03)
    assert 0.9 <= sum(abs(estimate - truth) <= error for estimate, error in said) / SURVEYS <= 0.998


def test_what_has_all_been_read_has_no_error_and_where_nothing_was_nothing_can_be_said() -> None:
    chance = random.Random(1)
    nodes = [node(chance, 40, 0.3, 1), node(chance, 10, 0.8, 1)]
    truth = sum(mine for pages in nodes for _, mine in pages)
    assert survey(nodes, [40, 10], chance) == (truth, 0.0)
    assert survey(nodes, [40, 0], chance)[1] == survey(nodes, [40, 1], chance)[1] == math.inf
    estimate, error = survey(nodes, [40, 5], chance)
    assert 0 < error < 100
    assert abs(estimate - truth) <= 2 * error


def test_one_node_is_what_it_always_was() -> None:
    strata, pages, spread = Strata(), Pages(), Spread()
    for keys, mine in node(random.Random(1), 30, 0.3, 1):
        spread.add(mine, strata.add(keys))
        pages.add(keys)
    assert strata.parts == [pages]
    assert Sample.alike(strata, 9_000) == Sample.of(strata, [9_000])


def test_a_pass_over_uneven_nodes_leans_to_none_of_them() -> None:
    """A big node read in part, and a small one read whole, which alone holds what never expires."""
    done = Pass(Shaper())
    done.dbsize = {0: 10_000, 1: 1_000}
    for start in range(0, 1_000, PAGE):
        big, small = ([b"%b:%d" % (name, start + n) for n in range(PAGE)] for name in (b"session", b"user"))
        done.take(big, [b"string"] * PAGE, [30_000] * PAGE, [80] * PAGE, 0.0, 0)
        done.take(small, [b"hash"] * PAGE, [-1] * PAGE, [200] * PAGE, 0.0, 1)
    picture = done.picture(done.sample, sized=True)
    assert {family.pattern: (family.keys, family.bytes) for family in picture.families} == {
        "session:{int}": (10_000, 800_000),
        "user:{int}": (1_000, 200_000),
    }
    assert picture.dbsize == 11_000
    assert (picture.no_ttl, picture.ttl_buckets[0]) == pytest.approx((1_000, 10_000), abs=2)
    assert picture.lifetimes.never.keys == pytest.approx(1_000, abs=2)
    whole = done.picture(done.sample.itself, sized=True)
    assert {family.keys for family in whole.families} == {1_000}
