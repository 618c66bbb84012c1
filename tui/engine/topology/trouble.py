"""What is wrong with a server and its replication, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tui.engine.cluster.view import Span
from tui.engine.info import Info
from tui.engine.node import NodeState, Phase
from tui.engine.streams.trouble import Level, Trouble
from tui.engine.topology.nodelook import Look
from tui.engine.topology.replication import Follower, Upstream

NAMED = 4
"""Spans of slots that a sentence names."""


def ordered(troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """The worst first."""
    return tuple(sorted(troubles, key=lambda trouble: -trouble.level))


def of_connection(place: str, state: NodeState) -> Iterator[Trouble]:
    """What redtop itself cannot do."""
    why = state.failure.sentence if state.failure else state.phase
    why = why if place in why else f"{place}: {why}"
    if state.phase in {Phase.LOST, Phase.REFUSED}:
        yield Trouble(Level.ACT, "not reached", f"redtop is not connected: {why}")
    elif state.phase is not Phase.LIVE:
        yield Trouble(Level.LOOK, state.phase, why)


def of_server(place: str, look: Look) -> Iterator[Trouble]:
    """What a server says of itself."""
    yield from of_connection(look.place, look.state)
    if look.info is None:
        return
    info = look.info
    if info.integer("loading") or info.integer("async_loading"):
        yield Trouble(Level.LOOK, "loading", f"{place} is loading its data{_percent(info)}")
    if info.text("rdb_last_bgsave_status") == "err":
        yield Trouble(Level.ACT, "cannot save", f"{place} could not save its last snapshot")
    if info.text("aof_last_write_status") == "err":
        yield Trouble(Level.ACT, "cannot save", f"{place} cannot write its append-only file")
    if info.text("aof_last_bgrewrite_status") == "err":
        yield Trouble(Level.LOOK, "cannot rewrite", f"{place} could not rewrite its append-only file")


def of_upstream(place: str, upstream: Upstream, silence: float) -> Iterator[Trouble]:
    """What a replica says of its link to its primary."""
    if upstream.copying:
        share = "" if upstream.copied is None else f", {upstream.copied:.0%} so far"
        yield Trouble(Level.LOOK, "copying", f"{place} is copying everything from {upstream.address}{share}")
    elif not upstream.up:
        since = "" if upstream.down_for is None else f" for {upstream.down_for:.0f} s"
        yield Trouble(Level.ACT, "link down", f"{place} has had no link to its primary {upstream.address}{since}")
    elif upstream.quiet_for is not None and upstream.quiet_for > 2 * silence:  # it is pinged every 10 seconds
        sentence = f"{place} has heard nothing from its primary for {upstream.quiet_for:.0f} s"
        yield Trouble(Level.LOOK, "silent", sentence)


def of_follower(follower: Follower, behind: int | None, backlog: int | None, silence: float) -> Iterator[Trouble]:
    """What a primary says of a replica; `silence` in seconds is worth a word."""
    place = follower.address
    if follower.state != "online":
        sentence = f"{place} is being given a copy of everything ({follower.state})"
        yield Trouble(Level.LOOK, "copying", sentence)
    elif follower.silent_for is not None and follower.silent_for >= silence:
        sentence = f"{place} has acknowledged nothing for {follower.silent_for:.0f} s"
        yield Trouble(Level.LOOK, "silent", sentence)
    if behind is not None and backlog and behind > backlog / 2:
        whole = behind > backlog
        meaning = "if its link breaks now, it has to copy everything" if whole else "more than half of the backlog"
        level = Level.ACT if whole else Level.LOOK
        yield Trouble(level, "behind", f"{place} is {behind:,} bytes behind: {meaning}")


def of_vote(place: str, *, failed: bool, doubts: int, asked: int, slots: Sequence[Span]) -> Iterator[Trouble]:
    """What the other nodes of a cluster say of one."""
    if failed:
        served = f": nobody serves {said(slots)}" if slots else ""
        yield Trouble(Level.ACT, "failed", f"{place} has failed, says the cluster{served}")
    elif doubts:
        yield Trouble(Level.LOOK, "may fail", f"{doubts} of {asked} nodes get no answer from {place}")


def said(slots: Sequence[Span]) -> str:
    """Name slots in few words.

    >>> said([(0, 99), (105, 105)]), said([(7, 7)]), said([(2 * n, 2 * n) for n in range(6)])
    ('slots 0-99, 105', 'slot 7', 'slots 0, 2, 4, 6 and 2 more ranges')
    """
    words = [f"{first}-{last}" if last > first else str(first) for first, last in slots]
    more = f" and {len(words) - NAMED} more ranges" if len(words) > NAMED else ""
    one = len(words) == 1 and slots[0][0] == slots[0][1]
    return f"slot{'' if one else 's'} {', '.join(words[:NAMED])}{more}"


def _percent(info: Info) -> str:
    done = info.real("loading_loaded_perc")
    return "" if done is None else f", {done:.0f}% so far"
