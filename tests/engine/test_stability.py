"""Families keep their names from the first picture to the last: on the five systems, and on layouts of frameworks."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tests.engine.layouts import LAYOUTS, make
from tui.demo import SYSTEMS
from tui.demo.fill import CREATES, FROZEN_NOW, build, plan
from tui.engine.families import Families
from tui.engine.keyshape import Shaper

KEYS = 15_000
PAGE = 100
STAGES = (0.02, 0.05, 0.1, 0.3, 1.0)
ENOUGH = 50
"""Keys seen of a family from which on its name is not to change."""
SURELY = 75
"""Keys to be expected in what was read of which, then, at least so many will be there."""


def pictures(keys: Sequence[bytes]) -> dict[float, dict[str, int]]:
    """Keys by family, at every stage of a survey."""
    families, found, start = Families(Shaper()), {}, 0
    for stage in STAGES:
        end = round(stage * len(keys))
        for first in range(start, end, PAGE):
            page = keys[first : min(end, first + PAGE)]
            families.add_page(page, [b"string"] * len(page), [-1] * len(page), [50] * len(page))
        folded = families.folded(stage).items()
        found[stage] = {shape[0].join(shape[1:]).decode("utf-8", "replace"): tally.keys for shape, tally in folded}
        start = end
    return found


def assert_stable(keys: Sequence[bytes]) -> dict[str, int]:
    """Compare every picture with the last one, and return that."""
    by_stage = pictures(keys)
    last = by_stage[1.0]
    for stage, families in by_stage.items():
        lost = {name for name, count in families.items() if count >= ENOUGH and name not in last}
        missing = {name for name, count in last.items() if count * stage >= SURELY and name not in families}
        assert (stage, lost, missing) == (stage, set(), set())
    return last


@pytest.mark.parametrize("name", LAYOUTS)
def test_families_of_frameworks_keep_their_names(name: str) -> None:
    found = assert_stable(make(LAYOUTS[name], KEYS))
    assert set(FOUND.get(name, "").split()) <= set(found)


@pytest.mark.parametrize("name", ["all", *SYSTEMS])
def test_families_of_the_five_systems_keep_their_names(name: str) -> None:
    systems = build(SYSTEMS if name == "all" else [name], 5, FROZEN_NOW)
    keys = {str(words[1]).encode() for words in plan(systems, KEYS) if words[0] in CREATES}
    assert_stable(random.Random(1).sample(sorted(keys), len(keys)))


FOUND = {
    "Sidekiq": "stat:processed:{date} stat:failed:{date} uniquejobs:{hex}:LOCKED queue:{id}",
    "Celery and Kombu": "celery-task-meta-{uuid} celery-taskset-meta-{uuid} {uuid}.reply.celery.pidbox unacked",
    "Laravel": "laravel_database_laravel_cache_:{hex} laravel_horizon:{uuid} laravel_database_queues:{id}:reserved",
    "Rails cache": "posts/{int}-{int} _session_id:{int}::{hex} rack::attack:{int}:logins/ip:{ip}",
    "Spring": "spring:session:sessions:{uuid} spring:session:sessions:expires:{uuid} spring:session:expirations:{time}",
    "RQ": "rq:job:{uuid} rq:results:{uuid} rq:job:{uuid}:dependents rq:worker:{hex}",
    "Dramatiq": "dramatiq-results:{hex} dramatiq-results:{id}:{hex}",
    "Discourse": "default:topic_view_{int} default:_CACHE:{id} default:l-rate-limit3:create_topic:{int}",
    "Mastodon": "feed:home:{int} feed:home:{int}:reblogs activity:statuses:local:{time} subscribed:timeline:{int}",
    "Keycloak and Infinispan": "kc:session:{uuid} kc:sessions:master:{uuid} realm/acme/user/{uuid}",
    "bucket4j": "bucket4j:{ip} rate:login:{ip} bucket:{id}",
    "names by the dozen": "tag:{id}:items likes:{int}:{id} counter:{id}:day",
    "glued names": "cert:{id} {id}:users",
}
"""Some of what must be among them."""
