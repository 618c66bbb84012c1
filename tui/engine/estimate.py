"""From a part of the keyspace to the whole: estimates whose error is honest.

SCAN walks the hash table in the order of hashes, so what has been seen is close to a random sample; but keys come in
pages, and on some servers similar keys cluster in a page. So the error is not taken from a textbook formula for single
keys, but from how much the pages differ among each other (the ratio estimator of cluster sampling; Cochran, Sampling
Techniques, 3rd ed., section 6.3 and 9A.1), with the finite population correction: what has all been seen has no error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CONFIDENCE = 1.96
"""Standard errors to either side that cover 95 %."""


@dataclass(slots=True)
class Spread:
    """Sums over pages that the variance between them is made of: page sizes n and amounts x of one family."""

    xx: float = 0.0
    xn: float = 0.0

    def add(self, amount: float, page: int) -> None:
        """Take in one page that held `amount` of this family among `page` keys."""
        self.xx += amount * amount
        self.xn += amount * page


@dataclass(slots=True)
class Pages:
    """How much has been read."""

    count: int = 0
    keys: int = 0
    squares: float = 0.0

    def add(self, page: int) -> None:
        """Take in one page of `page` keys."""
        self.count += 1
        self.keys += page
        self.squares += page * page


def error_of(total: float, spread: Spread, pages: Pages, population: int) -> float:
    """Return the half-width of the 95 % interval of an estimated total.

    `total` is what was counted in the pages read so far; `population` the number of keys there are. Infinite when
    fewer than two pages were read, 0 when everything was.
    """
    if population <= pages.keys:
        return 0.0
    if pages.count < 2:
        return math.inf
    ratio = total / pages.keys
    variance = (spread.xx - 2 * ratio * spread.xn + ratio * ratio * pages.squares) / (pages.count - 1)
    unseen = 1 - pages.keys / population
    mean_page = pages.keys / pages.count
    per_key = math.sqrt(max(0.0, variance) * unseen / pages.count) / mean_page
    return CONFIDENCE * per_key * population
