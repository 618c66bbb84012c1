"""A revocation as a person goes through it: blast radius, confirmation, work, receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from platformdirs import user_state_path
from textual.app import App

from tui.engine.failure import Failure
from tui.engine.place import Place
from tui.engine.revoke.account import Progress, Receipt
from tui.engine.revoke.board import TokenBoard
from tui.engine.revoke.execute import execute
from tui.engine.revoke.plan import Plan, Preview, plan
from tui.engine.revoke.wanted import Wanted
from tui.engine.session import Session
from tui.screens.confirm import ConfirmScreen
from tui.screens.progress import ProgressScreen, Stage, Work
from tui.screens.purge import SHARE, export, styled
from tui.settings import Settings
from tui.words.question import Question, typed
from tui.words.revoke_words import confirmation, plan_lines, preview_lines, progress_lines, receipt_lines, what


class Revoking:
    """Leads a person through a revocation; runs inside a worker of the application."""

    def __init__(self, app: App[Any], session: Session, settings: Settings) -> None:
        self._app = app
        self._session = session
        self._place: Place = session.deployment
        self._board = session.of(TokenBoard)
        self._profile = settings.profile if settings.production else None

    async def revoke(self, wanted: Wanted) -> Receipt | None:
        """Revoke what is wanted; None when the person thought better of it, or there is nothing."""
        made = await self._plan(wanted)
        if made is None:
            return None
        if not made.keys:
            self._app.notify("it has expired, or somebody was faster", title="There is nothing to revoke")
            self._session.pace.nudge()
            return None
        fields = [typed(expected, label) for label, expected in confirmation(made, self._profile)]
        lines = styled(plan_lines(made, self._place.clock.wall()))
        question = Question("Revoke", lines, f"Revoke {len(made.keys):,}", fields)
        if await self._app.push_screen_wait(ConfirmScreen(question)) is None:
            return None
        return await self._execute(made)

    async def _plan(self, wanted: Wanted) -> Plan | None:
        source = plan(self._place, self._board.roles, wanted, share=SHARE)
        found = await self._app.push_screen_wait(
            ProgressScreen(Work("Revoke: looking", source, _planning, stays=False))
        )
        if isinstance(found, Failure):
            self._app.notify(found.sentence, title="Nothing was removed", severity="error")
        return found if isinstance(found, Plan) else None

    async def _execute(self, made: Plan) -> Receipt | None:
        stop, audit = asyncio.Event(), user_state_path("redtop") / "audit.log"
        source = execute(self._place, made, audit, share=SHARE, stop=stop)

        def lines(receipt: Receipt) -> str:
            return export(receipt_lines(receipt, str(audit)))

        work = Work(f"Revoke {what(made)}", source, _working(str(audit)), stop.set, export=lines)
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        self._board.drop({one.key for one in made.keys})
        return receipt if isinstance(receipt, Receipt) else None


def _planning(item: Preview | Plan | Failure) -> Stage:
    return Stage(styled(preview_lines(item)), item.share) if isinstance(item, Preview) else Stage((), 1.0)


def _working(audit: str) -> Callable[[Progress | Receipt], Stage]:
    def stage(item: Progress | Receipt) -> Stage:
        if isinstance(item, Receipt):
            return Stage(styled(receipt_lines(item, audit)), None)
        done = item.counts.done / item.planned if item.planned else 1.0
        return Stage(styled(progress_lines(item)), item.share if item.scan else done)

    return stage
