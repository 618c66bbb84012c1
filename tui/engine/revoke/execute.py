"""From a plan to its receipt: remove, then look again until nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Hashable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.engine.clock import Clock
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.place import Place, Where, place_of
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.request import Target
from tui.engine.purge.watching import watched
from tui.engine.revoke.account import Book, Progress, Receipt
from tui.engine.revoke.audit import began, ended
from tui.engine.revoke.falling import Entry, Falling, fall
from tui.engine.revoke.holdings import Holding, Ledger
from tui.engine.revoke.pieces import CHUNK
from tui.engine.revoke.plan import Plan, chosen, lives_until
from tui.engine.revoke.removing import Remover
from tui.engine.revoke.search import Search, settled
from tui.engine.revoke.wanted import Scope

PAUSE = 2.0
"""Seconds between two looks: whoever was in the middle of refreshing a token is done with it by then."""
EMPTY = 2
"""Looks in a row that must find nothing."""
MOST_SCANS = 10
"""Looks at most: who logs in again and again cannot be kept out by removing keys."""


async def execute(
    where: Where,
    plan: Plan,
    audit: Path | None,
    *,
    share: float = 1.0,
    chunk: int = CHUNK,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[Progress | Receipt, None]:
    """Remove what the plan says, and look until nothing comes after it: progress, then one receipt.

    `audit` is the file that takes a line before and after; None writes none. `share` is the largest fraction of the
    server's time that looking takes, `chunk` the most keys and names in one transaction. `clock` waits between the
    looks; the node's own unless given. Set `stop` to end between two steps with a complete receipt.

    Raises:
        ValueError: as `Pacer`.
    """
    place, stop = place_of(where), stop or asyncio.Event()
    work = _Execution(place, plan, audit, Pacer(place.nodes[0], share, None), chunk, clock or place.clock, stop)
    async with aclosing(watched(work.run(), work.progress, place.clock)) as steps:
        async for step in steps:
            yield step


class _Execution:
    def __init__(
        self,
        place: Place,
        plan: Plan,
        audit: Path | None,
        pacer: Pacer,
        chunk: int,
        clock: Clock,
        stop: asyncio.Event,
    ) -> None:
        self._place = place
        self._plan = plan
        self._audit = audit
        self._pacer = pacer
        self._clock = clock
        self._stop = stop
        self._chunk = chunk
        self._book, self._late = Book(), Book()
        self._remover: Remover | None = None
        self._search: Search | None = None
        self._seen: list[Holding] = list(plan.keys)
        """All that was to go: the plan, and what came after it."""
        self._names: list[Entry] = list(plan.falling.entries)
        """The same of names in indexes."""
        self._left: set[bytes] = set()
        """Keys that stay, for a reason that the account tells."""
        self._known = frozenset(_login_of(one) for one in plan.falling.staying)
        """Logins of the same users that are not to go."""
        self._scans = 0
        self._unread = plan.unread
        self._verified = False

    def progress(self) -> Progress:
        """Return how far it has come."""
        search, remover = self._search, self._remover
        waiting = (remover.patience.waiting if remover else None) or (search.waiting if search else None)
        share = search.scanned / search.dbsize if search is not None and search.dbsize else 0.0
        late, seconds = self._late.removed, self._pacer.seconds
        return Progress(self._book.counts, len(self._plan.keys), late, self._scans, min(1.0, share), seconds, waiting)

    async def run(self) -> Receipt:
        """Revoke, and account for it."""
        failure: Failure | None = None
        written = False
        try:
            self._still_there()
            await self._write_down_the_beginning()
            written = self._audit is not None
            await self._remove(self._plan.falling, self._book)
            await self._verify()
        except Unavailable as error:
            failure = error.failure
        self._account_for_the_rest()
        receipt = self._receipt(failure)
        return await self._write_down_the_end(receipt) if written else receipt

    def _still_there(self) -> None:
        if not Target.of(self._place).is_still(self._plan.target):
            sentence = "the plan was made on another server process, or before its role changed: look again"
            raise Unavailable(Failure(Kind.CHANGED, sentence))

    async def _remove(self, falling: Falling, book: Book) -> None:
        run_id, told_to_stop = self._plan.target.run_id, self._stop.is_set
        self._remover = Remover(self._place, run_id, book, told_to_stop, chunk=self._chunk)
        await self._remover.remove(falling.keys, falling.entries)
        self._left |= self._remover.left

    # -- looking again ------------------------------------------------------------------------------------------

    async def _verify(self) -> None:
        """Look until two looks in a row find nothing, and remove what they find."""
        empty = 0
        while not self._stop.is_set() and self._scans < MOST_SCANS:
            self._scans += 1
            left = await self._left_over()
            if left is None:
                return
            if left.keys or left.entries:
                empty = 0
                self._seen += left.keys
                self._names += left.entries
                await self._remove(left, self._late)
            else:
                empty += 1
            if empty >= EMPTY:
                self._verified = self._is_clean()
                return
            await self._unless_stopped(self._clock.sleep(PAUSE))

    def _is_clean(self) -> bool:
        books = (self._book, self._late)
        return not self._unread and not any(book.reasons or book.unknown or book.skipped for book in books)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do some work that changes nothing, and give it up when somebody wants to stop; whether it was done."""
        task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            return task.done()
        finally:
            task.cancel()
            stopped.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)

    async def _left_over(self) -> Falling | None:
        """Return what there is to remove now: what was to go, or has come since; None when stopped before."""
        return await settled(self._place, self._look_again)

    async def _look_again(self) -> Falling | None:
        ledger = Ledger()
        search = Search(self._place, self._plan.roles, self._plan.interest, ledger, self._pacer.rest)
        self._search = search
        if not await self._unless_stopped(search.run()):
            return None
        still = self._place.is_cluster or (search.target is not None and search.target.is_still(self._plan.target))
        if not still:  # of a cluster's slots a replica may have taken over: it has them from the one before
            raise Unavailable(Failure(Kind.CHANGED, "another server process answers by now: look again"))
        self._unread = ledger.unread
        falling = self._chosen(ledger)
        keys = tuple(one for one in falling.keys if one.key not in self._left)
        entries = [*falling.entries, *await search.still_named(self._names)]
        going = (entry for entry in dict.fromkeys(entries) if not self._left & {entry.names, entry.key})
        return Falling(keys, tuple(going), falling.staying)

    def _chosen(self, ledger: Ledger) -> Falling:
        plan = self._plan
        if plan.scope is Scope.SESSION:
            mine = frozenset(_login_of(one) for one in self._seen)
            targets = [one for one in ledger if _login_of(one) in mine or self._is_new(one)]
            return fall(ledger, targets, (), whole=True)
        again = [one for key in {one.key for one in self._seen} for one in ledger.held.get(key, ())]
        return chosen(ledger, plan.wanted, plan.interest, again)

    def _is_new(self, one: Holding) -> bool:
        """Whether it has come since the plan: then it may have been made with what was revoked."""
        return one.role.grants and one.user is not None and _login_of(one) not in self._known

    # -- accounting ---------------------------------------------------------------------------------------------

    def _account_for_the_rest(self) -> None:
        book = self._book
        book.skipped = len(self._plan.keys) - book.counts.done - book.unknown

    def _receipt(self, failure: Failure | None) -> Receipt:
        stateless = self._plan.stateless or any(one.role.rule.stateless for one in self._seen)
        now = self._place.clock.wall()
        return Receipt(
            plan=self._plan,
            counts=self._book.counts,
            late=self._late.counts,
            verified=self._verified and failure is None,
            scans=self._scans,
            unread=self._unread,
            reasons=tuple((self._book.reasons + self._late.reasons).most_common()),
            access_lives_until=lives_until(self._seen, now) if stateless else None,
            cancelled=self._stop.is_set() and not self._verified,
            failure=failure,
            seconds=self._pacer.seconds,
        )

    async def _write_down_the_beginning(self) -> None:
        if self._audit is not None:
            await asyncio.to_thread(began, self._audit, self._plan, self._place.clock.wall())

    async def _write_down_the_end(self, receipt: Receipt) -> Receipt:
        assert self._audit is not None
        try:
            await asyncio.to_thread(ended, self._audit, receipt, self._place.clock.wall())
        except Unavailable as error:
            return replace(receipt, failure=receipt.failure or error.failure)
        return receipt


def _login_of(one: Holding) -> Hashable:
    """Return the login a key belongs to; one that does not tell stands for itself."""
    return one.login if one.login is not None else one.key
