"""All slots of a node read side by side: every key once, everywhere about the same part, and never on a wrong guess."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.engine.slotted import QUESTIONS, Slotted, read
from tui.engine.cluster.slots import SLOTS, slot_of
from tui.engine.nodescan import Restart
from tui.engine.slotscan import FEW, PIECE, SlotScan, stretches

LAYOUTS = {
    "no tags": [b"key:%d" % number for number in range(9_000)],
    "tags": [b"{tag%d}:%d" % (number % 90, number) for number in range(9_000)],
    "one slot": [b"{one}:%d" % number for number in range(3_000)],
    "one slot and others": [b"{one}:%d" % n for n in range(2_000)] + [b"key:%d" % n for n in range(2_000)],
    "the first and the last slot": [b"{%b}%d" % (tag, n) for tag in (b"3560", b"39296") for n in range(800)],
}
"""Keys of one node."""


def never() -> None:
    """Stand for what must not be called."""
    raise AssertionError("this server gives its keys slot by slot")


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "glanced at"])
@pytest.mark.parametrize("page", [16, 64, 1000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_key_is_read_once(layout: str, page: int, *, counts: bool) -> None:
    chance = random.Random(f"{layout} {page} {counts}")
    scan = SlotScan(chance, never, counts=True)
    seen = Counter(key for one in read(Slotted(LAYOUTS[layout], chance, counts=counts), scan, page) for key in one.keys)
    assert seen == Counter(LAYOUTS[layout])


@pytest.mark.parametrize("counts", [True, False], ids=["counted", "glanced at"])
@pytest.mark.parametrize("layout", ["tags", "one slot and others"])
def test_at_any_time_about_the_same_part_of_every_slot_has_been_read(layout: str, *, counts: bool) -> None:
    chance = random.Random(3)
    server = Slotted(LAYOUTS[layout], chance, counts=counts)
    big = {slot: size for slot, size in server.sizes.items() if size >= 4 * PIECE}
    got: Counter[int] = Counter()
    for answered in read(server, SlotScan(chance, never, counts=counts)):
        got.update(map(slot_of, answered.keys))
        part = got.total() / server.size
        for slot, size in big.items():
            # A page of 64 keys is one piece at most, and one page more is on its way.
            assert abs(got[slot] - part * size) <= 3 * 64, (slot, part)


def test_pieces_of_a_page_are_told_apart_and_small_slots_stay_together() -> None:
    chance = random.Random(4)
    groups: dict[int, set[int]] = {}
    for answered in read(Slotted(LAYOUTS["no tags"], chance), SlotScan(chance, never, counts=True)):
        assert sum(piece.keys for piece in answered.pieces) == len(answered.keys)
        at = 0
        for piece in answered.pieces:
            for key in answered.keys[at : at + piece.keys]:
                groups.setdefault(slot_of(key), set()).add(piece.group)
            at += piece.keys
    assert {len(some) for some in groups.values()} == {1}, "here no slot has enough keys to be taken apart"
    assert len(set.union(*groups.values())) > 20


def test_stretches_leave_no_slot_out() -> None:
    chance = random.Random(5)
    for _ in range(50):
        slots = sorted(chance.sample(range(SLOTS), chance.randrange(300)))
        cut = list(stretches({slot: chance.paretovariate(0.5) for slot in slots}, chance))
        covered = [slot for one in cut for slot in range(one.first, one.last + 1)]
        assert covered == list(range(SLOTS))


def test_a_small_node_is_just_read() -> None:
    keys = LAYOUTS["no tags"][:FEW]
    pages = list(read(Slotted(keys, random.Random(6)), SlotScan(random.Random(6), never, counts=True)))
    assert Counter(key for one in pages for key in one.keys) == Counter(keys)
    assert not any(one.pieces for one in pages)


class Unordered(Slotted):
    """A server that keeps all keys in one table, as Redis up to 7.2 does."""

    def scan(self, cursor: int, count: int) -> tuple[bytes, list[bytes]]:
        keys = [key for table in self._tables.values() for place in table for key in place]
        random.Random(7).shuffle(keys)
        end = cursor + count
        return (b"%d" % end if end < len(keys) else b"0"), keys[cursor:end]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_server_with_another_order_is_read_as_it_wants_to_be(layout: str) -> None:
    found: list[bool] = []
    scan = SlotScan(random.Random(8), lambda: found.append(True), counts=False)
    pages = list(read(Unordered(LAYOUTS[layout], random.Random(8)), scan))
    assert Counter(key for one in pages for key in one.keys) == Counter(LAYOUTS[layout])
    assert found == [True]


class Lying(Slotted):
    """A server that mixes up its slots from some page on."""

    pages = 0

    def scan(self, cursor: int, count: int) -> tuple[bytes, list[bytes]]:
        self.pages += 1
        after, keys = super().scan(cursor, count)
        return after, keys[::-1] if self.pages > 200 and self.pages % 2 else keys


def test_keys_that_are_not_where_the_cursor_says_begin_the_pass_again() -> None:
    found: list[bool] = []
    scan = SlotScan(random.Random(9), lambda: found.append(True), counts=True)
    with pytest.raises(Restart):
        list(read(Lying(LAYOUTS["no tags"], random.Random(9)), scan))
    assert found == [True]


def test_a_question_without_an_answer_is_asked_again() -> None:
    chance = random.Random(10)
    server, scan = Slotted(LAYOUTS["tags"], chance), SlotScan(chance, never, counts=True)
    for _ in read(server, scan):
        if not scan.ended:
            first, again = (server.answer(scan.question(QUESTIONS, 64), scan.keys) for _ in range(2))
            assert first == again
