"""A real cluster whose keys share slots, surveyed in part and as a whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.cluster import Cluster
from tests.conftest import Open, Until
from tests.servers import HOST
from tui.engine.address import Address
from tui.engine.keyspace import Keyspace
from tui.engine.session import Session
from tui.engine.survey import Survey

ENOUGH = 4000
"""Keys on which a picture rests that is looked at."""
USEFUL = 6000
"""Its error in keys at most: of every node a few pages have been read."""
SLOW = 0.02
WORLD = {
    "user:{int}": [f"user:{number}" for number in range(18_000)],
    "giant:{{int}}:{int}": [f"giant:{{7}}:{number}" for number in range(3000)],
    "few:{{int}}:{int}": [f"few:{{{number % 5}}}:{number}" for number in range(1500)],
    "tenant:{{int}}:{int}": [f"tenant:{{{number // 100}}}:{number}" for number in range(7500)],
}
"""Keys by family: 10 % in one slot, 5 % in five, and tags with a hundred keys each."""
KEYS = [key for keys in WORLD.values() for key in keys]


class Seen:
    """Keeps the keys of the pass that was read to its end last."""

    def __init__(self) -> None:
        self.whole: Counter[bytes] = Counter()
        self._now: Counter[bytes] = Counter()

    async def begin(self) -> None:
        self._now = Counter()

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        self._now.update(keys)

    def end(self, keys: int) -> None:
        self.whole = self._now


@pytest.fixture(autouse=True)
def little_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """No burst is so long that a partial picture could not be looked at."""
    for name, value in (("BURST", 0.0), ("AT_ONCE", 0)):
        monkeypatch.setattr(f"tui.engine.survey.{name}", value)


@pytest.fixture(scope="module", params=["valkey-9.1", "redis-6.2"])
def filled(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that nobody changes."""
    with Cluster(request.param) as cluster:
        cluster.fill(("SET", key, "x" * 30) for key in KEYS)
        yield cluster


def picture(session: Session) -> Keyspace:
    latest = session.of(Survey).feed.latest
    assert latest is not None
    return latest


async def in_part(session: Session, until: Until) -> Keyspace:
    """Watch until some keys of every node have been read."""

    def is_enough() -> bool:
        latest = session.of(Survey).feed.latest
        return latest is not None and latest.scanned >= ENOUGH and latest.families[0].keys_error < USEFUL

    await until(is_enough)
    return picture(session)


async def complete(session: Session, until: Until) -> Keyspace:
    """Go on at full speed, until every key has been read."""
    session.of(Survey).share = 1.0
    await until(lambda: picture(session).complete)
    return picture(session)


def judge(partial: Keyspace) -> None:
    """Compare a picture with the truth; each server has another hash seed, so twice the error is allowed for."""
    assert not partial.complete
    families = {family.pattern: family for family in partial.families}
    for pattern, keys in WORLD.items():
        assert abs(families[pattern].keys - len(keys)) <= 2 * families[pattern].keys_error, pattern
        assert families[pattern].keys_error <= 1.5 * USEFUL, pattern


async def test_a_part_shows_every_big_family_and_the_whole_every_key_once(
    filled: Cluster, open_session: Open, until: Until
) -> None:
    session, seen = open_session(filled.nodes[1], scan_share=SLOW), Seen()
    session.of(Survey).observe(seen)
    with session.of(Survey).feed.hold():
        judge(await in_part(session, until))
        whole = await complete(session, until)
    assert {family.pattern: family.keys for family in whole.families} == {
        name: len(keys) for name, keys in WORLD.items()
    }
    assert seen.whole == Counter(key.encode() for key in KEYS)
    assert all(family.keys_error == 0 for family in whole.families)
    assert whole.restarted is None
    assert all(b"errorstat_" not in node.ask("INFO", "errorstats") for node in filled.nodes)


async def test_a_user_who_may_not_count_slots_sees_as_much(filled: Cluster, open_session: Open, until: Until) -> None:
    if filled.generation == "redis-6.2":
        pytest.skip("it counts no slots")
    for node in filled.nodes:
        node.ask("ACL", "SETUSER", "watcher", "on", ">secret", "~*", "+@all", "-cluster|slot-stats")
    address = Address(HOST, filled.nodes[0].port, username="watcher", password="secret")
    session = open_session(filled.nodes[0], address, scan_share=SLOW)
    with session.of(Survey).feed.hold():
        judge(await in_part(session, until))
        whole = await complete(session, until)
    assert {family.pattern: family.keys for family in whole.families} == {
        name: len(keys) for name, keys in WORLD.items()
    }
    assert all(node.ask("INFO", "errorstats").count(b"errorstat_") <= 1 for node in filled.nodes)
    assert all(b"errorstat_NOPERM:count=1\r" in node.ask("INFO", "errorstats") for node in filled.nodes)


async def test_nothing_is_missed_while_slots_move_and_keys_come_and_go(
    cluster: Cluster, open_session: Open, until: Until
) -> None:
    cluster.fill(("SET", key, "x" * 30) for key in KEYS)
    session, seen = open_session(cluster.nodes[0], scan_share=SLOW), Seen()
    session.of(Survey).observe(seen)

    def disturb() -> None:
        cluster.migrate(range(5500, 5530), cluster.nodes[1], cluster.nodes[0])
        for turn in range(20):
            cluster.fill(("SET", f"other:{turn}:{number}", "x") for number in range(300))
            cluster.fill(("DEL", f"other:{turn}:{number}") for number in range(300))

    with session.of(Survey).feed.hold():
        await in_part(session, until)
        session.of(Survey).share = 0.3
        await asyncio.to_thread(disturb)
        await complete(session, until)
    assert {key.encode() for key in KEYS} <= set(seen.whole)
    twice = [key for key, times in seen.whole.items() if times > 1]
    assert len(twice) < 30, "SCAN may give a key again when a table shrinks, and only then"
