"""What looking leaves behind on a server: nothing written, nothing unbounded, nothing refused, few connections, named.

One drive through every screen and every command that looks, as the user that `redtop acl watch` prints; the server's
own books (COMMAND INFO, commandstats, errorstats, slow log, ACL LOG, CLIENT LIST) tell the rest. On a big server:
`python -m benchmarks.footprint`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.driving import drive_commands, drive_screens, plant, plant_big, schema
from tests.servers import GENERATIONS, PRODUCTS, Server
from tui.engine.commands import Purpose, name_of
from tui.engine.rules import Rules, Wanted, rules_for, server_of

BIG = "valkey-9.1"
"""The server with many keys and big values; the others have a few hundred."""
KEYS, POPULATED, MEMBERS, OCTETS = 5000, 20_000, 200_000, 20 << 20
"""Keys by chance, others, members of its biggest set, and bytes of its longest string."""

pytestmark = pytest.mark.timeout(300)

OURS = {"auth", "client", "config", "pubsub", "slowlog"}
"""Commands of the test itself, and the one that needs no rule."""
UNBOUNDED = {"keys", "get", "mget", "smembers", "hgetall", "hkeys", "hvals", "sort", "sunion", "sinter", "sdiff"}
"""What takes as long as a value is big, though it only reads."""
NOTED = 10**6
"""Commands that the server is told to keep."""
MOST = 1000
"""Elements that one command may ask for."""
MOST_BYTES = 1 << 20
"""Bytes of a string that one command may ask for."""


@dataclass(frozen=True)
class Driven:
    """What a server has noted of the drive."""

    server: Server
    rules: Rules
    called: Mapping[str, float]
    """Commands by the server's statistics, and how long each took on average (microseconds)."""
    sent: Sequence[Sequence[bytes]]
    """The words of every command that came from a connection of redtop's, long ones cut."""
    clients: Sequence[str]
    """CLIENT LIST, now and then."""

    @property
    def used(self) -> set[str]:
        """Commands by their ACL names."""
        return {name_of(words) for words in self.sent}


def drive(server: Server, rules: Rules, folder: Path) -> Driven:
    """Drive as the printed user."""
    assert server.ask(*(b">pw" if word == b">PASSWORD" else word for word in rules.words)) == b"OK"
    big = server.generation == BIG
    plant(server, KEYS if big else 300)
    if big:
        plant_big(server, POPULATED, MEMBERS, OCTETS)
    schemas = [schema(folder), "oauth-proxy"]
    server.ask_all([("CONFIG", "SET", "slowlog-max-len", NOTED), ("CONFIG", "SET", "slowlog-log-slower-than", 0)])
    server.ask_all([("CONFIG", "RESETSTAT"), ("SLOWLOG", "RESET")])
    clients: list[str] = []

    def look_at_clients() -> None:
        clients.append(server.ask("CLIENT", "LIST").decode())

    how: dict[str, Any] = {"values": "big"} if big else {"share": 0.6}
    asyncio.run(drive_screens(server, schemas, look_at_clients, **how, username="redtop", password="pw"))
    drive_commands(server, schemas, "--user", "redtop", "-a", "pw")
    stats = re.findall(r"cmdstat_(\S+):.*usec_per_call=([\d.]+)", server.ask("INFO", "commandstats").decode())
    noted = server.ask("SLOWLOG", "GET", -1)
    assert len(noted) < NOTED, "every command is still there"
    sent = [words for *_, words, _, name in noted if name.startswith(b"redtop")]
    return Driven(server, rules, {name: float(mean) for name, mean in stats}, sent, clients)


@contextmanager
def driven(generation: str, folder: Path) -> Iterator[Driven]:
    """Drive a server of this generation, which goes on running."""
    wanted = Wanted(frozenset({Purpose.WATCH}), server=server_of(str(PRODUCTS[generation])))
    debug = ("--enable-debug-command", "local") if generation == BIG else ()
    with Server(generation, *debug) as server:
        yield drive(server, rules_for(wanted), folder)


@pytest.mark.parametrize("generation", [name for name, program in GENERATIONS.items() if program is not None])
def test_looking_leaves_nothing_behind(generation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One drive for all that is expected of it."""
    monkeypatch.setattr("tui.engine.schema.closer.SECOND_LOOK", 0.01)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with driven(generation, tmp_path) as all_that:
        the_printed_user_is_refused_nothing_and_makes_no_error(all_that)
        every_printed_rule_is_used_so_none_can_be_dropped(all_that)
        no_command_that_writes_was_called(all_that)
        nothing_was_asked_that_takes_as_long_as_a_value_is_big(all_that)
        no_command_takes_a_millisecond(all_that)
        there_are_at_most_four_connections_and_each_has_a_name(all_that)
    assert not (tmp_path / "redtop" / "fault.log").exists()


def the_printed_user_is_refused_nothing_and_makes_no_error(driven: Driven) -> None:
    assert driven.server.ask("ACL", "LOG") == []
    assert driven.server.ask("INFO", "errorstats").split() == [b"#", b"Errorstats"]


def every_printed_rule_is_used_so_none_can_be_dropped(driven: Driven) -> None:
    printed = {rule.removeprefix("+") for rule in driven.rules.commands}
    assert printed == driven.used
    families = {name.split("|")[0] for name in driven.called}
    assert families - {name.split("|")[0] for name in printed} <= OURS, "the statistics agree"


def no_command_that_writes_was_called(driven: Driven) -> None:
    names = sorted({name.split("|")[0] for name in driven.called} | driven.called.keys() | {"set"})
    infos = driven.server.ask_all([("COMMAND", "INFO", name) for name in names])
    flags = {name: info[0][2] for name, info in zip(names, infos, strict=True) if info and info[0]}
    assert len(flags) > 30
    assert [name for name, its in flags.items() if b"write" in its] == ["set"], "and that is the test's"
    assert "set" not in driven.called


def nothing_was_asked_that_takes_as_long_as_a_value_is_big(driven: Driven) -> None:
    assert not driven.called.keys() & UNBOUNDED
    judged = {name: [words for words in driven.sent if name_of(words) == name] for name in SIZES}
    assert [name for name, commands in judged.items() if not commands and name in driven.used] == []
    too_much = [words for name, commands in judged.items() for words in commands if not _is_bounded(name, words)]
    assert too_much == []


def no_command_takes_a_millisecond(driven: Driven) -> None:
    """On average: single ones wait for their turn on a busy machine. `benchmarks.footprint` reads the slow log."""
    looked = {name: mean for name, mean in driven.called.items() if name.split("|")[0] not in OURS}
    assert max(looked.values()) < 1000, looked


def _is_bounded(name: str, words: Sequence[bytes]) -> bool:
    most = MOST_BYTES if name == "getrange" else MOST
    return 0 < SIZES[name](words) <= most


def _count(words: Sequence[bytes]) -> int:
    """What stands behind COUNT; nothing means without end."""
    upper = [word.upper() for word in words]
    return int(words[upper.index(b"COUNT") + 1]) if b"COUNT" in upper else MOST + 1


def _between(words: Sequence[bytes]) -> int:
    return int(words[3]) - int(words[2]) + 1


def _ids(words: Sequence[bytes]) -> int:
    return 1 if words[2] == words[3] else _count(words)


SIZES: Mapping[str, Callable[[Sequence[bytes]], int]] = {
    "getrange": _between,
    "hscan": _count,
    "lrange": _between,
    "memory|usage": lambda words: int(words[4]) if len(words) > 3 else 5,
    "scan": _count,
    "sscan": _count,
    "xpending": lambda words: int(words[5]),
    "xrange": _ids,
    "xread": _count,
    "xrevrange": _count,
    "zrange": _between,
    "zscan": _count,
}
"""How much a command asks for. The server itself looks at five elements for MEMORY USAGE, unless told otherwise."""


def there_are_at_most_four_connections_and_each_has_a_name(driven: Driven) -> None:
    assert len(driven.clients) >= 5
    for listed in driven.clients:
        own = [line for line in listed.splitlines() if " user=redtop " in line]
        assert 1 <= len(own) <= 4
        # One that has said nothing yet but who it is will say its name next.
        assert all(" name=redtop" in line or " cmd=auth " in line for line in own), own
    assert any("name=redtop-ear" in listed for listed in driven.clients), "it also listened"
