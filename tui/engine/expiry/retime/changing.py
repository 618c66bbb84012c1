"""The protocol by which TTLs change, batch by batch, on a connection that sends nothing twice.

1. WATCH the batch; read what each key holds, when it expires, and the server's time.
2. What is not as it was in the preview is left.
3. Of the rest the old and the new expiry are written to the journal, and are on disk.
4. MULTI, PEXPIREAT or PERSIST, EXEC: nothing happens when any of the keys was touched since step 1. Then the batch is
   tried again in halves, from step 1, until only the keys that change under one's eyes are left.
5. The batch is settled in the journal.

Expiries are absolute, so what was done is known exactly. When the answer to step 4 is lost, a new connection to the
same process reads the keys back: a batch ran as a whole or not at all, so any key as it was says that it did not, and
any key with its new expiry that it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply
from tui.engine.expiry.retime.account import Book
from tui.engine.expiry.retime.records import recorded
from tui.engine.place import Place
from tui.engine.purge.batches import Batch
from tui.engine.purge.current import Picture
from tui.engine.purge.expiry import milliseconds
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import SECRET, Item
from tui.engine.purge.lane import Lane
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.refusals import first_error, stop_for_all, why
from tui.engine.writer import Writer

RULES = "+multi, +exec, +pexpireat and +persist"

OVER = "the time it was to get is over by now: left as it was"

Change = tuple[Item, int]
"""A key as it was planned, and when it is to expire."""
Wanted = Callable[[Item, int], int | None]
"""Says when a key is to expire, given the server's time (milliseconds since 1970); None when that is over."""


@dataclass(slots=True)
class _Sent:
    """What was sent, and not answered yet."""

    batch: Batch
    changes: Sequence[Change]
    number: int | None
    """In the journal; None when nothing of it was journaled."""
    recorded: Sequence[Item]


class Changing(Lane):
    """Changes the TTLs of batches of keys; keeps the account in `book`."""

    def __init__(
        self,
        place: Place,
        run_id: str,
        batches: Iterator[Batch],
        wanted: Wanted,
        journal: Journal,
        pacer: Pacer,
        book: Book,
        told_to_stop: Callable[[], bool],
    ) -> None:
        """Change as `Lane` says. Several may share journal and book."""
        super().__init__(place, run_id, batches, pacer, book, told_to_stop)
        self.done_before: set[bytes] = set()
        """Keys of doubtful batches that had their new expiry already."""
        self._wanted = wanted
        self._journal = journal
        self._book = book
        self._sent: _Sent | None = None

    @property
    def _in_doubt(self) -> Batch | None:
        return None if self._sent is None else self._sent.batch

    async def _prove(self, pen: Writer) -> None:
        """Make sure that MULTI is not refused: what follows it would run at once."""
        self._pen = pen
        stop_for_all(await self._ask(self._packed([b"MULTI"], [b"EXEC"])), RULES)

    async def _do(self, batch: Batch) -> None:
        """Take one batch through all steps. Cut short, it is put back as it was, or stays sent."""
        changes = await self._read(batch)
        if changes:
            batch = Batch([item for item, _ in changes], batch.tries, batch.doubtful, batch.since)
            self._again[0] = batch
            open_names = [change for change in changes if not change[0].flags & SECRET]
            records = [recorded(item, new) for item, new in open_names]
            number = await asyncio.to_thread(self._journal.append, records) if records else None
            question = self._packed([b"MULTI"], *(_command(*change) for change in changes), [b"EXEC"])
            self._again.popleft()
            self._sent = _Sent(batch, changes, number, [item for item, _ in open_names])
            replies = await self._ask(question)
            sent, self._sent = self._sent, None
            self._conclude(sent, replies)

    # -- step 1 and 2 -------------------------------------------------------------------------------------------

    async def _read(self, batch: Batch) -> list[Change]:
        """Watch and read; return what is to change. The batch is the first in line, and goes on or leaves it."""
        watch = self._packed([b"UNWATCH"], [b"WATCH", *(item.key for item in batch.items)], [b"TIME"])
        replies, now = await self._current().of(batch.items, watch)
        refused = first_error(replies)
        if refused is not None:
            self._again.popleft()
            self._refused(refused, batch, "+watch and +unwatch")
            return []
        stop_for_all(now.refusals, "+dump, +pexpiretime, +type and +memory|usage")
        changes = self._sort_out(batch, now, milliseconds(replies[2]))
        if not changes:
            self._again.popleft()
        return changes

    def _sort_out(self, batch: Batch, now: Picture, clock: int) -> list[Change]:
        """Book what does not change; return what does."""
        changes: list[Change] = []
        for item, about in zip(batch.items, now, strict=True):
            new = self._wanted(item, clock)
            if batch.doubtful and about.mark == item.print and about.expiry == new:
                self.done_before.add(item.key)
                self._book.done += 1
            elif about.is_as(item):
                if new is None:
                    self._book.fail(item.key, OVER)
                else:
                    changes.append((item, new))
            elif about.refused is not None:
                self._book.fail(item.key, why(about.refused))
            elif about.is_missing:
                self._book.gone += 1
            else:
                self._book.change([item.key])
        return changes

    # -- step 4 and 5 -------------------------------------------------------------------------------------------

    def _conclude(self, sent: _Sent, replies: Sequence[Reply]) -> None:
        """Book what the server answered."""
        refused, last = first_error(replies), replies[-1]
        if refused is None and last is None:
            self._settle(sent, left=range(len(sent.recorded)))
            self._try_again(sent.batch)
        elif refused is None:
            gone = {item.key for (item, _), reply in zip(sent.changes, last, strict=True) if reply == 0}
            self._book_done(sent, gone)
        else:
            self._settle(sent, left=range(len(sent.recorded)))
            self._refused(refused, sent.batch, RULES)

    def _book_done(self, sent: _Sent, gone: set[bytes]) -> None:
        """Book a batch that ran; what it did not find expired in the last moment."""
        done = [item for item, _ in sent.changes if item.key not in gone]
        self._book.done += len(done)
        self._book.gone += len(gone)
        self._book.without_undo += sum(bool(item.flags & SECRET) for item in done)
        self._settle(sent, left=[at for at, item in enumerate(sent.recorded) if item.key in gone])

    def _settle(self, sent: _Sent, left: Sequence[int] = ()) -> None:
        if sent.number is not None:
            self._journal.settle(sent.number, left)

    # -- the answer was lost ------------------------------------------------------------------------------------

    async def _resolve(self) -> None:
        """Read back a batch whose answer was lost, and decide."""
        sent = self._sent
        if sent is None:
            return
        _, now = await self._current().of(sent.batch.items)
        stop_for_all(now.refusals, "+dump and +pexpiretime")
        found = [(item, new, about) for (item, new), about in zip(sent.changes, now, strict=True) if new != item.expiry]
        untouched = any(about.is_as(item) for item, _, about in found)
        self._sent = None
        if not untouched and any(about.expiry == new for _, new, about in found):
            self._book_done(sent, {item.key for item, _, about in found if about.is_missing})
        else:
            self._settle(sent, left=range(len(sent.recorded)))
            self._again.appendleft(sent.batch)


def _command(item: Item, new: int) -> Sequence[bytes | int]:
    return [b"PERSIST", item.key] if new < 0 else [b"PEXPIREAT", item.key, new]
