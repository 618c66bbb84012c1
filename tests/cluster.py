"""Real small clusters, and primaries that sentinels guard: in a second or two, and breakable in nasty ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self

from tests.servers import HOST, Server, free_port
from tui.demo.wire import Wire
from tui.engine.cluster.slots import SLOTS, slot_of

NODE_TIMEOUT_MS = 1000
"""Milliseconds after which nodes think that another is gone: short, for tests wait for it."""
DOWN_AFTER_MS = 500
"""The same for sentinels."""


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Poll a condition outside of any event loop until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


class Member(Server):
    """A server that may be one of a cluster: it has a second port, the bus, on which another test may be as well."""

    _bus = 0

    def _free_port(self) -> int:
        # Without an option for the bus Redis 6.2 uses port + 10000, which must exist.
        return _low_port() if self.generation == "redis-6.2" else free_port()

    def _options(self) -> list[object]:
        if self.generation == "redis-6.2":
            return super()._options()
        if not self._fixed:  # from its first start on it stays where the others know it to be
            self._bus = free_port()
        return [*super()._options(), "--cluster-port", self._bus]


class Cluster:
    """Primaries that share the slots evenly, each with so many replicas. A context manager.

    `nodes` are the primaries in the order of their slots, `replicas` those of each. After a failover they keep their
    places here: `primaries()` tells who serves now.
    """

    def __init__(self, generation: str = "valkey-9.1", primaries: int = 3, replicas: int = 0, *arguments: str) -> None:
        self.generation = generation
        self.nodes = [self._server(*arguments) for _ in range(primaries)]
        self.replicas = [[self._server(*arguments) for _ in range(replicas)] for _ in self.nodes]
        self._stack = ExitStack()

    def _server(self, *arguments: str) -> Server:
        own = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--appendonly", "no")
        # What is not told costs nothing to wait for: replicas start to follow at once instead of after five seconds.
        fast = ("--repl-diskless-sync-delay", "0", "--cluster-announce-ip", HOST)
        return Member(self.generation, *own, *fast, *arguments)

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what was started does not outlive what then went wrong
            for server in self.all:
                stack.enter_context(server)
            size = -(-SLOTS // len(self.nodes))
            for index, server in enumerate(self.nodes):
                self._own(server, range(index * size, min(SLOTS, (index + 1) * size)), epoch=index + 1)
            self._meet()
            wait_for(self.is_whole)
            for primary, replicas in zip(self.nodes, self.replicas, strict=True):
                for replica in replicas:
                    _ok(replica.ask("CLUSTER", "REPLICATE", self.id_of(primary)))
            wait_for(self._is_replicated)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.all:
            server.kill()
        self._stack.close()

    @property
    def all(self) -> list[Server]:
        """Every server: primaries, then replicas."""
        return [*self.nodes, *(replica for some in self.replicas for replica in some)]

    def _own(self, server: Server, slots: Iterable[int], epoch: int) -> None:
        _ok(server.ask("CLUSTER", "ADDSLOTS", *slots))
        _ok(server.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch))

    def _meet(self) -> None:
        """Let everybody know everybody: gossip alone would take longer."""
        for server in self.all:
            for other in self.all:
                if other is not server:
                    bus = self._bus_port(other)
                    _ok(server.ask("CLUSTER", "MEET", HOST, other.port, *bus))

    def _bus_port(self, server: Server) -> tuple[int, ...]:
        reply = server.ask("CONFIG", "GET", "cluster-port")
        return (int(reply[1]),) if len(reply) == 2 else ()

    def is_whole(self) -> bool:
        """Whether every server that answers sees all slots served, and everybody."""
        return all(self._sees_all(server) for server in self.running)

    def _sees_all(self, server: Server) -> bool:
        info = _pairs(server.ask("CLUSTER", "INFO"))
        known = info.get("cluster_known_nodes") == str(len(self.all))
        return known and info["cluster_state"] == "ok" and info["cluster_slots_ok"] == str(SLOTS)

    def _is_replicated(self) -> bool:
        up = [_pairs(replica.ask("INFO", "replication")) for some in self.replicas for replica in some]
        roles = all(reply.get("master_link_status") == "up" for reply in up)
        told = all(
            server.ask("CLUSTER", "NODES").count(b"slave") == len(up) for server in self.running
        )  # everybody knows whose replica each one is
        return roles and told

    @property
    def running(self) -> list[Server]:
        """Servers whose process has not been killed."""
        return [server for server in self.all if server.runs]

    def id_of(self, server: Server) -> str:
        """Return the cluster's own name of a node."""
        found: str = server.ask("CLUSTER", "MYID").decode()
        return found

    def primaries(self) -> list[Server]:
        """Return the servers that serve slots now, as the first one that runs sees it."""
        lines = self.running[0].ask("CLUSTER", "NODES").decode().splitlines()
        words = [line.split() for line in lines]
        ports = {int(word[1].split("@")[0].rsplit(":", 1)[1]) for word in words if _serves(word)}
        return [server for server in self.all if server.port in ports]

    def owner(self, key: bytes | str) -> Server:
        """Return the server that serves a key now."""
        port = self.ports_by_slot()[slot_of(_bytes(key))]
        return next(server for server in self.all if server.port == port)

    def ask(self, *words: str | bytes | int) -> Any:
        """Send one command about one key (its second word) to the node that serves it; errors are values."""
        return self.owner(_bytes(words[1])).ask(*words)

    def fill(self, commands: Iterable[tuple[str | bytes | int | float, ...]]) -> None:
        """Send many commands, each about one key, every node its own in one pipeline."""
        by_node: dict[int, list[tuple[str | bytes | int | float, ...]]] = {}
        ports = self.ports_by_slot()
        for command in commands:
            key = command[2 if command[0] == "XGROUP" else 1]
            by_node.setdefault(ports[slot_of(_bytes(key))], []).append(command)
        for port, mine in by_node.items():
            with Wire(HOST, port) as wire:
                errors = [reply for reply in wire.ask(mine) if isinstance(reply, Exception)]
                assert not errors, errors[:3]

    def ports_by_slot(self) -> dict[int, int]:
        """Return the port of the server that serves each slot now."""
        found = {}
        for first, last, primary, *_ in self.running[0].ask("CLUSTER", "SLOTS"):
            found.update(dict.fromkeys(range(first, last + 1), int(primary[1])))
        return found

    def keys(self) -> set[bytes]:
        """Return every key there is, read with one KEYS per node that serves."""
        return {key for server in self.primaries() for key in server.ask("KEYS", "*")}

    def begin_moving(self, slot: int, source: Server, target: Server) -> None:
        """Open a slot for moving: from now on keys that are not there any more are answered with ASK."""
        _ok(target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source)))
        _ok(source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(target)))

    def move_keys(self, slot: int, source: Server, target: Server, most: int = 1_000_000) -> int:
        """Move up to so many keys of an open slot; return how many were moved."""
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, most)
        if keys:
            _ok(source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys))
        return len(keys)

    def end_moving(self, slot: int, source: Server, target: Server) -> None:
        """Give an open slot to its new node; everybody is told."""
        name = self.id_of(target)
        for server in (target, source, *self.primaries()):
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", name)

    def migrate(self, slots: Iterable[int], source: Server, target: Server) -> None:
        """Move slots with all their keys, as `redis-cli --cluster reshard` does."""
        for slot in slots:
            self.begin_moving(slot, source, target)
            while self.move_keys(slot, source, target, 1000):
                pass
            self.end_moving(slot, source, target)

    def failover(self, index: int = 0) -> Server:
        """Let the first replica of a primary that runs take over its slots; return the new primary."""
        replica = self.replicas[index][0]
        wait_for(lambda: replica.ask("CLUSTER", "FAILOVER") == b"OK" and self._leads(replica, 3.0))
        return replica

    def _leads(self, server: Server, seconds: float) -> bool:
        """Whether a server becomes a primary in that time; a failover right after another one may be given up."""
        deadline = time.monotonic() + seconds
        while _pairs(server.ask("INFO", "replication"))["role"] != "master":
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class _Sentinel(Server):
    """One sentinel process: it needs a file to write down what it knows."""

    def _options(self) -> list[object]:
        file = self._folder / "sentinel.conf"
        if not file.exists():
            file.write_text(f"bind {HOST}\ndir {self._folder}\nprotected-mode no\n")
        return [file, "--port", self.port, "--sentinel"]


class Sentinels:
    """One primary with one replica, guarded by three sentinels (quorum 2) under the name `mymaster`."""

    NAME = "mymaster"

    def __init__(self, generation: str = "valkey-9.1", password: str | None = None) -> None:
        secured = ("--requirepass", password, "--masterauth", password) if password else ()
        fast = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", *secured)
        self.generation = generation
        self.password = password
        self.servers = [Server(generation, *fast) for _ in range(2)]
        self.sentinels = [_Sentinel(generation) for _ in range(3)]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # likewise
            for server in (*self.servers, *self.sentinels):
                stack.enter_context(server)
            first, second = self.servers
            _ok(self.at(second, "REPLICAOF", HOST, first.port))
            wait_for(lambda: _pairs(self.at(second, "INFO", "replication")).get("master_link_status") == "up")
            for sentinel in self.sentinels:
                self._guard(sentinel, first)
            wait_for(self.is_settled)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (*self.sentinels, *self.servers):
            server.kill()
        self._stack.close()

    def _guard(self, sentinel: Server, primary: Server) -> None:
        _ok(sentinel.ask("SENTINEL", "MONITOR", self.NAME, HOST, primary.port, 2))
        settings = {"down-after-milliseconds": DOWN_AFTER_MS, "failover-timeout": 5000, "parallel-syncs": 1}
        for name, value in settings.items():
            _ok(sentinel.ask("SENTINEL", "SET", self.NAME, name, value))
        if self.password:
            _ok(sentinel.ask("SENTINEL", "SET", self.NAME, "auth-pass", self.password))

    def at(self, server: Server, *words: str | bytes | int) -> Any:
        """Send one command to a server, with the password there may be."""
        if self.password is None:
            return server.ask(*words)
        return server.ask_all([("AUTH", self.password), words])[1]

    def is_settled(self) -> bool:
        """Whether each sentinel that runs knows the others and a replica that can take over."""
        running = [sentinel for sentinel in self.sentinels if sentinel.runs]
        return all(self._is_settled(sentinel) for sentinel in running)

    def _is_settled(self, sentinel: Server) -> bool:
        fields = _flat(sentinel.ask("SENTINEL", "MASTER", self.NAME))
        others = fields["num-other-sentinels"] == str(len(self.sentinels) - 1)
        replicas = [_flat(reply) for reply in sentinel.ask("SENTINEL", "REPLICAS", self.NAME)]
        return others and fields["flags"] == "master" and any(one["flags"] == "slave" for one in replicas)

    @property
    def primary(self) -> Server:
        """The primary, as the first sentinel that runs says."""
        sentinel = next(one for one in self.sentinels if one.runs)
        _, port = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)
        return next(server for server in self.servers if server.port == int(port))

    @property
    def replica(self) -> Server:
        """The other one."""
        return next(server for server in self.servers if server is not self.primary)

    def failover(self) -> Server:
        """Have the sentinels change the primary; return the new one as soon as they say that it is."""
        before = self.primary
        sentinel = next(one for one in self.sentinels if one.runs)
        wait_for(lambda: sentinel.ask("SENTINEL", "FAILOVER", self.NAME) == b"OK")
        wait_for(lambda: self.primary is not before)
        return self.primary


def _low_port() -> int:
    while (port := free_port()) > 55_535:
        pass
    return port


def _ok(reply: Any) -> None:
    assert reply in (b"OK", b"NOKEY"), reply


def _pairs(reply: Any) -> dict[str, str]:
    """Return `name:value` lines as a mapping; nothing for an error."""
    lines = reply.decode().splitlines() if isinstance(reply, bytes) else []
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _flat(reply: Any) -> dict[str, str]:
    words = [word.decode() for word in reply]
    return dict(zip(words[::2], words[1::2], strict=True))


def _serves(words: list[str]) -> bool:
    """Whether a line of CLUSTER NODES is of a primary that is there and has slots."""
    return "master" in words[2] and "fail" not in words[2].split(",") and len(words) > 8


def _bytes(word: str | bytes | int | float) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()
