"""`redtop revoke` as people and scripts use it: the real program on real servers."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.revoke.layouts import LAYOUTS, Arketic, Faultmaven, Fba, Layout, OauthProxy, fill, holdings
from tests.headless.test_purge_cli import TARGET, Bench
from tests.headless.test_report import MAYBE_TEXT, check
from tests.servers import HOST, Server
from tests.test_cli import CLEAN
from tui.cli import main

FAMILY = {"schema": str, "family": str, "pattern": str, "grants": bool, "keys": int}
RECEIPT = {
    "schema_version": int,
    "dry_run": bool,
    "cancelled": bool,
    "error": MAYBE_TEXT,
    "plan_id": str,
    "target": TARGET,
    "schemas": [str],
    "scope": str,
    "user": MAYBE_TEXT,
    "family": MAYBE_TEXT,
    "planned": int,
    "removed": int,
    "changed": int,
    "gone": int,
    "failed": int,
    "skipped": int,
    "unknown": int,
    "index_entries": int,
    "late": int,
    "verified": bool,
    "scans": int,
    "unread": int,
    "access_lives_until": MAYBE_TEXT,
    "seconds": float,
    "reasons": [{"reason": str, "times": int}],
    "audit": MAYBE_TEXT,
    "stateless": bool,
    "unowned": int,
    "families": [FAMILY],
    "stays": [FAMILY],
    "mints": int,
}
SIX = ("removed", "changed", "gone", "failed", "skipped", "unknown")


@dataclass
class Desk(Bench):
    """A bench for revocations."""

    @property
    def audit(self) -> Path:
        return self.folder / "state" / "redtop" / "audit.log"

    def revoke(
        self, schema: str, *args: str, code: int = 0, pasted: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal; a token may come through a pipe."""
        command = [sys.executable, "-m", "tui", "-p", str(self.server.port), "-h", HOST, "revoke", "--schema", schema]
        done = subprocess.run(
            [*command, *args],
            env=self.environment(),
            input=pasted or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done

    def receipt(self, schema: str, *args: str, code: int = 0, pasted: str | None = None) -> dict[str, Any]:
        """Run it for a document."""
        document = json.loads(self.revoke(schema, *args, "--json", code=code, pasted=pasted).stdout)
        check(document, RECEIPT)
        assert sum(document[name] for name in SIX) == document["planned"]
        return dict(document)

    def at_terminal(self, schema: str, *args: str, answers: Sequence[str], code: int = 0) -> str:
        """Run it where somebody answers; return all that the terminal was told."""
        main_end, its_end = os.openpty()
        command = [sys.executable, "-m", "tui", "-p", str(self.server.port), "-h", HOST, "revoke", "--schema", schema]
        process = subprocess.Popen(
            [*command, *args],
            env={"COLUMNS": "100"} | self.environment(),
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        screen, waiting, deadline = b"", list(answers), time.monotonic() + 20
        try:
            while select.select([main_end], [], [], max(0, deadline - time.monotonic()))[0]:
                screen += os.read(main_end, 65536)
                if waiting and re.search(rb"(\r\n> |Token: )$", screen):
                    os.write(main_end, waiting.pop(0).encode() + b"\n")
                    screen += b"\n[answered]"
        except OSError:  # Linux says so when the other side is closed
            pass
        finally:
            os.close(main_end)
        assert process.wait(20) == code, screen
        assert not waiting, screen
        return re.sub(r"\x1b\[[0-9;]*m", "", screen.decode(errors="backslashreplace"))


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def desk(shared: Server, tmp_path: Path) -> Desk:
    """An empty database."""
    shared.ask("FLUSHALL")
    return Desk(shared, tmp_path)


# --- the plan alone


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.schema)
def test_a_dry_run_says_what_would_fall_and_touches_nothing(desk: Desk, layout: Layout) -> None:
    fill(desk.server, layout)
    before = holdings(desk.server)
    printed = desk.revoke(layout.schema, "--user", "1", "--dry-run").stdout
    for words in (r"revokes +all of 1\n", r"keys +\d+ · .+ → ", "undo +▲ none"):
        assert re.search(words, printed), words
    document = desk.receipt(layout.schema, "--user", "1", "--dry-run")
    grants = sum(family["keys"] for family in document["families"] if family["grants"])
    assert grants == len(layout.usable(desk.server, "1"))
    assert (document["dry_run"], document["verified"], document["skipped"]) == (True, False, document["planned"])
    assert document["unowned"] == 0
    assert holdings(desk.server) == before
    assert not desk.audit.exists()


def test_nothing_to_revoke_is_fine_and_says_so(desk: Desk) -> None:
    fill(desk.server, Fba())
    assert "nothing to revoke" in desk.revoke(Fba.schema, "--user", "nobody", "--expect", "0").stdout
    assert desk.receipt(Fba.schema, "--user", "nobody", "--dry-run")["planned"] == 0


def test_a_token_alone_warns_of_the_refresh_token(desk: Desk) -> None:
    fill(desk.server, OauthProxy())
    printed = desk.revoke("oauth-proxy", "--key", "oauth:token:jti-1-0", "--dry-run").stdout
    assert "mints new access" in printed
    assert "without asking the server" in printed
    document = desk.receipt("oauth-proxy", "--key", "oauth:token:jti-1-0", "--dry-run")
    assert (document["mints"], document["stateless"]) == (1, True)
    assert document["access_lives_until"] is not None
    whole = desk.receipt("oauth-proxy", "--key", "oauth:token:jti-1-0", "--session", "--dry-run")
    assert (whole["mints"], whole["planned"], whole["scope"]) == (0, 2, "session")


# --- without a terminal


def test_without_a_terminal_it_needs_the_number(desk: Desk) -> None:
    fill(desk.server, Fba())
    before = holdings(desk.server)
    done = desk.revoke(Fba.schema, "--user", "1", code=5)
    assert "--expect" in done.stderr
    assert done.stdout == ""
    document = desk.receipt(Fba.schema, "--user", "1", "--expect", "3", code=5)
    assert "--expect says 3" in document["error"]
    assert holdings(desk.server) == before


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.schema)
def test_a_number_that_matches_is_enough(desk: Desk, layout: Layout) -> None:
    fill(desk.server, layout)
    planned = desk.receipt(layout.schema, "--user", "1", "--dry-run")["planned"]
    document = desk.receipt(layout.schema, "--user", "1", "--expect", str(planned))
    assert (document["removed"], document["verified"], document["late"], document["error"]) == (planned, True, 0, None)
    assert document["scans"] == 2
    assert document["seconds"] >= 2
    assert layout.usable(desk.server, "1") == layout.listed(desk.server, "1") == set()
    assert len(desk.audit.read_text().splitlines()) == 2
    assert desk.audit.stat().st_mode & 0o777 == 0o600


def test_a_token_is_piped_in(desk: Desk) -> None:
    fill(desk.server, Faultmaven())
    token = Faultmaven().raw("10", "10-1")
    document = desk.receipt("faultmaven", "--token", "-", "--session", "--expect", "2", pasted=f"  {token}\n")
    assert (document["user"], document["removed"], document["verified"]) == ("10", 2, True)
    assert len(Faultmaven().usable(desk.server, "10")) == 3


def test_a_family_is_revoked_for_everybody(desk: Desk) -> None:
    fill(desk.server, Arketic())
    count = len(desk.server.ask("KEYS", "session:refresh:*"))
    document = desk.receipt("arketic", "--all-of", "refresh_token", "--expect", str(count))
    assert (document["scope"], document["family"], document["removed"]) == ("family", "refresh_token", count)
    assert desk.server.ask("KEYS", "session:refresh:*") == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "Say what to revoke"),
        (("--user", "1", "--key", "x"), "one of --user"),
        (("--user", "1", "--session"), "all sessions go anyhow"),
        (("--user", ""), "must not be empty"),
        (("--user", r"\q"), "backslash"),
        (("--token", "-"), "there was none"),
        (("--key", "nothing:like:it"), "no token rule"),
        (("--all-of", "profile"), "grants access; there are refresh_token, session"),
        (("--user", "1", "--expect", "-1"), "expect"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(desk: Desk, args: tuple[str, ...], words: str) -> None:
    done = desk.revoke("arketic", *args, code=2)
    assert words in done.stderr
    assert done.stdout == ""


def test_it_needs_a_schema_that_knows_tokens(desk: Desk, tmp_path: Path) -> None:
    assert "--schema" in desk.run("revoke", "--user", "1", "--dry-run", code=2).stderr
    plain = tmp_path / "plain.toml"
    plain.write_text('title = "x"\n[families.a]\npattern = "a:{id}"\npurpose = "a"\n')
    assert "nothing of tokens" in desk.revoke(str(plain), "--user", "1", "--dry-run", code=2).stderr


def test_read_only_is_refused(desk: Desk) -> None:
    fill(desk.server, Fba())
    assert "read-only" in desk.revoke(Fba.schema, "--user", "1", "--expect", "16", "--read-only", code=5).stderr
    assert len(Fba().usable(desk.server, "1")) == 10


def test_what_cannot_be_verified_has_an_exit_code_of_its_own(desk: Desk) -> None:
    fill(desk.server, OauthProxy())
    desk.server.ask("ACL", "SETUSER", "default", "-srem")
    try:
        document = desk.receipt("oauth-proxy", "--user", "1", "--expect", "10", code=4)
    finally:
        desk.server.ask("ACL", "SETUSER", "default", "+@all")
    assert (document["verified"], document["removed"]) == (False, 0)
    assert "+srem" in document["error"]


def test_a_server_that_is_not_there(desk: Desk) -> None:
    done = desk.revoke("arketic", "--user", "1", "--dry-run", "-p", "1", code=3)
    assert re.fullmatch(r"redtop: .+\.\n", done.stderr)


# --- on a terminal


def test_on_a_terminal_the_user_is_typed(desk: Desk) -> None:
    fill(desk.server, Fba())
    screen = desk.at_terminal(Fba.schema, "--user", "1", answers=["10"], code=5)
    assert "Type the user, 1:" in screen
    assert len(Fba().usable(desk.server, "1")) == 10
    screen = desk.at_terminal(Fba.schema, "--user", "1", answers=["1"])
    assert re.search(r"revoked +all of 1", screen)
    assert Fba().usable(desk.server, "1") == set()


def test_of_a_family_the_number_is_typed(desk: Desk) -> None:
    fill(desk.server, Fba())
    count = len(desk.server.ask("KEYS", "fba:refresh_token:*"))
    screen = desk.at_terminal(Fba.schema, "--all-of", "refresh_token", answers=[str(count)])
    assert f"Type the number of keys, {count}:" in screen
    assert desk.server.ask("KEYS", "fba:refresh_token:*") == []


def test_a_token_is_pasted_where_nobody_sees_it(desk: Desk) -> None:
    fill(desk.server, Faultmaven())
    token = Faultmaven().raw("10", "10-1")
    screen = desk.at_terminal("faultmaven", "--token", "-", answers=[token, "10"])
    assert token not in screen
    assert re.search(r"revoked +one token of 10", screen)


# --- secrets

PASSWORD = "canary-pass-5e8d1f"
CANARIES = [f"canary{number:02}tokenZq{number * 7919:08x}" for number in range(50)]


def plant(server: Server) -> None:
    """Fifty secrets: in names, in values, and as tokens whose hashes are in names."""
    commands: list[tuple[str | bytes | int, ...]] = []
    for number, canary in enumerate(CANARIES):
        user = "1" if number % 5 else "10"
        commands += [
            ("SET", f"oauth:refresh:{canary}", json.dumps({"username": user, "jti": f"j{number}", "secret": canary})),
            ("SET", f"oauth:token:j{number}", json.dumps({"username": user, "raw": canary, "jti": f"j{number}"})),
        ]
    server.ask_all(commands)


def leaks(text: str) -> list[str]:
    return [secret for secret in (*CANARIES, PASSWORD) if secret in text]


def test_no_secret_appears_anywhere(tmp_path: Path) -> None:
    """Terminal bytes, documents, audit log, errors, process arguments: neither the password nor any of 50 tokens."""
    with Server("valkey-9.1", "--requirepass", PASSWORD) as guarded:
        seen = ""
        desk = Desk(guarded, tmp_path, env={"REDISCLI_AUTH": PASSWORD})
        guarded.ask_all([("AUTH", PASSWORD)])
        with_password(guarded, plant)
        printed = desk.revoke("oauth-proxy", "--user", "1", "--dry-run")
        planned = desk.receipt("oauth-proxy", "--user", "1", "--dry-run")["planned"]
        seen += printed.stdout + printed.stderr
        for args, code, pasted in (
            (("--token", CANARIES[0], "--expect", "1"), 2, None),
            (("--token", "-", "--dry-run"), 0, CANARIES[0]),
            (("--token", "-", "--expect", "7"), 5, CANARIES[0]),
            (("--token", "-", "--session", "--expect", "2", "--json"), 0, CANARIES[0]),
            (("--user", "1", "--expect", str(planned)), 0, None),
        ):
            done = desk.revoke("oauth-proxy", *args, code=code, pasted=pasted)
            seen += done.stdout + done.stderr
        seen += desk.at_terminal("oauth-proxy", "--token", "-", answers=[CANARIES[5], "10"])
        seen += desk.audit.read_text()
        assert len(with_password(guarded, lambda server: server.ask("KEYS", "*"))) < 20
    assert leaks(seen) == []
    assert "oauth:refresh:cana…" in seen


def with_password(server: Server, act: Any) -> Any:
    """Do something as a client that knows the password."""
    asked = server.ask_all

    def ask_all(commands: Sequence[Any]) -> list[Any]:
        return asked([("AUTH", PASSWORD), *commands])[1:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "ask_all", ask_all)
        return act(server)


def test_no_token_is_among_the_arguments_or_in_the_environment_of_the_process(desk: Desk) -> None:
    plant(desk.server)
    command = [sys.executable, "-m", "tui", "-p", str(desk.server.port), "revoke", "--schema", "oauth-proxy"]
    with subprocess.Popen(
        [*command, "--token", "-", "--expect", "1"],
        env=CLEAN | desk.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(CANARIES[0])
        process.stdin.close()
        assert process.stdout.readline().startswith("revokes")  # it has the token by now, and takes two seconds more
        mine = psutil.Process(process.pid)
        assert leaks(" ".join(mine.cmdline()) + repr(mine.environ())) == []
        assert process.wait(20) == 0
        assert leaks(process.stdout.read()) == []


def test_a_fault_of_ours_tells_no_secret(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plant(desk.server)

    def fault(*_: object) -> None:
        raise KeyError(CANARIES[1].encode())

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REDTOP_TRACEBACK", raising=False)
    monkeypatch.setattr("tui.engine.revoke.removing.Remover._look_at_keys", fault)
    key = ["--key", "oauth:token:j1", "--expect", "1"]
    code = main(["-h", HOST, "-p", str(desk.server.port), "--schema", "oauth-proxy", "revoke", *key])
    out, err = capsys.readouterr()
    assert code == 1
    assert "fault in redtop (KeyError" in err
    assert leaks(out + err + desk.audit.read_text()) == []
