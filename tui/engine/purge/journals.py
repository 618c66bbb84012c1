"""The journals in a folder: what can be undone, and what is old enough to go."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tui.engine.failure import Unavailable
from tui.engine.purge.frames import Outline, read_outline
from tui.engine.purge.journal import of_disk
from tui.engine.purge.request import Target


class State(StrEnum):
    """How a journal stands."""

    RUNNING = "running"
    """Another redtop is at it right now."""
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    """It has no end mark: the purge can be finished or undone."""
    PARTLY_UNDONE = "partly undone"
    UNDONE = "undone"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal."""

    path: Path
    id: str
    target: Target | None
    """None when it is damaged."""
    prefix: bytes
    exact: bool
    """Whether it was of listed keys, not of a prefix."""
    when: float
    """Wall-clock seconds."""
    keys: int
    """Keys that undo has to bring back."""
    bytes: int
    """Of the file."""
    state: State
    restored: int
    """Keys that were brought back already."""
    problem: str | None = None
    """What is wrong with it: a sentence."""
    done: str = ""
    """What was done, when it was not a purge: a few words."""


def journals(folder: Path, suffix: str = "journal") -> list[Entry]:
    """List the journals of a folder, newest first; a folder that is not there has none."""
    try:
        paths = list(folder.glob(f"*.{suffix}"))
    except OSError:
        return []
    found = [entry for path in paths if (entry := describe(path)) is not None]
    return sorted(found, key=lambda entry: (-entry.when, entry.path.name))


def describe(path: Path) -> Entry | None:
    """Look at one journal; None when it is gone by now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _damaged(path, 0, 0.0, of_disk(error).failure.sentence)
    try:
        about = os.fstat(descriptor)
        running = _is_locked(descriptor)
        try:
            outline = read_outline(descriptor)
        except Unavailable as error:
            return _damaged(path, about.st_size, about.st_mtime, error.failure.sentence)
        return _entry(path, about.st_size, outline, running=running)
    except OSError as error:
        return _damaged(path, 0, 0.0, of_disk(error).failure.sentence)
    finally:
        os.close(descriptor)


def prune(folder: Path, *, most_bytes: int, most_age: float, now: float, suffix: str = "journal") -> list[Entry]:
    """Remove journals older than `most_age` seconds, then, until the rest fit: undone ones, then the oldest.

    One that is in use is never removed, and none is when less than nothing is to be kept: whoever asks has no room for
    what they are about to write, and must not pay for it with what there is. Returns what was removed.
    """
    if most_bytes < 0:
        return []
    entries = [entry for entry in journals(folder, suffix) if entry.state is not State.RUNNING]
    total = sum(entry.bytes for entry in entries)
    removed = []
    for entry in sorted(entries, key=lambda entry: (entry.state is not State.UNDONE, entry.when)):
        if total > most_bytes or now - entry.when > most_age:
            try:
                entry.path.unlink(missing_ok=True)
            except OSError:
                continue  # a folder that is no longer ours to write: the purge itself will say so
            total -= entry.bytes
            removed.append(entry)
    return removed


def _entry(path: Path, size: int, outline: Outline, *, running: bool) -> Entry:
    header = outline.header
    return Entry(
        path=path,
        id=header.id,
        target=header.target,
        prefix=header.prefix,
        exact=header.exact,
        when=header.made_at,
        keys=outline.keys,
        bytes=size,
        state=State.RUNNING if running else _state(outline),
        restored=outline.account["restored"],
        done=header.done,
    )


def _state(outline: Outline) -> State:
    if outline.finished_undo:
        return State.UNDONE
    if outline.undone:
        return State.PARTLY_UNDONE
    return State.INTERRUPTED if outline.end is None else State.COMPLETE


def _damaged(path: Path, size: int, when: float, problem: str) -> Entry:
    name = path.stem.rpartition("-")[2]
    return Entry(
        path,
        name,
        None,
        b"",
        exact=False,
        when=when,
        keys=0,
        bytes=size,
        state=State.DAMAGED,
        restored=0,
        problem=problem,
    )


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
