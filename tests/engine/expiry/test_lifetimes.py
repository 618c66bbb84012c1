"""How long keys have left: exact once everything is read, and honest before."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.conftest import Open, Until
from tests.servers import Server
from tui.engine.estimate import Sample
from tui.engine.expiry.lifetimes import BOUNDS_MS, HORIZONS, Amount, Lifetimes
from tui.engine.families import TTL_BOUNDS_MS
from tui.engine.keyshape import Shaper
from tui.engine.onepass import Pass
from tui.engine.survey import Survey

Row = tuple[bytes, int, int]
"""A key, its TTL (ms), its bytes."""
KEYS, PAGE, SURVEYS = 6000, 32, 80
NEVER = -1.0
STAGES = (0.05, 0.3, 0.8)


def counted(rows: list[Row], population: int | None = None) -> Pass:
    """A pass that has read these keys."""
    done = Pass(Shaper())
    for start in range(0, len(rows), PAGE):
        keys, ttls, sizes = zip(*rows[start : start + PAGE], strict=True)
        done.take(keys, [b"string"] * len(keys), ttls, sizes, 0.0)
    done.dbsize[0] = population or len(rows)
    return done


def of(done: Pass, population: int, shape: tuple[str, ...] | None = None) -> Lifetimes:
    picture = done.picture(Sample.alike(done.families.pages, population), sized=True)
    return picture.lifetimes if shape is None else next(f for f in picture.families if f.shape == shape).lifetimes


def test_the_named_times_and_the_coarse_bounds_are_among_the_fine_ones() -> None:
    assert set(TTL_BOUNDS_MS) <= set(BOUNDS_MS)
    assert {1000 * horizon for horizon in HORIZONS} <= set(BOUNDS_MS)
    assert all(after <= 1.19 * before for before, after in pairwise(BOUNDS_MS)), "so that a median is good"


def test_what_was_all_read_is_exact_at_every_named_time() -> None:
    chance = random.Random(1)
    rows = [
        (b"k:%d" % number, -1 if number % 5 == 0 else chance.randrange(200_000_000), chance.randrange(1, 5000))
        for number in range(3000)
    ]
    seen = of(counted(rows), len(rows))
    for seconds in (1, 60, 600, 3600, 86_400, 172_800):
        inside = [size for _, ttl, size in rows if 0 <= ttl < 1000 * seconds]
        assert seen.within(seconds) == Amount(len(inside), 0.0, sum(inside))
    never = [size for _, ttl, size in rows if ttl < 0]
    assert seen.never == Amount(len(never), 0.0, sum(never))
    assert seen.whole == Amount(len(rows), 0.0, sum(size for *_, size in rows))
    assert seen.between(60, 3600).keys == seen.within(3600).keys - seen.within(60).keys
    assert seen.within(math.inf).keys == len(rows) - len(never)


def test_between_two_bounds_keys_are_taken_to_be_spread_evenly() -> None:
    rows = [(b"k:%d" % number, 600_000 + number * 200, 10) for number in range(1500)]  # 10 to 15 minutes
    seen = of(counted(rows), len(rows))
    for seconds in (630, 700, 777, 850):
        assert seen.within(seconds).keys == pytest.approx((seconds - 600) * 5, abs=1)


def test_of_no_keys_nothing_is_said() -> None:
    assert Lifetimes().within(60) == Lifetimes().never == Amount(0.0, 0.0, 0.0)
    assert Lifetimes(sized=False).whole.bytes is None


def rows_of(chance: random.Random) -> Iterator[Row]:
    """Families that live for a minute, an hour, for days; some leak; one never expires but for a few."""
    kinds = (
        lambda: round(1000 * chance.lognormvariate(7, 2)) if chance.random() < 0.7 else -1,
        lambda: chance.randrange(3_600_000),
        lambda: -1 if chance.random() < 0.9 else chance.randrange(86_400_000),
        lambda: chance.randrange(60_000),
        lambda: round(chance.expovariate(1 / 600_000)),
    )
    for number in range(KEYS):
        family = min(len(kinds) - 1, int(chance.expovariate(0.6)))
        yield b"%c:%d" % (97 + family, number), kinds[family](), round(60 + chance.lognormvariate(4, 0.5))


def test_errors_hold_the_truth_as_often_as_they_say() -> None:
    """For every family and for all keys, at every horizon, unless fewer than five keys were to be expected."""
    held: dict[str, Counter[bool]] = defaultdict(Counter)
    rows = list(rows_of(random.Random(3)))
    for seed in range(SURVEYS):
        shown = random.Random(seed).sample(rows, len(rows))
        for stage in STAGES:
            shown_by_then = counted(shown[: round(stage * KEYS)], KEYS)
            picture = shown_by_then.picture(shown_by_then.sample, sized=True)
            for prefix, seen in [
                (b"", picture.lifetimes),
                *((f.shape[1].encode(), f.lifetimes) for f in picture.families),
            ]:
                for seconds in (*HORIZONS, NEVER):
                    truth = [row[2] for row in rows if row[0].startswith(prefix) and is_in(row[1], seconds)]
                    if len(truth) * stage >= 5:
                        amount = seen.never if seconds == NEVER else seen.within(seconds)
                        judge(held, amount, truth)
    rates = {name: score[True] / score.total() for name, score in held.items()}
    assert held["keys"].total() > 40 * SURVEYS
    assert 0.93 <= rates["keys"] <= 0.98
    assert 0.94 <= rates["bytes"] <= 0.99, "where most keys of a family are alike, it errs on the safe side"
    assert rates.get("bounds", 1.0) >= 0.975


def is_in(ttl: int, seconds: float) -> bool:
    return ttl < 0 if seconds == NEVER else 0 <= ttl < 1000 * seconds


def judge(held: dict[str, Counter[bool]], amount: Amount, truth: list[int]) -> None:
    assert amount.bytes is not None
    held["keys"][abs(amount.keys - len(truth)) <= amount.keys_error] += 1
    if amount.bytes_at_least:
        held["bounds"][amount.bytes <= sum(truth)] += 1
    else:
        held["bytes"][abs(amount.bytes - sum(truth)) <= amount.bytes_error] += 1


async def test_a_real_server_is_counted_by_keys_and_bytes(server: Server, open_session: Open, until: Until) -> None:
    ttls = {"soon": 50, "later": 500, "hours": 7200, "days": 260_000}
    server.ask_all([("SET", f"{name}:{n}", "x" * 100, "EX", ttl) for name, ttl in ttls.items() for n in range(40)])
    server.ask_all([("SET", f"stay:{n}", "x" * 1000) for n in range(25)])
    session = open_session(server)
    feed = session.of(Survey).feed
    with feed.hold():
        await until(lambda: feed.latest and feed.latest.complete)
    assert feed.latest is not None
    seen = feed.latest.lifetimes
    assert [seen.within(seconds).keys for seconds in HORIZONS] == [40, 80, 80, 120]
    assert (seen.never.keys, seen.never.keys_error) == (25, 0)
    sizes = server.ask_all([("MEMORY", "USAGE", f"stay:{n}") for n in range(25)])
    assert seen.never.bytes == sum(sizes)
    families = {family.pattern: family.lifetimes for family in feed.latest.families}
    assert families["stay:{int}"].never.keys == 25
    assert families["later:{int}"].within(60).keys == 0
    assert families["later:{int}"].within(600).keys == 40
