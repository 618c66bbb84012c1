"""Hostile commands in the slow log, and what clients say of themselves."""

from __future__ import annotations

from contextlib import ExitStack, closing

from tests.any_bytes.driven import LASTS, USERS, redtop, zoomed
from tests.hostile import CORPUS
from tests.servers import HOST, Server
from tests.storming import NUMBER, SHOWN, STORM, as_shown, rest, see_all
from tui.demo.wire import Wire

pytestmark = LASTS

ENTRIES = 100
"""Slow commands at a time: redtop asks for 128 at first."""
IN_FULL = 5
"""Of these, and of clients, so many are opened."""
NAMES = [one for one in CORPUS.values() if set(one) <= set(range(33, 127)) and one]
"""Payloads that a server takes for names of clients."""


def test_commands_in_the_slow_log(valkey: Server) -> None:
    valkey.ask("CONFIG", "SET", "slowlog-max-len", ENTRIES)
    for start in range(0, NUMBER, ENTRIES):
        some = range(start, min(start + ENTRIES, NUMBER))
        valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", 0)
        valkey.ask_all([("ECHO", STORM[n]) for n in some])
        valkey.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
        with redtop(valkey) as watch:
            watch.press("6")
            watch.until_shown("╭─ Slow log")
            zoomed(watch, "L", "Slow log")
            see_all(watch, {n: SHOWN[n] for n in some if n + 1 < some.stop})  # CONFIG took the place of one
            for _ in range(IN_FULL):
                watch.press("\r")
                watch.until_shown("microseconds")
                watch.press("\x1b")
                watch.until_shown("↓when")
                watch.press("\x1b[B")


def test_names_and_users_of_clients(valkey: Server) -> None:
    with ExitStack() as stack:
        for payload in USERS:
            user = CORPUS[payload][:90]
            valkey.ask("ACL", "SETUSER", user, "on", "nopass", "+auth", "+client")
            wire = stack.enter_context(closing(Wire(HOST, valkey.port)))
            wire.ask([("AUTH", user, "x"), ("CLIENT", "SETNAME", NAMES[len(user) % len(NAMES)])])
        with redtop(valkey) as watch:
            watch.press("6")
            watch.until_shown("╭─ Clients")
            zoomed(watch, "C", "Clients")
            watch.until_shown(*(as_shown(name)[:8] for name in NAMES), *(as_shown(CORPUS[one])[:4] for one in USERS))
            for _ in range(IN_FULL):
                watch.press("\r")
                watch.until_shown("laddr")
                rest(watch)
                watch.press("\x1b")
                watch.until_shown("↓memory")
                watch.press("\x1b[B")
