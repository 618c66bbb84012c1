"""Schema files: TOML in, a `Schema` out, or one sentence that names file, table and field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tui.engine.schema.build import build
from tui.engine.schema.model import Schema, SchemaError
from tui.engine.schema.tables import (
    ChannelTable,
    Document,
    FamilyTable,
    ForbiddenTable,
    Head,
    IndexTable,
    Table,
    ThresholdsTable,
    TokenTable,
)

MOST_BYTES = 1 << 20
"""A schema is written by hand; a bigger file is something else."""

_KINDS: Mapping[str, type[Table]] = {
    "families": FamilyTable,
    "indexes": IndexTable,
    "tokens": TokenTable,
    "channels": ChannelTable,
    "forbidden": ForbiddenTable,
}
_HINTS = {
    "ttl": "write `any`, `none`, `required`, a number of seconds, or a table with `seconds` or `at_most`",
    "value": "write `jwt`, `sha256` or `hash`",
}
"""What to write instead, where msgspec's words do not say it."""
_PLAIN = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false", "object": "table"}
"""What TOML, and people, call the types."""

T = TypeVar("T", bound=Table)


def read_schema(file: Path) -> Schema:
    """Read one schema file.

    Raises:
        SchemaError: with one sentence, when it cannot be read or says something that makes no sense.
    """
    return build(file, _document(file, _parsed(file)))


def _document(file: Path, given: dict[str, Any]) -> Document:
    read: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        tables = given.pop(name, {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise SchemaError(f"{file}: `{name}` must hold tables, each named [{name}.NAME].")
        read[name] = {inner: _convert(table, kind, f"{file}, [{name}.{inner}]") for inner, table in tables.items()}
    thresholds = given.pop("thresholds", {})
    if not isinstance(thresholds, dict):
        raise SchemaError(f"{file}: `thresholds` must be a table.")
    if not read["families"]:
        raise SchemaError(f"{file} describes no family: write one as [families.NAME] with `pattern` and `purpose`.")
    read["thresholds"] = _convert(thresholds, ThresholdsTable, f"{file}, [thresholds]")
    return Document(head=_convert(given, Head, str(file)), **read)


def _convert(table: dict[str, Any], kind: type[T], place: str) -> T:
    try:
        return msgspec.convert(table, kind, strict=kind is not Head)  # TOML writes the numbers of databases as text
    except msgspec.ValidationError as error:
        raise SchemaError(f"{place}: {_complaint(str(error), table, kind.__struct_fields__)}.") from None


def _complaint(message: str, table: Mapping[str, Any], known: tuple[str, ...]) -> str:
    """Make one phrase of msgspec's words, such as "Expected `int`, got `str` - at `$.ttl`"."""
    what, _, path = message.partition(" - at ")
    field = path.rpartition("$")[2].strip("`.")
    if what.startswith("Object contains unknown field"):
        stray = what.rpartition(" ")[2]
        where = f" in `{field}`" if field else f"; there are {', '.join(known)}"
        return f"unknown field {stray}{where}"
    if what.startswith("Object missing required field"):
        return f"the field {what.rpartition(' ')[2]} is missing"
    if field in _HINTS:
        return f"`{field}`: {_HINTS[field]}"
    plain = re.sub("`([a-z |]+)`", lambda found: _in_plain_words(found[1]), what[:1].lower() + what[1:])
    return f"`{_named(field, table)}`: {plain}"


def _in_plain_words(types: str) -> str:
    return " or ".join(_PLAIN.get(name, name) for name in types.split(" | "))


def _named(field: str, table: Mapping[str, Any]) -> str:
    """Put in the name of the entry that msgspec leaves out: `where[...]` becomes `where.id`."""
    outer, dots, _ = field.partition("[...]")
    if not dots:
        return field
    inner: Any = table
    for step in outer.split("."):
        inner = inner[step]
    wrong = (name for name, value in inner.items() if not isinstance(value, str | list | dict) or not value)
    return f"{outer}.{next(wrong, '')}".rstrip(".")


def _parsed(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SchemaError(f"{file} is too big to be a schema.")
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SchemaError(f"{file} does not exist.") from None
    except OSError as error:
        raise SchemaError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SchemaError(f"{file} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(f"{file} is not valid TOML: {error}.") from None
