"""Fixtures for all tests: real servers, and sessions on them."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.cluster import Cluster, Sentinels
from tests.servers import GENERATIONS, HOST, Server
from tui.engine.address import Address
from tui.engine.session import Options, Session

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background has them ignore ctrl-c, and all that they start as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests neither read the settings of whoever runs them nor leave journals and logs in their home.
_HOME = tempfile.TemporaryDirectory(prefix="redtop-tests-")
os.environ |= {name: f"{_HOME.name}/{name}" for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}

LONG = ("any_bytes", "test_failures.py")
"""Every failure, and hostile bytes in real terminals: three minutes more, much of it timed, for `REDTOP_LONG=1`."""

collect_ignore = [] if os.environ.get("REDTOP_LONG") == "1" else list(LONG)

Open = Callable[..., Session]
Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture(params=[name for name, program in GENERATIONS.items() if program is not None])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An empty server, one test run for each generation this machine has."""
    with Server(request.param) as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[Server]:
    """An empty Valkey 9.1, where the generation does not matter."""
    with Server("valkey-9.1") as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """An empty cluster of three primaries (Valkey 9.1)."""
    with Cluster() as running:
        yield running


@pytest.fixture
def sentinels() -> Iterator[Sentinels]:
    """A primary and a replica, guarded by three sentinels (Valkey 9.1)."""
    with Sentinels() as running:
        yield running


@pytest.fixture
async def open_session() -> AsyncIterator[Open]:
    """Run sessions on servers until the test ends: `open_session(server, interval=0.05, scan_share=1.0)`."""
    tasks: list[asyncio.Task[None]] = []

    def start(server: Server, address: Address | None = None, **options: Any) -> Session:
        settings = Options(**{"interval": 0.05, "scan_share": 1.0, **options})
        session = Session(address or Address(HOST, server.port), settings)
        tasks.append(asyncio.create_task(session.run()))
        return session

    yield start
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def until() -> Until:
    """Poll a condition inside the event loop until it holds; fail after twenty seconds."""

    async def poll(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - any condition, so there is no event to wait for
                await asyncio.sleep(0.005)

    return poll
