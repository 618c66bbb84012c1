"""Receipts of revocations as the documents that `docs/revocation.md` describes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tui.engine.revoke.account import Counts, Receipt
from tui.engine.revoke.falling import kinds
from tui.engine.revoke.holdings import Holding
from tui.engine.revoke.naming import shown_user
from tui.engine.revoke.plan import Plan, lives_until
from tui.headless.purge_json import Document, target_of
from tui.words.revoke_words import why_not

SCHEMA_VERSION = 1
"""Goes up when a field goes away or changes its meaning; a new field is no reason."""


def of_plan(plan: Plan, now: float, *, dry_run: bool, error: str | None = None) -> Document:
    """Return the receipt of a revocation that removed nothing."""
    lives = lives_until(plan.keys, now) if plan.stateless else None
    return {
        **_head(plan, dry_run=dry_run, cancelled=False, error=error),
        **_numbers(Counts(skipped=len(plan.keys))),
        **_after(scans=0, late=0, verified=False, unread=plan.unread, lives=lives, seconds=0.0),
        "reasons": [],
        "audit": None,
        **_falling(plan),
    }


def of_receipt(receipt: Receipt, audit: Path) -> Document:
    """Return the receipt of a revocation."""
    late = receipt.late.removed + receipt.late.gone
    error = None if receipt.verified else why_not(receipt)
    after = _after(
        scans=receipt.scans,
        late=late,
        verified=receipt.verified,
        unread=receipt.unread,
        lives=receipt.access_lives_until,
        seconds=receipt.seconds,
    )
    return {
        **_head(receipt.plan, dry_run=False, cancelled=receipt.cancelled, error=error),
        **_numbers(receipt.counts),
        **after,
        "reasons": [{"reason": sentence, "times": number} for sentence, number in receipt.reasons],
        "audit": str(audit),
        **_falling(receipt.plan),
    }


def _head(plan: Plan, *, dry_run: bool, cancelled: bool, error: str | None) -> Document:
    return {
        "schema_version": SCHEMA_VERSION,
        "dry_run": dry_run,
        "cancelled": cancelled,
        "error": error,
        "plan_id": plan.id,
        "target": target_of(plan.target),
        "schemas": [schema.name for schema in plan.roles.schemas],
        "scope": str(plan.scope),
        "user": None if plan.user is None else shown_user(plan.user),
        "family": None if plan.wanted.family is None else plan.wanted.family.name,
        "planned": len(plan.keys),
    }


def _numbers(counts: Counts) -> Document:
    return {
        "removed": counts.removed,
        "changed": counts.changed,
        "gone": counts.gone,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "unknown": counts.unknown,
        "index_entries": counts.entries,
    }


def _after(*, scans: int, late: int, verified: bool, unread: int, lives: float | None, seconds: float) -> Document:
    return {
        "late": late,
        "verified": verified,
        "scans": scans,
        "unread": unread,
        "access_lives_until": None if lives is None else _moment(lives),
        "seconds": round(seconds, 3),
    }


def _falling(plan: Plan) -> Document:
    return {
        "stateless": plan.stateless,
        "unowned": plan.unowned,
        "families": _families(plan.keys),
        "stays": _families(plan.falling.staying),
        "mints": len(plan.minting),
    }


def _families(keys: Iterable[Holding]) -> list[Document]:
    return [
        {
            "schema": lead.role.schema,
            "family": lead.role.family.name,
            "pattern": lead.role.family.label,
            "grants": lead.role.grants,
            "keys": number,
        }
        for lead, number in kinds(keys).items()
    ]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
