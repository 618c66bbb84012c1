"""What one server is, as lines of facts; plain values in, styled pieces of text out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from tui.engine.cluster.view import Span
from tui.engine.topology.facts import AppendOnly, ServerFacts, Snapshots, facts_of
from tui.engine.topology.keysizes import Sizes
from tui.engine.topology.nodelook import Look
from tui.engine.topology.picture import Member
from tui.engine.topology.slot_stats import SlotStats
from tui.engine.topology.trouble import said
from tui.words.streamrows import MARKS, MUTED, STYLES
from tui.words.units import DASH, ago, count, duration, percent, rate, size

Line = list[tuple[str, str]]
"""Pieces of one line: text, and its style."""
Fact = tuple[str, Line]
"""A name, and what is known."""

NAMES = 12
"""Cells for the names of facts, the longest and a blank."""
BETWEEN = (" · ", MUTED)
"""Stands between two facts."""
SLOTS_NAMED = 3
"""Slots of a node that are named."""
RUN_ID = 8
"""Characters of a run id that tell one process from another."""


def server_lines(member: Member, wall: float) -> list[Line]:
    """What is wrong with a server, then what it says of itself, or what others say of it."""
    lines: list[Line] = [
        [(f"{MARKS[trouble.level]}{trouble.sentence}", STYLES[trouble.level])] for trouble in member.troubles
    ]
    look = member.look
    if look is None:
        elsewhere = "redtop is not connected to it: this is what others say of it"
        return [*lines, _line("replication", _replication(member)), [(elsewhere, MUTED)]]
    if look.info is None:
        silent = [(look.failure.sentence, MUTED)] if look.failure is not None else []
        slots = [_line("slots", _slots(member.slots, None))] if member.slots else []
        return [*lines, *slots, silent]
    return [*lines, *(_line(*fact) for fact in _facts(member, look, facts_of(look.info), wall))]


def folded(line: Line, width: int) -> Iterator[Line]:
    """Break a line that is too long between two facts; the rest goes on below the first.

    >>> ["".join(text for text, _ in row) for row in folded(_line("run", _joined("id 1", "port 2")), 20)]
    ['run         id 1', '            port 2']
    """
    row: Line = []
    for piece in line:
        whole = sum(cell_len(text) for text, _ in (*row, piece))
        if whole > width and row and row[-1] == BETWEEN:
            yield row[:-1]
            row = [(" " * NAMES, "")]
        row.append(piece)
    yield row


def _line(name: str, value: Line) -> Line:
    return [(f"{name:<{NAMES}}", MUTED), *value]


def _facts(member: Member, look: Look, facts: ServerFacts, wall: float) -> Iterator[Fact]:
    who = facts.identity
    role = "primary" if member.primary else "replica"
    yield "server", _joined(f"{who.product} {who.version}", role, facts.mode, f"up {duration(who.uptime)}")
    config = "started without a file" if facts.config_file == "" else facts.config_file
    process = f"process {facts.process}" if facts.process is not None else ""
    yield "run", _joined(f"id {who.run_id[:RUN_ID]}", process, f"port {facts.port}", facts.os)
    yield "config", _joined(config)
    yield "memory", _memory(facts)
    if facts.sizes:
        yield "sizes", _joined(*map(_sizes, facts.sizes))
    yield "clients", _clients(facts)
    yield "snapshots", _snapshots(facts.snapshots, wall)
    yield "AOF", _append_only(facts.append_only)
    yield "replication", _replication(member)
    if member.slots:
        yield "slots", _slots(member.slots, look.slots)
    if facts.errors is not None:
        yield "errors", _joined(f"{facts.errors:,} error replies so far")
    yield "redtop", _own(look)


def _memory(facts: ServerFacts) -> Line:
    limit = f"of {size(facts.limit)} ({percent(_share(facts), 0)})" if facts.limit else "without a limit"
    resident = f"RSS {size(facts.resident)}"
    if facts.fragmentation is not None:
        resident += f", {facts.fragmentation:.2f} per byte used"
    return _joined(f"{size(facts.used)} {limit}", facts.policy, f"peak {size(facts.peak)}", resident)


def _sizes(sizes: Sizes) -> str:
    unit, write = ("", size) if sizes.kind == "strings" else (" elements", count)
    return f"half of {count(sizes.keys)} {sizes.kind} below {write(sizes.half)}{unit}, all below {write(sizes.largest)}"


def _share(facts: ServerFacts) -> float | None:
    return facts.used / facts.limit if facts.used is not None and facts.limit else None


def _clients(facts: ServerFacts) -> Line:
    most = f" of {facts.clients_most:,}" if facts.clients_most else ""
    blocked = f"{facts.blocked:,} blocked" if facts.blocked else ""
    turned_away = f"▲ {facts.rejected:,} turned away so far" if facts.rejected else ""
    return _joined(f"{count(facts.clients)}{most}", blocked, (turned_away, "$text-warning"))


def _snapshots(saved: Snapshots, wall: float) -> Line:
    last = DASH if saved.saved_at is None else f"last {ago(wall - saved.saved_at)}"
    took = f"took {duration(saved.took)}" if saved.took else ""
    failed = ("✗ the last one failed", "bold $text-error") if not saved.ok else ""
    changes = "" if saved.changes is None else f"{count(saved.changes)} changes since"
    return _joined(last, failed, took, changes, "being saved now" if saved.saving else "")


def _append_only(file: AppendOnly) -> Line:
    failed = ("✗ the last write failed", "bold $text-error") if not file.ok else ""
    rewrite = ("▲ the last rewrite failed", "$text-warning") if not file.rewrite_ok else ""
    if not file.enabled:
        return _joined("off", failed)
    return _joined("on", failed, size(file.size), rewrite, "being rewritten now" if file.rewriting else "")


def _replication(member: Member) -> Line:
    told = member.look.replication if member.look is not None else None
    offset = "" if member.offset is None else f"offset {member.offset:,}"
    behind = "" if member.behind is None else f"{member.behind:,} bytes behind"
    silent = "" if member.silent_for is None else f"last heard of {duration(member.silent_for)} ago"
    follows = f"follows {told.upstream.address}" if told is not None and told.upstream is not None else ""
    backlog = f"backlog {size(told.backlog)}" if told is not None and told.backlog else ""
    history = f"history {told.history[:RUN_ID]}" if told is not None and told.history else ""
    return _joined(follows, offset, behind, silent, backlog, history)


def _slots(own: Sequence[Span], slots: SlotStats | None) -> Line:
    ranges = said(own).removeprefix("slots ")
    if slots is None:
        return _joined(ranges)
    fullest = ", ".join(f"{slot} ({count(keys)})" for slot, keys in slots.fullest[:SLOTS_NAMED])
    busiest = ", ".join(str(slot) for slot, _ in slots.busiest[:SLOTS_NAMED])
    return _joined(ranges, f"most keys in {fullest}" if fullest else "", f"most CPU for {busiest}" if busiest else "")


def _own(look: Look) -> Line:
    if look.cost is None:
        return [(DASH, "")]
    return _joined(f"asks {rate(look.cost.commands)} of it", f"is sent {size(look.cost.bytes_in)}/s")


def _joined(*parts: str | tuple[str, str] | None) -> Line:
    """Put what is known side by side."""
    line: Line = []
    for part in parts:
        text, style = part if isinstance(part, tuple) else (part or "", "")
        if text:
            line += [BETWEEN] if line else []
            line.append((text, style))
    return line or [(DASH, "")]
