"""A progress bar for whatever changes many keys: words, how far, what ctrl-c does."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import TypeVar, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from tui.engine.failure import Failure
from tui.headless.on_server import Ended

Show = Callable[[str, float], None]
"""Takes what there is to say (safe text), and how much is done, from 0 to 1."""

SeenT = TypeVar("SeenT")
EndT = TypeVar("EndT")


async def end_of(
    work: AsyncGenerator[SeenT | EndT | Failure, None],
    kind: type[EndT],
    said: Callable[[SeenT], tuple[str, float]],
    *,
    hint: str = "ctrl-c: stop",
) -> EndT:
    """Follow work with a bar until its end, a plan or a receipt of that kind.

    `said` makes of the progress on the way the words (safe text), and how much is done, from 0 to 1.

    Raises:
        Ended: the work ended with a failure.
    """
    with progress(hint) as show:
        async with aclosing(work):
            async for seen in work:
                if isinstance(seen, kind):
                    return seen
                if isinstance(seen, Failure):
                    raise Ended.by(seen)
                show(*said(cast("SeenT", seen)))
    raise AssertionError("work has an end")


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
