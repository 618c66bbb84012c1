"""What stands where as rows and sentences; plain values in, contents out."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from tui.engine.cluster.slots import SLOTS
from tui.engine.cluster.view import number_of
from tui.engine.topology.picture import Kind, Member, Picture
from tui.words.streamrows import MUTED, short, trouble_cell
from tui.words.units import DASH, ago, count, rate, size
from widgets.table import Column, Row

Note = str | tuple[str, str]

RANGES = 20
"""Ranges of slots that a row begins to name: more than fit."""

SINGLE_COLUMNS = (
    Column("server", least=21),
    Column("role", 7, priority=12),
    Column("state", 14, priority=20),
    Column("behind", 6, "right", priority=19),
    Column("silent", 6, "right", priority=18),
    Column("keys", 6, "right", priority=14),
    Column("memory", 6, "right", priority=15),
    Column("ops", 7, "right", priority=16),
    Column("offset", 18, "right", priority=9),
)
CLUSTER_COLUMNS = (
    *SINGLE_COLUMNS[:3],
    Column("slots", 6, "right", priority=17),
    Column("ranges", priority=10, least=14),
    *SINGLE_COLUMNS[3:],
)


def columns_of(picture: Picture) -> tuple[Column, ...]:
    """Slots are for clusters."""
    return CLUSTER_COLUMNS if picture.kind is Kind.CLUSTER else SINGLE_COLUMNS


def member_rows(picture: Picture, needle: str = "") -> list[Row]:
    """Primaries with their replicas below; with `needle` only servers with that text in their place, role or state."""
    rows = [row for member in picture.members for row in _rows(member, 0, cluster=picture.kind is Kind.CLUSTER)]
    return [row for row in rows if any(needle.lower() in cell.plain.lower() for cell in row.cells[:3])]


def _rows(member: Member, depth: int, *, cluster: bool) -> Iterator[Row]:
    yield _row(member, depth, cluster=cluster)
    for replica in member.replicas:
        yield from _rows(replica, depth + 1, cluster=cluster)


def _row(member: Member, depth: int, *, cluster: bool) -> Row:
    info = member.look.info if member.look is not None else None
    slots = (Content(count(number_of(member.slots)) if member.primary else ""), _ranges(member)) if cluster else ()
    cells = (
        Content.styled(member.address, "" if member.primary else MUTED),
        Content("primary" if member.primary else "replica"),
        trouble_cell(member.troubles),
        *slots,
        Content("" if member.primary else size(member.behind)),
        Content("" if member.silent_for is None else short(member.silent_for)),
        Content(DASH if info is None else count(sum(info.databases.values()))),
        Content(size(None if info is None else info.integer("used_memory"))),
        Content(rate(None if member.look is None else member.look.ops_per_s)),
        Content.styled(DASH if member.offset is None else f"{member.offset:,}", MUTED),
    )
    return Row(member.key, cells, depth, "open" if member.replicas and depth == 0 else "none")


def _ranges(member: Member) -> Content:
    spans = [f"{first}-{last}" if last > first else str(first) for first, last in member.slots]
    return Content.styled(" ".join(spans[:RANGES]), MUTED)


def notes_of(picture: Picture) -> Iterator[Note]:
    """The whole in a few words, for a title."""
    servers = list(picture.all)
    primaries = sum(member.primary for member in servers)
    if picture.guard is not None:
        yield f"{picture.guard.name}, guarded by {_many(picture.guard.sentinels, 'sentinel', 'sentinels')}"
    if picture.kind is Kind.SINGLE:
        yield "a single server"
        return
    if picture.cluster is not None:
        ok = picture.cluster.ok
        if ok is not None:
            yield ("cluster ok", "$text-success") if ok else ("✗ cluster down", "bold $text-error")
        covered = SLOTS - number_of(picture.cluster.uncovered) - number_of(picture.cluster.failed)
        if covered < SLOTS:
            yield f"✗ {covered:,} of {SLOTS:,} slots served", "$text-error"
    replicas = len(servers) - primaries
    below = _many(replicas, "replica", "replicas") if replicas else "no replicas"
    yield f"{_many(primaries, 'primary', 'primaries')}, {below}"


def below_of(picture: Picture) -> str:
    """What stands under the table."""
    if picture.cluster is not None:
        return f"epoch {picture.cluster.epoch}"
    guard = picture.guard
    if guard is None or guard.changed_at is None:
        return ""
    return f"led here from {guard.before} {ago(picture.wall - guard.changed_at)}"


def teaching(picture: Picture) -> Content:
    """What a single server lacks."""
    return Content.assemble(
        ("a single server without replicas: ", MUTED),
        ("REPLICAOF <this host> <this port>", "bold"),
        (" at another server makes it follow this one", MUTED),
    )


def rules_line(rules: tuple[str, ...]) -> Content:
    """Name the ACL rules that are missing."""
    plural = "s" if len(rules) > 1 else ""
    return Content.styled(f"▲ no permission: this user needs the ACL rule{plural} {' '.join(rules)}", "$text-warning")


def _many(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
