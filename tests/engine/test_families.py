"""Many keys tell what one cannot: which positions hold names."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import storm
from tui.demo import SYSTEMS
from tui.demo.fill import CREATES, FROZEN_NOW, build, plan
from tui.engine import alike
from tui.engine.estimate import Sample
from tui.engine.families import MAX_SHAPES, TTL_BOUNDS_MS, Families, Tally
from tui.engine.keyshape import Shaper

PAGE = 200


def paged(keys: Sequence[bytes], size: int = PAGE) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def add(families: Families, keys: Sequence[bytes], ttl: int = -1, size: int = 50) -> None:
    for page in paged(keys):
        families.add_page(page, [b"string"] * len(page), [ttl] * len(page), [size] * len(page))


def survey(keys: Sequence[bytes], seed: int = 1) -> Families:
    """Count these keys in an order by chance, as a scan meets them."""
    families = Families(Shaper())
    add(families, random.Random(seed).sample(keys, len(keys)))
    return families


def patterns(families: Families) -> dict[str, int]:
    """Keys by pattern."""
    return {shape[0].join(shape[1:]).decode(): tally.keys for shape, tally in families.folded().items()}


def names(count: int, seed: int = 1) -> list[str]:
    """Names that no rule can tell from words."""
    chance = random.Random(seed)
    return [
        "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(chance.randint(3, 5))) + f"{end}"
        for end in ("".join(chance.choices("xyzw", k=5)) for _ in range(count))
    ]


def expand(template: str, fillers: Sequence[str]) -> list[bytes]:
    return [template.format(filler).encode() for filler in fillers]


def test_a_crowd_of_names_is_one_family() -> None:
    found = patterns(survey([*expand("auth:username:{}", names(500)), b"auth:user_list"]))
    assert found == {"auth:username:{id}": 500, "auth:user_list": 1}


def test_names_in_the_middle_are_one_family_per_thing_known_of_them() -> None:
    people = names(300)
    found = patterns(survey([key for part in ("cart", "visits") for key in expand(f"u:{{}}:{part}", people)]))
    assert found == {"u:{id}:cart": 300, "u:{id}:visits": 300}


def test_a_crowd_of_hash_tags_around_names_is_one_family() -> None:
    found = patterns(
        survey(expand("{{{}}}.cart", names(500)) + expand("{{bull}}:mail:{}", [str(n) for n in range(99)]))
    )
    assert found == {"{id}.cart": 500, "{bull}:mail:{int}": 99}


def test_namespaces_with_many_keys_each_stay_apart() -> None:
    tenants = names(30)
    keys = [f"tenant:{tenant}:order:{number}".encode() for tenant in tenants for number in range(200)]
    assert patterns(survey(keys)) == {f"tenant:{tenant}:order:{{int}}": 200 for tenant in tenants}


def test_a_few_settings_side_by_side_stay_what_they_are() -> None:
    keys = expand("config:{}", ["theme", "limits", "mail", "flags", "region"])
    assert patterns(survey(keys)) == {key.decode(): 1 for key in keys}


def test_words_at_the_beginning_of_keys_stay() -> None:
    roots = names(60)
    keys = [key for root in roots for key in expand(f"{root}:{{}}", [str(n) for n in range(50)])]
    assert patterns(survey(keys)) == {f"{root}:{{int}}": 50 for root in roots}
    assert set(patterns(survey([root.encode() for root in roots]))) == set(roots)


def test_keys_that_are_nothing_but_names_are_one_family() -> None:
    assert patterns(survey([name.encode() for name in names(5000)])) == {"{id}": 5000}


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (lambda chance: f"s:{chance.randbytes(6).hex()}", "s:{hex}"),
        (lambda chance: f"s:sess_{chance.randbytes(4).hex()}", "s:sess_{hex}"),
        (lambda chance: f"s:{chance.randrange(3 * 10**9, 10**10)}", "s:{int}"),
        (lambda chance: f"s:{chance.randrange(10**17, 10**19)}:x", "s:{int}:x"),
        (lambda chance: f"s:{uuid.UUID(bytes=chance.randbytes(16))}", "s:{uuid}"),
        (lambda chance: "s:" + "".join(chance.choices(BASE64, k=22)), "s:{token}"),
        (lambda chance: "s:" + "".join(chance.choices(BASE64[:62], k=32)), "s:{token}"),
    ],
)
def test_ids_that_look_different_by_chance_join_their_family(
    make: Callable[[random.Random], str], pattern: str
) -> None:
    chance = random.Random(8)
    assert patterns(survey([make(chance).encode() for _ in range(20_000)])) == {pattern: 20_000}


BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_dates_beside_numbers_stay_a_family_of_their_own() -> None:
    days = [f"2025-06-{day:02}" for day in range(1, 29)]
    keys = expand("report:{}", days) + expand("report:{}", [str(n) for n in range(2000)])
    assert patterns(survey(keys)) == {"report:{date}": 28, "report:{int}": 2000}


def test_the_five_systems_are_named_as_their_documents_name_them() -> None:
    commands = plan(build(list(SYSTEMS), 5, FROZEN_NOW), 20_000)
    keys = {str(words[1]).encode() for words in commands if words[0] in CREATES}
    found = patterns(survey(sorted(keys)))
    missing = [pattern for pattern in DOCUMENTED.split() if pattern not in found]
    assert not missing
    assert len(found) < 220, "and little else: what has names of its own"


DOCUMENTED = """
auth:email:{email} auth:token:{hex} auth:token_meta:tok_{hex} auth:user:user_{hex} auth:user_list
auth:user_tokens:user_{hex} auth:username:{id} case:case_{hex}:reports case:case_{hex}:reports:current
client_session:user_{hex}:browser_{hex} session:sess_{hex}
ai:prompt:{hex} ai:response:{hex} chat:{uuid}:messages chat:{uuid}:metadata kb:embedding:{hex}:{int}
kb:{uuid}:documents kb:{uuid}:search:{hex} rate:api:ip:{ip} rate:upload:{uuid} session:refresh:{hex} session:{hex}
user:{uuid}:profile user:{uuid}:permissions
api:discovery:{uuid}:{hex} cache:analysis:{uuid} cache:flow:state:{uuid} celery:queue:default celery:task:{uuid}
engagement:{uuid}:flows flow:meta:{uuid} flow:state:{uuid} lock:flow:{uuid} rate_limit:{uuid}:{int}
rate_limit:tenant:{uuid}:{int} recent:flows:{uuid} session:{uuid} sse:connections sse:flow:{uuid}:connections
fba:celery:task-meta:{uuid} fba:ip:location:{ip} fba:login:captcha:{uuid} fba:limiter:/api/v1/auth/login:{ip}
fba:refresh_token:{int}:{uuid} fba:token:admin fba:token:{int}:{uuid} fba:token_online fba:token_online:{uuid}
fba:user:lock:{int} fba:user:{int}
cert:domain:{id} cert:{id} idx:req:errors idx:req:host:{id} idx:req:ip:{ip} idx:req:status:{int}
oauth:client:client_{hex} oauth:code:{hex} oauth:refresh:{hex} oauth:state:{token} oauth:token:{uuid}
port:{int} proxy:client:{int}:{int} proxy:{id} req:{time}:{ip} resource:{url} route:priorities
route:priority:{int}:{hex} route:unique:{id}:{int} route:{hex} service:url:{id} stats:unique_ips:{id}:{date}
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda chance: "".join(chance.choices("bcdfghjk", k=9)),
        lambda chance: "who:" + "".join(chance.choices("bcdfghjk", k=9)),
        lambda chance: "{" + "".join(chance.choices("bcdfghjk", k=9)) + "}.cart",
        lambda chance: ":".join("".join(chance.choices("bcdfghjk", k=3)) for _ in range(chance.randint(1, 14))),
        lambda chance: "".join(chance.choices("ab1-_:/.|{}@", k=30)),
        lambda chance: (
            f"w{chance.choice('bcdfgh')}:v{chr(300 + chance.randrange(90))}:u{chr(300 + chance.randrange(90))}:7"
        ),
        lambda chance: ":".join(
            chance.choices(["1", "2025-01-01", "10.0.0.1", "ab12cd34ef", "1719302391", "a@b.c"], k=9)
        ),
    ],
)
def test_100_000_different_words_take_bounded_memory_and_none_is_lost(make: Callable[[random.Random], str]) -> None:
    chance = random.Random(3)
    families = Families(Shaper())
    for _ in range(100_000 // PAGE):
        add(families, [make(chance).encode() for _ in range(PAGE)])
        assert len(families._tallies) <= MAX_SHAPES
    assert families.total().keys == sum(patterns(families).values()) == 100_000
    assert len(families._crowds.crowded) + len(families._crowds.apart) + len(families._given_up) <= 10 * MAX_SHAPES


def test_what_is_found_early_stays_when_names_overflow() -> None:
    families = Families(Shaper())
    add(families, [*expand("user:{}:profile", [str(n) for n in range(500)]), b"app:version"])
    for seed in range(30):
        add(families, expand("who:{}", names(1000, seed)))
    found = patterns(families)
    assert found["user:{int}:profile"] == 500
    assert found["app:version"] == 1
    assert found["who:{id}"] == 30_000


ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            [f"{a}:{b}:{c}".encode() for a in "pqr" for b in "abcdefghijkl" for c in ("x", "7", "ff00aa1")]
        ),
        st.sampled_from([b"string", b"hash", b"stream"]),
        st.integers(-1, 10**9),
        st.integers(0, 10**6),
    ),
    max_size=300,
)


@settings(max_examples=40)
@given(ROWS)
def test_folding_changes_names_and_never_totals(rows: list[tuple[bytes, bytes, int, int]]) -> None:
    families = Families(Shaper())
    for start in range(0, len(rows), 50):
        columns = list(zip(*rows[start : start + 50], strict=True))
        families.add_page(*columns)
    folded = Tally()
    for tally in families.folded().values():
        folded.absorb(tally)
    for total in (folded, families.total()):
        assert total.keys == len(rows) == families.pages.keys
        assert total.size == sum(size for *_, size in rows)
        assert total.no_ttl == sum(ttl < 0 for _, _, ttl, _ in rows)
        assert total.keys == total.no_ttl + sum(total.ttl_buckets)
        assert total.types.total() == len(rows)
        assert total.ttl_sum_ms == sum(ttl for _, _, ttl, _ in rows if ttl >= 0)
        assert total.ttl_max_ms == max([ttl for _, _, ttl, _ in rows if ttl >= 0], default=0)


def test_looking_does_not_disturb_counting() -> None:
    keys = expand("auth:username:{}", names(400))
    looked, counted = Families(Shaper()), Families(Shaper())
    for page in paged(keys):
        add(looked, page)
        looked.folded()
        add(counted, page)
    assert patterns(looked) == patterns(counted)


def test_a_ttl_lands_in_the_bucket_it_is_at_most() -> None:
    families = Families(Shaper())
    for bound in TTL_BOUNDS_MS:
        add(families, [b"k"], ttl=bound - 1)
    add(families, [b"k"], ttl=10**12)
    assert families.total().ttl_buckets == [1] * (len(TTL_BOUNDS_MS) + 1)


def test_families_stay_as_more_of_the_same_is_read() -> None:
    """From what the first picture rests on (some thousand keys) to the end of the pass."""
    chance, people, tenants = random.Random(2), names(2000), names(20, 9)
    makers: list[Callable[[], str]] = [
        lambda: f"session:{chance.randbytes(8).hex()}",
        lambda: f"auth:username:{chance.choice(people)}",
        lambda: f"u:{chance.choice(people)}:{chance.choice(['cart', 'visits'])}",
        lambda: f"tenant:{chance.choice(tenants)}:{chance.randrange(10**6)}",
        lambda: f"cert:{chance.choice(people)}-{chance.randrange(10**6)}",
        lambda: f"page:/{chance.choice(people)}/{chance.choice(people)}",
    ]
    families = Families(Shaper())
    add(families, [chance.choice(makers)().encode() for _ in range(4000)])
    first = set(patterns(families))
    for _ in range(40):
        add(families, [chance.choice(makers)().encode() for _ in range(2000)])
        assert set(patterns(families)) == first


def test_a_folded_family_knows_how_sure_it_is() -> None:
    """Each name alone says nothing about the variance; together they vary as one family that no rule had to fold."""
    chance = random.Random(1)
    people = iter(names(20_000))
    families = Families(Shaper())
    add(families, [(f"n:{next(people)}" if chance.random() < 0.5 else "i:7").encode() for _ in range(10_000)])
    sample = Sample.alike(families.pages, 100_000)
    errors = {shape[1]: sample.error(tally.keys, tally.spread) for shape, tally in families.folded().items()}
    assert errors[b"n"] == pytest.approx(errors[b"i"]), "of two families that make up all keys, one varies as the other"
    assert 500 < errors[b"n"] < 1500


def test_thousands_of_shapes_that_nothing_has_in_common_cost_no_more_than_some_hundred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    taker = alike.taker

    def counting(part: bytes) -> Callable[[bytes], bool]:
        takes = taker(part)

        def count(other: bytes) -> bool:
            nonlocal compared
            compared += 1
            return takes(other)

        return count

    monkeypatch.setattr(alike, "taker", counting)
    keys = [b"storm:" + one for one in storm(2 * MAX_SHAPES)]
    families = Families(Shaper())
    add(families, keys)
    folded = families.folded()
    assert sum(tally.keys for tally in folded.values()) == len(keys)
    assert 0 < compared < 500_000, "each with each would be sixteen million"
