"""Purge, undo and journals as people and scripts use them: the real program on real servers."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.headless.test_report import MAYBE_INT, MAYBE_TEXT, check, fields
from tests.servers import HOST, Server
from tests.test_cli import CLEAN, ROOT

TARGET = {
    "host": str,
    "port": MAYBE_INT,
    "db": int,
    "product": str,
    "version": str,
    "role": str,
    "run_id": MAYBE_TEXT,
    "nodes": [str],
}
REASON = {"reason": str, "keys": int}
RECEIPT = {
    "schema_version": int,
    "dry_run": bool,
    "cancelled": bool,
    "error": MAYBE_TEXT,
    "plan_id": str,
    "target": TARGET,
    "prefix": str,
    "planned": int,
    "removed": int,
    "changed": int,
    "gone": int,
    "failed": int,
    "skipped": int,
    "unknown": int,
    "undoable": int,
    "journal": MAYBE_TEXT,
    "seconds": float,
    "reasons": [REASON],
    "changed_keys": [str],
    "failed_keys": [str],
    "left_keys": [str],
}
PURGE = RECEIPT | {
    "all_keys": bool,
    "exclude": [str],
    "exclude_keys": [str],
    "dbsize": int,
    "bytes": MAYBE_INT,
    "types": {...: int},
    "no_ttl": int,
    "excluded": int,
    "protected": int,
    "denied": int,
    "moving": int,
    "big_keys": int,
    "secrets": int,
    "families": [{"pattern": str, "keys": int, "bytes": MAYBE_INT}],
    "beside": [{"name": str, "keys": int}],
}
UNDO = {
    "schema_version": int,
    "cancelled": bool,
    "error": MAYBE_TEXT,
    "target": (TARGET, None),
    "prefix": MAYBE_TEXT,
    "change": MAYBE_TEXT,
    "planned": int,
    "restored": int,
    "present": int,
    "changed": int,
    "gone": int,
    "past": int,
    "failed": int,
    "skipped": int,
    "journal": str,
    "restarted": bool,
    "seconds": float,
    "reasons": [REASON],
    "changed_keys": [str],
    "failed_keys": [str],
}
JOURNALS = {
    "schema_version": int,
    "folder": str,
    "journal_days": float,
    "journal_size": int,
    "journals": [
        {
            "id": str,
            "path": str,
            "state": str,
            "when": str,
            "target": (TARGET, None),
            "prefix": str,
            "change": MAYBE_TEXT,
            "exact": bool,
            "keys": int,
            "restored": int,
            "bytes": int,
            "problem": MAYBE_TEXT,
        }
    ],
}
SIX = ("removed", "changed", "gone", "failed", "skipped", "unknown")

EVERY_TYPE = (
    ("SET", "cache:text", "value"),
    ("SET", b"cache:\xff\x00*", b"\x00\xfe"),
    ("SET", "cache:soon", "v", "PX", 777_777),
    ("HSET", "cache:hash", "a", "1", "b", "2"),
    ("RPUSH", "cache:list", "1", "2", "3"),
    ("SADD", "cache:set", "1", "2", "3"),
    ("ZADD", "cache:zset", "1.5", "a", "2", "b"),
    ("XADD", "cache:stream", "5-1", "f", "v"),
    ("PEXPIRE", "cache:hash", 3_600_123),
    ("PEXPIRE", "cache:stream", 86_400_001),
)


@dataclass
class Bench:
    """A server, and a person whose settings and journals lie in a folder."""

    server: Server
    folder: Path
    config: str = ""
    env: dict[str, str] = field(default_factory=dict)

    @property
    def journals(self) -> Path:
        return self.folder / "state" / "redtop" / "journals"

    def command(self, *args: str) -> list[str]:
        """Name the program, with the connection before or after the rest."""
        where = ["-h", HOST, "-p", str(self.server.port)]
        before = len(args) % 2 == 0 and args[0] != "journals"
        words = [*where, *args] if before else [*args, *(where if args[0] != "journals" else [])]
        return [sys.executable, "-m", "tui", *words]

    def environment(self) -> dict[str, str]:
        (self.folder / "config" / "redtop").mkdir(parents=True, exist_ok=True)
        (self.folder / "config" / "redtop" / "config.toml").write_text(self.config)
        homes = {"XDG_STATE_HOME": str(self.folder / "state"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return CLEAN | homes | self.env

    def run(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        done = subprocess.run(
            self.command(*args),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def json(self, *args: str, code: int = 0, schema: Any = PURGE) -> dict[str, Any]:
        """Run it for a document of this shape."""
        document = json.loads(self.run(*args, "--json", code=code).stdout)
        check(document, schema)
        if "unknown" in document:
            assert sum(document[name] for name in SIX) == document["planned"]
        return dict(document)

    def refused(self, *args: str, code: int) -> str:
        """Run it, and see it refuse with one sentence before it has printed anything."""
        done = self.run(*args, code=code)
        assert done.stdout == ""
        assert re.fullmatch(r"redtop: .+\.\n", done.stderr), done.stderr
        return done.stderr

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*args),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def typed(self, *args: str, answers: Sequence[str | bytes], early: str = "", code: int = 0) -> str:
        """Run it on a terminal where somebody answers each question; return the screen."""
        master, slave = os.openpty()
        os.write(master, early.encode())
        process = subprocess.Popen(
            self.command(*args),
            env={"COLUMNS": "100"} | self.environment(),
            stdin=slave,
            stdout=subprocess.PIPE if "--json" in args else slave,
            stderr=slave,
        )
        os.close(slave)
        screen, waiting = b"", [answer if isinstance(answer, bytes) else answer.encode() for answer in answers]
        deadline = time.monotonic() + 20
        try:
            while select.select([master], [], [], max(0, deadline - time.monotonic()))[0]:
                chunk = os.read(master, 65536)
                if not chunk:
                    break
                screen += chunk
                if waiting and screen.endswith(b"\r\n> "):
                    os.write(master, waiting.pop(0) + b"\n")
        except OSError:  # Linux says so when the other side is closed
            pass
        finally:
            os.close(master)
        assert process.wait(20) == code, screen
        assert not waiting, screen
        if process.stdout is not None:
            with process.stdout:
                check(json.load(process.stdout), PURGE)
        return screen.decode(errors="backslashreplace")

    def fill(self, prefix: str, keys: int) -> None:
        self.server.ask_all([("SET", f"{prefix}{number}", "v") for number in range(keys)])

    def size(self) -> int:
        return int(self.server.ask("DBSIZE"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """One server for the tests that need nothing special of it."""
    with Server() as running:
        yield running


@pytest.fixture
def bench(shared: Server, tmp_path: Path) -> Bench:
    """An empty database."""
    shared.ask("FLUSHALL")
    return Bench(shared, tmp_path)


def holdings(server: Server) -> dict[bytes, tuple[bytes, int]]:
    """Return what every key holds, and when it expires: exactly where the server can say (7.0), else rounded."""
    keys = sorted(server.ask("KEYS", "*"))
    exact = isinstance(server.ask("PEXPIRETIME", "x"), int)
    found = {}
    for key in keys:
        if exact:
            expiry = server.ask("PEXPIRETIME", key)
        else:
            *_, (now, left) = server.ask_all([("MULTI",), ("TIME",), ("PTTL", key), ("EXEC",)])
            at = int(now[0]) * 1000 + int(now[1]) // 1000 + left
            expiry = -1 if left < 0 else round(at / 10)
        found[key] = (server.ask("DUMP", key), expiry)
    return found


def poll(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- the plan alone


def test_a_dry_run_shows_the_plan_and_touches_nothing(bench: Bench) -> None:
    bench.server.ask_all([*EVERY_TYPE, ("SET", "cached", "beside"), ("SET", "other", "v")])
    before = holdings(bench.server)
    printed = bench.run("purge", "cache", "--dry-run").stdout
    for words in (r"removes +cache\*", r"keys +9 ", "cached"):
        assert re.search(words, printed), words
    assert "\x1b" not in printed
    assert r"cache:\xff\x00*" in bench.run("purge", r"cache:\xff", "--dry-run").stdout
    document = bench.json("purge", "cache", "--dry-run")
    assert (document["dry_run"], document["planned"], document["skipped"], document["removed"]) == (True, 9, 9, 0)
    assert (document["no_ttl"], document["types"]["string"], document["undoable"]) == (6, 4, 9)
    assert {"name": "cached", "keys": 1} in document["beside"]
    assert document["target"]["port"] == bench.server.port
    assert holdings(bench.server) == before
    assert not bench.journals.exists()


def test_nothing_to_remove_is_fine_and_says_so(bench: Bench) -> None:
    bench.fill("cache:", 3)
    printed = bench.typed("purge", "cache:*", answers=())
    assert "nothing to remove" in printed
    assert "literally" in printed
    assert bench.json("purge", "cache:*", "--expect", "0")["planned"] == 0
    assert bench.size() == 3


# --- without a terminal


def test_without_a_terminal_it_needs_the_number(bench: Bench) -> None:
    bench.fill("cache:", 3)
    assert "--expect" in bench.refused("purge", "cache:", code=5)
    assert bench.size() == 3


def test_the_number_must_match(bench: Bench) -> None:
    bench.fill("cache:", 3)
    document = bench.json("purge", "cache:", "--expect", "4", code=5)
    assert (document["planned"], document["removed"], document["skipped"]) == (3, 0, 3)
    assert "--expect says 4" in document["error"]
    assert "the plan has 3 keys" in bench.run("purge", "cache:", "--expect", "2", "--dry-run", code=5).stderr
    assert bench.size() == 3
    assert not bench.journals.exists()


def test_a_number_that_matches_is_enough(bench: Bench) -> None:
    bench.server.ask_all([("SET", b"\xff:\x00%d" % number, "v") for number in range(7)])
    bench.fill("other:", 2)
    document = bench.json("purge", r"\xff:", "--expect", "7")
    assert (document["planned"], document["removed"], document["undoable"]) == (7, 7, 7)
    assert document["prefix"] == r"\xff:"
    journal = Path(document["journal"])
    assert journal.parent == bench.journals
    assert journal.stat().st_mode & 0o777 == 0o600
    assert bench.size() == 2


def test_without_undo_there_is_no_journal(bench: Bench) -> None:
    bench.fill("cache:", 3)
    document = bench.json("purge", "cache:", "--expect", "3", "--no-undo")
    assert (document["removed"], document["undoable"], document["journal"]) == (3, 0, None)
    assert not list(bench.journals.glob("*"))


# --- on a terminal


def test_a_document_is_alone_on_stdout_and_the_person_sees_the_rest(bench: Bench) -> None:
    bench.fill("cache:", 3)
    assert re.search(r"removes +.*cache:\*", bench.typed("purge", "cache:", "--json", answers=["cache:"]))
    assert bench.size() == 0


def test_a_bar_shows_how_far_it_is_and_leaves_nothing(bench: Bench) -> None:
    bench.fill("cache:", 12)
    screen = bench.typed("purge", "cache:", "--expect", "12", "--rate", "20", "--json", answers=())
    assert re.search(r"\d+ left, \d[\d.]*/s", screen)
    assert "ctrl-c: stop" in screen
    assert screen.endswith("\x1b[2K"), "the last thing is to erase the line"


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("cache:", 0, 0), ("cache", 5, 3), ("", 5, 3), (b"cache:\xff", 5, 3), (b"\x04", 5, 3)]
)
def test_a_person_types_the_prefix(bench: Bench, answer: str | bytes, code: int, left: int) -> None:
    bench.fill("cache:", 3)
    screen = bench.typed("purge", "cache:", answers=[answer], code=code)
    assert re.search(r"removes +.*cache:\*", screen)
    assert ("nothing was removed" in screen) == (code == 5)
    assert bench.size() == left


def test_what_was_typed_before_the_question_is_no_answer(bench: Bench) -> None:
    bench.fill("cache:", 3)
    assert "nothing was removed" in bench.typed("purge", "cache:", early="cache:\n", answers=[""], code=5)
    assert bench.size() == 3


def test_what_nobody_can_type_is_confirmed_by_the_number(bench: Bench) -> None:
    bench.server.ask_all([("SET", b"\xff%d" % number, "v") for number in range(4)])
    bench.typed("purge", r"\xff", answers=[r"\xff"], code=5)
    bench.typed("purge", r"\xff", answers=["4"])
    assert bench.size() == 0


def test_production_asks_for_its_name_as_well(bench: Bench) -> None:
    bench.config = "[profiles.live]\nproduction = true"
    bench.fill("cache:", 3)
    bench.typed("purge", "cache:", "--profile", "live", answers=["cache:", "cache:"], code=5)
    assert bench.size() == 3
    bench.typed("purge", "cache:", "--profile", "live", answers=["cache:", "live"])
    assert bench.size() == 0


def test_with_the_number_a_person_types_nothing(bench: Bench) -> None:
    bench.env["NO_COLOR"] = "1"
    bench.fill("cache:", 3)
    screen = bench.typed("purge", "cache:", "--expect", "3", answers=())
    assert bench.size() == 0
    assert not re.search(r"\x1b\[[\d;]*3[1-7]m", screen)


def test_colours_are_for_terminals_that_want_them(bench: Bench) -> None:
    bench.fill("cache:", 3)
    assert re.search(r"\x1b\[[\d;]*3[1-7]m", bench.typed("purge", "cache:", "--dry-run", answers=()))


def test_all_keys_are_asked_for_in_so_many_words(bench: Bench) -> None:
    bench.fill("a:", 2)
    bench.typed("purge", "--all-keys", answers=["all"], code=5)
    assert bench.size() == 2
    bench.typed("purge", "--all-keys", answers=[f"{HOST}:{bench.server.port}/0"])
    assert bench.size() == 0


# --- what stays


def test_excluded_and_protected_keys_stay(bench: Bench) -> None:
    bench.config = "[purge]\nprotected = ['a:keep']\n[profiles.p]\nprotected = ['a:lock']"
    for prefix, keys in (("a:", 5), ("a:keep:", 4), ("a:lock:", 3), ("a:t", 2)):
        bench.fill(prefix, keys)
    bench.server.ask("SET", "a:[x]", "v")
    options = ("--exclude", "a:t?", "--exclude", r"a:\\[x]", "--exclude-key", "a:0", "--profile", "p")
    document = bench.json("purge", "a:", *options, "--expect", "4")
    assert (document["excluded"], document["protected"], document["removed"]) == (4, 7, 4)
    assert document["exclude"] == ["a:t?", r"a:\\[x]"]
    assert document["exclude_keys"] == ["a:0"]
    kept = ["a:0", "a:[x]", "a:t0", "a:t1"]
    kept += [f"a:keep:{number}" for number in range(4)] + [f"a:lock:{number}" for number in range(3)]
    assert sorted(bench.server.ask("KEYS", "*")) == [key.encode() for key in sorted(kept)]


def test_big_keys_go_only_when_somebody_says_so(bench: Bench) -> None:
    bench.server.ask_all([("RPUSH", "a:big", *range(1000))] * 100)
    bench.fill("a:", 2)
    bench.typed("purge", "a:", answers=["yes"], code=5)
    screen = bench.typed("purge", "a:", answers=["leave", "a:"], code=4)
    assert "Big keys: leave, with-undo, without-undo?" in screen
    assert bench.server.ask("KEYS", "*") == [b"a:big"]
    document = bench.json("purge", "a:", "--expect", "1", code=4)
    assert (document["big_keys"], document["skipped"], document["left_keys"]) == (1, 1, ["a:big"])
    document = bench.json("purge", "a:", "--expect", "1", "--big", "with-undo")
    assert (document["removed"], document["undoable"]) == (1, 1)
    bench.run("undo")
    assert bench.server.ask("LLEN", "a:big") == 100_000
    bench.typed("purge", "a:", "--no-undo", answers=["a:"])
    assert bench.size() == 0


def test_keys_that_grant_access_are_journaled_only_when_asked_for(bench: Bench) -> None:
    keys = ["fba:token:1:s", "fba:refresh_token:1:s", "fba:user:1"]
    bench.server.ask_all([("SET", key, "v") for key in keys])
    options = ("--schema", "fastapi-best-architecture", "--expect")
    document = bench.json("purge", "fba:", *options, "3")
    assert (document["removed"], document["secrets"], document["undoable"]) == (3, 2, 1)
    bench.run("undo")
    assert bench.server.ask("KEYS", "*") == [b"fba:user:1"]
    bench.server.ask("SET", "fba:token:1:s", "v")
    assert bench.json("purge", "fba:", *options, "2", "--undo-secrets")["undoable"] == 2


def test_read_only_is_refused_before_anything(bench: Bench) -> None:
    bench.config = "[profiles.p]\nread_only = true"
    bench.fill("cache:", 3)
    for args in (("purge", "cache:", "--expect", "3"), ("undo",)):
        assert "read-only" in bench.refused(*args, "--read-only", code=5)
        assert "read-only" in bench.refused(*args, "--profile", "p", code=5)
    assert bench.size() == 3


def test_a_replica_is_refused(valkey: Server, tmp_path: Path) -> None:
    bench = Bench(valkey, tmp_path)
    bench.fill("cache:", 3)
    valkey.ask("REPLICAOF", HOST, 1)
    assert "replica" in bench.refused("purge", "cache:", "--expect", "3", code=5)
    assert "replica" in bench.refused("undo", code=5)


# --- bad input


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        ((), "--all-keys"),
        (("",), "--all-keys"),
        (("a", "b"), "One PREFIX"),
        (("a", "--all-keys"), "--all-keys"),
        (("a\\q",), "PREFIX: a backslash must be followed by"),
        (("a", "--exclude", "\\"), "--exclude: a backslash"),
        (("a", "--exclude-key", "\\x0"), "--exclude-key: a backslash"),
        (("a", "--expect", "-1"), "--expect"),
        (("a", "--rate", "0"), "--rate"),
        (("a", "--big", "all"), "--big"),
    ],
)
def test_bad_input_is_one_sentence(bench: Bench, args: tuple[str, ...], hint: str) -> None:
    assert hint in bench.refused("purge", *args, code=2)


def test_bad_settings_are_one_sentence(bench: Bench) -> None:
    bench.config = "[purge]\njournal_size = 'big'"
    for args in (("purge", "a", "--dry-run"), ("undo",), ("journals",)):
        assert "config.toml, [purge]: `journal_size`" in bench.refused(*args, code=2)


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    gone = Server()
    bench = Bench(gone, tmp_path)
    assert "nothing listens" in bench.refused("purge", "a", "--dry-run", "--json", code=3)
    assert "nothing listens" in bench.refused("undo", "--json", code=3)


# --- the way back


def test_undo_brings_everything_back_exactly(server: Server, tmp_path: Path) -> None:
    bench = Bench(server, tmp_path)
    server.ask_all([*EVERY_TYPE, ("SET", "other", "v")])
    before = holdings(server)
    journal = bench.json("purge", "cache:", "--expect", "8")["journal"]
    assert bench.size() == 1
    document = bench.json("undo", schema=UNDO)
    assert (document["planned"], document["restored"], document["journal"]) == (8, 8, journal)
    assert (document["prefix"], document["restarted"]) == ("cache:", False)
    assert holdings(server) == before


def test_undo_leaves_what_somebody_made_since(bench: Bench) -> None:
    bench.fill("cache:", 3)
    bench.run("purge", "cache:", "--expect", "3")
    bench.server.ask("SET", "cache:1", "new")
    document = bench.json("undo", code=4, schema=UNDO)
    assert (document["restored"], document["changed"], document["changed_keys"]) == (2, 1, ["cache:1"])
    assert bench.server.ask("GET", "cache:1") == b"new"


def test_journals_lists_what_there_is_and_undo_takes_any(bench: Bench) -> None:
    nothing = bench.run("journals").stdout
    assert str(bench.journals) in nothing
    for prefix, keys in (("a:", 2), ("b:", 3)):
        bench.fill(prefix, keys)
        bench.run("purge", prefix, "--expect", str(keys))
    document = bench.json("journals", schema=JOURNALS)
    assert (document["folder"], document["journal_days"], document["journal_size"]) == (str(bench.journals), 30, 2**30)
    newest, oldest = document["journals"]
    assert [(entry["prefix"], entry["keys"], entry["state"]) for entry in (newest, oldest)] == [
        ("b:", 3, "complete"),
        ("a:", 2, "complete"),
    ]
    assert bench.json("undo", oldest["id"], schema=UNDO)["restored"] == 2
    assert bench.json("undo", newest["path"], schema=UNDO)["restored"] == 3
    assert "nothing to undo" in bench.refused("undo", code=2)
    assert {entry["state"] for entry in bench.json("journals", schema=JOURNALS)["journals"]} == {"undone"}
    printed = bench.run("journals").stdout
    for words in (newest["id"], "b:*", f"{HOST}:{bench.server.port} db0", "undone", str(bench.journals), "30d", "1.0G"):
        assert words in printed, words


def test_undo_takes_the_newest_of_this_database(bench: Bench) -> None:
    bench.server.ask_all([("SELECT", 3), ("SET", "a", "3")])
    bench.fill("b", 1)
    bench.run("purge", "a", "--expect", "1", "-n", "3")
    bench.run("purge", "b", "--expect", "1", "-n", "0")
    assert "brings" not in bench.run("undo", "-n", "3").stdout
    assert bench.server.ask_all([("SELECT", 3), ("GET", "a")])[1] == b"3"
    assert bench.size() == 0
    assert "elsewhere" in bench.refused("undo", "-n", "3", code=2)


def test_a_journal_that_is_none_is_one_sentence(bench: Bench, tmp_path: Path) -> None:
    assert "no journal cafe" in bench.refused("undo", "cafe", code=2)
    assert "One JOURNAL" in bench.refused("undo", "a", "b", code=2)
    (tmp_path / "x.journal").write_text("this is no journal")
    document = bench.json("undo", str(tmp_path / "x.journal"), code=4, schema=UNDO)
    assert document["error"]
    assert document["restored"] == 0


def test_old_journals_make_room(bench: Bench) -> None:
    bench.server.ask("SET", "a", os.urandom(5000).hex())
    bench.run("purge", "a", "--expect", "1")
    bench.config = "[purge]\njournal_size = '4KB'"
    bench.fill("b", 1)
    bench.run("purge", "b", "--expect", "1")
    (entry,) = bench.json("journals", schema=JOURNALS)["journals"]
    assert entry["prefix"] == "b"
    bench.server.ask("SET", "a", os.urandom(5000).hex())
    document = bench.json("purge", "a", "--expect", "1", code=4)
    assert "limit" in document["error"]
    assert (document["removed"], bench.size()) == (0, 1)


# --- interrupted


def slow_purge(bench: Bench, *args: str) -> subprocess.Popen[str]:
    """Start a purge of 400 keys that takes long, and wait until it has removed some of them."""
    bench.fill("cache:", 400)
    process = bench.start("purge", "cache:", "--expect", "400", "--rate", "40", *args)
    poll(lambda: bench.size() < 400 or process.poll() is not None)
    assert process.poll() is None, process.stderr and process.stderr.read()
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_it_with_a_complete_account(bench: Bench, number: signal.Signals, code: int) -> None:
    process = slow_purge(bench, "--json")
    process.send_signal(number)
    process.send_signal(number)
    said, complained = process.communicate(timeout=20)
    assert (process.returncode, complained) == (code, "")
    document = json.loads(said)
    check(document, PURGE)
    assert document["cancelled"]
    assert sum(document[name] for name in SIX) == 400
    assert 0 < document["removed"] == 400 - bench.size()
    assert bench.json("undo", schema=UNDO)["restored"] == document["removed"]
    assert bench.size() == 400


def test_ctrl_c_at_the_question_removes_nothing(bench: Bench) -> None:
    bench.fill("cache:", 3)
    master, slave = os.openpty()
    process = subprocess.Popen(
        bench.command("purge", "cache:"), env=bench.environment(), stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    screen = b""
    while not screen.endswith(b"\r\n> "):
        screen += os.read(master, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    os.close(master)
    assert bench.size() == 3


def test_a_killed_purge_can_be_undone(bench: Bench) -> None:
    killed(bench)
    document = bench.json("undo", schema=UNDO)
    assert document["restored"] + document["present"] == document["planned"]
    assert bench.size() == 400
    assert "nothing to undo" in bench.refused("undo", code=2)


def test_a_killed_purge_can_be_finished(bench: Bench) -> None:
    killed(bench)
    screen = bench.typed("purge", "other", answers=())
    assert "was interrupted" in screen
    assert "redtop undo --finish" in screen
    document = bench.json("undo", "--finish", schema=RECEIPT)
    assert (document["prefix"], document["error"]) == ("cache:", None)
    removed = 400 - bench.size()
    assert "nothing to finish" in bench.refused("undo", "--finish", code=2)
    (entry,) = bench.json("journals", schema=JOURNALS)["journals"]
    assert (entry["state"], entry["keys"]) == ("complete", removed)
    assert bench.json("undo", schema=UNDO)["restored"] == removed
    assert bench.size() == 400


def killed(bench: Bench) -> None:
    process = slow_purge(bench)
    process.kill()
    process.communicate()
    (entry,) = bench.json("journals", schema=JOURNALS)["journals"]
    assert entry["state"] == "interrupted"
    assert 0 < 400 - bench.size() <= entry["keys"] < 400


# --- the document


def test_every_field_is_documented() -> None:
    text = (ROOT / "docs" / "purge.md").read_text()
    for title, schema in (("purge", PURGE), ("undo", UNDO), ("journals", JOURNALS)):
        section = text.split(f"### The document of `redtop {title}`")[1].split("\n### ")[0]
        rows = {match[1] for match in re.finditer(r"^\| `[^`]*?(\w+)(?:\[\])?` \|", section, re.MULTILINE)}
        named = set(fields(schema)) - ({"target"} if title == "purge" else set())
        assert rows == named, (title, rows ^ named)


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "purge.md").read_text()
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert codes == [0, 1, 2, 3, 4, 5, 129, 130, 141, 143]
