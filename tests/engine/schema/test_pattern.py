"""Patterns and what they say of keys: any bytes, both ways, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.schema.forms import FORMS, form_of
from tui.engine.schema.pattern import Pattern
from tui.engine.schema.source import claims, source_of

UUID = b"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("oauth:token:{jti}", b"oauth:token:abc", {"jti": b"abc"}),
        ("oauth:token:{jti}", b"oauth:token:a:b", None),
        ("oauth:token:{jti}", b"oauth:token:", None),
        ("oauth:token:{jti}", b"xoauth:token:a", None),
        ("oauth:token:{jti}", b"oauth:token:\xff\n\x00", {"jti": b"\xff\n\x00"}),
        ("stats:{host}:{YYYYMMDD:HH}", b"stats:a.b:20250602:07", {"host": b"a.b", "YYYYMMDD:HH": b"20250602:07"}),
        ("stats:{host}:{YYYYMMDD:HH}", b"stats:a.b:2025:07", None),
        ("pair:{a:b}", b"pair:x:y", {"a:b": b"x:y"}),
        ("pair:{a:b}", b"pair:x", None),
        ("proxy:{port}:{port}", b"proxy:1:2", {"port": b"1"}),
        ("task-meta-{id}", b"task-meta-" + UUID, {"id": UUID}),
        ("{{tag}}:{id}", b"{tag}:7", {"id": b"7"}),
        (r"a\x00:{id}", b"a\x00:7", {"id": b"7"}),
        ("case_index", b"case_index", {}),
        ("case_index", b"case_index2", None),
    ],
)
def test_what_the_placeholders_of_a_pattern_stand_for(text: str, key: bytes, values: dict[str, bytes] | None) -> None:
    pattern = Pattern(text)
    assert pattern.variables(key) == values
    assert pattern.fits(key) is (values is not None)


@pytest.mark.parametrize(
    ("text", "form", "key", "fits"),
    [
        ("r:{uri}", "rest", b"r:https://a:80/b", True),
        ("r:{path}:{n}", "rest", b"r:/a:b:c:7", True),
        ("r:{id}", "int", b"r:17", True),
        ("r:{id}", "int", b"r:1x", False),
        ("r:{id}", "uuid", b"r:" + UUID, True),
        ("r:{id}", "sha256", b"r:" + b"a" * 64, True),
        ("r:{id}", "hash", b"r:plain-token", False),
        ("r:{id}", "ip", b"r:2001:db8::1", True),
        ("r:{id}", "sess_*", b"r:sess_x", True),
        ("r:{id}", "sess_*", b"r:x", False),
        ("r:{id}", ["flow", "import"], b"r:flow", True),
        ("r:{id}", ["flow", "import"], b"r:flows", False),
    ],
)
def test_a_placeholder_may_ask_for_a_form(text: str, form: str | list[str], key: bytes, fits: bool) -> None:
    first = Pattern(text).placeholders[0].name
    assert Pattern(text, where={first: form_of(form)}).fits(key) is fits


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "empty"),
        ("a:{}", "no name"),
        ("a:{1}", "begins with a letter"),
        ("a:{b", "brace"),
        ("a:b}", "brace"),
        ("a:{b}{c}", "share a segment"),
        ("a:{b}-{c}", "share a segment"),
        ("a\\q:{b}", "backslash"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused_in_a_phrase(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Pattern(text)


def test_only_one_placeholder_may_reach_over_any_number_of_segments() -> None:
    rest = FORMS["rest"]
    with pytest.raises(ValueError, match="only one"):
        Pattern("a:{b}:{c}", where={"b": rest, "c": rest})


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_a_key_and_its_values_are_two_ways_to_say_the_same(user: bytes, session: bytes) -> None:
    pattern = Pattern("fba:token:{user}:{session}")
    key = pattern.fill({"user": user, "session": session, "more": b"x"})
    if b":" in user + session:
        assert key is None
    else:
        assert key == b"fba:token:" + user + b":" + session
        assert pattern.variables(key) == {"user": user, "session": session}


@given(st.binary())
def test_any_key_is_answered_and_masked_as_safe_text(key: bytes) -> None:
    pattern = Pattern("a:{b}:{c}", where={"c": FORMS["rest"]})
    fits = key.startswith(b"a:") and b":" in key[2:] and key[2:3] != b":" and key.partition(b":")[2].partition(b":")[2]
    assert pattern.fits(key) is bool(fits)
    assert pattern.masked(key, {"b"}).isprintable()


def test_masking_leaves_what_is_no_secret() -> None:
    pattern = Pattern("oauth:refresh:{token}:{n}")
    shown = pattern.masked(b"oauth:refresh:0123456789abcdef:7", {"token"})
    assert shown.startswith("oauth:refresh:0123…")
    assert shown.endswith(":7")
    assert "456789" not in shown
    assert "456789" not in pattern.masked(b"other:0123456789abcdef", {"token"})


@pytest.mark.parametrize(
    ("specific", "general"),
    [
        ("token:hash", "token:{name}"),
        ("a:b:{x}", "a:{x}:b"),
        ("celery-{x}", "{y}"),
    ],
)
def test_what_says_more_ranks_before_what_says_less(specific: str, general: str) -> None:
    assert Pattern(specific).rank < Pattern(general).rank


@pytest.mark.parametrize(
    "key",
    [b"r:" + b":" * 200_000, b"r:" + b"1:" * 100_000, b"r:" + b"1" * 300_000 + b"x", b"r:" + b"a:1" * 60_000 + b":"],
)
def test_a_nasty_key_takes_no_longer_than_its_length(key: bytes) -> None:
    patterns = (
        Pattern("r:{path}:{n}", where={"path": FORMS["rest"], "n": FORMS["int"]}),
        Pattern("r:{path}:{n}", where={"path": FORMS["rest"]}),
        Pattern("r:{a}:{b}:{c}:{d}:{e}"),
    )
    started = time.process_time()
    for pattern in patterns:
        pattern.fits(key)
    assert time.process_time() - started < 0.5


# --- where names are found


@pytest.mark.parametrize(
    ("source", "value", "told"),
    [
        ("value", b" user_1\n", b"user_1"),
        ("value", b"", None),
        ("json:user", b'{"user": "ann"}', b"ann"),
        ("json:user.id", b'{"user": {"id": 17}}', b"17"),
        ("json:user", b'{"user": {"id": 17}}', None),
        ("json:user", b'{"user": true}', None),
        ("json:user", b'["user"]', None),
        ("json:user", b'{"user": "ann", "log": "cut o', b"ann"),
        ("json:user", b'{"user": 17, "log": "cut o', b"17"),
        ("json:user", b'{"user": "\\u00e9", "log": "cut o', "é".encode()),
        ("json:user", b"\xff\xfe", None),
        ("json:user", {b"user": b"ann"}, b"ann"),
        ("field:user", {b"user": b"ann"}, b"ann"),
        ("field:user", b'{"user": "ann"}', None),
        ("jwt:sub", b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2ln", b"17"),
        ("jwt:sub", b"a.b.c", None),
    ],
)
def test_what_a_place_in_a_value_tells(source: str, value: bytes | dict[bytes, bytes], told: bytes | None) -> None:
    assert source_of(source).of_value(value) == told


@given(st.binary())
def test_a_value_of_any_bytes_is_answered(value: bytes) -> None:
    for source in ("value", "json:a.b", "field:a", "jwt:sub"):
        found = source_of(source).of_value(value)
        assert found is None or isinstance(found, bytes)
    assert isinstance(claims(value), dict)


@pytest.mark.parametrize("text", ["", "json", "json:", "value:x", "raw", "sha256", "nowhere:x"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place to look"):
        source_of(text)
