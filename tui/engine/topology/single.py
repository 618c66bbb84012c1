"""The picture of servers that are no cluster: one that redtop is connected to, whom it follows and who follows it."""

from __future__ import annotations

from collections.abc import Mapping

from tui.engine.streams.trouble import Level, Trouble
from tui.engine.topology.nodelook import Look
from tui.engine.topology.picture import Member, worst_first
from tui.engine.topology.replication import Follower, Replication
from tui.engine.topology.trouble import of_follower, of_server, of_upstream, ordered


def single_members(look: Look, gone: Mapping[str, float], silence: float) -> tuple[Member, ...]:
    """Return the top of the tree; `gone` are replicas that were there, and for how many seconds they have not been."""
    told = look.replication
    itself = _itself(look, told, gone, silence)
    if told is None or told.upstream is None:
        return (itself,)
    above = told.upstream.address
    return (Member(f"above {above}", above, primary=True, replicas=(itself,)),)


def _itself(look: Look, told: Replication | None, gone: Mapping[str, float], silence: float) -> Member:
    troubles = list(of_server(look.place, look))
    if told is None:
        return Member(look.place, look.place, primary=True, troubles=ordered(troubles), look=look)
    upstream = told.upstream
    if upstream is not None:
        troubles += of_upstream(look.place, upstream, silence)
    below = [follower_member(one, told, silence) for one in told.followers]
    return Member(
        key=look.place,
        address=look.place,
        primary=upstream is None,
        troubles=ordered(troubles),
        offset=told.offset,
        silent_for=None if upstream is None else upstream.quiet_for,
        look=look,
        replicas=worst_first([*below, *(_gone(address, seconds) for address, seconds in gone.items())]),
    )


def follower_member(follower: Follower, of: Replication, silence: float) -> Member:
    """Return a replica as the server that feeds it tells."""
    behind = lag(of.offset, follower.offset)
    return Member(
        key=follower.address,
        address=follower.address,
        primary=False,
        troubles=ordered(of_follower(follower, behind, of.backlog, silence)),
        offset=follower.offset,
        behind=behind,
        silent_for=follower.silent_for,
    )


def lag(sent: int | None, acknowledged: int | None) -> int | None:
    """Return how many bytes lie between two places in a stream of changes; None where one is not known."""
    return None if sent is None or acknowledged is None else max(0, sent - acknowledged)


def _gone(address: str, seconds: float) -> Member:
    sentence = f"{address} followed until {seconds:.0f} s ago, and is not connected any more"
    return Member(address, address, primary=False, troubles=(Trouble(Level.ACT, "gone", sentence),))
