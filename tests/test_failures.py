"""Every failure of the table: named in time, the rest of the screen usable, no traceback, and well again in time.

Rows follow one another in one running application, so that most are met by one that has been through others before.
`REDTOP_THOROUGH=1` tries every row on every generation, in an application of its own that is left in the middle of it,
and prints the figures (`-n 0 -s`); it makes no allowance for what other programs take of the machine, so nothing else
should run meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.terminal import Terminal
from tests.cluster import Cluster, Sentinels
from tests.failures import TABLE, Row, Way, When
from tests.failures.scene import Scene, Stopwatch, scene_on
from tests.looking import Looking, looking
from tests.servers import GENERATIONS, Server
from tui.engine import connection
from tui.settings import Settings

THOROUGH = os.environ.get("REDTOP_THOROUGH") == "1"
ALLOWANCE = 1.0 if THOROUGH else 2.0
"""Several tests, each with a server, share the cores of a small machine; a promise is about one redtop."""
NAMED_WITHIN = 1.5
"""Seconds until the screen must say what is wrong."""
WELL_WITHIN = 1.0
"""Seconds until the screen must be well again after the cause has gone."""
LEFT_WITHIN = 2.0
"""Seconds until redtop must be gone when a person leaves in the middle of it."""
ONE = "valkey-9.1"
"""The generation with which everything is tried that is alike for all: the ways, and what a person does meanwhile."""
AT_ONCE = 1 if THOROUGH else 12
"""Rows that one application goes through."""
SLOWLY = ("--key-load-delay", "400", "--rdbcompression", "no")
"""Microseconds per key, which make loading last; Redis 6.2 looks at its clients once in two megabytes of it."""
NEWER = ("--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024")
"""What Redis 6.2 allows anyway, and what it does not know."""


class Part(NamedTuple):
    """Rows for one application."""

    generation: str
    way: Way
    when: When
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        return f"{self.generation}-{self.way}-{self.when}-{self.rows[0].name}".replace(" ", "_")


def parts() -> list[Part]:
    """Cut the table. The way to a server is the same for all generations."""
    found = []
    for generation in (name for name, program in GENERATIONS.items() if program):
        for way in Way if THOROUGH or generation == ONE else (Way.DIRECT,):
            for when in When:
                rows = [row for row in TABLE if row.way is way and when in row.when]
                found += [
                    Part(generation, way, when, tuple(rows[i : i + AT_ONCE])) for i in range(0, len(rows), AT_ONCE)
                ]
    return found


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a fault would be recorded."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "redtop"


async def within(scene: Scene, seconds: float, condition: Callable[[], object]) -> float:
    """Wait until it holds; returns how long that took, which is not too long."""
    watch = Stopwatch(strict=THOROUGH)
    try:
        await scene.until(condition)
        took = watch.read()
    finally:
        watch.stop()
    assert took < seconds * ALLOWANCE, f"only after {took:.2f} s"
    return took


async def endure(scene: Scene, row: Row, when: When) -> str:
    """Go through one row; returns how long it took to name it and to be well again."""
    await begin(scene)
    async with row.cause(scene):
        named = await is_named(scene, row, when)
        if THOROUGH or scene.server.generation == ONE:  # screens do not know who answers
            await scene.is_used(thoroughly=THOROUGH)
    well = await within(scene, WELL_WITHIN, lambda: scene.is_well)
    return f"named after {named:4.2f} s, well after {well:4.2f} s"


async def begin(scene: Scene) -> None:
    """Look where every row begins."""
    scene.address, scene.also = scene.place, lambda: True
    if scene.look.app.settings.address != scene.place:
        await scene.open(scene.place)
        await scene.until(lambda: scene.is_well)


async def is_named(scene: Scene, row: Row, when: When) -> float:
    """Meet the failure; returns how long it took until it was named."""
    first = when is When.START
    if first:
        await scene.open()
    return await within(scene, NAMED_WITHIN, lambda: scene.is_named(row.says, stale=not row.stays_live, first=first))


async def leave(scene: Scene, row: Row, when: When) -> None:
    """Quit while it lasts."""
    await begin(scene)
    scene.leaving = True
    async with row.cause(scene):
        await is_named(scene, row, when)
        await scene.look.press("escape" if scene.asks else "q")
        await within(scene, LEFT_WITHIN, lambda: scene.look.app._exit)


@pytest.mark.parametrize("part", parts(), ids=str)
async def test_a_failure_is_named_in_time_and_over_in_time(
    part: Part, state: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    loop, unhandled = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    arguments = SLOWLY + (() if part.generation == "redis-6.2" else NEWER)
    with Server(part.generation, *arguments) as server:
        async with scene_on(server, part.way, state.parent) as scene:
            monkeypatch.setattr(connection, "addresses", scene.look_up)
            for row in part.rows:
                try:
                    took = await endure(scene, row, part.when)
                except BaseException as error:
                    error.add_note(f"in {row.name}, {part.when}")
                    raise
                if THOROUGH:
                    with capfd.disabled():
                        print(f"{part.generation:11} {row.name:30} {part.when:13} {took}", flush=True)  # noqa: T201
            await leave(scene, part.rows[-1], part.when)
    assert not unhandled
    assert not (await asyncio.to_thread(state.exists)), "no fault was recorded"
    assert "Traceback" not in capfd.readouterr().err


NO_NAMES = """
import socket, sys, time
from tui.cli import main

real = socket.getaddrinfo

def never(host, *rest, **options):
    if host == "silent.example" and not options.get("flags"):
        time.sleep(15)
    return real(host, *rest, **options)

socket.getaddrinfo = never
sys.exit(main(sys.argv[1:]))
"""


def test_who_leaves_need_not_wait_for_name_servers() -> None:
    command = [sys.executable, "-c", NO_NAMES, "-h", "silent.example"]
    with Terminal(command, 100, 30) as terminal:
        terminal.read_until(b"does not answer", 20)
        terminal.write(b"\x1b")
        left = time.monotonic()
        while terminal.process.poll() is None:
            terminal.read(0.1)
            assert time.monotonic() - left < LEFT_WITHIN * ALLOWANCE
        assert terminal.process.returncode == 0


# --- several servers: what happens to them has its causes in tests/cluster.py


async def until(look: Looking, condition: Callable[[], object]) -> float:
    """Poll until it holds; returns how long that took."""
    watch = Stopwatch(strict=THOROUGH)
    while not condition():
        assert watch.read() < 30, look.text
        await asyncio.sleep(0.02)
    watch.stop()
    return watch.read()


async def test_a_lost_primary_is_named_in_time_and_the_next_one_followed_in_time(sentinels: Sentinels) -> None:
    old, heir = sentinels.primary, sentinels.replica
    async with looking(sentinels.sentinels[0].port, settings=Settings()) as look:
        await until(look, lambda: "● live" in look.header and f":{old.port}" in look.header)
        old.freeze()
        assert await until(look, lambda: "not answer" in look.header) < NAMED_WITHIN * ALLOWANCE
        await look.press("2", "1")
        while sentinels.primary is not heir:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.02)
        followed = await until(look, lambda: "● live" in look.header and f":{heir.port}" in look.header)
        assert followed < WELL_WITHIN * ALLOWANCE
        old.thaw()


async def test_slots_that_move_disturb_nobody(cluster: Cluster) -> None:
    first, second, _ = cluster.nodes
    cluster.fill(("SET", f"session:{n}", "x") for n in range(300))
    async with looking(first.port, settings=Settings()) as look:
        await look.until_shown("● live", "100% seen", "300")
        await asyncio.to_thread(cluster.migrate, range(200), first, second)
        await look.press("2", "1")
        await look.until_shown("● live", "100% seen", "300")
