"""Asking a server now and then, without waiting for it, for a sign of life and for what it can do.

States that begin and end while a server answers (it loads, a script runs, its disk is full) must be shown in time as
well, whatever the refresh rate is, so these questions have a pace of their own. They are two cheap ones.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial

from tui.engine.clock import Clock
from tui.engine.commands import Exchange, exchange, name_of
from tui.engine.conditions import of_error, of_info
from tui.engine.failure import Failure, Kind, ReplyError
from tui.engine.info import Info
from tui.engine.link import Answer, Link
from tui.engine.rights import Rights

QUIET = 0.5
"""Seconds without a question after which one asks whether the server is still there."""
LOOK, LOOK_AGAIN = 0.8, 0.3
"""Seconds between looks, and while there is something that the server cannot do: its end must be seen within one."""
SIGNS_OF_LIFE = ([b"PING"], [b"DBSIZE"])
"""Questions that any server answers at once; the second is for users who may not ask the first."""


class Checkup:
    """What one connection's server cannot do just now."""

    def __init__(self, clock: Clock, rights: Rights, see_role: Callable[[str], None]) -> None:
        self._clock = clock
        self._rights = rights
        self._see_role = see_role
        self._looked = -math.inf
        self._looking: asyncio.Future[Answer] | None = None
        self._refuses: Failure | None = None
        """What its answer to a sign of life says."""
        self._tells: Failure | None = None
        """What its INFO says."""

    @property
    def failure(self) -> Failure | None:
        """What it cannot do; None when all is well."""
        if self._tells is not None and self._tells.kind is Kind.LOADING:
            return self._tells  # says how far it is
        return self._refuses or self._tells

    def begin_anew(self) -> None:
        """Look at once: there is another connection, perhaps to another server."""
        self._looked, self._refuses = -math.inf, None

    def read(self, info: Info) -> None:
        """Take in a whole INFO that somebody else has asked for."""
        self._tells = of_info(info)

    def look(self, link: Link) -> None:
        """Ask, if it is time to."""
        now = self._clock.now()
        due = now - self._looked > (LOOK_AGAIN if self.failure else LOOK)
        if not due and now - link.last_sent <= QUIET:
            return
        whole = self._tells is not None  # what INFO told may be over, in any of its sections
        signs = [sign for sign in SIGNS_OF_LIFE if name_of(sign) not in self._rights.refused]
        about = [[b"INFO"] if whole else [b"INFO", b"replication"]] if "info" not in self._rights.refused else []
        # To PING a replica without its primary answered as if nothing were wrong before Redis 7.
        question = exchange(*signs[: 2 if whole else 1], *about)
        if question.expected and (self._looking is None or self._looking.done()):
            self._looked = now
            self._looking = link.send(question)
            self._looking.add_done_callback(partial(self._hear, question, whole))

    def _hear(self, question: Exchange, whole: bool, answered: asyncio.Future[Answer]) -> None:
        if answered.cancelled() or answered.exception() is not None:
            return
        replies = answered.result().replies
        self._rights.learn(question, replies)
        errors = [of_error(reply) for reply in replies if isinstance(reply, ReplyError)]
        self._refuses = next((error for error in errors if error is not None), None)
        if "info" in question.calls and isinstance(replies[-1], bytes):
            info = Info(replies[-1])
            self._see_role(info.identity.role)
            self._tells = of_info(info) or (None if whole else self._tells)
