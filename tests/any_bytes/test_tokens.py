"""Hostile names of keys that expire, and of users who hold tokens."""

from __future__ import annotations

from tests.any_bytes.driven import LASTS, answer, asked_about, redtop
from tests.engine.revoke.layouts import OauthProxy
from tests.servers import Server
from tests.storming import NUMBER, SHOWN, STORM, THOROUGH, as_shown, rest, see_all

pytestmark = LASTS


def test_keys_that_expire_next(valkey: Server) -> None:
    few = range(NUMBER if THOROUGH else 36)
    valkey.ask_all([("SET", STORM[n], "x", "EX", 5000 + n) for n in few])
    with redtop(valkey) as watch:
        watch.press("4")
        watch.until_shown("╭─ Next")
        for start in few[::12]:
            some = few[start : start + 12]
            see_all(watch, {n: SHOWN[n] for n in some}, down="")
            valkey.ask_all([("PERSIST", STORM[n]) for n in some])


def test_users_and_their_tokens(valkey: Server) -> None:
    login = OauthProxy().login
    # In JSON, so they are text; a longer one would be named by its hash.
    users = {number: one.decode("utf-8", "replace").replace(":", ";") for number, one in enumerate(STORM)}
    users = {number: user for number, user in users.items() if len(user.encode()) < 100}
    for number, user in users.items():
        valkey.ask_all(login(user, f"{number}-0"))
    shown = {number: as_shown(user.encode()) for number, user in users.items()}
    with redtop(valkey, "--schema", "oauth-proxy") as watch:
        watch.press("5")
        watch.until_shown("╭─ Users", "╭─ Tokens")
        watch.press("z")
        see_all(watch, shown)
        for key in "y", "\r", "y":
            watch.press(key)
            rest(watch)
        asked_about(watch, "x", "Revoke", "revokes")
        answer(watch, "\x1b", "Revoke")
