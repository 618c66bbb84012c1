"""What was changed, newest first, and the way back of it: kept on disk where there is one, so it outlives the program.

A record is written before the change is made, and again with what it has really touched. It holds names, ids and
counters, never what entries hold.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tui.engine.streams.acts.base import Act
from tui.engine.streams.acts.groups import DeleteConsumer, DeleteGroup, SetId
from tui.engine.streams.acts.pending import Acknowledge, Claim
from tui.engine.streams.acts.run import Receipt

MOST = 100
"""Records kept, of all servers: each is at most some hundred kilobytes."""
MOST_AGE = 30 * 86_400.0
"""Seconds that one is kept; as the journals of purges, when nothing else is said."""
LASTING: dict[str, type[Act]] = {
    kind.__name__: kind for kind in (Acknowledge, Claim, DeleteConsumer, DeleteGroup, SetId)
}
"""The acts with a way back that is worth keeping. What AddEntry has added would have to be written out in full."""


class _Record(msgspec.Struct, frozen=True):
    """A file."""

    place: str
    at: float
    kind: str
    act: msgspec.Raw
    version: int = 1


@dataclass(slots=True)
class Change:
    """One change."""

    act: Act
    at: float
    """Wall-clock seconds when it was made."""
    done: int = 0
    """How many of what was planned was touched."""
    back: bool = False
    """Whether it was taken back."""
    path: Path | None = None
    """Its record; None when it has none."""

    @property
    def why_not(self) -> str:
        """Why it cannot be taken back: a few words; empty when it can."""
        if self.back:
            return "taken back"
        if self.path is not None and not self.path.exists():
            return "taken back by another redtop"
        return "" if self.act.undo() else "no way back"


class History:
    """The changes of one place, of this session and of earlier ones."""

    def __init__(self, folder: Path, place: str) -> None:
        """Keep records in a folder, which is made when it is needed; `place` says which server and database."""
        self._folder = folder
        self._place = place
        self._changes: list[Change] = []
        self._known: set[Path] = set()

    def load(self) -> Sequence[Change]:
        """Return all changes, the newest first; those of other sessions as far as their records can be read."""
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            if path not in self._known and (found := self._read(path)) is not None:
                self._changes.append(found)
                self._known.add(path)
        self._changes.sort(key=lambda change: -change.at)
        return tuple(self._changes)

    def begin(self, act: Act, at: float) -> tuple[Change, str]:
        """Take note of what is about to be done; returns, too, why it could not be written down, if so: a sentence."""
        change, why = Change(act, at), ""
        if type(act).__name__ in LASTING:
            change.path = self._folder / f"{int(at * 1000)}-{secrets.token_hex(4)}.json"
            self._known.add(change.path)
            why = self._write(change)
        self._changes.append(change)
        return change, why

    def finish(self, change: Change, receipt: Receipt, at: float) -> None:
        """Take note of what was done; what has changed nothing is no change."""
        change.done, change.at = receipt.done, at
        if not receipt.done and not receipt.unknown:
            self._changes.remove(change)
            self._unlink(change)
        elif change.path is not None:
            self._write(change)
            self._prune(at)

    def taken_back(self, change: Change) -> None:
        """Take note that it was undone."""
        change.back = True
        self._unlink(change)
        change.path = None

    def _write(self, change: Change) -> str:
        assert change.path is not None
        record = {
            "place": self._place,
            "at": change.at,
            "kind": type(change.act).__name__,
            "act": change.act,
            "version": 1,
        }
        beside = change.path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(record))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(change.path)
        except OSError as error:
            self._unlink(change)
            change.path = None
            return f"its way back lasts until redtop ends: {os.strerror(error.errno or 0)}"
        return ""

    def _read(self, path: Path) -> Change | None:
        try:
            record = msgspec.json.decode(path.read_bytes(), type=_Record)
            if record.place != self._place or record.version != 1:
                return None
            kind: Any = LASTING[record.kind]
            act = msgspec.json.decode(record.act, type=kind)
        except (OSError, KeyError, msgspec.MsgspecError):
            return None
        return Change(act, record.at, act.planned, path=path)

    def _prune(self, now: float) -> None:
        """Let go of the oldest records."""
        paths = sorted(self._folder.glob("*.json"))
        for path in paths:
            stamp = path.name.split("-")[0]
            old = stamp.isdigit() and now - int(stamp) / 1000 > MOST_AGE
            if old or path in paths[:-MOST]:
                path.unlink(missing_ok=True)

    def _unlink(self, change: Change) -> None:
        if change.path is not None:
            for path in (change.path, change.path.with_suffix(".new")):
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    return  # a folder that is no longer ours to write
