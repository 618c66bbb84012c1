"""A process that purges, to be killed: `python -m tests.engine.purge.victim PORT FOLDER PREFIX`.

It says `planned N` when its plan is made, waits for a line, purges, and says `done`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from tests.servers import HOST
from tui.engine.address import Address
from tui.engine.purge.execute import execute
from tui.engine.purge.plan import Plan, plan
from tui.engine.purge.request import Request
from tui.engine.session import Options, Session


async def main(port: int, folder: Path, prefix: bytes) -> None:
    """Plan, wait, purge."""
    session = Session(Address(HOST, port), Options())
    task = asyncio.create_task(session.run())
    place = session.deployment
    await place.known()
    async for found in plan(place, Request(prefix)):
        if isinstance(found, Plan):
            sys.stdout.write(f"planned {len(found.keys)}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
            async for _ in execute(place, found, folder):
                pass
    sys.stdout.write("done\n")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].encode()))
