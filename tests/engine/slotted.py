"""A node of a cluster that is only thought of: keys by slot, each slot with a table of its own, walked as SCAN does.

For surveys by the hundred with a seed: real servers choose their hash seeds themselves.
"""

from __future__ import annotations

import random
from binascii import crc32
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tui.engine.cluster.slots import SLOTS, slot_of
from tui.engine.commands import Exchange, KeyQuestions
from tui.engine.failure import ReplyError
from tui.engine.nodescan import Answered, NodeScan
from tui.engine.slotscan import SlotScan

PER_PLACE = 5
"""Keys that one place of a table holds on average at most, as with Valkey; Redis has about one."""
QUESTIONS = KeyQuestions(memory=True)

Table = list[list[bytes]]


def weight_of(key: bytes) -> int:
    """Return the bytes of a key: as if by chance."""
    return 60 + crc32(key) % 120


class Slotted:
    """Answers the questions of a scan. Each has another order of hashes."""

    def __init__(self, keys: Iterable[bytes], chance: random.Random, *, counts: bool = True) -> None:
        self.counts = counts
        """Whether it answers SLOT-STATS."""
        by_slot = defaultdict(list)
        for key in keys:
            by_slot[slot_of(key)].append(key)
        self.sizes = {slot: len(by_slot[slot]) for slot in sorted(by_slot)}
        self.size = sum(self.sizes.values())
        self._tables = {slot: _table(by_slot[slot], chance) for slot in self.sizes}
        self._after = dict(zip(self.sizes, [*list(self.sizes)[1:], -1], strict=True))

    def answer(self, question: Exchange, keys: Sequence[bytes]) -> list[Any]:
        """Answer a question about these keys, all of which are strings without TTL, and what else it asks."""
        about = [*[b"string"] * len(keys), *[-1] * len(keys), *map(weight_of, keys)]
        others = [run for run in question.runs if run.name not in QUESTIONS.names]
        return [*about, *(self._one(run.first) for run in others)]

    def _one(self, words: Sequence[bytes]) -> Any:
        match words:
            case [b"SCAN", cursor, _, count]:
                return self.scan(int(cursor), int(count))
            case [b"CLUSTER", *_, first, last]:
                held = range(int(first), min(int(last), max(self.sizes)) + 1)
                counted = [[slot, [b"key-count", self.sizes.get(slot, 0)]] for slot in held]
                return counted if self.counts else ReplyError("NOPERM no permission")
        return self.size

    def scan(self, cursor: int, count: int) -> tuple[bytes, list[bytes]]:
        """Return a page as SCAN does: from the slot and the place of the cursor on."""
        slot, place, found = cursor % SLOTS, cursor // SLOTS, list[bytes]()
        if slot not in self._tables:
            slot, place = next((one for one in self.sizes if one > slot), -1), 0
        while slot >= 0 and len(found) < count:
            table = self._tables[slot]
            found += table[place % len(table)]
            place = _following(place, len(table))
            if not place:
                slot = self._after[slot]
        return (b"%d" % (place * SLOTS + slot) if slot >= 0 else b"0"), found


def read(server: Slotted, scan: NodeScan | SlotScan, page: int = 64) -> Iterator[Answered]:
    """Read a server to its end."""
    while not scan.ended:
        replies = server.answer(scan.question(QUESTIONS, page), scan.keys)
        assert scan.dbsize(QUESTIONS, replies) == server.size
        answered = scan.take(0, QUESTIONS, replies)
        if answered is not None:
            yield answered


def _table(keys: Sequence[bytes], chance: random.Random) -> Table:
    places = 1 << max(0, (len(keys) // PER_PLACE).bit_length())
    table: Table = [[] for _ in range(places)]
    for key in keys:
        table[chance.randrange(places)].append(key)
    return table


def _following(place: int, places: int) -> int:
    """Count as servers do: from the highest bit down. The last place is followed by 0."""
    bit = places >> 1
    while bit and place & bit:
        place ^= bit
        bit >>= 1
    return place | bit
