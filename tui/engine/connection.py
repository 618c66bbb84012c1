"""Getting connected and logged in; the only module that imports redis.

redis-py knows TLS, ACL logins, sockets and name resolution; its defaults are made for applications, though, and hurt
a watcher: it would retry a wrong password eleven times, re-send writes, and spend ten microseconds per command. So it
connects with everything of that kind switched off, and hands its transport to a Link.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from contextlib import suppress
from typing import Any, cast

from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, InvalidResponse, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from tui.engine.address import Address, shown
from tui.engine.failure import Failure, Kind, Unavailable, lacking
from tui.engine.link import Link
from tui.engine.reach.names import addresses, reach
from tui.engine.reach.tls import context, distrust
from tui.engine.reach.tunnel import Tunnels

CONNECT_TIMEOUT = 1.0
"""Seconds for the connection, and again for the login: what takes longer is a state to show, not to wait for."""
HANDSHAKE_TIMEOUT = 0.9
"""Seconds for TLS alone, less than the step it is part of: a plain Redis waits silently for the end of the greeting."""
UNWANTED_PASSWORD = "has no password, but one was given: start without it"  # noqa: S105 - part of a sentence
"""How the sentence ends when that is why the login was refused; most Sentinels have none."""

TRIES, NEXT_TRY = 10, 0.02
"""How often, and after how many seconds, a socket of ssh's is tried that is there already but takes nobody yet."""


async def connect(address: Address, link: Link, tunnels: Tunnels | None = None) -> None:
    """Connect `link` to `address`, logged in and in its database; an address behind ssh needs `tunnels`.

    Raises:
        Unavailable: with the reason; never contains the password.
    """
    path = address.socket_path
    if address.ssh is not None:
        assert tunnels is not None
        path = await tunnels.way(address)
    connection = _connection(address, path)
    try:
        async with asyncio.timeout(2 * CONNECT_TIMEOUT):
            await connection.connect_check_health(check_health=False)
    except (OSError, RedisError, TimeoutError, ValueError) as error:
        failure = explain(error, address)
        await connection.disconnect(nowait=True)
        raise Unavailable(failure) from None
    except asyncio.CancelledError:
        await connection.disconnect(nowait=True)
        raise
    hand_over(connection, link)


def hand_over(connection: Connection, link: Link) -> None:
    """Move the transport from redis-py's connection to the link. The one place that touches its private names."""
    writer = cast("asyncio.StreamWriter", connection._writer)
    early = bytes(cast("Any", connection._reader)._buffer)
    connection._reader = connection._writer = None
    link.take_over(cast("asyncio.Transport", writer.transport), keep=writer, early=early)


def _connection(address: Address, path: str | None) -> Connection:
    return _Connection(
        address,
        path,
        host=address.host,
        port=address.port,
        db=address.db,
        username=address.username,
        password=address.password,
        # With a timeout redis-py sends by `wait_for`, which loses a cancellation now and then in Python 3.11: a session
        # would never end. `connect` watches the time.
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        # A password from the environment need not be UTF-8; Python keeps its odd bytes as surrogates.
        encoding_errors="surrogateescape",
        # RESP2 has one shape for every reply, needs no HELLO, and never lets the server push.
        protocol=2,
        driver_info=None,
        # A push from the server could otherwise send the client, and its password, to another host.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


class _Connection(Connection):
    """A connection by TCP or a Unix socket, with TLS as asked for.

    redis-py's own TLS always asks for the host's name, and trusts the system besides a CA file.
    """

    def __init__(self, address: Address, path: str | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._path = path
        self._socket: socket.socket | None = None
        self._tries = 1 if address.ssh is None else TRIES
        self._tls: dict[str, Any] = {}
        if address.tls is not None:
            self._tls = {"ssl": context(address.tls), "ssl_handshake_timeout": HANDSHAKE_TIMEOUT}
            self._tls["server_hostname"] = address.tls.server_name or address.host

    def _connection_arguments(self) -> dict[str, Any]:
        return {"sock": self._socket, **self._tls}

    async def _connect(self) -> None:
        if self._path is not None:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                self._reader, self._writer = await self._open_socket(self._path)
        else:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                self._socket = await reach(await addresses(self.host, self.port))
            await super()._connect()  # type: ignore[no-untyped-call]  # redis-py does not say what it returns: nothing

    async def _open_socket(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(self._tries - 1):
            with suppress(ConnectionRefusedError):
                return await asyncio.open_unix_connection(path, **self._tls)
            await asyncio.sleep(NEXT_TRY)
        return await asyncio.open_unix_connection(path, **self._tls)


def explain(error: BaseException, address: Address) -> Failure:
    """Name what went wrong while connecting, from types and codes; messages differ between versions."""
    causes = list(_causes(error))
    for cause in causes:
        failure = _of_network(cause, address)
        if failure is not None:
            return failure
    place = address.label
    if any(isinstance(cause, ValueError) for cause in causes[1:]):
        return Failure(Kind.UNKNOWN_HOST, f"there can be no place named {place}")
    if isinstance(error, ResponseError | AuthenticationError):
        return _of_response(error, address)
    if isinstance(error, InvalidResponse):
        return Failure(Kind.PROTOCOL, f"{place} does not speak the Redis protocol as asked: check the port and --tls")
    if any(isinstance(cause, TimeoutError) for cause in causes) or "Timeout" in type(error).__name__:
        return Failure(Kind.TIMEOUT, f"{place} does not answer")
    if "max number of clients" in str(error):
        return Failure(Kind.FULL, f"{place} has no free connection (maxclients reached)")
    return Failure(Kind.LOST, f"{place} closed the connection{_missing_tls(address)}")


def _missing_tls(address: Address) -> str:
    """Return what most often makes a server hang up without a word."""
    if address.socket_path is not None or (address.tls and address.tls.cert_file):
        return ""
    return f": it may want {'--cert and --key (a client certificate)' if address.tls else '--tls'}"


def _of_network(cause: BaseException, address: Address) -> Failure | None:
    place = address.label
    match cause:
        case ssl.SSLCertVerificationError():
            return Failure(Kind.TLS, distrust(place, cause))
        case ssl.SSLError() if "CERTIFICATE_REQUIRED" in (cause.reason or ""):
            return Failure(Kind.TLS, f"{place} wants a client certificate: give one with --cert and --key")
        case ssl.SSLError():
            return Failure(Kind.TLS, f"{place} does not speak TLS as asked: check --tls and the port")
        case socket.gaierror():
            return Failure(Kind.UNKNOWN_HOST, f"no host is named {shown(address.host)}")
        case ConnectionAbortedError() if address.tls is not None:
            return Failure(Kind.TLS, f"{place} does not answer to TLS: check --tls and the port")
        case PermissionError():
            return Failure(Kind.REFUSED, f"no permission to open {place}")
        case OSError(errno=errno.ECONNREFUSED | errno.ENOENT):
            return Failure(Kind.REFUSED, f"nothing listens at {place}")
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            return Failure(Kind.TIMEOUT, f"no way leads to {place} from here")
    return None


def _of_response(error: RedisError, address: Address) -> Failure:
    """Name an error reply by its code; its words are left out, for a server may repeat the password in them."""
    place, words = address.label, str(error)
    if "max number of clients" in words:
        return Failure(Kind.FULL, f"{place} has no free connection (maxclients reached)")
    if "DB index" in words or "out of range" in words:
        return Failure(Kind.DATABASE, f"{place} has no database {address.db}")
    if "cluster mode" in words:
        return Failure(Kind.DATABASE, f"{place} is one of a cluster, which has no database but 0")
    if re.match(r"unknown command .?select\b", words.removeprefix("ERR "), re.IGNORECASE):
        return Failure(Kind.DATABASE, f"{place} has no SELECT: only its database 0 can be looked at")
    code = getattr(error, "status_code", None)
    if code == "NOPERM":
        return Failure(Kind.DENIED, f"{place}: {lacking('+select')}, for database {address.db}")
    if isinstance(error, AuthenticationError) or code in {"WRONGPASS", "NOAUTH"} or "AUTH" in words:
        return Failure(Kind.AUTH, _auth_sentence(words, address))
    return Failure(Kind.REPLY, f"{place} refused the login ({code or 'ERR'})")


def _auth_sentence(words: str, address: Address) -> str:
    place = address.label
    if address.password is None:
        return f"{place} wants a password: give one with --askpass or REDISCLI_AUTH"
    if "without any password" in words:
        return f"{place} {UNWANTED_PASSWORD}"
    who = f"user {shown(address.username)}" if address.username else "the default user"
    return f"{place} does not accept the password for {who}"


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
