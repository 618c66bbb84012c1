"""Findings as rows of a table, and all about one of them in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.engine.printable import scrub
from tui.words.units import count, plus_minus
from widgets.table import Column, Row

if TYPE_CHECKING:
    from tui.engine.schema.findings import Finding

SHORT = {
    "no-ttl": "never expire",
    "long-ttl": "live too long",
    "needless-ttl": "should not expire",
    "wrong-type": "wrong type",
    "deprecated": "deprecated",
    "plaintext-token": "token in plain text",
    "forbidden-value": "forbidden value",
    "too-many-keys": "too many",
    "too-big": "too big",
    "too-long": "too long",
    "vanished-in-index": "name keys that are gone",
    "missing-in-index": "missing in their index",
    "missing-group": "no consumer group",
}
"""Kinds in as few words as a column has room for."""


def columns(findings: Sequence[Finding]) -> tuple[Column, ...]:
    """Return columns as wide as these findings need."""
    rows = [finding_row(finding).cells for finding in findings]
    keys, drift = (max((row[place].cell_length for row in rows), default=4) for place in (1, 3))
    return (
        Column("family", least=20),
        Column("keys", max(4, keys), "right", priority=9),
        Column("of", 5, "right", priority=2),
        Column("drift", max(5, drift), priority=8),
    )


def finding_row(finding: Finding) -> Row:
    """One finding."""
    critical = finding.severity.value == "critical"
    style = "$text-error" if critical else "$text-warning"
    cells = (
        Content.assemble(("✗ " if critical else "▲ ", style), scrub(finding.label)),
        Content(plus_minus(finding.count, finding.error)),
        Content.styled(count(finding.of), "$foreground-muted"),
        Content.styled(SHORT[finding.kind.value], style),
    )
    return Row((finding.schema, finding.label, finding.kind.value), cells)


def details(finding: Finding) -> list[Content]:
    """What the schema says, what to do, and some keys that are so."""
    what = f"{plus_minus(finding.count, finding.error)} of {count(finding.of)} {finding.says}"
    lines = [
        Content.assemble((what, "bold"), (f" · {finding.detail}" if finding.detail else "", "$foreground-muted")),
        Content.assemble(("→ ", "$primary"), finding.advice),
    ]
    for example in finding.examples:
        note = f"  {example.note}" if example.note else ""
        lines.append(Content.assemble("  ", example.shown[:200], (note, "$foreground-muted")))
    return lines
