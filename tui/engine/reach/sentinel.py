"""Finding a server through Sentinel: where the primary of a name is now, or one of its replicas.

Any sentinel will do: the one that answered last is asked first, and the others that it knows when it is gone. The
given user and password are the server's; a Sentinel gets `sentinel_password` or nothing, unless it was found to take
the same ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.engine.address import Address
from tui.engine.clock import Clock
from tui.engine.commands import Reply, exchange
from tui.engine.connection import connect
from tui.engine.failure import WAITS_FOR_A_PERSON, Failure, Kind, ReplyError, Unavailable, of_reply
from tui.engine.footprint import Footprint
from tui.engine.info import Identity
from tui.engine.link import Link
from tui.engine.printable import printable
from tui.engine.reach.tunnel import Tunnels

PATIENCE = 1.0
"""Seconds that one sentinel is waited for."""
LOOK_EVERY = 0.3
"""Seconds between looks at who is the primary: with the time to connect, a failover is followed within a second."""
NAMED = 5
"""Names of primaries that a sentence lists at most."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a Sentinel says of the servers under one name."""

    primary: tuple[str, int]
    """Host and port."""
    replicas: tuple[tuple[str, int], ...]
    """Those that follow it now, by the name that Sentinel has for them."""
    sentinels: tuple[tuple[str, int], ...]
    """The others that watch it."""


class Sentinels:
    """The sentinels that watch one primary."""

    def __init__(self, given: Address, clock: Clock, login: Address | None = None) -> None:
        """Ask at the given place; `login` holds user and password that a Sentinel takes, where these are known."""
        self.name = given.sentinel
        """What the primary is called; None until it is known which, when nobody has said."""
        self.guarded: Guarded | None = None
        """What was told last."""
        self._given = given
        self._clock = clock
        self._login = replace(given, username=None, password=given.sentinel_password) if login is None else login
        self._places = [(given.host, given.port)]
        """Of the sentinels; the one that answered last comes first."""
        self._tunnels = Tunnels(clock)
        self._asking = asyncio.Lock()
        self._link: Link | None = None
        self._footprint = Footprint()

    async def locate(self) -> Address:
        """Return where to connect to.

        Raises:
            Unavailable: no sentinel answers, or none knows; of a kind that waits for a person when that is no matter
                of time.
        """
        async with self._asking:
            self.guarded = await self._ask_any()
        if not self._given.replica:
            host, port = self.guarded.primary
        elif not self.guarded.replicas:
            raise Unavailable(Failure(Kind.LOST, f"Sentinel knows no replica of {self.label} that is up"))
        else:
            host, port = self.guarded.replicas[0]
        return replace(self._given, host=host, port=port, socket_path=None)

    def refuse(self, address: Address, identity: Identity) -> None:
        """Check who answers there: Sentinel may be a moment behind.

        Raises:
            Unavailable: it is not what was looked for.
        """
        wanted = "replica" if self._given.replica else "primary"
        if identity.role != wanted:
            sentence = f"{address.label} is not a {wanted} of {self.label} now: Sentinel has not chosen another yet"
            raise Unavailable(Failure(Kind.LOST, sentence))

    @property
    def label(self) -> str:
        """The name of the primary, as safe text."""
        return printable((self.name or "the primary").encode("utf-8", "surrogatepass"))

    async def close(self) -> None:
        """Close the connection."""
        self._drop()
        await self._tunnels.close()

    async def _ask_any(self) -> Guarded:
        failure: Failure | None = None
        for place in list(self._places):
            try:
                found = await self._ask(place)
            except Unavailable as error:
                self._drop()
                if error.failure.kind in WAITS_FOR_A_PERSON:
                    raise
                failure = failure or error.failure
            else:
                self._places = list(dict.fromkeys([place, *found.sentinels, *self._places]))
                return found
        assert failure is not None
        raise Unavailable(failure)

    async def _ask(self, place: tuple[str, int]) -> Guarded:
        """Ask one sentinel.

        Raises:
            Unavailable: it does not answer, or does not know.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                if self._link is None or place != self._places[0]:
                    self._drop()
                    self._link = await self._connect(place)
                name = await self._named(self._link, place)
                primary, replicas, sentinels = await _asked(
                    self._link,
                    [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name],
                    [b"SENTINEL", b"REPLICAS", name],
                    [b"SENTINEL", b"SENTINELS", name],
                )
        except TimeoutError:
            raise Unavailable(Failure(Kind.TIMEOUT, f"the Sentinel at {_label(place)} does not answer")) from None
        if isinstance(primary, ReplyError):
            raise Unavailable(_named_failure(primary, place))
        if primary is None:
            raise Unavailable(await self._unknown(place))
        return Guarded(_place(primary[0], primary[1]), _healthy(replicas), _others(sentinels))

    async def _connect(self, place: tuple[str, int]) -> Link:
        link = Link(self._clock, self._footprint, self._lost)
        address = replace(self._login, host=place[0], port=place[1], db=0)
        try:
            await connect(address, link, self._tunnels)
        except Unavailable as error:
            raise Unavailable(Failure(error.failure.kind, f"Sentinel: {error.failure.sentence}")) from None
        link.send(exchange([b"CLIENT", b"SETNAME", b"redtop"]))
        return link

    async def _named(self, link: Link, place: tuple[str, int]) -> bytes:
        """Return the name to ask for: the given one, or the only one there is."""
        if self.name is None:
            names = await _names(link, place)
            if len(names) != 1:
                raise Unavailable(_choice(place, names))
            self.name = names[0]
        return self.name.encode("utf-8", "surrogateescape")

    async def _unknown(self, place: tuple[str, int]) -> Failure:
        assert self._link is not None
        names = await _names(self._link, place)
        there = f"it knows {_listed(names)}" if names else "it watches none"
        return Failure(Kind.CHOICE, f"the Sentinel at {_label(place)} knows no primary {self.label}: {there}")

    def _lost(self, failure: Failure) -> None:
        self._link = None

    def _drop(self) -> None:
        if self._link is not None:
            self._link.drop(Failure(Kind.LOST, "redtop closed the connection"))


async def _asked(link: Link, *commands: Sequence[bytes | int]) -> list[Reply]:
    return (await link.ask(exchange(*commands))).replies


async def _names(link: Link, place: tuple[str, int]) -> list[str]:
    (reply,) = await _asked(link, [b"SENTINEL", b"MASTERS"])
    if isinstance(reply, ReplyError):
        raise Unavailable(_named_failure(reply, place))
    return sorted(_fields(one).get("name", b"").decode("utf-8", "surrogateescape") for one in reply)


def _choice(place: tuple[str, int], names: Sequence[str]) -> Failure:
    if not names:
        return Failure(Kind.CHOICE, f"the Sentinel at {_label(place)} watches no primary")
    there = f"the Sentinel at {_label(place)} watches {len(names)} primaries"
    return Failure(Kind.CHOICE, f"{there}: choose with --sentinel {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    shown = [printable(name.encode("utf-8", "surrogateescape")) for name in names[:NAMED]]
    return " | ".join([*shown, *(["..."] if len(names) > NAMED else [])])


def _named_failure(error: ReplyError, place: tuple[str, int]) -> Failure:
    """Name what a sentinel answers instead."""
    if error.code == "NOAUTH":
        words = "wants a password: give one with REDTOP_SENTINEL_PASSWORD"
        return Failure(Kind.AUTH, f"the Sentinel at {_label(place)} {words}")
    if error.code == "NOPERM":
        return of_reply(error, "+sentinel")
    if "unknown command" in str(error).lower():
        return Failure(Kind.CHOICE, f"what answers at {_label(place)} is no Sentinel: start without --sentinel")
    return of_reply(error, "+sentinel")


def _healthy(replies: Reply) -> tuple[tuple[str, int], ...]:
    """Return the replicas that are up and follow their primary, always in the same order."""
    found = [fields for fields in _many(replies) if _follows(fields)]
    found.sort(key=lambda fields: fields.get("runid", b""))
    return tuple(_place(fields["ip"], fields["port"]) for fields in found)


def _follows(fields: Mapping[str, bytes]) -> bool:
    return fields.get("flags") == b"slave" and fields.get("master-link-status") == b"ok"


def _others(replies: Reply) -> tuple[tuple[str, int], ...]:
    return tuple(_place(fields["ip"], fields["port"]) for fields in _many(replies))


def _many(replies: Reply) -> Iterable[Mapping[str, bytes]]:
    found = [_fields(reply) for reply in replies] if isinstance(replies, list) else []
    return [fields for fields in found if fields.get("ip") and fields.get("port", b"").isdigit()]


def _fields(pairs: Sequence[bytes]) -> dict[str, bytes]:
    return {name.decode("ascii", "replace"): value for name, value in zip(pairs[::2], pairs[1::2], strict=False)}


def _place(host: bytes, port: bytes) -> tuple[str, int]:
    return host.decode("utf-8", "replace"), int(port)


def _label(place: tuple[str, int]) -> str:
    return Address(*place).label
