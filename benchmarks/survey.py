"""How fast the survey reads, how true its first picture is, and what other clients feel of it.

    python -m benchmarks.survey [--keys 1000000] [--rounds 3]
    python -m benchmarks.survey --growth                       (100,000 to 10 million keys: memory, first picture)

Against `redis-cli --memkeys` of the redis-cli on PATH, on the same server in the same run. The server is the Valkey
of the demo; redtop runs in a process of its own, so that its CPU and memory are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psutil

from benchmarks.keyspaces import SHARES, fill
from benchmarks.machine import describe
from tui.demo.server import DemoServer
from tui.demo.wire import Wire
from tui.engine.address import Address
from tui.engine.session import Options, Session
from tui.engine.survey import Survey

FEW, MANY = 100_000, 10_000_000
"""Keys between which the growth of the process is measured."""
READS = 5000
"""GETs per latency measurement, one after the other."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="measure memory and the first picture up to 10 M keys")
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--share", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--until", choices=("first", "complete", "killed"), default="complete", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        asyncio.run(_probe(options.probe, options.share, options.until))
        return
    print(describe())
    if options.growth:
        _growth()
        return
    with DemoServer(maxmemory=8 << 30) as server:
        fill(server.port, options.keys)
        process = _server_process(server.port)
        _speed(server.port, process, options)
        _latency(server.port, options.rounds)


def _server_process(port: int) -> psutil.Process:
    with Wire("127.0.0.1", port) as wire:
        info = wire.ask([("INFO", "server")])[0].decode()
    return psutil.Process(int(info.split("process_id:")[1].split("\r")[0]))


def _speed(port: int, server: psutil.Process, options: argparse.Namespace) -> None:
    runs, memkeys = [], []
    for _ in range(options.rounds):
        before = server.cpu_times()
        run = _run(port, "--share", "1")
        after = server.cpu_times()
        runs.append(run | {"server": after.user + after.system - before.user - before.system})
        if shutil.which("redis-cli"):
            started = time.perf_counter()
            subprocess.run(["redis-cli", "-p", str(port), "--memkeys"], check=True, stdout=subprocess.DEVNULL)
            memkeys.append(time.perf_counter() - started)
    wall, cpu, busy = (statistics.median(run[name] for run in runs) for name in ("wall", "cpu", "server"))
    print(f"\nexact profile of {options.keys} keys (median of {options.rounds} runs)")
    print(f"  wall                 {wall:7.2f} s")
    print(f"  of the server's CPU  {wall / busy:7.2f} x   (promise: at most 1.5; server {busy:.2f} s)")
    print(f"  client CPU           {1e6 * cpu / options.keys:7.2f} s per million keys   (promise: at most 2.5)")
    print(f"  process              {max(run['rss'] for run in runs):7.0f} MB")
    if memkeys:
        ratio = statistics.median(memkeys) / wall
        print(f"  redis-cli --memkeys  {ratio:7.2f} x as long   (promise: at least 4)")
    _print_first("at full speed", runs)
    _print_first("by default", [_run(port, "--until", "first") for _ in range(options.rounds)])


def _growth() -> None:
    """Measure what ten million keys take beside a hundred thousand."""
    rss = {}
    for keys in (FEW, MANY):
        with DemoServer(maxmemory=16 << 30) as server:
            fill(server.port, keys)
            run = _run(server.port, "--share", "1")
            rss[keys] = run["rss"]
            print(f"\n{keys} keys: counted in {run['wall']:.1f} s, process {run['rss']:.0f} MB")
            _print_first("at full speed", [run])
            _print_first("by default", [_run(server.port, "--until", "first") for _ in range(3)])
    print(f"\nfrom {FEW} to {MANY} keys the process grows by {rss[MANY] - rss[FEW]:.0f} MB   (promise: at most 30)")


def _print_first(how: str, runs: Sequence[dict[str, Any]]) -> None:
    after, off = max(run["first"] for run in runs), 100 * max(run["off"] for run in runs)
    print(f"  first picture {how}: {after:.2f} s (promise: 1), a family's share off by {off:.2f} points (promise: 1)")


def _run(port: int, *arguments: str) -> dict[str, Any]:
    """Survey in a process of its own, and return what it measured."""
    run: dict[str, Any] = json.loads(subprocess.check_output([*_command(port), *arguments]))
    return run


def _command(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.survey", "--probe", str(port)]


async def _probe(port: int, share: float | None, until: str) -> None:
    """Survey in this process until there is a picture, all is counted, or for ever, and print what it took."""
    session = Session(Address("127.0.0.1", port), Options(scan_share=share))
    task = asyncio.create_task(session.run())
    used, started = _cpu(), time.perf_counter()
    first: dict[str, Any] = {}
    async for picture in session.of(Survey).feed.watch():
        if picture.scanned and not first:
            shown = {family.pattern: family.keys / picture.dbsize for family in picture.families}
            off = max(abs(shown.get(pattern, 0.0) - truth) for pattern, truth in SHARES.items())
            first = {"first": time.perf_counter() - started, "off": off}
        if (picture.complete and until == "complete") or (first and until == "first"):
            break
    result = first | {"wall": time.perf_counter() - started, "cpu": _cpu() - used}
    print(json.dumps(result | {"rss": psutil.Process().memory_info().rss / 1e6}))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _latency(port: int, rounds: int) -> None:
    """Measure another client's GETs beside each way of reading, in turn, so that a noisy machine treats all alike."""
    ways: dict[str, list[str] | None] = {
        "nothing": None,
        "nothing, once more": None,
        "redtop, default": [*_command(port), "--until", "killed"],
        "redtop, full speed": [*_command(port), "--share", "1", "--until", "killed"],
    }
    if shutil.which("redis-cli"):
        ways["redis-cli --memkeys"] = ["redis-cli", "-p", str(port), "--memkeys"]
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            found[name].append(_p99_beside(port, command))
    print(f"\nGET p99 of another client beside (median of {rounds} interleaved runs)")
    idle = statistics.median(found["nothing"])
    for name, times in found.items():
        p99 = statistics.median(times)
        promise = "   (promise: at most 1.2)" if "default" in name else ""
        print(f"  {name:20} {1000 * p99:7.3f} ms  {p99 / idle:6.2f} x{promise}")


def _p99_beside(port: int, command: list[str] | None) -> float:
    other = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) if command else None
    try:
        if other is not None:
            time.sleep(1.5)  # start-up and the first burst are over
        with Wire("127.0.0.1", port) as wire:
            return _p99(wire)
    finally:
        if other is not None:
            other.kill()
            other.wait()


def _p99(wire: Wire) -> float:
    times = []
    for number in range(READS):
        started = time.perf_counter()
        wire.ask([("GET", f"cache:page:{number % 1500}")])
        times.append(time.perf_counter() - started)
        time.sleep(0.0005)
    return sorted(times)[int(0.99 * READS)]


if __name__ == "__main__":
    main()
