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
    SSH = "ssh"
    """The host on the way has refused, or there is no ssh."""
    FULL = "no free connection"
    LOADING = "loading"
    """Or busy with a script, or a replica without its primary: over by itself."""
    OLD_DATA = "old data"
    """A replica that has lost its primary, and goes on."""
    NO_WRITES = "no writes"
    """The server itself refuses changes: memory is full, or what it writes cannot be saved."""
    PROTOCOL = "not a Redis server"
    DATABASE = "no such database"
    CHOICE = "not what was asked for"
    """What answers is not of the kind that was asked for, or there are several."""
    READ_ONLY = "read-only"
    CHANGED = "another server"
    MOVING = "moving"
    """Keys are on their way from one node of a cluster to another, or have just been: over by itself."""
    REPLY = "error reply"
    JOURNAL = "journal"
    """A file of redtop's own, or the disk it is on."""


WAITS_FOR_A_PERSON = frozenset({Kind.AUTH, Kind.CHOICE, Kind.DATABASE, Kind.SSH})
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


_WORDS = {
    "LOADING": Failure(Kind.LOADING, "the server is loading its data"),
    "BUSY": Failure(Kind.LOADING, "the server runs a script and answers nothing else (BUSY): SCRIPT KILL ends it"),
    "MASTERDOWN": Failure(Kind.LOADING, "this replica has lost its primary, and does not serve old data (MASTERDOWN)"),
    "MISCONF": Failure(Kind.NO_WRITES, "the server cannot save to its disk and refuses writes (MISCONF)"),
    "OOM": Failure(Kind.NO_WRITES, "memory is full (OOM): the server refuses what would take more"),
    "NOREPLICAS": Failure(Kind.NO_WRITES, "too few replicas follow (NOREPLICAS): the server refuses writes"),
    "ASK": Failure(Kind.MOVING, "its slot is being moved to another node"),
    "MOVED": Failure(Kind.MOVING, "its slot was moved to another node"),
    "TRYAGAIN": Failure(Kind.MOVING, "its slot is being moved to another node"),
    "READONLY": Failure(Kind.READ_ONLY, "this server is a replica: write to its primary"),
}
"""What is about the server as a whole, by code; its own sentences are made for those who configure it."""


def lacking(rule: str) -> str:
    """Say which permission a user has not: the rule comes early, for panes cut what is long.

    >>> lacking("+memory|usage")
    'this user lacks +memory|usage (ACL)'
    """
    return f"this user lacks {rule} (ACL)"


def of_reply(error: ReplyError, doing: str) -> Failure:
    """Name an error reply; `doing` is the command line as an ACL rule would name it, like `+memory|usage`."""
    match error.code:
        case "NOPERM":
            return Failure(Kind.DENIED, lacking(doing))
        case "NOAUTH":
            return Failure(Kind.AUTH, "the server wants a password: give one with --askpass or REDISCLI_AUTH")
        case "CLUSTERDOWN":
            why = error.sentence.partition(" ")[2]
            return Failure(Kind.MOVING, f"the cluster does not serve this slot now (CLUSTERDOWN): {why}")
        case code if code in _WORDS:
            return _WORDS[code]
        case "ERR" if str(error).lower().startswith(("err unknown command", "err unknown subcommand")):
            command = doing.lstrip("+").replace("|", " ").upper()
            return Failure(Kind.DENIED, f"this server has no {command}: it is too old, or the command was renamed")
        case _:
            return Failure(Kind.REPLY, error.sentence)
