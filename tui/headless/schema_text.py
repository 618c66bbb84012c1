"""Schemas and tests of them as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tui.engine.printable import printable
from tui.engine.schema.catalog import Entry
from tui.engine.schema.findings import Finding, Severity
from tui.engine.schema.model import Family, Index, Schema, TokenRule
from tui.headless.report_text import Name, lined_up
from tui.headless.schema_look import Present, Tested
from tui.words.units import DASH, count, duration, percent, plus_minus, size

MOST_STRANGERS = 20
"""Families that no schema knows and that are listed; the rest is summed up, and the JSON document has them all."""
ROOM_FOR_PURPOSE = 100
"""Columns of a screen from which on a table has room for what its families are for."""

_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow"}
_RIGHT = frozenset({"keys", "bytes", "families"})
"""Columns that hold numbers."""


class Wide:
    """A part that is drawn only where there is room for it, and another one instead where there is not."""

    def __init__(self, wide: RenderableType, narrow: RenderableType) -> None:
        self._wide = wide
        self._narrow = narrow

    def for_width(self, width: int) -> RenderableType:
        """Return what to draw on a screen of that many columns."""
        return self._wide if width >= ROOM_FOR_PURPOSE else self._narrow


def draw(parts: Iterable[RenderableType | Wide], stream: TextIO) -> str:
    """Draw for `stream`: in colour on a terminal that wants it, in 80 columns where there is none."""
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part.for_width(console.width) if isinstance(part, Wide) else part)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def list_of(entries: Sequence[Entry], folder: Path | None) -> Iterator[RenderableType]:
    """Yield the schemas that have a name."""
    table = _table("schema", "families", "from", "what it is")
    for entry in entries:
        source = "redtop" if entry.built_in else "yours"
        if entry.schema is not None:
            table.add_row(
                Text(_safe(entry.name), "bold"), f"{len(entry.schema.families)}", source, _title(entry.schema)
            )
        else:
            table.add_row(Text(_safe(entry.name), "bold"), DASH, source, Text("broken, see below", "red"))
    yield table
    for entry in entries:
        if entry.problem is not None:
            yield Text.assemble("\n", (_safe(entry.problem), "red"))
    yield Text(f"\nYour own belong into {_safe(str(folder))}, or anywhere: give the file instead of the name.", "dim")


def schema_of(schema: Schema) -> Iterator[RenderableType | Wide]:
    """Yield what a schema says."""
    yield _headline(schema)
    yield Text(_safe(str(schema.file)), "dim")
    for number, purpose in sorted(schema.databases.items()):
        yield Text(f"db{number}  {_safe(purpose)}")
    if schema.expected_bytes is not None:
        yield Text(f"expected  {size(schema.expected_bytes[0])} to {size(schema.expected_bytes[1])} in all")
    yield _section("Families", f"{len(schema.families)}")
    yield Wide(_families(schema.families, purpose=True), _families(schema.families, purpose=False))
    for rule in schema.tokens:
        yield from _tokens(rule)
    yield from _rest(schema)
    yield Text()


def test_of(found: Tested) -> Iterator[RenderableType | Wide]:
    """Yield what a test has found."""
    for schema in found.schemas:
        yield _headline(schema)
    read = "all read" if found.complete else f"{percent(found.scanned / max(1, found.dbsize))} read"
    where = f"{found.address.label} db{found.address.db}"
    yield Text(f"{where}, {count(found.dbsize)} keys, {read} in {duration(found.elapsed)}", "dim")
    yield from _present(found)
    yield from _strangers(found)
    yield from _findings(found.findings, found)
    for note in found.notes:
        yield Text.assemble(("note  ", "dim"), note)


def _present(found: Tested) -> Iterator[RenderableType | Wide]:
    here = [one for one in found.present if one.keys and one.family.deprecated is None]
    absent = [one.family for one in found.present if not one.keys and one.family.deprecated is None]
    yield _section("What matches", f"{len(here)} of {len(here) + len(absent)} families, {count(found.matched)} keys")
    if here:
        several = len(found.schemas) > 1
        yield Wide(_matches(here, several=several, purpose=True), _matches(here, several=several, purpose=False))
    if absent:
        seen = "Not there" if found.complete else "Not seen"
        names = ", ".join(_safe(family.label) for family in absent)
        yield Padding(Text.assemble((f"{seen}  ", "dim"), names), (0, 0, 0, 0))


def _matches(here: Sequence[Present], *, several: bool, purpose: bool) -> Table:
    table = _table("family", "keys", "bytes", "TTL", *(["schema"] if several else []), *(["for"] if purpose else []))
    keys = lined_up([plus_minus(one.keys, one.keys_error) for one in here])
    for one, number in zip(here, keys, strict=True):
        cells: list[RenderableType] = [Name(_safe(one.family.label)), number, size(one.bytes), one.family.ttl.said]
        cells += [_safe(one.family.schema)] if several else []
        table.add_row(*cells, *([Text(_safe(one.family.purpose), "dim")] if purpose else []))
    return table


def _strangers(found: Tested) -> Iterator[RenderableType]:
    if not found.unknown:
        yield _section("Unknown", "no key: every one belongs to a family")
        return
    total = plus_minus(found.unknown, found.unknown_error)
    yield _section("Unknown", f"{total} keys belong to no family of the schema{'s' * (len(found.schemas) > 1)}")
    table = _table("looks like", "keys", "bytes", "type")
    for family in found.strangers[:MOST_STRANGERS]:
        kind = family.types[0][0] if family.types else DASH
        table.add_row(Name(family.pattern), count(family.keys), size(family.bytes), Name(kind))
    yield table
    if rest := found.strangers[MOST_STRANGERS:]:
        yield Text(f"and {len(rest)} more families with {count(sum(family.keys for family in rest))} keys", "dim")


def _findings(findings: Sequence[Finding], found: Tested) -> Iterator[RenderableType]:
    if not found.matched:
        yield _section("Drift", "no key belongs to the schema, so there is nothing to hold it against")
        return
    critical = sum(finding.severity is Severity.CRITICAL for finding in findings)
    counted = f"{len(findings)} finding{'s' * (len(findings) != 1)}" if findings else "none: all is as it should be"
    yield _section("Drift", f"{counted}, {critical} critical" if critical else counted)
    for finding in findings:
        yield Text.assemble((f"▲ {finding.severity.value:<9}", _COLOURS[finding.severity]), (_what(finding), "bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        table.add_row("what", _how_much(finding))
        for number, example in enumerate(finding.examples):
            said = Text.assemble(example.shown, (f"  {example.note}" if example.note else "", "dim"))
            table.add_row("" if number else "such as", said)
        table.add_row("do", finding.advice)
        yield Padding(table, (0, 0, 1, 2))


def _what(finding: Finding) -> str:
    return f"{_safe(finding.label)}  ({_safe(finding.schema)})"


def _how_much(finding: Finding) -> Text:
    number = plus_minus(finding.count, finding.error)
    part = f"{number} of {count(finding.of)}" if finding.count != finding.of else number
    return Text.assemble(f"{part} {finding.says}", (f"  {finding.detail}" if finding.detail else "", "dim"))


def _families(families: Sequence[Family], *, purpose: bool) -> Table:
    table = _table("family", "type", "TTL", "expects", *(["for"] if purpose else []))
    for family in families:
        old = family.deprecated is not None
        ttl = Text("should not exist", "yellow") if old else Text(family.ttl.said, "dim" * (family.ttl.said == "any"))
        kinds = ", ".join(_safe(kind) for kind in family.types) or "any"
        last = [Text(_safe(family.purpose), "dim")] if purpose else []
        table.add_row(Text(_safe(family.label), overflow="fold"), kinds, ttl, _expects(family), *last)
    return table


def _expects(family: Family) -> str:
    said = [
        f"{_range(family.expected_keys, count)} keys" if family.expected_keys else "",
        f"{_range(family.expected_bytes, size)} each" if family.expected_bytes else "",
        f"at most {count(family.longest)} elements" if family.longest is not None else "",
        f"groups {', '.join(map(_safe, family.groups))}" if family.groups else "",
        f"JSON in {', '.join(map(_safe, family.json))}" if family.json else "",
        "secret" if family.secret or family.sensitive else "",
    ]
    return ", ".join(part for part in said if part)


def _range(pair: tuple[int, int], unit: object) -> str:
    low, high = pair
    assert callable(unit)
    return f"{unit(low)}-{unit(high)}" if low else f"{unit(high)}"


def _tokens(rule: TokenRule) -> Iterator[RenderableType]:
    yield _section(f"Tokens: {_safe(rule.name)}", _safe(rule.purpose))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    table.add_row("grants", _named(rule.grants))
    table.add_row("goes in this order", _named((*rule.order, *(index.family for index in rule.indexes))))
    table.add_row("user", f"{{{_safe(rule.user)}}}")
    for family, names in rule.raw.items():
        sources = (f"{{{name}}} = {' or '.join(map(str, places))}" for name, places in names.items())
        table.add_row("a pasted token", _safe(f"{family.label}: {', '.join(sources)}"))
    if rule.stateless:
        table.add_row("but", "the application accepts tokens without asking the server, until they expire")
    yield table


def _rest(schema: Schema) -> Iterator[RenderableType]:
    rows: list[tuple[str, str]] = [("index", _index(index)) for index in schema.indexes]
    rows += [("channel", f"{channel.pattern.text}: {channel.purpose}") for channel in schema.channels]
    rows += [("never", f"values that begin with {printable(one.prefix)}: {one.why}") for one in schema.forbidden]
    for name in sorted(schema.thresholds.said):
        rows.append(("threshold", f"{name} = {getattr(schema.thresholds, name)}"))
    if rows:
        yield _section("And", "")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for head, text in rows:
        table.add_row(head, _safe(text))
    yield table


def _index(index: Index) -> str:
    whole = "" if index.complete else ", not all of them"
    return f"{index.family.label} names {index.of.label} by {{{index.holds}}}{whole}"


def _named(families: Iterable[Family]) -> str:
    return ", then ".join(_safe(family.label) for family in families)


def _headline(schema: Schema) -> Text:
    return Text.assemble((_safe(schema.name), "bold"), f"  {_safe(schema.title)}")


def _title(schema: Schema) -> str:
    return _safe(schema.title)


def _section(what: str, detail: str) -> Text:
    return Text.assemble("\n", (what, "bold"), (f"  {detail}" if detail else "", "dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        fixed = column in _RIGHT or column in {"TTL", "from"}
        table.add_column(column, justify="right" if column in _RIGHT else "left", no_wrap=fixed)
    return table


def _safe(text: str) -> str:
    """Make text of a file safe to show: anybody may have written it."""
    return printable(text.encode("utf-8", "surrogatepass")).replace("\\\\", "\\")
