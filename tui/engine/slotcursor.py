"""What a cursor of SCAN says where each slot has a table of its own (see `slotscan`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tui.engine.cluster.slots import SLOTS, slot_of

SLOT_BITS = SLOTS.bit_length() - 1
PLACE_BITS = 64 - SLOT_BITS


class Disorder(Exception):  # noqa: N818 - not an error: the server just does it another way
    """Keys are not where the cursor says."""


def slot_in(cursor: int) -> int:
    """Return the slot that a cursor is in.

    >>> slot_in(7), slot_in((3 << 14) + 7)
    (7, 7)
    """
    return cursor % SLOTS


def part_of(cursor: int) -> tuple[int, float]:
    """Return the slot that a cursor is in, and the part of its table that it has passed, 0 to 1.

    Tables have 2, 4, 8, ... places, and are walked by counting from the highest bit down. So whatever their size, the
    place read backwards is a binary fraction.

    >>> part_of(7), part_of((1 << 14) + 7), part_of((3 << 14) + 7)
    ((7, 0.0), (7, 0.5), (7, 0.75))
    """
    place = cursor >> SLOT_BITS
    return cursor % SLOTS, int(f"{place:0{PLACE_BITS}b}"[::-1], 2) / (1 << PLACE_BITS) if place else 0.0


def within(before: int, after: int, keys: Sequence[bytes], last: int) -> Sequence[bytes]:
    """Return the keys of a page that are in slots up to `last`; it was read between two cursors.

    Raises:
        Disorder: they are not in the slots between these.
    """
    if not keys:
        return keys
    end = slot_in(after) if after else SLOTS - 1
    crosses = after == 0 or end > last
    slots = list(map(slot_of, keys)) if crosses else [slot_of(keys[0]), slot_of(keys[-1])]
    if slots[0] < slot_in(before) or slots[-1] > end or slots != sorted(slots):
        raise Disorder
    return keys[: bisect_right(slots, last)] if crosses else keys
