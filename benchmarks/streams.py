"""What the Streams page promises: a fast stream is tailed whole, many streams are listed at once, and cost little.

    python -m benchmarks.streams

Starts servers of its own. The stream is filled by a process of its own, and redtop runs in a pseudo terminal, for the
time from a key to its effect on screen while entries rush by.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.machine import describe
from benchmarks.terminal import Terminal
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.session import Session
from tui.engine.streams.board import StreamBoard
from tui.engine.streams.drill import Inside, PendingPages, look_inside
from tui.engine.tail.live import LiveTail

PRESSES = 200
"""Keys for the 99th percentile."""
PAYLOAD = "x" * 170
"""With its names, id and number an entry is about 200 bytes."""
MARK = re.compile(rb"\x1b\[[67];3H[^H]*\xe2\x96\x8c")
"""The cursor's mark in one of the two rows of the table."""
SHARED = ("xinfo", "xpending", "memory", "type")
"""Commands of which the board is made; the survey asks some of them, too, so this is the most it can be."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=50_000, help="entries per second")
    parser.add_argument("--seconds", type=float, default=10, help="how long to tail")
    parser.add_argument("--long", type=int, default=10_000_000, help="entries of the long stream")
    parser.add_argument("--feed", nargs=3, metavar=("PORT", "RATE", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.feed:
        _feed(int(options.feed[0]), int(options.feed[1]), float(options.feed[2]))
        return
    print(describe())
    with Server() as server:
        asyncio.run(_tail(server, options.rate, options.seconds))
    with Server() as server:
        _keys(server, options.rate)
    with Server() as server:
        asyncio.run(_board(server))
    with Server() as server:
        asyncio.run(_long(server, options.long))


async def _tail(server: Server, rate: int, seconds: float) -> None:
    """Tail a fast stream headless: how many of its entries are read, and what that takes."""
    session = Session(Address(HOST, server.port))
    running = asyncio.create_task(session.run())
    tail = session.of(LiveTail)
    tail.choose([b"fast"])
    with tail.feed.hold(), _feeding(server, rate, seconds) as feeder:
        began = time.process_time()
        await asyncio.to_thread(feeder.wait)
        await asyncio.sleep(1.5)
        used = time.process_time() - began
    latest = tail.feed.latest
    assert latest is not None
    added = dict(zip(*[iter(server.ask("XINFO", "STREAM", "fast"))] * 2, strict=True))[b"entries-added"]
    numbers = [int(line.values[1]) for line in latest.lines if line.id]
    whole = numbers == list(range(added - len(numbers), added))
    skipped = added - (latest.first + len(latest.lines) - 1)
    print(
        f"tail                  {added / seconds:9,.0f} entries/s, {skipped:,} not read (promise: {rate:,}/s, 0),"
        f" window of {len(numbers):,} {'whole' if whole else 'WITH HOLES'}, {100 * used / seconds:.0f} % of a core"
    )
    running.cancel()


def _keys(server: Server, rate: int) -> None:
    """Press a key on the page while entries rush by."""
    server.ask_all([("XADD", key, "*", "n", 0) for key in ("fast", "other")])
    command = [sys.executable, "-m", "tui", "-h", HOST, "-p", str(server.port)]
    with _feeding(server, rate, 60), Terminal(command, 120, 40) as terminal:
        terminal.read_until(b"Namespaces", 10)
        terminal.read(2)
        terminal.write(b"3")
        terminal.read_until(b"kept", 10)
        terminal.read(2)
        terminal.write(b" ")  # the tail stays with this stream
        terminal.read(1)
        delays = sorted(_press(terminal, b"jk"[turn % 2 :][:1]) for turn in range(PRESSES))
    print(
        f"key to paint          {1000 * delays[int(0.99 * PRESSES)]:9.1f} ms meanwhile (promise: 50, p99 of {PRESSES};"
        f" median {1000 * statistics.median(delays):.1f})"
    )


def _press(terminal: Terminal, key: bytes) -> float:
    """Move the cursor of the table of streams, and wait for its mark: the tail has one, too, but not in these rows."""
    terminal.read(0.037)  # not in step with the refresh
    started, data = time.perf_counter(), b""
    terminal.write(key)
    while not MARK.search(data):
        assert time.perf_counter() - started < 2, f"no cursor in {data[-300:]!r}"
        data += terminal.read(0.001)
    return time.perf_counter() - started


async def _board(server: Server) -> None:
    """List 1,000 streams with three groups each, and refresh them."""
    for number in range(1000):
        key = f"stream:{number}"
        made = [("XADD", key, "*", "f", PAYLOAD) for _ in range(20)]
        groups = [("XGROUP", "CREATE", key, f"group {n}", "0") for n in range(3)]
        read = [("XREADGROUP", "GROUP", f"group {n}", f"w{n}", "COUNT", 4, "STREAMS", key, ">") for n in range(3)]
        server.ask_all([*made, *groups, *read])
    session = Session(Address(HOST, server.port))
    running = asyncio.create_task(session.run())
    began = time.perf_counter()
    board = session.of(StreamBoard)
    with board.feed.hold():
        async for seen in board.feed.watch():
            if len(seen.streams) >= 1000:
                break
        listed = time.perf_counter() - began
        await asyncio.sleep(3)
        before, started = _micros(server), time.perf_counter()
        await asyncio.sleep(20)
        share = (_micros(server) - before) / 1e6 / (time.perf_counter() - started)
    print(f"1,000 streams listed  {listed:9.2f} s (promise: 2)")
    print(f"their refresh         {100 * share:9.2f} % of the server's time (promise: 1; with the survey's part)")
    running.cancel()


async def _long(server: Server, length: int) -> None:
    """Open a long stream and a short one, each with all its entries pending."""
    server.ask_all([("XADD", "short", "*", "n", n) for n in range(10)])
    for start in range(0, length, 50_000):
        server.ask_all([("XADD", "long", f"{n + 1}-1", "n", n) for n in range(start, min(length, start + 50_000))])
    for key in ("short", "long"):
        server.ask_all([("XGROUP", "CREATE", key, "g", "0")])
        server.ask("XREADGROUP", "GROUP", "g", "w", "COUNT", 1_000_000, "STREAMS", key, ">")
    session = Session(Address(HOST, server.port))
    running = asyncio.create_task(session.run())
    took: dict[bytes, float] = {}
    for name in (b"short", b"long"):
        began = time.perf_counter()
        for _ in range(100):
            assert isinstance(await look_inside(session.deployment, name), Inside)
            assert isinstance(await PendingPages(session.deployment, name, b"g").next(10), tuple)
        took[name] = (time.perf_counter() - began) / 100
    both = f"{1000 * took[b'long']:9.2f} ms with {length:,} entries, {1000 * took[b'short']:.2f} with 10"
    print(f"open a stream         {both} (promise: alike)")
    running.cancel()


def _micros(server: Server) -> int:
    lines = server.ask("INFO", "commandstats").decode().splitlines()
    mine = [line for line in lines if line.removeprefix("cmdstat_").split("|")[0].split(":")[0] in SHARED]
    return sum(int(line.split("usec=")[1].split(",")[0]) for line in mine)


@contextmanager
def _feeding(server: Server, rate: int, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    words = ["--feed", str(server.port), str(rate), str(seconds)]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.streams", *words])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _feed(port: int, rate: int, seconds: float) -> None:
    """Add entries at that rate, in small batches."""
    with socket.create_connection((HOST, port)) as connection:
        started, done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < seconds:
            due = min(int(rate * elapsed) - done, 4000)
            if due < rate // 200:
                time.sleep(0.001)
                continue
            connection.sendall(b"".join(map(_xadd, range(done, done + due))))
            done += due
            answered = 0
            while answered < due:
                answered += connection.recv(1 << 16).count(b"$")


def _bulk(*words: str) -> bytes:
    return b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words)


HEAD = b"*10\r\n" + _bulk("XADD", "fast", "MAXLEN", "~", "200000", "*", "n")
TAIL = _bulk("payload", PAYLOAD)


def _xadd(number: int) -> bytes:
    """Pack one entry; quickly, for the two cores are shared with what is measured."""
    digits = b"%d" % number
    return b"%b$%d\r\n%b\r\n%b" % (HEAD, len(digits), digits, TAIL)


if __name__ == "__main__":
    main()
