"""The journals of a folder, whatever they are of: purges, and changes of TTLs."""

from __future__ import annotations

from pathlib import Path

from tui.engine.expiry.retime.execute import SUFFIX
from tui.engine.purge.journals import Entry, journals


def every_journal(folder: Path) -> list[Entry]:
    """List the journals of a folder, newest first; a folder that is not there has none."""
    return sorted([*journals(folder), *journals(folder, SUFFIX)], key=lambda entry: (-entry.when, entry.path.name))


def is_of_ttls(entry: Entry) -> bool:
    """Whether it is of a change of TTLs, not of a purge."""
    return bool(entry.done)
