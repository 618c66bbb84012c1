"""Fifty tokens, secret names and a password, and none of them in a byte that redtop writes anywhere."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from textual.widgets import Button, Input

from tests.drifting import BUILT_IN
from tests.looking import QUICK, Looking, looking
from tests.servers import HOST, Server
from tests.test_cli import CLEAN
from tests.watched import Watched, watched
from tui.engine.namespaces import path_of
from tui.engine.printable import mask
from tui.engine.secrecy import Secrecy
from tui.engine.survey import Survey
from tui.panes.expiry_families import ExpiryFamiliesPane
from tui.panes.keylist import KeyListPane
from tui.screens.keys import KeysPage
from widgets.table import Table

PASSWORD = "canary-pass-7d1c2e"
CANARIES = [f"canary{number:02}tokenZq{number * 7919:08x}" for number in range(50)]
"""Some of them are of a family each, so that a tree of families would name them."""
VALUE = "canary-value-93aa"


def leaks(*texts: str | bytes) -> list[str]:
    """Return the secrets that stand in some output, as they are or as a clipboard gets them."""
    whole = b"".join(text if isinstance(text, bytes) else text.encode() for text in texts)
    plain = (*CANARIES, PASSWORD, VALUE)
    coded = {secret: base64.b64encode(secret.encode())[4:-4] for secret in plain}
    return [secret for secret in plain if secret.encode() in whole or coded[secret] in whole]


def plant(server: Server, tokens: int = 50) -> None:
    commands: list[tuple[str | bytes | int, ...]] = []
    for number, canary in enumerate(CANARIES[:tokens]):
        about = {"username": f"user{number % 3}", "jti": f"j{number}", "secret": VALUE}
        commands.append(("SET", f"oauth:refresh:{canary}", json.dumps(about), "EX", 50 + number))
        commands.append(("SET", f"oauth:token:j{number}", json.dumps(about), "EX", 20_000))
    commands.append(("HSET", "oauth:client:c1", "client_secret", VALUE))
    commands += [("SET", f"proxy:h{number}.example.com", "{}") for number in range(5)]
    server.ask_all(commands)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def written(folder: Path) -> Iterator[bytes]:
    """Yield all that was written to files."""
    return (file.read_bytes() for file in folder.rglob("*") if file.is_file())


# --- what is hidden


def test_a_schema_says_which_names_and_values_are_secrets() -> None:
    secrecy = Secrecy([BUILT_IN["oauth-proxy"], BUILT_IN["faultmaven"]])
    refresh = b"oauth:refresh:" + CANARIES[0].encode()
    assert secrecy.shown(refresh) == f"oauth:refresh:{mask(CANARIES[0].encode())}"
    assert secrecy.hides_name(refresh)
    assert secrecy.hides_value(refresh)
    assert not secrecy.hides_name(b"oauth:token:j1"), "a jti opens no door"
    assert secrecy.hides_value(b"oauth:token:j1"), "what it holds does"
    assert not secrecy.hides_value(b"proxy:h1.example.com")
    assert secrecy.shown(b"proxy:" + b"h" * 99, 10) == "proxy:hhhh…"
    assert secrecy.pattern("oauth:refresh:{hex}") == "oauth:refresh:{hex}", "a placeholder tells nothing"
    assert secrecy.pattern(refresh.decode()) == secrecy.shown(refresh)
    assert secrecy.masks(["a:b", refresh.decode()]) == {CANARIES[0]: mask(CANARIES[0].encode())}


def test_without_a_schema_nothing_is_hidden() -> None:
    secrecy = Secrecy()
    assert secrecy.shown(b"oauth:refresh:x\xff") == r"oauth:refresh:x\xff"
    assert not secrecy.hides_name(b"oauth:refresh:x")
    assert not secrecy.hides_value(b"oauth:refresh:x")
    assert secrecy.masks(["a"]) == {}
    assert secrecy.pattern("a") == "a"


# --- in the application


@pytest.mark.usefixtures("folders")
async def test_a_secret_is_shown_only_when_asked_for_and_copied_only_then(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(valkey, 2)
    key = f"oauth:refresh:{CANARIES[0]}"
    async with looking(valkey.port, (160, 48), settings=replace(QUICK, schemas=("oauth-proxy",))) as look:
        await look.until_shown("● live")
        await look.press("2")
        await look.until(lambda: isinstance(look.page, KeysPage))
        page = look.page
        assert isinstance(page, KeysPage)
        page._open(key.encode())
        await look.until_shown("a secret, says the schema", "oauth:refresh:cana…")
        copied: list[str] = []
        monkeypatch.setattr(look.app, "copy_to_clipboard", copied.append)
        await look.press("y", "Y", "c")
        await look.until_shown("V shows it")
        assert (copied, leaks(look.text, look.app.export_screenshot())) == ([], [])
        await look.press("V")
        await look.until_shown(CANARIES[0], VALUE)
        await look.press("y")
        assert copied == [key]
        page._open(b"oauth:token:j0")
        await look.until_shown("oauth:token:j0", "a secret, says the schema")
        assert leaks(look.text) == [], "another key hides it again"


def _is_open(look: Looking, page: str) -> bool:
    return page == look.page.KEY


async def test_no_page_and_no_export_names_a_secret(valkey: Server, folders: Path) -> None:
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", 0)
    plant(valkey, 3)  # so few that each is a family of its own
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
    async with looking(valkey.port, (160, 48), settings=replace(QUICK, schemas=("oauth-proxy",))) as look:
        await look.until_shown("● live", "100% seen")
        seen = []
        for page in "123456":
            await look.press(page)
            await look.until(partial(_is_open, look, page))
            await look.pilot.pause(0.3)
            await look.press("space", "asterisk", "E", "end", "home")
            seen += [look.text, look.app.export_screenshot()]
        await look.press("2")
        await look.until_shown("oauth:refresh:cana…")
        keys = look.pane(KeyListPane)
        keyspace = look.app.session.of(Survey).feed.latest
        assert keyspace is not None
        for family in keyspace.families:
            keys.choose(path_of(family), [one.shape for one in keyspace.families])
            await look.until(lambda: keys.query_one(Table).rows)
            seen.append(look.text)
            seen.append(look.app.export_screenshot())
        assert leaks(*seen, *written(folders)) == []


async def test_the_slow_log_masks_names_and_hides_what_stands_beside_them(valkey: Server) -> None:
    key = f"oauth:refresh:{CANARIES[0]}"
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", 0)
    valkey.ask_all(
        [
            ("SET", key, VALUE),
            ("MSET", "proxy:h1.example.com", "{}", key, VALUE),
            ("SADD", "elsewhere", "oauth:refresh:" + CANARIES[1] + "x" * 200),
            ("GET", "proxy:h1.example.com"),
        ]
    )
    valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
    async with looking(valkey.port, (160, 48), settings=replace(QUICK, schemas=("oauth-proxy",))) as look:
        await look.until_shown("● live")
        await look.press("6", "L")
        await look.until_shown(
            f"SET oauth:refresh:{mask(CANARIES[0].encode())} [hidden]",
            "MSET proxy:h1.example.com [hidden] oauth:",
            "SADD [hidden] oauth:refresh:cana…",
            "GET proxy:h1.example.com",
        )
        seen = [look.text]
        for _ in range(7):
            await look.press("enter")
            await look.until_shown("microseconds")
            seen.append(look.text)
            await look.press("escape", "down")
        await look.press("slash", *CANARIES[0][:8])
        await look.until_shown("nothing slow has")
        assert leaks(*seen) == []


@pytest.mark.usefixtures("folders")
async def test_purging_a_secret_key_names_it_nowhere(valkey: Server) -> None:
    plant(valkey, 3)
    async with looking(valkey.port, (160, 48), settings=replace(QUICK, schemas=("oauth-proxy",))) as look:
        await look.until_shown("● live", "100% seen")
        await look.press("2")
        await look.until(lambda: isinstance(look.page, KeysPage))
        page = look.page
        assert isinstance(page, KeysPage)
        page._open(f"oauth:refresh:{CANARIES[0]}".encode())
        await look.until_shown("a secret, says the schema")
        await look.press("t")
        await look.until_shown("Set TTL", "oauth:refresh:cana…")
        seen = [look.text]
        await look.decline()
        await look.press("R")
        await look.until_shown("Rename", "New name")
        seen.append(look.text)
        await look.decline()
        await look.press("d")
        await look.until_shown("Type delete:", "oauth:refresh:cana…")
        seen.append(look.text)
        assert leaks(*seen) == []


def _is_left(screen: Watched) -> bool:
    """Press Cancel until the dialog, which is deaf at first, is gone."""
    screen.press("\r")
    return "revokes" not in screen.text


def test_no_byte_of_a_real_terminal_names_a_secret(tmp_path: Path) -> None:
    """Every page, a search by a pasted token and what its revocation would mean: output, files, arguments."""
    with Server("valkey-9.1") as server:
        plant(server)
        server.ask("CONFIG", "SET", "requirepass", PASSWORD)
        homes = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        where = ["-h", HOST, "-p", str(server.port), "--schema", "oauth-proxy"]
        with watched(*where, REDISCLI_AUTH=PASSWORD, **homes) as screen:  # type: ignore[arg-type]  # no size
            screen.until_shown("● live", "100% seen")
            for key in ("2", "3", "4"):
                screen.press(key)
                screen.until_shown({"2": "Inspector", "3": "Groups", "4": "Forecast"}[key])
            screen.press("5")
            screen.until_shown("Users · 3")
            screen.press("t")
            screen.until_shown("paste a token")
            screen.press(f"{CANARIES[1]}\r")
            screen.until_shown("▌    ● oauth:refresh:cana…")  # the cursor has come to it
            arguments = " ".join(psutil.Process(screen.terminal.process.pid).cmdline())
            assert leaks(arguments) == []
            screen.press("x")
            screen.until_shown("revokes", "one login of user1")
            screen.until(partial(_is_left, screen))
            assert screen.leave() == 0
            assert leaks(bytes(screen.raw), *written(tmp_path)) == []


def test_a_report_by_a_schema_names_no_secret(valkey: Server) -> None:
    plant(valkey, 3)
    command = [sys.executable, "-m", "tui", "-p", str(valkey.port), "--schema", "oauth-proxy", "report", "--exact"]
    for extra in ([], ["--json"]):
        done = subprocess.run([*command, *extra], env=CLEAN, capture_output=True, text=True, check=True, timeout=60)
        assert leaks(done.stdout, done.stderr) == []
        assert "oauth:refresh:cana" in done.stdout


def test_a_purge_of_secret_keys_names_none(valkey: Server, tmp_path: Path) -> None:
    plant(valkey, 3)
    homes = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    where = ["-p", str(valkey.port), "--schema", "oauth-proxy"]
    command = [sys.executable, "-m", "tui", *where, "purge", "oauth:refresh:", "--expect", "3"]
    for extra in (["--dry-run"], ["--dry-run", "--json"], []):
        done = subprocess.run([*command, *extra], env=CLEAN | homes, capture_output=True, text=True, check=True)
        assert leaks(done.stdout, done.stderr, *written(tmp_path)) == []
    assert not valkey.ask("KEYS", "oauth:refresh:*")


def test_what_is_left_out_and_what_an_undo_could_not_bring_back_is_masked(valkey: Server, tmp_path: Path) -> None:
    plant(valkey, 3)
    homes = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def redtop(*words: str) -> str:
        command = [sys.executable, "-m", "tui", "-p", str(valkey.port), "--schema", "oauth-proxy", *words]
        done = subprocess.run(command, env=CLEAN | homes, capture_output=True, text=True, timeout=60, check=False)
        assert leaks(done.stdout, done.stderr) == []
        return done.stdout

    kept = f"oauth:refresh:{CANARIES[0]}"
    told = json.loads(redtop("purge", "oauth:", "--exclude-key", kept, "--json", "--undo-secrets", "--expect", "6"))
    assert told["exclude_keys"] == [f"oauth:refresh:{mask(CANARIES[0].encode())}"]
    assert told["removed"] == 6
    taken = f"oauth:refresh:{CANARIES[1]}"
    valkey.ask("SET", taken, "somebody else's")
    assert json.loads(redtop("undo", "--json"))["changed_keys"] == [f"oauth:refresh:{mask(CANARIES[1].encode())}"]


@pytest.mark.usefixtures("folders")
async def test_the_ttl_of_a_family_that_is_one_secret_key_names_it_nowhere(valkey: Server, folders: Path) -> None:
    valkey.ask("SET", "oauth:refresh:opensesame", "{}", "EX", 50)
    plant(valkey, 0)
    async with looking(valkey.port, (160, 48), settings=replace(QUICK, schemas=("oauth-proxy",))) as look:
        await look.until_shown("● live", "100% seen")
        await look.press("4")
        await look.until_shown("oauth:refresh:••••")
        table = look.pane(ExpiryFamiliesPane).query_one(Table)
        await look.until(lambda: table.move_to_key((":", "oauth", "refresh", "opensesame")))
        await look.press("t")
        form = await look.asked()
        seen = [look.text]
        for field, text in zip(form.query(Input), ("2h", "all", "0"), strict=True):
            field.value = text
        await look.until(lambda: not form.query_one("#yes", Button).disabled)
        form.query_one("#yes", Button).press()
        await look.until(lambda: len(look.app.screen.query(Input)) == 1)
        question = await look.asked()
        seen.append(look.text)
        question.query_one(Input).value = "1"
        await look.until(lambda: not question.query_one("#yes", Button).disabled)
        question.query_one("#yes", Button).press()
        await look.until_shown("changed   1", "Close")
        seen.append(look.text)
        assert valkey.ask("TTL", "oauth:refresh:opensesame") > 7000
        assert not any(b"opensesame" in text for text in (*map(str.encode, seen), *written(folders)))
