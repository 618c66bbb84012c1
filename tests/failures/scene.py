"""Where a failure happens: a server, what lies before it, and the application that looks at it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import trustme

from tests.looking import Looking
from tests.proxy import Fault, FaultyProxy
from tests.servers import HOST, Server
from tui.app import RedtopApp
from tui.demo.wire import Wire
from tui.engine.address import Address, Tls
from tui.engine.failure import ReplyError, Unavailable, of_reply
from tui.engine.node import Phase
from tui.engine.reach.names import Found, addresses
from tui.engine.status import Status, StatusWatch
from tui.engine.writer import writer
from tui.screens.base import PaneScreen
from tui.screens.connect import ConnectScreen
from tui.screens.help import HelpScreen
from tui.settings import Settings

SECRET = "sesame"
"""The password of the user `ops`."""
NAME = "redtop.test"
"""A host that has a name only here."""


class Way(StrEnum):
    """What lies between redtop and the server."""

    DIRECT = "direct"
    PROXY = "proxy"
    TLS = "TLS"


class Trust:
    """An authority that redtop trusts, one that it does not, and the proxy's side of TLS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = trustme.CA(), trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        for authority in (self.authority, self.stranger):
            authority.cert_pem.write_to_path(str(folder / "clients.pem"), append=True)
        self.authority.cert_pem.write_to_path(self.ca_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_verify_locations(folder / "clients.pem")
        self.issue("localhost")

    def issue(self, name: str, authority: trustme.CA | None = None, not_after: datetime | None = None) -> None:
        """Show this certificate to whoever comes from now on."""
        (authority or self.authority).issue_cert(name, not_after=not_after).configure_cert(self.context)


class Weather:
    """What the proxy does to every request now."""

    fault: Fault | None = None

    def __call__(self, request: bytes) -> Fault | None:
        """Tell the proxy."""
        return self.fault


class Scene:
    """What the rows of the table act on."""

    def __init__(
        self, server: Server, look: Looking, place: Address, proxy: FaultyProxy, weather: Weather, trust: Trust
    ) -> None:
        self.server = server
        self.look = look
        self.proxy = proxy
        self.weather = weather
        self.tls = trust
        self.place = place
        """Where redtop looks when a row says nothing else."""
        self.address = place
        """Where it is to look while this row is tried."""
        self.also: Callable[[], object] = lambda: True
        """What else must be true again after this row."""
        self.names: dict[str, str | None] = {}
        """What host names mean; with None, nobody answers the question."""
        self.leaving = False
        """Whether there will be no redtop any more when this row is healed."""
        self._used = 0

    # --- the server

    def prepare(self) -> None:
        """Give a server that has just started its users and a few keys."""
        asked = [
            ("ACL", "SETUSER", "spy", "on", "nopass", "~*", "&*", "+@all"),
            ("ACL", "SETUSER", "ops", "on", "resetpass", f">{SECRET}", "~*", "&*", "+@all"),
            *(("SET", f"session:{n}", "x" * 50, "EX", 900) for n in range(30)),
            ("XADD", "events", "*", "n", "1"),
        ]
        errors = [reply for reply in self.server.ask_all(asked) if isinstance(reply, Exception)]
        assert not errors, errors

    def ask(self, *words: str | bytes | int) -> Any:
        """Ask as an administrator would, whoever else may not."""
        with self.admin() as wire:
            return wire.ask([words])[0]

    def admin(self) -> Wire:
        """A connection that may do everything."""
        wire = Wire(HOST, self.server.port)
        wire.ask([("AUTH", "spy", "x")])
        return wire

    def must(self, *words: str | bytes | int) -> None:
        """Ask for what must not be refused."""
        reply = self.ask(*words)
        assert not isinstance(reply, Exception), (words, reply)

    def kick(self) -> None:
        """End all connections but the one that says so."""
        self.must("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    @property
    def folder(self) -> Path:
        """Where the server works."""
        return self.server._folder

    async def refusal(self, *command: str) -> str:
        """What redtop says when it tries to write."""
        node = self.look.app.session.deployment.nodes[0]
        try:
            async with writer(node) as pen:
                (reply,) = await pen.ask([word.encode() for word in command])
        except Unavailable as error:
            return error.failure.sentence
        assert isinstance(reply, ReplyError)
        return of_reply(reply, "").sentence

    async def start(self) -> None:
        """Start the server again, while the application goes on."""
        await asyncio.to_thread(self.server.start)
        self.prepare()

    def counted(self, name: str) -> int:
        """How often an error was answered, as the server counts."""
        told: str = self.ask("INFO", "errorstats").decode()
        return int((told.partition(f"errorstat_{name}:count=")[2] or "0").split()[0])

    def info(self, section: str, field: str) -> str:
        """One field of INFO."""
        told: str = self.ask("INFO", section).decode()
        return told.partition(f"{field}:")[2].split("\r\n")[0]

    # --- the way there

    def certify(self, name: str = "localhost", **how: Any) -> None:
        """Show another certificate from now on; who is connected has to come again."""
        self.tls.issue(name, **how)
        self.proxy.cut()

    async def look_up(self, host: str, port: int) -> Sequence[Found]:
        """Answer as the system would, for the names that exist only here."""
        if host == NAME:
            if host not in self.names:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            if (host := self.names[host] or "") == "":
                await asyncio.get_running_loop().create_future()
        return await addresses(host, port)

    # --- the application

    async def open(self, address: Address | None = None) -> None:
        """Look at a place as if redtop had just been started there."""
        app = self.look.app
        before = app.session
        settings = replace(app.settings, address=address or self.address)
        app.call_later(app._visits.go, settings)
        await self.look.until(lambda: app.session is not before)

    @property
    def status(self) -> Status | None:
        """What the header shows."""
        return self.look.app.session.of(StatusWatch).feed.latest

    def is_named(self, words: Sequence[str], *, stale: bool, first: bool) -> bool:
        """Whether these words are on the screen, and numbers that are not fresh are said to be so.

        `first` says that the first screen must stand there with them.
        """
        status = self.status
        if status is None or stale != (status.stale_for is not None) or (first and not self.asks):
            return False
        text = self.look.text
        return all(word in text for word in words)

    @property
    def is_well(self) -> bool:
        """Whether a live dashboard is on the screen, and nothing is the matter."""
        app, status = self.look.app, self.status
        if status is None or not isinstance(app.screen, PaneScreen) or app.screen.has_class("-stale"):
            return False
        live = status.state.worst.phase is Phase.LIVE and status.failure is None
        return live and "● live" in self.look.header and bool(self.also())

    @property
    def asks(self) -> bool:
        """Whether the first screen stands there with its reason."""
        return isinstance(self.look.app.screen, ConnectScreen)

    async def until(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Poll until it holds; more often would cost what is measured."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s; on screen:\n{self.look.text}"
            await asyncio.sleep(0.02)

    async def is_used(self, *, thoroughly: bool) -> None:
        """Do what a person does meanwhile: read the help, turn the pages; on the first screen move on.

        Unless `thoroughly` it is help or pages in turn, for both take a while.
        """
        look, self._used = self.look, self._used + 1
        if self.asks:
            before = look.app.focused
            await look.press("tab")  # and rest: what is typed next must meet the field it is for
            await self.until(lambda: look.app.focused is not before)
            return
        if thoroughly or self._used % 2:
            look.tap("question_mark")
            await self.until(lambda: isinstance(look.app.screen, HelpScreen))
            look.tap("escape")
            await self.until(lambda: isinstance(look.app.screen, PaneScreen))
        if thoroughly or not self._used % 2:
            for key in ("2", "1"):
                look.tap(key)
                await self.until(lambda key=key: getattr(look.app.screen, "KEY", "") == key)  # type: ignore[misc]


@asynccontextmanager
async def scene_on(server: Server, way: Way, folder: Path, settings: Settings | None = None) -> AsyncIterator[Scene]:
    """Run the way to a server, and the application, until all is well; `folder` takes the files of TLS."""
    weather, trust = Weather(), Trust(folder)
    place = Address(HOST, server.port)
    async with FaultyProxy(server.port, weather, tls=trust.context if way is Way.TLS else None) as proxy:
        if way is Way.PROXY:
            place = replace(place, port=proxy.port)
        if way is Way.TLS:
            place = Address("localhost", proxy.port, tls=Tls(ca_file=trust.ca_file))
        app = RedtopApp(replace(settings or Settings(), address=place))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            scene = Scene(server, Looking(app, pilot), place, proxy, weather, trust)
            scene.prepare()
            await scene.until(lambda: scene.is_well)
            yield scene


class Stopwatch:
    """Measures on the application's own clock, in the same loop.

    What other programs took of the machine meanwhile is not redtop's doing: time in which this process was ready to
    run and got no core is left out, unless `strict`. Whatever it computes itself counts in full.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._robbed = 0.0
        self._task = asyncio.create_task(self._observe())
        self._started = time.monotonic()

    def read(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started - (0.0 if self._strict else self._robbed)

    def stop(self) -> None:
        """End measuring."""
        self._task.cancel()

    async def _observe(self) -> None:
        while True:
            slept, used = time.monotonic(), time.process_time()
            await asyncio.sleep(0.01)
            late = time.monotonic() - slept - 0.01 - (time.process_time() - used)
            self._robbed += max(0.0, late - 0.002)
