"""Receipts of changes of TTLs that were undone or finished, as the documents that `docs/purge.md` describes."""

from __future__ import annotations

from tui.engine.expiry.retime.account import Receipt, UndoReceipt
from tui.engine.printable import text_of
from tui.engine.purge.journals import Entry
from tui.headless.purge_json import SCHEMA_VERSION, Document, keys_of, reasons_of, sentence_of, target_of


def of_undo(receipt: UndoReceipt, entry: Entry, *, restarted: bool, seconds: float) -> Document:
    """Return the receipt of an undo: the fields of a purge's, and `past`; `entry` is the journal as it was before."""
    counts = receipt.counts
    return {
        "schema_version": SCHEMA_VERSION,
        "cancelled": receipt.cancelled,
        "error": sentence_of(receipt.failure),
        "target": None if entry.target is None else target_of(entry.target),
        "prefix": text_of(entry.prefix),
        "change": entry.done,
        "planned": receipt.total,
        "restored": counts.restored,
        "present": 0,
        "changed": counts.changed,
        "gone": counts.gone,
        "past": counts.past,
        "failed": counts.failed,
        "skipped": counts.remaining,
        "journal": str(receipt.path),
        "restarted": restarted,
        "seconds": round(seconds, 3),
        "reasons": reasons_of(receipt.reasons),
        "changed_keys": [],
        "failed_keys": [],
    }


def of_finish(receipt: Receipt) -> Document:
    """Return the receipt of an interrupted change that was brought to its end."""
    counts = receipt.counts
    return {
        "schema_version": SCHEMA_VERSION,
        "cancelled": receipt.cancelled,
        "error": sentence_of(receipt.failure),
        "target": target_of(receipt.target),
        "prefix": receipt.pattern,
        "change": receipt.said,
        "planned": receipt.planned,
        "done": counts.done,
        "changed": counts.changed,
        "gone": counts.gone,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "unknown": counts.unknown,
        "journal": None if receipt.journal is None else str(receipt.journal),
        "seconds": round(receipt.seconds, 3),
        "reasons": reasons_of(receipt.reasons),
        "changed_keys": keys_of(receipt.changed_keys),
        "failed_keys": keys_of(receipt.failed_keys),
    }
