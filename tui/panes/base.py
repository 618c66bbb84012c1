"""What every pane has: a title, a key to jump to it, help, and one feed it follows while it is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.content import Content
from textual.css.query import NoMatches
from textual.reactive import reactive
from textual.widget import Widget
from textual.worker import Worker

from tui.engine.session import Collector, Session
from widgets.frame import Framed

T = TypeVar("T")


class Pane(Framed, Generic[T]):
    """A bordered region that shows the latest snapshot of one collector.

    A pane that is not visible follows nothing, so its collector can rest.
    """

    TITLE: ClassVar[str] = ""
    """The name a person knows it by."""
    JUMP: ClassVar[str] = ""
    """The key that moves the focus here."""
    HELP: ClassVar[str] = ""
    """What is shown and what to make of it; plain text for the help screen."""
    COLUMN: ClassVar[int] = 0
    """Which column of the dashboard it stands in, from the left."""
    SHARE: ClassVar[int] = 1
    """How much of its column's height it takes, relative to the others."""
    LIVE_WHEN_PAUSED: ClassVar[bool] = False
    """Whether it goes on while the person holds the picture still."""
    COLLECTOR: ClassVar[type[Collector[Any]]]
    """Where its snapshots come from."""

    DEFAULT_CSS = """
    Pane {
        layout: vertical;
        overflow: hidden;
        height: 1fr;
    }
    """

    snapshot: reactive[T | None] = reactive(None, init=False, repaint=False, always_update=True)
    """What is shown; setting it shows it."""
    filter: reactive[str] = reactive("", init=False, repaint=False)
    """Only rows with this text in them; empty shows all."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=type(self).__name__)
        self.session = session
        self._seen = asyncio.Event()
        self._displayed = False
        self._page_shown = True
        self.show_title(Content(self.TITLE))

    def compose(self) -> ComposeResult:
        """Place the widgets."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Begin to follow the feed."""
        # The description keeps Textual from building one out of the repr of everything.
        self.work_on(self._follow, description=f"feed of {self.TITLE}")

    def work_on(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, description: str, **options: Any
    ) -> Worker[None]:
        """Let work go on beside the picture until the pane is removed; the options are those of Textual's workers."""

        async def until_removed() -> None:
            try:
                await work()
            except NoMatches:  # a pane that is being removed (display tells, too) loses its widgets before its workers
                if self.display:
                    raise

        # A function, for a coroutine whose worker is cancelled before its first step would never be awaited.
        return self.run_worker(until_removed, description=description, **options)

    def tick_every(self, seconds: float, tick: Callable[[], None]) -> None:
        """Call something again and again while a person looks and the picture is not held still."""

        def beat() -> None:
            if self.display and self._seen.is_set() and not self.session.pace.paused:
                tick()

        self.set_interval(seconds, beat)

    def on_show(self) -> None:
        """Textual tells that the pane became visible on its page."""
        self._displayed = True
        self._attend()

    def on_hide(self) -> None:
        """Textual tells that the pane is not visible on its page any more."""
        self._displayed = False
        self._attend()

    def page_shown(self, shown: bool) -> None:
        """The page tells whether it is the one that a person looks at; Textual tells nothing of that."""
        self._page_shown = shown
        self._attend()

    def _attend(self) -> None:
        if self._displayed and self._page_shown:
            self._seen.set()
        else:
            self._seen.clear()

    async def _follow(self) -> None:
        feed = self.session.of(self.COLLECTOR).feed
        while True:
            await self._seen.wait()
            if not self.LIVE_WHEN_PAUSED:
                await self.session.pace.resumed()
            async for snapshot in feed.watch():
                if not self._seen.is_set() or (self.session.pace.paused and not self.LIVE_WHEN_PAUSED):
                    break
                self.snapshot = snapshot

    def watch_snapshot(self, snapshot: T | None) -> None:
        """Show what came."""
        # A pane that is being removed (display tells that, too) has lost its widgets before its worker ends.
        if snapshot is not None and self.display:
            self.show(snapshot)

    def watch_filter(self) -> None:
        """Show the same snapshot through the new filter."""
        self.watch_snapshot(self.snapshot)

    def show(self, snapshot: T) -> None:
        """Hand plain values to the widgets."""
        raise NotImplementedError

    @property
    def target(self) -> Widget:
        """The widget that takes the focus for this pane."""
        return next(child for child in self.walk_children(Widget) if child.can_focus)

    def retitle(self, *notes: str | tuple[str, str], below: str = "") -> None:
        """Put notes beside the title (each a text or a text with a style), and one line below."""
        parts: list[str | tuple[str, str]] = [self.TITLE]
        for note in notes:
            parts += [" · ", note]
        if self.filter:
            parts.append((f" · only {self.filter!r}", "bold $text-warning"))
        self.show_title(Content.assemble(*parts))
        self.show_subtitle(Content(below))
