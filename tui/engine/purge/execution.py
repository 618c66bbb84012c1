"""What every change of many keys does around its batches: servers beside each other, the account, the journal's end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place
from tui.engine.purge.account import Account, Speed
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import PlannedKeys
from tui.engine.purge.lane import Lane
from tui.engine.purge.pacing import PASSING
from tui.engine.purge.plan import Plan
from tui.engine.purge.request import Target

BookT = TypeVar("BookT", bound=Account)


@dataclass(slots=True)
class Part(Generic[BookT]):
    """The keys of one server, and what comes of them."""

    label: str
    """The server's; safe text."""
    keys: PlannedKeys
    book: BookT
    lanes: list[Lane] = field(default_factory=list)
    failure: Failure | None = None
    """Why its keys were left."""


class Execution(Generic[BookT]):
    """Does what a plan says to the keys of each server, and accounts for it."""

    def __init__(self, place: Place, plan: Plan, book: type[BookT], stop: asyncio.Event) -> None:
        self._place = place
        self._plan = plan
        self._planned = len(plan.keys)
        self._book = book
        self._stop = stop
        members = plan.target.members or (plan.target,)
        self._parts = [Part(one.label, keys, book()) for one, keys in zip(members, plan.keys.parts, strict=True)]
        self._halted = False
        self._speed = Speed()

    @property
    def _so_far(self) -> BookT:
        return self._book.of_all(part.book for part in self._parts)

    @property
    def _waiting(self) -> Failure | None:
        """Why it does not go on just now."""
        patiences = [lane.patience for part in self._parts for lane in part.lanes]
        return next((patience.waiting for patience in patiences if patience.waiting), None)

    def _still_there(self) -> None:
        if not Target.of(self._place).is_still(self._plan.target):
            sentence = "the plan was made on another server process, or before its role changed: plan again"
            raise Unavailable(Failure(Kind.CHANGED, sentence))

    async def _run_all(self) -> None:
        """Run the lanes of all servers at the same time.

        Raises:
            Unavailable: at least one of them could not go on.
        """
        runs = [self._run(part, lane) for part in self._parts for lane in part.lanes]
        errors = [error for error in await asyncio.gather(*runs, return_exceptions=True) if error is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, Unavailable)):
            raise error

    async def _run(self, part: Part[BookT], lane: Lane) -> None:
        try:
            await lane.run()
        except Unavailable as error:
            part.failure = error.failure
            # The others end after the batch under way, unless it is only one node of several that is away.
            self._halted |= len(self._parts) == 1 or error.failure.kind not in PASSING
            raise
        except BaseException:
            self._halted = True
            raise

    def _told_to_stop(self) -> bool:
        return self._halted or self._stop.is_set()

    def _account(self) -> BookT:
        """Add up what came of all keys; those without a word were not reached."""
        for part in self._parts:
            book = part.book
            skipped = len(part.keys) - book.decided - book.unknown
            if part.failure is not None and skipped > book.left and self._place.is_cluster:
                book.stay(skipped - book.left, f"left on {part.label}: {part.failure.sentence}")
            book.skipped = skipped
        return self._so_far

    def _close(
        self, journal: Journal | None, book: BookT, failure: Failure | None, done: dict[str, int]
    ) -> tuple[Path | None, Failure | None]:
        """End the journal; without an end mark, which has `done`, when nobody knows what came of the last batch."""
        if journal is None:
            return None, failure
        if not journal.outline.batches:
            journal.discard()
            return None, failure
        if not book.unknown:
            try:
                journal.end({**done, "cancelled": self._is_cancelled(book)})
            except Unavailable as error:
                failure = failure or error.failure
        return journal.path, failure

    def _is_cancelled(self, book: BookT) -> bool:
        return self._stop.is_set() and book.skipped > book.left
