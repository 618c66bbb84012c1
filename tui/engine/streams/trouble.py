"""What is wrong with a stream, in the order in which a person should care."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from tui.engine.commands import Reply
from tui.engine.printable import printable
from tui.engine.streams.look import Consumer, Group, Stream, consumer_of, pending_of

Expected = Callable[[bytes], Sequence[bytes]]
"""Names the groups that a stream should have; a schema knows."""


class Level(IntEnum):
    """How much it matters."""

    FINE = 0
    LOOK = 1
    ACT = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on something is worth a word; a schema may say otherwise."""

    lag: int = 100
    """Entries behind: more than a batch."""
    dead: float = 600.0
    """Seconds that a consumer with pending entries is silent: longer than any pause for a deployment."""
    deliveries: int = 5
    """Deliveries of one entry: what failed four times will fail again."""
    stuck: float = 30.0
    """Seconds in which entries came and a group read none: longer than a blocking read waits."""
    forgotten: float = 600.0
    """Seconds since the oldest pending entry was delivered: nobody is working on it any more."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong."""

    level: Level
    what: str
    """One or two words: `stuck`, `lost`, `dead`, `poison`, `forgotten`, `behind`, `no group`, `unknown`."""
    sentence: str
    """Safe text."""
    group: bytes | None = None


def with_pending(group: Group, reply: Sequence[Reply], limit: Thresholds) -> Group:
    """Add what the group's oldest pending entries (a reply of XPENDING) tell."""
    oldest = [pending_of(entry) for entry in reply]
    poisoned = sum(one.deliveries >= limit.deliveries for one in oldest)
    return replace(group, oldest=oldest[0] if oldest else None, poisoned=poisoned)


def with_consumers(group: Group, reply: Sequence[Reply], limit: Thresholds) -> Group:
    """Add how many of its consumers (a reply of XINFO CONSUMERS) are dead."""
    members = tuple(map(consumer_of, reply))
    return replace(group, members=members, dead=sum(is_dead(consumer, limit) for consumer in members))


def is_dead(consumer: Consumer, limit: Thresholds) -> bool:
    """Whether a consumer holds entries and has been silent for too long."""
    return consumer.pending > 0 and consumer.idle >= limit.dead


def with_missing(stream: Stream, expected: Expected) -> Stream:
    """Add which groups it lacks; without permission to see them nobody knows."""
    there = {group.name for group in stream.groups}
    missing = () if stream.denied else tuple(name for name in expected(stream.key) if name not in there)
    return replace(stream, missing=missing) if missing else stream


def troubles_of(stream: Stream, thresholds: Thresholds) -> tuple[Trouble, ...]:
    """Return what is wrong with a stream, the worst first."""
    found = [trouble for group in stream.groups for trouble in _of_group(group, thresholds)]
    found += [
        Trouble(Level.ACT, "no group", f"the group {printable(name)} does not exist: nobody reads for it", name)
        for name in stream.missing
    ]
    if stream.denied:
        found.append(Trouble(Level.LOOK, "unknown", stream.denied))
    return tuple(sorted(found, key=lambda trouble: -trouble.level))


def _of_group(group: Group, limit: Thresholds) -> Iterator[Trouble]:
    name = printable(group.name)
    if group.stuck_for is not None and group.stuck_for >= limit.stuck:
        sentence = f"{name} reads nothing though entries come, for {group.stuck_for:.0f} s"
        yield Trouble(Level.ACT, "stuck", sentence, group.name)
    if group.lost:
        yield Trouble(
            Level.ACT, "lost", f"{group.lost:,} entries were trimmed away before {name} read them", group.name
        )
    if group.dead:
        who = "a consumer" if group.dead == 1 else f"{group.dead} consumers"
        sentence = f"pending entries of {name} are held by {who} silent for over {limit.dead / 60:.0f} min"
        yield Trouble(Level.ACT, "dead", sentence, group.name)
    if group.poisoned:
        sentence = (
            f"{group.poisoned} of {name}'s oldest pending entries were delivered {limit.deliveries} times or more"
        )
        yield Trouble(Level.LOOK, "poison", sentence, group.name)
    if group.oldest is not None and group.oldest.idle >= limit.forgotten and not group.dead:
        sentence = f"the oldest pending entry of {name} was last delivered {group.oldest.idle / 60:.0f} min ago"
        yield Trouble(Level.LOOK, "forgotten", sentence, group.name)
    if group.lag is not None and group.lag >= limit.lag:
        yield Trouble(Level.LOOK, "behind", f"{name} is {group.lag:,} entries behind", group.name)
