"""Schemas and tests of them as documents that scripts read: `docs/schemas.md` describes them field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TextIO

from tui.engine.address import shown
from tui.engine.schema.catalog import Entry
from tui.engine.schema.findings import Finding
from tui.engine.schema.model import Family
from tui.headless.schema_look import Tested

DOCUMENT_VERSION = 1
"""Goes up when a field goes away or changes its meaning; a new field is no reason."""

Document = dict[str, object]


def dumped(document: Document, stream: TextIO) -> str:
    """Write a document for `stream`, in ASCII where it could not carry more."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return json.dumps(document, indent=2, ensure_ascii=encoding != "utf8", allow_nan=False) + "\n"


def listed(entries: Sequence[Entry]) -> Document:
    """Return all schemas that have a name."""
    return {"document_version": DOCUMENT_VERSION, "schemas": [_entry(entry) for entry in entries]}


def _entry(entry: Entry) -> Document:
    schema = entry.schema
    return {
        "name": entry.name,
        "title": schema.title if schema else None,
        "file": str(entry.file),
        "built_in": entry.built_in,
        "families": len(schema.families) if schema else None,
        "tokens": [rule.name for rule in schema.tokens] if schema else None,
        "problem": entry.problem,
    }


def tested(found: Tested) -> Document:
    """Return what a test has found."""
    address = found.address
    return {
        "document_version": DOCUMENT_VERSION,
        "server": {
            "host": shown(address.socket_path or address.host),
            "port": None if address.socket_path else address.port,
            "db": address.db,
        },
        "schemas": [schema.name for schema in found.schemas],
        "fits": found.fits,
        "dbsize": found.dbsize,
        "scanned": found.scanned,
        "complete": found.complete,
        "elapsed_s": round(found.elapsed, 3),
        "families": [
            {**_family(one.family), "keys": one.keys, "keys_error": _ceiling(one.keys_error), "bytes": one.bytes}
            for one in found.present
        ],
        "unknown": {
            "keys": found.unknown,
            "keys_error": _ceiling(found.unknown_error),
            "families": [{"pattern": family.pattern, "keys": family.keys} for family in found.strangers],
        },
        "findings": [_finding(finding) for finding in found.findings],
        "notes": list(found.notes),
    }


def _family(family: Family) -> Document:
    return {
        "schema": family.schema,
        "name": family.name,
        "pattern": family.label,
        "purpose": family.purpose,
        "types": list(family.types),
        "ttl": family.ttl.said,
        "deprecated": family.deprecated is not None,
    }


def _finding(finding: Finding) -> Document:
    return {
        "kind": finding.kind.value,
        "severity": finding.severity.value,
        "schema": finding.schema,
        "family": finding.family.name if finding.family else None,
        "pattern": finding.family.label if finding.family else None,
        "count": finding.count,
        "error": _ceiling(finding.error),
        "of": finding.of,
        "detail": finding.detail,
        "says": finding.says,
        "advice": finding.advice,
        "examples": [{"key": example.shown, "note": example.note} for example in finding.examples],
    }


def _ceiling(error: float) -> int | None:
    """Round an error up, so that it still covers; None when nothing can be said yet."""
    return math.ceil(error) if math.isfinite(error) else None
