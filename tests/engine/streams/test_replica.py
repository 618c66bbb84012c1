"""Streams of a replica: everything is seen as on the primary, it comes live, and nothing can be changed."""

from __future__ import annotations

from tests.conftest import Open, Until
from tests.servers import HOST, Server
from tui.engine.failure import Kind
from tui.engine.streams.acts.entries import DeleteEntries
from tui.engine.streams.acts.run import carry_out
from tui.engine.streams.board import StreamBoard
from tui.engine.streams.drill import Inside, PendingPages, look_inside
from tui.engine.tail.live import LiveTail


async def test_streams_of_a_replica_are_seen_like_those_of_its_primary(
    server: Server, open_session: Open, until: Until
) -> None:
    server.ask_all([("XADD", "log", f"{n}-1", "n", n) for n in range(1, 101)])
    server.ask("XGROUP", "CREATE", "log", "g", "0")
    server.ask("XREADGROUP", "GROUP", "g", "ann", "COUNT", 30, "STREAMS", "log", ">")
    with Server(server.generation) as replica:
        assert replica.ask("REPLICAOF", HOST, str(server.port)) == b"OK"
        await until(lambda: replica.ask("XLEN", "log") == 100)
        before = replica.stats()
        session = open_session(replica)
        board, tail = session.of(StreamBoard), session.of(LiveTail)
        tail.choose([b"log"])
        with board.feed.hold(), tail.feed.hold():
            await until(lambda: board.feed.latest and board.feed.latest.streams and board.feed.latest.streams[0].oldest)
            await until(lambda: tail.feed.latest and len(tail.feed.latest.lines) == 100)
            assert board.feed.latest is not None
            (group,) = board.feed.latest.streams[0].groups
            assert (group.pending, group.consumers, group.delivered) == (30, 1, b"30-1")
            assert group.lag == (None if server.generation == "redis-6.2" else 70)
            server.ask("XADD", "log", "101-1", "n", 101)
            await until(lambda: tail.feed.latest and tail.feed.latest.lines[-1].id == b"101-1")
        inside = await look_inside(session.deployment, b"log")
        assert isinstance(inside, Inside)
        assert inside.stream.groups[0].lag == 71, "where the server does not know it, it is counted"
        page = await PendingPages(session.deployment, b"log", b"g").next()
        assert isinstance(page, tuple)
        assert [one.consumer for one in page] == [b"ann"] * 30
        receipt = await carry_out(session.deployment, DeleteEntries(b"log", (b"1-1",)))
        assert receipt.failure is not None
        assert receipt.failure.kind is Kind.READ_ONLY

        def settled() -> bool:
            stats, own = replica.stats(), session.deployment.footprint
            names = ("keyspace_hits", "keyspace_misses")
            return [stats[name] - before[name] for name in names] == [own.hits, own.misses]

        await until(settled)
