"""Error replies in the middle of a change: which are over in a moment, which are about one key, which end it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tui.engine.commands import Reply
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable, of_reply

_PASSING = frozenset({"BUSY", "LOADING", "MASTERDOWN"})
_MOVING = frozenset({"ASK", "CLUSTERDOWN", "MOVED", "TRYAGAIN"})
"""Codes of a node that does not serve a key now."""
_ENDING = frozenset({"EXECABORT", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "OOM", "READONLY"})
"""Codes that the next key would be answered with as well."""
NO_PERMISSION = "no permission for this key"


def is_of_one_key(error: ReplyError) -> bool:
    """Whether an ACL rule refuses the key, not the command."""
    return error.code == "NOPERM" and " key" in str(error)


def is_moving(reply: Reply) -> bool:
    """Whether a node says that the key is with another one, or on its way there."""
    return isinstance(reply, ReplyError) and reply.code in _MOVING


def stop_for_all(replies: Iterable[Reply], rule: str) -> None:
    """Raise when any reply would be the same for every other key.

    Raises:
        Unavailable: the server, or this user's permissions, do not allow to go on.
    """
    for reply in replies:
        if type(reply) is ReplyError and not is_of_one_key(reply) and reply.code in _PASSING | _MOVING | _ENDING:
            raise Unavailable(named(reply, rule))


def named(error: ReplyError, rule: str) -> Failure:
    """Name what ends it, or makes it wait."""
    if error.code == "READONLY":
        return Failure(Kind.READ_ONLY, "the server became a replica in the middle: write to its primary")
    if error.code == "EXECABORT" and "NOPERM" in str(error):
        return of_reply(ReplyError("NOPERM"), "+exec")
    failure = of_reply(error, rule)
    return Failure(Kind.LOADING, failure.sentence) if error.code in _PASSING else failure


def why(error: ReplyError) -> str:
    """Say why one key failed; safe text."""
    return NO_PERMISSION if is_of_one_key(error) else error.sentence


def first_error(replies: Sequence[Reply]) -> ReplyError | None:
    """Return the first error among replies, and replies in replies; the one that only says `aborted` comes last."""
    errors = [reply for reply in _flat(replies) if isinstance(reply, ReplyError)]
    return next((error for error in errors if error.code != "EXECABORT"), errors[0] if errors else None)


def _flat(replies: Sequence[Reply]) -> Iterator[Reply]:
    for reply in replies:
        if isinstance(reply, list):
            yield from reply
        else:
            yield reply
