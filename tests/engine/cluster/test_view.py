"""What nodes write about each other, read back; the hard lines are rare on real clusters."""

from __future__ import annotations

from tui.engine.cluster.view import Moving, offsets_of, view_of, view_of_shards
from tui.engine.info import Info
from tui.engine.topology.replication import replication_of

NODES = b"""\
aa 10.0.0.1:6379@16379,node-a.example.com,shard-id=69bc myself,master - 0 0 7 connected 0-5 9 [3->-bb] [11-<-cc]
bb [2001:db8::7]:7001@17001 master,fail? - 1 2 8 disconnected 6-8 100-16383
cc :0@0 master,fail,noaddr - 1 2 6 disconnected
dd 10.0.0.4:6379@16379 slave,nofailover aa 0 1 7 connected
ee 10.0.0.5:6379@16379 handshake - 0 0 0 disconnected
ff 10.0.0.6\x1b[2J:6379@16379 slave bb 0 1 8 connected
a line that means nothing
"""


def test_a_view_is_read_from_cluster_nodes() -> None:
    view = view_of(NODES, b"cluster_state:fail\r\ncluster_current_epoch:9\r\n")
    assert (view.me, view.ok, view.epoch) == ("aa", False, 9)
    assert sorted(view.members) == ["aa", "bb", "cc", "dd", "ff"], "who shakes hands is no member yet"
    first = view.members["aa"]
    assert (first.address, first.primary, first.slots) == ("10.0.0.1:6379", True, ((0, 5), (9, 9)))
    assert first.moving == (Moving(3, "bb", leaves=True), Moving(11, "cc", leaves=False))
    second = view.members["bb"]
    assert (second.address, second.doubted, second.failed) == ("[2001:db8::7]:7001", True, False)
    third = view.members["cc"]
    assert (third.address, third.failed) == ("?:0", True)
    assert view.members["dd"].follows == "aa"
    assert not view.members["dd"].primary
    assert view.members["ff"].address == "10.0.0.6\\x1b[2J:6379", "only safe text"


def test_without_cluster_info_the_epoch_is_the_highest_of_all() -> None:
    view = view_of(NODES, None)
    assert (view.ok, view.epoch) == (None, 8)


def test_shards_tell_nearly_the_same() -> None:
    def node(name: bytes, role: bytes, offset: int, health: bytes = b"online") -> list[object]:
        return [b"id", name, b"port", 7, b"ip", b"10.0.0.9", b"role", role, b"replication-offset", offset,
                b"health", health]  # fmt: skip

    shards = [
        [b"slots", [0, 5, 9, 9], b"nodes", [node(b"aa", b"master", 70), node(b"dd", b"replica", 0)]],
        [b"slots", [], b"nodes", [node(b"bb", b"master", 80, b"fail")], b"id", b"xx"],
    ]
    view = view_of_shards(shards, None)
    assert view.members["aa"].slots == ((0, 5), (9, 9))
    assert view.members["dd"].follows == "aa"
    assert view.members["bb"].failed
    assert offsets_of(shards) == {"aa": 70, "bb": 80}, "0 means that it is not known"


def test_replication_is_read_whatever_a_server_adds_or_leaves_out() -> None:
    lines = (
        b"role:slave\r\nmaster_host:db.example.com\r\nmaster_port:6380\r\nmaster_link_status:down\r\n"
        b"master_sync_in_progress:1\r\nmaster_sync_total_bytes:200\r\nmaster_sync_left_bytes:50\r\n"
        b"master_link_down_since_seconds:-1\r\nslave_repl_offset:12\r\nconnected_slaves:3\r\n"
        b"slave0:ip=fe80::1,port=6379,state=wait_bgsave,offset=0,lag=0,type=replica\r\n"
        b"slave1:nonsense\r\nslave2:ip=\x1b]0;x,port=-,state=online,offset=,lag=-1\r\n"
    )
    told = replication_of(Info(lines))
    assert told.upstream is not None
    assert (told.upstream.address, told.upstream.up, told.upstream.copied) == ("db.example.com:6380", False, 0.75)
    assert told.upstream.down_for is None
    assert (told.offset, told.backlog) == (12, None)
    assert [(one.address, one.state, one.offset, one.silent_for) for one in told.followers] == [
        ("[fe80::1]:6379", "wait_bgsave", 0, 0.0),
        ("\\x1b]0;x:0", "online", None, None),
    ]


def test_a_server_that_claims_a_million_replicas_costs_nothing() -> None:
    assert replication_of(Info(b"role:master\r\nconnected_slaves:1000000\r\n")).followers == ()
