"""Pictures of a node whose SCAN goes slot by slot, taken in the middle: they hold what they say, whoever shares a slot.

Keys with the same hash tag share a slot. What was read is compared with the truth as in `test_coverage`, at least at
the rate of `LEAST`. There is no upper limit: where slots hold keys of one kind, that the same part of each has been
read makes the estimate better than its pieces, taken by chance, would; the error does not reckon with that and is up to
some times too wide (it then holds in more than 99 of 100 cases).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.engine.slotted import Slotted, read, weight_of
from tests.engine.test_coverage import Scores
from tui.engine.cluster.slots import slot_of
from tui.engine.keyshape import Shaper
from tui.engine.onepass import Pass
from tui.engine.slotscan import SlotScan

KEYS = 5000
SLOTS_HELD = 250
"""Slots of the node: so many keys for each are what a node of a big cluster has."""
KEYSPACES, ORDERS = 100 if os.environ.get("REDTOP_THOROUGH") == "1" else 25, 4
"""Keyspaces of a kind, in each of which tags are other slots; and surveys of each, with other orders of hashes."""
STAGES = (0.02, 0.1, 0.5)
LEAST = 0.93
BIG = 0.05
"""Part of the keys from which on a family should be in every picture, and in how many it is in at each stage.

At 2 % a picture rests on a hundred keys, from six or seven places."""
SEEN = {0.02: 0.8, 0.1: 0.98, 0.5: 1.0}


@cache
def tags() -> tuple[bytes, ...]:
    """Return tags that the node holds, in an order by chance."""
    numbers = (b"{%d}" % number for number in range(20_000 * 16384 // SLOTS_HELD // 2))
    held = [tag for tag in numbers if slot_of(tag) < SLOTS_HELD]
    return tuple(random.Random(1).sample(held, len(held)))


def some_tags(chance: random.Random) -> Iterator[bytes]:
    """Give other tags in each keyspace."""
    return iter(chance.sample(tags(), len(tags())))


def kinds(chance: random.Random) -> Iterator[str]:
    while True:
        yield chance.choices("abcd", [40, 30, 20, 10])[0]


def named(kind: str, tag: bytes, count: int) -> list[bytes]:
    return [b"%b:%b:%d" % (kind.encode(), tag, number) for number in range(count)]


def untagged(chance: random.Random, count: int = KEYS) -> list[bytes]:
    """Every key lies where it falls."""
    return [
        named(kind, tag, 1)[0] for kind, tag, _ in zip(kinds(chance), some_tags(chance), range(count), strict=False)
    ]


def tagged(chance: random.Random, size: int = 100) -> list[bytes]:
    """All keys with a tag are of a kind, a hundred of them: nothing could come in bigger clumps."""
    several = zip(kinds(chance), some_tags(chance), range(KEYS // size), strict=False)
    return [key for kind, tag, _ in several for key in named(kind, tag, size)]


def tagged_a_little(chance: random.Random) -> list[bytes]:
    """The same with seven keys to a tag."""
    return tagged(chance, 7)


def tenants(chance: random.Random) -> list[bytes]:
    """A few tags have as many keys as all the others."""
    found: list[bytes] = []
    for kind, tag in zip(kinds(chance), some_tags(chance), strict=False):
        found += named(kind, tag, min(KEYS // 5, int(5 * chance.paretovariate(0.8))))
        if len(found) >= KEYS:
            break
    return found


def one_giant(chance: random.Random) -> list[bytes]:
    """A tenth of the keys is in one slot."""
    return untagged(chance, KEYS * 9 // 10) + named("giant", chance.choice(tags()), KEYS // 10)


def a_family_in_few_slots(chance: random.Random) -> list[bytes]:
    """A family of 5 % is in five slots."""
    few = [key for tag in chance.sample(tags(), 5) for key in named("few", tag, KEYS // 100)]
    return untagged(chance, KEYS * 95 // 100) + few


def pattern_of(key: bytes) -> str:
    return f"{key.split(b':')[0].decode()}:{{{{int}}}}:{{int}}"


Make = Callable[[random.Random], list[bytes]]


def surveyed(make: Make) -> tuple[dict[float, Scores], Counter[tuple[float, bool]]]:
    """Survey keyspaces of a kind; return the scores by stage, and how often big families were in the picture."""
    scores, seen = {stage: Scores() for stage in STAGES}, Counter[tuple[float, bool]]()
    for seed in range(KEYSPACES):
        chance = random.Random(seed)
        keys = make(chance)
        count, size = Counter(map(pattern_of, keys)), Counter[str]()
        for key in keys:
            size[pattern_of(key)] += weight_of(key)
        for order in range(ORDERS):
            for stage, done in pictures(Slotted(keys, chance, counts=bool(order % 2)), chance):
                families = {family.pattern: family for family in done.picture(done.sample, sized=True).families}
                for pattern, family in families.items():
                    scores[stage].take(family, count[pattern], size[pattern], stage)
                seen.update((stage, pattern in families) for pattern in count if count[pattern] >= BIG * len(keys))
    return scores, seen


SHAPER = Shaper()


def pictures(server: Slotted, chance: random.Random) -> Iterator[tuple[float, Pass]]:
    """Survey a server, and stop at every stage."""
    done, stages = Pass(SHAPER), list(STAGES)
    done.dbsize[0] = server.size
    scan = SlotScan(chance, lambda: None, counts=server.counts)
    for page in read(server, scan):
        count = len(page.keys)
        types, ttls, sizes = (page.replies[at * count : (at + 1) * count] for at in range(3))
        done.take(page.keys, types, ttls, sizes, 0.0, 0, page.pieces)
        if done.families.pages.keys >= stages[0] * server.size:
            yield stages.pop(0), done
        if not stages:
            return


@pytest.mark.parametrize("make", [untagged, tagged, tagged_a_little, tenants, one_giant, a_family_in_few_slots])
def test_intervals_hold_the_truth_and_big_families_are_seen(make: Make) -> None:
    scores, seen = surveyed(make)
    for stage, score in scores.items():
        assert score.keys.cases >= KEYSPACES * ORDERS
        assert score.keys.rate >= LEAST, f"keys at {stage}"
        assert score.bytes.rate >= LEAST, f"bytes at {stage}"
        assert seen[stage, True] >= SEEN[stage] * (seen[stage, True] + seen[stage, False]), stage
