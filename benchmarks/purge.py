"""How fast keys go: with a journal beside the way of ordinary pipelines, without one beside redis-cli.

    python -m benchmarks.purge [--keys 100000] [--rounds 5]

The server is the Valkey of the demo, the same for all in one run, refilled before each. The ordinary way is WATCH,
DUMP and PEXPIRETIME through redis-py pipelines, a journal with fsync, MULTI, UNLINK, EXEC, in batches of 500. For that
comparison both know their keys before the clock starts. The other one times everything: plan, preview and removal.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from benchmarks.machine import describe
from tui.demo.server import DemoServer
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.node import Node
from tui.engine.purge.account import Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.journals import journals
from tui.engine.purge.plan import Plan, plan
from tui.engine.purge.request import Request
from tui.engine.purge.undo import UndoReceipt, undo
from tui.engine.session import Options, Session

HOST = "127.0.0.1"
BATCH = 500
RECORD = struct.Struct("<qIII")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(describe())
    with DemoServer(maxmemory=4 << 30) as server, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare(server.port, options.keys, options.rounds, Path(folder)))


async def _compare(port: int, keys: int, rounds: int, folder: Path) -> None:
    session = Session(Address(HOST, port), Options())
    task = asyncio.create_task(session.run())
    node = session.deployment.nodes[0]
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, took in (await _round(node, port, keys, folder / str(number))).items():
            found.setdefault(name, []).append(took)
    _report(keys, {name: statistics.median(times) for name, times in found.items()}, rounds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _round(node: Node, port: int, keys: int, folder: Path) -> dict[str, float]:
    """Time every way once, in turn, so that a noisy machine treats all alike."""
    took: dict[str, float] = {}
    _fill(port, keys)
    took["ordinary"] = _ordinary(port, folder.with_suffix(".ordinary"))
    _fill(port, keys)
    started = time.perf_counter()
    planned = await _last(plan(node, Request(b"session:")))
    took["plan"] = time.perf_counter() - started
    started = time.perf_counter()
    receipt = await _last(execute(node, planned, folder))
    took["execute"] = time.perf_counter() - started
    assert isinstance(receipt, Receipt)
    assert receipt.counts.removed == keys
    started = time.perf_counter()
    back = await _last(undo(node, journals(folder)[0].path))
    took["undo"] = time.perf_counter() - started
    assert isinstance(back, UndoReceipt)
    assert back.counts.restored == keys
    started = time.perf_counter()
    planned = await _last(plan(node, Request(b"session:", undo=False)))
    receipt = await _last(execute(node, planned, None))
    took["without undo"] = time.perf_counter() - started
    assert receipt.counts.removed == keys
    if shutil.which("redis-cli"):
        _fill(port, keys)
        took["redis-cli"] = _by_redis_cli(port)
    return took


async def _last(steps: AsyncGenerator[Any, None]) -> Any:
    final = None
    async for step in steps:
        final = step
    assert not isinstance(final, Plan) or len(final.keys)
    return final


def _fill(port: int, keys: int) -> None:
    with Wire(HOST, port) as wire:
        wire.ask([("FLUSHALL",)])
        for start in range(0, keys, 5000):
            numbers = range(start, min(start + 5000, keys))
            wire.ask([("SET", _key(n), "x" * 64, "EX", 3600 + n % 999) for n in numbers])


def _key(number: int) -> str:
    """Return a key as sessions have them: 128 bits that look random, in hexadecimal."""
    return f"session:{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"


def _ordinary(port: int, journal: Path) -> float:
    """Purge as one would write it with redis-py; the same protocol, and the same care with the journal."""
    client: Any = redis.Redis(HOST, port)
    keys = list(client.scan_iter("session:*", count=1000))
    started = time.perf_counter()
    descriptor = os.open(journal, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        with client.pipeline() as pipe:
            pipe.watch(*batch)
            replies = _read(client, batch)
            os.write(descriptor, b"".join(_records(batch, replies)))
            os.fdatasync(descriptor)
            pipe.multi()
            pipe.unlink(*batch)
            (removed,) = pipe.execute()
            assert removed == len(batch)
    took = time.perf_counter() - started
    os.close(descriptor)
    return took


def _read(client: Any, batch: list[bytes]) -> list[Any]:
    with client.pipeline(transaction=False) as reading:
        for key in batch:
            reading.dump(key)
            reading.pexpiretime(key)
        return list(reading.execute())


def _records(batch: list[bytes], replies: list[Any]) -> Iterator[bytes]:
    for at, key in enumerate(batch):
        payload, expiry = replies[2 * at], replies[2 * at + 1]
        body = key + payload
        yield RECORD.pack(expiry, len(key), len(payload), zlib.crc32(body)) + body


def _by_redis_cli(port: int) -> float:
    command = f"redis-cli -p {port} --scan --pattern 'session:*' | xargs -L 1000 redis-cli -p {port} unlink"
    started = time.perf_counter()
    subprocess.run(["sh", "-c", command], check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - started
    with Wire(HOST, port) as wire:
        assert wire.ask([("DBSIZE",)]) == [0]
    return took


def _report(keys: int, took: dict[str, float], rounds: int) -> None:
    print(f"\n{keys:,} small keys, median of {rounds} rounds")
    for name, seconds in took.items():
        print(f"  {name:14} {seconds:7.2f} s  {keys / seconds:12,.0f} keys/s")
    ratio = took["ordinary"] / took["execute"]
    print(f"\n  with a journal:  {ratio:5.2f} x the speed of ordinary pipelines   (promise: at least 2)")
    if "redis-cli" in took:
        ratio = took["redis-cli"] / took["without undo"]
        print(f"  without undo, plan and all:  {ratio:5.2f} x the speed of redis-cli | xargs   (promise: at least 1)")


if __name__ == "__main__":
    main()
