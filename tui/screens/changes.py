"""Changes that a person asks for on any page: which dialogs lead there, one change at a time.

What they need is imported when it is needed: nobody should wait for it at the start.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.engine.revoke.wanted import Wanted
from tui.engine.session import Session
from tui.engine.survey import Survey
from tui.fields import SettingsError
from tui.settings import Settings

if TYPE_CHECKING:
    from tui.engine.purge.journals import Entry
    from tui.screens.expiry import ExpiryPage
    from tui.screens.purge import Purging
    from tui.screens.retiming import Retiming

INTERRUPTED = "What stands here was interrupted: finish it, or take it back."

CHANGING = frozenset({"change", "edit", "work"})
"""Groups of workers that change something: those led from here, single keys, and what a progress dialog follows."""


class Changes:
    """Leads through changes of one session."""

    def __init__(self, app: App[Any], session: Session, settings: Settings) -> None:
        self._app = app
        self._session = session
        self._settings = settings

    @property
    def busy(self) -> bool:
        """Whether a change, or a dialog that leads to one, is under way on any page."""
        return any(worker.group in CHANGING and not worker.is_finished for worker in self._app.workers)

    def purge(self, prefix: bytes | None, key: bytes | None) -> None:
        """Remove a namespace, or one key."""
        self._lead(self._purge(prefix, key))

    def undo(self) -> None:
        """List what can be undone."""
        self._lead(self._undo())

    async def interrupted(self) -> list[Entry]:
        """Return the journals of this database whose purge or change of TTLs was interrupted, newest first."""
        return await self._purging().journals(interrupted_only=True)

    def offer(self, entries: Sequence[Entry]) -> None:
        """Let a person finish or take back what was interrupted."""
        self._lead(self._choose(entries, INTERRUPTED))

    def revoke(self, wanted: Wanted) -> None:
        """End logins."""
        self._lead(self._revoke(wanted))

    def retime(self, message: ExpiryPage.Retime) -> None:
        """Change the TTLs of a family, or take that back."""
        self._lead(self._retime(message))

    def _lead(self, doing: Coroutine[Any, Any, object]) -> None:
        """One change at a time: what is under way is never cut off by the next, and a key pressed twice asks once."""
        if any(worker.group == "change" and not worker.is_finished for worker in self._app.workers):
            doing.close()
        else:
            self._app.run_worker(self._see(doing), group="change", description="a change and its dialogs")

    async def _see(self, doing: Coroutine[Any, Any, object]) -> None:
        """Have the keyspace counted anew when something was changed; bad settings are a sentence."""
        try:
            done = await doing
        except SettingsError as error:
            self._app.notify(str(error), severity="error")
            return
        if done is not None:
            self._session.of(Survey).renew()

    def _purging(self) -> Purging:
        from tui.purge_rules import rules
        from tui.screens.purge import Purging

        return Purging(self._app, self._session.deployment, rules(self._settings), self._session.secrecy)

    async def _purge(self, prefix: bytes | None, key: bytes | None) -> object:
        purging = self._purging()
        return await (purging.key(key) if key is not None else purging.namespace(prefix or b""))

    async def _revoke(self, wanted: Wanted) -> object:
        from tui.screens.revoking import Revoking

        return await Revoking(self._app, self._session, self._settings).revoke(wanted)

    def _retiming(self) -> Retiming:
        from tui.purge_rules import rules
        from tui.screens.retiming import Retiming

        return Retiming(self._app, self._session, rules(self._settings))

    async def _retime(self, message: ExpiryPage.Retime) -> object:
        retiming, family = self._retiming(), message.family
        if family is None:
            return await retiming.undo_last()
        return await retiming.family(family, message.shapes, message.meant)

    async def _undo(self) -> object:
        return await self._choose(await self._purging().journals())

    async def _choose(self, entries: Sequence[Entry], why: str = "") -> object:
        """Let the person choose a journal, and take back what it is of, or finish it."""
        from tui.engine.expiry.retime.journals import is_of_ttls
        from tui.screens.journals import JournalsScreen

        choice = await self._app.push_screen_wait(JournalsScreen(entries, self._session.clock.wall(), why))
        if choice is None:
            return None
        what, entry = choice
        way = self._retiming() if is_of_ttls(entry) else self._purging()
        return await (way.finish(entry) if what == "finish" else way.undo(entry))
