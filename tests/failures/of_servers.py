"""Failures of the server itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from tests.failures.rows import BOTH, START, row
from tests.failures.scene import SECRET, Scene
from tests.servers import HOST, Server, free_port
from tui.engine.node import ATTEMPTS
from tui.engine.vitals import Pulse


@row("nothing listens at", when=BOTH)
async def nothing_there(scene: Scene) -> AsyncGenerator[None, None]:
    scene.server.kill()
    yield
    await scene.start()


@row("not answer", when=BOTH)
async def stopped_by_a_signal(scene: Scene) -> AsyncGenerator[None, None]:
    scene.server.freeze()
    yield
    scene.server.thaw()


@row("reconnecting")
async def client_kill(scene: Scene) -> AsyncGenerator[None, None]:
    scene.kick()
    yield


@row("reconnecting")
async def restart_with_a_new_run_id(scene: Scene) -> AsyncGenerator[None, None]:
    deployment = scene.look.app.session.deployment
    before = deployment.state.identity
    scene.server.kill()
    await scene.start()
    yield
    await scene.until(lambda: deployment.state.identity != before)


@row("no answer")
async def client_pause_all(scene: Scene) -> AsyncGenerator[None, None]:
    with scene.admin() as wire:
        wire.send([("CLIENT", "PAUSE", 2500, "ALL"), ("PING",)])
        yield
        await asyncio.to_thread(wire.receive, 2)


@row("● live", stays_live=True)
async def client_pause_write(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("CLIENT", "PAUSE", 60_000, "WRITE")
    if scene.server.generation == "valkey-9.1":
        await scene.until(lambda: "writes are paused" in scene.look.header, 5)
    yield
    scene.must("CLIENT", "UNPAUSE")


@row("no answer")
async def debug_sleep(scene: Scene) -> AsyncGenerator[None, None]:
    with scene.admin() as wire:
        wire.send([("DEBUG", "SLEEP", "1.8")])
        yield
        await asyncio.to_thread(wire.receive, 1)


# --- who may come in


@row("ops", "not accept the password", "waits for you", when=START)
async def wrong_password(scene: Scene) -> AsyncGenerator[None, None]:
    before = scene.counted("WRONGPASS")
    scene.address = replace(scene.place, username="ops", password="wrong")
    yield
    await _once_and_then_asked(scene, before)


@row("ops", "not accept the password", "waits for you", again=False)
async def password_changed(scene: Scene) -> AsyncGenerator[None, None]:
    before = scene.counted("WRONGPASS")
    await scene.open(replace(scene.place, username="ops", password=SECRET))
    await scene.until(lambda: scene.is_well)
    scene.must("ACL", "SETUSER", "ops", "resetpass", ">another")
    scene.kick()
    yield
    scene.must("ACL", "SETUSER", "ops", "resetpass", f">{SECRET}")
    # Whoever was let in before is tried beside an attempt that has no answer yet, as on a busy machine.
    await _once_and_then_asked(scene, before, most=ATTEMPTS)


async def _once_and_then_asked(scene: Scene, before: int, most: int = 1) -> None:
    """The person sees who was refused, and types; until then nobody tries again."""
    await scene.until(lambda: "deployment" not in {task.get_name() for task in asyncio.all_tasks()})
    refused = scene.counted("WRONGPASS") - before
    assert 1 <= refused <= most, f"{refused} attempts, and nobody is left who could try again"
    assert "wrong" not in scene.look.text
    scene.look.app.screen.query_one("#password").focus()
    await scene.look.press(*SECRET, "enter")


@row("wants a password", "waits for you", again=False)
async def a_password_is_set(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("CONFIG", "SET", "requirepass", SECRET)
    scene.kick()
    yield
    scene.must("CONFIG", "SET", "requirepass", "")
    scene.must("ACL", "SETUSER", "default", "nopass")
    await scene.look.press("enter")


@row("wants a password", "waits for you", when=START)
async def no_password_given(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("CONFIG", "SET", "requirepass", SECRET)
    yield
    scene.must("CONFIG", "SET", "requirepass", "")
    scene.must("ACL", "SETUSER", "default", "nopass")
    await scene.look.press("enter")


@row("not accept the password", "waits for you", again=False)
async def user_deleted(scene: Scene) -> AsyncGenerator[None, None]:
    await scene.open(replace(scene.place, username="ops", password=SECRET))
    await scene.until(lambda: scene.is_well)
    scene.must("ACL", "DELUSER", "ops")
    yield
    scene.prepare()
    scene.look.app.screen.query_one("#password").focus()
    await scene.look.press(*SECRET, "enter")


@row("no database 99", "waits for you", when=START)
async def no_such_database(scene: Scene) -> AsyncGenerator[None, None]:
    scene.address = replace(scene.place, db=99)
    yield
    await scene.open(scene.place)


@row("no free connection", when=BOTH)
async def maxclients(scene: Scene) -> AsyncGenerator[None, None]:
    with scene.admin() as holder:
        holder.ask([("CONFIG", "SET", "maxclients", 1), ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
        yield
        holder.ask([("CONFIG", "SET", "maxclients", 1000)])


@row("+info", stays_live=True)
async def noperm(scene: Scene) -> AsyncGenerator[None, None]:
    """One command taken away under the eyes; each of them in turn: tests/test_rights.py."""
    scene.must("ACL", "SETUSER", "default", "-info")
    yield
    scene.must("ACL", "SETUSER", "default", "+info")
    await scene.look.press("r")


@row("1 keys are left", stays_live=True, again=False)
async def noperm_for_some_keys(scene: Scene) -> AsyncGenerator[None, None]:
    """Told, and taken back, by what reads them: in a keyspace that is complete already that is the next pass."""
    scene.must("ACL", "SETUSER", "default", "resetkeys", "~session:*")
    await scene.open(scene.place)
    yield
    scene.must("ACL", "SETUSER", "default", "~*")
    await scene.until(lambda: "are left" not in scene.look.text)


# --- what it cannot do


@row("runs a script", when=BOTH)
async def busy(scene: Scene) -> AsyncGenerator[None, None]:
    with scene.admin() as wire:
        wire.ask([("CONFIG", "SET", "lua-time-limit", 1)])
        wire.send([("EVAL", "while true do end", 0)])
        await scene.until(lambda: "BUSY" in str(scene.ask("PING")))
        yield
        scene.must("SCRIPT", "KILL")
        wire.receive(1)


@row("busy", "loading its data", again=False)
async def loading(scene: Scene) -> AsyncGenerator[None, None]:
    """A real one: what is on the disk takes seconds to read."""
    await asyncio.to_thread(scene.server.ask_all, [("SET", f"big:{n}", "x" * 2500) for n in range(8000)])
    scene.must("SAVE")
    scene.server.kill()
    await asyncio.to_thread(scene.server.start)
    yield
    scene.server.ask("CONFIG", "SET", "key-load-delay", 0)
    await asyncio.to_thread(_wait, lambda: b"\r\nloading:0" in scene.server.ask("INFO", "persistence"))
    (scene.folder / "dump.rdb").unlink()
    scene.prepare()
    scene.must("CONFIG", "SET", "key-load-delay", 400)


@row("cannot save to its disk", stays_live=True)
async def misconf(scene: Scene) -> AsyncGenerator[None, None]:
    in_the_way = scene.folder / "dump.rdb"
    in_the_way.unlink(missing_ok=True)  # what an earlier row had it write
    in_the_way.mkdir()
    scene.must("CONFIG", "SET", "save", "3600 1")
    scene.must("BGSAVE")
    await asyncio.to_thread(_wait, lambda: scene.info("persistence", "rdb_last_bgsave_status") == "err")
    yield
    assert "MISCONF" in await scene.refusal("XADD", "events", "*", "n", "2")
    in_the_way.rmdir()
    scene.must("BGSAVE")
    await asyncio.to_thread(_wait, lambda: scene.info("persistence", "rdb_last_bgsave_status") == "ok")
    scene.must("CONFIG", "SET", "save", "")
    in_the_way.unlink()


@row("memory is full", stays_live=True)
async def oom(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("CONFIG", "SET", "maxmemory", 1)
    yield
    assert "OOM" in await scene.refusal("XADD", "events", "*", "n", "2")
    scene.must("CONFIG", "SET", "maxmemory", 0)


# --- replication


@row(" replica", "READ-ONLY", stays_live=True)
async def readonly(scene: Scene) -> AsyncGenerator[None, None]:
    scene.also = lambda: "READ-WRITE" in scene.look.header
    with Server(scene.server.generation, *_at_once(scene.server.generation)) as primary:
        scene.must("REPLICAOF", HOST, primary.port)
        yield
        assert "replica" in await scene.refusal("XADD", "events", "*", "n", "2")
        scene.must("REPLICAOF", "NO", "ONE")
        scene.prepare()


@row("lost its primary", "may be old", stays_live=True)
async def a_replica_alone(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("REPLICAOF", HOST, free_port())
    yield
    scene.must("REPLICAOF", "NO", "ONE")


@row("lost its primary", "not serve old data")
async def masterdown(scene: Scene) -> AsyncGenerator[None, None]:
    scene.must("CONFIG", "SET", "replica-serve-stale-data", "no")
    scene.must("REPLICAOF", HOST, free_port())
    yield
    scene.must("REPLICAOF", "NO", "ONE")
    scene.must("CONFIG", "SET", "replica-serve-stale-data", "yes")


# --- what changes under the eyes


@row("keys 0", "this database is empty", stays_live=True)
async def flushall(scene: Scene) -> AsyncGenerator[None, None]:
    await scene.until(lambda: "session:" in scene.look.text and "keys 0" not in scene.look.text)
    scene.must("FLUSHALL")
    yield
    scene.prepare()
    scene.also = lambda: "this database is empty" not in scene.look.text


@row("● live", stays_live=True)
async def config_resetstat(scene: Scene) -> AsyncGenerator[None, None]:
    pulse = scene.look.app.session.of(Pulse)
    told = pulse.feed.latest
    assert told is not None
    for _ in range(5):
        scene.must("GET", "session:1")
    scene.must("CONFIG", "RESETSTAT")
    yield
    await scene.until(lambda: pulse.feed.latest and pulse.feed.latest.now.at > told.now.at)
    assert pulse.feed.latest is not None
    for sample in pulse.feed.latest.history:
        assert min(sample.ops_per_s or 0, sample.reads_per_s or 0, sample.evicted_per_s or 0) >= 0
        assert 0 <= (sample.hit_rate or 0) <= 1


def _wait(condition: Callable[[], object]) -> None:
    """Poll outside of the event loop; the application goes on."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _at_once(generation: str) -> Sequence[str]:
    """Let a replica be served without waiting for others."""
    return ("--repl-diskless-sync-delay", "0")
