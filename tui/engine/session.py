"""One session of looking at one deployment: its connection, its pace, and the collectors that panes ask for.

A pane names its collector class and gets the one instance of this session; nobody keeps a list of collectors, so a
new pane needs no change here.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tui.engine.address import Address
from tui.engine.clock import Clock, SystemClock
from tui.engine.deployment import Deployment
from tui.engine.feed import Feed
from tui.engine.pace import Pace
from tui.engine.secrecy import Secrecy
from tui.engine.share import Share

if TYPE_CHECKING:
    from tui.engine.schema.model import Schema

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What a person can set about looking."""

    interval: float = 1.0
    """Seconds between refreshes."""
    scan_share: float | None = None
    """Largest fraction of the servers' time that reading keys may take; None when nobody said: a default, and courtesy
    to other clients."""
    delimiter: str | None = None
    """What separates the parts of a key; None means found out per key."""
    read_only: str | None = None
    """Why nothing may be written to the server: a sentence; None when it may be."""
    schemas: tuple[Schema, ...] = ()
    """What the keys mean, as the person says; the first counts most."""


class Collector(ABC, Generic[T]):
    """Asks the deployment for one kind of thing, as long as somebody watches its feed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.feed: Feed[T] = Feed()

    @abstractmethod
    async def run(self) -> None:
        """Collect until cancelled. Failures of the server are published, never raised."""

    async def ticks(self, *sources: Feed[Any]) -> AsyncIterator[None]:
        """Yield once per interval while somebody watches and nothing is paused.

        The next tick comes when the last one's snapshot has been shown, so nothing queues. `sources` are kept going
        meanwhile.
        """
        clock, pace = self.session.clock, self.session.pace
        while True:
            await self.feed.wanted()
            await pace.resumed()
            with ExitStack() as held:
                for source in sources:
                    held.enter_context(source.hold())
                while self.feed.watched and not pace.paused:
                    started = clock.now()
                    yield
                    await self.feed.shown()
                    await pace.rest(max(0.02, pace.interval - (clock.now() - started)))


C = TypeVar("C", bound=Collector[Any])


class Session:
    """Everything the screens need; `run()` keeps it going."""

    def __init__(self, address: Address, options: Options | None = None, clock: Clock | None = None) -> None:
        self.options = options or Options()
        self.clock = clock or SystemClock()
        self.deployment = Deployment(address, self.clock, self.options.read_only)
        self.pace = Pace(self.options.interval, self.clock)
        self.share = Share(self.options.scan_share, self.pace)
        self.secrecy = Secrecy(self.options.schemas)
        self._collectors: dict[type, Collector[Any]] = {}
        self._group: asyncio.TaskGroup | None = None

    def look_anew(self) -> None:
        """Look now, and ask again for what was refused: somebody may have changed the rules meanwhile."""
        for node in self.deployment.nodes:
            node.rights.forget()
        self.pace.nudge()

    def of(self, kind: type[C]) -> C:
        """Return this session's collector of that kind, starting it if it is new."""
        collector = self._collectors.get(kind)
        if collector is None:
            collector = self._collectors[kind] = kind(self)
            if self._group is not None:
                self._group.create_task(collector.run(), name=kind.__name__)
        assert isinstance(collector, kind)
        return collector

    async def run(self) -> None:
        """Keep the connection and all collectors going until cancelled; a programming error ends it loudly."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self.deployment.run(), name="deployment")
            for kind, collector in list(self._collectors.items()):
                group.create_task(collector.run(), name=kind.__name__)
            try:
                # Collectors may be asked for at any time, so the group must not end when all present ones have.
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None  # it takes no more; a screen that is closing may still ask for a collector
