"""Which slots of a node hold the most keys and take the most CPU (CLUSTER SLOT-STATS: Valkey 8, Redis 8.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tui.engine.commands import Reply
from tui.engine.info import Identity

ASKED = 16
"""Slots that are asked about: enough for one that is hot now to be among those that ever took the most."""


@dataclass(frozen=True, slots=True)
class SlotStats:
    """Some slots of one node."""

    fullest: tuple[tuple[int, int], ...] = ()
    """(slot, keys), the most first; empty slots are left out."""
    spent: Mapping[int, int] | None = None
    """Microseconds of CPU by slot, ever, of those that took the most; None where the server does not count them."""
    busiest: tuple[tuple[int, int], ...] = ()
    """(slot, microseconds between the last two looks), the most first."""
    costs_next: bool = False
    """Whether the next question is about CPU: the two take turns."""


def counts_slots(who: Identity) -> bool:
    """Whether a server knows the command."""
    return who.version_tuple >= ((8,) if who.product == "Valkey" else (8, 2))


def slot_question(who: Identity, before: SlotStats) -> Sequence[bytes | int] | None:
    """Return what to ask; None where the server does not know it. A server that counts no CPU is not asked about it."""
    if not counts_slots(who):
        return None
    order = b"CPU-USEC" if before.costs_next else b"KEY-COUNT"
    return b"CLUSTER", b"SLOT-STATS", b"ORDERBY", order, b"LIMIT", ASKED, b"DESC"


def slots_of(reply: Sequence[Reply], before: SlotStats) -> SlotStats:
    """Read the answer to the question that came after `before`."""
    rows = [(slot, dict(zip(pairs[::2], pairs[1::2], strict=False))) for slot, pairs in reply]
    if not before.costs_next:
        fullest = tuple((slot, about[b"key-count"]) for slot, about in rows if about.get(b"key-count"))
        return replace(before, fullest=fullest, costs_next=any(b"cpu-usec" in about for _, about in rows))
    spent = {slot: about.get(b"cpu-usec", 0) for slot, about in rows}
    # What went back was reset meanwhile.
    known = before.spent or {}
    grown = ((slot, usec - known[slot]) for slot, usec in spent.items() if usec > known.get(slot, usec))
    busiest = tuple(sorted(grown, key=lambda pair: -pair[1]))
    return SlotStats(before.fullest, spent, busiest, costs_next=False)
