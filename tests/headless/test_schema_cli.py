"""`redtop schema list|show|test`, and `--schema`, as a person and a script meet them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.drifting import BUILT_IN
from tests.servers import HOST, Server
from tests.test_cli import CLEAN, redtop, refused
from tui.demo import SYSTEMS
from tui.demo.fill import fill_frozen
from tui.demo.wire import Wire
from tui.fields import SettingsError
from tui.options import DIFFERS
from tui.settings import resolve, schemas_of

MINE = """
title = "mine"
[families.thing]
pattern = "thing:{id}"
purpose = "a thing"
type = "string"
ttl = "required"
"""
DOCS = (Path(__file__).parents[2] / "docs" / "schemas.md").read_text()


@pytest.fixture
def home(tmp_path: Path) -> Mapping[str, str]:
    """A config folder with a schema that works and one that does not."""
    folder = tmp_path / "redtop" / "schemas"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(MINE)
    (folder / "broken.toml").write_text(MINE.replace('"mine"', "3"))
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture(scope="module")
def demo() -> Iterator[Server]:
    """A server with one clean system and one that drifts, and keys nobody knows."""
    with Server("valkey-9.1") as server, Wire(HOST, server.port) as wire:
        fill_frozen(wire, 1, ["arketic"], 3000, drift=False)
        fill_frozen(wire, 1, ["oauth-proxy"], 1000)
        server.ask_all([("SET", f"strange:{number}", "x") for number in range(40)])
        yield server


# --- list and show


def test_the_list_has_the_built_in_and_the_users_schemas(home: Mapping[str, str]) -> None:
    done = redtop("schema", "list", env=home)
    assert done.returncode == 0, done.stderr
    for name in (*SYSTEMS, "mine", "broken"):
        assert name in done.stdout
    assert re.search(r"broken\.toml: `title`: expected text, got\s+whole number\.", " ".join(done.stdout.split()))
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_the_list_as_a_document(home: Mapping[str, str]) -> None:
    document = json.loads(redtop("schema", "list", "--json", env=home).stdout)
    assert document["document_version"] == 1
    by_name = {entry["name"]: entry for entry in document["schemas"]}
    assert by_name.keys() == {*SYSTEMS, "mine", "broken"}
    assert (by_name["mine"]["built_in"], by_name["mine"]["families"], by_name["mine"]["problem"]) == (False, 1, None)
    assert by_name["oauth-proxy"]["tokens"] == ["oauth"]
    assert by_name["broken"]["title"] is None
    assert "broken.toml" in by_name["broken"]["problem"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_showing_a_schema_names_all_it_says(name: str) -> None:
    done = redtop("schema", "show", name, env={"COLUMNS": "160"})
    assert done.returncode == 0, done.stderr
    schema = BUILT_IN[name]
    for text in (schema.title, *(family.label for family in schema.families), *(one.purpose for one in schema.tokens)):
        assert text in done.stdout
    assert all(len(line) <= 160 for line in done.stdout.splitlines())


def test_an_own_schema_is_shown_by_name_and_by_file(home: Mapping[str, str]) -> None:
    file = Path(home["XDG_CONFIG_HOME"]) / "redtop" / "schemas" / "mine.toml"
    assert "thing:{id}" in redtop("schema", "show", "mine", env=home).stdout
    assert "thing:{id}" in redtop("schema", "show", str(file)).stdout


def test_mistakes_get_one_sentence(home: Mapping[str, str]) -> None:
    assert "did you mean 'arketic'?" in refused("schema", "show", "arketik")
    assert "broken.toml: `title`" in refused("schema", "show", "broken", env=home)
    assert "does not exist" in refused("schema", "show", "./no-such.toml")
    assert "schema list" in refused("schema")
    assert "did you mean 'test'?" in refused("schema", "tset")
    assert "which schema to test" in refused("schema", "test")
    assert "NAME|FILE" in refused("schema", "show")
    assert "nothing listens" in refused("schema", "test", "arketic", "-p", "1", code=3)


# --- test


def trial(server: Server, *args: str, code: int, env: Mapping[str, str] | None = None) -> str:
    done = redtop("schema", "test", "-p", str(server.port), *args, env=env)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr == ""
    return done.stdout


def test_a_keyspace_as_the_schema_says_ends_well(demo: Server) -> None:
    text = trial(demo, "arketic", code=0)
    assert re.search(r"What matches  23 of 23 families", text)
    assert re.search(r"session:\{session_id\} .* 1h", text)
    assert re.search(r"Unknown  [\d.k]+ keys belong to no family", text)
    assert re.search(r"strange:\{int\} +40 ", text)
    assert "none: all is as it should be" in text


def test_drift_has_an_exit_code_and_says_what_to_do(demo: Server) -> None:
    text = trial(demo, "oauth-proxy", code=DIFFERS, env={"COLUMNS": "120"})
    assert re.search(r"Drift  7 findings, 2 critical", text)
    assert re.search(r"▲ warning  oauth:state:\{state\}", text)
    assert re.search(r"what +4 of \d+ never expire  TTL: required", text)
    assert re.search(r"such as +token:legacy-", text)
    assert re.search(r"do +find the code that writes them", text)
    assert all(len(line) <= 120 for line in text.splitlines())


def test_a_schema_that_nothing_fits_differs(demo: Server) -> None:
    text = trial(demo, "migration-platform", "-n", "5", code=DIFFERS)
    assert "What matches  0 of 33 families" in text
    assert "no key belongs to the schema" in text


def test_several_schemas_are_tested_together(demo: Server, home: Mapping[str, str]) -> None:
    text = trial(demo, "arketic", "--schema", "oauth-proxy", "--exact", code=DIFFERS, env={"COLUMNS": "140"})
    assert "Unknown  40 keys" in text
    assert re.search(r"oauth:token:\{jti\} .* oauth-proxy", text)
    assert re.search(r"session:\{session_id\} .* arketic", text)


COUNT = {"keys": int, "keys_error": int}
DOCUMENT: dict[str, Any] = {
    "document_version": int,
    "server": {"host": str, "port": int, "db": int},
    "schemas": [str],
    "fits": bool,
    "dbsize": int,
    "scanned": int,
    "complete": bool,
    "elapsed_s": float,
    "families": [
        dict(schema=str, name=str, pattern=str, purpose=str, types=[str], ttl=str, deprecated=bool, **COUNT, bytes=int)
    ],
    "unknown": {**COUNT, "families": [{"pattern": str, "keys": int}]},
    "findings": [
        dict.fromkeys(("kind", "severity", "schema", "family", "pattern"), str)
        | dict.fromkeys(("count", "error", "of"), int)
        | dict.fromkeys(("detail", "says", "advice"), str)
        | {"examples": [{"key": str, "note": str}]}
    ],
    "notes": [str],
}


def check(value: Any, expected: Any, place: str = "$") -> None:
    if isinstance(expected, dict):
        assert list(value) == list(expected), place
        for name, inner in expected.items():
            check(value[name], inner, f"{place}.{name}")
    elif isinstance(expected, list):
        for item in value:
            check(item, expected[0], f"{place}[]")
    else:
        assert isinstance(value, expected), place


def fields(expected: Any) -> Iterator[str]:
    if isinstance(expected, dict):
        yield from expected
    for inner in expected.values() if isinstance(expected, dict) else expected if isinstance(expected, list) else ():
        yield from fields(inner)


def test_the_document_of_a_test(demo: Server) -> None:
    document = json.loads(trial(demo, "arketic", "oauth-proxy", "--json", code=DIFFERS))
    check(document, DOCUMENT)
    assert document["schemas"] == ["arketic", "oauth-proxy"]
    assert not document["fits"]
    assert document["complete"]
    assert document["unknown"]["keys"] == 40
    assert sum(family["keys"] for family in document["families"]) + 40 == document["dbsize"]
    assert {finding["schema"] for finding in document["findings"]} == {"oauth-proxy"}


def test_the_documentation_names_every_field_and_kind(demo: Server) -> None:
    from tui.engine.schema.findings import Kind

    assert [name for name in fields(DOCUMENT) if f"{name}`" not in DOCS] == []
    assert [kind.value for kind in Kind if f"`{kind.value}`" not in DOCS] == []


def test_a_database_that_does_not_exist_is_a_wrong_option(demo: Server) -> None:
    assert "has no database 99" in refused("schema", "test", "arketic", "-p", str(demo.port), "-n", "99")


def test_an_empty_database_differs_from_every_schema(valkey: Server) -> None:
    assert "no key belongs to the schema" in trial(valkey, "arketic", code=DIFFERS)


def test_terminal_commands_in_keys_and_files_are_shown_and_not_obeyed(valkey: Server, tmp_path: Path) -> None:
    valkey.ask_all([("SET", "thing:\x1b]52;c;aGk=\x07", "x"), ("SET", "\x1b[2Jevil", "x")])
    file = tmp_path / "mine.toml"
    file.write_text(MINE.replace('"mine"', '"\\u001b[2Jmine"').replace('"a thing"', '"\\u009b31mred"'))
    for args in (("test", "-p", str(valkey.port), str(file)), ("show", str(file))):
        done = redtop("schema", *args, env={"COLUMNS": "120"})
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr)
    assert r"thing:\x1b]52" in redtop("schema", "test", "-p", str(valkey.port), str(file)).stdout


def test_ctrl_c_prints_what_is_known() -> None:
    command = [sys.executable, "-m", "tui", "schema", "test", "arketic", "--exact", "--scan-share", "0.1"]
    with Server("valkey-9.1", "--enable-debug-command", "yes") as server:
        assert server.ask("DEBUG", "POPULATE", 400_000, "session", 10) == b"OK"
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running = subprocess.Popen([*command, "-p", str(server.port)], env=CLEAN, **pipes)
        deadline = time.monotonic() + 20
        while keys_read(server) < 20_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, ""), out
    assert "stopped before every key was read" in out
    assert re.search(r"[\d.]+% read", out)


def keys_read(server: Server) -> int:
    """How many keys the server was asked about."""
    found = re.search(rb"cmdstat_type:calls=(\d+)", server.ask("INFO", "commandstats"))
    return int(found[1]) if found else 0


# --- --schema


def test_schemas_are_checked_with_the_other_settings(tmp_path: Path) -> None:
    assert "no schema 'nope'" in refused("report", "--schema", "nope")
    file = tmp_path / "x.toml"
    file.write_text(MINE + "keys = -1")
    assert f"{file}, [families.thing]: `keys`" in refused("report", "--schema", str(file))


def test_the_demo_takes_the_users_own_schemas(home: Mapping[str, str]) -> None:
    done = redtop("demo", "--once", "--keys", "100", "--system", "faultmaven", "--schema", "mine", env=home)
    assert done.returncode == 0, done.stderr
    assert "no schema 'nope'" in refused("demo", "--once", "--schema", "nope", env=home)


def test_a_profile_names_files_beside_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[profiles.p]\nschemas = ['./mine.toml', 'own', 'arketic']")
    (tmp_path / "mine.toml").write_text(MINE)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "own.toml").write_text(MINE)
    settings = resolve({"profile": "p"}, {}, tmp_path)
    assert settings.schemas == (str(tmp_path / "mine.toml"), "own", "arketic")
    assert [schema.name for schema in schemas_of(settings.schemas, tmp_path)] == ["mine", "own", "arketic"]
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(SettingsError, match="does not exist"):
        resolve({"profile": "p"}, {}, tmp_path)


def test_nothing_of_schemas_is_loaded_without_them() -> None:
    code = (
        "import sys; from tui.cli import main; main(['--version']); main(['report', '-p', '1']); "
        "print(sorted({'msgspec', 'tui.engine.schema.file', 'tui.headless.schema_cli'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=CLEAN, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- the documentation


def test_the_example_of_the_documentation_is_a_schema(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert len(examples) >= 2
    whole = [example for example in examples if "title =" in example]
    assert whole
    for number, example in enumerate(whole):
        file = tmp_path / f"example{number}.toml"
        file.write_text(example)
        assert schemas_of([str(file)], tmp_path)[0].families


def test_the_documentation_names_every_field_of_a_schema() -> None:
    from tui.engine.schema import tables

    kinds = [kind for kind in vars(tables).values() if isinstance(kind, type) and issubclass(kind, tables.Table)]
    names = {name for kind in kinds for name in kind.__struct_fields__}
    assert [name for name in sorted(names) if f"`{name}`" not in DOCS] == []
