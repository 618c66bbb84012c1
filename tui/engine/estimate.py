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

Nodes of a cluster are strata: of each another part may have been read, so each is scaled up by itself, and their
variances add up (Cochran, sections 5.3 to 5.4). How many degrees of freedom that leaves is Satterthwaite's estimate
(Cochran, section 5.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.amounts.values())

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

    used: int = 0
    """Groups that have got a key."""

    def add(self, page: int, group: int | None = None) -> int:
        """Take in one page of `page` keys, and return the group it belongs to: the one given, or the next.

        A group gets pages in stretches, longer ones as the scan goes on: a clump that two pages share then seldom falls
        into two groups, which would hide it.
        """
        if group is None:
            stretch = max(0, self.count.bit_length() - GROUPS.bit_length())
            group = (self.count >> stretch) % GROUPS
        before = self.groups[group]
        self.count += 1
        self.keys += page
        self.squares += page * (2 * before + page)
        self.groups[group] = before + page
        if page and not before:
            self.used += 1
        return group


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


@dataclass(slots=True)
class Strata:
    """How much has been read of each node."""

    parts: list[Pages] = field(default_factory=lambda: [Pages()])

    def add(self, page: int, stratum: int = 0, group: int | None = None) -> int:
        """Take in one page of `page` keys of that node, and return the group it belongs to, which is of that node.

        `group` is that within the node when it matters what stays together (see `slotscan`).
        """
        while len(self.parts) <= stratum:
            self.parts.append(Pages())
        return stratum * GROUPS + self.parts[stratum].add(page, group)

    @property
    def keys(self) -> int:
        """Keys read."""
        return sum(part.keys for part in self.parts)


@dataclass(frozen=True, slots=True)
class Sample:
    """What has been read, and how many keys there are: scales up what was counted."""

    strata: Sequence[tuple[Pages, int]]
    """Of each node the pages read, and the keys there are; those of which nothing is known are left out."""
    keys: int
    """Keys read."""
    population: int
    """Keys there are."""

    @classmethod
    def of(cls, strata: Strata, populations: Sequence[int]) -> Sample:
        """Scale each node up to the keys that it has."""
        parts = [*strata.parts, *(Pages() for _ in populations[len(strata.parts) :])]
        return cls(list(zip(parts, populations, strict=True)), strata.keys, sum(populations))

    @classmethod
    def alike(cls, strata: Strata, population: int) -> Sample:
        """Scale all nodes up alike, to so many keys together."""
        scale = population / strata.keys if strata.keys else 0.0
        shares = [round(part.keys * scale) for part in strata.parts]
        return cls(list(zip(strata.parts, shares, strict=True)), strata.keys, population)

    @property
    def itself(self) -> Sample:
        """The keys read, taken for all there are."""
        return Sample([(pages, pages.keys) for pages, _ in self.strata], self.keys, self.keys)

    @property
    def whole(self) -> bool:
        """Whether everything has been read."""
        return self.population <= self.keys

    @property
    def scale(self) -> float:
        """Keys there are for each key read."""
        return self.population / self.keys if self.keys else 0.0

    def total(self, amount: float, spread: Spread) -> float:
        """Scale up what was counted of a family: `amount` in all, `spread` over the groups."""
        if len(self.strata) == 1:
            return amount * self.scale
        read = [(part.total, pages, population) for part, pages, population in self._apart(spread)]
        known = sum(population for _, pages, population in read if pages.keys)
        estimate = sum(total * population / pages.keys for total, pages, population in read if pages.keys)
        return estimate * self.population / known if known else 0.0  # the others are taken to be like these

    def variance(self, amount: float, spread: Spread) -> float:
        """Return the variance of what was counted of a family, were other pages read instead."""
        if len(self.strata) == 1:
            return variance_of(amount, spread, self.strata[0][0])
        return sum(variance_of(part.total, part, pages) for part, pages, _ in self._apart(spread) if pages.keys)

    def error(self, amount: float, spread: Spread, each: float = 1.0, least: float = 0.0) -> float:
        """Return the half-width of the 95 % interval of an estimated total.

        `each` is what one key of the family amounts to (1 when keys are counted), `least` the variance that one unit of
        the amount has at least. Infinite when fewer than two pages of a node were read, 0 when everything was.
        """
        if len(self.strata) == 1:
            pages, population = self.strata[0]
            variance = max(variance_of(amount, spread, pages), least * amount)
            return error_of(amount, variance, pages, population, each)
        open_parts = [one for one in self._apart(spread) if one[2] > one[1].keys]
        if any(pages.used < 2 for _, pages, _ in open_parts):
            return math.inf
        return _combined(open_parts, each, least)

    def _apart(self, spread: Spread) -> list[tuple[Spread, Pages, int]]:
        """Take a spread apart by node."""
        parts = [Spread() for _ in self.strata]
        for group, amount in spread.amounts.items():
            parts[group // GROUPS].amounts[group % GROUPS] = amount
        return [(part, pages, population) for part, (pages, population) in zip(parts, self.strata, strict=True)]


def _combined(parts: Sequence[tuple[Spread, Pages, int]], each: float, least: float) -> float:
    """Return the error of several nodes together, all of them read in part."""
    squares = freedom = unit = weight = 0.0
    for part, pages, population in parts:
        variance = max(variance_of(part.total, part, pages), least * part.total)
        scaled = (population / pages.keys) ** 2 * (1 - pages.keys / population)
        squares += variance * scaled
        freedom += (variance * scaled) ** 2 / (pages.used - 1)
        unit = max(unit, each, variance / part.total if part.total else each)
        weight = max(weight, scaled)
    free = squares * squares / freedom if freedom else sum(pages.used - 1 for _, pages, _ in parts)
    student = STUDENT[min(len(STUDENT), max(1, int(free))) - 1] if parts else 0.0
    return student * math.sqrt(squares + unit * unit * weight)
