"""What stands between redtop and a server in tests: a TCP proxy with bad habits, and things that are no Redis."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Self

from tests.servers import HOST

WHOLE = 1 << 16
"""Bytes passed on at once by a proxy that behaves."""


class Proxy:
    """Passes bytes on between its port and a server's; can swallow them, and can speak TLS to its clients."""

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None, chunk: int = WHOLE) -> None:
        self.port = 0
        self.connections = 0
        """How many clients have come so far."""
        self._target = target
        self._tls = tls
        self._chunk = chunk
        self._broken = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        server = await asyncio.start_server(self._client, HOST, 0, ssl=self._tls)
        self._stack.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self) -> None:
        """Swallow everything from now on, closing nothing: all connections become half-open for ever."""
        self._broken = True

    def heal(self) -> None:
        """Serve connections that come from now on."""
        self._broken = False

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass_on(reader, back, WHOLE))
                    group.create_task(self._pass_on(there, writer, self._chunk))
            finally:
                back.close()
        except* OSError:
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, chunk: int) -> None:
        swallows = self._broken
        while data := await source.read(WHOLE):
            swallows = swallows or self._broken
            for start in range(0, 0 if swallows else len(data), chunk):
                sink.write(data[start : start + chunk])
                await sink.drain()
                await asyncio.sleep(0)
        raise ConnectionResetError


@asynccontextmanager
async def saying(
    *, at_once: bytes = b"", to_anything: bytes = b"", tls: ssl.SSLContext | None = None, closing: bool = False
) -> AsyncIterator[int]:
    """Listen on the port that is yielded, and say fixed bytes: when a client comes, and to whatever it says."""
    open_now: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now[task] = writer
        with suppress(OSError):
            writer.write(at_once)
            while not closing and await reader.read(WHOLE):
                writer.write(to_anything)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(client, HOST, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_now.values():
            writer.transport.abort()
        await asyncio.gather(*open_now)
