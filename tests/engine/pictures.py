"""The topology as a session sees it, for tests."""

from __future__ import annotations

from tests.cluster import Cluster
from tests.servers import HOST, Server
from tui.engine.session import Session
from tui.engine.topology.picture import Level, Member, Picture
from tui.engine.topology.watch import TopologyWatch


class Watching:
    """The pictures of one session."""

    def __init__(self, session: Session) -> None:
        self.feed = session.of(TopologyWatch).feed

    @property
    def picture(self) -> Picture:
        """The latest."""
        assert self.feed.latest is not None
        return self.feed.latest

    @property
    def said(self) -> list[str]:
        """Troubles of the whole."""
        return [trouble.what for trouble in self.picture.troubles] if self.feed.latest is not None else []

    def worst(self) -> Level:
        """How bad the worst trouble is."""
        return self.picture.all_troubles[0].level

    def member(self, server: Server) -> Member | None:
        """That server, when it is in the picture."""
        members = self.feed.latest.all if self.feed.latest is not None else ()
        return next((member for member in members if member.address == f"{HOST}:{server.port}"), None)

    def troubles(self, server: Server) -> list[str]:
        """What is wrong with it."""
        member = self.member(server)
        return [] if member is None else [trouble.what for trouble in member.troubles]

    def offset(self, server: Server) -> int:
        """How far the stream of changes has come there."""
        member = self.member(server)
        return 0 if member is None or member.offset is None else member.offset

    def behind(self, server: Server) -> int:
        """Bytes that it lags."""
        member = self.member(server)
        return 0 if member is None or member.behind is None else member.behind

    def in_step(self, replica: Server) -> bool:
        """Whether it has acknowledged all there was."""
        member = self.member(replica)
        return member is not None and not member.troubles and member.behind == 0 and bool(member.offset)

    def whole(self, cluster: Cluster) -> bool:
        """Whether everybody is there, every primary tells of itself, and every replica follows."""
        members = [self.member(server) for server in cluster.all]
        told = [self.member(server) for server in cluster.nodes]
        replicas = [self.member(replica) for some in cluster.replicas for replica in some]
        return (
            all(members)
            and all(one is not None and one.look is not None and one.look.info is not None for one in told)
            and all(one is not None and one.silent_for is not None for one in replicas)
        )
