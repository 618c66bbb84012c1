"""Fills a server with what the five systems would have stored before anybody looked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

import hiredis

from tui.demo import SYSTEMS
from tui.demo.system import System
from tui.demo.wire import Command, Wire
from tui.demo.world import World

FROZEN_NOW = 1_748_845_867.0
"""2025-06-02 06:31:07 UTC, a Monday: the time at which frozen demos stand still."""

CHUNK = 400
"""Commands per write: some 100 KB, so that filling a million keys needs no memory to speak of."""

ROUND = 1000
"""Keys that all systems together write before the first one goes on: every family grows at the same pace."""

CREATES = frozenset(("SET", "HSET", "SADD", "ZADD", "LPUSH", "RPUSH", "INCR", "INCRBY", "PFADD"))


def build(names: Sequence[str], seed: int, now: float, *, drift: bool = True) -> list[System]:
    """Return the named systems, each in a world of its own, so that one alone is what it is among others.

    Without `drift` they keep to their documents.
    """
    systems = []
    for name in names:
        module = import_module(f"tui.demo.{name.replace('-', '_')}")
        system: type[System] = getattr(module, name.title().replace("-", ""))
        one = system(World(f"{seed}/{name}", now))
        one.drift = drift
        systems.append(one)
    return systems


def plan(systems: Sequence[System], keys: int) -> Iterator[Command]:
    """Yield the whole prefill: first what a first look should find, then the streams' past, then the bulk.

    About `keys` keys in all, but never fewer than the few thousand of the first look.
    """
    written: set[object] = set()
    for system in systems:
        for command in system.essentials():
            if command[0] in CREATES:
                written.add(command[1])
            yield command
    for system in systems:
        yield from system.histories()
    whole = sum(system.weight for system in systems) or 1.0
    for start in range(len(written), keys, ROUND):
        for system in systems:
            yield from system.bulk(round(min(ROUND, keys - start) * system.weight / whole))


def fill(wire: Wire, systems: Sequence[System], keys: int) -> list[hiredis.ReplyError]:
    """Write the prefill of about `keys` keys; return the error replies (none is the normal case).

    The next chunk is made while the server works on the last one.
    """
    errors: list[hiredis.ReplyError] = []
    owed = 0
    for chunk in chunks(plan(systems, keys), CHUNK):
        wire.send(chunk)
        errors += failed(wire.receive(owed))
        owed = len(chunk)
    return errors + failed(wire.receive(owed))


def fill_frozen(
    wire: Wire, seed: int, systems: Sequence[str] = SYSTEMS, keys: int = 20_000, *, drift: bool = True
) -> list[hiredis.ReplyError]:
    """Fill without any life: the same seed gives the same keys, values, stream ids, groups and lags.

    TTLs count down from deterministic values. Returns the error replies.
    """
    return fill(wire, build(systems, seed, FROZEN_NOW, drift=drift), keys)


def failed(replies: Iterable[Any]) -> list[hiredis.ReplyError]:
    """Return the error replies among `replies`."""
    return [reply for reply in replies if isinstance(reply, hiredis.ReplyError)]


def chunks(commands: Iterable[Command], size: int) -> Iterator[list[Command]]:
    """Cut `commands` into lists of `size`; the last one may be shorter."""
    chunk: list[Command] = []
    for command in commands:
        chunk.append(command)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
