"""A headless command at work on a server: a session around it, and an orderly end when somebody wants one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tui.engine.commands import exchange
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, Kind
from tui.engine.place import Place
from tui.engine.session import Options, Session
from tui.headless.purge_print import complain
from tui.options import BAD_USAGE, COULD_NOT_LOOK, INTERRUPTED, REFUSED
from tui.settings import READ_ONLY, Settings

FULL_SPEED = 1.0
"""Share of the server's time for what a person waits for, unless they say how gently."""

_CODES = {Kind.DATABASE: BAD_USAGE, Kind.READ_ONLY: REFUSED}

T = TypeVar("T")


class Stop(asyncio.Event):
    """Set when somebody wants the command to end; knows the exit code that belongs to it."""

    code = INTERRUPTED

    def by(self, number: int) -> None:
        """Take note of a signal."""
        self.code = 128 + number
        self.set()


class Ended(Exception):  # noqa: N818 - an end before its time is expected, and handled in one place
    """The command is over: its exit code, and one sentence (without its full stop) for stderr, if there is one."""

    def __init__(self, code: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence

    @classmethod
    def by(cls, failure: Failure) -> Ended:
        """End because of what the server, or the way to it, says."""
        return cls(_CODES.get(failure.kind, COULD_NOT_LOOK), failure.sentence)


Work = Callable[[Place, Stop], Awaitable[int]]
"""Does what a command is for, and returns its exit code; may raise `Ended`."""


def run_on_server(settings: Settings, work: Work) -> int:
    """Connect, make sure that the server may be written to, do the work, and return the exit code."""
    if settings.read_only:
        complain(READ_ONLY)
        return REFUSED
    try:
        return asyncio.run(_run(settings, work))
    except Ended as end:
        if end.sentence:
            complain(end.sentence)
        return end.code


def share_of(settings: Settings) -> float:
    """Return the share of the server's time that the work may take."""
    return settings.scan_share if settings.scan_share_given else FULL_SPEED


async def unless_stopped(stop: Stop, work: Coroutine[Any, Any, T]) -> T:
    """Wait for some work, and give it up when stopped.

    Raises:
        Ended: it was stopped, and the work has been cancelled.
    """
    task, waiting = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Ended(stop.code)
        return task.result()
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)


async def _run(settings: Settings, work: Work) -> int:
    session = Session(settings.address, Options(settings.interval, share_of(settings), settings.delimiter))
    deployment, ended = session.deployment, None
    async with asyncio.TaskGroup() as group:  # a programming error in the session ends the work loudly
        running = group.create_task(session.run())
        try:
            with _signals() as stop:
                await unless_stopped(stop, _connected(deployment))
                code = await work(deployment, stop)
        except Ended as end:
            ended = end
        running.cancel()
    if ended is not None:
        raise ended
    return code


async def _connected(deployment: Deployment) -> None:
    """Wait until it is known what is there; of a cluster one node that answers will do."""
    answers = await deployment.ask_all(exchange([b"PING"]))
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    if len(failures) == len(answers):
        raise Ended.by(failures[0])
    if deployment.refusal is not None:
        raise Ended(REFUSED, deployment.refusal)


@contextmanager
def _signals() -> Iterator[Stop]:
    """Let ctrl-c, SIGTERM and a lost terminal stop the work in order; a second one changes nothing."""
    loop, stop = asyncio.get_running_loop(), Stop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.by, number)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
