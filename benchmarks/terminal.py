"""redtop in a real pseudo terminal, watched from outside."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from typing import Self


class Terminal:
    """Runs a program in a terminal of its own and reads what it writes. A context manager: the program ends with it."""

    def __init__(self, command: Sequence[str], columns: int, rows: int, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | environment,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.write(b"q")
        self.ended(5)
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def write(self, data: bytes) -> None:
        """Type."""
        os.write(self._master, data)

    def ended(self, seconds: float) -> bool:
        """Whether the program ends within that time; what it writes is read meanwhile, or it could not."""
        deadline = time.perf_counter() + seconds
        while self.process.poll() is None and time.perf_counter() < deadline:
            self.read(0.1)
        return self.process.poll() is not None

    def read(self, seconds: float) -> bytes:
        """Return what is written within that time; returns early when the program has ended."""
        data = bytearray()
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            ready, _, _ = select.select([self._master], [], [], left)
            if not ready:
                break
            try:
                data += os.read(self._master, 1 << 16)
            except OSError:
                break
        return bytes(data)

    def read_until(self, text: bytes, seconds: float) -> tuple[float, bytes]:
        """Read until `text` was written; returns the moment (perf_counter) and everything read.

        Raises:
            TimeoutError: it did not come in time.
        """
        data = bytearray()
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if ready:
                data += os.read(self._master, 1 << 16)
                if text in data:
                    return time.perf_counter(), bytes(data)
        raise TimeoutError(f"{text!r} was not written within {seconds} s; the end was {bytes(data[-200:])!r}")
