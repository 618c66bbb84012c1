"""Schema files: what the five say, and one sentence with file, table and field for whatever is wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.drifting import BUILT_IN
from tui.demo import SYSTEMS
from tui.engine.schema.catalog import Catalog
from tui.engine.schema.file import read_schema
from tui.engine.schema.model import SchemaError
from tui.engine.thresholds import USUAL, Thresholds, together

GOOD = 'title = "t"\n[families.a]\npattern = "a:{id}"\npurpose = "p"\n'


def complaint(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(SchemaError) as caught:
        read_schema(file)
    sentence = str(caught.value)
    assert str(file) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence.replace(str(file), "FILE")


def test_a_system_of_the_demo_has_a_schema() -> None:
    assert set(BUILT_IN) == set(SYSTEMS)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("title = 't'", ("describes no family", "[families.NAME]")),
        ("title = ", ("not valid TOML",)),
        (GOOD.replace('title = "t"', ""), ("FILE:", "`title` is missing")),
        ("titel = 't'\n" + GOOD, ("FILE:", "unknown field `titel`", "title")),
        ("delimiter = ''\n" + GOOD, ("FILE:", "`delimiter`", "empty")),
        ("bytes = [9, 1]\n" + GOOD, ("FILE:", "`bytes`", "smaller one first")),
        (GOOD.replace('purpose = "p"', ""), ("[families.a]", "`purpose` is missing")),
        (GOOD + "typ = 'set'", ("[families.a]", "unknown field `typ`", "type")),
        (GOOD + "type = 'sett'", ("[families.a]", "`type`", "'sett'", "zset")),
        (GOOD + "type = 3", ("[families.a]", "`type`", "text")),
        (GOOD + "ttl = 'soon'", ("[families.a]", "`ttl`", "`required`", "number of seconds")),
        (GOOD + "ttl = -1", ("[families.a]", "`ttl.seconds`", "0 or more")),
        (GOOD + "ttl = {}", ("[families.a]", "`ttl`", "`seconds` or `at_most`")),
        (GOOD + "ttl = { seconds = 1, at_most = 2 }", ("[families.a]", "`ttl`")),
        (GOOD + "ttl = { second = 1 }", ("[families.a]", "unknown field `second` in `ttl`")),
        (GOOD + "where = { x = 'int' }", ("[families.a]", "`pattern`", "{x}")),
        (GOOD + "must = { x = 'int' }", ("[families.a]", "`must`", "{x}")),
        (GOOD + "must = { id = 'inte' }", ("[families.a]", "`must.id`", "'inte'", "uuid")),
        (GOOD + "where = { id = 3 }", ("[families.a]", "`where.id`", "text")),
        (GOOD + "where = { id = [] }", ("[families.a]", "`where.id`", "words")),
        (GOOD + "secret = 'x'", ("[families.a]", "`secret`", "{x}")),
        (GOOD + "value = 'jwtt'", ("[families.a]", "`value`", "`jwt`")),
        (GOOD + "tells = { user = 'jsn:x' }", ("[families.a]", "`tells.user`", "json:NAME")),
        (GOOD + "keys = [5, 1]", ("[families.a]", "`keys`")),
        (GOOD + "keys = [1, 2, 3]", ("[families.a]", "`keys`", "length 2")),
        (GOOD + "groups = ['g']", ("[families.a]", "`groups`", "stream")),
        (GOOD + "sensitive = 1", ("[families.a]", "`sensitive`", "true or false")),
        (GOOD.replace("a:{id}", "a:{id"), ("[families.a]", "`pattern`", "brace")),
        (GOOD + GOOD.replace("families.a", "families.b").removeprefix('title = "t"'), ("[families.b]", "[families.a]")),
        ("families = 3\ntitle = 't'", ("`families`", "[families.NAME]")),
        (GOOD + "[indexes.i]\nfamily = 'x'\nholds = 'id'\nof = 'a'", ("[indexes.i]", "`family`", "'x'")),
        (GOOD + "[indexes.i]\nfamily = 'a'\nholds = 'id'\nof = 'a'", ("[indexes.i]", "`family`", "`type`")),
        (GOOD + "type='set'\n[indexes.i]\nfamily='a'\nholds='u'\nof='a'", ("[indexes.i]", "`holds`", "'u'")),
        (GOOD + "[tokens.t]\npurpose='p'\nuser='u'\ngrants=['a']", ("[tokens.t]", "`user`", "'u'", "[families.a]")),
        (GOOD + "[tokens.t]\npurpose='p'\nuser='id'\ngrants=[]", ("[tokens.t]", "`grants`")),
        (GOOD + "[tokens.t]\npurpose='p'\nuser='id'\ngrants=['a']\nindexes=['i']", ("[tokens.t]", "`indexes`", "'i'")),
        (GOOD + "[tokens.t]\npurpose='p'\nuser='id'\ngrants=['a']\nraw={a={}}", ("[tokens.t]", "`raw.a`", "{id}")),
        (GOOD + "[tokens.t]\npurpose='p'\nuser='id'\ngrants=['a']\nraw={a={id='json:x'}}", ("`raw.a.id`", "raw")),
        (GOOD + "[channels.c]\npattern = 'x'", ("[channels.c]", "`purpose` is missing")),
        (GOOD + "[forbidden.f]\nprefix = 'x'", ("[forbidden.f]", "`why` is missing")),
        (GOOD + "[thresholds]\nhit_rate = 2", ("[thresholds]", "`hit_rate`", "from 0 to 1")),
        (GOOD + "[thresholds]\nhitrate = 0.5", ("[thresholds]", "unknown field `hitrate`")),
    ],
)
def test_a_mistake_gets_a_sentence_with_file_table_and_field(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    sentence = complaint(tmp_path, text)
    for part in parts:
        assert part in sentence


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"nowhere\.toml does not exist"):
        read_schema(tmp_path / "nowhere.toml")
    with pytest.raises(SchemaError, match="cannot be read"):
        read_schema(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SchemaError, match="UTF-8"):
        read_schema(tmp_path / "binary.toml")
    (tmp_path / "big.toml").write_text("#" * 2_000_000)
    with pytest.raises(SchemaError, match="too big"):
        read_schema(tmp_path / "big.toml")


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD + "[thresholds]\nhit_rate = 0.7")
    schema = read_schema(tmp_path / "mine.toml")
    (family,) = schema.families
    assert (schema.name, family.ttl.said, family.types, family.pattern.delimiter) == ("mine", "any", (), b":")
    thresholds = schema.thresholds
    assert (thresholds.hit_rate, thresholds.memory_warning, thresholds.memory_critical) == (0.7, 0.8, 0.9)
    assert thresholds.said == {"hit_rate"}


def test_of_several_schemas_what_each_says_counts_and_the_strictest_where_they_differ() -> None:
    def of(**said: float | bool) -> Thresholds:
        return replace(USUAL, **said, said=frozenset(said))  # type: ignore[arg-type]  # numbers and a switch

    one, other = of(memory_warning=0.7, hit_rate=0.3, evictions=True), of(memory_warning=0.8, hit_rate=0.4)
    both = together([one, USUAL, other])
    assert (both.memory_warning, both.hit_rate, both.evictions) == (0.7, 0.4, True)
    assert both.memory_critical == USUAL.memory_critical, "nobody has said anything of it"
    assert not together([one, of(evictions=False)]).evictions
    assert together([]) == USUAL


@pytest.mark.parametrize(
    ("said", "bounds", "words"),
    [
        ("'none'", (-1, -1), "none"),
        ("'required'", (0, 1 << 62), "required"),
        ("'any'", (-1, 1 << 62), "any"),
        ("30", (0, 31_000), "30s"),
        ("{ seconds = 300, tolerance = 10 }", (0, 310_000), "5m"),
        ("{ at_most = 86400 }", (0, 86_401_000), "at most 1d"),
        ("{ at_most = 7776000, required = false, tolerance = 0 }", (-1, 7_776_000_000), "none or at most 90d"),
    ],
)
def test_ttl_policies(tmp_path: Path, said: str, bounds: tuple[int, int], words: str) -> None:
    (tmp_path / "mine.toml").write_text(GOOD + f"ttl = {said}")
    ttl = read_schema(tmp_path / "mine.toml").families[0].ttl
    assert (ttl.bounds_ms, ttl.said) == (bounds, words)


def test_reading_survives_garbage_collection_at_any_moment() -> None:
    # With msgspec.Meta in the tables, this ended the interpreter.
    code = (
        "import gc; from tui.engine.schema.catalog import Catalog; gc.set_threshold(1); "
        "print(len(Catalog().built_in()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr


# --- the catalog


def test_schemas_are_found_by_name_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    catalog = Catalog(tmp_path)
    file = str(tmp_path / "mine.toml")
    names = [schema.name for schema in catalog.load(["oauth-proxy", "mine", file, "arketic"])]
    assert names == ["oauth-proxy", "mine", "arketic"]


def test_an_own_schema_stands_before_a_built_in_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "arketic.toml").write_text(GOOD)
    (schema,) = Catalog(tmp_path).load(["arketic"])
    assert schema.file.parent == tmp_path
    entry = next(entry for entry in Catalog(tmp_path).entries() if entry.name == "arketic")
    assert not entry.built_in


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "arketic.toml").write_text(GOOD)
    with pytest.raises(SchemaError, match="same name"):
        Catalog().load(["arketic", str(tmp_path / "arketic.toml")])


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(SchemaError, match="did you mean 'oauth-proxy'"):
        Catalog().load(["oauthproxy"])
    with pytest.raises(SchemaError, match="there are arketic, "):
        Catalog().load(["zzz"])


def test_a_broken_file_is_listed_with_its_problem(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("title = 3")
    entry = next(entry for entry in Catalog(tmp_path).entries() if entry.name == "broken")
    assert entry.schema is None
    assert entry.problem
    assert "broken.toml" in entry.problem


# --- what the five say


def test_what_grants_goes_first_and_the_index_last() -> None:
    order = {
        (schema.name, rule.name): (
            [family.name for family in rule.order],
            [index.family.name for index in rule.indexes],
            rule.user,
            rule.session,
        )
        for schema in BUILT_IN.values()
        for rule in schema.tokens
    }
    assert order == {
        ("oauth-proxy", "oauth"): (["refresh_token", "access_token"], ["user_tokens"], "user", "jti"),
        ("faultmaven", "api"): (["token", "token_meta"], ["user_tokens"], "user_id", "sha256"),
        ("faultmaven", "session"): (["session"], ["client_session"], "user_id", "session_id"),
        ("fastapi-best-architecture", "login"): (
            ["refresh_token", "token", "token_extra_info", "online_session", "user"],
            ["online"],
            "user_id",
            "session",
        ),
        ("migration-platform", "session"): (["session"], [], "user_id", None),
        ("arketic", "login"): (["refresh_token", "session"], ["user_sessions"], "user_id", "session_id"),
    }


JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJqMSIsInN1YiI6IjE3Iiwic2Vzc2lvbl91dWlkIjoiczEifQ.c2ln"
SHA256 = b"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""Of `hello`."""


@pytest.mark.parametrize(
    ("name", "token", "keys"),
    [
        ("oauth-proxy", JWT, {b"oauth:token:j1", b"oauth:refresh:" + JWT}),
        ("oauth-proxy", b"hello", {b"oauth:refresh:hello"}),
        ("faultmaven", b"hello", {b"auth:token:" + SHA256, b"session:hello"}),
        ("fastapi-best-architecture", JWT, {b"fba:token:17:s1", b"fba:refresh_token:17:s1"}),
        ("fastapi-best-architecture", b"hello", set()),
        ("arketic", b"hello", {b"session:hello", b"session:refresh:" + SHA256}),
        ("arketic", b"a:b", {b"session:refresh:" + __import__("hashlib").sha256(b"a:b").hexdigest().encode()}),
    ],
)
def test_a_pasted_token_leads_to_keys(name: str, token: bytes, keys: set[bytes]) -> None:
    assert {key for rule in BUILT_IN[name].tokens for _, key in rule.keys_of(token)} == keys


@pytest.mark.parametrize(
    ("name", "family", "key", "value", "told"),
    [
        ("oauth-proxy", "access_token", b"oauth:token:j", b'{"sub":"ann"}', {"jti": b"j", "user": b"ann"}),
        (
            "oauth-proxy",
            "refresh_token",
            b"oauth:refresh:r",
            b'{"username":"ann","jti":"j"}',
            {"token": b"r", "user": b"ann", "jti": b"j"},
        ),
        ("faultmaven", "token", b"auth:token:x", b"user_1", {"sha256": b"x", "user_id": b"user_1"}),
        (
            "faultmaven",
            "token_meta",
            b"auth:token_meta:t",
            {b"user_id": b"u", b"token_hash": b"h"},
            {"token_id": b"t", "user_id": b"u", "sha256": b"h"},
        ),
        ("arketic", "refresh_token", b"session:refresh:h", b"s1", {"token_hash": b"h", "session_id": b"s1"}),
    ],
)
def test_what_a_key_and_its_value_tell(
    name: str, family: str, key: bytes, value: bytes | dict[bytes, bytes], told: dict[str, bytes]
) -> None:
    assert BUILT_IN[name].family(family).told(key, value) == told
