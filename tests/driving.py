"""Driving all of redtop that only looks: every screen and pane of the real application, and every headless command."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.widgets import Input

from tests.engine.layouts import LAYOUTS, make
from tests.engine.revoke.layouts import OauthProxy, jwt
from tests.looking import QUICK, Looking, looking
from tests.servers import HOST, Server
from tests.test_cli import CLEAN
from tui.cli import main
from tui.engine.findings import Findings
from tui.engine.survey import Survey
from tui.panes.streams_all import AllStreamsPane
from tui.panes.streams_inside import InsidePane
from tui.screens.contents import CONTENTS
from widgets.table import Table

"""What `redtop acl --for` calls each generation of servers."""
SIZE = (120, 40)
INTERVAL = 0.5
"""Seconds between refreshes: Pilot waits for rest after each key."""
SHARE = 0.2
"""Of the server's time for the survey of a big keyspace: few enough commands to note every one."""
PATIENCE = 300.0
"""Seconds to wait for what reads a whole keyspace, which may be a big one on a busy machine."""
INDEXES = {"set": ("SADD",), "zset": ("ZADD", 1), "hash": ("HSET",), "list": ("RPUSH",)}
"""How a name comes into an index of each kind: the command, and what stands between key and name."""
VALUES = {
    "string": ("getrange", "getrange"),
    "hash": ("hscan", "hscan"),
    "list": ("lrange", "lrange"),
    "set": ("sscan", "sscan"),
    "zset": ("zrange", "zscan"),
    "stream": ("xrange", "xrange"),
}
"""What reads a value of each type, and what searches it."""


def schema(folder: Path, index: str = "members:{kind}") -> str:
    """Write a schema with an index of each kind, by that name; returns its path."""
    text = 'title = "driven"\n[families.member]\npattern = "member:{id}"\npurpose = "somebody"\nlength = 5\n'
    for kind in INDEXES:
        text += f'[families.by_{kind}]\npattern = "{index.format(kind=kind)}"\ntype = "{kind}"\npurpose = "index"\n'
        text += f'[indexes.{kind}]\nfamily = "by_{kind}"\nholds = "id"\nof = "member"\n'
    file = folder / "driven.toml"
    file.write_text(text)
    return str(file)


def plant(server: Server, keys: int = 200, seed: int = 7) -> None:
    """Fill a server with so many keys of every type by chance, and a bit of everything that redtop looks into."""
    chance = random.Random(seed)
    made = [key for templates in LAYOUTS.values() for key in make(templates, 1 + keys // len(LAYOUTS), seed)]
    server.ask_all([_of_some_type(chance, key) for key in made])
    server.ask_all([("EXPIRE", key, chance.randrange(5000, 10**6)) for key in made[::2]])
    server.ask_all([("RPUSH", f"member:{n}", *range(8)) for n in range(20)])
    for kind, (command, *between) in INDEXES.items():
        server.ask(command, f"members:{kind}", *between, "gone", *(("x",) if kind == "hash" else ()))
    server.ask_all(OauthProxy().login("ann", "ann-1") + OauthProxy().login("bob", "bob-2"))
    server.ask_all([("SET", "value:string", b"\xff text " * 2000), ("ZADD", "value:zset", 1, "a", 2, "b")])
    server.ask_all([("HSET", "value:hash", "f", "v"), ("RPUSH", "value:list", "a", "b"), ("SADD", "value:set", "a")])
    server.ask_all([("XADD", "value:stream", f"{n}-1", "n", n, "data", '{"a": 1}') for n in range(1, 400)])
    server.ask_all([("XADD", "late", "*", "n", n) for n in range(30)])
    for name in ("value:stream", "late"):
        server.ask("XGROUP", "CREATE", name, "workers", "0")
        server.ask("XREADGROUP", "GROUP", "workers", "ann", "COUNT", 20, "STREAMS", name, ">")
    server.ask("XDEL", "value:stream", "200-1")  # from here on the server does not know how far the group is behind


def plant_big(server: Server, keys: int, members: int, octets: int) -> None:
    """Add so many keys, one of each container with so many members (streams take a tenth), and a long string.

    The server must have been started with `--enable-debug-command local`.
    """
    assert server.ask("DEBUG", "POPULATE", keys, "populated", 100) == b"OK"
    assert server.ask("SETRANGE", "big:string", octets - 1, "x") == octets
    add: dict[str, Callable[[int], tuple[Any, ...]]] = {
        "SADD big:set": lambda n: (f"member:{n}",),
        "HSET big:hash": lambda n: (f"field:{n}", n),
        "ZADD big:zset": lambda n: (n, f"member:{n}"),
        "RPUSH big:list": lambda n: (f"element:{n}",),
    }
    for words, of in add.items():
        many = members if "set" in words.split(":")[1] else members // 10
        for start in range(0, many, 100_000):
            pages = (range(at, min(at + 500, many)) for at in range(start, min(start + 100_000, many), 500))
            server.ask_all([(*words.split(), *(word for n in page for word in of(n))) for page in pages])
    for start in range(0, members // 10, 10_000):
        server.ask_all([("XADD", "big:stream", f"{n}-1", "n", n) for n in range(start + 1, start + 10_001)])
    server.ask("XGROUP", "CREATE", "big:stream", "workers", "0")
    server.ask("XREADGROUP", "GROUP", "workers", "ann", "COUNT", 50_000, "STREAMS", "big:stream", ">")
    server.ask("XDEL", "big:stream", f"{members // 20}-1")


def _of_some_type(chance: random.Random, key: bytes) -> tuple[Any, ...]:
    size = chance.choice((1, 3, 30))
    some = [f"element {chance.random()}" for _ in range(size)]
    return chance.choice(
        (
            ("SET", key, "x" * chance.randrange(1, 2000)),
            ("RPUSH", key, *some),
            ("SADD", key, *some),
            ("HSET", key, *(word for one in some for word in (one, "value"))),
            ("ZADD", key, *(word for one in some for word in (1, one))),
            ("XADD", key, "*", *(word for one in some for word in (one, "value"))),
        )
    )


async def drive_screens(
    server: Server,
    schemas: Sequence[str],
    on_page: Callable[[], None] = lambda: None,
    *,
    values: str = "value",
    share: float = SHARE,
    **login: Any,
) -> None:
    """Open every page, look into everything on it, and search; `on_page` is called on each of them at the end.

    `values` is what the names of the keys begin with that are looked into: one of each type. `share` is how much of
    the server's time the survey takes.
    """
    settings = replace(QUICK, interval=INTERVAL, scan_share=share, read_only=True, schemas=tuple(schemas))
    async with looking(server.port, SIZE, settings=settings, **login) as look:
        survey = look.app.session.of(Survey).feed
        await look.until(lambda: survey.latest and survey.latest.complete, PATIENCE)
        for chapter in CONTENTS:
            await look.press(chapter.key)
            await look.until(lambda: chapter.key == look.page.KEY)  # noqa: B023 - polled before the next turn
            for index, pane in enumerate(look.page.panes):
                look.tap(pane.JUMP)
                await look.until(lambda: look.page.current == index)  # noqa: B023 - as above
            await _DRIVES.get(chapter.key, _nothing)(look, server, values)
            on_page()
        await look.press("question_mark", "escape", "1")


async def _nothing(look: Looking, server: Server, values: str) -> None:
    pass


async def _keys(look: Looking, server: Server, values: str) -> None:
    """Look at a value of each type, and search in it."""
    for kind, (reads, searches) in VALUES.items():
        for key, text, asked in (("g", f"{values}:{kind}", reads), ("slash", "a", searches)):
            before = _calls(look, asked)
            await type_into(look, key, text)
            await look.until(lambda: _calls(look, asked) > before)  # noqa: B023 - as above
        look.tap("escape")
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")  # under which servers count uses, not idle time
    look.tap("r")
    await look.until(lambda: _calls(look, "object|freq"))


async def _streams(look: Looking, server: Server, values: str) -> None:
    """Look into groups, consumers and pending entries; read on from a place; listen."""
    inside = look.pane(InsidePane)
    for key in (b"late", f"{values}:stream".encode()):
        look.tap(AllStreamsPane.JUMP)
        table = look.pane(AllStreamsPane).query_one(Table)
        await look.until(lambda: key in [row.key for row in table.rows])  # noqa: B023 - as above
        table.move_to_key(key)
        await look.until(lambda: inside.key == key)  # noqa: B023 - as above
        await look.press("enter")
        for _ in range(3):
            await look.until(lambda: inside.query_one(Table).rows)
            await look.press("enter")
        await look.press(*["escape"] * 4)
    await type_into(look, "g", "100-1")
    await _shown(look, "n=100 ")
    await look.press("T", "f", "enter", "escape")
    await type_into(look, "c", "chat:7 flow:*")
    await look.until(lambda: server.ask("PUBSUB", "NUMPAT") == 1)


async def _tokens(look: Looking, server: Server, values: str) -> None:
    """Find a user, a key and a token."""
    await type_into(look, "g", "ann")
    await _shown(look, "jti-ann-1")
    await type_into(look, "g", "oauth:token:jti-bob-2")
    await type_into(look, "t", jwt(jti="jti-ann-1", sub="ann"))
    await look.pilot.pause()


async def _expiry(look: Looking, server: Server, values: str) -> None:
    """Wait for the closer look."""
    known = look.app.session.of(Findings).feed
    await look.until(lambda: known.latest and known.latest.looked_at, PATIENCE)


_DRIVES = {"2": _keys, "3": _streams, "4": _expiry, "5": _tokens}


async def _shown(look: Looking, text: str) -> None:
    """Wait for a text without spending all the time on looking for it."""
    async with asyncio.timeout(PATIENCE):
        while text not in look.text:  # noqa: ASYNC110 - a screen tells nobody that it was drawn
            await asyncio.sleep(0.1)


def _calls(look: Looking, name: str) -> int:
    return look.app.session.deployment.footprint.calls[name]


async def type_into(look: Looking, key: str, text: str) -> None:
    """Press a key that opens a line, and fill it in."""
    look.tap(key)
    await look.until(lambda: isinstance(look.app.focused, Input))
    field = look.app.focused
    assert isinstance(field, Input)
    field.value = text
    look.tap("enter")
    await look.until(lambda: look.app.focused is not field)


def drive_commands(server: Server, schemas: Sequence[str], *login: str) -> None:
    """Run every headless command that only looks."""
    place = ("-h", HOST, "-p", str(server.port), *login)
    assert main(["report", *place]) == 0
    assert main(["report", *place, "--exact", "--json"]) == 0
    assert main(["schema", "test", schemas[0], *place, "--exact"]) in {0, 6}
    with ExitStack() as stack:
        tails = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tui", "tail", *place, "late", *where],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=CLEAN,
                )
            )
            for where in (("--group", "workers"), ("--from", "0"))
        ]
        for tail in tails:
            assert tail.stdout is not None
            assert tail.stdout.readline()
            tail.send_signal(signal.SIGINT)
