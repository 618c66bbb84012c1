"""What redtop was told: by the command line, the environment, a profile and the defaults, in this order.

Each source may say a part. Two rules keep a mixture from becoming a trap:

* within one source, a single field (a host, a port) is stronger than the same field of a URL;
* user, password, SNI name and the leave to skip verification belong to the server that their source names:
  when a stronger source names another server, they are left out instead of being sent to it. `REDISCLI_AUTH`
  names no server and goes to any, as in redis-cli.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tui.engine.address import DEFAULT_PORT, Address, Tls, parse_url

if TYPE_CHECKING:
    from tui.engine.schema.catalog import Catalog
    from tui.engine.schema.model import Schema

MIN_INTERVAL = 0.1
"""Seconds between two looks; nobody reads faster, and a server would begin to feel it."""
MAX_INTERVAL = 60.0
"""Seconds between two looks; a rate over a longer time hides what happened."""
DEFAULT_SCAN_SHARE = 0.05
"""Part of the server's time that a survey may take: applications do not feel a twentieth."""
READ_ONLY = "this session is read-only: --read-only, or its profile, says so"
"""Why nothing may be written, when the settings say so."""
THEMES = ("dark", "light")
CONFIG_FILE = "config.toml"

FLAGS = {
    "host": "-h/--host",
    "port": "-p/--port",
    "socket": "-s/--socket",
    "url": "-u/--url",
    "db": "-n/--db",
    "username": "--user",
    "password": "-a/--pass",
    "tls": "--tls",
    "cacert": "--cacert",
    "cert": "--cert",
    "key": "--key",
    "sni": "--sni",
    "insecure": "--insecure",
    "read_only": "--read-only",
    "interval": "--interval",
    "scan_share": "--scan-share",
    "schemas": "--schema",
    "delimiter": "--delimiter",
    "theme": "--theme",
}
"""What the command line calls each field."""

VARIABLES = {
    "url": "REDIS_URL",
    "host": "REDIS_HOST",
    "port": "REDIS_PORT",
    "db": "REDIS_DB",
    "username": "REDIS_USERNAME",
    "password": "REDIS_PASSWORD",
}
"""What the environment calls each field; REDISCLI_AUTH stands apart, see above."""

_BOUND = frozenset(("username", "password", "sni", "insecure"))
_TLS_DETAILS = ("cacert", "cert", "key", "sni", "insecure")

_REST = ("read_only", "interval", "scan_share", "delimiter", "schemas", "theme", "production", "protected")

Fields = dict[str, Any]


class SettingsError(Exception):
    """A setting is wrong. Its text is one sentence that says what to do, and it never contains a secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that redtop needs to know before it starts. Its repr never shows a password."""

    address: Address = field(default_factory=Address)
    profile: str | None = None
    """Name of the profile that took part; None when there was none."""
    read_only: bool = False
    """Refuse every command that writes."""
    interval: float = 1.0
    """Seconds between two looks at the server."""
    scan_share: float = DEFAULT_SCAN_SHARE
    """Part of the server's time that a survey of the keyspace may take: above 0, at most 1."""
    scan_share_given: bool = field(default=False, compare=False)
    """Whether somebody said so; `report --exact` takes no heed of the default."""
    delimiter: str | None = None
    """What separates the parts of a key; None means find out."""
    schemas: tuple[str, ...] = ()
    """Names or files of the schemas that describe the keys."""
    theme: str | None = None
    """`dark`, `light`, or None for the default."""
    production: bool = False
    """Whether the profile says so: a purge then asks for the profile's name as well."""
    protected: tuple[bytes, ...] = ()
    """What keys begin with that no purge with this profile removes."""

    @property
    def wanted_share(self) -> float | None:
        """The share a person wants; None when that is left to redtop, which then takes less while others are served."""
        return self.scan_share if self.scan_share_given or self.scan_share != DEFAULT_SCAN_SHARE else None


def load(flags: Mapping[str, object]) -> Settings:
    """Resolve the settings of this process, with its environment and the user's config folder."""
    # Finding the folder takes 17 ms that nobody without a profile or a schema should wait for.
    folder = config_folder() if flags.get("profile") is not None or flags.get("schemas") else Path()
    return resolve(flags, os.environ, folder)


def config_folder() -> Path:
    """Return the user's own folder for redtop's settings."""
    from platformdirs import user_config_path

    return user_config_path("redtop")


def catalog(config_dir: Path | None = None) -> Catalog:
    """Return the schemas there are: the built-in ones, and those in the folder `schemas` beside the settings."""
    from tui.engine.schema.catalog import Catalog  # TOML and msgspec: 20 ms

    return Catalog((config_folder() if config_dir is None else config_dir) / "schemas")


def schemas_of(wanted: Sequence[str], config_dir: Path | None = None) -> tuple[Schema, ...]:
    """Return schemas by name or file, in the order given.

    Raises:
        SettingsError: with one sentence, when one does not exist or is wrong.
    """
    if not wanted:
        return ()
    from tui.engine.schema.model import SchemaError

    try:
        return catalog(config_dir).load(wanted)
    except SchemaError as error:
        raise SettingsError(str(error)) from None


def resolve(flags: Mapping[str, object], environ: Mapping[str, str], config_dir: Path) -> Settings:
    """Put the settings together: flags, then the environment, then the profile, then the defaults.

    Args:
        flags: by the names in `FLAGS`, and `profile`; missing, None, False and () mean not given. Numbers may
            be text; `scan_share` is in percent, `interval` in seconds.
        environ: the environment; the names in `VARIABLES` and REDISCLI_AUTH count, and empty means not given.
        config_dir: the folder of `config.toml` and of the user's schemas, which are read only when a profile or a
            schema is asked for.

    Raises:
        SettingsError: with one sentence, when something given is wrong.
    """
    given = {name: flags[name] for name in FLAGS if _is_given(flags.get(name))}
    from_flags = _source(given, FLAGS.__getitem__)
    if from_flags.get("tls") and "socket" in from_flags:
        raise SettingsError("TLS options do not go with a Unix socket: leave one of the two out.")
    sources = [from_flags, *_from_environment(environ)]
    profile = flags.get("profile")
    if profile is not None:
        sources.append(_from_profile(str(profile), config_dir, environ))
    merged: Fields = {}
    for source in sources:
        merged = _underlay(merged, source)
    schemas_of(merged.get("schemas", ()), config_dir)  # refuse what is wrong before anything else happens
    rest = {name: merged[name] for name in _REST if name in merged}
    given_share = "scan_share" in merged
    return Settings(_address(merged), None if profile is None else str(profile), scan_share_given=given_share, **rest)


def at(settings: Settings, place: str, password: str) -> Settings:
    """Return the same settings for another place as a person types it: a URL, `host`, `host:port`, a socket's path.

    The same place again keeps its user and TLS; an empty password keeps the one there was.

    Raises:
        SettingsError: with one sentence, when the place makes no sense.
    """
    if place == settings.address.label:
        address = settings.address
        return replace(settings, address=replace(address, password=password or address.password))
    flags: Fields = {"password": password} if password else {}
    if "://" in place:
        flags["url"] = place
    elif place.startswith("/"):
        flags["socket"] = place
    else:
        host, colon, port = place.rpartition(":")
        bracketed = place.endswith("]") or (place.count(":") > 1 and not place.startswith("["))
        flags |= {"host": place} if bracketed or not colon else {"host": host, "port": port}
        flags["host"] = flags["host"].strip("[]")
    return replace(settings, address=resolve(flags, {}, Path()).address)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _from_environment(environ: Mapping[str, str]) -> list[Fields]:
    given = {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)}
    port = given.get("port", "")
    if port.startswith("tcp://"):  # Kubernetes sets this for a service that happens to be called redis
        host, _, given["port"] = port.removeprefix("tcp://").rpartition(":")
        given.setdefault("host", host.strip("[]"))
    anywhere: Fields = {"password": environ["REDISCLI_AUTH"]} if environ.get("REDISCLI_AUTH") else {}
    return [_source(given, VARIABLES.__getitem__), anywhere]


def _from_profile(name: str, config_dir: Path, environ: Mapping[str, str]) -> Fields:
    from tui.profiles import read_profile  # TOML and msgspec: 40 ms

    file = config_dir / CONFIG_FILE
    try:
        given = read_profile(name, file, environ)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return _source(given, lambda field: f"{file}, [profiles.{name}]: `{field}`")


def _source(given: Mapping[str, object], label: Callable[[str], str]) -> Fields:
    """Check what one source says, and fill in what its URL adds."""
    fields: Fields = {
        name: _READERS[name](value, label(name)) if name in _READERS else value
        for name, value in given.items()
        if name != "url"
    }
    if "socket" in fields and "host" in fields:
        raise SettingsError(f"{label('host')} and {label('socket')} name two servers: leave one of them out.")
    if "tls" not in fields and any(fields.get(name) for name in _TLS_DETAILS):
        fields["tls"] = True
    if "url" in given:
        try:
            url = parse_url(str(given["url"]))
        except ValueError as error:
            raise SettingsError(f"{label('url')}: {error}.") from None
        files = {name: _file(url[name], label("url")) for name in ("cacert", "cert", "key") if name in url}
        fields = _without_other_kind(url | files, fields) | fields
    if "key" in fields and "cert" not in fields:
        raise SettingsError(f"{label('key')} needs {label('cert')}: the certificate that belongs to the key.")
    return fields


def _underlay(stronger: Fields, weaker: Fields) -> Fields:
    """Add what a weaker source says, without credentials that belong to another server."""
    if _elsewhere(stronger, weaker):
        weaker = {name: value for name, value in weaker.items() if name not in _BOUND}
    return _without_other_kind(weaker, stronger) | stronger


def _elsewhere(stronger: Fields, weaker: Fields) -> bool:
    """Whether both name a server, and not the same one; ports of one host count as one server."""
    if "socket" in weaker:
        same = stronger.get("socket", weaker["socket"]) == weaker["socket"]
        return not same or "host" in stronger or "port" in stronger
    if "host" in weaker:
        same = str(stronger.get("host", weaker["host"])).lower() == weaker["host"].lower()
        return not same or "socket" in stronger
    return False


def _without_other_kind(weaker: Fields, stronger: Fields) -> Fields:
    """Leave out the socket where the stronger one chose TCP, and host and port where it chose a socket."""
    drop: tuple[str, ...] = ()
    if "socket" in stronger:
        drop = ("host", "port")
    elif "host" in stronger or "port" in stronger:
        drop = ("socket",)
    return {name: value for name, value in weaker.items() if name not in drop}


def _address(merged: Fields) -> Address:
    socket = merged.get("socket")
    tls = None
    if merged.get("tls") and socket is None:
        ca, cert, key, sni = (merged.get(name) for name in ("cacert", "cert", "key", "sni"))
        tls = Tls(ca, cert, key, sni, insecure=bool(merged.get("insecure")))
    user, password = merged.get("username") or None, merged.get("password") or None
    host, port, db = merged.get("host", "localhost"), merged.get("port", DEFAULT_PORT), merged.get("db", 0)
    return Address(host, port, socket, db, user, password, tls)


def _whole(low: int, high: int) -> Callable[[object, str], int]:
    def read(value: object, label: str) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) < 12 and low <= int(text) <= high):
            raise SettingsError(f"{label} must be a whole number from {low} to {high}.")
        return int(text)

    return read


def _interval(value: object, label: str) -> float:
    seconds = _number(str(value).removesuffix("s"))
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise SettingsError(f"{label} must be from {MIN_INTERVAL:g} to {MAX_INTERVAL:g} seconds.")
    return seconds


def _scan_share(value: object, label: str) -> float:
    percent = _number(str(value).removesuffix("%"))
    if not 0 < percent <= 100:
        raise SettingsError(f"{label} must be above 0 and at most 100 percent of the server's time.")
    return percent / 100


def _number(text: str) -> float:
    """Read a number; what is none becomes not-a-number, which lies in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _text(value: object, label: str) -> str:
    text = str(value)
    if not text or "\0" in text:
        raise SettingsError(f"{label} must not be empty.")
    return text


def _delimiter(value: object, label: str) -> str:
    text = _text(value, label)
    if "{" in text or "}" in text:
        raise SettingsError(f"{label} must not contain {{ or }}: they mark placeholders such as {{int}}.")
    return text


def _host(value: object, label: str) -> str:
    text = _text(value, label)
    if any(char <= " " or char in "/@\x7f" for char in text):
        raise SettingsError(f"{label} must be a name or an IP address; a URL goes to {FLAGS['url']}.")
    return text.removeprefix("[").removesuffix("]")


def _file(value: object, label: str) -> str:
    path = Path(_text(value, label)).expanduser()
    if not path.is_file():
        raise SettingsError(f"{label} names no file that exists.")
    return str(path)


def prefixes(value: object, label: str) -> tuple[bytes, ...]:
    """Read beginnings of keys, written in printable form.

    Raises:
        SettingsError: one of them is empty, or not in printable form.
    """
    return tuple(_prefix(text, label) for text in _texts(value, label))


def _prefix(text: str, label: str) -> bytes:
    from tui.engine.printable import parse_printable  # 6 ms that `redtop --version` need not spend

    try:
        return parse_printable(text)
    except ValueError as error:
        raise SettingsError(f"{label}: {error}.") from None


def _theme(value: object, label: str) -> str:
    if value not in THEMES:
        raise SettingsError(f"{label} must be {' or '.join(THEMES)}.")
    return str(value)


def _texts(value: object, label: str) -> tuple[str, ...]:
    return tuple(_text(item, label) for item in cast("Sequence[object]", value))


_READERS: Mapping[str, Callable[[object, str], object]] = {
    "host": _host,
    "port": _whole(1, 65535),
    "socket": _text,
    "db": _whole(0, 2**31 - 1),
    "cacert": _file,
    "cert": _file,
    "key": _file,
    "sni": _text,
    "interval": _interval,
    "scan_share": _scan_share,
    "delimiter": _delimiter,
    "schemas": _texts,
    "theme": _theme,
    "protected": prefixes,
}
