"""The protocol by which keys go, batch by batch, on connections that send nothing twice.

1. WATCH the batch; read what each key holds, and when it expires.
2. What is not as it was in the preview is left.
3. The rest is written to the journal, and is on disk.
4. MULTI, UNLINK, EXEC: nothing happens when any of the keys was touched since step 1. Then the batch is tried again in
   halves, from step 1, until only the keys that change under one's eyes are left.
5. The batch is settled in the journal.

When the answer to step 4 is lost, nobody knows whether it ran. Then a new connection to the same process reads the keys
back, see `_resolve`. Until that is settled the journal has the batch without a mark, so undo would bring it back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from tui.engine.commands import Reply, exchange
from tui.engine.failure import Unavailable
from tui.engine.place import Place
from tui.engine.purge.account import Book
from tui.engine.purge.batches import Batch, Care, Limbo
from tui.engine.purge.current import Picture
from tui.engine.purge.expiry import milliseconds
from tui.engine.purge.journal import Journal
from tui.engine.purge.keystore import BIG, LOOSE, SECRET, Item
from tui.engine.purge.lane import Lane
from tui.engine.purge.pacing import Pacer
from tui.engine.purge.refusals import first_error, named, stop_for_all, why
from tui.engine.writer import Writer

RESTORE_MOST = 500 << 20
"""Bytes of a payload that can be sent back: servers take no more than 512 MB in one word."""
TOO_LONG = "longer than any server takes back: undo could not restore it"


class Removal(Lane):
    """Removes batches of keys; keeps the account in `book`."""

    def __init__(
        self,
        place: Place,
        run_id: str,
        batches: Iterator[Batch],
        journal: Journal | None,
        pacer: Pacer,
        care: Care,
        book: Book,
        told_to_stop: Callable[[], bool],
    ) -> None:
        """Remove as `Lane` says. Several may share batches, journal and book."""
        super().__init__(place, run_id, batches, pacer, book, told_to_stop)
        self.missing: set[bytes] = set()
        """Doubtful keys that were found missing: an attempt before has removed them. Kept when `keeps_missing`."""
        self.keeps_missing = False
        self._journal = journal
        self._care = care
        self._book = book
        self._limbo: Limbo | None = None

    @property
    def _in_doubt(self) -> Batch | None:
        return None if self._limbo is None else self._limbo.batch

    async def _prove(self, pen: Writer) -> None:
        """Make sure that MULTI is not refused: what follows it would run at once."""
        if self._care.checked:
            self._pen = pen
            stop_for_all(await self._ask(self._packed([b"MULTI"], [b"EXEC"])), "+multi and +exec")

    async def _do(self, batch: Batch) -> None:
        """Take one batch through all steps. Cut short, it is put back as it was, or stays in limbo."""
        if self._care.checked:
            going = await self._read(batch)
        else:
            self._again.popleft()
            going = [(item, None) for item in batch.items]
        if not going:
            return
        rest = Batch([item for item, _ in going], batch.tries, batch.doubtful, batch.since)
        self._again.appendleft(rest)
        records = [(item.key, payload, item.expiry) for item, payload in going if payload is not None]
        number = None
        if records and self._journal is not None:
            number = await asyncio.to_thread(self._journal.append, records)
        recorded = [item for item, payload in going if payload is not None]
        unlink = [b"UNLINK", *(item.key for item in rest.items)]
        question = self._packed([b"MULTI"], unlink, [b"EXEC"]) if self._care.checked else self._packed(unlink)
        self._again.popleft()
        self._limbo = Limbo(rest, number, recorded)
        replies = await self._ask(question)
        limbo, self._limbo = self._limbo, None
        self._conclude(limbo, replies)

    # -- step 1 and 2 -------------------------------------------------------------------------------------------

    async def _read(self, batch: Batch) -> list[tuple[Item, bytes | None]]:
        """Watch and read; return what goes, with the payload where the journal needs it."""
        watch = self._packed([b"UNWATCH"], [b"WATCH", *(item.key for item in batch.items)])
        replies, now = await self._current().of(batch.items, watch)
        refused = first_error(replies)
        if refused is not None:
            self._again.popleft()
            self._refused(refused, batch, "+watch and +unwatch")
            return []
        stop_for_all(now.refusals, "+dump, +pexpiretime, +type and +memory|usage")
        alone = batch.items[0]
        if alone.flags & LOOSE and now.is_as(batch.items) and self._is_journaled(alone):
            now = await self._whole(alone)
        self._again.popleft()
        return self._sort_out(batch, now)

    def _sort_out(self, batch: Batch, now: Picture) -> list[tuple[Item, bytes | None]]:
        """Book what does not go; return what does."""
        journaled = self._is_journaled
        if now.is_as(batch.items) and not batch.items[0].flags & LOOSE:
            pairs = zip(batch.items, now.payloads, strict=True)
            return [(item, payload if journaled(item) else None) for item, payload in pairs]
        going: list[tuple[Item, bytes | None]] = []
        for item, about in zip(batch.items, now, strict=True):
            if about.is_as(item):
                if about.payload is not None and len(about.payload) > RESTORE_MOST:
                    self._book.fail(item.key, TOO_LONG)
                else:
                    going.append((item, about.payload if journaled(item) else None))
            elif about.refused is not None:
                self._book.fail(item.key, why(about.refused))
            elif about.is_missing:
                self._book_missing(batch, item)
            else:
                self._book.change([item.key])
        return going

    async def _whole(self, item: Item) -> Picture:
        """Read a long key for the journal; it is watched, and known to be as planned."""
        (payload,) = await self._ask(exchange([b"DUMP", item.key]))
        stop_for_all([payload], "+dump")
        return Picture([item.print if isinstance(payload, bytes) else payload], [item.expiry], [payload])

    def _is_journaled(self, item: Item) -> bool:
        if not item.flags:
            return self._journal is not None
        if self._journal is None or (item.flags & SECRET and not self._care.undo_secrets):
            return False
        return self._care.undo_big or not item.flags & BIG

    # -- step 4 and 5 -------------------------------------------------------------------------------------------

    def _conclude(self, limbo: Limbo, replies: Sequence[Reply]) -> None:
        """Book what the server answered."""
        refused, last = first_error(replies), replies[-1]
        ran_alone = self._care.checked and type(replies[1]) is int  # MULTI was refused, against all expectation
        if refused is None and last is None:
            self._settle(limbo.number, range(len(limbo.recorded)))
            self._try_again(limbo.batch)
        elif refused is None or ran_alone:
            removed = replies[1] if ran_alone else last[0] if isinstance(last, list) else last
            self._book_removed(limbo.batch.items, removed, limbo.recorded)
            self._settle(limbo.number)
            if refused is not None:
                raise Unavailable(named(refused, "+multi"))
        else:
            self._settle(limbo.number, range(len(limbo.recorded)))
            self._refused(refused, limbo.batch, "+unlink, +multi and +exec")

    def _book_removed(self, going: Sequence[Item], removed: int, recorded: Sequence[Item]) -> None:
        """Book by the server's own count; the rest expired in the last moment."""
        self._book.removed += removed
        self._book.gone += len(going) - removed
        self._book.without_undo += min(removed, len(going) - len(recorded))

    def _settle(self, number: int | None, left: Sequence[int] = ()) -> None:
        if number is not None and self._journal is not None:
            self._journal.settle(number, left)

    def _book_missing(self, batch: Batch, item: Item) -> None:
        """Book a key that is not there; one that we may have removed ourselves counts as removed: undo has it."""
        if not batch.doubtful:
            self._book.gone += 1
            return
        self._book.removed += 1
        self._book.without_undo += not self._is_journaled(item)
        if self.keeps_missing:
            self.missing.add(item.key)

    # -- the answer was lost ------------------------------------------------------------------------------------

    async def _resolve(self) -> None:
        """Read back a batch whose answer was lost, and decide.

        It ran as a whole or not at all. A key that is there with the very expiry and content it had proves that it did
        not; any key missing that had not expired says that it did, and then what is there was made since, and is left.
        When it seems not to have run it is tried again from step 1, but its records stay in the journal unsettled.
        """
        limbo = self._limbo
        if limbo is None:
            return
        items = limbo.batch.items
        now, clock = await self._read_back(limbo.batch)
        pairs = list(zip(items, now, strict=True))
        untouched = self._care.checked and any(item.expiry >= 0 and about.is_as(item) for item, about in pairs)
        missing = [item for item, about in pairs if about.is_missing]
        ran = not untouched and any(item.expiry < 0 or item.expiry > clock for item in missing)
        self._limbo = None
        if not ran:
            self._again.appendleft(Batch(items, limbo.batch.tries, doubtful=True))
            return
        absent = {item.key for item in missing}
        self._book_removed(missing, len(missing), [item for item in limbo.recorded if item.key in absent])
        self._book.change(item.key for item in items if item.key not in absent)
        self._settle(limbo.number, [at for at, item in enumerate(limbo.recorded) if item.key not in absent])

    async def _read_back(self, batch: Batch) -> tuple[Picture, int]:
        """Return what is there, and the server's time in milliseconds."""
        (time,) = await self._ask(exchange([b"TIME"]))
        if self._care.checked:
            _, now = await self._current().of(batch.items)
        else:
            now = await self._current().exists(batch.items)
        stop_for_all(now.refusals, "+dump and +type")
        return now, milliseconds(time)
