"""Which server is looked at, and the way from one to the next without leaving."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.widgets import Input
from textual.worker import WorkerCancelled, WorkerFailed

from tui.demo import HOST as DEMO_HOST
from tui.engine.failure import Failure, Kind
from tui.engine.node import NodeState, Phase
from tui.engine.session import Options, Session
from tui.engine.status import Status, StatusWatch
from tui.engine.vitals import Pulse
from tui.fields import SettingsError
from tui.places import at
from tui.screens.base import PaneScreen
from tui.screens.book import Book
from tui.screens.changes import Changes
from tui.screens.connect import ConnectScreen
from tui.screens.contents import CONTENTS
from tui.settings import READ_ONLY, Settings, schemas_of
from tui.words.brand import Brand

if TYPE_CHECKING:
    from tui.demo import Demo

LOOK_BACK = 2.0
"""Seconds after which a purge that was interrupted is spoken of (first things first), and until the next try."""
SSH_TAKES = 3.0
"""Seconds that ssh may take to log in before a person is asked for another place."""
CLOSING = 5.0
"""Seconds for the old session to end; it takes milliseconds."""


class Visits:
    """One session after the other, each with pages of its own."""

    def __init__(
        self,
        app: App[Any],
        settings: Settings,
        *,
        demo: Demo | None = None,
        session: Session | None = None,
    ) -> None:
        self._app = app
        self.settings = settings
        self.session = session or _session(settings)
        self.book: Book | None = None
        """The pages of this session; None before it has begun."""
        self.demo = demo
        self._own_demo: Demo | None = None
        self._ever_live = False
        self._refusal: str | None = None

    @property
    def changes(self) -> Changes:
        """The way to changes of this session."""
        return Changes(self._app, self.session, self.settings)

    def begin(self, page: str | None = None) -> None:
        """Open the session, and show a page of it."""
        session = self.session
        self._ever_live, self._refusal = False, None
        self._app.run_worker(session.run(), group="session", exclusive=True, description="session")
        self._app.run_worker(self._watch(session), group="watch", exclusive=True, description="status")
        self.book = Book(self._app, session, self._brand)
        self._app.push_screen(self.book.page(page or CONTENTS[0].key))
        for notice in self.settings.notices:
            self._app.notify(notice, severity="warning")
        self._app.run_worker(self._look_back(session), group="look back", exclusive=True, description="journals")

    async def go(self, settings: Settings) -> None:
        """Close this session with all its connections, and open another one on the same page."""
        try:
            session = _session(settings)
        except SettingsError as error:
            self._app.notify(str(error), severity="error")
            return
        page = self.book.open_key if self.book is not None else None
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()
        if self.book is not None:
            self.book.close()
        await self._close()
        self.settings, self.session = settings, session
        self.begin(page)

    async def go_to(self, place: str, password: str) -> None:
        """Go to a place as a person types it."""
        try:
            settings = at(self.settings, place, password)
        except SettingsError as error:
            self._app.notify(str(error), severity="error")
            return
        await self.go(settings)

    async def choose(self) -> None:
        """Let the person choose where to go. Runs inside a worker."""
        if self.changes.busy:
            self._app.notify("a change is under way: wait for its end, or stop it, before you go", severity="warning")
            return
        from tui.screens.places import PlacesScreen

        pulse = self.session.of(Pulse).feed.latest
        chosen = await self._app.push_screen_wait(PlacesScreen(self.settings, pulse.databases if pulse else ()))
        if chosen is not None:
            self._app.call_later(self.go, chosen)  # outside of this worker: nothing of the old session waits for it
        elif (status := self.session.of(StatusWatch).feed.latest) is not None:
            self._show(status)  # what happened meanwhile

    async def start_demo(self) -> None:
        """Start the demo, and go there."""
        if self._at_demo:
            return  # pressed twice
        from tui.demo import SYSTEMS, Demo, DemoError

        if self.demo is None:
            demo = Demo()
            try:
                await asyncio.to_thread(demo.start)
            except DemoError as error:
                self._app.notify(str(error), severity="error")
                return
            self.demo = self._own_demo = demo
        settings = at(self.settings, f"{DEMO_HOST}:{self.demo.port}")
        await self.go(replace(settings, schemas=tuple(SYSTEMS)))

    def end(self) -> None:
        """Stop a demo that was started from the first screen."""
        if self._own_demo is not None:
            self._own_demo.stop()

    @property
    def _at_demo(self) -> bool:
        """Whether the demo's own server is looked at."""
        place = self.settings.address
        return self.demo is not None and (place.host, place.port) == (DEMO_HOST, self.demo.port)

    @property
    def _brand(self) -> Brand:
        told = self.settings
        name = "redtop demo" if self._at_demo else "redtop"
        return Brand.of(told.address, name, told.profile, told.colour, production=told.production)

    async def _close(self) -> None:
        """Wait until nothing of the old session is left."""
        ending = [worker for worker in self._app.workers if worker.group in {"session", "watch", "look back"}]
        for worker in ending:
            worker.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                for worker in ending:
                    with suppress(WorkerCancelled, WorkerFailed):
                        await worker.wait()

    async def _look_back(self, session: Session) -> None:
        """Offer once to finish or undo what was interrupted, when the person does nothing else."""
        while True:
            await session.clock.sleep(LOOK_BACK)
            if self._is_free and self._ever_live and session.deployment.refusal is None:
                try:
                    entries = await self.changes.interrupted()
                except SettingsError as error:
                    self._app.notify(str(error), severity="error")
                    return
                if not entries:
                    return
                if self._is_free:  # still: what a person wants meanwhile goes first
                    self.changes.offer(entries)
                    return

    @property
    def _is_free(self) -> bool:
        """Whether a page is looked at, nothing is typed, and no change is under way."""
        page = next(reversed(self._app.screen_stack), None)  # none is left while the application ends
        return isinstance(page, PaneScreen) and not isinstance(page.focused, Input) and not self.changes.busy

    async def _watch(self, session: Session) -> None:
        """Follow the connection: dim what is stale, and ask the person when only a person can help."""
        async for status in session.of(StatusWatch).feed.watch():
            self._show(status)

    def _show(self, status: Status) -> None:
        worst = status.state.worst
        self._ever_live = self._ever_live or worst.phase.answers
        if status.state.refusal != self._refusal:
            self._refusal = status.state.refusal
            for screen in self._app.screen_stack[-1:]:
                screen.refresh_bindings()  # what writes comes or goes
        for page in self.book.pages if self.book else ():
            page.set_class(status.stale_for is not None and self._ever_live, "-stale")
        asking = next((screen for screen in self._app.screen_stack if isinstance(screen, ConnectScreen)), None)
        failure = self._helpless(worst)
        if failure is not None:
            if asking is None:
                label = self.settings.address.label
                self._app.push_screen(ConnectScreen(label, failure, offer_demo=not self._at_demo))
            elif asking.is_mounted:
                asking.explain(failure)
        elif asking is not None and worst.phase.answers and asking.is_current:
            asking.dismiss()

    def _helpless(self, state: NodeState) -> Failure | None:
        """Return why a person has to say what to do, if so."""
        if state.failure is None or (state.phase is not Phase.REFUSED and self._ever_live):
            return None
        waiting = self.session.clock.wall() - state.since
        if self.settings.address.ssh and state.failure.kind is Kind.TIMEOUT and waiting < SSH_TAKES:
            return None
        return state.failure


def _session(settings: Settings) -> Session:
    read_only = READ_ONLY if settings.read_only else None
    schemas = schemas_of(settings.schemas)
    options = Options(settings.interval, settings.wanted_share, settings.delimiter, read_only, schemas)
    return Session(settings.address, options)
