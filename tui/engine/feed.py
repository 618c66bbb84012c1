"""How snapshots travel from a collector to whoever watches: the latest value only, nothing queues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Watcher:
    seen: int = 0
    busy: bool = False
    asleep: bool = False
    """Takes no values, so nobody has to wait for it."""


class Feed(Generic[T]):
    """A value that changes. Watchers get the newest each time they are ready; older ones are skipped."""

    def __init__(self) -> None:
        self._latest: T | None = None
        self._version = 0
        self._watchers: set[_Watcher] = set()
        self._changed = asyncio.Event()

    @property
    def latest(self) -> T | None:
        """The last value published, if any."""
        return self._latest

    @property
    def watched(self) -> bool:
        """Whether anybody wants values now. A collector that nobody watches asks the server nothing."""
        return bool(self._watchers)

    def publish(self, value: T) -> None:
        """Make `value` the latest; returns at once."""
        self._latest = value
        self._version += 1
        self._wake()

    async def watch(self) -> AsyncIterator[T]:
        """Yield the latest value (at once, if there is one) and then every newer one."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        self._wake()
        try:
            while True:
                while watcher.seen == self._version:
                    await self._change()
                watcher.seen, watcher.busy = self._version, True
                assert self._latest is not None
                yield self._latest
                watcher.busy = False
                self._wake()
        finally:
            self._watchers.discard(watcher)
            self._wake()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Count as somebody who watches without taking values: keeps a collector going for another one."""
        holder = _Watcher(asleep=True)
        self._watchers.add(holder)
        self._wake()
        try:
            yield
        finally:
            self._watchers.discard(holder)
            self._wake()

    def changed(self) -> Coroutine[Any, Any, None]:
        """Wait until a value is published after this call (not: after the wait began, a task may begin late)."""
        return self._newer_than(self._version)

    async def _newer_than(self, version: int) -> None:
        while version == self._version:
            await self._change()

    async def wanted(self) -> None:
        """Return as soon as somebody watches."""
        while not self._watchers:
            await self._change()

    async def shown(self) -> None:
        """Return when every watcher has dealt with the latest value: this is the back-pressure."""
        while any(self._behind(watcher) for watcher in self._watchers):
            await self._change()

    def _behind(self, watcher: _Watcher) -> bool:
        return not watcher.asleep and (watcher.busy or watcher.seen < self._version)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()
