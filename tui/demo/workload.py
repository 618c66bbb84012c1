"""The living workload, as a process of its own: `python -m tui.demo.workload --port P`.

It ends when its standard input closes, on SIGINT or SIGTERM, or when the server has been away for a while.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import hiredis

from tui.demo import DEFAULT_KEYS, DEFAULT_SEED, HOST, SYSTEMS
from tui.demo.fill import build, failed, fill, plan
from tui.demo.system import System
from tui.demo.wire import Command, Wire

TICK = 0.125
"""Seconds between two rounds: often enough that no chart sees steps, seldom enough to cost little."""

LONGEST_TICK = 1.0
"""After a pause (a suspended laptop) at most this much is made up for, in seconds."""

PATIENCE = 60.0
"""Seconds that a vanished server has to come back on the same port: a restart by hand, looking included."""

RETRY = 0.2
"""Seconds between two attempts to connect."""

LISTENER = "listener"
"""The connection that subscribes to the channels, by the name that CLIENT LIST shows."""

Wait = Callable[[float], bool]
"""Waits that many seconds, or less; True means: stop."""


class Workload:
    """Drives the systems against one server: a connection for each, and one that listens to channels."""

    def __init__(self, port: int, names: Sequence[str], seed: int, *, drift: bool = True) -> None:
        """Prepare the named systems for the server on `port` of this machine; without `drift` they make no mistakes."""
        self.systems: list[System] = []
        self._drift = drift
        self._port, self._names, self._seed = port, names, seed
        self._wires: dict[str, Wire] = {}

    def connect(self) -> None:
        """Open the connections; raises OSError."""
        self.close()
        for name in (*self._names, LISTENER):
            self._wires[name] = Wire(HOST, self._port)
            self._wires[name].ask([("CLIENT", "SETNAME", name)])

    def fill(self, keys: int, now: float) -> int:
        """Write the prefill to an empty server; return the number of keys in all databases.

        Over data that is there already (only the connections were lost, say) life just goes on.
        """
        wire = self._wires[self._names[0]]
        empty = not count_keys(wire)
        if empty or not self.systems:
            self.systems = build(self._names, self._seed, now, drift=self._drift)
            if empty:
                fill(wire, self.systems, keys)
            else:
                self._resume(keys)
        self._listen()
        return count_keys(wire)

    def tick(self, now: float, dt: float) -> list[hiredis.ReplyError]:
        """Let every system live `dt` seconds up to `now`; return the error replies."""
        batches = [list(system.tick(now, dt)) for system in self.systems]
        for system, batch in zip(self.systems, batches, strict=True):
            self._wires[system.name].send(batch)
        errors: list[hiredis.ReplyError] = []
        for system, batch in zip(self.systems, batches, strict=True):
            wrong = failed(self._wires[system.name].receive(len(batch)))
            # Somebody purged a stream and its groups with it: an application would create them again, too.
            if any(str(error).startswith("NOGROUP") for error in wrong):
                self._wires[system.name].ask(list(system.repair()))
            errors += wrong
        self._wires[LISTENER].discard()
        return errors

    def close(self) -> None:
        """Close all connections."""
        for wire in self._wires.values():
            wire.close()

    def _resume(self, keys: int) -> None:
        for system in self.systems:
            deque(plan([system], keys), maxlen=0)  # the same seed wrote it: only remember what is there
            self._wires[system.name].ask(list(system.repair()))

    def _listen(self) -> None:
        channels = [channel for system in self.systems for channel in system.channels]
        if channels:
            self._wires[LISTENER].send([("SUBSCRIBE", *channels)])


def count_keys(wire: Wire) -> int:
    """Return the number of keys in the databases that the demo uses."""
    commands: list[Command] = []
    for database in (1, 2, 0):
        commands += (("SELECT", database), ("DBSIZE",))
    return sum(int(size) for size in wire.ask(commands)[1::2])


def live(workload: Workload, keys: int, clock: Callable[[], float], wait: Wait) -> None:
    """Connect, fill and run until `wait` says stop; raises OSError when the server goes away."""
    workload.connect()
    report(workload.fill(keys, clock()))
    last = clock()
    while not wait(max(0.0, last + TICK - clock())):
        now = clock()
        workload.tick(now, min(max(now - last, 0.0), LONGEST_TICK))
        last = now


def serve(workload: Workload, keys: int, clock: Callable[[], float], wait: Wait) -> None:
    """Run; when the server goes away, give it `PATIENCE` seconds to come back, empty or not."""
    alive = clock()
    while clock() - alive < PATIENCE:
        try:
            return live(workload, keys, clock, wait)
        except ConnectionRefusedError:
            pass  # still away
        except OSError:
            alive = clock()
        if wait(RETRY):
            return None
    return None


def report(keys: int) -> None:
    """Tell the parent, once per fill, that the picture is complete. Nobody has to listen."""
    with suppress(OSError):
        os.write(1, b"filled %d\n" % keys)


def stdin_closes(seconds: float) -> bool:
    """Wait, but not longer than the parent lives: it holds the other end of standard input."""
    readable, _, _ = select.select([0], [], [], seconds)
    return bool(readable) and not os.read(0, 4096)


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the options of the child process."""
    parser = ArgumentParser("python -m tui.demo.workload", description="Fill a Redis server and keep it busy.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--keys", type=int, default=DEFAULT_KEYS)
    parser.add_argument("--system", action="append", choices=SYSTEMS)
    parser.add_argument("--clean", action="store_true")
    return parser.parse_args(arguments)


def main() -> None:
    """Run the child process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    options = parse(sys.argv[1:])
    workload = Workload(options.port, options.system or SYSTEMS, options.seed, drift=not options.clean)
    serve(workload, options.keys, time.time, stdin_closes)


if __name__ == "__main__":
    main()
