"""Streams with consumer groups whose progress is known without reading a reply: ids are ours, explicit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tui.demo.wire import Command
from tui.demo.world import World

CYCLE = 150.0
"""Seconds from one slow spell of a group to the next: long enough to see on a chart, several per demo."""

SLOW_SPELL = 100.0
"""Seconds of a cycle in which a slow group falls behind; it catches up in the rest."""

READ_EVERY = 0.35
"""Seconds between two reads of a group: each counts as keyspace hits, and the hit rate should be the caches'."""

FIRST_LOOK = 3
"""Entries that each consumer holds, not yet acknowledged, when the workload begins."""

Maker = Callable[[], tuple[str, ...]]
"""Makes the fields and values of one entry."""


class Group:
    """One consumer group: which entries it has not read, which it has not acknowledged."""

    def __init__(self, name: str, consumers: Sequence[str], *, lag: int = 0, slow: bool = False) -> None:
        """Start `lag` entries behind; a `slow` group falls behind in spells, by its last consumer."""
        self.name, self.slow, self.open = name, slow, False
        self._consumers = tuple(consumers)
        self.behind = lag + 1 + FIRST_LOOK * len(self._consumers)
        self.unread: deque[str] = deque()
        self._pending: deque[tuple[str, list[str]]] = deque()
        self._turn, self._wait, self._budget = 0, 0.0, 0.0

    @property
    def pending(self) -> int:
        """How many entries were read and not acknowledged."""
        return sum(len(ids) for _, ids in self._pending)

    def work(self, world: World, key: str, rate: float, dt: float) -> Iterator[Command]:
        """Read new entries and acknowledge older ones; `rate` is what arrives per second."""
        self._wait += dt
        sick = self.slow and (world.now - world.start) % CYCLE < SLOW_SPELL
        pace = rate * (0.8 if sick else 2.5) if self.slow else float("inf")
        self._budget = min(self._budget + pace * dt, max(pace, 2.0))
        if self._wait < READ_EVERY:
            return
        self._wait = 0.0
        yield from self._acknowledge(key, sick)
        yield from self._read(key)

    def _read(self, key: str) -> Iterator[Command]:
        count = int(min(self._budget, len(self.unread), 500))
        if not count:
            return
        self._budget -= count
        self._turn = (self._turn + 1) % len(self._consumers)
        consumer = self._consumers[self._turn]
        self._pending.append((consumer, [self.unread.popleft() for _ in range(count)]))
        yield ("XREADGROUP", "GROUP", self.name, consumer, "COUNT", count, "STREAMS", key, ">")

    def _acknowledge(self, key: str, sick: bool) -> Iterator[Command]:
        stuck = self._consumers[-1] if sick else ""
        kept: deque[tuple[str, list[str]]] = deque()
        for consumer, ids in self._pending:
            # A sick consumer takes work and never says it is done: that is what a growing pending list means.
            if consumer == stuck and len(kept) < 40:
                kept.append((consumer, ids))
            else:
                yield ("XACK", key, self.name, *ids)
        self._pending = kept

    def first_look(self, key: str, most: int) -> Iterator[Command]:
        """Let every consumer read a little, so that the group has consumers and pending entries at once."""
        for consumer in self._consumers:
            count = min(len(self.unread), most)
            if count:
                self._pending.append((consumer, [self.unread.popleft() for _ in range(count)]))
                yield ("XREADGROUP", "GROUP", self.name, consumer, "COUNT", count, "STREAMS", key, ">")

    def forget(self) -> None:
        """Start over at the end of the stream."""
        self.unread.clear()
        self._pending.clear()


class Stream:
    """A trimmed stream, its producers and its groups."""

    def __init__(
        self,
        key: str,
        make: Maker,
        groups: Sequence[Group],
        *,
        rate: float,
        maxlen: int,
        length: int,
        channel: str = "",
    ) -> None:
        """Start with `length` entries; add `rate` a second, keep about `maxlen`, tell `channel` of new ones."""
        self.key, self.groups, self.rate = key, groups, rate
        self._make, self._maxlen, self._length, self._channel = make, maxlen, length, channel
        self._last = (0, 0)  # milliseconds and sequence of the newest id: ids never go back
        self._last = (0, 0)

    def history(self, world: World) -> Iterator[Command]:
        """Yield the stream's past; a group is created when the stream is as long as what it has read."""
        for done in range(self._length):
            opened = [group for group in self.groups if done == max(0, self._length - group.behind)]
            for group in opened:
                yield from self._open(group)
            yield self._add(world.now - (self._length - done) / self.rate)
            for group in opened:
                # Servers know a group's exact lag only once it has read an entry that was the last one then.
                yield from group.first_look(self.key, 1)
        for group in self.groups:
            yield from group.first_look(self.key, FIRST_LOOK)

    def tick(self, world: World, dt: float) -> Iterator[Command]:
        """Add what arrived in `dt` seconds and let the groups work."""
        arrived = world.times(self.rate * (1 + 0.3 * world.wave(71, self.rate)), dt)
        for left in range(arrived, 0, -1):
            yield self._add(world.now - dt * left / (arrived + 1))
        if arrived and self._channel:
            yield ("PUBLISH", self._channel, '{"stream":"' + self.key + '","new":' + str(arrived) + "}")
        for group in self.groups:
            yield from group.work(world, self.key, self.rate, dt)

    def repair(self) -> Iterator[Command]:
        """Yield the commands that create the groups again, wherever one is missing."""
        for group in self.groups:
            group.forget()
            yield from self._open(group)

    def _open(self, group: Group) -> Iterator[Command]:
        group.open = True
        yield ("XGROUP", "CREATE", self.key, group.name, "$", "MKSTREAM")

    def _add(self, at: float) -> Command:
        ms = int(at * 1000)
        self._last = (ms, 0) if ms > self._last[0] else (self._last[0], self._last[1] + 1)
        entry = f"{self._last[0]}-{self._last[1]}"
        for group in self.groups:
            if group.open:
                group.unread.append(entry)
        return ("XADD", self.key, "MAXLEN", "~", self._maxlen, entry, *self._make())
