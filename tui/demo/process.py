"""The workload as a child process, so that its work never disturbs the screen."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tui.demo import DemoError
from tui.demo.server import stop_process

BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import tui; del sys.path[0]; "
    "from tui.demo.workload import main; main()"
)
"""Starts the workload of this very package, installed or not, whatever lies in the current directory (-P)."""


class DemoWorkload:
    """Fills the server on `port` and keeps it busy, until stopped or until this process ends."""

    def __init__(
        self,
        port: int,
        *,
        systems: Sequence[str],
        keys: int,
        seed: int,
        drift: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the workload of `systems` with a prefill of about `keys` keys; without `drift` without mistakes."""
        self._arguments = ["--port", str(port), "--keys", str(keys), "--seed", str(seed)]
        for system in systems:
            self._arguments += ["--system", system]
        if not drift:
            self._arguments.append("--clean")
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether the child is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How the child ended; None while it runs and before the start."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the child; returns at once, while the server is being filled."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, str(Path(__file__).parents[2]), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the screen belongs to redtop
            start_new_session=True,
        )

    def wait_filled(self, timeout: float) -> int:
        """Wait until the prefill is complete; return the number of keys in all databases.

        The child tells it once. Raises TimeoutError after `timeout` seconds, DemoError when the child has ended.
        """
        line = b""
        deadline = self._clock() + timeout
        while not line.endswith(b"\n"):
            line += self._read(deadline - self._clock())
        return int(line.split()[-1])

    def stop(self) -> None:
        """End the child. Stopping twice is fine."""
        if self._process:
            stop_process(self._process)
            self._process = None

    def _read(self, timeout: float) -> bytes:
        output = self._process.stdout if self._process else None
        if output is None:
            raise DemoError("The demo's workload is not running.")
        if not select.select([output], [], [], max(0.0, timeout))[0]:
            raise TimeoutError("The demo's workload is still filling the server.")
        data = os.read(output.fileno(), 1)
        if not data:
            raise DemoError("The demo's workload ended before the server was filled.")
        return data
