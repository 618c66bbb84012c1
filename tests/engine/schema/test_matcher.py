"""Which family a key belongs to, and which schemas a keyspace looks like."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drifting import BUILT_IN
from tui.demo import SYSTEMS
from tui.demo.fill import CREATES, FROZEN_NOW, build, plan
from tui.engine import keyshape
from tui.engine.estimate import Sample
from tui.engine.families import Families
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Keyspace, family_of
from tui.engine.schema.file import read_schema
from tui.engine.schema.matcher import _SAMPLES, Matcher, _ranked
from tui.engine.schema.model import Family, Schema
from tui.engine.schema.suggest import LEAST_KEYS, Suggester

ALL = Matcher(list(BUILT_IN.values()))


@cache
def keys_of(name: str, keys: int = 4000) -> tuple[bytes, ...]:
    """All keys of database 0 that a system writes."""
    found: dict[bytes, None] = {}
    database = 0
    for command in plan(build([name], 1, FROZEN_NOW), keys):
        if command[0] == "SELECT":
            database = int(command[1])
        elif database == 0 and command[0] in {*CREATES, "XADD"}:
            found[str(command[1]).encode()] = None
    return tuple(found)


def picture(keys: Iterable[bytes], *, seen: float = 1.0) -> Keyspace:
    """What a survey makes of these keys, having read a part of them."""
    names = list(keys)
    some = random.Random(1).sample(names, round(seen * len(names)))
    families = Families(Shaper())
    for start in range(0, len(some), 200):
        page = some[start : start + 200]
        families.add_page(page, [b"string"] * len(page), [-1] * len(page), [50] * len(page))
    whole = len(names)
    folded = families.folded().items()
    found = tuple(family_of(*one, Sample.alike(families.pages, whole), sized=True) for one in folded) if some else ()
    return Keyspace(found, whole, len(some), seen == 1.0, None, (), 0, (), (), ())


def slowly(matcher: Matcher, key: bytes) -> Family | None:
    """What `family_of` has to answer, one pattern after the other."""
    literal = next((family for family in matcher.families if family.pattern.literal == key), None)
    ranked = sorted(_ranked(matcher.families), key=lambda item: item[0].rank)
    return literal or next((family for pattern, family in ranked if pattern.fits(key)), None)


# --- keys


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_key_of_a_system_belongs_to_its_schema(name: str) -> None:
    matcher = Matcher([BUILT_IN[name]])
    assert [key for key in keys_of(name) if matcher.family_of(key) is None] == []


@pytest.mark.parametrize("name", SYSTEMS)
def test_with_all_five_schemas_every_key_still_belongs_to_its_own(name: str) -> None:
    wrong = [key for key in keys_of(name) if (found := ALL.family_of(key)) is None or found.schema != name]
    assert wrong == []


@pytest.mark.parametrize(
    ("key", "label"),
    [
        (b"oauth:token:9b1deb4d", "oauth:token:{jti}"),
        (b"token:hash:ab", "token:hash:{hash}"),
        (b"token:hash", "token:{name}"),
        (b"route:unique:/a:b:c:10", "route:unique:{path}:{priority}"),
        (b"resource:https://a.example:8443/mcp", "resource:{uri}"),
        (b"req:1748845867000:2001:db8::1", "req:{timestamp}:{client_ip}"),
        (b"idx:req:path:GET:/a:b", "idx:req:path:{method}:{path}"),
        (b"stats:unique_ips:a.example:20250602:06", "stats:unique_ips:{hostname}:{YYYYMMDD:HH}"),
        (b"rate_limit:sliding:u1", "rate_limit:sliding:{user_id}"),
        (b"rate_limit:u1:29147431", "rate_limit:{user_id}:{minute}"),
        (b"rate:api:global:chat", "rate:api:global:{endpoint}"),
        (b"rate:api:u1:chat", "rate:api:{user_id}:{endpoint}"),
        (b"rate:api:ip:2001:db8::1", "rate:api:ip:{ip}"),
        (b"case:c1:reports:current", "case:{case_id}:reports:current"),
        (b"case:c1:reports:RUNBOOK", "case:{case_id}:reports:{type}"),
        (b"fba:token:admin", "fba:token:{name}"),
        (b"celery-task-meta-9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "celery-task-meta-{task_id}"),
        (b"_kombu.binding.celery", "_kombu.binding.{queue}"),
        (b"celery", "celery"),
        (b"unknown:thing", None),
        (b"oauth:token", None),
        (b"", None),
        (b":", None),
    ],
)
def test_the_pattern_that_says_most_wins(key: bytes, label: str | None) -> None:
    found = ALL.family_of(key)
    assert (found.label if found else None) == label


@pytest.mark.parametrize(
    ("key", "schema"),
    [
        (b"session:sess_abc123", "faultmaven"),
        (b"session:9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "migration-platform"),
        (b"session:9f3c21ab77de", "arketic"),
        (b"session:anything", "fourth"),
    ],
)
def test_colliding_families_are_told_apart_by_what_they_usually_look_like(key: bytes, schema: str) -> None:
    order = [BUILT_IN[name] for name in ("faultmaven", "migration-platform", "arketic")]
    for schemas in (order, order[::-1]):
        found = Matcher(schemas).all_of(key)
        assert {family.schema for family in found} == {"faultmaven", "migration-platform", "arketic"}
        assert found[0].schema == (schemas[0].name if schema == "fourth" else schema)


@given(st.one_of(st.sampled_from([key for name in SYSTEMS for key in keys_of(name)[:600]]), st.binary()), st.data())
@settings(max_examples=400, deadline=None)
def test_the_one_expression_answers_as_the_patterns_one_by_one(key: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(key)))
    for changed in (key, key[:cut], key + b":x", key[:cut] + data.draw(st.sampled_from([b":", b"\xff", b"{", b""]))):
        assert ALL.family_of(changed) is slowly(ALL, changed)


def test_a_key_takes_about_a_microsecond() -> None:
    keys = [key for name in SYSTEMS for key in keys_of(name)]
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for key in keys:
            ALL.family_of(key)
        best = min(best, (time.perf_counter() - started) / len(keys))
    assert best < 4e-6, "a regular expression per family would take 30 microseconds"


@pytest.mark.parametrize("key", [b"req:" + b"1:" * 50_000, b"route:unique:" + b":" * 100_000, b"oauth:" * 40_000])
def test_a_nasty_key_takes_no_longer_than_its_length(key: bytes) -> None:
    started = time.process_time()
    ALL.all_of(key)
    assert time.process_time() - started < 0.5


def test_a_schema_with_another_delimiter(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        "title = 't'\ndelimiter = '/'\n[families.a]\npattern = 'app/cache/{id}'\npurpose = 'p'\n"
        "[families.b]\npattern = '{tenant}/users'\npurpose = 'p'\n"
    )
    matcher = Matcher([*BUILT_IN.values(), read_schema(tmp_path / "mine.toml")])
    assert [family.name for family in matcher.all_of(b"app/cache/a:b")] == ["a"]
    assert [family.name for family in matcher.all_of(b"x:y/users")] == ["b"]
    assert matcher.of_shape(("/", "app", "cache", "{uuid}"))[0].name == "a"


# --- shapes


def test_every_placeholder_of_the_survey_has_an_example() -> None:
    known = {part.strip(b"{}").decode() for part in keyshape._PLACEHOLDERS}
    assert known == set(_SAMPLES)
    for name, samples in _SAMPLES.items():
        shapes = {Shaper().shape_of(b"key:" + sample) for sample in samples}
        assert name in {"id", "rest"} or any(f"{{{name}}}".encode() in b":".join(shape[1:]) for shape in shapes), name


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_families_of_a_survey_find_their_schema(name: str) -> None:
    matcher = Matcher([BUILT_IN[name]])
    lost = {family.pattern for family in picture(keys_of(name)).families if not matcher.of_shape(family.shape)}
    assert lost == set()


def test_a_family_found_by_its_shape_is_that_of_its_keys() -> None:
    for name in SYSTEMS:
        shaper = Shaper()
        for key in keys_of(name):
            shape = shaper.shape_of(key)
            family, by_shape = ALL.family_of(key), ALL.of_shape([part.decode() for part in shape])
            assert family in by_shape[:1], (key, shape)


def test_the_shape_of_a_strange_key_is_unknown() -> None:
    assert ALL.of_shape((":", "foo", "{int}")) == ()
    assert ALL.of_shape((":", "\\x1b[2J")) == ()
    assert [family.label for family in ALL.of_shape((":", "token", "\\x1b[2J"))] == ["token:{name}"]


# --- suggestions


def suggested(keyspace: Keyspace, active: Sequence[str] = ()) -> list[str]:
    return [one.schema.name for one in Suggester(list(BUILT_IN.values())).suggest(keyspace, active)]


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("keys", [0, 20_000])
def test_each_system_alone_is_recognized_and_no_other(name: str, keys: int) -> None:
    assert suggested(picture(keys_of(name, keys))) == [name]


def test_all_five_together_are_recognized() -> None:
    keys = [key for name in SYSTEMS for key in keys_of(name)]
    assert sorted(suggested(picture(keys))) == sorted(SYSTEMS)
    assert suggested(picture(keys), active=SYSTEMS[1:]) == [SYSTEMS[0]]


def test_a_quarter_of_the_keyspace_is_enough() -> None:
    for name in SYSTEMS:
        assert suggested(picture(keys_of(name), seen=0.25)) == [name]


def test_the_suggestion_says_how_much_fits() -> None:
    (one,) = Suggester([BUILT_IN["arketic"]]).suggest(picture(keys_of("arketic")))
    assert one.sentence == f"looks like arketic: {one.present} of 23 families"
    assert one.present > 20
    assert one.keys > 1000


FOREIGN = {
    "django": [f":1:views.decorators.cache.cache_page.{n:032x}" for n in range(300)]
    + [f":1:django.contrib.sessions.cache{n:032x}" for n in range(300)],
    "sidekiq": [
        "queues",
        "queue:default",
        "schedule",
        "retry",
        "dead",
        *(f"stat:processed:2025-06-{n:02}" for n in range(1, 30)),
    ],
    "bull": [f"bull:mail:{n}" for n in range(400)] + ["bull:mail:id", "bull:mail:wait", "bull:mail:meta"],
    "shop": [
        key.format(n)
        for n in range(100)
        for key in ("user:{}:profile", "session:{}", "cart:{}", "token:{}", "cache:page:{}", "lock:order:{}")
    ],
    "chat": [
        key.format(n)
        for n in range(100)
        for key in ("user:{}:profile", "user:{}:preferences", "session:{}", "session:user:{}", "chat:{}:messages")
    ],
    "laravel": [f"laravel_database_laravel_cache:{n:040x}" for n in range(300)],
    "proxy": [key.format(n) for n in range(60) for key in ("route:{}", "cert:{}", "proxy:{}", "port:{}", "token:{}")],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_layout_is_left_alone(name: str) -> None:
    assert suggested(picture(key.encode() for key in FOREIGN[name])) == []


def test_an_empty_or_tiny_keyspace_is_left_alone() -> None:
    assert suggested(picture([])) == []
    examples: dict[Family, bytes] = {}
    for key in keys_of("oauth-proxy"):
        family = ALL.family_of(key)
        assert family is not None
        examples.setdefault(family, key)
    few = list(examples.values())[: LEAST_KEYS - 1]
    assert len(few) > 20
    assert suggested(picture(few)) == []


def test_families_that_should_be_gone_speak_for_nothing() -> None:
    old = [f"case:case_{n:08x}" for n in range(99)] + [f"user:user_{n:08x}:cases" for n in range(99)] + ["case_index"]
    assert suggested(picture(key.encode() for key in old)) == []


def test_an_own_schema_can_be_suggested_as_well(tmp_path: Path) -> None:
    families = "".join(f"[families.f{n}]\npattern = 'mine:f{n}:{{id}}'\npurpose = 'p'\n" for n in range(6))
    (tmp_path / "mine.toml").write_text("title = 't'\n" + families)
    schema: Schema = read_schema(tmp_path / "mine.toml")
    keys = [f"mine:f{n}:{i}".encode() for n in range(6) for i in range(10)]
    assert [one.sentence for one in Suggester([schema]).suggest(picture(keys))] == ["looks like mine: 6 of 6 families"]
    assert re.fullmatch("looks like mine: 5 of 6 families", Suggester([schema]).suggest(picture(keys[10:]))[0].sentence)
