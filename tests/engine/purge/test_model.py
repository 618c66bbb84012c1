"""Anything may happen in any order: a dictionary says what the server must hold after each step.

Figure of the long run (REDTOP_THOROUGH=1): 500 examples of 30 steps, 0 violations.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.engine.purge.conftest import digestible, executed, finished, last, planned, times, undone
from tests.engine.purge.test_crashes import recorded
from tests.servers import HOST, Server
from tui.engine.address import Address
from tui.engine.purge.batches import Limbo
from tui.engine.purge.execute import execute
from tui.engine.purge.journals import State, describe
from tui.engine.purge.plan import Plan
from tui.engine.purge.removing import Removal
from tui.engine.purge.restoring import Restoration
from tui.engine.purge.undo import undo
from tui.engine.session import Options, Session

FAR = int(time.time() * 1000) + 10_000_000
KEYS = st.sampled_from([b"a:%d" % n for n in range(6)] + [b"b:%d" % n for n in range(3)] + [b"a", b"a*"])
PREFIXES = st.sampled_from([b"a:", b"a", b"b:", b"a*"])
Held = tuple[bytes, int]
"""A value and an expiry, -1 without."""


class World(RuleBasedStateMachine):
    """Applications, and redtop, at one server."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__()
        server.ask("FLUSHALL")
        self.server = server
        self.folder = folder
        self.model: dict[bytes, Held] = {}
        self.plans: list[tuple[Plan, dict[bytes, Held]]] = []
        self.journals: list[tuple[Path, dict[bytes, Held]]] = []
        self.runner = asyncio.Runner()
        self.session = Session(Address(HOST, server.port), Options())
        self.node = self.session.deployment.nodes[0]
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("tui.engine.purge.execute.BATCH", 2)
        self.patch.setattr("tui.engine.purge.pieces.PIECE", 2)
        self.looking = self.run(self._start())

    async def _start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.session.run())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        async def end() -> None:
            self.looking.cancel()
            with suppress(asyncio.CancelledError):
                await self.looking

        for found, _ in self.plans:
            found.close()
        self.run(end())
        self.runner.close()
        self.patch.undo()

    def actual(self) -> dict[bytes, Held]:
        keys = self.server.ask("KEYS", "*")
        values = self.server.ask_all([("GET", key) for key in keys])
        expiries = self.server.ask_all([("PEXPIRETIME", key) for key in keys])
        return dict(zip(keys, zip(values, expiries, strict=True), strict=True))

    # -- applications ---------------------------------------------------------------------------------------------

    @rule(key=KEYS, value=st.sampled_from([b"", b"x", b"1"]))
    def set(self, key: bytes, value: bytes) -> None:
        self.server.ask("SET", key, value)
        self.model[key] = (value, -1)

    @rule(key=KEYS, step=st.integers(0, 2))
    def expire(self, key: bytes, step: int) -> None:
        if self.server.ask("PEXPIREAT", key, FAR + step):
            self.model[key] = (self.model[key][0], FAR + step)

    @rule(key=KEYS, to=KEYS)
    def rename(self, key: bytes, to: bytes) -> None:
        if key in self.model:
            self.server.ask("RENAME", key, to)
            self.model[to] = self.model.pop(key) if key != to else self.model[key]

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        self.server.ask("DEL", key)
        self.model.pop(key, None)

    # -- redtop ---------------------------------------------------------------------------------------------------

    @rule(prefix=PREFIXES)
    def plan(self, prefix: bytes) -> None:
        found = self.run(planned(self.node, prefix))
        seen = {key: held for key, held in self.model.items() if key.startswith(prefix)}
        assert sorted(found.keys) == sorted(seen)
        self.plans.append((found, seen))

    @precondition(lambda self: self.plans)
    @rule(undo=st.booleans())
    def execute(self, undo: bool) -> None:
        found, seen = self.plans.pop()
        going = {key for key, held in seen.items() if self.model.get(key) == held}
        receipt = self.run(executed(self.node, found, self.folder))
        gone = sum(key not in self.model for key in seen)
        assert (receipt.counts.removed, receipt.counts.gone) == (len(going), gone)
        assert receipt.counts.changed == len(seen) - len(going) - gone
        assert receipt.failure is None
        for key in going:
            del self.model[key]
        if receipt.journal is not None:
            assert set(recorded(receipt.journal)) == going
            self.journals.append((receipt.journal, seen))
        found.close()

    @precondition(lambda self: self.plans)
    @rule(after=st.integers(0, 3), point=st.sampled_from(["before it is sent", "before it is settled"]))
    def crash(self, after: int, point: str) -> None:
        found, seen = self.plans.pop()
        going = {key for key, held in seen.items() if self.model.get(key) == held}
        before = set(self.folder.glob("*"))
        with pytest.MonkeyPatch.context() as patch:
            if point == "before it is sent":
                patch.setattr("tui.engine.purge.removing.Limbo", _dying(Limbo, after))
            else:
                patch.setattr(Removal, "_settle", _dying(Removal._settle, after))
            with suppress(asyncio.CancelledError):
                self.run(_to_the_end(execute(self.node, found, self.folder)))
        found.close()
        removed = set(self.model) - set(self.actual())
        assert removed <= going
        for path in set(self.folder.glob("*")) - before:
            assert removed <= set(recorded(path)) <= going
            self.journals.append((path, seen))
            removed = set()
        assert not removed, "a key is lost"
        self.model = {key: held for key, held in self.model.items() if key in self.actual()}

    @precondition(lambda self: self.journals)
    @rule(which=st.integers(0, 9))
    def undo(self, which: int) -> None:
        path, seen = self.journals[which % len(self.journals)]
        entry = describe(path)
        assert entry is not None
        again = entry.state is State.UNDONE
        begun = entry.state is State.PARTLY_UNDONE
        receipt = self.run(undone(self.node, path))
        assert receipt.failure is None
        assert receipt.counts.remaining == receipt.counts.failed == 0
        if not again and not begun:
            for key in recorded(path):
                self.model.setdefault(key, seen[key])
        self._may_have_come_back(path, seen if begun else {})

    @precondition(lambda self: self.journals)
    @rule(which=st.integers(0, 9), after=st.integers(0, 3))
    def crash_of_undo(self, which: int, after: int) -> None:
        path, seen = self.journals[which % len(self.journals)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Restoration, "_send", _dying(Restoration._send, after))
            with suppress(asyncio.CancelledError):
                self.run(_to_the_end(undo(self.node, path)))
        self._may_have_come_back(path, seen)

    def _may_have_come_back(self, path: Path, seen: dict[bytes, Held]) -> None:
        """Some keys of the journal that were missing may be there again, as they were."""
        now = self.actual()
        for key in recorded(path):
            if key in now and key not in self.model and key in seen:
                self.model[key] = seen[key]

    @precondition(lambda self: self.journals)
    @rule(which=st.integers(0, 9))
    def finish(self, which: int) -> None:
        path, seen = self.journals[which % len(self.journals)]
        entry = describe(path)
        assert entry is not None
        receipt = self.run(finished(self.node, path))
        if entry.state is not State.INTERRUPTED:
            assert receipt.failure is not None
            return
        assert receipt.failure is None
        now = self.actual()
        for key in [key for key in self.model if key not in now]:
            assert self.model.pop(key) == seen[key]
            assert key in recorded(path)

    @invariant()
    def the_server_holds_what_it_must(self) -> None:
        assert self.actual() == self.model


def _dying(what: Any, after: int) -> Any:
    """Return the same, but the process dies when it is called once more than so many times."""
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise asyncio.CancelledError
        return what(*arguments, **named)

    return call


async def _to_the_end(steps: Any) -> None:
    await last(steps)


def test_whatever_happens_in_whatever_order_the_server_holds_what_it_must(tmp_path: Path) -> None:
    with digestible() as server:
        run_state_machine_as_test(  # type: ignore[no-untyped-call,unused-ignore]
            cast("type[World]", lambda: World(server, tmp_path)),
            settings=settings(
                max_examples=times(12, 500),
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
