"""Families as rows of a tree, made when they come into view; with a schema also what they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from textual.content import Content

from tui.engine.findings import Known
from tui.engine.keyspace import Family
from tui.engine.namespaces import Branch, Path, path_of
from tui.engine.printable import scrub
from tui.engine.secrecy import masked
from tui.words.units import duration, percent, plus_minus, size_plus_minus
from widgets.spark import bar
from widgets.table import Column, Row

if TYPE_CHECKING:
    from tui.engine.schema.findings import Finding

SHARE_WIDTH = 8
"""Cells of a share bar: eighths of a cell make it good for 1.5 %."""
EXACT, ESTIMATED = (5, 6), (11, 12)
"""Cells of the keys and of the bytes: `1.24M` and `38.0M`, and with their errors `1.24M ±120k` and `38.0M ±1.3M`."""
NARROW = 34
"""Cells below which names give way, so that the number of keys stays."""
PURPOSE = 20
"""Cells that a purpose wants at least; with fewer it would only be cut."""
UNKNOWN = "unknown to the schema"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the active schemas say of a family."""

    purpose: str = ""
    """Empty when no schema knows it."""
    policy: str = ""
    """How long its keys should live."""
    mark: str = ""
    """A style when it departs from its schema, as bad as the style looks; empty when it does not."""

    @property
    def known(self) -> bool:
        """Whether a schema knows it."""
        return bool(self.purpose)


def columns(cells: tuple[int, int], width: int = NARROW, *, meant: bool = False) -> tuple[Column, ...]:
    """Return the columns of a table of that width, with so many cells for the keys and for the bytes.

    `meant` says whether there are schemas that say what families mean.
    """
    keys, octets = cells
    family = 16 if width < NARROW else 24 if cells == EXACT else 20
    usual = (
        Column("family", least=family),
        Column("keys", keys, "right", priority=9),
        Column("share", SHARE_WIDTH, "left", priority=3),
        Column("bytes", octets, "right", priority=7),
        Column("type", 6, "left", priority=5),
        Column("TTL", 7, "right", priority=4),
        Column("all gone", 8, "right", priority=2),
        Column("no TTL", 7, "right", priority=8),
    )
    # With a schema there is a right and a wrong, and that is why somebody named one.
    schema = (Column("policy", 8, "left", priority=6), Column("purpose", least=PURPOSE, priority=4))
    return usual + schema if meant else usual


def meanings(families: Sequence[Family], known: Known | None) -> dict[Path, Meaning]:
    """Say of each family what the active schemas say; nothing without any."""
    if known is None or known.matcher is None:
        return {}
    worst: dict[object, Finding] = {}
    for finding in known.findings or ():
        worst.setdefault(finding.family, finding)  # the worst come first
    found = {}
    for family in families:
        meant = known.family_of(family.shape)
        if meant is None:
            found[path_of(family)] = Meaning()
        else:
            policy = meant.ttl.said.replace("at most", "≤")
            found[path_of(family)] = Meaning(scrub(meant.purpose), policy, mark_of(worst.get(meant)))
    return found


def mark_of(finding: Finding | None) -> str:
    """Return the style of the mark of a finding; empty when there is none."""
    if finding is None:
        return ""
    return "$text-error" if finding.severity.value == "critical" else "$text-warning"


class FamilyRows(Sequence[Row]):
    """Rows made only when the table asks for them: the visible ones."""

    def __init__(
        self,
        visible: list[tuple[Branch, int, bool]],
        total: int,
        meant: Mapping[Path, Meaning] | None = None,
        masks: Mapping[str, str] | None = None,
    ) -> None:
        """Show branches with their depth, and whether they are open.

        `total` is the number of all keys, `masks` says what stands for secrets in their names.
        """
        self._masks = masks or {}
        self._visible = visible
        self._total = total
        self._meant = meant or {}
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self._visible)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = self._made.get(index)
        if row is None:
            branch, depth, is_open = self._visible[index]
            meaning = _meaning(branch, self._meant) if self._meant else None
            label = masked(branch.label, self._masks)
            row = self._made[index] = _row(branch, label, depth, is_open, self._total, meaning)
        return row


def _meaning(branch: Branch, meant: Mapping[Path, Meaning]) -> Meaning:
    """Return what a family means; of a branch, whether anything in it is known, and the worst mark."""
    if not branch.children:
        return meant.get(branch.path, Meaning())
    below = [_meaning(child, meant) for child in branch.children]
    marks = {one.mark for one in below}
    mark = next((mark for mark in ("$text-error", "$text-warning") if mark in marks), "")
    return Meaning(" " if any(one.known for one in below) else "", mark=mark)


def _row(branch: Branch, label: str, depth: int, is_open: bool, total: int, meaning: Meaning | None) -> Row:
    leaks = 0 < branch.no_ttl < 0.5 and branch.families == 1
    main = branch.types[0][0] if branch.types else ""
    cells = (
        label_of(label) if meaning is None else _meant_label(label, meaning, is_open=is_open),
        Content(plus_minus(branch.keys, round(branch.keys_error) if branch.keys_error < 1e18 else branch.keys_error)),
        Content.styled(bar(branch.keys / total, SHARE_WIDTH), "$primary"),
        Content(f"{'≥' * branch.bytes_at_least}{size_plus_minus(branch.bytes, branch.bytes_error)}"),
        Content.styled(main if len(branch.types) < 2 else "mixed", "$foreground-muted"),
        Content(short(branch.ttl_mean)),
        Content.styled(short(branch.ttl_max), "$foreground-muted"),
        Content.styled(
            percent(branch.no_ttl, 0), "$text-warning" if leaks else "" if branch.no_ttl else "$foreground-muted"
        ),
        *(_meant_cells(branch, meaning) if meaning is not None else ()),
    )
    return Row(branch.path, cells, depth, "none" if not branch.children else "open" if is_open else "closed")


def _meant_label(label: str, meaning: Meaning, *, is_open: bool) -> Content:
    """Mark a family that departs from its schema, and dim one that none knows."""
    if not meaning.known:
        return Content.styled(label, "$foreground-muted")
    # An open branch leaves the mark to what stands below it.
    return Content.assemble(("▲ ", meaning.mark), label_of(label)) if meaning.mark and not is_open else label_of(label)


def _meant_cells(branch: Branch, meaning: Meaning) -> tuple[Content, Content]:
    if branch.children:
        return Content(""), Content("")
    if not meaning.known:
        return Content.styled("?", "$foreground-muted"), Content.styled(UNKNOWN, "$foreground-muted")
    return Content(meaning.policy), Content(meaning.purpose)


def label_of(label: str) -> Content:
    """Dim the placeholders, so that the fixed words of a pattern stand out."""
    parts: list[str | tuple[str, str]] = []
    rest = label
    while rest:
        before, brace, after = rest.partition("{")
        parts.append(before)
        if not brace:
            break
        inside, closing, rest = after.partition("}")
        parts.append((brace + inside + closing, "$secondary"))
    return Content.assemble(*parts)


def short(seconds: float | None) -> str:
    """Say how long in whole seconds, for a narrow column."""
    return duration(None if seconds is None else max(1.0, round(seconds)))
