"""A closer look at keys: type, size, expiry, and a print that differs when the content does.

The last 8 bytes of a DUMP are a checksum of what the key holds, so two equal ones mean equal content. The reverse does
not hold on Redis up to 7: while the table of a hash or a set that has just grown is being moved, each access to it may
change the order in which it is written down, and it is then taken for changed. Keys too long to be read for a look have
a print of their type, length and size.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import repeat
from typing import Any, TypeAlias

from tui.engine.commands import Exchange, Reply, exchange
from tui.engine.failure import ReplyError, Unavailable, of_reply
from tui.engine.info import Identity
from tui.engine.purge.expiry import GONE, Expiries, milliseconds
from tui.engine.purge.keystore import BIG, LOOSE, SECRET, Item
from tui.engine.purge.packing import each, has_errors, joined, tails_of
from tui.engine.purge.refusals import is_moving, is_of_one_key
from tui.engine.purge.request import Request

HEAVY = 64 << 10
"""Bytes from which the number of elements is asked as well: 100,000 of them do not fit in less."""
LOOSE_BYTES = 1 << 20
"""Bytes from which a key is not dumped for a look: the link is shared with everything a person watches."""
BIG_BYTES, BIG_ELEMENTS = 64 << 20, 100_000
"""From here on a DUMP holds up the server for a tenth of a second and more."""
CHUNK_BYTES = 1 << 20
"""Bytes of values read in one round trip."""
NO_PRINT = bytes(8)

LENGTHS = {
    b"string": b"STRLEN",
    b"list": b"LLEN",
    b"set": b"SCARD",
    b"hash": b"HLEN",
    b"zset": b"ZCARD",
    b"stream": b"XLEN",
}
"""How the length of each type is asked; types of modules have none."""

Ask: TypeAlias = Callable[[Exchange], Awaitable[Sequence[Reply]]]
Row: TypeAlias = tuple[bytes, Any, Any, Any]
"""A key, its type, its expiry, its size."""


@dataclass(slots=True)
class Looked:
    """What a look at some keys has shown. Keys that are gone are left out."""

    items: list[Item] = field(default_factory=list)
    kinds: list[bytes] = field(default_factory=list)
    lengths: dict[bytes, int] = field(default_factory=dict)
    """Elements (of a string: bytes) of the heavy ones."""
    now: int = 0
    """The server's clock, in milliseconds."""
    denied: int = 0
    moving: int = 0
    dumped: int = 0
    """Bytes of the payloads of keys that a journal would have."""
    rdb_version: int | None = None


class Look:
    """Looks at keys of one server for one request."""

    def __init__(self, identity: Identity | None, request: Request) -> None:
        self._expiries = Expiries(identity)
        self._request = request
        self.sized = True
        """Whether this user may ask for sizes; needed for undo only."""

    async def at(self, keys: Sequence[bytes], ask: Ask) -> Looked:
        """Look at some keys.

        Raises:
            Unavailable: the server is away, or this user may not ask what is needed.
        """
        looked = Looked()
        rows = await self._facts(keys, ask, looked)
        if self._request.expiring is not None:
            rows = [row for row in rows if (row[2] >= 0) is self._request.expiring]
        heavy = [row for row in rows if row[3] >= HEAVY]
        looked.lengths = await lengths([(key, kind) for key, kind, _, _ in heavy], ask)
        flagged = self._flagged(rows if self._request.secrets else heavy, looked.lengths)
        if self._request.undo:
            prints = await self._prints(rows, flagged, looked, ask)
            rows = [row for row in rows if row[0] in prints]
        else:
            prints = {}
        if rows:
            there, kinds, expiries, sizes = zip(*rows, strict=True)
            marks = map(prints.__getitem__, there) if self._request.undo else repeat(NO_PRINT, len(there))
            flags = (flagged.get(key, 0) for key in there) if flagged else repeat(0, len(there))
            looked.items = list(map(Item._make, zip(there, marks, expiries, sizes, flags, strict=True)))
            looked.kinds = list(kinds)
        return looked

    async def _facts(self, keys: Sequence[bytes], ask: Ask, looked: Looked) -> list[Row]:
        """Ask type, expiry and size of each; return those that are there and may be looked at."""
        tails = tails_of(keys)
        times = self._expiries.question(tails)
        parts = [each((b"TYPE",), tails), exchange([b"TIME"]), times]
        if self.sized:
            parts.append(each((b"MEMORY", b"USAGE"), tails))
        replies = await ask(joined(*parts))
        count, end = len(keys), len(keys) + 1 + times.expected
        looked.now = milliseconds(replies[count])
        kinds = replies[:count]
        expiries = await self._expiries.exact(ask, tails, self._expiries.read(replies[count + 1 : end]))
        sizes = self._sizes(replies[end:], count)
        rows = list(zip(keys, kinds, expiries, sizes, strict=True))
        if any(map(has_errors, (kinds, expiries, sizes))):
            check(kinds, "+type")
            check(expiries, "+pexpiretime")
            self._count(rows, looked)
            rows = [row for row in rows if not has_errors(row)]
        if b"none" not in kinds and GONE not in expiries and None not in sizes:
            return rows
        return [row for row in rows if row[1] != b"none" and row[2] != GONE and row[3] is not None]

    def _count(self, rows: Sequence[Row], looked: Looked) -> None:
        """Count keys that could not be looked at, and why."""
        refused = [row for row in rows if has_errors(row)]
        looked.moving += sum(any(map(is_moving, row)) for row in refused)
        looked.denied += sum(not any(map(is_moving, row)) for row in refused)

    def _sizes(self, replies: Sequence[Reply], count: int) -> Sequence[Reply]:
        if not has_errors(replies):
            return replies or [0] * count
        refused = next((reply for reply in replies if is_refusal(reply)), None)
        if refused is None:
            return replies
        if self._request.undo:
            raise Unavailable(of_reply(refused, "+memory|usage"))
        self.sized = False  # each refusal is an error in the server's statistics
        return [0] * count

    def _flagged(self, rows: Sequence[Row], known: Mapping[bytes, int]) -> dict[bytes, int]:
        """Return the flags of the keys that have any."""
        secrets, undo = self._request.secrets, self._request.undo
        found: dict[bytes, int] = {}
        for key, kind, _, size in rows:
            flags = SECRET if key.startswith(secrets) else 0
            if size >= BIG_BYTES or (kind != b"string" and known.get(key, 0) >= BIG_ELEMENTS):
                flags |= BIG
            if undo and (flags & BIG or size >= LOOSE_BYTES):
                flags |= LOOSE
            if flags:
                found[key] = flags
        return found

    async def _prints(
        self, rows: Sequence[Row], flagged: Mapping[bytes, int], looked: Looked, ask: Ask
    ) -> dict[bytes, bytes]:
        """Return the print of every key that is still there."""
        prints: dict[bytes, bytes] = {}
        short: list[tuple[bytes, int]] = []
        for key, kind, _, size in rows:
            if flagged and flagged.get(key, 0) & LOOSE:
                prints[key] = loose_print(kind, looked.lengths.get(key, 0), size)
            else:
                short.append((key, size))
        for chunk in chunks(short):
            payloads = await ask(each((b"DUMP",), tails_of(chunk)))
            if has_errors(payloads):
                check(payloads, "+dump")
                self._count([(key, payload, 0, 0) for key, payload in zip(chunk, payloads, strict=True)], looked)
            self._take(chunk, payloads, prints, looked)
        return prints

    def _take(
        self, keys: Sequence[bytes], payloads: Sequence[Reply], prints: dict[bytes, bytes], looked: Looked
    ) -> None:
        unjournaled = () if self._request.undo_secrets else self._request.secrets
        for key, payload in zip(keys, payloads, strict=True):
            if type(payload) is bytes:
                prints[key] = payload[-8:]
                if not unjournaled or not key.startswith(unjournaled):
                    looked.dumped += len(payload)
        if looked.rdb_version is None:
            dumped = next((payload for payload in payloads if isinstance(payload, bytes)), None)
            looked.rdb_version = rdb_version(dumped) if dumped else None


async def lengths(keys: Sequence[tuple[bytes, bytes]], ask: Ask) -> dict[bytes, int]:
    """Ask the length of each (key, type) whose type has one; 0 where the server does not tell."""
    keys = [about for about in keys if about[1] in LENGTHS]
    if not keys:
        return {}
    replies = await ask(exchange(*([LENGTHS[kind], key] for key, kind in keys)))
    return {key: reply if isinstance(reply, int) else 0 for (key, _), reply in zip(keys, replies, strict=True)}


def chunks(keys: Sequence[tuple[bytes, int]], most_bytes: int = CHUNK_BYTES) -> Iterator[list[bytes]]:
    """Cut a list of (key, size) where the next one would be too much to read at once."""
    chunk: list[bytes] = []
    total = 0
    for key, size in keys:
        if chunk and total + size > most_bytes:
            yield chunk
            chunk, total = [], 0
        chunk.append(key)
        total += size
    if chunk:
        yield chunk


def loose_print(kind: bytes, length: int, size: int) -> bytes:
    """Return a print of what is known without reading the value."""
    return blake2b(b"%b %d %d" % (kind, length, size), digest_size=8).digest()


def rdb_version(payload: bytes) -> int:
    """Return the version of the format that a DUMP is written in."""
    return int.from_bytes(payload[-10:-8], "little")


def check(replies: Sequence[Reply], rule: str) -> None:
    """Raise when the command itself is refused.

    Raises:
        Unavailable: with the ACL rule that this user needs.
    """
    refused = next((reply for reply in replies if is_refusal(reply)), None)
    if refused is not None:
        raise Unavailable(of_reply(refused, rule))


def is_refusal(reply: Reply) -> bool:
    """Whether this user may not send the command at all; a refusal for one key is another matter."""
    return isinstance(reply, ReplyError) and not is_of_one_key(reply) and not is_moving(reply)


def restorable_elsewhere(version: int) -> str:
    """Say which servers can restore payloads of that version; safe text."""
    if version >= 80:
        return f"only Valkey 9 or newer can restore these keys (RDB version {version}); no Redis can"
    if version == 12:
        return "only Redis 7.4 or newer can restore these keys (RDB version 12); no Valkey can"
    least = {9: "Redis 5", 10: "Redis 7.0", 11: "Redis 7.2 or Valkey 7.2"}.get(version, f"RDB version {version}")
    return f"servers from {least} on can restore these keys; older ones cannot"
