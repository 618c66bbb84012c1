"""Sizes of keys as Redis 8 counts them: no wheel brings one, so these are replies of its document."""

from __future__ import annotations

import pytest

from tests.conftest import Open, Until
from tests.engine.pictures import Watching
from tests.servers import Server
from tui.engine.info import Identity, Info
from tui.engine.topology.facts import facts_of
from tui.engine.topology.keysizes import Sizes, counts_sizes, sizes_of

TOLD = b"""# Keyspace\r
db0:keys=6,expires=0,avg_ttl=0\r
db3:keys=2,expires=0,avg_ttl=0\r
# Keysizes\r
db0_distrib_strings_sizes:1=1,8=1,512=1,4K=1,1M=1\r
db3_distrib_strings_sizes:8=1\r
db0_distrib_hashes_items:2=1\r
db3_distrib_zsets_items:x=1,9,4=\r
"""


def test_the_databases_are_added_up_and_the_steps_are_powers_of_two() -> None:
    strings, hashes = sizes_of(Info(TOLD))
    assert strings == Sizes("strings", ((1, 1), (8, 2), (512, 1), (4096, 1), (1 << 20, 1)))
    assert (strings.keys, strings.half, strings.largest) == (6, 16, 2 << 20)
    assert (hashes.kind, hashes.keys, hashes.half, hashes.largest) == ("hashes", 1, 4, 4)
    assert facts_of(Info(TOLD)).sizes == (strings, hashes)


@pytest.mark.parametrize(
    ("product", "version", "counts"), [("Redis", "8.0.1", True), ("Redis", "7.4.2", False), ("Valkey", "9.1.2", False)]
)
def test_only_redis_8_counts(product: str, version: str, counts: bool) -> None:
    assert counts_sizes(Identity("x", product, version, "primary", 0)) is counts


async def test_whoever_does_not_count_is_asked_as_ever_and_tells_nothing(
    server: Server, open_session: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.topology.nodelook.counts_sizes", lambda _: server.generation != "redis-6.2")
    watching = Watching(open_session(server))
    with watching.feed.hold():
        await until(lambda: watching.feed.latest and watching.picture.members[0].look)
        look = watching.picture.members[0].look
    assert look is not None
    assert look.info is not None, "sections that a server does not know do no harm"
    assert facts_of(look.info).sizes == ()
