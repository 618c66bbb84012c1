"""One entry of a stream in full."""

from __future__ import annotations

from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.onekey.elements import Element, Piece
from tui.engine.streams.drill import Gone, ask_stream

FULL = 256 * 1024
"""Bytes of a value that are shown: pretty JSON of that length is ten thousand lines."""


async def read_entry(deployment: Deployment, key: bytes, entry_id: bytes) -> Element | Gone | Failure:
    """Read an entry by its id."""
    answer = await ask_stream(deployment, key, [b"XRANGE", key, entry_id, entry_id])
    if not isinstance(answer, list):
        return answer
    (found,) = answer
    if isinstance(found, ReplyError):
        return of_reply(found, "+xrange")
    if not found:
        return Gone("this entry is gone: it was deleted, or trimmed away")
    return entry_of(entry_id, found[0][1] or ())


def entry_of(entry_id: bytes, values: list[bytes] | tuple[bytes, ...]) -> Element:
    """Make an element of names and values in turn."""
    pieces = [Piece(value[:FULL], len(value)) for value in values]
    fields = tuple(zip(pieces[::2], pieces[1::2], strict=True))
    return Element(Piece(b"", 0), name=Piece(entry_id, len(entry_id)), fields=fields)
