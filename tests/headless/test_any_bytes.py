"""What the commands without a screen print of hostile names: text that no terminal obeys, and no byte lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.revoke.layouts import OauthProxy
from tests.hostile import CORPUS, plant_all
from tests.servers import HOST, Server
from tests.storming import NUMBER, STORM, THOROUGH
from tests.test_cli import CLEAN
from tui.cli import main
from tui.engine.printable import is_safe, parse_printable, printable

SCHEMA = """
title = "hostile"
[families.index]
pattern = "index"
type = "set"
purpose = "names of all"
[families.entry]
pattern = "entry:{name}"
type = "hash"
ttl = 3600
purpose = "one of them"
[indexes.all]
family = "index"
holds = "name"
of = "entry"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals and settings of nobody."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hostile(valkey: Server) -> Server:
    """A server in which everybody has chosen the worst names."""
    plant_all(valkey)
    valkey.ask_all([("SET", b"storm:" + one, one) for one in STORM])
    return valkey


def checked(out: bytes) -> str:
    """Return what was printed, after a look at every byte of it."""
    text = out.decode()
    bad = [line for line in text.split("\n") if not is_safe(line)]
    assert not bad, bad[:3]
    return text


def strings(document: Any) -> Iterator[str]:
    """Every text in a JSON document, names included."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from strings(value)
    elif isinstance(document, list):
        for one in document:
            yield from strings(one)
    elif isinstance(document, str):
        yield document


def printed(capture: pytest.CaptureFixture[bytes], *words: str, port: int | None = None, code: int = 0) -> str:
    """Run a command; returns what it printed, after a look at it, and at all strings in it when it is JSON."""
    place = () if port is None else ("-h", HOST, "-p", str(port))
    assert main([*words, *place]) == code
    said = capture.readouterr()
    checked(said.err)
    text = checked(said.out)
    if "--json" in words:
        for line in text.splitlines() if words[0] == "tail" else [text]:
            assert all(map(is_safe, strings(json.loads(line))))
    return text


def test_reports(hostile: Server, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for words in (), ("--exact",), ("--json",), ("--exact", "--json"):
        assert "storm:" in printed(capfdbinary, "report", *words, port=hostile.port)


def test_purges_their_journals_and_their_undoing(hostile: Server, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    def run(*words: str, code: int = 0) -> str:
        return printed(capfdbinary, *words, port=None if words[0] == "journals" else hostile.port, code=code)

    for style in (), ("--json",):
        assert f"{NUMBER}" in run("purge", "storm:", "--dry-run", *style).replace(",", "")
        for payload in list(CORPUS.values())[::9]:
            prefix = printable(payload)
            words = ("purge", "--all") if not prefix else ("purge", prefix)
            found = json.loads(run(*words, "--dry-run", "--json"))["planned"]
            run(*words, "--expect", str(found), *style)
            assert hostile.ask("EXISTS", payload) == 0
            listed = run("journals", *style)
            assert style == () or prefix in [one["prefix"] for one in json.loads(listed)["journals"]]
            run("undo", *style)
            assert hostile.ask("EXISTS", payload) == 1
        run("purge", "storm:", "--exclude", printable(STORM[0]), "--expect", "1", *style, code=5)


def test_what_departs_from_a_schema(valkey: Server, home: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file = home / "hostile.toml"
    file.write_text(SCHEMA)
    valkey.ask_all([("SET", b"entry:" + one, "x") for one in STORM])
    valkey.ask("SADD", "index", *(b"gone" + one for one in STORM))
    for style in (), ("--json",):
        text = printed(capfdbinary, "schema", "test", str(file), "--exact", *style, port=valkey.port, code=6)
        assert "pwn" in text


def test_revocations(valkey: Server, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    names = [one.decode("utf-8", "replace").replace(":", ";") for one in STORM if len(one) < 60]
    for number, name in enumerate(names):
        valkey.ask_all(OauthProxy().login(name, f"{number}-0"))
    for number, name in enumerate(names if THOROUGH else names[::9]):
        style = ("--json",) if number % 2 else ()
        said = printed(capfdbinary, *revoking(name), "--dry-run", *style, port=valkey.port)
        assert style or printable(name.encode()).rstrip() in said
    for name in names[8:10]:  # after which it looks for two seconds whether they stay away
        printed(capfdbinary, *revoking(name), "--expect", "2", port=valkey.port)


def revoking(name: str) -> tuple[str, ...]:
    """How the logins of this user are ended."""
    return "revoke", "--schema", "oauth-proxy", "--user", printable(name.encode())


def test_rules_for_hostile_prefixes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for payload in CORPUS.values():
        printed(capfdbinary, "acl", "purge", "--prefix", printable(payload))


@pytest.mark.parametrize("style", ["text", "json"])
def test_entries_of_streams_lead_back_to_their_bytes(valkey: Server, style: str) -> None:
    stream = CORPUS["clipboard"]
    valkey.ask_all([("XADD", stream, f"{n + 1}-1", one, one) for n, one in enumerate(STORM)])
    command = [sys.executable, "-m", "tui", "tail", "-h", HOST, "-p", str(valkey.port), printable(stream)]
    with subprocess.Popen(
        [*command, "--from", "0", *["--json"][: style == "json"]], stdout=subprocess.PIPE, env=CLEAN
    ) as tail:
        assert tail.stdout is not None
        for one in STORM:
            line = checked(tail.stdout.readline().removesuffix(b"\n"))
            if style == "json":
                (field, value), *_ = json.loads(line)["fields"]
                assert parse_printable(field) == parse_printable(value) == one
            else:
                assert parse_printable(line.partition(" ")[2]) == one + b"=" + one
        tail.kill()


@pytest.mark.parametrize("payload", sorted(CORPUS.keys() - {"nul", "surrogate"}))
def test_complaints_about_hostile_words(payload: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    word = CORPUS[payload].decode("utf-8", "surrogateescape")
    for words in (
        ("report", "-h", word),
        ("report", "--socket", f"/{word}"),
        ("report", "-p", word),
        ("report", "-u", word),
        ("report", "--profile", word),
        ("report", "--schema", word),
        ("purge", word, "-h", "127.0.0.1", "-p", "1"),
        ("undo", f"no{word}"),
        ("schema", "show", word),
        (word,),
        ("report", f"--{word}"),
    ):
        code = main(list(words))
        said = capfdbinary.readouterr()
        assert code not in {0, 1}
        checked(said.out)
        text = checked(said.err)
        assert "fault in redtop" not in text
        assert text.count("\n") <= 3
