"""The shape that the five workloads share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from random import Random
from typing import ClassVar

from tui.demo.streams import Stream
from tui.demo.wire import Command
from tui.demo.world import Pool, World

Writer = Callable[[str], Iterable[Command]]
"""Makes the commands that write a value to the given key."""

Card = tuple[Callable[[], Iterable[Command]], int]
"""A maker of commands, and how many new keys one call writes."""

KEPT = 0.2
"""The share of cache misses that are written back: not every answer is worth it, and memory grows gently."""

BUSY = 2.0
"""Turns all rates up or down: some 1,800 commands a second look alive and cost a server a per cent of a core."""


def put(key: str, value: str | int, ttl: int = 0) -> Command:
    """Return the SET of a key; a `ttl` of 0 seconds means none."""
    return ("SET", key, value, "EX", ttl) if ttl else ("SET", key, value)


class System:
    """One application: what it has stored before we look, and what it does while we look."""

    name: ClassVar[str] = ""
    """As `--system` spells it."""

    share: ClassVar[float] = 1.0
    """Its weight in the prefill when several systems run."""

    deck: tuple[Card, ...] = ()
    """What the bulk of the prefill consists of, in turn: small keys, many of them."""

    channels: tuple[str, ...] = ()
    """Channels that somebody listens to."""

    drift = True
    """Whether it makes the mistakes that schemas find: what departs from the system's document on purpose."""

    def __init__(self, world: World) -> None:
        """Live in `world`; nothing is written yet."""
        self.world = world
        self.flows: list[Stream] = []
        self._card = 0
        self._leases: list[tuple[float, tuple[str, str]]] = []
        self._until: dict[tuple[str, str], tuple[float, tuple[Command, ...]]] = {}
        self._slips = Random(f"{self.name} slips")

    def essentials(self) -> Iterator[Command]:
        """Yield what a first look should find: every family, index and (where it drifts) planted mistake."""
        raise NotImplementedError

    def act(self, dt: float) -> Iterator[Command]:
        """Yield what happens in the `dt` seconds up to `world.now`, streams aside."""
        raise NotImplementedError

    def bulk(self, keys: int) -> Iterator[Command]:
        """Yield commands that write about `keys` more keys; calls continue where the last one stopped."""
        made = 0
        while made < keys:
            make, count = self.deck[self._card % len(self.deck)]
            self._card += 1
            made += count
            yield from make()

    def histories(self) -> Iterator[Command]:
        """Yield the past of every stream, with its groups standing where they should."""
        for flow in self.flows:
            yield from flow.history(self.world)

    def tick(self, now: float, dt: float) -> Iterator[Command]:
        """Move to `now`, seconds since the epoch, and yield what happened in the last `dt` seconds."""
        self.world.advance(now)
        yield from self.act(dt)
        yield from self._clean_up()
        for flow in self.flows:
            yield from flow.tick(self.world, dt)

    def repair(self) -> Iterator[Command]:
        """Yield what makes the consumers work again after somebody deleted the streams (a purge, say)."""
        for flow in self.flows:
            yield from flow.repair()

    @property
    def weight(self) -> float:
        """Its part of the rest of the prefill, beside those of the other systems."""
        return self.share

    def slips(self, share: float) -> bool:
        """Return True in this share of cases, when mistakes are to be made; draws from a chance of its own."""
        return self.drift and self._slips.random() < share

    def index(self, key: str, member: str, ttl: int, target: str) -> Command:
        """Add `member` to the set `key`; when `target`, the key it stands for, expires, a clean-up takes both away."""
        self.lease((key, member), ttl, ("DEL", target), ("SREM", key, member))
        return ("SADD", key, member)

    def lease(self, name: tuple[str, str], ttl: int, *undo: Command) -> None:
        """Do `undo` in `ttl` seconds, unless a lease of the same name is taken again before."""
        if name not in self._until:
            heappush(self._leases, (self.world.now + ttl, name))
        self._until[name] = (self.world.now + ttl, undo)

    def holds(self, *name: str) -> bool:
        """Whether a lease of that name runs."""
        return name in self._until

    def _clean_up(self) -> Iterator[Command]:
        while self._leases and self._leases[0][0] <= self.world.now:
            _, name = heappop(self._leases)
            until, undo = self._until[name]
            if until > self.world.now:  # renewed meanwhile
                heappush(self._leases, (until, name))
            else:
                del self._until[name]
                yield from undo

    def cached(self, pool: Pool[str], fresh: str, write: Writer) -> Iterator[Command]:
        """Read through a cache: mostly a key that is there, else `fresh`, which may then be written."""
        if len(pool) and self.world.chance(self.world.hit_share()):
            yield ("GET", pool.pick(self.world))
            return
        yield ("GET", fresh)
        if self.world.chance(KEPT) or not len(pool):
            yield from write(fresh)
            pool.add(fresh)

    def checked(self, valid: str, unknown: str) -> Command:
        """Look up what a client presents: mostly a valid token, else one that nobody knows."""
        return ("GET", valid if self.world.chance(self.world.hit_share()) else unknown)

    def busy(self, rate: float, dt: float, phase: float = 0.0) -> range:
        """Return a loop over events of about `rate` a second within `dt`; the rate breathes by a third."""
        return range(self.world.times(BUSY * rate * (1 + 0.33 * self.world.wave(97, phase)), dt))
