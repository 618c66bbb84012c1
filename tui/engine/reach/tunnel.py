"""The way to a server through another host, by the system's own `ssh`.

One process per server, shared by all connections to it, forwards a Unix socket that only this user can open. Agent,
config and known hosts are the person's own; ssh may ask for nothing (there is a screen where it would), and no password
of redtop's passes through it. However redtop ends, SIGKILL included, ssh ends with it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tui.engine.address import Address, shown
from tui.engine.clock import Clock
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.printable import printable

PATIENCE = 3.0
"""Seconds to wait for ssh before that is said: a login over a slow line takes about two. It goes on meanwhile."""
REST = 2.0
"""Seconds between two starts of ssh: a gateway that sees one login after the other locks people out."""
POLL = 0.02
"""Seconds between looks for the socket, which ssh makes when it has logged in."""
END = 3.0
"""Seconds for ssh to end when told to; it takes milliseconds."""
LONGEST_FOLDER = 60
"""Bytes: a socket's whole path may have a hundred."""

WATCHDOG = """
PATH=$PATH:/usr/bin:/bin; dir=$1; shift
mkdir -m 700 "$dir" || exit 1
trap 'kill $ssh; kill -CONT $ssh; wait $ssh; rm -rf "$dir"' EXIT
trap 'exit 0' HUP INT TERM
"$@" </dev/null >/dev/null & ssh=$!
exec >/dev/null 2>&1
read -r _
"""
"""Runs ssh and waits for the end of its own standard input, whose other end only redtop holds: the kernel closes it
however redtop ends. Its standard error is ssh's alone, so its end tells that ssh has ended."""

OPTIONS = (
    ("BatchMode", "yes"),  # it cannot ask: the screen is redtop's
    ("ExitOnForwardFailure", "yes"),
    ("ControlMaster", "no"),  # a shared connection would outlive redtop, and its forwarding with it
    ("ControlPath", "none"),
    ("ForwardAgent", "no"),
    ("ForwardX11", "no"),
    ("ServerAliveInterval", "5"),
    ("ServerAliveCountMax", "3"),
    ("ConnectTimeout", "10"),
    ("LogLevel", "INFO"),  # it also tells when the gateway cannot reach the server
)

_WAITS = ("permission denied", "host key verification failed", "too many authentication failures")
"""What ssh says when trying again would not help, and may lock an account."""


class Tunnels:
    """The ways through other hosts that one node needs: a node that moves needs another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[tuple[str | int | None, ...], Tunnel] = {}

    async def way(self, address: Address) -> str:
        """Return the path of the Unix socket that leads to this address.

        Raises:
            Unavailable: with what ssh says.
        """
        return await self._of(address).way()

    def explain(self, address: Address, failure: Failure) -> Failure:
        """Return the better reason when a connection through a tunnel ended without one."""
        return failure if address.ssh is None else self._of(address).explain(failure)

    async def close(self) -> None:
        """End every ssh, and wait until it has ended."""
        await asyncio.gather(*(tunnel.close() for tunnel in self._open.values()))

    def _of(self, address: Address) -> Tunnel:
        target = address.ssh, address.host, address.port, address.socket_path
        if target not in self._open:
            self._open[target] = Tunnel(address, self._clock)
        return self._open[target]


class Tunnel:
    """One ssh process, started again when it has ended and is wanted."""

    def __init__(self, address: Address, clock: Clock) -> None:
        assert address.ssh is not None
        self._address = address
        self._gateway = address.ssh
        self._name = shown(address.ssh)
        self._clock = clock
        self._running: asyncio.Task[None] | None = None
        """From the start of ssh to its end. Never cancelled, so that nothing of it is left."""
        self._unwanted = asyncio.Event()
        """Set when it shall end."""
        self._started_at = -REST
        self._starting = asyncio.Lock()
        self._socket = Path("/nonexistent")
        self._said = ""
        """The last line that ssh wrote; safe text."""

    async def way(self) -> str:
        """Return the path of the socket, when there is one.

        Raises:
            Unavailable: ssh has ended, or has not logged in yet.
        """
        async with self._starting:
            if self._has_ended:
                await self._start()
        deadline = self._clock.now() + PATIENCE
        while not self._socket.exists():
            if self._has_ended:
                raise Unavailable(self._ended())
            if self._clock.now() > deadline:
                raise Unavailable(self._late)
            await self._clock.sleep(POLL)
        return str(self._socket)

    def explain(self, failure: Failure) -> Failure:
        """Say that ssh is not there yet, or why the gateway could not pass a connection on, if that is it."""
        if failure.kind is Kind.TIMEOUT and not self._socket.exists():
            return self._late
        if failure.kind is Kind.REFUSED:  # by our own end of the tunnel: from the other end nothing comes but its end
            return self._ended() if self._has_ended else self._late
        if failure.kind is Kind.LOST and "open failed" in self._said:
            why = self._said.rpartition(": ")[2]
            sentence = f"{self._name} cannot reach {self._address.label}: {why}"
            return Failure(Kind.REFUSED if "refused" in why.lower() else Kind.TIMEOUT, sentence)
        return failure

    async def close(self) -> None:
        """End ssh, and wait until it has ended. Closing twice is fine."""
        self._unwanted.set()
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _start(self) -> None:
        rest = self._started_at + REST - self._clock.now()
        if rest > 0:
            if self._said:
                raise Unavailable(self._ended())
            await self._clock.sleep(rest)
        program = shutil.which("ssh")
        if program is None:
            raise Unavailable(Failure(Kind.SSH, "--ssh needs the program `ssh`, and there is none on PATH"))
        folder = _folder()
        self._started_at, self._said, self._socket = self._clock.now(), "", folder / "to"
        command = [str(folder), program, *arguments(self._address, self._gateway, self._socket)]
        self._unwanted.clear()
        self._running = asyncio.create_task(self._run(command), name=f"ssh {self._name}")

    async def _run(self, command: list[str]) -> None:
        """Run ssh until it ends, or is not wanted any more."""
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", WATCHDOG, "redtop-ssh", *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=without_secrets(self._address, os.environ.items()),
            start_new_session=True,  # without a terminal it asks for nothing; ctrl-c is redtop's business
        )  # fmt: skip
        listening = asyncio.create_task(self._listen(process), name="what ssh says")
        unwanted = asyncio.create_task(self._unwanted.wait(), name="the end of ssh")
        await asyncio.wait({listening, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        unwanted.cancel()
        await _end(process)
        await asyncio.wait({listening, unwanted})

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Remember the last line that ssh writes; returns when it has ended."""
        assert process.stderr is not None
        with suppress(ValueError):  # a line beyond all measure: what follows is of no more use
            async for line in process.stderr:
                if words := line.strip():
                    self._said = printable(words)[:200]

    @property
    def _has_ended(self) -> bool:
        return self._running is None or self._running.done()

    @property
    def _late(self) -> Failure:
        return Failure(Kind.TIMEOUT, f"ssh has not reached {self._name} yet")

    def _ended(self) -> Failure:
        why = self._said.rstrip(".") or "it ended without a word"
        if any(words in self._said.lower() for words in _WAITS):
            return Failure(Kind.SSH, f"ssh to {self._name} has failed: {why} (`ssh {self._name}` by hand shows more)")
        return Failure(Kind.LOST, f"ssh to {self._name} has failed: {why}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its standard input, which ends it, and wait for the end."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)  # with whatever ssh itself has started
        await process.wait()


def arguments(address: Address, gateway: str, socket: Path) -> list[str]:
    """Return what ssh is told; nothing in it is secret."""
    options = [word for name, value in OPTIONS for word in ("-o", f"{name}={value}")]
    return ["-N", "-T", *options, "-L", f"{socket}:{_target(address)}", "--", gateway]


def without_secrets(address: Address, environment: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the environment for ssh: without what is redtop's, and without passwords."""
    hidden = {address.password, address.sentinel_password}
    return {
        name: value
        for name, value in environment
        if not name.startswith(("REDIS", "REDTOP")) and (not value or value not in hidden)
    }


def _target(address: Address) -> str:
    if address.socket_path is not None:
        return address.socket_path.replace("\\", "\\\\").replace(":", "\\:")
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def _folder() -> Path:
    usual = tempfile.gettempdir()
    return Path(usual if len(usual) <= LONGEST_FOLDER else "/tmp") / f"redtop-ssh-{secrets.token_hex(8)}"  # noqa: S108
