"""Leaving in order when the terminal or the system says so, also in the ways that nobody types."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable

LOOK_EVERY = 0.5
"""Seconds between looks at the terminal: Textual reads a closed one in a tight loop, so not for long."""


def on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave` with the exit code that shells use when SIGTERM or SIGHUP comes."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave, 128 + number)


async def terminal_gone() -> None:
    """Return when the terminal on standard input was closed (a lost SSH connection, a closed window)."""
    stream = sys.__stdin__
    if stream is None or not os.isatty(stream.fileno()):
        await asyncio.get_running_loop().create_future()
        return
    poll = select.poll()
    poll.register(stream.fileno(), 0)  # a hang-up is told without being asked for
    while not poll.poll(0):  # noqa: ASYNC110 - only a look tells; there is no event to wait for
        await asyncio.sleep(LOOK_EVERY)
