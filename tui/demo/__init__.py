"""`redtop demo`: an embedded server and a living workload; everything is gone when redtop is gone.

Importing this package is light; the server and the workload are loaded when a demo starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tui.demo.process import DemoWorkload
    from tui.demo.server import DemoServer

HOST = "127.0.0.1"
"""The demo never listens to anything but loopback."""

SYSTEMS = ("oauth-proxy", "faultmaven", "fastapi-best-architecture", "migration-platform", "arketic")
"""The names that `--system` knows, in the order in which they fill."""

DEFAULT_KEYS = 20_000
"""Enough that families, shares and estimates mean something; filled in half a second."""

DEFAULT_SEED = 1
"""Any number would do; a fixed one makes two demos alike."""

BASE_MEMORY, MEMORY_PER_KEY = 40 << 20, 760
"""Bytes: the default demo begins at half of its maxmemory and reaches it within some ten minutes."""


class DemoError(Exception):
    """The demo cannot run; the message is one clear sentence for a person."""


class Demo:
    """The server and its workload. As a context manager: running inside, gone outside."""

    def __init__(
        self,
        systems: Sequence[str] = SYSTEMS,
        keys: int | None = None,
        seed: int | None = None,
        port: int | None = None,
        *,
        drift: bool = True,
    ) -> None:
        """Prepare a demo of `systems` with a prefill of about `keys` keys on `port` (None: a free one).

        With `drift` the systems make the mistakes that schemas find. Raises DemoError for a system that does not exist.
        """
        unknown = [name for name in systems if name not in SYSTEMS]
        if unknown or not systems:
            named = ", ".join(unknown) or "(none)"
            raise DemoError(f"Unknown system {named}; choose from {', '.join(SYSTEMS)}.")
        self.systems = tuple(dict.fromkeys(systems))
        self.keys = DEFAULT_KEYS if keys is None else keys
        self.seed = DEFAULT_SEED if seed is None else seed
        self.server: DemoServer | None = None
        self.workload: DemoWorkload | None = None
        self.drift = drift
        self._port = port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The server's port on 127.0.0.1; 0 before the start."""
        return self.server.port if self.server else 0

    def start(self) -> None:
        """Start server and workload; returns as soon as the server answers, while it is being filled.

        Raises NoServerError or PortBusyError (both DemoError), each with one clear sentence.
        """
        from tui.demo.process import DemoWorkload
        from tui.demo.server import DemoServer

        self.server = DemoServer(port=self._port, maxmemory=memory_limit(self.keys))
        try:
            self.server.start()
            self.workload = DemoWorkload(
                self.port, systems=self.systems, keys=self.keys, seed=self.seed, drift=self.drift
            )
            self.workload.start()
        except BaseException:  # ctrl-c included: nothing half-started stays
            self.stop()
            raise

    def wait_filled(self, timeout: float = 10.0) -> int:
        """Wait until the prefill is complete; return the number of keys. Raises TimeoutError or DemoError."""
        if not self.workload:
            raise DemoError("The demo is not running.")
        return self.workload.wait_filled(timeout)

    def stop(self) -> None:
        """End everything that was started and remove its files. Stopping twice is fine."""
        if self.workload:
            self.workload.stop()
        if self.server:
            self.server.stop()


def memory_limit(keys: int) -> int:
    """Return the maxmemory, in bytes, for a prefill of that many keys."""
    return BASE_MEMORY + max(0, keys - DEFAULT_KEYS) * MEMORY_PER_KEY
