"""Questions about keys, split up by who holds these, and the answers put together again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hiredis

from tui.engine.cluster.slots import slot_of
from tui.engine.commands import CONTAINERS, Exchange, Reply, name_of
from tui.engine.failure import ReplyError
from tui.engine.node import Node

Command = Sequence[bytes]

UNSETTLED = frozenset({"ASK", "CLUSTERDOWN", "MOVED", "TRYAGAIN"})
"""Codes of errors that say nothing of a key but that it cannot be asked here now."""
_WITHOUT_A_KEY = frozenset({"dbsize", "info", "ping", "time"})


@dataclass(slots=True)
class Part:
    """One command about keys of one slot."""

    command: Command
    slot: int | None
    """None when it is about no key: then it goes where the others go."""
    whole: int
    """Which command of the question it belongs to."""
    beside: Node | None = None
    """Who is asked instead of the slot's owner, which is just giving it away."""
    reply: Reply = None


@dataclass(frozen=True, slots=True)
class Apart:
    """A question in parts."""

    parts: Sequence[Part]
    commands: int
    """How many commands it had."""


def taken_apart(question: Exchange) -> Apart:
    """Split a question into commands about one slot each."""
    commands = list(_commands_of(question))
    parts = [part for number, command in enumerate(commands) for part in _parts(command, number)]
    return Apart(parts, len(commands))


def joined(asked: Apart) -> list[Reply]:
    """Return the replies, one for each command of the question."""
    found: list[list[Reply]] = [[] for _ in range(asked.commands)]
    for part in asked.parts:
        found[part.whole].append(part.reply)
    return [replies[0] if len(replies) == 1 else _one_read(replies) for replies in found]


def is_unsettled(reply: Reply) -> bool:
    """Whether a node answers that it cannot say anything of this key now."""
    return isinstance(reply, ReplyError) and reply.code in UNSETTLED


def _commands_of(question: Exchange) -> Iterator[Command]:
    for run in question.runs:
        if run.times == 1:
            yield run.first
        else:  # packed in one go: take it apart as a server would
            reader = hiredis.Reader()
            reader.feed(run.packed)
            for _ in range(run.times):
                yield reader.gets()


def _parts(command: Command, number: int) -> Iterator[Part]:
    name = name_of(command)
    if name in _WITHOUT_A_KEY:
        yield Part(command, None, number)
    elif name == "xread":
        yield from _reads(command, number)
    else:
        key = command[2 if command[0].upper() in CONTAINERS else 1]
        yield Part(command, slot_of(key), number)


def _reads(command: Command, number: int) -> Iterator[Part]:
    """Split XREAD: one may only name streams of the same slot."""
    start = [word.upper() for word in command].index(b"STREAMS") + 1
    head, words = command[:start], command[start:]
    places = list(zip(words[: len(words) // 2], words[len(words) // 2 :], strict=True))
    by_slot: dict[int, list[tuple[bytes, bytes]]] = {}
    for key, place in places:
        by_slot.setdefault(slot_of(key), []).append((key, place))
    for slot, some in by_slot.items():
        yield Part([*head, *(key for key, _ in some), *(place for _, place in some)], slot, number)


def _one_read(replies: Sequence[Reply]) -> Reply:
    """Put the replies to the parts of one XREAD together; what is away for the moment is left out, if not all is."""
    settled = [reply for reply in replies if not is_unsettled(reply)]
    if not settled:
        return replies[0]
    error = next((reply for reply in settled if isinstance(reply, ReplyError)), None)
    if error is not None:
        return error
    return [stream for reply in settled for stream in reply or ()] or None
