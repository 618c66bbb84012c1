"""One look, printed or as a document: the same engine without a screen."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tui.engine.failure import Failure, Kind
from tui.headless.report_look import Look, Show, look
from tui.settings import Settings

FINE = 0
NO_DATABASE = 2
"""Exit code for a database the server does not have: a wrong option, though only the server can tell."""
COULD_NOT_LOOK = 3
"""Exit code when there is nothing to report on, or the server went away before the report was done."""
INTERRUPTED = 130
"""Exit code after ctrl-c, also when a report was printed."""


def print_report(settings: Settings, stream: TextIO, *, exact: bool = False, as_json: bool = False) -> int:
    """Look once, print what was found, and return the exit code.

    When there is nothing to report on, one sentence goes to stderr and nothing to `stream`. Ctrl-c ends the look
    early, and what is known by then is printed.

    Args:
        settings: where to look, and how gently.
        stream: where the report goes.
        exact: go on until every key has been counted.
        as_json: write the document that `docs/report.md` describes.
    """
    with _progress(sys.stderr, wanted=exact) as show:
        found = asyncio.run(_looked(settings, exact, show))
    if isinstance(found, Look):
        stream.write(_written(found, stream, as_json=as_json))
    failure = found.failure if isinstance(found, Look) else found
    if failure is not None:
        sys.stderr.write(f"redtop: {failure.sentence}.\n")
        return NO_DATABASE if failure.kind is Kind.DATABASE else COULD_NOT_LOOK
    return FINE if isinstance(found, Look) and not found.interrupted else INTERRUPTED


async def _looked(settings: Settings, exact: bool, show: Show) -> Look | Failure | None:
    """Look until done or until ctrl-c; a second ctrl-c waits for nothing."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        return await look(settings, exact=exact, stop=stop, show=show)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _written(found: Look, stream: TextIO, *, as_json: bool) -> str:
    """Make one text of it: written at once, so that a reader who goes away is noticed in one place."""
    if as_json:
        from tui.headless.report_json import dumped

        encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
        return dumped(found, ascii_only=encoding != "utf8")
    from tui.headless.report_text import drawn  # Rich takes longer to load than all of the document

    return drawn(found, stream)


@contextmanager
def _progress(stream: TextIO, *, wanted: bool) -> Iterator[Show]:
    """Show how far the pass is, where somebody sees it."""
    if not wanted or not stream.isatty():
        yield lambda keyspace: None
        return
    from tui.headless.report_progress import progress

    with progress(stream) as show:
        yield show
