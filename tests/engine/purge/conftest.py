"""What all tests of the purge need: a server that can be digested, a live node on it, and ways to run to the end."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.conftest import Open, Until
from tests.servers import GENERATIONS, Server
from tui.engine.address import Address
from tui.engine.failure import Failure
from tui.engine.node import Node, Phase
from tui.engine.place import Where
from tui.engine.purge.account import Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.finish import finish
from tui.engine.purge.plan import Plan, plan
from tui.engine.purge.request import Request
from tui.engine.purge.undo import UndoReceipt, undo

THOROUGH = bool(os.environ.get("REDTOP_THOROUGH"))
"""Whether the long figures are wanted (ten minutes): `REDTOP_THOROUGH=1 pytest --timeout 3000 tests/engine/purge`."""

Live = Callable[..., Awaitable[Node]]


T = TypeVar("T")


def times(short: T, thorough: T) -> T:
    """Return how often something is to be tried, or with what."""
    return thorough if THOROUGH else short


def digestible(generation: str = "valkey-9.1", *arguments: str) -> Server:
    """Return a server that may be asked for DEBUG DIGEST."""
    debug = () if generation == "redis-6.2" else ("--enable-debug-command", "yes")
    return Server(generation, *debug, *arguments)


@pytest.fixture(params=[name for name, program in GENERATIONS.items() if program is not None])
def store(request: pytest.FixtureRequest) -> Iterator[Server]:
    """An empty server of each generation, with DEBUG."""
    with digestible(request.param) as running:
        yield running


@pytest.fixture
def one() -> Iterator[Server]:
    """An empty Valkey with DEBUG, where the generation does not matter."""
    with digestible() as running:
        yield running


@pytest.fixture
def live(open_session: Open, until: Until) -> Live:
    """Open a session and return its node when it is connected."""

    async def start(server: Server, address: Address | None = None, **options: Any) -> Node:
        node = open_session(server, address, **options).deployment.nodes[0]
        await until(lambda: node.state.phase is Phase.LIVE)
        return node

    return start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where journals go; not there yet."""
    return tmp_path / "state" / "journals"


async def last(steps: AsyncGenerator[Any, None]) -> Any:
    """Go to the end of an iterator."""
    final = None
    async for step in steps:
        final = step
    return final


async def planned(node: Where, prefix: bytes = b"", **wanted: Any) -> Plan:
    """Plan; all is well."""
    request = Request(prefix, **wanted) if prefix or wanted.get("keys") else Request(all_keys=True, **wanted)
    found = await last(plan(node, request))
    assert isinstance(found, Plan), found
    return found


async def refused(node: Where, request: Request) -> Failure:
    """Plan; it fails."""
    found = await last(plan(node, request))
    assert isinstance(found, Failure)
    return found


async def executed(node: Where, found: Plan, folder: Path | None, **how: Any) -> Receipt:
    """Execute to the end; the numbers add up."""
    receipt = await last(execute(node, found, folder, **how))
    assert isinstance(receipt, Receipt)
    counts = receipt.counts
    parts = counts.removed + counts.changed + counts.gone + counts.failed + counts.unknown + counts.skipped
    assert parts == receipt.planned == len(found.keys)
    return receipt


async def undone(node: Where, path: Path | None, **how: Any) -> UndoReceipt:
    """Undo to the end; the numbers add up."""
    assert path is not None
    receipt = await last(undo(node, path, **how))
    assert isinstance(receipt, UndoReceipt)
    assert receipt.counts.done + receipt.counts.remaining == receipt.total
    return receipt


async def finished(node: Where, path: Path, **how: Any) -> Receipt:
    """Finish an interrupted purge."""
    receipt = await last(finish(node, path, **how))
    assert isinstance(receipt, Receipt)
    return receipt


def world(server: Server) -> tuple[bytes, dict[bytes, int]]:
    """Return all there is: the digest of the contents, and every absolute expiry (of 6.2: which keys have one)."""
    keys = sorted(server.ask("KEYS", "*"))
    ask = "PTTL" if server.generation == "redis-6.2" else "PEXPIRETIME"
    expiries = server.ask_all([(ask, key) for key in keys])
    if ask == "PTTL":
        expiries = [min(expiry, 0) for expiry in expiries]
    return server.ask("DEBUG", "DIGEST"), dict(zip(keys, expiries, strict=True))
