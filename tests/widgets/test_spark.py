from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from widgets.spark import bar, meter, spark

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
WIDTHS = st.integers(min_value=-3, max_value=60)


@given(st.lists(st.one_of(st.none(), NUMBERS), max_size=80), WIDTHS, st.one_of(st.none(), NUMBERS))
def test_a_spark_has_the_asked_width(values: list[float | None], width: int, top: float | None) -> None:
    assert cell_len(spark(values, width, top)) == max(0, width)


@given(NUMBERS, WIDTHS)
def test_bars_and_meters_have_the_asked_width(fraction: float, width: int) -> None:
    assert cell_len(bar(fraction, width)) == cell_len(meter(fraction, width)) == max(0, width)


def test_a_wobble_near_the_top_stays_flat_on_a_fixed_scale() -> None:
    assert spark([99.1, 99.3, 99.2], 3, top=100) == "███"
