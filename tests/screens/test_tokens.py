"""The Tokens page: who is logged in, with what, found in every way, and revoked after a look."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Button, Input

from tests.engine.purge.conftest import times
from tests.engine.revoke.layouts import Faultmaven, Fba, OauthProxy
from tests.looking import QUICK, Looking, looking
from tests.servers import Server
from tui.panes.tokens_held import HeldPane
from tui.panes.tokens_principals import PrincipalsPane
from tui.screens.confirm import ConfirmScreen
from tui.screens.progress import ProgressScreen
from tui.screens.tokens import TokensPage
from tui.settings import Settings
from widgets.table import Table

WIDE = (160, 44)
OAUTH = replace(QUICK, schemas=("oauth-proxy",))
SECRET = "canary-refresh-Zq81"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Audit log and settings of nobody."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once; the pause between them has tests of its own."""
    monkeypatch.setattr("tui.engine.revoke.execute.PAUSE", 0.01)


def fill(server: Server) -> None:
    for user, logins in (("ann", 3), ("bob", 2), ("1", 1), ("10", 2)):
        for number in range(logins):
            server.ask_all(OauthProxy().login(user, f"{user}-{number}"))
    about = json.dumps({"username": "ann", "jti": "jti-ann-7", "secret": SECRET})
    server.ask("SET", f"oauth:refresh:{SECRET}", about, "EX", 999)
    old = {"jti": "jti-ann-7", "username": "ann", "created_at": 1_000_000_000, "last_used": "2024-05-01T06:31:07Z"}
    server.ask("SET", "oauth:token:jti-ann-7", json.dumps(old))


async def open_page(look: Looking) -> TokensPage:
    await look.until_shown("● live")
    await look.press("5")
    await look.until(lambda: isinstance(look.page, TokensPage))
    assert isinstance(look.page, TokensPage)
    return look.page


async def complete(look: Looking) -> TokensPage:
    page = await open_page(look)
    await look.until(lambda: page.users.snapshot is not None and page.users.snapshot.complete)
    return page


@pytest.fixture
async def look(valkey: Server) -> AsyncIterator[Looking]:
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=OAUTH) as running:
        await complete(running)
        yield running


def users(look: Looking) -> list[object]:
    rows = look.pane(PrincipalsPane).query_one(Table).rows
    return [row.key[1] for row in rows if isinstance(row.key, tuple)]


def held(look: Looking) -> list[str]:
    return [row.cells[0].plain.strip("● ") for row in look.pane(HeldPane).query_one(Table).rows]


async def confirm(look: Looking, *texts: str) -> ProgressScreen:
    """Type what is asked for, and wait for the receipt."""
    question = await look.asked()
    for field, text in zip(question.query(Input), texts, strict=True):
        field.value = text
    yes = question.query_one("#yes", Button)
    await look.until(lambda: not yes.disabled)
    yes.focus()
    await look.press("enter")
    await look.until(lambda: isinstance(look.app.screen, ProgressScreen) and look.app.screen.done)
    assert isinstance(look.app.screen, ProgressScreen)
    return look.app.screen


def written(folder: Path) -> str:
    """All that was written to files."""
    files = [*folder.glob("redtop-receipt-*.txt"), folder / "state" / "redtop" / "audit.log"]
    return "".join(file.read_text() for file in files)


async def test_users_are_listed_with_their_tokens_and_times(look: Looking) -> None:
    await look.until(lambda: users(look) == [b"ann", b"10", b"bob", b"1"])
    await look.until_shown("Users · 4", "18 tokens by oauth-proxy")
    line = next(line for line in look.lines if "ann " in line)
    assert [word in line for word in (" 8 ", " 4 ", "never")] == [True, True, True]
    await look.until(lambda: "jti-ann-0" in held(look))
    assert len(held(look)) == 4 + 8
    await look.press("s", "s", "s", "s")
    await look.until(lambda: users(look) == [b"1", b"10", b"ann", b"bob"])


async def test_secrets_are_masked_everywhere(look: Looking) -> None:
    await look.press("enter")
    await look.until_shown("oauth:refresh:cana…")
    assert SECRET not in look.text
    assert SECRET not in look.app.export_screenshot()


async def test_the_filter_keeps_some_users(look: Looking) -> None:
    await look.press("slash", "1")
    await look.until(lambda: users(look) == [b"10", b"1"])


async def test_a_user_is_found_by_name_and_a_key_by_its_own(look: Looking) -> None:
    page = look.page
    await look.press("g")
    page.query_one("#jump", Input).value = "bob"
    await look.press("enter")
    await look.until_shown("jti-bob-1")
    await look.press("g")
    page.query_one("#jump", Input).value = "oauth:token:jti-10-1"
    await look.press("enter")
    await look.until(lambda: look.pane(HeldPane).key is not None)
    key = look.pane(HeldPane).key
    assert key is not None
    assert key.key == b"oauth:token:jti-10-1"
    await look.press("g")
    page.query_one("#jump", Input).value = "nobody"
    await look.press("enter")
    await look.until_shown("nobody has no tokens")


async def test_a_pasted_token_is_found_and_never_shown(look: Looking) -> None:
    await look.press("t")
    field = look.page.query_one("#token", Input)
    field.value = SECRET
    await look.pilot.pause()
    assert SECRET not in look.text + look.app.export_screenshot()
    await look.press("enter")
    await look.until(lambda: look.pane(HeldPane).key is not None)
    key = look.pane(HeldPane).key
    assert key is not None
    assert key.key.endswith(SECRET.encode())
    assert field.value == ""
    assert not field.display
    assert SECRET not in look.text
    await look.press("t")
    field.value = "nobody's token"
    await look.press("enter")
    await look.until_shown("the token is not there")


@pytest.mark.usefixtures("quick")
async def test_all_of_a_user_is_revoked_after_typing_the_name(look: Looking, valkey: Server, state: Path) -> None:
    await look.press("x")
    question = await look.asked()
    await look.until_shown("all of ann", "refresh_token 4 → access_token 4", "without asking the", "▲ none")
    assert question.focused is question.query_one("#cancel")
    assert question.query_one("#yes", Button).disabled
    await confirm(look, "ann")
    await look.until_shown("revoked   all of ann", "removed   8", "audit.log")
    assert OauthProxy().usable(valkey, "ann") == set()
    assert SECRET not in look.text + look.app.export_screenshot()
    await look.press("e")
    await look.until_shown("Receipt")
    assert written(state).count("all of ann") == 1
    assert SECRET not in written(state)
    await look.press("escape")
    await look.until(lambda: users(look) == [b"10", b"bob", b"1"])
    assert len(OauthProxy().usable(valkey, "10")) == 4


@pytest.mark.usefixtures("quick")
async def test_one_login_goes_with_its_refresh_token_and_the_others_stay(look: Looking, valkey: Server) -> None:
    await look.press("enter", "down")
    await look.press("x")
    await look.asked()
    await look.until_shown("one login of ann", "of the same user: refresh_token 3 ·", "access_token 3")
    await confirm(look, "ann")
    await look.until_shown("revoked   one login of ann")
    assert len(OauthProxy().usable(valkey, "ann")) == 6
    await look.press("escape")
    await look.until(lambda: len(held(look)) == 3 + 6)


@pytest.mark.usefixtures("quick")
async def test_one_key_alone_warns_of_the_refresh_token(look: Looking, valkey: Server) -> None:
    await look.press("enter", "down", "down")
    key = look.pane(HeldPane).key
    assert key is not None
    assert key.role.family.name == "access_token"
    await look.press("X")
    await look.asked()
    await look.until_shown("one token of ann", "the refresh token, which mints new access")
    await confirm(look, "ann")
    assert valkey.ask("EXISTS", key.key) == 0
    assert len(OauthProxy().usable(valkey, "ann")) == 7


@pytest.mark.usefixtures("quick")
async def test_a_whole_family_is_revoked_by_its_number(look: Looking, valkey: Server) -> None:
    await look.press("X")
    question = await look.asked()
    await look.until_shown("refresh_token", "access_token", "Family:")
    question.query_one(Input).value = "refresh_token"
    await look.until(lambda: not question.query_one("#yes").disabled)
    question.query_one("#yes").focus()
    await look.press("enter")
    await look.until(lambda: look.app.screen is not question and isinstance(look.app.screen, ConfirmScreen))
    await look.until_shown("every oauth:refresh:{token}", "Type the number of keys, 9:")
    await confirm(look, "9")
    assert valkey.ask("KEYS", "oauth:refresh:*") == []


async def test_nothing_goes_when_the_answer_is_no(look: Looking, valkey: Server) -> None:
    before = valkey.ask("DBSIZE")
    await look.press("x")
    question = await look.asked()
    question.query_one(Input).value = "bob"
    await look.press("right", "enter")
    await look.press("escape")
    await look.until(lambda: look.app.screen is look.page)
    assert valkey.ask("DBSIZE") == before


async def test_in_production_the_profile_has_to_be_named_as_well(valkey: Server) -> None:
    fill(valkey)
    settings = replace(OAUTH, production=True, profile="prod-eu")
    async with looking(valkey.port, WIDE, settings=settings) as look:
        await complete(look)
        await look.press("x")
        await look.asked()
        await look.until_shown("Type the profile's name, prod-eu")


async def test_where_nothing_may_be_written_revoking_does_not_exist(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=replace(OAUTH, read_only=True)) as look:
        await complete(look)
        ids = {binding.id for _, binding, _, _ in look.page.active_bindings.values()}
        assert not {"tokens.revoke", "tokens.revoke_more"} & ids
        assert {"tokens.find", "tokens.paste"} <= ids
        await look.press("x", "X")
        assert look.app.screen is look.page


async def test_without_a_schema_the_page_teaches(valkey: Server) -> None:
    fill(valkey)
    async with looking(valkey.port, (80, 24), settings=QUICK) as look:
        await open_page(look)
        await look.until_shown("Only a schema knows", "redtop --schema NAME", "redtop schema list")
        ids = {binding.id for _, binding, _, _ in look.page.active_bindings.values()}
        assert not {"tokens.revoke", "tokens.find", "tokens.paste"} & ids


async def test_without_a_schema_one_that_fits_is_named(valkey: Server) -> None:
    for number in range(30):
        valkey.ask_all(Fba().login(f"{number}", f"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb{number:02}"))
    names = ("login:captcha", "login:failure", "user:lock", "ip:location", "snowflake", "limiter", "email:captcha")
    valkey.ask_all([("SET", f"fba:{name}:{number}", "x", "EX", 99) for name in names for number in range(30)])
    async with looking(valkey.port, WIDE, settings=QUICK) as look:
        await open_page(look)
        await look.until_shown("This keyspace looks like", "redtop --schema fastapi-best-architecture")


async def test_tokens_that_come_and_go_are_seen_again(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.engine.revoke.board.AGAIN", 0.05)
    fill(valkey)
    async with looking(valkey.port, WIDE, settings=OAUTH) as look:
        await complete(look)
        valkey.ask_all(OauthProxy().login("zoe", "zoe-0"))
        await look.until(lambda: b"zoe" in users(look))
        valkey.ask("FLUSHALL")
        await look.until_shown("nobody is logged in")


def cell(look: Looking, row: int, column: int) -> str:
    return look.pane(PrincipalsPane).query_one(Table).rows[row].cells[column].plain


async def test_several_schemas_name_theirs_beside_each_user(valkey: Server) -> None:
    valkey.ask_all(OauthProxy().login("7", "7-0") + Faultmaven().login("7", "7-1"))
    settings = replace(QUICK, schemas=("oauth-proxy", "faultmaven"))
    async with looking(valkey.port, WIDE, settings=settings) as look:
        await complete(look)
        await look.until(lambda: [cell(look, at, 1) for at in (0, 1)] == ["oauth-proxy", "faultmaven"])
        assert [cell(look, at, 0) for at in (0, 1)] == ["7", "7"]
        assert "7 · oauth-proxy" in look.text


async def test_a_hundred_thousand_tokens_are_listed_and_the_keys_stay_quick(valkey: Server) -> None:
    """A first screenful within a second, and no key waits for the rest (REDTOP_THOROUGH=1: all hundred thousand)."""
    tokens = times(20_000, 100_000)
    for start in range(0, tokens, 10_000):
        commands = [
            ("SET", f"fba:token:{number % 9973}:s{number}", "x", "EX", 9999) for number in range(start, start + 10_000)
        ]
        valkey.ask_all(commands)
    settings: Settings = replace(QUICK, schemas=("fastapi-best-architecture",))
    async with looking(valkey.port, WIDE, settings=settings) as look:
        page = await open_page(look)
        assert await look.until(lambda: len(users(look)) > 40) < 2
        anew: list[int] = []
        page.refresh_bindings = lambda: anew.append(1)  # type: ignore[method-assign]
        for _ in range(5):
            await look.press("down")
        await look.until(lambda: page.users.snapshot is not None and page.users.snapshot.complete, 40)
        board = page.users.snapshot
        assert board is not None
        assert (board.tokens, len(board.principals)) == (tokens, 9973)
        assert not anew, "to compose the line of keys anew takes longer than to draw all users"
        await look.until_shown("Users · 10.0k")
        await look.press("end")
        await look.until(lambda: page.users.query_one(Table).cursor == 9972)
