"""Slots as the servers count them, and what replies tell of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import Server
from tui.engine.cluster.owners import Home, Topology, claim_of, endpoints, topology_of
from tui.engine.cluster.routing import joined, taken_apart
from tui.engine.cluster.slots import slot_of
from tui.engine.commands import exchange

NODES = b"""\
aa 10.0.0.1:7000@17000,one.example.com myself,master - 0 0 7 connected 0-99 200 [100->-bb] [300-<-bb]
bb 10.0.0.2:7000@17000,two.example.com master - 0 1 9 connected 100-199 201-16383
cc 10.0.0.3:7000@17000 slave bb 0 1 9 connected
dd :0@0 master,noaddr,fail - 0 1 3 disconnected
ee 10.0.0.5:7000@17000 handshake - 0 0 0 connected
"""


@pytest.fixture(scope="module")
def clustered() -> Iterator[Server]:
    with Server("valkey-9.1", "--cluster-enabled", "yes") as server:
        yield server


def test_a_slot_is_what_the_server_says(clustered: Server) -> None:
    keys: list[bytes] = [b"", b"{}", b"{a}b", b"a{b}{c}", b"{", b"}{", b"a{}{b}", b"{{a}}", b"\x00\xff", b"x" * 10_000]
    assert [slot_of(key) for key in keys] == clustered.ask_all([("CLUSTER", "KEYSLOT", key) for key in keys])

    @given(st.lists(st.binary(max_size=12) | st.text("{}ab", max_size=8).map(str.encode), max_size=200))
    def any_keys(some: list[bytes]) -> None:
        asked = clustered.ask_all([("CLUSTER", "KEYSLOT", key) for key in some]) if some else []
        assert [slot_of(key) for key in some] == asked

    any_keys()


def test_primaries_are_those_with_slots_and_only_the_one_that_tells_knows_what_moves() -> None:
    found = topology_of(NODES, None, b"cluster_state:ok\r\ncluster_current_epoch:9\r\n")
    assert found is not None
    assert [(home.id, home.host, home.port) for home in found.homes] == [
        ("aa", "10.0.0.1", 7000),
        ("bb", "10.0.0.2", 7000),
    ]
    assert found.homes[0].slots == ((0, 99), (200, 200))
    assert (found.moving, found.uncovered, found.replicas, found.ok) == (frozenset({100, 300}), 0, 1, True)
    assert claim_of(NODES) == found.homes[0]


def test_the_cluster_says_where_clients_should_find_a_node() -> None:
    one = [b"id", b"aa", b"port", 7000, b"tls-port", 7001, b"ip", b"10.0.0.1", b"endpoint", b"one.example.com"]
    two = [b"id", b"bb", b"tls-port", 7001, b"ip", b"10.0.0.2", b"endpoint", None]
    shards = [[b"slots", [0, 1], b"nodes", [one, two]]]
    assert endpoints(shards, tls=False) == {"aa": ("one.example.com", 7000)}
    assert endpoints(shards, tls=True) == {"aa": ("one.example.com", 7001), "bb": ("", 7001)}


def test_of_two_that_claim_a_slot_the_one_with_the_higher_epoch_has_it() -> None:
    old = Topology("a", (Home("a", "h", 1, 1, ((0, 9),)), Home("b", "h", 2, 2, ((10, 16383),))))
    claims = [Home("b", "", 2, 5, ((5, 16383),)), Home("a", "", 1, 1, ((0, 9),))]
    new = old.with_claims(claims)
    assert [(home.id, home.slots, home.host) for home in new.homes] == [
        ("a", ((0, 4),), "h"),
        ("b", ((5, 16383),), "h"),
    ]
    assert new.layout != old.layout == old.with_claims(old.homes).layout


def test_a_question_is_split_by_slot_and_its_replies_come_in_the_order_asked() -> None:
    read: list[bytes | int] = [b"XREAD", b"COUNT", 5, b"STREAMS", b"{a}1", b"b", b"{a}2", b"1-1", b"2-2", b"3-3"]
    asked = taken_apart(exchange([b"TYPE", b"x"], read, [b"INFO"], [b"XINFO", b"STREAM", b"y"]))
    assert [list(part.command) for part in asked.parts] == [
        [b"TYPE", b"x"],
        [b"XREAD", b"COUNT", b"5", b"STREAMS", b"{a}1", b"{a}2", b"1-1", b"3-3"],
        [b"XREAD", b"COUNT", b"5", b"STREAMS", b"b", b"2-2"],
        [b"INFO"],
        [b"XINFO", b"STREAM", b"y"],
    ]
    assert [part.slot for part in asked.parts] == [slot_of(b"x"), slot_of(b"a"), slot_of(b"b"), None, slot_of(b"y")]
    for part, reply in zip(asked.parts, [b"none", [[b"{a}1", []]], [[b"b", []]], b"redis_version", []], strict=True):
        part.reply = reply
    assert joined(asked) == [b"none", [[b"{a}1", []], [b"b", []]], b"redis_version", []]
