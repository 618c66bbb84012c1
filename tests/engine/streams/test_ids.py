"""Ids of stream entries, and the places a person types."""

from __future__ import annotations

import datetime

import pytest

from tui.engine.streams.ids import MOST, before, id_bytes, parse_id, parse_place, time_of

NOON = datetime.datetime(2024, 5, 1, 12, 0, 0)
WALL = NOON.timestamp()


def moment(*parts: int) -> int:
    return int(datetime.datetime(*parts).timestamp() * 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("1712345678901-3", (1712345678901, 3)),
        (" 1712345678901 ", (1712345678901, 0)),
        ("0", (0, 0)),
        (f"{MOST}-{MOST}", (MOST, MOST)),
        ("06:31", (moment(2024, 5, 1, 6, 31), 0)),
        ("06:31:07", (moment(2024, 5, 1, 6, 31, 7), 0)),
        ("06:31:07.250", (moment(2024, 5, 1, 6, 31, 7) + 250, 0)),
        ("23:00", (moment(2024, 4, 30, 23, 0), 0)),
        ("2024-04-30 06:31", (moment(2024, 4, 30, 6, 31), 0)),
        ("2024-04-30", (moment(2024, 4, 30), 0)),
        ("-10m", (int(WALL * 1000) - 600_000, 0)),
        ("-2d", (int(WALL * 1000) - 172_800_000, 0)),
    ],
)
def test_places_are_understood(typed: str, place: tuple[int, int]) -> None:
    assert parse_place(typed, WALL) == place


@pytest.mark.parametrize(
    "typed", ["", "yesterday", "25:00", "-10", "1-2-3", f"{MOST + 1}", "2024-13-01", "1e5", "\x1b"]
)
def test_what_is_no_place_is_one_sentence(typed: str) -> None:
    with pytest.raises(ValueError, match="type an id"):
        parse_place(typed, WALL)


def test_reading_behind_the_id_before_begins_with_the_id() -> None:
    assert id_bytes(before((7, 3))) == b"7-2"
    assert id_bytes(before((7, 0))) == b"6-%d" % MOST
    assert before((0, 0)) == (0, 0)


def test_ids_that_are_counters_are_no_times() -> None:
    assert time_of(b"5-1") is None
    assert time_of(b"18446744073709551615-1") is None
    assert time_of(b"1714557600000-0") == 1714557600.0
    assert parse_id(b"7") == (7, 0)
