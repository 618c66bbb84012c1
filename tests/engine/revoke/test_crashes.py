"""Whatever dies in the middle, and whenever: what is left grants nothing or is found again, and nobody else is touched.

The figures of the long run (REDTOP_THOROUGH=1) stand beside each test.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path

import pytest

from tests.engine.purge.conftest import times
from tests.engine.revoke.conftest import Hasty, Live, executed, planned, revoked, roles_of
from tests.engine.revoke.layouts import LAYOUTS, OTHERS, Layout, fill
from tests.proxy import Fault, FaultyProxy, Proxy
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.purge.pacing import Patience
from tui.engine.revoke.wanted import Wanted

USER = Wanted(user=b"1")
POINTS = 25
"""Points at which each layout breaks off."""
LITTLE = 3
"""Keys in a transaction where there are to be many of them."""


class Break(StrEnum):
    """How far the last words come."""

    BEFORE = "they never arrive"
    HALF = "half of them arrives"
    AFTER = "they arrive, and nobody hears the answer"


class Breaking(Proxy):
    """Counts what a program says; at one point it cuts its connections, and calls `struck`."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.said = 0
        self.at = -1
        """Which words are the last ones; -1 counts only."""
        self.how = Break.BEFORE
        self.struck: Callable[[], object] = lambda: None

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, chunk: int) -> None:
        # Requests are those that come from clients of ours: their socket is bound to our port.
        requests = source._transport.get_extra_info("sockname")[1] == self.port  # type: ignore[attr-defined]
        while data := await source.read(1 << 16):
            if requests and not data.startswith(b"*1\r\n$4\r\nPING"):  # signs of life come when they like
                self.said += 1
                if self.said == self.at + 1:
                    await self._strike(data, sink)
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError

    async def _strike(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        if self.how is not Break.BEFORE:
            sink.write(data if self.how is Break.AFTER else data[: len(data) // 2])
            await sink.drain()
            await asyncio.sleep(0.002)  # the server gets it, and does what it says
        self.struck()
        raise ConnectionResetError


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.schema)
def layout(request: pytest.FixtureRequest) -> Layout:
    found: Layout = request.param
    return found


def points(steps: int, wanted: int) -> list[tuple[int, Break]]:
    """Spread so many points evenly over all steps, each of which can break off in three ways."""
    everything = [(step, how) for step in range(steps) for how in Break]
    return [everything[number * len(everything) // wanted] for number in range(wanted)]


def others(layout: Layout, server: Server) -> dict[str, tuple[set[bytes], set[bytes]]]:
    """With what everybody else gets in."""
    return {user: (layout.usable(server, user), layout.listed(server, user)) for user in OTHERS}


async def count_steps(server: Server, layout: Layout, live: Live, chunk: int) -> int:
    """Revoke once without any trouble, and return how many times something was said."""
    async with Breaking(server.port) as proxy:
        node = await live(server, Address(HOST, proxy.port))
        made = await planned(node, roles_of(layout), USER)
        before = proxy.said
        assert (await executed(node, made, chunk=chunk)).verified
        return proxy.said - before


async def judge(server: Server, layout: Layout, live: Live, theirs: object) -> None:
    """What is left is found again, and revoking once more leaves nothing; nobody else has lost anything."""
    left = layout.usable(server, "1")
    node = await live(server)
    found = {one.key for one in (await planned(node, roles_of(layout), USER)).keys if one.role.grants}
    assert left <= found, "after a crash nothing must grant access that cannot be found"
    assert others(layout, server) == theirs
    assert (await revoked(node, roles_of(layout), USER)).verified
    assert layout.usable(server, "1") == set()
    assert layout.listed(server, "1") == set()
    assert others(layout, server) == theirs


@pytest.mark.parametrize("chunk", [LITTLE, 5000], ids=["many transactions", "one transaction"])
async def test_where_it_breaks_off_nothing_is_lost_from_sight(
    shared: Server, layout: Layout, live: Live, chunk: int
) -> None:
    """Figure: 4 layouts, 2 ways, 25 points each: 0 tokens that could not be found, 0 left after the next attempt."""
    shared.ask("FLUSHALL")
    fill(shared, layout)
    steps = await count_steps(shared, layout, live, chunk)
    partly = 0
    for at, how in points(steps, POINTS if chunk == LITTLE else times(4, POINTS)):
        shared.ask("FLUSHALL")
        fill(shared, layout)
        theirs, all_of_it = others(layout, shared), layout.usable(shared, "1")
        await crash(shared, layout, live, chunk, at, how)
        left = layout.usable(shared, "1")
        partly += 0 < len(left) < len(all_of_it)
        if chunk > len(all_of_it):
            assert left in (set(), all_of_it), "in one transaction all of it goes, or nothing"
        await judge(shared, layout, live, theirs)
    assert bool(partly) == (chunk == LITTLE)


async def crash(server: Server, layout: Layout, live: Live, chunk: int, at: int, how: Break) -> None:
    """Revoke until so many things were said; then the program is gone, in the middle of its words."""
    async with Breaking(server.port) as proxy:
        node = await live(server, Address(HOST, proxy.port))
        made = await planned(node, roles_of(layout), USER)
        work = asyncio.create_task(executed(node, made, chunk=chunk))
        proxy.at, proxy.how, proxy.struck = proxy.said + at, how, work.cancel
        with suppress(asyncio.CancelledError):
            await work


@pytest.mark.parametrize("chunk", [LITTLE, 5000], ids=["many transactions", "one transaction"])
async def test_a_lost_connection_is_made_again_and_all_of_it_ends_well(
    shared: Server, layout: Layout, live: Live, chunk: int
) -> None:
    """Figure: 4 layouts, 2 ways, 25 points each: 200 of 200 revoked all the same, nothing sent twice, nothing left."""
    shared.ask("FLUSHALL")
    fill(shared, layout)
    steps = await count_steps(shared, layout, live, chunk)
    for at, how in points(steps, times(3, POINTS)):
        shared.ask("FLUSHALL")
        fill(shared, layout)
        theirs = others(layout, shared)
        async with Breaking(shared.port) as proxy:
            node = await live(shared, Address(HOST, proxy.port))
            made = await planned(node, roles_of(layout), USER)
            proxy.at, proxy.how = proxy.said + at, how
            receipt = await executed(node, made, chunk=chunk)
        assert (receipt.failure, receipt.verified) == (None, True)
        assert receipt.counts.removed == receipt.planned
        assert layout.usable(shared, "1") == layout.listed(shared, "1") == set()
        assert others(layout, shared) == theirs


async def test_a_killed_process_leaves_nothing_that_cannot_be_found(
    shared: Server, layout: Layout, live: Live, tmp_path: Path
) -> None:
    """Figure: 4 layouts, 25 SIGKILLs each: 0 tokens that could not be found, 0 left after the next attempt."""
    shared.ask("FLUSHALL")
    fill(shared, layout)
    steps = await count_steps(shared, layout, live, LITTLE)
    for at, how in times([(steps // 3, Break.AFTER)], points(steps, POINTS)):
        shared.ask("FLUSHALL")
        fill(shared, layout)
        theirs = others(layout, shared)
        await kill(shared, layout, tmp_path / "audit.log", at, how)
        assert "revocation began" in (tmp_path / "audit.log").read_text()
        await judge(shared, layout, live, theirs)


async def kill(server: Server, layout: Layout, audit: Path, at: int, how: Break) -> None:
    async with Breaking(server.port) as proxy:
        words = [str(proxy.port), layout.schema, str(LITTLE), str(audit)]
        command = [sys.executable, "-m", "tests.engine.revoke.victim", *words]
        pipe = asyncio.subprocess.PIPE
        victim = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert victim.stdin is not None
        assert victim.stdout is not None
        assert (await victim.stdout.readline()).startswith(b"planned ")
        proxy.at, proxy.how, proxy.struck = proxy.said + at, how, victim.kill
        victim.stdin.write(b"\n")
        await victim.stdin.drain()
        assert await victim.stdout.readline() == b"", "it was to be killed before it is done"
        await victim.wait()
        victim.stdin.close()


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_fault_of_the_network_makes_it_claim_too_much(
    shared: Server, live: Live, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each MULTI meets the fault once; the receipt is complete, and what it says is so."""
    monkeypatch.setattr("tui.engine.revoke.removing.PATIENCE", 0.15)
    layout = LAYOUTS[2]
    shared.ask("FLUSHALL")
    fill(shared, layout)
    met = 0

    def once(data: bytes) -> Fault | None:
        nonlocal met
        met += b"UNLINK" in data
        return fault if met in (1, 3) and b"UNLINK" in data else None

    async with FaultyProxy(shared.port, once) as proxy:
        node = await live(shared, Address(HOST, proxy.port))
        receipt = await revoked(node, roles_of(layout), USER, chunk=LITTLE)
        assert proxy.faults[fault]
    assert (receipt.failure, receipt.verified, receipt.counts.unknown) == (None, True, 0)
    assert receipt.counts.removed == receipt.planned
    assert layout.usable(shared, "1") == set()


async def test_a_server_that_stays_away_leaves_a_complete_account(
    valkey: Server, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.revoke.removing.PATIENCE", 0.1)
    monkeypatch.setattr("tui.engine.revoke.removing.Patience", partial(Patience, seconds=0.2))
    layout = LAYOUTS[3]
    fill(valkey, layout)

    def last_words(data: bytes) -> Fault | None:
        if b"UNLINK" in data:
            valkey.kill()
            return Fault.RESET
        return None

    async with FaultyProxy(valkey.port, last_words) as proxy:
        node = await live(valkey, Address(HOST, proxy.port))
        receipt = await revoked(node, roles_of(layout), USER)
    assert receipt.failure is not None
    assert (receipt.verified, receipt.counts.unknown) == (False, receipt.planned)


async def test_stopping_ends_between_two_steps(shared: Server, live: Live) -> None:
    layout, stop = LAYOUTS[0], asyncio.Event()
    shared.ask("FLUSHALL")
    fill(shared, layout)
    node = await live(shared)
    made = await planned(node, roles_of(layout), USER)

    class Patient(Hasty):
        async def sleep(self, seconds: float) -> None:
            stop.set()
            await asyncio.sleep(60)

    receipt = await executed(node, made, clock=Patient(), stop=stop)
    assert (receipt.cancelled, receipt.verified, receipt.counts.removed) == (True, False, receipt.planned)


# --- refreshes that are under way


class Application:
    """Refreshes logins as their clients ask for it, slowly; knows which refreshes are under way."""

    def __init__(self, server: Server, layout: Layout, rng: random.Random) -> None:
        self._server = server
        self._layout = layout
        self._rng = rng
        self._made = 0
        self.under_way: set[asyncio.Task[None]] = set()
        self.minted = 0

    def begin(self, user: str, name: str, depth: int = 0) -> None:
        """Let a client ask for new tokens."""
        task = asyncio.create_task(self._refresh(user, name, depth))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _refresh(self, user: str, name: str, depth: int) -> None:
        key = self._layout.refresh_key(user, name)
        assert key is not None
        await self._pause()
        if self._server.ask("GET", key) is None:
            return  # refused
        await self._pause()
        self._made += 1
        new = f"{user}-new{self._made}"
        if self._rng.random() < 0.7:
            self._server.ask("UNLINK", key)  # the old one is used up
        commands = self._layout.login(user, new)
        if self._rng.random() < 0.5:
            self._rng.shuffle(commands)
        for command in commands:
            self._server.ask(*command)
            await self._pause()
        self.minted += 1
        if depth < 2 and self._rng.random() < 0.5:
            self.begin(user, new, depth + 1)  # the client is in a hurry

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.random() * 0.003)


class AsLong(Hasty):
    """Two seconds are as long as every refresh takes that is under way when they begin."""

    def __init__(self, application: Application) -> None:
        super().__init__()
        self._application = application

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.gather(*self._application.under_way)


async def test_no_refresh_under_way_makes_it_say_revoked_too_early(shared: Server, live: Live) -> None:
    """Figure: 200 races over four layouts, in 117 of which new tokens were minted meanwhile: 200 revoked, 0 falsely."""
    minted = late = verified = 0
    for run in range(times(24, 200)):
        rng, layout = random.Random(run), LAYOUTS[run % len(LAYOUTS)]
        shared.ask("FLUSHALL")
        fill(shared, layout, ("1", "10"), logins=2)
        theirs = layout.usable(shared, "10")
        node = await live(shared)
        application = Application(shared, layout, rng)
        made = await planned(node, roles_of(layout), USER)
        for number in range(2):
            application.begin("1", f"1-{number}")
        for _ in range(rng.randrange(12)):
            await asyncio.sleep(0)
        clock = AsLong(application)
        receipt = await executed(node, made, clock=clock, chunk=rng.choice([2, 5000]))
        if receipt.verified:
            assert not application.under_way
            assert layout.usable(shared, "1") == set(), f"run {run}: said revoked, and is not"
            assert layout.listed(shared, "1") == set()
        assert layout.usable(shared, "10") == theirs
        minted, late, verified = (
            minted + bool(application.minted),
            late + bool(receipt.late.removed),
            verified + receipt.verified,
        )
        await asyncio.gather(*application.under_way)
    assert verified >= 0.9 * times(24, 200)
    assert minted
    assert late


async def test_a_single_session_that_is_being_refreshed_falls_with_what_it_mints(
    shared: Server, live: Live, layout: Layout
) -> None:
    for run in range(times(4, 50)):
        shared.ask("FLUSHALL")
        fill(shared, layout, ("1", "10"), logins=2)
        staying = layout.usable(shared, "1")
        node, roles = await live(shared), roles_of(layout)
        key = layout.refresh_key("1", "1-0")
        assert key is not None
        made = await planned(node, roles, Wanted(keys=(key.encode(),), whole=True))
        staying -= {one.key for one in made.keys}
        application = Application(shared, layout, random.Random(run))
        application.begin("1", "1-0")
        await asyncio.sleep(0.002)
        receipt = await executed(node, made, clock=AsLong(application))
        assert receipt.verified
        assert layout.usable(shared, "1") == staying
