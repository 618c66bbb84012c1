"""The pages of one session: each is made when it is first wanted and keeps its state until the session ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App

from tui.engine.session import Session
from tui.screens.base import PaneScreen
from tui.screens.contents import CONTENTS
from tui.words.brand import Brand


class Book:
    """Turns from page to page."""

    def __init__(self, app: App[Any], session: Session, brand: Brand) -> None:
        self._app = app
        self._session = session
        self._brand = brand
        self._made: dict[str, PaneScreen] = {}

    @property
    def pages(self) -> Sequence[PaneScreen]:
        """The pages made so far."""
        return tuple(self._made.values())

    def page(self, key: str) -> PaneScreen:
        """The page of a number key."""
        if key not in self._made:
            kind = next(chapter.load() for chapter in CONTENTS if chapter.key == key)
            page = self._made[key] = kind(self._session, self._brand)
            self._app.install_screen(page, f"page {key}")  # an installed screen outlives being replaced
        return self._made[key]

    @property
    def open_key(self) -> str | None:
        """The number key of the page that is shown, or that a dialog covers; None when there is none."""
        return next((number for number, page in self._made.items() if page in self._app.screen_stack), None)

    def is_open(self, key: object) -> bool:
        """Whether the page of this number key is the one on the screen."""
        return any(page is self._app.screen for number, page in self._made.items() if number == key)

    async def turn_to(self, key: str) -> PaneScreen | None:
        """Show a page in place of the one that is shown; None while a dialog has to be answered first."""
        page, shown = self.page(key), self._app.screen
        if not isinstance(shown, PaneScreen):
            return None
        if shown is not page:
            page.set_class(shown.has_class("-stale"), "-stale")
            await self._app.switch_screen(page)
        return page

    def close(self) -> None:
        """Let all pages go; those on the screen have to be popped first."""
        for page in self._made.values():
            self._app.uninstall_screen(page)
            if page.is_running:
                page.remove()
        self._made.clear()
