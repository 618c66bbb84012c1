"""A process that changes TTLs, to be killed: `python -m tests.engine.expiry.retime.victim PORT FOLDER`.

It says `planned N` when its plan is made, waits for a line, gives every `lock:flow:{int}` an hour, and says `done`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from tests.engine.expiry.retime.test_retime import LOCKS, SET, SHAPES
from tests.servers import HOST
from tui.engine.address import Address
from tui.engine.expiry.retime.execute import execute
from tui.engine.expiry.retime.wish import request_of
from tui.engine.purge.plan import Plan, plan
from tui.engine.session import Options, Session


async def main(port: int, folder: Path) -> None:
    """Plan, wait, change."""
    session = Session(Address(HOST, port), Options())
    task = asyncio.create_task(session.run())
    node = session.deployment.nodes[0]
    async for found in plan(node, request_of(LOCKS, SHAPES, SET, delimiter=None)):
        if isinstance(found, Plan):
            sys.stdout.write(f"planned {len(found.keys)}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
            async for _ in execute(node, found, SET, "set 1h", folder):
                pass
    sys.stdout.write("done\n")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
