"""The tree adds up: what stands at a branch is the sum of what hangs from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Family
from tui.engine.namespaces import ORDERS, Branch, tree
from tui.engine.printable import printable


def family(
    pattern: str,
    keys: int = 10,
    *,
    error: float = 0.0,
    size: int | None = 1000,
    types: Sequence[tuple[str, float]] = (("string", 1.0),),
    no_ttl: float = 1.0,
    ttl_mean: float | None = None,
    ttl_max: float | None = None,
    delimiter: str = ":",
) -> Family:
    shape = (delimiter, *pattern.split(delimiter))
    return Family(shape, keys, error, size, error, tuple(types), no_ttl, ttl_mean, ttl_max)


def everything(branches: Sequence[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from everything(branch.children)


def drawn(branches: Sequence[Branch], indent: str = "") -> list[str]:
    return [line for branch in branches for line in [indent + branch.label, *drawn(branch.children, indent + "  ")]]


def test_families_hang_from_the_parts_they_share() -> None:
    branches = tree(
        [
            family("user:{int}:profile", 50),
            family("user:{int}:cart", 40),
            family("user:list", 1),
            family("jobs", 5),
        ]
    )
    assert drawn(branches) == ["user:", "  {int}:", "    profile", "    cart", "  list", "jobs"]
    assert [branch.families for branch in everything(branches)] == [3, 2, 1, 1, 1, 1]
    assert branches[0].children[0].children[1].pattern == "user:{int}:cart"


def test_a_branch_with_a_single_child_is_one_line_with_it() -> None:
    assert drawn(tree([family("a:b:c:{int}")])) == ["a:b:c:{int}"]
    assert drawn(tree([family("a:b:c:{int}", 9), family("a:b:c:{hex}", 8)])) == ["a:b:c:", "  {int}", "  {hex}"]
    assert drawn(tree([family("a:b:x:1", 9), family("a:b:y:2", 8)])) == ["a:b:", "  x:1", "  y:2"]


def test_a_family_beside_longer_ones_that_begin_with_it_is_a_line_of_its_own() -> None:
    branches = tree([family("session:{hex}", 9), family("session:{hex}:cart", 5), family("session", 1)])
    assert drawn(branches) == ["session:", "  {hex}", "  {hex}:cart", "session"]


def test_families_of_different_delimiters_do_not_mix() -> None:
    branches = tree(
        [family("a:b", 9), family("a:c", 8), family("a/b", 7, delimiter="/"), family("a/c", 6, delimiter="/")]
    )
    assert drawn(branches) == ["a:", "  b", "  c", "a/", "  b", "  c"]


def test_families_that_read_alike_are_one_line() -> None:
    branches = tree([family("{ip}", 9), family("{ip}", 5, delimiter=".")])
    assert [(branch.label, branch.keys, branch.families) for branch in branches] == [("{ip}", 14, 2)]


def test_no_families_make_no_tree() -> None:
    assert tree([]) == ()


def test_errors_combine_as_those_of_independent_estimates() -> None:
    (branch,) = tree([family("a:b", error=3.0), family("a:c", error=4.0)])
    assert (branch.keys_error, branch.bytes_error) == (5.0, 5.0)
    (branch,) = tree([family("a:b", error=3.0), family("a:c", error=math.inf)])
    assert branch.keys_error == math.inf


def test_types_and_ttls_are_weighed_by_the_keys_that_have_them() -> None:
    (branch,) = tree(
        [
            family("a:b", 30, types=[("string", 1.0)], no_ttl=0.0, ttl_mean=60.0, ttl_max=90.0),
            family("a:c", 10, types=[("hash", 0.5), ("string", 0.5)], no_ttl=0.5, ttl_mean=200.0, ttl_max=300.0),
            family("a:d", 10, types=[("set", 1.0)], no_ttl=1.0),
        ]
    )
    assert [name for name, _ in branch.types] == ["string", "set", "hash"]
    assert [share for _, share in branch.types] == pytest.approx([0.7, 0.2, 0.1])
    assert branch.no_ttl == pytest.approx(0.3)
    assert branch.ttl_mean == pytest.approx((30 * 60 + 5 * 200) / 35)
    assert branch.ttl_max == 300.0


def test_bytes_that_are_not_known_of_one_are_not_known_of_the_sum() -> None:
    (branch,) = tree([family("a:b", size=None), family("a:c")])
    assert branch.bytes is None
    assert branch.keys == 20


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("keys", ["b", "c", "a"]),
        ("bytes", ["a", "b", "c"]),
        ("no TTL", ["c", "a", "b"]),
        ("family", ["a", "b", "c"]),
    ],
)
def test_siblings_are_sorted_at_every_level(order: str, expected: list[str]) -> None:
    members = [
        family("r:b", 90, size=500, no_ttl=0.0, ttl_mean=1.0),
        family("r:a", 10, size=900, no_ttl=0.5, ttl_mean=1.0),
        family("r:c", 50, size=100, no_ttl=1.0),
    ]
    (root,) = tree(members, order)
    assert [branch.label for branch in root.children] == expected
    roots = tree([family(one.pattern[2:], one.keys, size=one.bytes, no_ttl=one.no_ttl) for one in members], order)
    assert [branch.label for branch in roots] == expected


KEYS = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.lists(st.sampled_from([b"a", b"b", b"7", b"10.0.0.1", b":", b"/", b".", b"x@y.z"]), max_size=8).map(
            b"".join
        ),
    ),
    max_size=40,
)
COUNTS = st.lists(st.integers(0, 10**6), min_size=40, max_size=40)


def families_of(keys: Sequence[bytes], counts: Sequence[int]) -> list[Family]:
    shapes = sorted({Shaper().shape_of(key) for key in keys})
    return [
        Family(tuple(map(printable, shape)), count, 1.0, 2 * count, 1.0, (("string", 1.0),), 0.5, 60.0, 90.0)
        for shape, count in zip(shapes, counts, strict=False)
    ]


@given(KEYS, COUNTS, st.sampled_from(list(ORDERS)))
def test_every_level_is_the_sum_of_the_next(keys: list[bytes], counts: list[int], order: str) -> None:
    families = families_of(keys, counts)
    branches = tree(families, order)
    assert sum(branch.keys for branch in branches) == sum(one.keys for one in families)
    assert sum(branch.families for branch in branches) == len(families)
    for branch in everything(branches):
        if branch.children:
            assert len(branch.children) > 1, "a single child is drawn as one line with its parent"
            assert branch.keys == sum(child.keys for child in branch.children)
            assert branch.bytes == sum(child.bytes or 0 for child in branch.children)
            assert branch.families == sum(child.families for child in branch.children)
            assert all(child.path[: len(branch.path)] == branch.path for child in branch.children)
            assert all(child.pattern == branch.pattern + child.label for child in branch.children)
        assert branch.no_ttl == pytest.approx(0.5 if branch.keys else 0.0)


@given(KEYS, COUNTS, st.randoms())
def test_a_branch_keeps_its_path_while_numbers_and_order_change(
    keys: list[bytes], counts: list[int], chance: Random
) -> None:
    before = everything(tree(families_of(keys, counts)))
    chance.shuffle(counts)
    after = everything(tree(families_of(keys, counts), "family"))
    assert {branch.path for branch in before} == {branch.path for branch in after}
    paths = [branch.path for branch in everything(tree(families_of(keys, counts)))]
    assert len(paths) == len(set(paths))
