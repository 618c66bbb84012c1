"""Thousands of hostile strings through every field that shows what a server, a file or another program said.

Each test runs the real program in a real terminal, pages until every string was seen in its whole and only form, and
looks at every byte that was written. `REDTOP_THOROUGH=1` takes 10,000 strings instead of some.
"""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cluster import _low_port, _Sentinel
from tests.engine.revoke.layouts import OauthProxy
from tests.hostile import CORPUS
from tests.servers import HOST, Server
from tests.storming import NUMBER, SHOWN, STORM, THOROUGH, as_shown, dialog_is_whole, frame_is_whole, rest, see_all
from tests.test_hostile import check, check_restored
from tests.watched import Watched, watched
from tui.cli import main
from tui.engine.cluster.slots import SLOTS
from tui.engine.printable import is_safe, printable

pytestmark = pytest.mark.timeout(7200 if THOROUGH else 300)


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8."""
    return data.decode("utf-8", "ignore").encode() == data


SIZE = (160, 150) if THOROUGH else (160, 100)
"""Columns and rows: the taller, the fewer pages."""
FEW = min(NUMBER, 2000)
"""Groups and consumers, which a server lists all at once."""
USERS = [name for name, one in CORPUS.items() if is_text(one) and not set(one) & set(b" \0\t\n\r")]
"""Payloads that a server takes for names of users, and a URL as well."""
COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
"""What goes to the clipboard of the terminal: base64."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals and settings of nobody."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def redtop(server: Server, *arguments: str, size: tuple[int, int] = SIZE) -> Iterator[Watched]:
    """Look at a server until the test ends, then leave, and look at all that was written."""
    place = ("-h", HOST, "-p", str(server.port)) if "-u" not in arguments and "--profile" not in arguments else ()
    with watched(*place, "--interval", "0.5", "--scan-share", "50", *arguments, size=size) as watch:
        watch.until_shown("● live")
        yield watch
        assert watch.leave() == 0, "nothing that was clicked or shown has ended it"
        copied = COPIED.findall(bytes(watch.raw))
        check(COPIED.sub(b"", bytes(watch.raw)))
        check_restored(watch)
    for text in copied:
        assert all(is_safe(line) for line in base64.b64decode(text).decode().split("\n"))


def line_of(watch: Watched, key: str, prompt: str, text: str) -> None:
    """Type into the line that a key opens."""
    watch.press(key)
    watch.until_shown(prompt)
    watch.press(text + "\r")
    watch.until(lambda: prompt not in watch.text and "q Quit" in watch.text)


def zoomed(watch: Watched, key: str, title: str) -> None:
    """Let one pane of a page fill it."""
    watch.press(key)
    watch.until_shown(f"╭─ {title}")
    watch.press("z")
    watch.until(lambda: f"╭─ {title}" in watch.text and frame_is_whole(watch))


# -- keys and values ----------------------------------------------------------------------------------------------

VALUES: dict[str, Callable[[], list[tuple[str | bytes | int, ...]]]] = {
    "set": lambda: [("SADD", "v:set", *STORM)],
    "list": lambda: [("RPUSH", "v:list", *STORM)],
    "zset": lambda: [("ZADD", "v:zset", *(word for n, one in enumerate(STORM) for word in (n, one)))],
    "hash": lambda: [("HSET", "v:hash", one, one) for one in STORM],
    "stream": lambda: [("XADD", "v:stream", "*", one, one) for one in STORM],
    "string": lambda: [("SET", "v:string", b"".join(STORM))],
}
"""A value of every type, all made of hostile strings."""


def test_keys_and_values(valkey: Server) -> None:
    valkey.ask_all([("SET", b"storm:" + one, one) for one in STORM])
    valkey.ask_all([command for make in VALUES.values() for command in make()])
    with redtop(valkey) as watch:
        watch.until_shown("storm:")
        watch.press("2")
        watch.until_shown("Inspector", "storm:")
        watch.press("\r")
        watch.until_shown("╭─ Keys ·")
        watch.press("z")
        see_all(watch)
        for kind in VALUES:
            line_of(watch, "g", "the exact key", f"v:{kind}")
            watch.until_shown(f"╭─ Inspector · {kind}", f"v:{kind}")
            if kind != "string":  # whose text is laid out as one
                see_all(watch, exact=False)
            for key in "\r", "y", "c", "Y":
                watch.press(key)
                rest(watch)
        watch.until(lambda: len(COPIED.findall(bytes(watch.raw))) >= 2 * len(VALUES))


def test_names_are_typed_shown_copied_and_asked_about_as_they_are(valkey: Server, home: Path) -> None:
    """Dialogs about a key, its removal, the receipt, its export and the journal; and the clipboard leads back to it."""
    names = [b"dialog:" + one for one in CORPUS.values() if len(one) < 60]
    names = names if THOROUGH else names[3::20]
    prefix = CORPUS["clipboard"]
    valkey.ask_all([("SET", one, one) for one in names] + [("SET", prefix + b":%d" % n, n) for n in range(9)])
    assert main(["purge", printable(prefix), "-h", HOST, "-p", str(valkey.port), "--expect", "9"]) == 0
    with redtop(valkey, size=(120, 40)) as watch:
        watch.press("2")
        watch.until_shown("Inspector")
        for name in names:
            line_of(watch, "g", "the exact key", printable(name))
            shown = as_shown(name)[:30].rstrip()
            watch.until(lambda: f"││ {shown}" in watch.text)  # noqa: B023 - polled before the next turn
            watch.press("y")
            copied = b"\x1b]52;c;" + base64.b64encode(printable(name).encode())
            watch.until(lambda: copied in watch.raw)  # noqa: B023
            for key, title in ("R", "Rename"), ("t", "Set TTL"):
                asked_about(watch, key, title, shown)
                answer(watch, "\x1b", title)
            asked_about(watch, "d", "Delete a key", shown)
            fill_in(watch, "delete")
            answer(watch, "\r", "Delete a key")
            watch.until_shown("removed   1", "Close")
            rest(watch)
            assert dialog_is_whole(watch, "Purge"), watch.text
            watch.press("e")
            watch.until_shown("written to")
            answer(watch, "\r", "Purge")
            for receipt in home.glob("redtop-receipt-*.txt"):
                text = receipt.read_text()
                assert all(map(is_safe, text.split("\n"))), text
                assert printable(name)[:40].rstrip() in text
                receipt.unlink()
        asked_about(watch, "u", "Undo", as_shown(prefix))
        answer(watch, "\x1b", "Undo")
    assert valkey.ask("DBSIZE") == 0


def asked_about(watch: Watched, key: str, title: str, shown: str) -> None:
    """Open a dialog: it names what it is about, and no character of that breaks its frame."""
    watch.press(key)
    watch.until(lambda: shown in watch.text and dialog_is_whole(watch, title))
    rest(watch)


def fill_in(watch: Watched, text: str) -> None:
    """Go from Cancel, which has the focus at first, to the field, and from there to the answer."""
    field = re.compile(rf"│ +{text} +│")
    while not field.search(watch.text):  # deaf for 300 ms, and on a busy machine for longer
        watch.press("\x1b[Z" + text)
        for _ in range(10):
            rest(watch)
    watch.press("\r")
    rest(watch)


def answer(watch: Watched, key: str, title: str) -> None:
    """Press a key until a dialog is gone: it is deaf at first."""
    while f"╭─ {title} " in watch.text:
        watch.press(key)
        for _ in range(10):
            rest(watch)


# -- streams ------------------------------------------------------------------------------------------------------


def test_streams_groups_consumers_and_pending_entries(valkey: Server) -> None:
    some = STORM[:FEW]
    valkey.ask_all([("XADD", one, "1-1", one, one) for one in STORM])
    valkey.ask_all([("XADD", "inside", f"{n}-1", "n", n) for n in range(1, len(some) + 1)])
    valkey.ask_all([("XGROUP", "CREATE", "inside", "zz", 0)])
    valkey.ask_all([("XREADGROUP", "GROUP", "zz", one, "COUNT", 1, "STREAMS", "inside", ">") for one in some])
    for start in range(0, len(some), 200):  # more groups of one stream are not shown
        groups = some[start : start + 200]
        valkey.ask_all([("XGROUP", "CREATE", f"groups:{start // 200}", one, 0, "MKSTREAM") for one in groups])
    with redtop(valkey) as watch:
        watch.press("3")
        watch.until_shown("╭─ Streams", "╭─ Groups")
        watch.press("z")
        watch.until(lambda: "╭─ Groups" not in watch.text)
        see_all(watch)
        for start in range(0, len(some), 200):
            only(watch, f"groups:{start // 200}")
            watch.press("\r")
            watch.until_shown(f"╭─ Groups · groups:{start // 200}")
            see_all(watch, {n: SHOWN[n] for n in range(start, min(start + 200, len(some)))})
            watch.press("S")
            watch.until_shown("╭─ Streams")
        only(watch, "inside")
        watch.press("\r")
        watch.until_shown("╭─ Groups · inside", "zz")
        watch.press("\r")
        watch.until_shown("all of them")
        see_all(watch, {n: SHOWN[n] for n in range(FEW)})
        watch.press(b"\x1b[H\r")
        watch.until_shown("› all")
        see_all(watch, {n: SHOWN[n] for n in range(FEW)})
        watch.press("\r")
        rest(watch)


def only(watch: Watched, text: str) -> None:
    """Keep the rows with a text in them, instead of those with another one."""
    if "· only '" in watch.text:
        watch.press("\x1b")
        watch.until(lambda: "· only '" not in watch.text)
    watch.press("/")
    watch.until_shown("only what passes this")
    watch.press(text + "\r")
    watch.until(lambda: "only what passes this" not in watch.text and f"only '{text}'" in watch.text)


def test_the_tail_of_streams_and_channels(valkey: Server) -> None:
    valkey.ask("XADD", "tail", "*", "first", "entry")
    with redtop(valkey) as watch:
        watch.press("3")
        watch.until_shown("first=entry")
        zoomed(watch, "T", "Tail")
        coming = SIZE[1] - 20
        for start in range(0, NUMBER, coming):
            some = range(start, min(start + coming, NUMBER))
            valkey.ask_all([("XADD", "tail", "*", STORM[n], STORM[n]) for n in some])
            see_all(watch, {n: SHOWN[n] for n in some}, down="")
        line_of(watch, "c", "channels, and patterns", r"* \x1b]0;* [pwn]")
        watch.until(lambda: valkey.ask("PUBSUB", "NUMPAT") == 3)
        for start in range(0, NUMBER, coming):
            some = range(start, min(start + coming, NUMBER))
            valkey.ask_all([("PUBLISH", STORM[n], STORM[n]) for n in some])
            see_all(watch, {n: SHOWN[n] for n in some}, down="", exact=False)
        for key in "\r", "y", "v":
            watch.press(key)
            rest(watch)


# -- expiries, tokens ---------------------------------------------------------------------------------------------


def test_keys_that_expire_next(valkey: Server) -> None:
    few = range((THOROUGH and 600) or 36)
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


# -- places -------------------------------------------------------------------------------------------------------


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
        for start in range(0, len(names), 40):
            with followers(server, [*names[start : start + 40], INJECTED]), redtop(server) as watch:
                watch.press("6")
                watch.until_shown("╭─ Topology", "╭─ Server")
                zoomed(watch, "E", "Server")
                watch.until_shown(as_shown(str(folder).encode())[-40:])
                watch.press("z")
                zoomed(watch, "Y", "Topology")
                wanted = {int(one[:5]): as_shown(one) for one in names[start : start + 40]}
                see_all(watch, wanted)
            if not THOROUGH:
                break


class Configured(Server):
    """A server with a configuration file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def _options(self) -> list[object]:
        return [self._file, *super()._options()]


@pytest.mark.parametrize("payload", ["newline", "clipboard", *(CORPUS if THOROUGH else ())])
def test_places_that_a_cluster_announces(payload: str) -> None:
    """Before Valkey 9 a node announces whatever its configuration says, and redtop would go there."""
    own = ("--cluster-enabled", "yes", "--cluster-announce-ip", os.fsdecode(CORPUS[payload].replace(b"\0", b"")[:40]))
    port = _low_port()  # 6.2 adds 10,000 for its bus
    with Server("redis-6.2", *own, port=port) as server:
        server.ask("CLUSTER", "ADDSLOTS", *range(SLOTS))
        with watched("-h", HOST, "-p", str(port), "--interval", "0.25", size=(120, 40)) as watch:
            watch.until(lambda: "no host is named" in watch.text or "● live" in watch.text or "✕" in watch.text)
            for page in "123456":
                watch.press(page)
                rest(watch)
            assert watch.leave() == 0
            check(bytes(watch.raw))
            check_restored(watch)


def test_names_that_a_sentinel_watches() -> None:
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
        result = subprocess.run(
            [sys.executable, "-m", "tui", "report", "-h", HOST, "-p", str(sentinel.port), "--sentinel", "\x1b]0;x\x07"],
            capture_output=True,
            check=False,
        )
        assert result.returncode != 0
        assert is_safe(result.stderr.decode().rstrip("\n")), result.stderr


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


@pytest.mark.parametrize("payload", USERS[:: 4 if THOROUGH else 99])
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
