"""From the tables of a schema file to what they mean together; whatever contradicts itself is refused here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from tui.engine.schema.forms import FORMS, Form, form_of
from tui.engine.schema.model import (
    ANY_TTL,
    Channel,
    Family,
    Forbidden,
    Index,
    Schema,
    SchemaError,
    TokenRule,
    Ttl,
)
from tui.engine.schema.pattern import Pattern
from tui.engine.schema.source import Source, source_of
from tui.engine.schema.tables import (
    Amount,
    Document,
    Expected,
    FamilyTable,
    IndexTable,
    ThresholdsTable,
    TokenTable,
    TtlTable,
    Words,
)
from tui.engine.thresholds import USUAL, Thresholds

TYPES = ("string", "list", "set", "zset", "hash", "stream")
INDEX_TYPES = frozenset({"string", "list", "set", "zset", "hash"})

_SHARES = frozenset({"memory_warning", "memory_critical", "hit_rate"})
"""Thresholds that are a share of a whole."""

Forms = Mapping[str, Form]
N = TypeVar("N", bound=float | None)


@dataclass(frozen=True, slots=True)
class _Place:
    """A table of a file, for sentences about it."""

    file: Path
    table: str

    def error(self, field: str, what: str) -> SchemaError:
        table = f", [{self.table}]" if self.table else ""
        return SchemaError(f"{self.file}{table}: `{field}`: {what}.")

    def words(self, field: str, given: Words, *, some: bool = False) -> tuple[str, ...]:
        words = (given,) if isinstance(given, str) else given
        if not all(words) or (some and not words):
            raise self.error(field, "an empty text, or an empty list of words, says nothing")
        return words

    def form(self, field: str, given: Words) -> Form:
        try:
            return form_of(given if isinstance(given, str) else self.words(field, given, some=True))
        except ValueError as error:
            raise self.error(field, str(error)) from None

    def forms(self, field: str, given: Mapping[str, Words], pattern: Pattern | None) -> Forms:
        found = {name: self.form(f"{field}.{name}", form) for name, form in given.items()}
        if pattern is not None and (stray := sorted(found.keys() - pattern.names)):
            raise self.error(field, f"the pattern has no placeholder {{{stray[0]}}}")
        return found

    def sources(self, field: str, given: Words, *, tokens: bool = False) -> tuple[Source, ...]:
        try:
            return tuple(source_of(text, tokens=tokens) for text in self.words(field, given, some=True))
        except ValueError as error:
            raise self.error(field, str(error)) from None

    def number(self, field: str, given: N, most: float = math.inf) -> N:
        if given is not None and not 0 <= given <= most:
            raise self.error(field, "it must be 0 or more" if most == math.inf else f"it must be from 0 to {most:g}")
        return given

    def one_of(self, field: str, name: str, known: Mapping[str, Family]) -> Family:
        if name not in known:
            raise self.error(field, f"there is no family {name!r}")
        return known[name]


def build(file: Path, document: Document) -> Schema:
    """Return the schema that a file describes.

    Raises:
        SchemaError: with one sentence that names file, table and field.
    """
    head, name = document.head, file.stem
    if not head.delimiter:
        raise _Place(file, "").error("delimiter", "it must not be empty")
    families = {
        key: _family(name, key, table, _Place(file, f"families.{key}"), head.delimiter)
        for key, table in document.families.items()
    }
    _refuse_twins(file, families)
    indexes = {
        key: _index(key, table, _Place(file, f"indexes.{key}"), families) for key, table in document.indexes.items()
    }
    return Schema(
        name=name,
        title=head.title,
        file=file,
        families=tuple(families.values()),
        indexes=tuple(indexes.values()),
        tokens=tuple(
            _tokens(key, table, _Place(file, f"tokens.{key}"), families, indexes)
            for key, table in document.tokens.items()
        ),
        channels=tuple(
            Channel(key, _pattern(table.pattern, head.delimiter, {}, _Place(file, f"channels.{key}")), table.purpose)
            for key, table in document.channels.items()
        ),
        forbidden=tuple(Forbidden(table.prefix.encode(), table.why) for table in document.forbidden.values()),
        databases=head.databases,
        expected_bytes=_range(_Place(file, ""), "bytes", head.bytes),
        thresholds=_thresholds(document.thresholds, _Place(file, "thresholds")),
    )


def _family(schema: str, name: str, table: FamilyTable, place: _Place, delimiter: str) -> Family:
    where = place.forms("where", table.where, None)
    pattern = _pattern(table.pattern, table.delimiter or delimiter, where, place)
    types = place.words("type", table.type)
    if unknown := [kind for kind in types if kind not in TYPES and not kind.startswith("module:")]:
        raise place.error("type", f"unknown type {unknown[0]!r}; there are {', '.join(TYPES)}, and module:NAME")
    if (table.groups or table.json) and types != ("stream",):
        raise place.error("groups" if table.groups else "json", "only a family of type stream has it")
    secret = frozenset(place.words("secret", table.secret))
    if stray := sorted(secret - pattern.names):
        raise place.error("secret", f"the pattern has no placeholder {{{stray[0]}}}")
    return Family(
        schema=schema,
        name=name,
        pattern=pattern,
        purpose=table.purpose,
        types=tuple(kind.removeprefix("module:") for kind in types),
        ttl=_ttl(table.ttl, place),
        usually=place.forms("usually", table.usually, pattern),
        must=place.forms("must", table.must, pattern),
        value=FORMS[table.value] if table.value else None,
        tells={key: place.sources(f"tells.{key}", words) for key, words in table.tells.items()},
        expected_keys=_range(place, "keys", table.keys),
        expected_bytes=_range(place, "bytes", table.bytes),
        longest=place.number("length", table.length),
        sensitive=table.sensitive,
        secret=secret,
        deprecated=table.deprecated,
        groups=table.groups,
        json=table.json,
    )


def _pattern(text: str, delimiter: str, where: Forms, place: _Place) -> Pattern:
    try:
        return Pattern(text, delimiter, where)
    except ValueError as error:
        raise place.error("pattern", str(error)) from None


def _ttl(given: str | Amount | TtlTable, place: _Place) -> Ttl:
    if isinstance(given, str):
        return {
            "any": ANY_TTL,
            "none": Ttl(required=False, allowed=False, said="none"),
            "required": Ttl(required=True, said="required"),
        }[given]
    table = given if isinstance(given, TtlTable) else TtlTable(seconds=given)
    for field, number in (("seconds", table.seconds), ("at_most", table.at_most), ("tolerance", table.tolerance)):
        place.number(f"ttl.{field}", number)
    if (table.seconds is None) == (table.at_most is None):
        raise place.error("ttl", "a table needs either `seconds` or `at_most`")
    if table.seconds is not None:
        return Ttl(required=table.required, at_most=table.seconds + table.tolerance, said=_said(table.seconds))
    assert table.at_most is not None
    optional = "" if table.required else "none or "
    said = f"{optional}at most {_said(table.at_most)}"
    return Ttl(required=table.required, at_most=table.at_most + table.tolerance, said=said)


def _said(seconds: float) -> str:
    """Write a time in the largest unit that leaves a whole number.

    >>> [_said(n) for n in (30, 90, 3600, 7_776_000)]
    ['30s', '90s', '1h', '90d']
    """
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit:.0f}{name}"
    return f"{seconds:g}s"


def _range(place: _Place, field: str, given: Expected | None) -> tuple[int, int] | None:
    low, high = (0, given) if isinstance(given, int) else given or (0, 0)
    if not 0 <= low <= high:
        raise place.error(field, "from and to must be two numbers from 0 on, the smaller one first")
    return None if given is None else (low, high)


def _refuse_twins(file: Path, families: Mapping[str, Family]) -> None:
    """No two families may have the same keys: which one counts would be chance."""
    seen: dict[bytes, str] = {}
    for name, family in families.items():
        twin = seen.setdefault(family.pattern.expression, name)
        if twin != name:
            raise _Place(file, f"families.{name}").error("pattern", f"[families.{twin}] has the same keys")


def _index(name: str, table: IndexTable, place: _Place, families: Mapping[str, Family]) -> Index:
    family = place.one_of("family", table.family, families)
    of = place.one_of("of", table.of, families)
    if not family.types or not INDEX_TYPES.issuperset(family.types):
        raise place.error("family", f"[families.{family.name}] needs a `type` among {', '.join(sorted(INDEX_TYPES))}")
    if table.holds not in of.names():
        raise place.error("holds", f"neither the pattern nor `tells` of [families.{of.name}] knows {table.holds!r}")
    if stray := sorted(family.pattern.names - of.names()) if table.complete else []:
        what = f"[families.{of.name}] does not tell {stray[0]!r}: add it to its `tells`, or say complete = false"
        raise place.error("of", what)
    return Index(name, family, table.holds, of, table.complete)


def _tokens(
    name: str, table: TokenTable, place: _Place, families: Mapping[str, Family], indexes: Mapping[str, Index]
) -> TokenRule:
    if not table.grants:
        raise place.error("grants", "at least one family grants access")
    grants = tuple(place.one_of("grants", family, families) for family in table.grants)
    for family in grants:
        for field, wanted in (("user", table.user), ("session", table.session)):
            if wanted is not None and wanted not in family.names():
                what = f"neither the pattern nor `tells` of [families.{family.name}] knows {wanted!r}"
                raise place.error(field, what)
    if unknown := [index for index in table.indexes if index not in indexes]:
        raise place.error("indexes", f"there is no index {unknown[0]!r}")
    raw = {}
    for key, names in table.raw.items():
        family = place.one_of("raw", key, families)
        if lacking := sorted(family.pattern.names - names.keys()):
            raise place.error(f"raw.{key}", f"it does not say where {{{lacking[0]}}} of the pattern comes from")
        raw[family] = {inner: place.sources(f"raw.{key}.{inner}", words, tokens=True) for inner, words in names.items()}
    return TokenRule(
        name=name,
        purpose=table.purpose,
        user=table.user,
        session=table.session,
        grants=grants,
        falls=tuple(place.one_of("falls", family, families) for family in table.falls),
        indexes=tuple(indexes[index] for index in table.indexes),
        raw=raw,
        stateless=table.stateless,
    )


def _thresholds(table: ThresholdsTable, place: _Place) -> Thresholds:
    given = msgspec.structs.asdict(table)
    said = {name: value for name, value in given.items() if value is not None}
    for name, number in said.items():
        place.number(name, number, 1 if name in _SHARES else math.inf)
    return replace(USUAL, **said, said=frozenset(said))
