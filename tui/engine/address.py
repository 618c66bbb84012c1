"""Where a server is and how to get in; plain values, no connection."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_PORT = 6379


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
    """One place to connect to, with credentials. Its repr never shows the password."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    socket_path: str | None = None
    """Unix socket; when set, `host` and `port` are not used."""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None

    @property
    def label(self) -> str:
        """The short name a person knows the place by, without credentials.

        >>> Address("::1", 7000, password="secret").label
        '[::1]:7000'
        >>> Address(socket_path="/run/redis.sock").label
        '/run/redis.sock'
        """
        if self.socket_path is not None:
            return self.socket_path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
