"""A day at work in ten minutes: does redtop grow, and does it leave anything behind?

    python -m benchmarks.soak                       # 28,800 polls (8 hours at one a second), 60 faults, 10 minutes
    python -m benchmarks.soak --minutes 1 --faults 6

Runs the real application without a terminal against a server that an application writes to, behind a proxy with bad
habits. Pages turn all the time, the survey goes over all keys again and again, and every ten seconds something fails
(tests/failures) and is healed. Memory, open files, tasks and connections are read while all is well: after the first
sixth, when every page and every kind of fault has been there and the hour of history is full, and at the end.
Exits with 1 when memory grew by 5 MB, or when there is one file, task or connection more.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.machine import describe
from tests.failures import TABLE, Row, Way, When
from tests.failures.scene import Scene, scene_on
from tests.servers import HOST, Server
from tui.demo.wire import Wire
from tui.engine.vitals import KEPT, Pulse
from tui.settings import Settings

POLLS = 8 * 3600
"""Eight hours at one a second."""
WARM = 1 / 6
"""The part of the polls after which everything has been there once, and caches are full."""
GROWTH_MB = 5.0
"""Memory that may come in eight hours."""
READINGS = 5
"""Readings of which the median counts: memory is full of chance."""
ONES = 20_000
"""Different keys that the application writes."""


@dataclass(frozen=True)
class Reading:
    """What redtop holds."""

    megabytes: float
    files: int
    tasks: int
    connections: int

    def __str__(self) -> str:
        return f"{self.megabytes:6.1f} MB, {self.files} files, {self.tasks} tasks, {self.connections} connections"


class Soak:
    """One run."""

    def __init__(self, scene: Scene, say: Callable[[str], None]) -> None:
        self.scene = scene
        self.polls = 0
        self.faults = 0
        self._say = say
        self._seen_all = asyncio.Event()
        """Set when every page has been there: what it needs begins with its first time."""
        self._hands = asyncio.Lock()
        """Held by who uses the keyboard."""
        met = faults()
        self._kinds = len(met)
        self._rows = itertools.cycle(met)

    async def run(self, polls: int, faults: int) -> tuple[Reading, Reading]:
        """Poll and fail that often; returns what was held after the first part, and at the end."""
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(task) for task in (self._count(), self._turn_pages())]
            warm = max(polls * WARM, min(KEPT + 100, polls / 2))
            await self._go_on(round(warm), min(self._kinds, faults // 2))
            await self._seen_all.wait()
            before = await self._read()
            self._say(f"after {self.polls:6} polls, {self.faults:2} faults: {before}")
            await self._go_on(polls, faults)
            after = await self._read(before)
            self._say(f"after {self.polls:6} polls, {self.faults:2} faults: {after}")
            for task in others:
                task.cancel()
        return before, after

    async def _go_on(self, polls: int, faults: int) -> None:
        """Go on until there were that many polls and faults, evenly spread."""
        polls_then, faults_then, told = self.polls, self.faults, time.monotonic()
        while self.polls < polls or self.faults < faults:
            done = (self.polls - polls_then) / max(1, polls - polls_then)
            if self.faults - faults_then < done * (faults - faults_then) or self.polls >= polls:
                await self._fail(next(self._rows))
            if time.monotonic() - told > 60:
                told = time.monotonic()
                self._say(f"      {self.polls:6} polls, {self.faults:2} faults: {self._now()}")
            await asyncio.sleep(0.05)

    async def _fail(self, row: Row) -> None:
        """Let it happen, and go on when all is well again."""
        scene = self.scene
        scene.also = lambda: True
        async with row.cause(scene):
            if not row.stays_live:
                await scene.until(lambda: not scene.is_well)
            await asyncio.sleep(random.uniform(0.1, 2.5))
        await scene.until(lambda: scene.is_well, 30)
        self.faults += 1

    async def _count(self) -> None:
        """Count the polls: every one is published."""
        feed = self.scene.look.app.session.of(Pulse).feed
        async for _ in feed.watch():
            self.polls += 1

    async def _turn_pages(self) -> None:
        """Be the person: look at every page, at the help, and move about."""
        while True:
            for key in (*"234561", "tab", "down", "enter", "z", "escape", "question_mark", "escape"):
                async with self._hands:
                    await self._press(key)
                await asyncio.sleep(0.4)
            self._seen_all.set()

    async def _press(self, key: str) -> None:
        """Press without waiting for rest, which never comes at this pace."""
        await self.scene.look.app._press_keys([key])

    async def _read(self, before: Reading | None = None) -> Reading:
        """Read it some times while all is well: the median of memory, the least of the rest.

        Tasks come and go all the time, so when there are more than `before` it looks a while longer: what was left
        behind stays.
        """
        readings: list[Reading] = []
        async with self._hands:
            for key in ("escape", "escape", "1", "escape", "N"):  # always the same page, with the same keys below
                await self._press(key)
            await self.scene.until(lambda: self.scene.is_well, 30)
            while len(readings) < READINGS or (
                before and outgrown(before, _of(readings)) and len(readings) < 5 * READINGS
            ):
                await asyncio.sleep(0.4)
                gc.collect()
                readings.append(self._now())
        return _of(readings)

    def _now(self) -> Reading:
        process = psutil.Process()
        told = self.scene.server.ask("CLIENT", "LIST")
        connections = told.count(b" name=redtop") if isinstance(told, bytes) else 0
        return Reading(process.memory_info().rss / 1e6, process.num_fds(), len(asyncio.all_tasks()), connections)


def _of(readings: Sequence[Reading]) -> Reading:
    return Reading(
        statistics.median(reading.megabytes for reading in readings),
        *(min(getattr(reading, name) for reading in readings) for name in ("files", "tasks", "connections")),
    )


def faults() -> Sequence[Row]:
    """Everything of the table that can happen again and again to one session."""
    return [row for row in TABLE if When.RUNNING in row.when and row.way is not Way.TLS and row.again]


def _some_writes(count: int) -> Iterator[tuple[str | int, ...]]:
    for _ in range(count):
        one = random.randrange(ONES)
        yield "SET", f"session:{one:x}", "x" * random.randrange(20, 200), "EX", random.randrange(5, 600)
        yield "HSET", f"user:{one % 997}:profile", f"field{one % 7}", one
        yield "XADD", f"events:{one % 5}", "MAXLEN", "~", 1000, "*", "number", one
        yield "GET", f"session:{random.randrange(ONES):x}"


@contextmanager
def application(port: int) -> Iterator[None]:
    """Run the application whose server it is, in a process of its own: the memory of this one is measured."""
    command = [sys.executable, "-m", "benchmarks.soak", "--application", str(port)]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent) as running:
        try:
            yield
        finally:
            running.kill()


def write_for_ever(port: int) -> None:
    """Write to a server that comes and goes: all keys are there soon after the start, and soon again after a flush."""
    while True:
        with suppress(OSError), Wire(HOST, port) as wire:
            (held,) = wire.ask([("DBSIZE",)])
            wire.ask([*_some_writes(40 if isinstance(held, int) and held > ONES / 4 else 800)])
        time.sleep(0.25)


async def soak(minutes: float, polls: int, faults: int, say: Callable[[str], None]) -> tuple[Reading, Reading]:
    """Run it against a server of its own; returns what was held after the first part, and at the end."""
    with (
        Server("valkey-9.1", "--enable-debug-command", "yes") as server,
        application(server.port),
        TemporaryDirectory() as folder,
    ):
        settings = Settings(interval=60 * minutes / polls)
        async with scene_on(server, Way.PROXY, Path(folder), settings) as scene:
            return await Soak(scene, say).run(polls, faults)


def outgrown(before: Reading, after: Reading, megabytes: float = GROWTH_MB) -> list[str]:
    """Say what has become more than it may."""
    grown = after.megabytes - before.megabytes
    counts = [(name, getattr(before, name), getattr(after, name)) for name in ("files", "tasks", "connections")]
    said = [f"{name}: {then} before, {now} after" for name, then, now in counts if now > then]
    return said if grown < megabytes else [*said, f"memory grew by {grown:.1f} MB"]


def main() -> None:
    """Run, print, and exit with 1 when something grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--polls", type=int, default=POLLS)
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--application", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.application:
        write_for_ever(options.application)
    print(describe())
    started = time.monotonic()
    before, after = asyncio.run(soak(options.minutes, options.polls, options.faults, _say))
    print(
        f"took {(time.monotonic() - started) / 60:.1f} minutes; memory grew by {after.megabytes - before.megabytes:.1f}"
        f" MB (promise: less than {GROWTH_MB:g})"
    )
    wrong = outgrown(before, after)
    if wrong:
        sys.exit("; ".join(wrong))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
