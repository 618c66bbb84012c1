"""One node of a cluster read from all of its slots at once, so that what has been read is like what has not.

Where the keys of each slot have a table of their own (Valkey 8, Redis 7.4 and later) SCAN goes through one slot after
the other. Keys that share a hash tag share a slot, so a part of such a scan leans to whatever the first slots hold: a
tenant that is a tenth of the keyspace is in it whole, or not at all. So each slot is read by a cursor of its own, and
at any time about the same part of every slot has been read.

That rests on how cursors look there: the lowest 14 bits are the slot, the others the place in its table, counted from
its highest bit down (`kvstoreScan` and `dictScan` of the servers; valkey-io/valkey#33). So SCAN can begin at any slot,
and a cursor tells how much of a slot it has passed; the rest of a page is of the slots that follow. None of this is
promised, so it is looked at first (`Lookout`), and in every page again: a server that does it another way is read as it
wants to be. What SCAN does promise holds, for each table is read from its beginning to its end, and every slot belongs
to exactly one stretch, also those that hold nothing or should hold nothing.

Which stretch is read next is sampling with probabilities proportional to size (Cochran, Sampling Techniques, 3rd ed.,
section 9A.9): the n-th piece of a stretch is due when n plus a number by chance, the same for all its pieces, is the
part of the stretch that should have been read by then.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from tui.engine.cluster.slots import SLOTS
from tui.engine.commands import Exchange, KeyQuestions, Reply, exchange
from tui.engine.estimate import GROUPS
from tui.engine.failure import Failure
from tui.engine.nodescan import Answered, NodeScan, Piece, Restart, questioned, told
from tui.engine.slotcursor import Disorder, part_of, slot_in, within
from tui.engine.slotsizes import Commands, Looking, Sizes, look

FEW = 1000
"""Keys up to which a node is read from end to end sooner than its slots are looked into."""
PIECE = 16
"""Keys read at a time in one slot: few, so that a page is of several slots."""
PIECES, PIECE_MOST = 4, 64
"""Pieces that a page has at least, and the keys that one has at most, where pages are big."""
AHEAD = 2
"""Times its part of a page that one piece of a slot may be: so a slot which holds most of a node keeps up with others,
though a page has only one piece of it."""
REST = 1.5
"""What is up to so many pieces is read at once, rather than leaving a few keys to be asked for by themselves."""
OVERRUN = 4
"""Keys asked for where a slot should be at its end, and is not."""


@dataclass(slots=True)
class Stretch:
    """A slot, or small ones beside each other, read by one cursor."""

    first: int
    last: int
    """The last slot; those after the first may hold nothing."""
    keys: float
    """About how many there are."""
    single: bool
    """Whether all of them are in the first slot: in there they come in the order of hashes, which is random."""
    phase: float
    """By chance, from 0 to 1: when its pieces are due."""
    group: int
    """The group that it belongs to when it is not single: what comes together stays together."""
    cursor: int = field(init=False)

    def __post_init__(self) -> None:
        self.cursor = self.first

    @property
    def position(self) -> float:
        """The part of it that has been read, 0 to 1."""
        slot, part = part_of(self.cursor)
        if self.single:
            return part if slot == self.first else 1.0
        return (slot - self.first + part) / (self.last - self.first + 1)

    def due(self, piece: int, beyond: float) -> float:
        """Return which part of all stretches should have been read when the next piece of this one is.

        Of `beyond` see `Sizes`.
        """
        position = self.position
        step = (self.count(piece) + beyond) / max(self.keys, 1.0)
        return position + self.phase * min(step, 1.0 - position)

    def count(self, piece: int) -> int:
        """Return how many keys to ask for."""
        left = ceil(self.keys * (1.0 - self.position))
        return max(OVERRUN, left if left < REST * piece else piece)


def stretches(sizes: Mapping[int, float], chance: random.Random, piece: int = PIECE) -> Iterator[Stretch]:
    """Cut all slots into stretches; `sizes` are the keys in those that hold some, by slot, in ascending order.

    A slot with enough keys for a piece stands by itself, smaller ones are put together.
    """
    runs: list[list[int]] = [] if 0 in sizes else [[0]]
    gathered = 0.0
    for slot, keys in sizes.items():
        if not gathered or gathered >= piece or keys >= piece:
            runs.append([])
            gathered = 0.0
        runs[-1].append(slot)
        gathered += keys
    ends = [*(run[0] - 1 for run in runs[1:]), SLOTS - 1]
    for run, end in zip(runs, ends, strict=True):
        keys = sum(sizes.get(slot, 0.0) for slot in run)
        yield Stretch(run[0], end, keys, len(run) == 1, chance.random(), chance.randrange(GROUPS))


class SlotScan:
    """Where the scan of one node stands; used like a `NodeScan`, and reads like one where slots are not in order."""

    def __init__(self, chance: random.Random, disorder: Callable[[], None], *, counts: bool) -> None:
        """Read a node in an order by `chance`.

        `disorder` is called when it turns out to give its keys in another; `counts` says that the server knows
        SLOT-STATS.
        """
        self._keys: list[bytes] = []
        self._pieces: list[Piece] = []
        self._chance = chance
        self._disorder = disorder
        self._looking: Looking | None = look(counts=counts)
        self._looked: Commands = next(self._looking)
        """What is asked while looking."""
        self._plain: NodeScan | None = None
        self._open: list[tuple[float, int, Stretch]] = []
        """A heap of what is not read to its end, by when it is due."""
        self._asked: list[Stretch] = []
        """What the question under way is about."""
        self._page = 0
        """Keys in a page."""
        self._total = 0.0
        """About how many keys there are."""
        self._beyond = 0.0
        """See `Sizes`."""
        self._deck: list[int] = []
        """Groups that the next pieces are dealt to."""

    @property
    def keys(self) -> list[bytes]:
        """The page that comes next: it has been listed, and not been asked about."""
        return self._keys if self._plain is None else self._plain.keys

    @property
    def looks(self) -> bool:
        """Whether it is still looking at what there is to read."""
        return self._looking is not None and self._plain is None

    @property
    def ended(self) -> bool:
        """Whether everything has been listed and asked about."""
        if self._plain is not None:
            return self._plain.ended
        return not self.looks and not self._open and not self._asked and not self.keys

    def question(self, questions: KeyQuestions, count: int) -> Exchange:
        """Ask about the keys, for the number of keys there are, and for about `count` more if there may be more."""
        if self._plain is not None:
            return self._plain.question(questions, count)
        self._page = count
        if self.looks:
            return exchange([b"DBSIZE"], *self._looked)
        self._choose()
        pages = [(one.cursor, one.count(self._piece_of(one))) for one in self._asked]
        return questioned(questions, self.keys, pages)

    def _choose(self) -> None:
        """Take the stretches that are due; those of a question that was not answered are asked again."""
        wanted = sum(one.count(self._piece_of(one)) for one in self._asked)
        while self._open and wanted < self._page:
            _, _, stretch = heapq.heappop(self._open)
            self._asked.append(stretch)
            wanted += stretch.count(self._piece_of(stretch))

    def _piece_of(self, stretch: Stretch) -> int:
        """Return how many keys a piece of a stretch has."""
        share = ceil(AHEAD * self._page * stretch.keys / self._total) if self._total else 0
        return max(self._least, min(self._page, share))

    @property
    def _least(self) -> int:
        """Keys in a piece at least."""
        return max(PIECE, min(PIECE_MOST, self._page // PIECES))

    def dbsize(self, questions: KeyQuestions, replies: Sequence[Reply]) -> int | Failure:
        """Return how many keys there are, or why the question has to be asked again."""
        if self._plain is not None:
            return self._plain.dbsize(questions, replies)
        counting = self.looks and self._looked[0][0] == b"CLUSTER"  # whoever may not count slots looks into them
        return told(questions, self.keys, replies[:1] if counting else replies)

    def take(self, node: int, questions: KeyQuestions, replies: Sequence[Reply]) -> Answered | None:
        """Go on to the next page; return the one that was answered, if it held any keys.

        Raises:
            Restart: keys are not where the cursor says.
        """
        if self._plain is not None:
            return self._plain.take(node, questions, replies)
        if self._looking is not None:
            self._look(self._looking, replies)
            return None
        answered = Answered(node, self.keys, questions, replies, self._pieces) if self.keys else None
        pages = replies[len(questions.names) * len(self.keys) + 1 :]
        asked, self._asked, self._keys, self._pieces = self._asked, [], [], []
        try:
            for stretch, (cursor, keys) in zip(asked, pages, strict=True):
                self._advance(stretch, int(cursor), keys)
        except Disorder:
            self._disorder()
            raise Restart from None
        return answered

    def _look(self, looking: Looking, replies: Sequence[Reply]) -> None:
        """Take in what was seen of the slots, and begin to read when that is all."""
        if replies[0] <= FEW:
            self._plain = NodeScan()
            return
        try:
            self._looked = looking.send(replies[1:])
        except Disorder:
            self._disorder()
            self._plain = NodeScan()
        except StopIteration as end:
            self._begin(end.value)

    def _begin(self, sizes: Sizes) -> None:
        """Get ready to read."""
        self._looking, self._beyond, self._total = None, sizes.beyond, sum(sizes.keys.values())
        for stretch in stretches(sizes.keys, self._chance, self._least):
            self._put(stretch)

    def _advance(self, stretch: Stretch, cursor: int, keys: list[bytes]) -> None:
        """Take in a piece; what is of the slots after the stretch is theirs."""
        mine = within(stretch.cursor, cursor, keys, stretch.last)
        if mine:
            self._keys += mine
            self._pieces.append(Piece(len(mine), self._dealt() if stretch.single else stretch.group))
        if cursor and slot_in(cursor) <= stretch.last:
            stretch.cursor = cursor
            self._put(stretch)

    def _put(self, stretch: Stretch) -> None:
        due = stretch.due(self._piece_of(stretch), self._beyond)
        heapq.heappush(self._open, (due, stretch.first, stretch))

    def _dealt(self) -> int:
        """Return a group by chance, each as often as the others."""
        if not self._deck:
            self._deck = self._chance.sample(range(GROUPS), GROUPS)
        return self._deck.pop()
