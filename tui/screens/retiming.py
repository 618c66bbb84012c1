"""TTLs of a family, as a person changes them: what, preview, confirmation, work, receipt; and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from tui.engine.expiry.retime.account import Progress, Receipt, UndoCounts, UndoReceipt
from tui.engine.expiry.retime.execute import SUFFIX, execute
from tui.engine.expiry.retime.finish import finish
from tui.engine.expiry.retime.undo import undo
from tui.engine.expiry.retime.wish import How, Wish, request_of
from tui.engine.failure import Failure
from tui.engine.keyspace import Family
from tui.engine.place import Place
from tui.engine.printable import printable
from tui.engine.purge.journals import Entry, State, journals, prune
from tui.engine.purge.plan import Plan, Preview, plan
from tui.engine.purge.request import Target
from tui.engine.session import Session
from tui.purge_rules import PurgeRules
from tui.screens.confirm import ConfirmScreen
from tui.screens.progress import ProgressScreen, Stage, Work
from tui.screens.purge import SHARE, export, styled
from tui.words.purge_words import preview_lines
from tui.words.question import Field, Question, typed
from tui.words.retime_words import (
    SPREAD,
    about,
    entry_lines,
    finish_lines,
    judge_spread,
    judge_ttl,
    judge_which,
    plan_lines,
    progress_lines,
    receipt_lines,
    said,
    undo_progress_lines,
    undo_receipt_lines,
    wish_of,
)
from tui.words.units import percent

if TYPE_CHECKING:
    from tui.engine.schema.model import Family as Meant


class Retiming:
    """Leads a person through a change of TTLs or its undo; runs inside a worker of the application."""

    def __init__(self, app: App[Any], session: Session, rules: PurgeRules) -> None:
        self._app = app
        self._session = session
        self._place: Place = session.deployment
        self._rules = rules

    async def family(
        self, family: Family, shapes: Sequence[Sequence[str]], meant: Meant | None = None
    ) -> Receipt | None:
        """Change TTLs of a family; None when they thought better of it.

        Args:
            family: of the survey's picture.
            shapes: of all families of that picture.
            meant: what a schema says of it.
        """
        wish = await self._ask(family, meant)
        made = await self._plan(family, shapes, wish) if wish is not None else None
        if wish is None or made is None:
            return None
        try:
            if not len(made.keys):
                self._app.notify("no key of this family is like that now", title=f"Nothing to {wish.how}")
                return None
            confirmed = await self._app.push_screen_wait(ConfirmScreen(self._question(made, wish, meant)))
            return None if confirmed is None else await self._execute(made, wish)
        finally:
            made.close()

    async def undo_last(self) -> UndoReceipt | None:
        """Put back what the last change that was not undone has replaced."""
        entry = await asyncio.to_thread(self._last)
        if entry is None:
            self._app.notify("no change of TTLs of this database can be undone", title="Undo")
            return None
        return await self.undo(entry)

    async def undo(self, entry: Entry) -> UndoReceipt | None:
        """Put back what a change has replaced; None when they thought better of it."""
        question = Question("Undo a change of TTLs", styled(entry_lines(entry)), "Put back", dangerous=False)
        if await self._app.push_screen_wait(ConfirmScreen(question)) is None:
            return None
        stop = asyncio.Event()
        source = undo(self._place, entry.path, share=SHARE, stop=stop)
        title = f"Undo: {entry.done}"
        work = Work(title, source, _undoing, stop.set, export=lambda done: export(undo_receipt_lines(done)))
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, UndoReceipt) else None

    async def finish(self, entry: Entry) -> Receipt | None:
        """Bring a change to its end that was interrupted: what its journal holds, and nothing else."""
        lines = styled(finish_lines(entry))
        question = Question("Finish a change of TTLs", lines, "Finish", [typed("finish", "Type finish:")])
        if await self._app.push_screen_wait(ConfirmScreen(question)) is None:
            return None
        stop = asyncio.Event()
        source = finish(self._place, entry.path, share=SHARE, stop=stop)
        title = f"Finish: {entry.done}"
        work = Work(title, source, _changing, stop.set, export=lambda receipt: export(receipt_lines(receipt)))
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, Receipt) else None

    async def _ask(self, family: Family, meant: Meant | None) -> Wish | None:
        """Ask what is wanted, until it makes sense."""
        policy = meant.ttl.said if meant is not None else ""
        ttl = policy if judge_ttl(policy).good else ""
        answers = [ttl, "without TTL" if family.no_ttl else "all", percent(SPREAD, 0)]
        lines = styled(about(family, policy, self._session.secrecy))
        while True:
            labels = (
                ("New TTL (90s, 5m, 2h 30m, 7d), +10m for so much longer, or none:", judge_ttl),
                ("Of keys: without TTL, with TTL, or all:", judge_which),
                ("Spread the ends over (10%, 5m, 0), lest all expire at once:", judge_spread),
            )
            fields = [Field(label, judge, value=answers[at]) for at, (label, judge) in enumerate(labels)]
            question = Question("TTL of a family", lines, "Preview", fields, dangerous=False)
            given = await self._app.push_screen_wait(ConfirmScreen(question))
            if given is None:
                return None
            try:
                return wish_of(self._session.secrecy.pattern(family.pattern), given)
            except ValueError as error:
                self._app.notify(str(error), severity="warning")
                answers = given

    async def _plan(self, family: Family, shapes: Sequence[Sequence[str]], wish: Wish) -> Plan | None:
        delimiter = self._session.options.delimiter
        request = request_of(
            family.shape,
            shapes,
            wish,
            delimiter=delimiter.encode() if delimiter else None,
            protected=self._rules.protected,
            secrets=self._rules.secrets,
        )
        source = plan(self._place, request, share=SHARE)
        work = Work(f"TTL of {wish.pattern}: looking", source, _planning, stays=False)
        found = await self._app.push_screen_wait(ProgressScreen(work))
        if isinstance(found, Failure):
            self._app.notify(found.sentence, title="Nothing was changed", severity="error")
        return found if isinstance(found, Plan) else None

    def _question(self, made: Plan, wish: Wish, meant: Meant | None) -> Question:
        number, rules = str(len(made.keys)), self._rules
        fields = [typed(number, f"Type the number of keys, {number}:")]
        if rules.production and rules.profile is not None:
            fields.append(typed(rules.profile, f"This is production. Type the profile's name, {rules.profile}:"))
        lines = styled(plan_lines(made, wish, meant.shown if meant is not None else printable))
        return Question("TTL of a family", lines, f"Change {len(made.keys):,}", fields, dangerous=wish.how is How.SET)

    async def _execute(self, made: Plan, wish: Wish) -> Receipt | None:
        stop, rules, folder = asyncio.Event(), self._rules, self._rules.journal_folder
        now = self._place.clock.wall()
        limits = {"most_bytes": rules.journal_bytes, "most_age": rules.journal_age_s}
        await asyncio.to_thread(lambda: prune(folder, **limits, now=now, suffix=SUFFIX))  # type: ignore[arg-type]
        source = execute(self._place, made, wish, said(wish), folder, share=SHARE, stop=stop)
        title = f"TTL of {wish.pattern}"
        work = Work(title, source, _changing, stop.set, export=lambda receipt: export(receipt_lines(receipt)))
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, Receipt) else None

    def _last(self) -> Entry | None:
        """Return the newest journal of this database that can be undone."""
        target, open_now = Target.of(self._place), {State.COMPLETE, State.INTERRUPTED, State.PARTLY_UNDONE}
        here = (
            entry
            for entry in journals(self._rules.journal_folder, SUFFIX)
            if entry.target is not None and target.is_at(entry.target)
        )
        return next((entry for entry in here if entry.state in open_now), None)


def _planning(item: Preview | Plan | Failure) -> Stage:
    return Stage(styled(preview_lines(item)), item.share) if isinstance(item, Preview) else Stage((), 1.0)


def _changing(item: Progress | Receipt) -> Stage:
    if isinstance(item, Receipt):
        return Stage(styled(receipt_lines(item)), None)
    return Stage(styled(progress_lines(item)), item.counts.decided / item.planned if item.planned else 1.0)


def _undoing(item: UndoCounts | UndoReceipt) -> Stage:
    if isinstance(item, UndoReceipt):
        return Stage(styled(undo_receipt_lines(item)), None)
    total = item.restored + item.changed + item.gone + item.past + item.failed + item.remaining
    return Stage(styled(undo_progress_lines(item)), 1 - item.remaining / total if total else 0.0)
