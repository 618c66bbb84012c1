"""A tiny blocking, pipelined RESP client: all that the demo needs to talk to its own server."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

import hiredis

Command: TypeAlias = tuple[str | bytes | int | float, ...]
"""One command with its arguments, as it goes over the wire: `("SET", "key", "value", "EX", 30)`."""

RECEIVE_BYTES = 1 << 16
"""What one recv asks for: the usual size of a socket's buffer."""


class Wire:
    """One connection. Error replies are values (`hiredis.ReplyError`); a lost connection raises OSError."""

    def __init__(self, host: str, port: int, timeout: float = 5.0) -> None:
        """Connect to `host`:`port`; `timeout` is the longest wait for anything, in seconds."""
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands in one write; return one reply for each, in order."""
        self.send(commands)
        return self.receive(len(commands))

    def send(self, commands: Sequence[Command]) -> None:
        """Send without waiting. Whoever sends must `receive` as many replies, or `discard` them."""
        self._socket.sendall(pack(commands))

    def receive(self, count: int) -> list[Any]:
        """Wait for the next `count` replies."""
        replies: list[Any] = []
        while len(replies) < count:
            reply = self._reader.gets()
            if reply is False:  # hiredis says "not enough data yet" with False; RESP2 knows no booleans
                self._feed()
            else:
                replies.append(reply)
        return replies

    def discard(self) -> None:
        """Throw away whatever has arrived, without waiting: for subscribers that nobody listens to."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(RECEIVE_BYTES):
                pass
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(self._timeout)

    def close(self) -> None:
        """Close the connection. Closing twice is fine."""
        self._socket.close()

    def _feed(self) -> None:
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self._reader.feed(data)


def pack(commands: Sequence[Command]) -> bytes:
    """Return the bytes of all commands, as one pipelined write."""
    # hiredis declares its argument as a tuple of exactly one element.
    pack_one: Any = hiredis.pack_command
    return b"".join(map(pack_one, commands))
