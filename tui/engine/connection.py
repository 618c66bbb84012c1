"""Getting connected and logged in; the only module that imports redis.

redis-py knows TLS, ACL logins, sockets and name resolution; its defaults are made for applications, though, and hurt
a watcher: it would retry a wrong password eleven times, re-send writes, and spend ten microseconds per command. So it
connects with everything of that kind switched off, and hands its transport to a Link.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, cast

from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from tui.engine.address import Address
from tui.engine.failure import Failure, Kind, ReplyError, Unavailable
from tui.engine.link import Link

CONNECT_TIMEOUT = 1.0
"""Seconds for each step of connecting: an answer that takes longer is a state to show, not to wait for."""


async def connect(address: Address, link: Link) -> None:
    """Connect `link` to `address`, logged in and in its database.

    Raises:
        Unavailable: with the reason; never contains the password.
    """
    connection = _connection(address)
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
    connection._reader = connection._writer = None
    link.take_over(cast("asyncio.Transport", writer.transport), keep=writer)


def _connection(address: Address) -> Connection:
    settings: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "socket_timeout": CONNECT_TIMEOUT,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        # RESP2 has one shape for every reply, needs no HELLO, and never lets the server push.
        "protocol": 2,
        "driver_info": None,
        # A push from the server could otherwise send the client, and its password, to another host.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if address.socket_path is not None:
        return cast("Connection", UnixDomainSocketConnection(path=address.socket_path, **settings))
    settings |= {"host": address.host, "port": address.port, "socket_keepalive": True}
    if address.tls is None:
        return Connection(**settings)
    tls = address.tls
    return _SniConnection(
        tls.server_name,
        **settings,
        ssl_cert_reqs="none" if tls.insecure else "required",
        ssl_check_hostname=not tls.insecure,
        ssl_ca_certs=tls.ca_file,
        ssl_certfile=tls.cert_file,
        ssl_keyfile=tls.key_file,
    )


class _SniConnection(SSLConnection):
    """TLS with a server name of its own; redis-py always takes the host's."""

    def __init__(self, server_name: str | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._server_name = server_name

    def _connection_arguments(self) -> dict[str, Any]:
        arguments = dict(super()._connection_arguments())
        if self._server_name is not None:
            arguments["server_hostname"] = self._server_name
        return arguments


def explain(error: BaseException, address: Address) -> Failure:
    """Name what went wrong while connecting, from types and codes; messages differ between versions."""
    place = address.label
    causes = list(_causes(error))
    for cause in causes:
        match cause:
            case ssl.SSLCertVerificationError():
                return Failure(Kind.TLS, f"{place}: the certificate is not trusted ({cause.verify_message})")
            case ssl.SSLError():
                return Failure(Kind.TLS, f"{place} does not speak TLS as asked: check --tls and the port")
            case socket.gaierror():
                return Failure(Kind.UNKNOWN_HOST, f"no host is named {address.host}")
            case ConnectionRefusedError() | FileNotFoundError():
                return Failure(Kind.REFUSED, f"nothing listens at {place}")
            case PermissionError():
                return Failure(Kind.REFUSED, f"no permission to open {place}")
    if isinstance(error, AuthenticationError):
        return Failure(Kind.AUTH, _auth_sentence(address))
    if isinstance(error, ResponseError):
        return _of_response(ReplyError(str(error)), address)
    if any(isinstance(cause, TimeoutError) for cause in causes) or "Timeout" in type(error).__name__:
        return Failure(Kind.TIMEOUT, f"{place} does not answer")
    if "max number of clients" in str(error):
        return Failure(Kind.FULL, f"{place} has no free connection (maxclients reached)")
    return Failure(Kind.LOST, f"{place} ended the connection while logging in")


def _of_response(error: ReplyError, address: Address) -> Failure:
    if error.code in {"WRONGPASS", "NOAUTH"} or "AUTH" in str(error).split(" with ", 1)[0]:
        return Failure(Kind.AUTH, _auth_sentence(address))
    if "max number of clients" in str(error):
        return Failure(Kind.FULL, f"{address.label} has no free connection (maxclients reached)")
    if "DB index" in str(error) or "invalid DB" in str(error):
        return Failure(Kind.DATABASE, f"{address.label} has no database {address.db}")
    return Failure(Kind.REPLY, f"{address.label} refused the login ({error.code})")


def _auth_sentence(address: Address) -> str:
    who = f"user {address.username}" if address.username else "the default user"
    if address.password is None:
        return f"{address.label} wants a password: give one with --askpass or REDISCLI_AUTH"
    return f"{address.label} does not accept the password for {who}"


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
