"""Where a server is and how to get in; plain values, no connection."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class Tls:
    """How to secure a connection. Verification is on unless `insecure` says otherwise."""

    ca_file: str | None = None
    """PEM file with the authorities to trust; None means the system's."""
    cert_file: str | None = None
    """PEM file with the client's certificate."""
    key_file: str | None = None
    """PEM file with the client's private key."""
    server_name: str | None = None
    """Name to ask for (SNI) and to verify; None means the host."""
    insecure: bool = False
    """Accept any certificate: the traffic is encrypted, but whoever answers is trusted."""


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to, with credentials. Its repr never shows a password."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    socket_path: str | None = None
    """Unix socket; when set, `host` and `port` are not used."""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    ssh: str | None = None
    """`[user@]host` whose sshd forwards the connection; host and port (or the socket) are then as seen from there."""
    sentinel: str | None = None
    """Name of the primary to look at; host and port are then those of a Sentinel that watches it."""
    sentinel_password: str | None = field(default=None, repr=False)
    """What the Sentinel itself wants as password, if anything."""
    replica: bool = False
    """Look at a replica instead of the primary."""

    @property
    def label(self) -> str:
        """The short name a person knows the place by, without credentials; safe text.

        >>> Address("::1", 7000, password="secret").label
        '[::1]:7000'
        >>> Address(socket_path="/run/redis.sock").label
        '/run/redis.sock'
        """
        if self.socket_path is not None:
            return shown(self.socket_path)
        host = shown(self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def shown(text: str) -> str:
    """Return a part of an address as safe text: it may come from a URL or a file that others wrote."""
    from tui.engine.printable import printable  # 6 ms that `redtop --version` need not spend

    try:
        return printable(text.encode("utf-8", "surrogateescape"))  # the way in which a server's bytes are kept in text
    except UnicodeEncodeError:
        return printable(text.encode("utf-8", "surrogatepass"))


_SCHEMES = {
    "redis": False,
    "valkey": False,
    "rediss": True,
    "valkeys": True,
    "unix": False,
}
"""Schemes of a URL, and whether each means TLS."""

_CLIENT_OPTIONS = frozenset(
    {
        "client_name",
        "decode_responses",
        "encoding",
        "health_check_interval",
        "max_connections",
        "protocol",
        "retry_on_error",
        "retry_on_timeout",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_timeout",
    }
)
"""What URLs in the wild tell a client library about itself: redtop needs none of it, but it is no mistake."""

_TLS_OPTIONS = {"ssl_ca_certs": "cacert", "ssl_certfile": "cert", "ssl_keyfile": "key"}


def parse_url(url: str) -> dict[str, object]:
    """Take a URL apart into the fields it names: host, port, socket, db, username, password, tls, TLS files.

    `redis://[[user]:password@]host[:port][/db]`, `rediss://` for TLS, `unix://[[user]:password@]/path[?db=N]`;
    user and password may be percent-encoded. As in redis-cli, what stands alone before `@` is the password; it is also
    returned as `alone`, for whoever knows the password already.

    Raises:
        ValueError: with a sentence that never contains any part of the URL, for it may be part of a password.

    >>> parse_url("rediss://app:p%40ss@[::1]:7000/2")["password"]
    'p@ss'
    """
    from urllib.parse import urlsplit  # 8 ms that only a URL is worth

    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in _SCHEMES:
        raise ValueError("the URL must start with redis://, rediss:// (TLS) or unix://")
    if any(char <= " " or char == "\x7f" for char in url):
        raise ValueError("the URL must not contain spaces or control characters; write them percent-encoded")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            "the URL names no valid host and port; special characters in a password must be percent-encoded"
        ) from None
    if parts.fragment or "#" in url:
        raise ValueError("a # in the URL must be percent-encoded as %23")
    fields = _credentials(parts.netloc) | _options(parts.query)
    if scheme == "unix":
        return _socket(parts.path, parts.netloc) | fields
    return _place(host, port, parts.path, tls=_SCHEMES[scheme]) | fields


def _credentials(netloc: str) -> dict[str, object]:
    from urllib.parse import unquote

    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return {}
    user, colon, password = userinfo.partition(":")
    named = {"username": user, "password": password} if colon else {"password": user, "alone": user}
    try:
        return {name: unquote(text, errors="strict") for name, text in named.items() if text}
    except UnicodeDecodeError:
        raise ValueError("user and password in the URL must be percent-encoded UTF-8") from None


def _options(query: str) -> dict[str, object]:
    from urllib.parse import parse_qsl

    fields: dict[str, object] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "db":
            fields["db"] = _database(value)
        elif name in _TLS_OPTIONS:
            fields[_TLS_OPTIONS[name]] = value
        elif name == "ssl_cert_reqs":
            fields["insecure"] = value.lower() in ("none", "cert_none")
        elif name not in _CLIENT_OPTIONS:
            raise ValueError("after a ? the URL may say db=N; a ? in a password must be percent-encoded as %3F")
    return fields


def _socket(path: str, netloc: str) -> dict[str, object]:
    from urllib.parse import unquote

    if netloc.rpartition("@")[2] or not path.strip("/"):
        raise ValueError("a unix:// URL needs the absolute path of a socket, as in unix:///run/redis.sock")
    return {"socket": unquote(path), "tls": False}


def _place(host: str | None, port: int | None, path: str, *, tls: bool) -> dict[str, object]:
    if port == 0:
        raise ValueError("the port in the URL must be from 1 to 65535")
    fields: dict[str, object] = {"host": host or "localhost", "port": port or DEFAULT_PORT, "tls": tls}
    if path.strip("/"):
        fields["db"] = _database(path.strip("/"))
    return fields


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("the database in the URL must be a number; a / in a password must be percent-encoded as %2F")
    return int(text)
