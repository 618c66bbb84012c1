"""What redtop's looking costs a big server, command by command: nothing of it belongs into the slow log.

    python -m benchmarks.footprint [--keys 1000000] [--members 10000000] [--octets 536870912]

Plants many keys, a set and a sorted set of so many members, a hash, a list and a stream of a tenth of that, and a long
string; drives every screen and every command that looks, into and through the big values; then reads the server's
slow log (from 1 ms on) and its statistics. The times are the server's own, by the clock on the wall: run it on a
machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.machine import describe
from tests.driving import drive_commands, drive_screens, plant, plant_big, schema
from tests.servers import GENERATIONS, Server
from tui.engine.commands import name_of

TRIVIAL = ("type", "pttl")
"""Commands that no value makes longer."""
SLOW = 1000
"""Microseconds from which on a command is slow: the promise."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=10_000_000)
    parser.add_argument("--octets", type=int, default=512 << 20)
    parser.add_argument("--server", choices=[name for name, program in GENERATIONS.items() if program], action="append")
    options = parser.parse_args()
    print(describe())
    for generation in options.server or ["valkey-9.1"]:
        debug = () if generation == "redis-6.2" else ("--enable-debug-command", "local")
        with Server(generation, *debug) as server:
            started = time.monotonic()
            plant(server)
            plant_big(server, options.keys, options.members, options.octets)
            print(
                f"\n{generation}: planted in {time.monotonic() - started:.0f} s, {server.ask('DBSIZE'):,} keys, "
                f"{server.stats('memory')['used_memory'] >> 20:,} MB"
            )
            _measure(server)


def _measure(server: Server) -> None:
    for name, value in (("slowlog-max-len", 100_000), ("slowlog-log-slower-than", SLOW)):
        server.ask("CONFIG", "SET", name, value)
    server.ask_all([("CONFIG", "RESETSTAT"), ("SLOWLOG", "RESET")])
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        os.environ["XDG_CONFIG_HOME"] = folder
        big = [schema(Path(folder), index="big:{kind}"), "oauth-proxy"]
        asyncio.run(drive_screens(server, big, values="big"))
        drive_commands(server, big)
    _report(server, _statistics(server))


def _report(server: Server, stats: dict[str, dict[str, float]]) -> None:
    slow = [entry for entry in server.ask("SLOWLOG", "GET", -1) if entry[5].startswith(b"redtop")]
    often = Counter(name_of(words) for _, _, _, words, *_ in slow)
    print(f"  {sum(one['calls'] for one in stats.values()):,.0f} commands; slower than {SLOW / 1000:g} ms: {len(slow)}"
          "   (promise: 0)")  # fmt: skip
    for _, _, usec, words, *_ in sorted(slow, key=lambda entry: -entry[2])[:5]:
        print(f"    {usec / 1000:8.2f} ms  {b' '.join(words)[:100].decode('ascii', 'backslashreplace')}")
    noise = sum(often[name] for name in TRIVIAL), sum(stats[name]["usec"] for name in TRIVIAL) / 1e6
    print(
        f"  of these {noise[0]} were {', '.join(TRIVIAL)}: a microsecond's work each, so that it was the machine that"
    )
    print(f"  stopped, {noise[0] / noise[1]:.0f} times a second of work. What is slow by itself is so more often:")
    print("     mean us     calls   slow   slow per second of work")
    for name, one in sorted(stats.items(), key=lambda pair: -pair[1]["usec_per_call"])[:16]:
        rate = often[name] / one["usec"] * 1e6 if one["usec"] else 0.0
        print(f"    {one['usec_per_call']:8.1f} {one['calls']:9,.0f} {often[name]:6} {rate:8.0f}   {name}")
    errors = server.ask("INFO", "errorstats").decode().splitlines()[1:]
    print(f"  errors in the server's statistics: {', '.join(errors) or 'none'}   (promise: none)")


def _statistics(server: Server) -> dict[str, dict[str, float]]:
    """What INFO commandstats tells of each command: calls, usec, usec_per_call."""
    lines = [line for line in server.ask("INFO", "commandstats").decode().splitlines() if line.startswith("cmdstat_")]
    pairs = [line.removeprefix("cmdstat_").split(":", 1) for line in lines]
    found = {name: dict(part.split("=") for part in values.split(",")) for name, values in pairs}
    return {name: {key: float(value) for key, value in values.items()} for name, values in found.items()}


if __name__ == "__main__":
    main()
