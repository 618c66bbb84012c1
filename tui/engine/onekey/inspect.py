"""One key, looked at: what it is, how big, how long it lives. Two round trips, whatever the size of the value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.commands import Reply, exchange
from tui.engine.deployment import Deployment
from tui.engine.failure import Failure, ReplyError, of_reply
from tui.engine.info import Info
from tui.engine.link import Answer
from tui.engine.printable import printable

SAMPLES = 5
"""Elements that MEMORY USAGE looks at (the server's own default): its time then does not grow with the key."""
TRIES = 3
"""Looks at a key that becomes another type in between, before the last one is taken as it is."""

LENGTHS = {
    "string": "strlen",
    "list": "llen",
    "set": "scard",
    "zset": "zcard",
    "hash": "hlen",
    "stream": "xlen",
}
"""What tells the length of a value, by type. All of them answer at once, whatever the length."""

_FIELD_TTLS_SINCE = {"Valkey": (9, 0), "Redis": (7, 4)}
"""Versions that know HPTTL; a server of another name is not asked, for it may claim any version."""
_NEVER = 1 << 30
_UNTOUCHED_SINCE = (7, 2)


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such key (any more)."""

    key: bytes


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key at the time of the look. What the server does not tell is None."""

    key: bytes
    kind: str
    """`string`, `list`, `set`, `zset`, `hash`, `stream`, or a module's own name: safe text."""
    encoding: str | None
    memory: int | None
    """Bytes, as MEMORY USAGE estimates them from a few elements."""
    length: int | None
    """Bytes of a string, elements of anything else; None for a module's type."""
    expires_at: float | None
    """Wall-clock seconds; None without a TTL."""
    idle: int | None
    """Seconds since the key was last used; None under an LFU policy."""
    frequency: int | None
    """The LFU counter, 0 to 255; None unless the policy is LFU."""
    looked_at: float
    """Wall-clock seconds."""
    touched: bool
    """Whether reading the value counts as using the key: before 7.2 `idle` starts again whenever redtop reads."""
    field_ttls: bool
    """Whether fields of a hash can have a TTL on this server."""
    denied: tuple[str, ...] = ()
    """What is left out for want of a permission: sentences that name the ACL rule."""

    @property
    def mean_size(self) -> int | None:
        """Bytes per element, as far as that is known."""
        return self.memory // self.length if self.memory is not None and self.length else None


async def look(deployment: Deployment, key: bytes) -> KeyFacts | Missing | Failure:
    """Look at a key. Never reads its value, and never asks what the server must answer with an error."""
    for _ in range(TRIES):
        about = await _about(deployment, key)
        if not isinstance(about, _About):
            return about
        found = await _complete(deployment, about)
        if found is not None:
            return found
    return Missing(key)  # another type at every look: there is nothing to hold on to


async def ask(deployment: Deployment, *commands: Sequence[bytes | int]) -> Answer | Failure:
    """Ask the servers that hold the keys; a lost connection is a value."""
    return await deployment.try_ask(exchange(*commands))


@dataclass(frozen=True, slots=True)
class _About:
    """What can be asked of a key before its type is known."""

    key: bytes
    kind: bytes
    expires_at: float | None
    encoding: str | None
    memory: int | None
    policy: str | None
    at: float
    denied: tuple[str, ...]


async def _about(deployment: Deployment, key: bytes) -> _About | Missing | Failure:
    answer = await ask(
        deployment,
        [b"TYPE", key],
        [b"PTTL", key],
        [b"OBJECT", b"ENCODING", key],
        [b"MEMORY", b"USAGE", key, b"SAMPLES", SAMPLES],
        [b"INFO", b"memory"],
    )
    if isinstance(answer, Failure):
        return answer
    kind, ttl, encoding, memory, info = answer.replies
    if isinstance(kind, ReplyError):
        return of_reply(kind, "+type")
    if kind == b"none":
        return Missing(key)
    now = deployment.clock.wall()
    return _About(
        key=key,
        kind=kind,
        expires_at=now + ttl / 1000 if isinstance(ttl, int) and ttl >= 0 else None,
        encoding=printable(encoding) if isinstance(encoding, bytes) else None,
        memory=_number(memory),
        policy=Info(info).text("maxmemory_policy") if isinstance(info, bytes) else None,
        at=now,
        denied=_denials(answer.replies, ("type", "pttl", "object|encoding", "memory|usage", "info")),
    )


async def _complete(deployment: Deployment, about: _About) -> KeyFacts | Missing | Failure | None:
    """Ask what depends on type and policy; None when the key is of another type by now."""
    kind = printable(about.kind)
    use = None if about.policy is None else "freq" if "lfu" in about.policy else "idletime"
    count = LENGTHS.get(kind, "")
    # How long it was idle has to be asked before its length: on old servers that is a use.
    names = ["type", *([f"object|{use}"] if use else []), *([count] if count else [])]
    answer = await ask(deployment, *([*name.upper().encode().split(b"|"), about.key] for name in names))
    if isinstance(answer, Failure):
        return answer
    replies = dict(zip(names, answer.replies, strict=True))
    if replies["type"] != about.kind:
        return Missing(about.key) if replies["type"] == b"none" else None
    version = _version(deployment, about.key)
    return KeyFacts(
        key=about.key,
        kind=kind,
        encoding=about.encoding,
        memory=about.memory,
        length=_number(replies.get(count)),
        expires_at=about.expires_at,
        idle=_number(replies.get("object|idletime")),
        frequency=_number(replies.get("object|freq")),
        looked_at=about.at,
        touched=version < _UNTOUCHED_SINCE,
        field_ttls=version >= _field_ttls_since(deployment, about.key),
        denied=(*about.denied, *_denials(answer.replies, names)),
    )


def _denials(replies: Sequence[Reply], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        of_reply(reply, f"+{name}").sentence
        for reply, name in zip(replies, names, strict=True)
        if isinstance(reply, ReplyError) and reply.code == "NOPERM"
    )


def _number(reply: Reply) -> int | None:
    return reply if isinstance(reply, int) else None


def _version(deployment: Deployment, key: bytes) -> tuple[int, ...]:
    identity = deployment.node_of(key).identity
    return identity.version_tuple if identity else ()


def _field_ttls_since(deployment: Deployment, key: bytes) -> tuple[int, ...]:
    identity = deployment.node_of(key).identity
    return _FIELD_TTLS_SINCE.get(identity.product if identity else "", (_NEVER,))
