"""Host names to connections. A name is looked up in a thread that nobody waits for.

The system's resolver may take half a minute when no name server answers, and cannot be stopped meanwhile; asyncio
would wait for it before a program may end.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""One address of a name, as `socket.getaddrinfo` gives it."""


async def addresses(host: str, port: int) -> Sequence[Found]:
    """Look up a name, or understand an address at once.

    Raises:
        OSError: socket.gaierror, there is no such name.
        ValueError: it cannot be a name.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Found]] = loop.create_future()

    def look_up() -> None:
        try:
            end = _setter(found, found.set_result, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            end = _setter(found, found.set_exception, error)
        with suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(end)

    threading.Thread(target=look_up, name=f"look up {host!a}", daemon=True).start()
    return await found


async def reach(found: Sequence[Found]) -> socket.socket:
    """Connect to the first of some addresses that takes it.

    Raises:
        OSError: none does; this is why the first does not.
    """
    failure: OSError | None = None
    for family, kind, protocol, _, place in found:
        made = socket.socket(family, kind, protocol)
        try:
            made.setblocking(False)
            await asyncio.get_running_loop().sock_connect(made, place)
        except OSError as error:
            made.close()
            failure = failure or error
        except asyncio.CancelledError:
            made.close()
            raise
        else:
            return made
    raise failure or OSError("a name without an address")


def _setter(future: asyncio.Future[Any], finish: Callable[[Any], None], outcome: object) -> Callable[[], None]:
    def end() -> None:
        if not future.done():
            finish(outcome)

    return end
