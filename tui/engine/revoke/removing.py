"""The protocol by which keys go, on connections of its own that send nothing twice.

1. WATCH the keys, and those indexes that are the user's own.
2. Read once more what is there, whose it is, and which names the indexes hold.
3. MULTI, UNLINK family by family in order, then the names out of the indexes, EXEC: all of it, or nothing.
4. On a null EXEC somebody wrote to one of them meanwhile: again from step 1. A session that never stands still goes
   without WATCH in the end: who uses it that much must not keep it.

An index that all users share is not watched: others log in all the time, and what is taken out of it is exact anyhow.
When the answer to step 3 is lost, the keys are read back: it ran as a whole or not at all.

In a cluster a transaction is about one slot. So there is one for each slot of what can mint the rest, then one for each
slot of what grants, and so on in the same order, and the names out of indexes go last; each at the node that holds the
slot at that moment. What is on a node that is away for good is left, with what finds it, and the others go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.node import Node
from tui.engine.place import Pens, Place
from tui.engine.purge.pacing import PASSING, Patience
from tui.engine.purge.refusals import first_error, is_of_one_key, named, stop_for_all, why
from tui.engine.revoke.account import Book
from tui.engine.revoke.falling import Entry
from tui.engine.revoke.holdings import Holding
from tui.engine.revoke.looking import Looker
from tui.engine.revoke.pieces import CHUNK, Command, Piece, cut, cut_by_slot, taken_out, unlinks
from tui.engine.writer import PATIENCE, Writer

TRIES = 8
"""Times that a transaction is tried before it goes without WATCH."""


@dataclass(slots=True)
class Going:
    """What is there of a piece, and how it goes."""

    keys: list[Holding] = field(default_factory=list)
    entries: list[tuple[Entry, bytes]] = field(default_factory=list)
    """With the type of the index."""
    gone: int = 0
    changed: int = 0
    left: set[bytes] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Why keys could not be looked at."""


class Remover:
    """Removes what falls; keeps the account in `book`."""

    def __init__(
        self, place: Place, run_id: str, book: Book, told_to_stop: Callable[[], bool], *, chunk: int = CHUNK
    ) -> None:
        """Remove on the process `run_id` only, as `Pens` says, at most `chunk` keys and names in one transaction."""
        self.patience = Patience(place.nodes[0], told_to_stop)
        self.left: set[bytes] = set()
        """Keys that stay, as somebody else's by now or as refused, and indexes that do."""
        self._place = place
        self._run_id = run_id
        self._book = book
        self._told_to_stop = told_to_stop
        self._chunk = chunk
        self._pieces: deque[Piece] = deque()
        self._limbo: Piece | None = None
        self._failure: Failure | None = None
        """Why some of it was left."""
        self._pens: Pens | None = None
        self._pen: Writer | None = None
        """To the server that holds the piece under way."""
        self._looker = Looker(self._ask, place.clock.wall)

    async def remove(self, keys: Sequence[Holding], entries: Sequence[Entry]) -> None:
        """Remove keys in this order, then names from indexes.

        Raises:
            Unavailable: it cannot go on; the account is complete all the same.
        """
        pieces = cut_by_slot if self._place.is_cluster else cut
        self._pieces = deque(pieces(keys, entries, self._chunk))
        try:
            while self._pieces or self._limbo is not None:
                try:
                    async with Pens(self._place, self._run_id, _prove) as self._pens:
                        await self._work()
                except Unavailable as error:
                    await self._bear(error.failure)
                    await self._place.look_again()
                else:
                    break
        finally:
            self._book.unknown += 0 if self._limbo is None else len(self._limbo.keys)
            self._book.skipped += sum(len(piece.keys) for piece in self._pieces)
        if self._failure is not None:
            raise Unavailable(self._failure)

    async def _work(self) -> None:
        await self._resolve()
        while self._pieces and not self._told_to_stop():
            await self._attempt(self._pieces[0])
            self.patience.answered()

    async def _move_to(self, piece: Piece) -> None:
        """Go on with the server that holds a piece."""
        assert self._pens is not None
        self._pen = await self._pens.of(piece.first)

    async def _bear(self, failure: Failure) -> None:
        """Wait for a server; in a cluster go on without it when that takes too long.

        Raises:
            Unavailable: there is nothing to go on with.
        """
        try:
            await self.patience.bear(failure)
        except Unavailable:
            if not self._place.is_cluster or failure.kind not in PASSING or self._told_to_stop():
                raise
            self._failure = failure
            self._leave(failure)
            if failure.kind is not Kind.MOVING:  # others on their way, too, have been for as long
                self.patience.answered()

    def _leave(self, failure: Failure) -> None:
        """Leave what is where nobody answers."""
        limbo, self._limbo = self._limbo, None
        if limbo is not None:
            self._book.unknown += len(limbo.keys)
            self._stay(limbo)
            return
        first, *others = self._pieces
        away = self._place.node_of(first.first)
        self._pieces.clear()
        for piece in [first, *others]:
            if piece is first or (failure.kind is not Kind.MOVING and self._place.node_of(piece.first) is away):
                self._book.skipped += len(piece.keys)
                self._stay(piece)
            else:
                self._pieces.append(piece)

    def _stay(self, piece: Piece) -> None:
        self.left |= {one.key for one in piece.keys} | {entry.key for entry in piece.entries}

    async def _attempt(self, piece: Piece) -> None:
        """Take one piece through all steps. Cut short, it stays where it was, or in limbo."""
        await self._move_to(piece)
        going = await self._look(piece)
        removals = list(unlinks(going.keys))
        commands = [*removals, *taken_out(going.entries)]
        question = self._packed([b"MULTI"], *commands, [b"EXEC"]) if commands else None
        self._pieces.popleft()
        self._settle(going)
        if question is None:
            return
        self._limbo = Piece(going.keys, [entry for entry, _ in going.entries], piece.tries)
        replies = await self._ask(question)
        limbo, self._limbo = self._limbo, None
        self._conclude(limbo, len(removals), replies)

    def _settle(self, going: Going) -> None:
        self._book.gone += going.gone
        self._book.changed += going.changed
        self.left |= going.left
        for sentence in going.failed:
            self._book.fail(sentence)

    # -- step 1 and 2 -------------------------------------------------------------------------------------------

    async def _look(self, piece: Piece) -> Going:
        watched = [one.key for one in piece.keys] + [entry.key for entry in piece.entries if _is_own(entry)]
        commands: list[Command] = [[b"UNWATCH"]]
        if watched and piece.tries < TRIES:
            commands.append([b"WATCH", *dict.fromkeys(watched)])
        refused = first_error(await self._ask(self._packed(*commands)))
        if refused is not None and not is_of_one_key(refused):
            raise Unavailable(named(refused, "+watch and +unwatch"))
        going = Going()
        await self._look_at_keys(piece.keys, going)
        await self._look_at_entries(piece.entries, going)
        return going

    async def _look_at_keys(self, keys: Sequence[Holding], going: Going) -> None:
        looked = await self._looker.at([(one.key, (one.role,)) for one in keys])
        now = {one.key: one for one in looked.holdings}
        refused, missing = set(looked.unread), set(looked.missing)
        for one in keys:
            if one.key in missing:
                going.gone += 1
            elif one.key in refused:
                going.failed.append("this user may not read the key, or it is too long")
                going.left.add(one.key)
            elif _is_somebody_elses(one, now[one.key]):
                going.changed += 1
                going.left.add(one.key)
            else:
                going.keys.append(one)

    async def _look_at_entries(self, entries: Sequence[Entry], going: Going) -> None:
        wanted = [entry for entry in entries if entry.names not in self.left | going.left]
        indexes = list(dict.fromkeys(entry.key for entry in wanted))
        kinds = dict(zip(indexes, await self._looker.kinds(indexes), strict=True))
        typed = [(entry, kinds[entry.key]) for entry in wanted]
        held = await self._looker.hold([(entry.key, kind, entry.member) for entry, kind in typed])
        going.entries = [pair for pair, is_held in zip(typed, held, strict=True) if is_held]

    # -- step 3 and 4 -------------------------------------------------------------------------------------------

    def _conclude(self, piece: Piece, unlinks: int, replies: Sequence[Reply]) -> None:
        """Book what the server answered; the first `unlinks` commands were about keys, the others about indexes."""
        done = replies[-1]
        if done is None:
            piece.tries += 1
            self._pieces.appendleft(piece)
            return
        refused = first_error(replies[:-1]) or (done if isinstance(done, ReplyError) else None)
        if refused is not None:
            self._pieces.appendleft(piece)
            self._refused(refused, piece)
            return
        removed = sum(done[:unlinks])
        self._book.removed += removed
        self._book.gone += len(piece.keys) - removed  # they expired in the last moment
        self._book.entries += sum(reply for reply in done[unlinks:] if isinstance(reply, int))
        self._book.reasons.update(why(reply) for reply in done[unlinks:] if isinstance(reply, ReplyError))

    def _refused(self, refused: ReplyError, piece: Piece) -> None:
        """Go on without the key for whose sake a transaction was refused.

        Raises:
            Unavailable: no transaction would fare better now.
        """
        if not is_of_one_key(refused):
            raise Unavailable(named(refused, "+unlink, +srem, +zrem, +lrem, +hdel, +multi and +exec"))
        self._pieces.popleft()
        if len(piece) > 1:
            self._pieces.extendleft(reversed(piece.halves()))
        elif piece.keys:
            self._book.fail(why(refused))
            self.left.add(piece.keys[0].key)
        else:
            self._book.reasons[why(refused)] += 1
            self.left.add(piece.entries[0].key)

    async def _resolve(self) -> None:
        """Read back what was sent and not answered.

        It ran as a whole or not at all: one key that is missing, though its time was not over, says that it did. What
        is there all the same was made since, and goes as well.
        """
        limbo = self._limbo
        if limbo is None:
            return
        await self._move_to(limbo)
        kinds = await self._looker.kinds([one.key for one in limbo.keys])
        now = self._place.clock.wall()
        there = [one for one, kind in zip(limbo.keys, kinds, strict=True) if kind != b"none"]
        missing = [one for one, kind in zip(limbo.keys, kinds, strict=True) if kind == b"none"]
        ran = any(one.expires_at is None or one.expires_at > now for one in missing)
        self._limbo = None
        if ran:
            self._book.removed += len(missing)
            if there or limbo.entries:
                self._pieces.appendleft(Piece(there, limbo.entries, limbo.tries))
        else:
            self._pieces.appendleft(limbo)

    # -- asking -------------------------------------------------------------------------------------------------

    @property
    def _node(self) -> Node:
        assert self._pen is not None
        return self._pen.node

    def _packed(self, *commands: Command) -> Exchange:
        return exchange(*commands, permit=self._node.permit)

    async def _ask(self, question: Exchange) -> list[Reply]:
        assert self._pen is not None
        return await self._pen.send(question, patience=PATIENCE)


async def _prove(pen: Writer) -> None:
    """Make sure that MULTI is not refused: what follows it would run at once."""
    stop_for_all(await pen.ask([b"MULTI"], [b"EXEC"]), "+multi and +exec")


def _is_own(entry: Entry) -> bool:
    """Whether an index is of one user: one without a placeholder is everybody's."""
    return entry.index.family.pattern.literal is None


def _is_somebody_elses(then: Holding, now: Holding) -> bool:
    """Whether a key tells another user, or another login, than it did."""
    others = now.user is not None and then.user is not None and now.user != then.user
    return others or (now.session is not None and then.session is not None and now.session != then.session)
