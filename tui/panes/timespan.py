"""How much of the past the charts show: as much as there is, in steps that people think in."""

from __future__ import annotations

from tui.engine.vitals import Vitals

STEPS = (60.0, 120.0, 300.0, 600.0)
"""Seconds. Ten minutes at most: long enough for a deployment or a batch job, short enough to see a jump at once."""


def span_of(vitals: Vitals) -> float:
    """Return the shortest step (seconds) that holds the whole history.

    A chart that always spans ten minutes is an empty page for the first nine.
    """
    age = vitals.now.at - vitals.history[0].at if vitals.history else 0.0
    return next((step for step in STEPS if age <= step), STEPS[-1])
