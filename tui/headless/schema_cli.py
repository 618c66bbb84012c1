"""`redtop schema`: what schemas there are, what one says, and whether a keyspace is as it says."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from tui.engine.failure import Failure, Kind
from tui.engine.schema.model import Schema
from tui.headless.schema_look import Tested, test
from tui.options import COULD_NOT_LOOK, DIFFERS, FINE, INTERRUPTED, NO_DATABASE
from tui.settings import Settings, catalog, schemas_of


def print_list(stream: TextIO, *, as_json: bool) -> int:
    """Print every schema that has a name; a broken one of the user's with the reason."""
    entries = catalog().entries()
    if as_json:
        from tui.headless.schema_json import dumped, listed

        stream.write(dumped(listed(entries), stream))
    else:
        from tui.headless.schema_text import draw, list_of

        stream.write(draw(list_of(entries, catalog().folder), stream))
    return FINE


def print_schemas(wanted: Sequence[str], stream: TextIO) -> int:
    """Print what schemas say.

    Raises:
        SettingsError: one of them does not exist, or is wrong.
    """
    from tui.headless.schema_text import draw, schema_of

    stream.writelines(draw(schema_of(schema), stream) for schema in schemas_of(wanted))
    return FINE


def run_test(settings: Settings, stream: TextIO, *, exact: bool, as_json: bool) -> int:
    """Test the schemas of the settings on the keyspace they name, print what was found, and return the exit code.

    When there is nothing to say, one sentence goes to stderr and nothing to `stream`.
    """
    found = asyncio.run(_tested(settings, schemas_of(settings.schemas), exact=exact))
    if found is None:
        return INTERRUPTED
    if isinstance(found, Failure):
        sys.stderr.write(f"redtop: {found.sentence}.\n")
        return NO_DATABASE if found.kind is Kind.DATABASE else COULD_NOT_LOOK
    stream.write(_written(found, stream, as_json=as_json))
    if found.interrupted:
        return INTERRUPTED
    return FINE if found.fits else DIFFERS


async def _tested(settings: Settings, schemas: Sequence[Schema], *, exact: bool) -> Tested | Failure | None:
    """Test until done or until ctrl-c; a second ctrl-c waits for nothing."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        return await test(settings, schemas, exact=exact, stop=stop)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _written(found: Tested, stream: TextIO, *, as_json: bool) -> str:
    if as_json:
        from tui.headless.schema_json import dumped, tested

        return dumped(tested(found), stream)
    from tui.headless.schema_text import draw, test_of

    return draw(test_of(found), stream)
