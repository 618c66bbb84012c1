"""A key's shape: what is an id becomes a typed placeholder, what is a word stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.keyshape import MAX_KEY, MAX_PARTS, Shaper, has_placeholder, is_placeholder

UUID = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
TOKEN = "Zk3x9aBcDFdPO4DAx0Zk3"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-x"

OAUTH_PROXY = {
    "service:url:api": "service:url:api",
    "docker_service:web": "docker_service:web",
    "services:external": "services:external",
    "cert:api1-1719302391": "cert:api1-{time}",
    "cert:domain:api.example.com": "cert:domain:api.example.com",
    "cert:status:api1": "cert:status:api1",
    "proxy:api.example.com": "proxy:api.example.com",
    "proxy:client:51222:8080": "proxy:client:{int}:{int}",
    "route:0a1b2c3d4e5f": "route:{hex}",
    "route:unique:/api/v1/users:100": "route:unique:/api/v1/users:{int}",
    "route:priority:100:0a1b2c3d": "route:priority:{int}:{hex}",
    "route:priorities": "route:priorities",
    "oauth:client:client_9f8e7d6c5b4a": "oauth:client:client_{hex}",
    f"oauth:state:{TOKEN}": "oauth:state:{token}",
    f"oauth:code:{MD5}": "oauth:code:{hex}",
    f"oauth:token:{UUID}": "oauth:token:{uuid}",
    f"oauth:refresh:{SHA256}": "oauth:refresh:{hex}",
    "oauth:user_tokens:alice": "oauth:user_tokens:alice",
    f"token:hash:{SHA256}": "token:hash:{hex}",
    "port:8080": "port:{int}",
    "service:ports:api": "service:ports:api",
    "resource:https://api.example.com:8080/v1/mcp": "resource:{url}",
    "events:workflow": "events:workflow",
    "workflow:state:api.example.com": "workflow:state:api.example.com",
    "req:1719302391.123456:10.0.0.1": "req:{time}:{ip}",
    "req:1719302391123:2001:db8::1": "req:{time}:{ip}",
    "idx:req:ip:10.1.2.3": "idx:req:ip:{ip}",
    "idx:req:ip:2001:db8:0:1:2:3:4:5": "idx:req:ip:{ip}",
    "idx:req:ip:fe80::1": "idx:req:ip:{ip}",
    "idx:req:host:api.example.com": "idx:req:host:api.example.com",
    "idx:req:status:404": "idx:req:status:{int}",
    "idx:req:path:GET:/api/v1/items:batchGet": "idx:req:path:GET:/api/v1/items:batchGet",
    "stats:requests:20250602:06": "stats:requests:{date}",
    "stats:unique_ips:api.example.com:20250602:06": "stats:unique_ips:api.example.com:{date}",
}
FAULTMAVEN = {
    "session:sess_ab12cd34ef": "session:sess_{hex}",
    f"session:{UUID}": "session:{uuid}",
    "client_session:user_ab12cd34:browser_0011aabb": "client_session:user_{hex}:browser_{hex}",
    "auth:user:user_ab12cd34": "auth:user:user_{hex}",
    "auth:username:alice": "auth:username:alice",
    "auth:email:alice.b+c@mail.example.com": "auth:email:{email}",
    "auth:user_list": "auth:user_list",
    f"auth:token:{SHA256}": "auth:token:{hex}",
    "auth:token_meta:tok_ab12cd34": "auth:token_meta:tok_{hex}",
    "case:case_ab12cd34:reports:RCA_REPORT": "case:case_{hex}:reports:RCA_REPORT",
    f"report:{UUID}:metadata": "report:{uuid}:metadata",
}
FASTAPI = {
    f"fba:token:1042:{UUID}": "fba:token:{int}:{uuid}",
    "fba:token:admin": "fba:token:admin",
    f"fba:token_online:{UUID}": "fba:token_online:{uuid}",
    "fba:user:lock:7": "fba:user:lock:{int}",
    f"fba:login:captcha:{UUID}": "fba:login:captcha:{uuid}",
    "fba:email:captcha:bob@example.com": "fba:email:captcha:{email}",
    "fba:ip:location:192.0.2.7": "fba:ip:location:{ip}",
    "fba:limiter:/api/v1/auth/login:192.0.2.7": "fba:limiter:/api/v1/auth/login:{ip}",
    f"fba:celery:task-meta:{UUID}": "fba:celery:task-meta:{uuid}",
    "fba:snowflake:nodes:1:2": "fba:snowflake:nodes:{int}:{int}",
}
MIGRATION = {
    f"flow:events:{UUID}": "flow:events:{uuid}",
    f"sse:flow:{UUID}:connections": "sse:flow:{uuid}:connections",
    "sse:connection:connection_ab12cd34": "sse:connection:connection_{hex}",
    f"cache:flow:state:{UUID}": "cache:flow:state:{uuid}",
    f"api:discovery:{UUID}:{MD5}": "api:discovery:{uuid}:{hex}",
    f"celery-task-meta-{UUID}": "celery-task-meta-{uuid}",
    f"rate_limit:{UUID}:28655042": "rate_limit:{uuid}:{int}",
    "rate_limit:global:flows:28655042": "rate_limit:global:flows:{int}",
    f"lock:flow:{UUID}": "lock:flow:{uuid}",
    f"recent:flows:{UUID}": "recent:flows:{uuid}",
}
ARKETIC = {
    f"user:{UUID}:profile": "user:{uuid}:profile",
    "user:1042:permissions": "user:{int}:permissions",
    f"chat:{UUID}:messages": "chat:{uuid}:messages",
    f"ai:response:{SHA256}": "ai:response:{hex}",
    "ai:model:large-3:config": "ai:model:large-{int}:config",
    f"kb:{UUID}:search:{MD5}": "kb:{uuid}:search:{hex}",
    "kb:embedding:ab12cd34:7": "kb:embedding:{hex}:{int}",
    "rate:api:ip:2001:db8::7": "rate:api:ip:{ip}",
    f"rate:ai:{UUID}:monthly": "rate:ai:{uuid}:monthly",
    f"session:refresh:{SHA256}": "session:refresh:{hex}",
}
FRAMEWORKS = {
    # Sidekiq, Resque
    "queue:default": "queue:default",
    "stat:processed:2025-06-02": "stat:processed:{date}",
    "resque:worker:host1:1234:default": "resque:worker:host1:{int}:default",
    "resque:stat:processed": "resque:stat:processed",
    # Celery, kombu
    "_kombu.binding.celery.pidbox": "_kombu.binding.celery.pidbox",
    "unacked_mutex": "unacked_mutex",
    # BullMQ
    "bull:queue:123": "bull:queue:{int}",
    "bull:queue:wait": "bull:queue:wait",
    "{bull}:queue:123:logs": "{bull}:queue:{int}:logs",
    f"bull:queue:repeat:{MD5}:1719302391000": "bull:queue:repeat:{hex}:{time}",
    # Spring Session
    f"spring:session:sessions:{UUID}": "spring:session:sessions:{uuid}",
    f"spring:session:sessions:expires:{UUID}": "spring:session:sessions:expires:{uuid}",
    "spring:session:expirations:1719302400000": "spring:session:expirations:{time}",
    # Laravel
    f"laravel_database_laravel_cache:{MD5}{MD5[:8]}": "laravel_database_laravel_cache:{hex}",
    "laravel_database_queues:default": "laravel_database_queues:default",
    # Django
    f":1:views.decorators.cache.cache_header..{MD5}.en-us.UTC": (
        ":{int}:views.decorators.cache.cache_header..{hex}.en-us.UTC"
    ),
    f":1:template.cache.sidebar.{MD5}": ":{int}:template.cache.sidebar.{hex}",
    # Rails
    f"views/posts/1-20250602123456789/{MD5}": "views/posts/{int}-{int}/{hex}",
    "views/projects/123-20250602143000": "views/projects/{int}-{date}",
    f"rack:session:2::{SHA256}": "rack:session:{int}::{hex}",
    # Symfony, PHP, express-session, WordPress, Next.js
    "sf_s9f86d081884c7d65": "sf_{id}",
    f"PHPREDIS_SESSION:{MD5}": "PHPREDIS_SESSION:{hex}",
    f"sess:{TOKEN}_aaBcD-x01": "sess:{token}",
    "wp:posts:1042": "wp:posts:{int}",
    "nextjs:/blog/my-post": "nextjs:/blog/my-post",
    # hash tags of Redis Cluster
    "{user1000}.following": "{user{int}}.following",
    "user:{1000}:profile": "user:{{int}}:profile",
    "{alice}.cart": "{alice}.cart",
}
IDS = {
    "cart:507f1f77bcf86cd799439011": "cart:{hex}",
    "order:01ARZ3NDEKTSV4RRFFQ69G5FAV": "order:{ulid}",
    "tweet:1234567890123456789": "tweet:{int}",
    "guild:1799999999999999999": "guild:{int}",
    f"jwt:{JWT}": "jwt:{jwt}",
    JWT: "{jwt}",
    "alice@example.com": "{email}",
    "10.0.0.1": "{ip}",
    "limit.10.0.0.1": "limit.{ip}",
    "2001:db8::1": "{ip}",
    "user1042": "user{int}",
    "user_1042_profile": "user_{int}_profile",
    "user-1042-profile": "user-{int}-profile",
    "user|1042|profile": "user|{int}|profile",
    "report/2025-06-02": "report/{date}",
    "log:2025-06-02T12:30:00Z:app": "log:{date}:app",
    f"app/cache/{UUID}": "app/cache/{uuid}",
    "sess_ab12cd34": "sess_{hex}",
}
NO_IDS = {
    "v2:users": "v2:users",
    "sha256:sums": "sha256:sums",
    "http2:base64": "http2:base64",
    "cache:FeatureFlagsServiceV2": "cache:FeatureFlagsServiceV2",
    "a::b": "a::b",
    "cafe:decade:face": "cafe:decade:face",
    "release.2.0": "release.{int}.{int}",
    "1:2:3:4:5:6:7:8": "{int}:{int}:{int}:{int}:{int}:{int}:{int}:{int}",
}


def pattern(key: bytes, delimiter: bytes | None = None) -> str:
    mark, *parts = Shaper(delimiter).shape_of(key)
    return mark.join(parts).decode()


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        item
        for table in (OAUTH_PROXY, FAULTMAVEN, FASTAPI, MIGRATION, ARKETIC, FRAMEWORKS, IDS, NO_IDS)
        for item in table.items()
    ],
)
def test_ids_become_typed_placeholders_and_words_stay(key: str, expected: str) -> None:
    assert pattern(key.encode()) == expected


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (b"", (b":", b"")),
        (b":", (b":", b"", b"")),
        (b"::::", (b":", b"", b"", b"", b"", b"")),
        (b"\x00\xff\xfe", (b":", b"\x00\xff\xfe")),
        (b"user:\xff\xfe:7", (b":", b"user", b"\xff\xfe", b"{int}")),
        ("user:٣".encode(), (b":", b"user", "٣".encode())),
        (b"." * 700, (b".", *[b""] * (MAX_PARTS - 1), b"{rest}")),
        (b"x" * 10_240, (b":", b"{rest}")),
        (b"page:7:" + b"x" * 10_240, (b":", b"page", b"{int}", b"{rest}")),
        (b"b:" * 1000, (b":", *[b"b"] * (MAX_PARTS - 1), b"{rest}")),
    ],
)
def test_odd_keys_have_a_shape_too(key: bytes, shape: tuple[bytes, ...]) -> None:
    assert Shaper().shape_of(key) == shape


def test_keys_that_go_on_beyond_what_is_looked_at_are_no_single_keys() -> None:
    shaper = Shaper()
    long = [shaper.shape_of(b"page:" + b"x" * MAX_KEY + b"%d" % n) for n in range(3)]
    assert len(set(long)) == 1
    assert has_placeholder(long[0][-1])


@pytest.mark.parametrize(
    ("delimiter", "key", "expected"),
    [
        (b"-", f"celery-task-meta-{UUID}", "celery-task-meta-{uuid}"),
        (b"-", f"a-{UUID}", "a-{uuid}"),
        (b"-", "report-2025-06-02", "report-{date}"),
        (b"_", "user_1042_x", "user_{int}_x"),
        (b".", "app.hits.10.0.0.1", "app.hits.{ip}"),
        (b"::", "a:b::c::1", "a:b::c::{int}"),
    ],
)
def test_a_delimiter_of_ones_own_cuts_keys_but_not_ids(delimiter: bytes, key: str, expected: str) -> None:
    assert pattern(key.encode(), delimiter) == expected
    assert Shaper(delimiter).shape_of(key.encode())[0] == delimiter


def test_only_the_delimiter_that_was_asked_for_cuts() -> None:
    assert Shaper(b"/").shape_of(b"a:b/c") == (b"/", b"a:b", b"c")
    assert Shaper(b"/").shape_of(b"a:b") == (b"/", b"a:b")


def test_a_hash_tag_around_a_word_is_not_taken_for_a_placeholder() -> None:
    assert not has_placeholder(b"{alice}")
    assert not is_placeholder(b"{bull}")
    assert has_placeholder(b"{user{int}}")
    assert is_placeholder(b"{int}")
    assert not is_placeholder(b"sess_{hex}")


WORDS = st.sampled_from(
    [
        b"user",
        b"7",
        b"20250602",
        UUID.encode(),
        TOKEN.encode(),
        b"a@b.c",
        b"10.0.0.1",
        b"https://x",
        b"eyJ",
        b"\xff",
        b"",
    ]
)
KEYS = st.one_of(
    st.binary(max_size=700),
    st.lists(
        st.one_of(WORDS, st.sampled_from([b":", b"/", b".", b"-", b"_", b"|", b"{", b"}", b"::"])), max_size=60
    ).map(b"".join),
)
DELIMITERS = st.sampled_from([None, b":", b".", b"-", b"_", b"{", b"::", b"a", b"\xff"])


@given(KEYS, DELIMITERS)
def test_every_key_has_a_shape_of_bounded_size(key: bytes, delimiter: bytes | None) -> None:
    mark, *parts = Shaper(delimiter).shape_of(key)
    assert 1 <= len(parts) <= MAX_PARTS
    assert sum(map(len, parts)) <= 4 * MAX_KEY, "a placeholder for every second byte is the worst"
    assert mark == delimiter or delimiter is None


@given(st.lists(KEYS, max_size=20), DELIMITERS)
def test_a_key_has_the_same_shape_whatever_was_seen_before(keys: list[bytes], delimiter: bytes | None) -> None:
    used = Shaper(delimiter)
    for key in keys:
        used.shape_of(key)
    assert [used.shape_of(key) for key in keys] == [Shaper(delimiter).shape_of(key) for key in keys]


PARTS = st.one_of(
    st.sampled_from([b"user", b"session", b"profile", b"http", b"cafe", b"1", b"20261120", b"07", b"", b"{7}", b"a.b"]),
    st.integers(0, 10**12).map(lambda number: str(number).encode()),
    st.binary(min_size=16, max_size=16).map(lambda data: data.hex().encode()),
    st.binary(min_size=3, max_size=4).map(lambda data: data.hex().encode()),
    st.uuids().map(lambda value: str(value).encode()),
)


@given(st.lists(st.lists(PARTS, min_size=1, max_size=6).map(b":".join), min_size=1, max_size=6))
def test_shapes_met_often_are_found_quickly_and_stay_what_they_were(keys: list[bytes]) -> None:
    practised = Shaper()
    for _ in range(70):
        for key in keys:
            practised.shape_of(key)
    for key in keys:
        assert practised.shape_of(key) == Shaper().shape_of(key)
        for other in (key.replace(b"a", b"g"), key + b"0", key[:-1], key + b":x", key.upper()):
            assert practised.shape_of(other) == Shaper().shape_of(other), other
