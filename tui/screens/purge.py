"""Purge and undo as a person goes through them: what, preview, confirmation, work, receipt."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.app import App
from textual.content import Content

from tui.engine.deployment import Deployment
from tui.engine.expiry.retime.journals import every_journal
from tui.engine.failure import Failure
from tui.engine.place import Place
from tui.engine.printable import parse_printable, printable
from tui.engine.purge.account import Progress, Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.finish import finish
from tui.engine.purge.journals import Entry, State, prune
from tui.engine.purge.plan import Plan, Preview, plan
from tui.engine.purge.request import Big, Request, Target
from tui.engine.purge.undo import UndoProgress, UndoReceipt, undo
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.purge_rules import PurgeRules
from tui.screens.confirm import ConfirmScreen
from tui.screens.progress import ProgressScreen, Stage, Work
from tui.words.purge_words import (
    Line,
    Tone,
    confirmation,
    entry_words,
    folded,
    plain,
    plan_lines,
    preview_lines,
    progress_lines,
    receipt_lines,
    undo_progress_lines,
    undo_receipt_lines,
    what,
)
from tui.words.question import Field, Question, Verdict, typed

SHARE = 0.25
"""Largest fraction of the server's time for a purge: a person waits for it, and three quarters stay with the others."""

TONES: dict[Tone, str] = {
    "": "",
    "strong": "bold",
    "muted": "$foreground-muted",
    "warn": "$text-warning",
    "danger": "bold $text-error",
    "good": "$text-success",
}


class Purging:
    """Leads a person through a purge or an undo on one deployment; runs inside a worker of the application."""

    def __init__(
        self, app: App[Any], deployment: Deployment, rules: PurgeRules, secrecy: Secrecy = NOTHING_SECRET
    ) -> None:
        self._app = app
        self._secrecy = secrecy
        self._place: Place = deployment
        self._rules = rules

    async def namespace(self, prefix: bytes) -> Receipt | None:
        """Purge what begins with a prefix that the person may still change; None when they thought better of it."""
        answers = await self._app.push_screen_wait(ConfirmScreen(_which(prefix)))
        if answers is None:
            return None
        exclude = tuple(parse_printable(word) for word in answers[1].split())
        return await self._purge(self._request(prefix=parse_printable(answers[0]), exclude=exclude))

    async def key(self, key: bytes) -> Receipt | None:
        """Delete one key, with the same care."""
        return await self._purge(self._request(keys=(key,)))

    def _request(self, **what: Any) -> Request:
        return Request(protected=self._rules.protected, secrets=self._rules.secrets, **what)

    async def _purge(self, request: Request) -> Receipt | None:
        made = await self._plan(request)
        if not isinstance(made, Plan):
            return None
        try:
            if not len(made.keys):
                self._app.notify(
                    f"there is nothing to remove: {_why_nothing(made)}", title=what(request, self._secrecy.shown)
                )
                return None
            answers = await self._app.push_screen_wait(ConfirmScreen(self._question(made)))
            return None if answers is None else await self._execute(made, _big(made, answers))
        finally:
            made.close()

    async def _plan(self, request: Request) -> Plan | None:
        source = plan(self._place, request, share=SHARE)
        work = Work(f"Purge {what(request, self._secrecy.shown)}: looking", source, _planning, stays=False)
        found = await self._app.push_screen_wait(ProgressScreen(work))
        if isinstance(found, Failure):
            self._app.notify(found.sentence, title="Nothing was removed", severity="error")
        return found if isinstance(found, Plan) else None

    def _question(self, made: Plan) -> Question:
        profile = self._rules.profile if self._rules.production else None
        fields = [typed(expected, label) for label, expected in confirmation(made, profile)]
        if made.found.big_keys:
            fields.insert(0, Field("Big keys: leave, with undo, or without undo?", _judge_big, value=Big.LEAVE))
        title = "Delete a key" if made.request.keys is not None else "Purge"
        return Question(title, styled(plan_lines(made, self._secrecy)), f"Remove {len(made.keys):,}", fields)

    async def _execute(self, made: Plan, big: Big) -> Receipt | None:
        stop, rules = asyncio.Event(), self._rules
        folder = rules.journal_folder
        room = rules.journal_bytes - made.journal_bytes(big)
        await asyncio.to_thread(
            prune, folder, most_bytes=room, most_age=rules.journal_age_s, now=self._place.clock.wall()
        )
        source = execute(self._place, made, folder, big=big, share=SHARE, limit=rules.journal_bytes, stop=stop)
        title = f"Purge {what(made.request, self._secrecy.shown)}"
        work = Work(title, source, self._purging, stop.set, export=self._export)
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, Receipt) else None

    async def journals(self, *, interrupted_only: bool = False) -> list[Entry]:
        """Return the journals of this database, of purges and of changes of TTLs, newest first."""
        target = Target.of(self._place)
        here = [
            entry
            for entry in await asyncio.to_thread(every_journal, self._rules.journal_folder)
            if entry.target is not None and target.is_at(entry.target)
        ]
        return [entry for entry in here if entry.state is State.INTERRUPTED] if interrupted_only else here

    async def undo(self, entry: Entry) -> UndoReceipt | None:
        """Bring the keys of a journal back."""
        _, where, purged, keys, size, _ = entry_words(entry, self._place.clock.wall())
        lines = [
            Content.assemble(("brings back  ", TONES["muted"]), (f"up to {keys} keys", "bold"), f" of {purged}"),
            Content.assemble(("to           ", TONES["muted"]), (where, "bold"), f" from a journal of {size}"),
            Content.styled("Keys that somebody has made anew since then stay as they are.", TONES["muted"]),
        ]
        question = Question("Undo a purge", lines, "Bring back", dangerous=False)
        if await self._app.push_screen_wait(ConfirmScreen(question)) is None:
            return None
        stop = asyncio.Event()
        source = undo(self._place, entry.path, share=SHARE, stop=stop)
        work = Work(f"Undo {purged}", source, self._undoing, stop.set, export=self._export_undone)
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, UndoReceipt) else None

    async def finish(self, entry: Entry) -> Receipt | None:
        """Finish a purge that was interrupted: what its journal holds, and nothing else."""
        _, where, purged, keys, *_ = entry_words(entry, self._place.clock.wall())
        lines = [
            Content.assemble(("finishes  ", TONES["muted"]), ("the purge of ", ""), (purged, TONES["danger"])),
            Content.assemble(("at        ", TONES["muted"]), (where, "bold")),
            Content.assemble(("removes   ", TONES["muted"]), f"of {keys} keys in its journal those unchanged"),
        ]
        question = Question("Finish a purge", lines, "Finish", [typed("finish", "Type finish:")])
        if await self._app.push_screen_wait(ConfirmScreen(question)) is None:
            return None
        stop = asyncio.Event()
        source = finish(self._place, entry.path, share=SHARE, stop=stop)
        work = Work(f"Finish {purged}", source, self._purging, stop.set, export=self._export)
        receipt = await self._app.push_screen_wait(ProgressScreen(work))
        return receipt if isinstance(receipt, Receipt) else None

    def _purging(self, item: Progress | Receipt) -> Stage:
        if isinstance(item, Receipt):
            return Stage(styled(receipt_lines(item, self._secrecy.shown)), None)
        return Stage(styled(progress_lines(item)), item.done / item.planned if item.planned else 1.0)

    def _undoing(self, item: UndoProgress | UndoReceipt) -> Stage:
        if isinstance(item, UndoReceipt):
            return Stage(styled(undo_receipt_lines(item, self._secrecy.shown)), None)
        done = 1 - item.counts.remaining / item.total if item.total else 1.0
        return Stage(styled(undo_progress_lines(item)), done)

    def _export(self, receipt: Receipt) -> str:
        return export(receipt_lines(receipt, self._secrecy.shown))

    def _export_undone(self, receipt: UndoReceipt) -> str:
        return export(undo_receipt_lines(receipt, self._secrecy.shown))


def styled(lines: Iterable[Line]) -> list[Content]:
    """Give lines the colours of their tones, folded for a dialog."""
    return [Content.assemble(*((text, TONES[tone]) for text, tone in line)) for line in folded(lines)]


def export(lines: Sequence[Line], folder: Path | None = None) -> str:
    """Write a receipt beside where redtop was started, readable by this person alone; say where, or why not."""
    path = (folder or Path.cwd()) / f"redtop-receipt-{datetime.now():%Y%m%d-%H%M%S}.txt"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(plain(lines))
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    return f"written to {path}"


def _which(prefix: bytes) -> Question:
    lines = [
        Content("Every key that begins with these bytes is looked at first; nothing is removed before you confirm."),
        Content.styled(r"\xNN stands for a byte, \\ for a backslash; * and ? mean themselves.", TONES["muted"]),
    ]
    fields = [
        Field("Prefix:", _judge_prefix, value=printable(prefix)),
        Field("Except keys that match (globs, separated by blanks):", _judge_globs),
    ]
    return Question("Purge a namespace", lines, "Preview", fields, dangerous=False)


def _judge_prefix(text: str) -> Verdict:
    try:
        prefix = parse_printable(text)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error))
    if not prefix:
        return Verdict(good=False, sentence="an empty prefix means every key: only redtop purge --all-keys does that")
    return Verdict(good=True)


def _judge_globs(text: str) -> Verdict:
    try:
        for word in text.split():
            parse_printable(word)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error))
    return Verdict(good=True)


def _judge_big(text: str) -> Verdict:
    said = {
        Big.LEAVE: "they stay",
        Big.WITH_UNDO: "saving each may block the server for a moment",
        Big.WITHOUT_UNDO: "they are gone for good",
    }
    return Verdict(text in said, said.get(Big(text), "") if text in said else "write leave, with undo or without undo")


def _big(made: Plan, answers: Sequence[str]) -> Big:
    return Big(answers[0]) if made.found.big_keys else Big.LEAVE


def _why_nothing(made: Plan) -> str:
    found = made.found
    kept = [
        (found.excluded, "excluded"),
        (found.protected, "protected"),
        (found.denied, "not yours to look at"),
        (found.moving, "on their way to another node"),
    ]
    named = ", ".join(f"{number:,} {name}" for number, name in kept if number)
    return named or "no key begins like this"


def _planning(item: Preview | Plan | Failure) -> Stage:
    if isinstance(item, Preview):
        return Stage(styled(preview_lines(item)), item.share)
    return Stage((), 1.0)
