"""What is written down about revocations: who lost access when, in numbers and hashes; never what grants access."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from tui import __version__
from tui.engine.address import shown
from tui.engine.failure import Failure, Kind, Unavailable
from tui.engine.purge.request import Target
from tui.engine.revoke.account import Counts, Receipt
from tui.engine.revoke.naming import shown_user
from tui.engine.revoke.plan import Plan

NAMED = 1000
"""Keys whose hashes are written: of a whole family there may be a million."""
HASHED = 32
"""Hexadecimal digits of a hash: nobody meets another key with the same by chance."""


def began(path: Path, plan: Plan, at: float) -> None:
    """Write down that a revocation begins: before the first key goes, so that a crash leaves a trace.

    Raises:
        Unavailable: the file, or the disk, does not allow it; then nothing must be removed.
    """
    keys = plan.keys[:NAMED]
    line = {
        "keys": len(plan.keys),
        "families": _families(plan),
        "key_hashes": [hashed(one.key) for one in keys],
    }
    _append(path, {"event": "revocation began", **_about(plan, at), **line})


def ended(path: Path, receipt: Receipt, at: float) -> None:
    """Write down what came of it.

    Raises:
        Unavailable: as above.
    """
    line = {
        "verified": receipt.verified,
        "cancelled": receipt.cancelled,
        "error": None if receipt.failure is None else receipt.failure.sentence,
        "planned": receipt.planned,
        **_numbers(receipt.counts),
        "late": _numbers(receipt.late),
        "scans": receipt.scans,
    }
    _append(path, {"event": "revocation ended", **_about(receipt.plan, at), **line})


def hashed(key: bytes) -> str:
    """Return the beginning of a key's SHA-256: whoever knows the key finds its line, and nobody else learns it."""
    return sha256(key).hexdigest()[:HASHED]


def _about(plan: Plan, at: float) -> dict[str, object]:
    return {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "tool": f"redtop {__version__}",
        "id": plan.id,
        "target": _target(plan.target),
        "schemas": [schema.name for schema in plan.roles.schemas],
        "scope": str(plan.scope),
        "user": None if plan.user is None else shown_user(plan.user),
    }


def _target(target: Target) -> dict[str, object]:
    place = {"host": shown(target.socket_path or target.host), "port": target.port}
    return {**place, "db": target.db, "run_id": target.run_id or None}


def _families(plan: Plan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in plan.keys:
        name = f"{one.role.schema}.{one.role.family.name}"
        counts[name] = counts.get(name, 0) + 1
    return counts


def _numbers(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__slots__}


def _append(path: Path, line: Mapping[str, object]) -> None:
    data = msgspec.json.encode(line) + b"\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with suppress(PermissionError):  # of somebody else, who may have made it readable for all
                os.fchmod(descriptor, 0o600)
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        sentence = f"the audit log {shown(str(path))} cannot be written: {error.strerror or 'the disk fails'}"
        raise Unavailable(Failure(Kind.JOURNAL, sentence)) from None
