"""What can go wrong between redtop and a server, as values with one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.engine.printable import printable


class Kind(StrEnum):
    """The failures redtop tells apart; each is a different thing for a person to do."""

    REFUSED = "refused"
    UNKNOWN_HOST = "unknown host"
    TIMEOUT = "no answer"
    LOST = "connection lost"
    TLS = "TLS"
    AUTH = "login"
    DENIED = "permission"
    FULL = "no free connection"
    LOADING = "loading"
    """Or busy with a script: over by itself."""
    PROTOCOL = "not a Redis server"
    DATABASE = "no such database"
    READ_ONLY = "read-only"
    CHANGED = "another server"
    REPLY = "error reply"
    JOURNAL = "journal"
    """A file of redtop's own, or the disk it is on."""


WAITS_FOR_A_PERSON = frozenset({Kind.AUTH, Kind.DATABASE})
"""Trying again by itself could lock an account, or cannot help."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that did not work, ready to be shown: `sentence` holds only safe text."""

    kind: Kind
    sentence: str


class Unavailable(Exception):  # noqa: N818 - it is a state of the server, expected and handled
    """The server could not be asked; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


class ReplyError(Exception):
    """An error that the server sent as its reply. Appears as a value among replies; see `code`."""

    @property
    def code(self) -> str:
        """The first word (`NOPERM`, `LOADING`, `ERR`, ...): sentences differ between versions, codes do not."""
        return str(self).split(" ", 1)[0]

    @property
    def sentence(self) -> str:
        """The server's words as safe text (without anything after the first line)."""
        return printable(str(self).encode("utf-8", "surrogateescape"))[:300]


def of_reply(error: ReplyError, doing: str) -> Failure:
    """Name an error reply; `doing` is the command line as an ACL rule would name it, like `+memory|usage`."""
    match error.code:
        case "NOPERM":
            return Failure(Kind.DENIED, f"no permission: this user needs the ACL rule {doing}")
        case "NOAUTH":
            return Failure(Kind.AUTH, "the server wants a password: give one with --askpass or REDISCLI_AUTH")
        case "LOADING":
            return Failure(Kind.LOADING, "the server is loading its data")
        case "BUSY":
            return Failure(Kind.LOADING, error.sentence)
        case _:
            return Failure(Kind.REPLY, error.sentence)
