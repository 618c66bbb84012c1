"""What is left of a fault in redtop itself: one sentence, and a file that says where it happened, without values."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path


def record_fault() -> str:
    """Write the traceback, without values, where the person can find it; returns the sentence to end with."""
    from platformdirs import user_state_path

    folder = user_state_path("redtop")
    faults = list(_single(sys.exc_info()[1]))
    name = type(faults[0]).__name__ if faults else "error"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "fault.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            for fault in faults:
                file.writelines([*traceback.format_tb(fault.__traceback__), type(fault).__name__ + "\n"])
    except OSError:
        return f"redtop: a fault inside redtop ({name}); it could not be recorded."
    return f"redtop: a fault inside redtop ({name}); where it happened is in {Path(path)}."


def _single(fault: BaseException | None) -> Iterator[BaseException]:
    """The fault itself, or those in a group: only their traces say where it happened."""
    if isinstance(fault, BaseExceptionGroup):
        for inside in fault.exceptions:
            yield from _single(inside)
    elif fault is not None:
        yield fault
