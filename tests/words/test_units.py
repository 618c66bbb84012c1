from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.words import units

NUMBERS = st.floats(min_value=0, max_value=9e17) | st.integers(min_value=0, max_value=10**17)


def value_of(shown: str, step: int) -> float:
    shown = shown.removesuffix("B")
    if shown[-1].isdigit():
        return float(shown)
    power = "kMGTPE".index(shown[-1].lower() if shown[-1] == "K" else shown[-1]) + 1
    return float(shown[:-1]) * float(step**power)


@settings(deadline=None)
@given(NUMBERS)
def test_a_count_fits_five_characters_and_lies_within_rounding(number: float) -> None:
    shown = units.count(number)
    assert len(shown) <= 5
    if shown != "<1":
        assert math.isclose(value_of(shown, 1000), number, rel_tol=0.051, abs_tol=0.5)


@settings(deadline=None)
@given(NUMBERS)
def test_a_size_fits_five_characters_and_lies_within_rounding(number: float) -> None:
    shown = units.size(number)
    assert len(shown) <= 5
    assert math.isclose(value_of(shown, 1024), number, rel_tol=0.051, abs_tol=0.5)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_the_larger_number_never_reads_smaller(one: float, other: float) -> None:
    low, high = sorted((one, other))
    if low >= 0.5:
        assert value_of(units.count(low), 1000) <= value_of(units.count(high), 1000)
        assert value_of(units.size(low), 1024) <= value_of(units.size(high), 1024)


@pytest.mark.parametrize("power", range(1, 6))
@pytest.mark.parametrize("nudge", [-1e-4, -5e-4, -1e-5, -1e-9, 0, 1e-9])
def test_no_unit_ever_shows_a_thousand_of_itself(power: int, nudge: float) -> None:
    assert not units.count(1000**power * (1 + nudge)).startswith("1000")
    assert not units.size(1024**power * (1 + nudge)).startswith("1024")


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=2), st.integers(min_value=0, max_value=2))
def test_a_share_says_all_and_nothing_only_of_exactly_all_and_nothing(share: float, decimals: int) -> None:
    shown = units.percent(share, decimals)
    assert (shown == "100%") == (share == 1)
    assert (shown == "0%") == (share == 0)
    assert float(shown.strip("<>%")) > 0 or share == 0
    assert not 0.99 < share <= 1 or not shown.startswith("100.")


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e15))
def test_a_shown_error_is_never_smaller_than_the_error(error: float) -> None:
    shown = units.plus_minus(1, error)
    if error == 0:
        assert shown == "1"
    else:
        assert value_of(shown.removeprefix("1 ±"), 1000) >= error * (1 - 1e-9)


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e10), st.floats(min_value=0, max_value=1e10))
def test_durations_are_short_and_never_claim_more_than_passed(one: float, other: float) -> None:
    assert len(units.duration(one)) <= 9
    if one >= 60:
        assert units.duration(one) == units.duration(int(one))
    assert len(units.ago(other)) <= 9


@pytest.mark.parametrize("say", [units.count, units.size, units.duration, units.percent, units.rate, units.ago])
def test_an_unknown_number_is_a_dash(say: object) -> None:
    assert callable(say)
    assert say(None) == units.DASH
    assert say(float("nan")) == units.DASH


def test_an_unknown_estimate_is_a_dash() -> None:
    assert units.plus_minus(None, None) == units.DASH
    assert units.plus_minus(float("nan"), 1) == units.DASH


def test_the_module_imports_nothing() -> None:
    code = (
        "import sys, tui.words, __future__; had = {*sys.modules}; import tui.words.units; print({*sys.modules} - had)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "{'tui.words.units'}"
