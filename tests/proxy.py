"""What stands between redtop and a server in tests: a TCP proxy with bad habits, and things that are no Redis."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import StrEnum
from typing import Self

from tests.servers import HOST

WHOLE = 1 << 16
"""Bytes passed on at once by a proxy that behaves."""


class Proxy:
    """Passes bytes on between its port and a server's; can swallow them, and can speak TLS to its clients."""

    def __init__(
        self, target: int, *, tls: ssl.SSLContext | None = None, chunk: int = WHOLE, delay: float = 0.0
    ) -> None:
        self.port = 0
        self.connections = 0
        """How many clients have come so far."""
        self._target = target
        self._tls = tls
        self._chunk = chunk
        self._delay = delay
        """Seconds that bytes are under way, in each direction."""
        self._broken = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        server = await asyncio.start_server(self._client, HOST, 0, ssl=self._tls)
        self._stack.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self) -> None:
        """Swallow everything from now on, closing nothing: all connections become half-open for ever."""
        self._broken = True

    def cut(self) -> None:
        """End all connections; more may come."""
        for writer in self._open:
            writer.transport.abort()

    def heal(self) -> None:
        """Serve connections that come from now on."""
        self._broken = False

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            await self._serve(reader, writer)
        except* OSError:
            pass
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on both ways until one side ends."""
        there, back = await asyncio.open_connection(HOST, self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, back, WHOLE))
                group.create_task(self._pass_on(there, writer, self._chunk))
        finally:
            back.close()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, chunk: int) -> None:
        swallows = self._broken
        while data := await source.read(WHOLE):
            swallows = swallows or self._broken
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, sink.write, data)
                continue
            for start in range(0, 0 if swallows else len(data), chunk):
                sink.write(data[start : start + chunk])
                await sink.drain()
                await asyncio.sleep(0)
        raise ConnectionResetError


class Fault(StrEnum):
    """What can happen to a request on its way."""

    RESET = "reset"
    """It never arrives, and the connection is gone."""
    REFUSE = "refuse"
    """The same, and so are the next few connections."""
    LOSE_REPLY = "lose the reply"
    """The server does what was asked, and the connection is gone before it can say so."""
    CUT = "cut mid-reply"
    """The same in the middle of the reply."""
    HALF_OPEN = "half-open"
    """Nothing arrives any more, and nobody is told."""
    GARBAGE = "garbage"
    """Something that is no Redis answers in its place."""
    TRICKLE = "trickle"
    """Replies come a few bytes at a time."""
    LATENCY = "latency"
    """Requests take a while."""


class FaultyProxy(Proxy):
    """Asks `fault` about every piece of request what is to happen to it; None means nothing bad."""

    def __init__(
        self, target: int, fault: Callable[[bytes], Fault | None], *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(target, tls=tls)
        self.faults: Counter[Fault] = Counter()
        self._fault = fault
        self._refusing = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            self._refusing -= 1
            raise ConnectionResetError
        there, back = await asyncio.open_connection(HOST, self._target)
        doomed: list[Fault] = []
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, back, doomed))
                group.create_task(self._replies(there, writer, doomed))
        finally:
            back.close()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, doomed: list[Fault]) -> None:
        while data := await source.read(WHOLE):
            fault = None if doomed else self._fault(data)
            if fault is not None:
                self.faults[fault] += 1
                doomed.append(fault)
            if fault in {Fault.RESET, Fault.REFUSE}:
                self._refusing = 2 if fault is Fault.REFUSE else 0
                raise ConnectionResetError
            if fault is Fault.LATENCY:
                await asyncio.sleep(0.02)
            if Fault.HALF_OPEN not in doomed:
                sink.write(data)
                await sink.drain()
            doomed[:] = [one for one in doomed if one is not Fault.LATENCY]
        raise ConnectionResetError

    async def _replies(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, doomed: list[Fault]) -> None:
        while data := await source.read(WHOLE):
            if Fault.LOSE_REPLY in doomed:
                raise ConnectionResetError
            if Fault.GARBAGE in doomed:
                data = b"\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n"
            if Fault.CUT in doomed:
                sink.write(data[: len(data) // 2])
                await sink.drain()
                raise ConnectionResetError
            step = 5 if Fault.TRICKLE in doomed else WHOLE
            for start in range(0, len(data), step):
                sink.write(data[start : start + step])
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
