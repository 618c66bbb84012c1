"""A process that revokes, to be killed: `python -m tests.engine.revoke.victim PORT SCHEMA CHUNK AUDIT`.

It says `planned N` when its plan is made, waits for a line, revokes all of user 1, and says `done`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from tests.engine.revoke.conftest import Hasty, roles_of
from tests.servers import HOST
from tui.engine.address import Address
from tui.engine.revoke.execute import execute
from tui.engine.revoke.plan import Plan, plan
from tui.engine.revoke.wanted import Wanted
from tui.engine.session import Options, Session


async def main(port: int, schema: str, chunk: int, audit: Path) -> None:
    """Plan, wait, revoke."""
    session = Session(Address(HOST, port), Options())
    task = asyncio.create_task(session.run())
    node = session.deployment.nodes[0]
    async for found in plan(node, roles_of(schema), Wanted(user=b"1")):
        if isinstance(found, Plan):
            sys.stdout.write(f"planned {len(found.keys)}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.readline)
            async for _ in execute(node, found, audit, chunk=chunk, clock=Hasty()):
                pass
    sys.stdout.write("done\n")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
