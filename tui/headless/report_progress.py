"""A progress bar for passes that take a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tui.engine.keyspace import Keyspace
from tui.words.units import count


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[Keyspace], None]]:
    """Draw a bar on a terminal as pictures of a pass come in; nothing is left of it afterwards.

    A pass that is complete with its first picture draws nothing.
    """
    # Narrow enough, hint and all, for one line of 80 columns.
    said, hint = TextColumn("{task.description}"), TextColumn("ctrl-c: print what is known", style="dim")
    columns = (said, BarColumn(bar_width=16), TaskProgressColumn(), TimeRemainingColumn(compact=True), hint)
    # Drawn when there is something new: a thread that draws in between would only cost time.
    bar = Progress(*columns, console=Console(file=stream), transient=True, auto_refresh=False)
    task = bar.add_task("", total=None)
    started = False

    def show(keyspace: Keyspace) -> None:
        nonlocal started
        if keyspace.complete or not keyspace.scanned:
            return
        if not started:
            bar.start()
            started = True
        done = f"{count(keyspace.scanned)} of {count(keyspace.dbsize)} keys"
        bar.update(task, description=done, completed=keyspace.scanned, total=keyspace.dbsize, refresh=True)

    try:
        yield show
    finally:
        if started:
            bar.stop()
