"""INFO, read once: bytes in, typed look-ups with None for whatever this server does not tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tui.engine.printable import printable


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers. A change of `run_id` means another process: counters and scan cursors start again."""

    run_id: str
    product: str
    """`Redis` or `Valkey` (or the server's own name)."""
    version: str
    role: str
    """`primary` or `replica`."""
    uptime: float
    """Seconds."""
    mode: str = "standalone"
    """`standalone`, `cluster` or `sentinel`."""

    @property
    def version_tuple(self) -> tuple[int, ...]:
        """The version as numbers; Valkey's as the Redis version it is compatible with is not used here.

        >>> Identity("x", "Valkey", "9.1.2", "primary", 0).version_tuple
        (9, 1, 2)
        """
        return tuple(int(part) for part in self.version.split(".") if part.isdecimal() and len(part) < 10)


class Info:
    """One INFO reply (any sections)."""

    def __init__(self, reply: bytes) -> None:
        self._fields: dict[bytes, bytes] = {}
        for line in reply.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if colon:
                self._fields[name] = value

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None when the server does not tell it."""
        return _whole(self._fields.get(name.encode(), b""))

    def real(self, name: str) -> float | None:
        """Return a number, or None when the server does not tell it."""
        try:
            number = float(self._fields[name.encode()])
        except (KeyError, ValueError):
            return None
        return number if math.isfinite(number) else None

    def text(self, name: str) -> str | None:
        """Return safe text, or None when the server does not tell it."""
        value = self._fields.get(name.encode())
        return None if value is None else printable(value)

    @cached_property
    def identity(self) -> Identity:
        """Who answers, from the server and replication sections."""
        valkey = self.text("valkey_version")
        name = self.text("server_name")
        product = "Valkey" if valkey else (name or "redis").capitalize()
        return Identity(
            run_id=self.text("run_id") or "",
            product=product,
            version=valkey or self.text("redis_version") or "?",
            role="replica" if self.text("role") == "slave" else "primary",
            uptime=float(self.integer("uptime_in_seconds") or 0),
            mode=self.text("server_mode") or self.text("redis_mode") or "standalone",
        )

    def keys(self, db: int) -> int | None:
        """Return the number of keys in a database; 0 when the server lists databases but not this one."""
        return self.databases.get(db, 0) if self.integer("keyspace_hits") is not None else None

    @cached_property
    def databases(self) -> Mapping[int, int]:
        """Keys by database number (only databases that hold any)."""
        found = {}
        for name, value in self._fields.items():
            if name.startswith(b"db") and name[2:].isdigit() and value.startswith(b"keys="):
                number, keys = _whole(name[2:]), _whole(value[5:].split(b",", 1)[0])
                if number is not None and keys is not None:
                    found[number] = keys
        return found

    @cached_property
    def command_times(self) -> Mapping[str, tuple[int, int]]:
        """(calls, microseconds) by command, as in the commandstats section."""
        found = {}
        for name, value in self._fields.items():
            if name.startswith(b"cmdstat_"):
                parts = dict(part.split(b"=", 1) for part in value.split(b",") if b"=" in part)
                command = printable(name[8:])
                found[command] = (_whole(parts.get(b"calls", b"")) or 0, _whole(parts.get(b"usec", b"")) or 0)
        return found


def _whole(text: bytes) -> int | None:
    """Return a number as servers count, in 64 bits; whatever else stands there is not told."""
    digits = text[1:] if text.startswith(b"-") else text
    return int(text) if digits.isdigit() and len(digits) < 20 else None
