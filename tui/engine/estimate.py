"""From a part of the keyspace to the whole: estimates whose error is honest.

SCAN walks the hash table in the order of hashes, so what has been seen is close to a random sample; but keys come in
pages, and on some servers similar keys cluster in a page. So the error is not taken from a textbook formula for single
keys, but from how much the pages differ among each other (the ratio estimator of cluster sampling; Cochran, Sampling
Techniques, 3rd ed., sections 6.3 and 9A.1), with the finite population correction: what has all been seen has no error.

Pages are dealt out to a few groups, and the groups are compared (the method of random groups; Wolter, Introduction to
Variance Estimation, chapter 2). Unlike sums of squares over pages, sums per group stay exact when two families turn
out to be one: they are simply added.

Of a rare family a few more or fewer may have been seen by chance, and then its variance is too small or too big just as
its estimate is. So one unit more is allowed for: that makes the interval as wide as Wilson's (Brown, Cai and DasGupta,
Interval Estimation for a Binomial Proportion, 2001). The unit is what comes at once: a key, a clump of keys, or the
bytes of the keys that weigh most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

GROUPS = 32
"""Groups that pages are dealt out to: more would cost memory per family and hardly sharpen the error."""
STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120),
    *(2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042, 2.040),
)
"""Standard errors to either side that cover 95 % when the variance comes from 2, 3, ... groups (Student's t)."""


@dataclass(slots=True)
class Spread:
    """Amounts of one family, by group of pages."""

    amounts: dict[int, int] = field(default_factory=dict)
    """Groups that held none are left out: most families are rare."""

    def add(self, amount: int, group: int) -> None:
        """Take in a page of that group which held `amount` of this family."""
        self.amounts[group] = self.amounts.get(group, 0) + amount

    def absorb(self, other: Spread) -> None:
        """Become the spread of both families together."""
        for group, amount in other.amounts.items():
            self.add(amount, group)


@dataclass(slots=True)
class Pages:
    """How much has been read."""

    count: int = 0
    keys: int = 0
    groups: list[int] = field(default_factory=lambda: [0] * GROUPS)
    """Keys by group of pages."""
    squares: int = 0
    """Of the keys of each group the square, summed up."""

    def add(self, page: int) -> int:
        """Take in one page of `page` keys, and return the group it belongs to.

        A group gets pages in stretches, longer ones as the scan goes on: a clump that two pages share then seldom falls
        into two groups, which would hide it.
        """
        stretch = max(0, self.count.bit_length() - GROUPS.bit_length())
        group = (self.count >> stretch) % GROUPS
        self.count += 1
        self.keys += page
        self.squares += page * (2 * self.groups[group] + page)
        self.groups[group] += page
        return group

    @property
    def used(self) -> int:
        """Groups that have got a page."""
        return min(self.count, GROUPS)


def variance_of(total: float, spread: Spread, pages: Pages) -> float:
    """Return the variance of what was counted of a family in the pages read, were others read instead.

    `total` is that amount. Infinite when fewer than two pages were read.
    """
    if pages.used < 2:
        return math.inf
    ratio, groups = total / pages.keys, pages.groups
    # The squares of (amount - ratio * keys) over all groups, without visiting those that hold none.
    squares = ratio * ratio * pages.squares
    squares += sum([amount * (amount - 2 * ratio * groups[group]) for group, amount in spread.amounts.items()])
    return max(0.0, squares) * pages.used / (pages.used - 1)


def error_of(total: float, variance: float, pages: Pages, population: int, each: float = 1.0) -> float:
    """Return the half-width of the 95 % interval of an estimated total.

    `total` is what was counted in the pages read so far and `variance` how that varies; `population` the number of keys
    there are; `each` what one key of the family amounts to (1 when keys are counted). Infinite when fewer than two
    pages were read, 0 when everything was.
    """
    if population <= pages.keys:
        return 0.0
    if pages.used < 2:
        return math.inf
    unit = max(each, variance / total) if total else each
    unseen = 1 - pages.keys / population
    return STUDENT[pages.used - 2] * math.sqrt((variance + unit * unit) * unseen) / pages.keys * population
