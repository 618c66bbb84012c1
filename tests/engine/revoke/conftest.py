"""What all tests of revocations need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import Open, Until
from tests.engine.purge.conftest import last
from tests.engine.revoke.layouts import Layout
from tests.servers import Server
from tui.engine.address import Address
from tui.engine.node import Node, Phase
from tui.engine.place import Where
from tui.engine.revoke.account import Receipt
from tui.engine.revoke.execute import execute
from tui.engine.revoke.plan import Plan, plan
from tui.engine.revoke.roles import Roles
from tui.engine.revoke.wanted import Wanted
from tui.engine.schema.catalog import Catalog

Live = Callable[..., Awaitable[Node]]


class Hasty:
    """A clock whose pauses are over at once."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return 0.0

    def wall(self) -> float:
        raise AssertionError("only pauses are asked of it")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def live(open_session: Open, until: Until) -> Live:
    """Open a session and return its node when it is connected."""

    async def start(server: Server, address: Address | None = None, **options: Any) -> Node:
        node = open_session(server, address, **options).deployment.nodes[0]
        await until(lambda: node.state.phase is Phase.LIVE)
        return node

    return start


def roles_of(*schemas: str | Layout) -> Roles:
    """The rules of built-in schemas."""
    names = [one.schema if isinstance(one, Layout) else one for one in schemas]
    return Roles.of_schemas(Catalog().load(names))


async def planned(node: Where, roles: Roles, wanted: Wanted) -> Plan:
    """Plan; all is well."""
    found = await last(plan(node, roles, wanted))
    assert isinstance(found, Plan), found
    return found


async def executed(node: Where, made: Plan, **how: Any) -> Receipt:
    """Execute to the end; the numbers add up."""
    receipt = await last(execute(node, made, how.pop("audit", None), clock=how.pop("clock", Hasty()), **how))
    assert isinstance(receipt, Receipt)
    counts = receipt.counts
    assert counts.done + counts.unknown + counts.skipped == receipt.planned == len(made.keys)
    return receipt


async def revoked(node: Where, roles: Roles, wanted: Wanted, **how: Any) -> Receipt:
    """Plan and execute."""
    return await executed(node, await planned(node, roles, wanted), **how)
