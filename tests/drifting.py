"""One look at a real server with schemas, without a screen: a pass, and a closer look at what it has kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from random import Random

from tests.servers import HOST
from tui.engine.address import Address
from tui.engine.schema.asking import Asker
from tui.engine.schema.catalog import Catalog
from tui.engine.schema.closer import Closer
from tui.engine.schema.drift import Drift
from tui.engine.schema.findings import Finding
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Schema
from tui.engine.schema.scan import Gentle, Scanned, scan
from tui.engine.session import Options, Session

Between = Callable[[float], Awaitable[None]]

BUILT_IN = {schema.name: schema for schema in Catalog().built_in()}


async def at_once(seconds: float) -> None:
    """Wait for nothing: the second look follows the first."""


async def findings(
    port: int,
    schemas: Sequence[Schema],
    *,
    between: Between = at_once,
    most: float = float("inf"),
    seed: int = 1,
    address: Address | None = None,
) -> tuple[list[Finding], Scanned, Closer, Drift]:
    """Look; `between` happens before the second look at suspects, and after `most` keys the pass ends."""
    session = Session(address or Address(HOST, port), Options(scan_share=1.0))
    running = asyncio.create_task(session.run())
    node = session.deployment.nodes[0]
    drift = Drift(Matcher(schemas), Random(seed))
    gentle = Gentle(node, 1.0)
    closer = Closer(drift, Asker(node.ask, gentle.rest, Random(seed)), between)
    try:
        await closer.begin()
        scanned = await scan(node, drift, gentle, lambda: drift.pages.keys >= most)
        assert scanned.failure is None
        return await closer.findings(scanned.population, complete=scanned.complete), scanned, closer, drift
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def kinds(found: Sequence[Finding]) -> set[tuple[str, str]]:
    """Say which kinds were found of which families, by name."""
    return {(finding.kind.value, finding.family.name if finding.family else "") for finding in found}
