"""Drift, as a pass over the keyspace sees it: page by page, in bounded memory, without reading a single value.

A `Drift` is an observer of one pass: whoever scans calls `take` with each page. What only values can tell is looked at
later, on the keys that were kept as a sample (`closer`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from tui.engine.estimate import Pages, Spread, error_of, variance_of
from tui.engine.families import Families
from tui.engine.keyshape import Shaper
from tui.engine.printable import printable
from tui.engine.schema.findings import EXAMPLES, Example, Finding, Kind, severity_of, worst_first
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import NO_TTL, Family, Index, Schema
from tui.engine.schema.reservoir import Reservoir

SAMPLE = 1000
"""Keys of a family kept for a look at their values: one in a hundred that is wrong is found practically always."""
OVERHEAD = 512
"""Bytes that a key costs beside the data a document speaks of: its name, the server's tables, a roomy encoding."""


@dataclass(slots=True)
class Count:
    """Keys of one family that are so, by one kind of drift."""

    keys: int = 0
    page: int = 0
    spread: Spread = field(default_factory=Spread)
    examples: list[Example] = field(default_factory=list)


class Seen:
    """What was seen of one family."""

    def __init__(self, family: Family, far_over: float, sample: Reservoir[tuple[bytes, bytes]] | None) -> None:
        self.family = family
        self.keys = Count()
        self.size = Count()
        """Bytes."""
        self.odd: dict[Kind, Count] = {}
        self.sample = sample
        """Keys with their types."""
        self.low, self.high = family.ttl.bounds_ms
        self.types = frozenset(kind.encode() for kind in family.types)
        self.strict: Callable[[bytes], bool] | None = family.pattern.narrowed(family.must).fits if family.must else None
        big = family.expected_bytes
        self.most = math.inf if big is None else far_over * big[1] + OVERHEAD
        self.plain = family.deprecated is None

    def add(self, key: bytes, kind: bytes, ttl: int, size: int) -> None:
        """Take in one key."""
        self.keys.page += 1
        self.size.page += size
        if self.plain:
            if not self.low <= ttl <= self.high:
                self._odd_ttl(key, ttl)
            if self.types and kind not in self.types:
                self._note(Kind.TYPE, key, f"is a {printable(kind)}")
            if size > self.most:
                self._note(Kind.TOO_BIG, key, f"{size:,} bytes")
            if self.strict is not None and not self.strict(key):
                self._note(Kind.PLAINTEXT, key, "")
        else:
            self._note(Kind.DEPRECATED, key, "")
        if self.sample is not None:
            self.sample.offer((key, kind))

    def end_page(self, group: int) -> None:
        """Close a page of the scan."""
        for count in (self.keys, self.size, *self.odd.values()):
            if count.page:
                count.keys += count.page
                count.spread.add(count.page, group)
                count.page = 0

    def _odd_ttl(self, key: bytes, ttl: int) -> None:
        if ttl == NO_TTL:
            self._note(Kind.NO_TTL, key, "")
        else:
            kind = Kind.LONG_TTL if self.family.ttl.allowed else Kind.NEEDLESS_TTL
            self._note(kind, key, f"{_roughly(ttl / 1000)} left")

    def _note(self, kind: Kind, key: bytes, note: str) -> None:
        count = self.odd.get(kind)
        if count is None:
            count = self.odd[kind] = Count()
        count.page += 1
        if len(count.examples) < EXAMPLES:
            count.examples.append(Example(key, self.family.shown(key), note))


class Drift:
    """What one pass finds out; an observer of the survey."""

    def __init__(self, matcher: Matcher, chance: Random, shaper: Shaper | None = None) -> None:
        """Watch for departures from the schemas of `matcher`.

        Args:
            matcher: of the active schemas.
            chance: draws the samples.
            shaper: when given, keys of no family are counted by their shapes, in `strangers`.
        """
        self.matcher = matcher
        self.pages = Pages()
        self.strangers = Families(shaper) if shaper is not None else None
        self.unknown = Count()
        """Keys of no family."""
        self.unknown_sample: Reservoir[tuple[bytes, bytes]] = Reservoir(SAMPLE, chance)
        self.watched: dict[Index, set[bytes]] = {}
        """Names that an index holds and that no key of its family was seen for yet, where only a pass can tell."""
        wanted = {family for schema in matcher.schemas for family in _worth_reading(schema)}
        self.seen = {
            family: Seen(family, schema.thresholds.far_over, Reservoir(SAMPLE, chance) if family in wanted else None)
            for schema in matcher.schemas
            for family in schema.families
        }

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        """Take in one page of keys, in parallel sequences. A TTL of -1 means none; a size of 0 that it is not known."""
        family_of, seen = self.matcher.family_of, self.seen
        touched: dict[Family, Seen] = {}
        strangers: list[tuple[bytes, bytes, int, int]] = []
        for row in zip(keys, types, ttls_ms, sizes, strict=True):
            family = family_of(row[0])
            if family is None:
                strangers.append(row)
                continue
            one = touched.get(family)
            if one is None:
                one = touched[family] = seen[family]
            one.add(*row)
        group = self.pages.add(len(keys))
        for one in touched.values():
            one.end_page(group)
        self._take_strangers(strangers, group)
        self._cross_off(keys)

    def _take_strangers(self, rows: Sequence[tuple[bytes, bytes, int, int]], group: int) -> None:
        if not rows:
            return
        self.unknown.keys += len(rows)
        self.unknown.spread.add(len(rows), group)
        for key, kind, _, _ in rows:
            self.unknown_sample.offer((key, kind))
        if self.strangers is not None:
            self.strangers.add_page(*zip(*rows, strict=True))

    def _cross_off(self, keys: Iterable[bytes]) -> None:
        for index, names in self.watched.items():
            if names:
                told = (index.of.pattern.variables(key) for key in keys)
                names.difference_update(found[index.holds] for found in told if found is not None)

    def population_of(self, count: Count, population: int) -> tuple[int, float]:
        """Scale a count up to a keyspace of `population` keys; return it and its 95 % error."""
        if not self.pages.keys:
            return 0, math.inf
        population = max(population, self.pages.keys)
        scaled = round(count.keys * population / self.pages.keys)
        variance = variance_of(count.keys, count.spread, self.pages)
        return scaled, error_of(count.keys, variance, self.pages, population)

    def findings(self, population: int) -> list[Finding]:
        """Return what was found by now, the worst first, scaled up to a keyspace of `population` keys."""
        found = [finding for one in self.seen.values() for finding in self._of_family(one, population)]
        found += [finding for schema in self.matcher.schemas for finding in self._of_schema(schema, population)]
        return sorted(found, key=worst_first)

    def _of_family(self, one: Seen, population: int) -> Iterable[Finding]:
        family = one.family
        keys, error = self.population_of(one.keys, population)
        for kind, count in one.odd.items():
            scaled, spread = self.population_of(count, population)
            yield self.finding(kind, family, scaled, spread, keys, count.examples)
        expected, far_over = family.expected_keys, self._schema_of(family).thresholds.far_over
        if expected is not None and one.plain and keys - error > far_over * expected[1]:
            yield self.finding(Kind.TOO_MANY, family, keys, error, keys, ())

    def _of_schema(self, schema: Schema, population: int) -> Iterable[Finding]:
        if schema.expected_bytes is None or not self.pages.keys:
            return
        scale = max(1.0, population / self.pages.keys)
        size = round(scale * sum(self.seen[family].size.keys for family in schema.families))
        most = schema.expected_bytes[1]
        if size > schema.thresholds.far_over * most:
            kind, detail = Kind.TOO_BIG, f"{size:,} bytes; the document expects at most {most:,}"
            keys, error = self.population_of(self._all_of(schema), population)
            yield Finding(kind, severity_of(kind, grants=False), schema.name, None, keys, error, keys, (), detail)

    def _all_of(self, schema: Schema) -> Count:
        total = Count()
        for family in schema.families:
            total.keys += self.seen[family].keys.keys
            total.spread.absorb(self.seen[family].keys.spread)
        return total

    def finding(
        self, kind: Kind, family: Family, count: int, error: float, of: int, examples: Iterable[Example]
    ) -> Finding:
        """Make a finding about a family."""
        grants = any(family in rule.order for rule in self._schema_of(family).tokens)
        severity = severity_of(kind, grants=grants)
        detail = _detail(kind, family)
        return Finding(kind, severity, family.schema, family, count, error, of, tuple(examples), detail)

    def _schema_of(self, family: Family) -> Schema:
        return next(schema for schema in self.matcher.schemas if schema.name == family.schema)


def _worth_reading(schema: Schema) -> Iterable[Family]:
    """Yield the families whose keys deserve a look at what they hold."""
    for family in schema.families:
        text = not family.types or "string" in family.types
        if family.value is not None or family.longest is not None or family.groups or (text and schema.forbidden):
            yield family
    for index in schema.indexes:
        yield index.family
        yield index.of


def _roughly(seconds: float) -> str:
    """Say how long, in one unit.

    >>> [_roughly(s) for s in (12, 599.9, 86_399, 200_000)]
    ['12s', '10m', '24h', '2d']
    """
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"


def _detail(kind: Kind, family: Family) -> str:
    """Say what the schema says instead."""
    match kind:
        case Kind.NO_TTL | Kind.LONG_TTL | Kind.NEEDLESS_TTL:
            return f"TTL: {family.ttl.said}"
        case Kind.TYPE:
            return f"type: {' or '.join(family.types)}"
        case Kind.DEPRECATED:
            return printable((family.deprecated or "").encode())
        case Kind.TOO_MANY if family.expected_keys is not None:
            return f"at most {family.expected_keys[1]:,} keys"
        case Kind.TOO_BIG if family.expected_bytes is not None:
            return f"about {family.expected_bytes[1]:,} bytes each"
        case Kind.TOO_LONG:
            return f"at most {family.longest:,} elements"
        case Kind.NO_GROUP:
            return f"groups: {', '.join(printable(group.encode()) for group in family.groups)}"
        case Kind.PLAINTEXT:
            forms = [*family.must.values(), *([family.value] if family.value is not None else [])]
            return f"form: {', '.join(form.name for form in forms)}"
        case _:
            return ""
