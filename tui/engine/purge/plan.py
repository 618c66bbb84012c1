"""From a request to a frozen list of keys, and the preview on the way there.

Every server that holds keys is gone through by a `Sweep` of its own, all at the same time, and what they find is one
plan. When slots of a cluster move meanwhile, or a node takes over from another, keys could be missed: then everything
is looked at once more.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from random import Random

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.keyshape import Shaper
from tui.engine.node import Node
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.found import Finding, Found
from tui.engine.purge.keystore import Planned
from tui.engine.purge.looking import restorable_elsewhere
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.request import Big, Request, Target
from tui.engine.purge.sweep import Sweep
from tui.engine.purge.watching import together, watched

TRIES = 5
"""Times that a cluster whose keys are on the move is gone through before a person is told to wait for it."""
PAUSE = 0.5
"""Seconds before the next time: nodes tell each other of a change within a second."""
_MOVED = Failure(Kind.MOVING, "keys have moved between the nodes: looking again")


@dataclass(frozen=True, slots=True)
class Preview:
    """What is known while the plan is being made."""

    found: Found
    scanned: int
    """Keys the server has gone through, about."""
    dbsize: int
    failure: Failure | None
    """Why it does not go on just now; it will by itself."""

    @property
    def share(self) -> float:
        """How much of the keyspace was gone through, 0 to 1."""
        return min(1.0, self.scanned / self.dbsize) if self.dbsize else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Exactly which keys will be removed, bound to the server processes they were found on."""

    id: str
    request: Request
    target: Target
    made_at: float
    """Wall-clock seconds."""
    found: Found
    dbsize: int
    keys: Planned = field(repr=False)
    """A list for each server that held them, in the order of the target's members."""
    rdb_version: int | None
    """Of the payloads that undo would restore; None when none was read."""
    dumped: int
    """Bytes of those payloads and their keys; those of loose keys are estimated."""
    big_bytes: int

    @property
    def share(self) -> float:
        """How much of the database's keys it is, 0 to 1."""
        return min(1.0, len(self.keys) / self.dbsize) if self.dbsize else 0.0

    def journal_bytes(self, big: Big) -> int:
        """Return how long the journal will be, about; 0 without undo."""
        if not self.request.undo:
            return 0
        return self.dumped + (self.big_bytes if big is Big.WITH_UNDO else 0)

    def covered(self, big: Big) -> int:
        """Return how many keys undo will bring back (a big secret key counts once, as a secret)."""
        if not self.request.undo:
            return 0
        uncovered = 0 if self.request.undo_secrets else self.found.secrets
        return len(self.keys) - uncovered - (0 if big is Big.WITH_UNDO else self.found.big_keys)

    @property
    def elsewhere(self) -> str | None:
        """Which servers can restore what undo keeps: a sentence; None without any."""
        return restorable_elsewhere(self.rdb_version) if self.rdb_version else None

    def close(self) -> None:
        """Free what the list of keys takes."""
        self.keys.close()


async def plan(
    where: Where, request: Request, *, share: float = 1.0, delimiter: bytes | None = None, rng: Random | None = None
) -> AsyncGenerator[Preview | Plan | Failure, None]:
    """Find the keys: previews, then one plan, or one failure. Closing the iterator gives it up without a trace.

    `share` is the largest fraction of each server's time to take.
    """
    place = place_of(where)
    planner = _Planner(place, request, share, Shaper(delimiter), rng or Random())
    finished = False
    try:
        async with aclosing(watched(planner.run(), planner.preview, place.clock)) as steps:
            async for step in steps:
                finished = isinstance(step, Plan)
                yield step
    finally:
        if not finished:
            planner.close()


class _Planner:
    def __init__(self, place: Place, request: Request, share: float, shaper: Shaper, rng: Random) -> None:
        self._place = place
        self._request = request
        self._share = share
        self._shaper = shaper
        self._rng = rng
        self._waiting: Failure | None = None
        self._sweeps: list[Sweep] = []
        self._begin()

    def _begin(self) -> None:
        """Forget what was found, and prepare to look at every server there is now."""
        self.close()
        prefix = self._request.prefix if self._request.keys is None else b""
        self._finding = Finding(prefix, self._shaper, self._rng)
        self._latest: tuple[float, Found] = (-math.inf, self._finding.found())
        self._layout = self._place.layout
        self._sweeps = [self._sweep(node) for node in self._place.nodes]

    def _sweep(self, node: Node) -> Sweep:
        listed = self._request.keys
        if listed is not None:
            listed = tuple(key for key in listed if self._place.node_of(key) is node)
        return Sweep(node, self._request, listed, Pacer(node, self._share, None), self._finding, self._has_moved)

    def close(self) -> None:
        """Free the lists of keys."""
        for sweep in self._sweeps:
            sweep.keys.close()

    def preview(self) -> Preview:
        """Return what is known; counting families takes a moment, so it gets at most a tenth of the time."""
        now = self._place.clock.now
        due, found = self._latest
        if (started := now()) >= due:
            found = self._finding.found()
            self._latest = (now() + 10 * (now() - started), found)
        waiting = (sweep.patience.waiting for sweep in self._sweeps)
        failure = next((failure for failure in waiting if failure is not None), self._waiting)
        return Preview(found, sum(sweep.scanned for sweep in self._sweeps), self._dbsize, failure)

    @property
    def _dbsize(self) -> int:
        return sum(sweep.dbsize for sweep in self._sweeps)

    async def run(self) -> Plan | Failure:
        """Find and look at all keys."""
        try:
            return await self._plan()
        except Unavailable as error:
            return error.failure
        except OSError as error:
            return Failure(Kind.JOURNAL, f"the list of keys cannot be kept: {error.strerror or 'the disk fails'}")

    async def _plan(self) -> Plan:
        for _ in range(TRIES):
            if await self._is_found():
                return self._found()
            self._waiting = _MOVED
            await self._place.clock.sleep(PAUSE)
            await self._place.look_again()
            self._begin()
        raise Unavailable(Failure(Kind.MOVING, "keys keep moving between the nodes: try again when the cluster rests"))

    async def _is_found(self) -> bool:
        """Go through every server; whether each key was where it was looked for.

        Raises:
            Unavailable: as `Sweep.run`; of a cluster only when it stands still.
        """
        try:
            await together(*(sweep.run() for sweep in self._sweeps))
        except Unavailable as error:
            if self._place.is_cluster and (self._has_moved() or error.failure.kind in {Kind.CHANGED, Kind.MOVING}):
                return False
            raise
        await self._place.look_again()  # a slot that has just moved may have been missed, or met twice
        return not self._has_moved()

    def _has_moved(self) -> bool:
        return self._place.layout != self._layout

    def _found(self) -> Plan:
        sweeps, target = self._sweeps, Target.of(self._place)
        members = [sweep.target for sweep in sweeps if sweep.target is not None]
        return Plan(
            id=secrets.token_hex(4),
            request=self._request,
            target=replace(target, members=tuple(members)) if self._place.is_cluster else members[0],
            made_at=self._place.clock.wall(),
            found=self._finding.found(),
            dbsize=self._dbsize,
            keys=Planned([sweep.keys for sweep in sweeps]),
            rdb_version=max((sweep.rdb_version or 0 for sweep in sweeps), default=0) or None,
            dumped=sum(sweep.dumped for sweep in sweeps),
            big_bytes=sum(sweep.big_bytes for sweep in sweeps),
        )
