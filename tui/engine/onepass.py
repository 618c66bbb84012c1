"""One scan of the keyspace from end to end, in bounded memory whatever it reads."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol, TypeVar

from tui.engine.cluster.routing import is_unsettled
from tui.engine.commands import Reply
from tui.engine.estimate import Sample
from tui.engine.failure import ReplyError
from tui.engine.families import Families
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import BigKey, Keyspace, Soon, family_of, lifetimes_of
from tui.engine.nodescan import Piece
from tui.engine.printable import printable

KEPT_STREAMS = 2000
"""Streams remembered."""
KEPT_SOON = 500
"""Keys remembered that expire soonest: enough to stay ahead of the clock until the next pass."""
SMALL = 200
"""Keys that may come or go without making it another keyspace."""
KEPT_BIG = 20
"""Keys remembered that take the most memory."""


class Observer(Protocol):
    """Sees every page that a survey reads, and asks the server nothing for it."""

    async def begin(self) -> None:
        """Get ready: another pass begins. Called again without an end when the last one had to be given up."""

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        """Take in one page, in parallel sequences. A TTL of -1 means none; a size of 0 that it is not known."""

    def end(self, keys: int) -> None:
        """Take note that the pass has read everything: so many keys."""


class Pass:
    """One scan from end to end over all nodes; bounded memory whatever it reads."""

    def __init__(self, shaper: Shaper, observers: Sequence[Observer] = ()) -> None:
        self.families = Families(shaper)
        self._observers = observers
        self.dbsize: dict[int, int] = {}
        """Keys there are, by the number of the node."""
        self.streams: dict[bytes, None] = {}
        self.refused: Counter[int] = Counter()
        """Keys skipped because this user may not look at them, by the number of the node."""
        self.unsettled = False
        """Whether keys were on their way to another node: they may have been missed, or met twice."""
        self._soon: list[tuple[float, bytes]] = []
        self._big: list[tuple[int, bytes, bytes]] = []

    @property
    def counted(self) -> int:
        """Keys there are, as the servers count them (with those that expired and were not reaped yet)."""
        return sum(self.dbsize.values())

    @property
    def unreadable(self) -> int:
        """Keys skipped because this user may not look at them."""
        return self.refused.total()

    @property
    def population(self) -> int:
        """Of all keys those this user may look at: all, unless some were refused; then an estimate."""
        return sum(self._readable(number) for number in self.dbsize)

    def _readable(self, number: int) -> int:
        """Return how many keys of a node this user may look at."""
        refused, keys = self.refused[number], self.dbsize.get(number, 0)
        if not refused:
            return keys
        read = self.families.pages.parts[number].keys if number < len(self.families.pages.parts) else 0
        return round(keys * read / (read + refused))

    @property
    def sample(self) -> Sample:
        """What was read, and how many keys each node has."""
        numbers = range(max(self.dbsize, default=0) + 1)
        return Sample.of(self.families.pages, [self._readable(number) for number in numbers])

    def take(
        self,
        keys: Sequence[bytes],
        types: Sequence[Reply],
        ttls: Sequence[Reply],
        sizes: Sequence[Reply],
        wall: float,
        number: int = 0,
        pieces: Sequence[Piece] = (),
    ) -> None:
        """Fold one page of keys of a node with the replies about them; keys that are gone by now are left out.

        `pieces` are what it consists of, when it is not all from one place.
        """
        page = Page(keys, types, ttls, sizes)
        parts = page.parts(pieces) if pieces else [(page, None)]
        if not page.is_whole():
            unsettled = sum(map(is_unsettled, types))
            self.unsettled = self.unsettled or unsettled > 0
            self.refused[number] += sum(isinstance(kind, ReplyError) for kind in types) - unsettled
            page = page.without_gone()
            parts = [(part.without_gone(), group) for part, group in parts]
        if page.keys:
            for part, group in parts:
                self.families.add_page(*part, stratum=number, group=group)
            self._remember(page, wall)
            for observer in self._observers:
                observer.take(*page)

    def _remember(self, page: Page, wall: float) -> None:
        """Keep the few keys worth naming: streams, those that expire soonest, the biggest."""
        keys, types, ttls, sizes = page
        if b"stream" in types and len(self.streams) < KEPT_STREAMS:
            self.streams.update((key, None) for key, kind in zip(keys, types, strict=True) if kind == b"stream")
        full = len(self._soon) == KEPT_SOON
        limit = (-self._soon[0][0] - wall) * 1000 if full else math.inf
        for ttl, key in [pair for pair in zip(ttls, keys, strict=True) if 0 <= pair[0] < limit]:
            _push(self._soon, (-(wall + ttl / 1000), key), KEPT_SOON)
        floor = self._big[0][0] if len(self._big) == KEPT_BIG else 0
        if max(sizes) > floor:
            for key, kind, size in zip(keys, types, sizes, strict=True):
                if size > floor:
                    _push(self._big, (size, key, kind), KEPT_BIG)

    def soonest(self) -> tuple[Soon, ...]:
        """Return the keys seen that expire next."""
        return tuple(Soon(-when, key) for when, key in sorted(self._soon, reverse=True))

    def biggest(self) -> tuple[BigKey, ...]:
        """Return the biggest keys seen, biggest first."""
        return tuple(BigKey(key, printable(kind), size) for size, key, kind in sorted(self._big, reverse=True))

    @property
    def left_out(self) -> str | None:
        """What this user may not look at: a sentence; None when that is nothing."""
        return f"{self.unreadable} keys are left out: this user may not read them" if self.unreadable else None

    def picture(self, sample: Sample, *, sized: bool) -> Keyspace:
        """Scale up what has been seen to the keys that the sample is of; `sized` when all sizes were told."""
        total, scale = self.families.total(sample), sample.scale
        folded = self.families.folded(min(1.0, 1 / scale) if scale else 1.0)
        families = [family_of(shape, tally, sample, sized=sized) for shape, tally in folded.items()]
        families.sort(key=lambda family: (-family.keys, family.shape))
        return Keyspace(
            families=tuple(families),
            dbsize=sample.population,
            scanned=sample.keys,
            complete=False,
            finished_at=None,
            ttl_buckets=tuple(round(count * scale) for count in total.ttl_buckets),
            no_ttl=round(total.no_ttl * scale),
            streams=tuple(self.streams),
            lifetimes=lifetimes_of(total, sample, sized=sized),
            soonest=self.soonest(),
            biggest=self.biggest(),
        )


class Page(NamedTuple):
    """What was answered about some keys, in the same order."""

    keys: Sequence[bytes]
    types: Sequence[Reply]
    ttls_ms: Sequence[Reply]
    sizes: Sequence[Reply]

    def is_whole(self) -> bool:
        """Whether every key was still there and may be read; checked at the speed of C, as it nearly always holds."""
        kinds = set(self.types)
        return (
            b"none" not in kinds
            and set(map(type, kinds)) == {bytes}
            and set(map(type, self.ttls_ms)) == set(map(type, self.sizes)) == {int}
            and -2 not in self.ttls_ms
        )

    def parts(self, pieces: Sequence[Piece]) -> list[tuple[Page, int | None]]:
        """Cut it into its pieces, each with the group that it belongs to."""
        ends = list(accumulate(piece.keys for piece in pieces))
        cuts = [slice(end - piece.keys, end) for piece, end in zip(pieces, ends, strict=True)]
        return [(Page(*(row[cut] for row in self)), piece.group) for piece, cut in zip(pieces, cuts, strict=True)]

    def without_gone(self) -> Page:
        """Leave out keys that vanished since they were listed, and those this user may not read."""
        rows = [
            (key, kind, ttl, size if type(size) is int else 0)
            for key, kind, ttl, size in zip(*self, strict=True)
            if type(ttl) is int and ttl != -2 and type(kind) is bytes and kind != b"none"
        ]
        return Page(*zip(*rows, strict=True)) if rows else Page((), (), (), ())


Item = TypeVar("Item", bound=tuple[object, ...])


def _push(heap: list[Item], item: Item, most: int) -> None:
    """Put an item on a min-heap that keeps the `most` largest."""
    if len(heap) < most:
        heapq.heappush(heap, item)
    else:
        heapq.heappushpop(heap, item)


def alike(now: int, then: int) -> bool:
    """Whether two numbers of keys can be of the same keyspace a little later; an empty one is always another."""
    return (now == 0) == (then == 0) and 0.5 < (now + SMALL) / (then + SMALL) < 1.5
