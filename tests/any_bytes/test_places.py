"""Hostile addresses, paths and names of what stands where: replicas, clusters, Sentinels, users, profiles."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.any_bytes.driven import LASTS, USERS, answer, redtop, zoomed
from tests.cluster import Member, _Sentinel
from tests.hostile import CORPUS
from tests.servers import HOST, Server
from tests.storming import STORM, THOROUGH, as_shown, dialog_is_whole, frame_is_whole, rest, see_all
from tests.test_hostile import check, check_restored
from tests.watched import watched
from tui.cli import main
from tui.engine.cluster.slots import SLOTS
from tui.engine.printable import is_safe, printable

pytestmark = LASTS

FOLLOWERS = 500 if THOROUGH else 40
"""Replicas at a time."""
ANNOUNCED = 200 if THOROUGH else 8
"""Addresses that a node of a cluster announces, one after the other: redtop looks at its map once a second or so."""

INJECTED = (
    b"x\r\nused_memory:pwn\r\nmaxmemory:-1\r\nuptime_in_seconds:1e999\r\nconnected_slaves:999999999999\r\n"
    b"db0:keys=[@click=app.quit],expires=\x1b\r\nmem_fragmentation_ratio:nan\r\nmaster_repl_offset:" + b"9" * 60
)
"""An address that writes lines of its own into INFO, for servers print it as it came."""


def test_addresses_that_replicas_announce_and_paths_of_the_server(home: Path) -> None:
    """Any client may say REPLCONF ip-address with any bytes, and a folder may be named anything."""
    folder = home / "conf\x1b]0;pwn\x07[@click=app.quit]pwn\u202e"
    folder.mkdir()
    (folder / "valkey.conf").write_text("maxmemory 100mb\n")
    names = [one[:250] for one in STORM[:-1] if not set(one) & set(b"\n\r\0,")]
    with Configured(folder / "valkey.conf") as server:
        for start in range(0, len(names) if THOROUGH else 1, FOLLOWERS):
            some = names[start : start + FOLLOWERS]
            with followers(server, [*some, INJECTED]), redtop(server) as watch:
                watch.press("6")
                watch.until_shown("╭─ Topology", "╭─ Server")
                zoomed(watch, "E", "Server")
                watch.until_shown(as_shown(str(folder).encode())[-40:])
                watch.press("z")
                zoomed(watch, "Y", "Topology")
                see_all(watch, {int(one[:5]): as_shown(one) for one in some})


class Configured(Server):
    """A server with a configuration file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def _options(self) -> list[object]:
        return [self._file, *super()._options()]


@contextmanager
def followers(server: Server, names: Sequence[bytes]) -> Iterator[None]:
    """Connections that say they are replicas, at these addresses."""
    with ExitStack() as stack:
        for number, name in enumerate(names):
            one = stack.enter_context(socket.create_connection((HOST, server.port)))
            for about in (b"listening-port", b"%d" % (7000 + number)), (b"ip-address", name):
                one.sendall(packed(b"REPLCONF", *about))
                assert one.recv(100).startswith(b"+OK"), name
            one.sendall(packed(b"PSYNC", b"?", b"-1"))
        yield


def packed(*words: bytes) -> bytes:
    """One command as it goes over the wire."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


@pytest.mark.parametrize("payload", list(CORPUS) if THOROUGH else ["newline"])
def test_a_place_that_a_cluster_announces_from_the_start(payload: str) -> None:
    """Before Valkey 9 a node announces whatever its configuration says, and redtop would go there."""
    own = ("--cluster-enabled", "yes", "--cluster-announce-ip", os.fsdecode(CORPUS[payload].replace(b"\0", b"")[:40]))
    with Member("redis-6.2", *own) as server:
        server.ask("CLUSTER", "ADDSLOTS", *range(SLOTS))
        with watched("-h", HOST, "-p", str(server.port), "--interval", "0.25", size=(120, 40)) as watch:
            watch.until(lambda: "no host is named" in watch.text or "● live" in watch.text or "✕" in watch.text)
            for page in "123456":
                watch.press(page)
                rest(watch)
            assert watch.leave() == 0
            check(bytes(watch.raw))
            check_restored(watch)


def test_places_that_a_cluster_announces_one_after_the_other() -> None:
    names = [one[:40] for one in STORM if not set(one[:40]) & set(b"\0\r\n ,:@")]
    with Member("redis-6.2", "--cluster-enabled", "yes") as server:
        server.ask("CLUSTER", "ADDSLOTS", *range(SLOTS))
        with watched("-h", HOST, "-p", str(server.port), "--interval", "0.25", size=(160, 50)) as watch:
            watch.until_shown("● live")
            watch.press("6")
            zoomed(watch, "Y", "Topology")
            for name in names[:ANNOUNCED]:
                server.ask("CONFIG", "SET", "cluster-announce-ip", name)
                shown = as_shown(name)[:30]
                watch.until(lambda: f" {shown}" in watch.text and frame_is_whole(watch))  # noqa: B023 - polled here
                if "\\" in shown:  # it is no name of a host, and the header says so, in the same form
                    watch.until(lambda: f" named {shown}" in watch.lines[0])  # noqa: B023
            assert watch.leave() == 0
            check(bytes(watch.raw))
            check_restored(watch)


def test_names_that_a_sentinel_watches(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """It takes any, up to 7.0; redtop lists them to choose from, and takes one as it is shown."""
    with _Sentinel("redis-6.2") as sentinel:
        for one in CORPUS.values():
            sentinel.ask("SENTINEL", "MONITOR", one, HOST, 1, 1)
        for name in (), ("--sentinel", CORPUS["clipboard"].decode()):
            with watched("-h", HOST, "-p", str(sentinel.port), *name, size=(120, 40)) as watch:
                watch.until_shown("nothing listens" if name else "Sentinel")
                rest(watch)
                watch.press("\x03")
                assert watch.leave() == 0
                check(bytes(watch.raw))
        for one in CORPUS.values():
            sentinel.ask("SENTINEL", "REMOVE", one)
        names = [one for one in STORM if len(one) < 100 and b"\0" not in one]  # at which Sentinel cuts a name
        for start in range(0, len(names) if THOROUGH else 50, 5):  # more of them are not named
            complain_about(sentinel, names[start : start + 5], capfdbinary)


def complain_about(sentinel: _Sentinel, names: Sequence[bytes], capture: pytest.CaptureFixture[bytes]) -> None:
    """Ask for a name that the Sentinel does not know: it says which there are."""
    sentinel.ask_all([("SENTINEL", "MONITOR", one, HOST, 1, 1) for one in names])
    assert main(["report", "-h", HOST, "-p", str(sentinel.port), "--sentinel", "\x1b]0;x\x07"]) != 0
    said = capture.readouterr()
    assert said.out == b""
    text = said.err.decode()
    assert is_safe(text.rstrip("\n")), text
    assert all(printable(one) in text for one in names), text
    sentinel.ask_all([("SENTINEL", "REMOVE", one) for one in names])


@pytest.mark.parametrize("payload", USERS[:: 1 if THOROUGH else 99])
def test_names_of_users_in_what_the_server_refuses(valkey: Server, payload: str) -> None:
    """Since 7.0 a server repeats the user's name in each refusal."""
    user = CORPUS[payload][:90]
    valkey.ask("ACL", "SETUSER", user, "on", "nopass", "~*", "+info", "+ping", "+hello", "+client")
    url = f"redis://{quote(user, safe='')}:x@{HOST}:{valkey.port}"
    with redtop(valkey, "-u", url, size=(120, 40)) as watch:
        watch.until_shown("this user lacks")
        for page in "23456":
            watch.press(page)
            rest(watch)
        watch.until(lambda: frame_is_whole(watch))


def test_a_wrong_login_and_profiles_with_nasty_names(valkey: Server, home: Path) -> None:
    """Whatever the file says stands in the list and in the header, and does nothing."""
    folder = home / "config" / "redtop"
    folder.mkdir(parents=True)
    names = [one.decode("utf-8", "ignore")[:60] for one in CORPUS.values()]
    escaped = ["".join(f"\\U{ord(one):08x}" for one in name) for name in dict.fromkeys(names)]
    tables = [
        f'[profiles."{name}"]\nport = {valkey.port}\nhost = "{HOST}"\ncolour = "{name if at % 9 == 8 else "red"}"\n'
        for at, name in enumerate(escaped)
    ]
    (folder / "config.toml").write_text("".join(tables))
    (folder / "config.toml").chmod(0o600)
    nasty = CORPUS["clipboard"].decode()
    with redtop(valkey, "--profile", nasty, size=(120, 100)) as watch:
        watch.until_shown(printable(nasty.encode())[:23])
        watch.press("o")
        watch.until(lambda: dialog_is_whole(watch, "Go to"))
        for name in names[::7]:
            watch.until_shown(as_shown(name.encode())[:12].strip())
        answer(watch, "\x1b", "Go to")
