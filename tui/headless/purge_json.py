"""Receipts of purges and undos, and the list of journals, as the documents that `docs/purge.md` describes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TextIO

from tui.engine.address import shown
from tui.engine.failure import Failure
from tui.engine.printable import printable, text_of
from tui.engine.purge.account import Counts, Receipt
from tui.engine.purge.journals import Entry
from tui.engine.purge.plan import Plan
from tui.engine.purge.request import Big, Target
from tui.engine.purge.undo import UndoReceipt
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.purge_rules import DAY, PurgeRules

SCHEMA_VERSION = 1
"""Goes up when a field goes away or changes its meaning; a new field is no reason."""

Shown = Callable[[bytes], str]
Document = dict[str, object]


def write(document: Document, stream: TextIO) -> None:
    """Write a document; what the stream's encoding could not carry is escaped."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    stream.write(json.dumps(document, indent=2, ensure_ascii=encoding != "utf8", allow_nan=False) + "\n")


def of_plan(
    plan: Plan, big: Big, *, dry_run: bool, error: str | None = None, secrecy: Secrecy = NOTHING_SECRET
) -> Document:
    """Return the receipt of a purge that removed nothing; `secrecy` makes keys safe to show."""
    nothing = Receipt(
        plan_id=plan.id,
        target=plan.target,
        prefix=plan.request.prefix,
        planned=len(plan.keys),
        counts=Counts(skipped=len(plan.keys)),
        reasons=(),
        changed_keys=(),
        failed_keys=(),
        left_keys=(),
        journal=None,
        cancelled=False,
        failure=None,
        seconds=0.0,
    )
    told = of_receipt(nothing, dry_run=dry_run, error=error)
    return told | _planned(plan, secrecy) | {"undoable": plan.covered(big)}


def of_purge(plan: Plan, receipt: Receipt, secrecy: Secrecy = NOTHING_SECRET) -> Document:
    """Return the receipt of a purge; `secrecy` makes keys safe to show."""
    return of_receipt(receipt, shown=secrecy.shown) | _planned(plan, secrecy)


def of_receipt(
    receipt: Receipt, *, dry_run: bool = False, error: str | None = None, shown: Shown = printable
) -> Document:
    """Return what a receipt says by itself."""
    counts = receipt.counts
    return {
        "schema_version": SCHEMA_VERSION,
        "dry_run": dry_run,
        "cancelled": receipt.cancelled,
        "error": error or sentence_of(receipt.failure),
        "plan_id": receipt.plan_id,
        "target": target_of(receipt.target),
        "prefix": printable(receipt.prefix),
        "planned": receipt.planned,
        "removed": counts.removed,
        "changed": counts.changed,
        "gone": counts.gone,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "unknown": counts.unknown,
        "undoable": counts.removed - counts.without_undo,
        "journal": None if receipt.journal is None else str(receipt.journal),
        "seconds": round(receipt.seconds, 3),
        "reasons": reasons_of(receipt.reasons),
        "changed_keys": [shown(key) for key in receipt.changed_keys],
        "failed_keys": [shown(key) for key in receipt.failed_keys],
        "left_keys": [shown(key) for key in receipt.left_keys],
    }


def of_undo(receipt: UndoReceipt, entry: Entry | None, shown: Shown = printable) -> Document:
    """Return the receipt of an undo; `entry` is its journal as it was before, `shown` makes keys safe to show."""
    counts = receipt.counts
    return {
        "schema_version": SCHEMA_VERSION,
        "cancelled": receipt.cancelled,
        "error": sentence_of(receipt.failure),
        "target": None if entry is None or entry.target is None else target_of(entry.target),
        "prefix": None if entry is None else printable(entry.prefix),
        "change": None,
        "planned": receipt.total,
        "restored": counts.restored,
        "present": counts.present,
        "changed": counts.recreated,
        "gone": counts.expired,
        "past": 0,
        "failed": counts.failed,
        "skipped": counts.remaining,
        "journal": str(receipt.path),
        "restarted": receipt.restarted,
        "seconds": round(receipt.seconds, 3),
        "reasons": reasons_of(receipt.reasons),
        "changed_keys": [shown(key) for key in receipt.recreated_keys],
        "failed_keys": [shown(key) for key in receipt.failed_keys],
    }


def of_journals(entries: Sequence[Entry], rules: PurgeRules) -> Document:
    """Return the list of journals."""
    return {
        "schema_version": SCHEMA_VERSION,
        "folder": str(rules.journal_folder),
        "journal_days": rules.journal_age_s / DAY,
        "journal_size": rules.journal_bytes,
        "journals": [_entry(entry) for entry in entries],
    }


def _planned(plan: Plan, secrecy: Secrecy) -> Document:
    request, found = plan.request, plan.found
    return {
        "all_keys": request.all_keys,
        "exclude": keys_of(request.exclude),
        "exclude_keys": [secrecy.shown(key) for key in sorted(request.exclude_keys)],
        "dbsize": plan.dbsize,
        "bytes": found.bytes,
        "types": dict(found.types),
        "no_ttl": found.no_ttl,
        "excluded": found.excluded,
        "protected": found.protected,
        "denied": found.denied,
        "moving": found.moving,
        "big_keys": found.big_keys,
        "secrets": found.secrets,
        "families": [
            {
                "pattern": secrecy.pattern(family.pattern),
                "keys": family.keys,
                "bytes": None if found.bytes is None else family.bytes,
            }
            for family in found.families
        ],
        "beside": [{"name": secrecy.shown(beside.name), "keys": beside.keys} for beside in found.beside],
    }


def target_of(target: Target) -> Document:
    """Return where it was."""
    return {
        "host": shown(target.socket_path or target.host),
        "port": None if target.socket_path else target.port,
        "db": target.db,
        "product": target.product,
        "version": target.version,
        "role": target.role,
        "run_id": target.run_id or None,
        "nodes": [member.label for member in target.members],
    }


def _entry(entry: Entry) -> Document:
    return {
        "id": entry.id,
        "path": str(entry.path),
        "state": str(entry.state),
        "when": datetime.fromtimestamp(entry.when, UTC).isoformat(timespec="milliseconds"),
        "target": None if entry.target is None else target_of(entry.target),
        "prefix": text_of(entry.prefix) if entry.done else printable(entry.prefix),
        "change": entry.done or None,
        "exact": entry.exact,
        "keys": entry.keys,
        "restored": entry.restored,
        "bytes": entry.bytes,
        "problem": entry.problem,
    }


def keys_of(keys: Iterable[bytes]) -> list[str]:
    """Return keys in printable form."""
    return [printable(key) for key in keys]


def reasons_of(reasons: Iterable[tuple[str, int]]) -> list[Document]:
    """Return why keys failed, and how many."""
    return [{"reason": sentence, "keys": number} for sentence, number in reasons]


def sentence_of(failure: Failure | None) -> str | None:
    """Return what went wrong."""
    return None if failure is None else failure.sentence
