"""redtop's share of the server's time, measured on the server.

The server says how long it executed each command (commandstats) and, since 7.2, how long its event loop was busy in
all and with housekeeping. redtop's execution time is its own calls times the server's mean per command in the same
span; reading, parsing and writing is shared out by the number of commands. These are times by the clock, which on a
crowded machine go on while the server waits for a core, so they are scaled down to the CPU time that the main thread
really got. Where the server does not tell the loop's time (before 7.2), that CPU time stands in for it, which books
housekeeping too: the figure is then an upper bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from tui.engine.footprint import Cost, Footprint
from tui.engine.info import Info


@dataclass(frozen=True, slots=True)
class _Mark:
    at: float
    own_calls: Counter[str]
    own_commands: int
    times: Mapping[str, tuple[int, int]]
    busy_us: float
    """Microseconds the server's main thread was busy with clients, ever."""
    loop_us: int | None
    """Microseconds its event loop was busy with anything, ever, by the clock; None before 7.2."""
    cpu_us: float
    """Microseconds of CPU it got, ever; 0 where the system does not count them by thread."""


def _mark(at: float, infos: Sequence[Info], footprint: Footprint) -> _Mark | None:
    if len(infos) < 2:
        return None
    general, stats = infos[0], infos[1]
    debug = infos[2] if len(infos) > 2 else general
    loop = general.integer("eventloop_duration_sum")
    cpu = 1e6 * sum(general.real(f"used_cpu_{part}_main_thread") or 0.0 for part in ("user", "sys"))
    if loop is not None:
        idle_work = sum(debug.integer(f"eventloop_duration_{part}_sum") or 0 for part in ("cron", "aof"))
        busy = float(loop - idle_work)
    else:
        busy = cpu
    return _Mark(at, Counter(footprint.calls), footprint.commands, stats.command_times, busy, loop, cpu)


class CostMeter:
    """Turns successive measurements into `latest`."""

    def __init__(self) -> None:
        self.latest = Cost(None, None)
        self.seconds: float | None = None
        """Seconds of the servers' main threads taken between the first and the last measurement, over all nodes; None
        until measured, and for good when a part could not be (a restart, CONFIG RESETSTAT)."""
        self._gaps = False
        self._marks: dict[Hashable, _Mark | None] = {}

    def measure(
        self,
        at: float,
        infos: Sequence[Sequence[Info]],
        footprints: Sequence[Footprint],
        nodes: Sequence[Hashable] | None = None,
    ) -> None:
        """Take in one round of (INFO, commandstats, debug) per node at clock seconds `at`.

        `nodes` tells who they are, where others may answer than the last time.
        """
        who = range(len(infos)) if nodes is None else nodes
        told = zip(who, infos, footprints, strict=False)
        marks = {name: _mark(at, node, footprint) for name, node, footprint in told}
        pairs = [(self._marks[name], mark) for name, mark in marks.items() if name in self._marks]
        self._marks = marks
        known = [(before, after) for before, after in pairs if before and after and after.at > before.at]
        spans = [(_share(*pair), pair[1].at - pair[0].at) for pair in known]
        shares = [share for share, _ in spans if share is not None]
        if pairs:
            self._gaps = self._gaps or len(shares) < len(pairs)
            spent = sum(share * span for share, span in spans if share is not None)
            self.seconds = None if self._gaps else (self.seconds or 0.0) + spent
        if known:
            commands = sum(
                (after.own_commands - before.own_commands) / (after.at - before.at) for before, after in known
            )
            # Of several nodes the most burdened one counts: an average would hide it.
            self.latest = Cost(commands, max(shares, default=None))


def _share(before: _Mark, after: _Mark) -> float | None:
    if _were_reset(before, after):
        return None
    all_calls = own_exec = all_exec = 0.0
    own = after.own_calls - before.own_calls
    for name, (calls, usec) in after.times.items():
        calls_before, usec_before = before.times.get(name, (0, 0))
        calls, usec = calls - calls_before, usec - usec_before
        all_calls += calls
        all_exec += usec
        if calls:
            own_exec += usec * min(1.0, _own(own, name) / calls)
    around = max(0.0, after.busy_us - before.busy_us - all_exec)
    own_around = around * min(1.0, own.total() / all_calls) if all_calls else 0.0
    return min(1.0, _got(before, after) * (own_exec + own_around) / (1e6 * (after.at - before.at)))


def _were_reset(before: _Mark, after: _Mark) -> bool:
    """Whether a counter went back, or a command is no longer listed: so does one that was not called since."""
    if before.loop_us is not None and (after.loop_us or 0) < before.loop_us:
        return True
    return any(
        calls > after.times.get(name, (-1, 0))[0] or usec > after.times[name][1]
        for name, (calls, usec) in before.times.items()
    )


def _got(before: _Mark, after: _Mark) -> float:
    """Return the part of the loop's busy time, 0 to 1, in which the main thread really had a core."""
    if before.loop_us is None or after.loop_us is None or after.loop_us <= before.loop_us:
        return 1.0
    cpu = after.cpu_us - before.cpu_us
    return min(1.0, cpu / (after.loop_us - before.loop_us)) if cpu > 0 else 1.0


def _own(own: Counter[str], name: str) -> int:
    """Count own calls of a command; before 7.0 the server does not tell subcommands apart."""
    return own[name] or sum(count for called, count in own.items() if called.split("|", 1)[0] == name)
