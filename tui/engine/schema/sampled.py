"""How many are so, judged by a sample that was looked at page by page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.engine.estimate import Pages, Spread, error_of, variance_of
from tui.engine.schema.findings import EXAMPLES, Example


@dataclass(slots=True)
class Sampled:
    """How many of the keys, or entries of an index, that were looked at are so."""

    pages: Pages = field(default_factory=Pages)
    spread: Spread = field(default_factory=Spread)
    bad: int = 0
    examples: list[Example] = field(default_factory=list)

    def add_page(self, looked: int, bad: Sequence[Example]) -> None:
        """Take in a page of so many, and those of them that are so."""
        group = self.pages.add(looked)
        self.bad += len(bad)
        if bad:
            self.spread.add(len(bad), group)
        self.examples += bad[: EXAMPLES - len(self.examples)]

    def scaled(self, population: int, population_error: float) -> tuple[int, float]:
        """Return how many of a whole of `population` are so, and the 95 % error."""
        if not self.pages.keys:
            return 0, math.inf
        population = max(population, self.pages.keys)
        share = self.bad / self.pages.keys
        variance = variance_of(self.bad, self.spread, self.pages)
        own = error_of(self.bad, variance, self.pages, population)
        return round(share * population), math.hypot(own, share * population_error)
