"""What redtop was told: by the command line, the environment, a profile and the defaults, in this order.

Each source may say a part. Two rules keep a mixture from becoming a trap:

* within one source, a single field (a host, a port) is stronger than the same field of a URL;
* user, password, SNI name, the way by ssh or a Sentinel and the leave to skip verification belong to the server that
  their source names: when a stronger source names another server, they are left out instead of being sent to it.
  `REDISCLI_AUTH` names no server and goes to any, as in redis-cli.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.engine.address import DEFAULT_PORT, SENTINEL_PORT, Address, Tls, parse_url
from tui.fields import ANYWHERE, FLAGS, READERS, VARIABLES, SettingsError, file, secret

if TYPE_CHECKING:
    from tui.engine.schema.catalog import Catalog
    from tui.engine.schema.model import Schema

DEFAULT_SCAN_SHARE = 0.05
"""Part of the server's time that a survey may take: applications do not feel a twentieth."""
READ_ONLY = "this session is read-only: --read-only, or its profile, says so"
"""Why nothing may be written, when the settings say so."""
UNVERIFIED = (
    "TLS is not verified: the traffic is encrypted, but whoever answers at {place} is trusted with the password."
)
"""What `--insecure` gives up."""
CONFIG_FILE = "config.toml"

_BOUND = frozenset(
    ("username", "password", "exposed", "sni", "insecure", "ssh", "sentinel", "sentinel_password", "replica")
)
_TLS_DETAILS = ("cacert", "cert", "key", "sni", "insecure")

_SESSION = ("read_only", "interval", "scan_share", "delimiter", "schemas", "theme")
"""What is said about looking, not about a server: said on the command line, it holds wherever a person goes next."""
_REST = (*_SESSION, "production", "protected", "colour")

Fields = dict[str, Any]


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
    colour: str | None = None
    """The colour that the header marks the profile with: one of `COLOURS`."""
    notices: tuple[str, ...] = ()
    """Sentences that a person should know of before anything else: what is less safe than it could be."""
    kept: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    """What the command line said about looking; it holds for other places as well."""

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


def resolve(
    flags: Mapping[str, object], environ: Mapping[str, str], config_dir: Path, *, chosen: bool = False
) -> Settings:
    """Put the settings together: flags, then the environment, then the profile, then the defaults.

    Args:
        flags: by the names in `FLAGS`, and `profile`; missing, None, False and () mean not given. Numbers may
            be text; `scan_share` is in percent, `interval` in seconds.
        environ: the environment; the names in `VARIABLES` and `ANYWHERE` count, and empty means not given.
        config_dir: the folder of `config.toml` and of the user's schemas, which are read only when a profile or a
            schema is asked for.
        chosen: a person has just chosen the profile by its name: what the environment says about a server is then
            about another one, and its passwords for any server count less than the profile's.

    Raises:
        SettingsError: with one sentence, when something given is wrong.
    """
    given = {name: flags[name] for name in FLAGS if _is_given(flags.get(name))}
    from_flags = _source(given, FLAGS.__getitem__)
    if from_flags.get("tls") and "socket" in from_flags:
        raise SettingsError("TLS options do not go with a Unix socket: leave one of the two out.")
    name = None if flags.get("profile") is None else str(flags["profile"])
    profile = [] if name is None else [_from_profile(name, config_dir, environ)]
    anywhere = {field: environ[variable] for field, variable in ANYWHERE.items() if environ.get(variable)}
    sources = [*profile, anywhere] if chosen else [_from_environment(environ), anywhere, *profile]
    merged = from_flags
    for source in sources:
        merged = _underlay(merged, source)
    schemas_of(merged.get("schemas", ()), config_dir)  # refuse what is wrong before anything else happens
    rest = {name: merged[name] for name in _REST if name in merged}
    rest["kept"] = {name: given[name] for name in _SESSION if name in given}
    address = _address(merged)
    return Settings(address, name, notices=_notices(merged, address), scan_share_given="scan_share" in merged, **rest)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _from_environment(environ: Mapping[str, str]) -> Fields:
    given = {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable)}
    port = given.get("port", "")
    if port.startswith("tcp://"):  # Kubernetes sets this for a service that happens to be called redis
        host, _, given["port"] = port.removeprefix("tcp://").rpartition(":")
        given.setdefault("host", host.strip("[]"))
    return _source(given, VARIABLES.__getitem__)


def _from_profile(name: str, config_dir: Path, environ: Mapping[str, str]) -> Fields:
    from tui.profiles import read_profile  # TOML and msgspec: 40 ms

    file = config_dir / CONFIG_FILE
    try:
        given = read_profile(name, file, environ)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return _source(given, lambda field: f"{file}, [profiles.{name}]: `{field}`")


def _source(given: Mapping[str, object], label: Callable[[str], str]) -> Fields:
    """Check what one source says, and fill in what its URL and its password file add."""
    fields: Fields = {
        name: READERS[name](value, label(name)) if name in READERS else value
        for name, value in given.items()
        if name not in {"url", "password_file"}
    }
    if "socket" in fields and "host" in fields:
        raise SettingsError(f"{label('host')} and {label('socket')} name two servers: leave one of them out.")
    if "password_file" in given:
        if "password" in given:
            raise SettingsError(f"{label('password')} and {label('password_file')} both give a password: keep one.")
        fields["password"], fields["exposed"] = secret(given["password_file"], label("password_file"))
    if "tls" not in fields and any(fields.get(name) for name in _TLS_DETAILS):
        fields["tls"] = True
    if "url" in given:
        fields = _with_url(str(given["url"]), fields, label)
    if "key" in fields and "cert" not in fields:
        raise SettingsError(f"{label('key')} needs {label('cert')}: the certificate that belongs to the key.")
    return fields


def _with_url(text: str, fields: Fields, label: Callable[[str], str]) -> Fields:
    try:
        url = parse_url(text)
    except ValueError as error:
        raise SettingsError(f"{label('url')}: {error}.") from None
    alone = url.pop("alone", None)
    if alone is not None and "password" in fields:
        url["username"] = alone  # the password is given beside the URL, so this is none
    url |= {name: file(url[name], label("url")) for name in ("cacert", "cert", "key") if name in url}
    return _without_other_kind(url, fields) | fields


def _underlay(stronger: Fields, weaker: Fields) -> Fields:
    """Add what a weaker source says, without credentials that belong to another server."""
    if "password" in stronger:
        weaker = {name: value for name, value in weaker.items() if name != "exposed"}
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
    if merged.get("sentinel") and socket is not None:
        raise SettingsError(f"{FLAGS['sentinel']} needs the {FLAGS['host']} of a Sentinel, not a Unix socket.")
    usual = SENTINEL_PORT if merged.get("sentinel") else DEFAULT_PORT
    host, port, db = merged.get("host", "localhost"), merged.get("port", usual), merged.get("db", 0)
    way = {name: merged[name] for name in ("ssh", "sentinel", "sentinel_password", "replica") if name in merged}
    return Address(host, port, socket, db, user, password, tls, **way)


def _notices(merged: Fields, address: Address) -> tuple[str, ...]:
    found = [merged["exposed"]] if merged.get("exposed") else []
    if address.tls is not None and address.tls.insecure:
        found.append(UNVERIFIED.format(place=address.label))
    return tuple(found)
