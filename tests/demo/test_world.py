from __future__ import annotations

from itertools import pairwise

import pytest

from tui.demo import SYSTEMS
from tui.demo.fill import FROZEN_NOW, build, plan
from tui.demo.streams import SLOW_SPELL
from tui.demo.wire import pack
from tui.demo.world import Pool, World


def a_life(seed: int) -> bytes:
    systems = build(SYSTEMS, seed, FROZEN_NOW)
    commands = list(plan(systems, 3000))
    for step in range(1, 81):
        for system in systems:
            commands += system.tick(FROZEN_NOW + step * 0.25, 0.25)
    return pack(commands)


def test_the_same_seed_and_clock_give_the_same_bytes() -> None:
    assert a_life(7) == a_life(7)


def test_another_seed_gives_another_life() -> None:
    assert a_life(7) != a_life(8)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_alone_is_what_it_is_among_others(name: str) -> None:
    alone = build((name,), 3, FROZEN_NOW)[0]
    among = {system.name: system for system in build(SYSTEMS, 3, FROZEN_NOW)}[name]
    assert list(alone.essentials()) == list(among.essentials())


def test_the_plan_meets_the_number_of_keys_asked_for() -> None:
    creating = ("SET", "HSET", "SADD", "ZADD", "LPUSH", "RPUSH", "INCR", "INCRBY", "PFADD", "XADD")
    keys = {command[1] for command in plan(build(SYSTEMS, 1, FROZEN_NOW), 30_000) if command[0] in creating}
    assert abs(len(keys) - 30_000) < 1000


def test_the_clock_never_goes_back() -> None:
    world = World("x", 100.0)
    world.advance(200.0)
    world.advance(150.0)
    assert world.now == 200.0


def test_something_due_every_minute_happens_once_a_minute() -> None:
    world = World("x", 0.0)
    happened = 0
    for second in range(600):
        world.advance(float(second))
        happened += world.every("it", 60)
    assert happened == 10


def test_the_wanted_hit_rate_moves_slowly_and_dips_when_the_cache_is_cold() -> None:
    world = World("x", 0.0)
    shares = []
    for second in range(600):
        world.advance(float(second))
        shares.append(world.hit_share())
    assert max(shares) > 0.9
    assert min(shares) < 0.3
    steps = sorted(abs(after - before) for before, after in pairwise(shares))
    assert steps[-10] < 0.05


def test_a_ttl_before_the_start_is_what_is_left_and_afterwards_whole() -> None:
    world = World("x", 0.0)
    left = [world.ttl(1000) for _ in range(500)]
    assert 1 <= min(left) < 150
    assert 850 < max(left) <= 1000
    world.advance(1.0)
    assert world.ttl(1000) == 1000


def test_a_full_pool_replaces_its_oldest() -> None:
    pool: Pool[int] = Pool(2)
    assert (pool.add(1), pool.add(2), pool.add(3)) == (None, None, 2)
    assert len(pool) == 2


def test_a_slow_group_falls_behind_and_catches_up_while_the_other_keeps_pace() -> None:
    (system,) = build(("oauth-proxy",), 1, FROZEN_NOW)
    for _ in plan([system], 0):
        pass
    flow = system.flows[0]
    healthy, slow = flow.groups
    behind = []
    for second in range(1, 300):
        for step in (0.5, 0.0):
            list(system.tick(FROZEN_NOW + second - step, 0.5))
        behind.append(len(slow.unread))
        assert len(healthy.unread) < 150
    spell = int(SLOW_SPELL)
    assert max(behind[:spell]) > 1500
    assert min(behind[spell : spell + 45]) < 100
    assert max(behind[spell + 45 : 2 * spell + 50]) > 1000


def test_a_sick_consumer_holds_entries_and_lets_go_when_it_recovers() -> None:
    (system,) = build(("oauth-proxy",), 1, FROZEN_NOW)
    for _ in plan([system], 0):
        pass
    slow = system.flows[0].groups[1]
    held = []
    for second in range(1, 140):
        list(system.tick(FROZEN_NOW + second, 1.0))
        held.append(slow.pending)
    assert held[90] > 500
    assert held[-1] < 300
