"""Follows what stands where: every server that redtop is connected to is looked at, and told of those it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from tui.engine.cluster.view import View
from tui.engine.node import Node
from tui.engine.session import Collector, Session
from tui.engine.thresholds import together
from tui.engine.topology.clusters import ClusterPicture, cluster_troubles
from tui.engine.topology.nodelook import Look, NodeLook
from tui.engine.topology.picture import Guard, Kind, Member, Picture, worst_first
from tui.engine.topology.single import single_members

VIEWS = 16
"""Views of a cluster asked for in one look: each is a line per node and 0.2 ms, so many nodes take turns."""
REMEMBERED = 600.0
"""Seconds for which a replica that went away is shown: longer than a restart, shorter than people remember why."""


class TopologyWatch(Collector[Picture]):
    """Publishes a picture at every tick while somebody watches."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._silence = together(schema.thresholds for schema in session.options.schemas).replica_lag
        self._looks: dict[Node, NodeLook] = {}
        self._round = 0
        self._views: Sequence[View] = ()
        self._names: dict[str, str] = {}
        self._followers = _Followers()
        self._guard: Guard | None = None
        self._guarded_at: str | None = None
        """Where the server that sentinels lead to answered last."""

    async def run(self) -> None:
        """Look and publish until cancelled."""
        async for _ in self.ticks():
            self.feed.publish(await self.look())

    async def look(self) -> Picture:
        """Look once at every node, all at the same time."""
        nodes = await self.session.deployment.known()
        self._looks = {node: self._looks.get(node) or NodeLook(node) for node in nodes}
        self._round += 1
        turns = -(-len(nodes) // VIEWS)
        looks = await asyncio.gather(
            *(
                look.look(whole=look.latest.view is None or (self._round + number) % turns == 0)
                for number, look in enumerate(self._looks.values())
            )
        )
        return self._picture(looks)

    def _picture(self, looks: Sequence[Look]) -> Picture:
        wall = self.session.clock.wall()
        rules = tuple(sorted({rule for look in looks for rule in look.rules}))
        # When no node answers the last picture stays, with what has become of the connections.
        unanswered = all(look.info is None for look in looks)
        self._views = [look.view for look in looks if look.view is not None] or (self._views if unanswered else ())
        if self._views:
            self._names |= {look.place: look.view.me for look in looks if look.view is not None and look.view.me}
            cluster = ClusterPicture(self._views, looks, self._names, self._silence)
            health = cluster.health
            return Picture(Kind.CLUSTER, cluster.members, wall, health, troubles=cluster_troubles(health), rules=rules)
        members = worst_first(member for look in looks for member in self._single(look))
        return Picture(_kind(members), members, wall, guard=self._guarded(looks[0], wall), rules=rules)

    def _guarded(self, look: Look, wall: float) -> Guard | None:
        """Return what Sentinel says, and whether it led elsewhere while redtop was looking."""
        sentinels = self.session.deployment.sentinels
        if sentinels is None or sentinels.guarded is None:
            return None
        known = self._guard or Guard(sentinels.label, 0)
        if look.info is not None:
            if self._guarded_at not in {None, look.place}:
                known = replace(known, changed_at=wall, before=self._guarded_at)
            self._guarded_at = look.place
        self._guard = replace(known, sentinels=1 + len(sentinels.guarded.sentinels))
        return self._guard

    def _single(self, look: Look) -> Sequence[Member]:
        return single_members(look, self._followers.gone(look), self._silence)


class _Followers:
    """Remembers who followed: a server forgets a replica as soon as its connection ends."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._seen: dict[str, dict[str, float]] = {}

    def gone(self, look: Look) -> dict[str, float]:
        """Return who followed and does not any more, and for how many seconds."""
        told = look.replication
        if look.info is not None and told is not None:
            # Another process, or another part in replication: its followers are other ones.
            who = f"{look.info.text('run_id')} {'' if told.upstream is None else told.upstream.address}"
            if self._of.get(look.place) != who:
                self._of[look.place] = who
                self._seen[look.place] = {}
            self._seen[look.place] |= {one.address: look.at for one in told.followers}
        seen = self._seen.get(look.place, {})
        now = {one.address for one in told.followers} if told is not None else set()
        return {
            address: look.at - at for address, at in seen.items() if address not in now and look.at - at < REMEMBERED
        }


def _kind(members: Sequence[Member]) -> Kind:
    return Kind.SINGLE if sum(len(list(member.all)) for member in members) == 1 else Kind.REPLICATED
