"""A progress bar for a purge and an undo: words, how far, what ctrl-c does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

Show = Callable[[str, float], None]
"""Takes what there is to say (safe text), and how much is done, from 0 to 1."""


@contextmanager
def progress(hint: str) -> Iterator[Show]:
    """Draw a bar on stderr where somebody sees it; nothing is left of it afterwards."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda words, share: None
        return
    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(bar_width=16), TaskProgressColumn(), TextColumn(hint, style="dim"))
    # Drawn when there is something new: a thread that draws in between would only cost time.
    bar = Progress(*columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False)
    task = bar.add_task("", total=1.0)

    def show(words: str, share: float) -> None:
        with suppress(OSError):  # the terminal was closed: no reason to leave work undone
            bar.start()
            bar.update(task, description=words, completed=share, refresh=True)

    try:
        yield show
    finally:
        with suppress(OSError):
            bar.stop()
