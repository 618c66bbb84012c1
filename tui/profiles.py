r"""Named servers in the user's `config.toml`: one `[profiles.NAME]` table each.

```toml
[profiles.prod]
url = "rediss://app@redis.example:6380/0"   # or host, port, socket, db, username
password_file = "prod.secret"               # or password, or password_env = "PROD_REDIS_PASSWORD"
cacert = "prod-ca.pem"                      # files are looked for beside config.toml
read_only = true
interval = 2                                # seconds
scan_share = 2                              # percent of the server's time
schemas = ["oauth-proxy"]
ssh = "me@bastion.example"                  # through this host, by the system's ssh
colour = "red"                              # or orange, yellow, green, blue, purple, grey: the mark in the header
production = true                           # a purge asks for the name of this profile as well
protected = ["config:", "lock:"]            # what keys begin with that no purge removes; \xNN for a byte
```

`tui/purge_rules.py` reads the `[purge]` table beside them. Loaded only when one of the two is asked for, because
reading it takes longer than all other settings together.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from tui.engine.address import DEFAULT_PORT, Address, parse_url
from tui.engine.schema.catalog import is_file
from tui.fields import COLOURS, exposed

TABLES = frozenset({"profiles", "purge"})
"""What stands at the top of the file."""

_FILES = ("cacert", "cert", "key", "password_file", "socket")


class Profile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The fields a `[profiles.NAME]` table may have, with the meaning of the options of the same name."""

    url: str | None = None
    host: str | None = None
    port: int | None = None
    socket: str | None = None
    db: int | None = None
    username: str | None = None
    password: str | None = None
    password_file: str | None = None
    """A file whose first line is the password."""
    password_env: str | None = None
    """The environment variable that holds the password."""
    tls: bool | None = None
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    sni: str | None = None
    insecure: bool | None = None
    ssh: str | None = None
    sentinel: str | None = None
    sentinel_password: str | None = None
    replica: bool | None = None
    read_only: bool | None = None
    interval: float | None = None
    scan_share: float | None = None
    schemas: tuple[str, ...] | None = None
    delimiter: str | None = None
    theme: str | None = None
    production: bool | None = None
    colour: str | None = None
    protected: tuple[str, ...] | None = None


def read_profile(name: str, file: Path, environ: Mapping[str, str]) -> dict[str, object]:
    """Read one profile; the result has the fields that it sets, its password, and absolute paths.

    Raises:
        ValueError: with one sentence that names the file, and where it can the table and the field.
    """
    place = f"{file}, [profiles.{name}]"
    table = _table(name, file)
    try:
        profile = msgspec.convert(table, Profile)
    except msgspec.ValidationError as error:
        raise ValueError(f"{place}: {complaint(str(error), table, Profile)}.") from None
    fields: dict[str, object] = dict(msgspec.to_builtins(profile))
    for field in _FILES:
        if field in fields:
            fields[field] = _beside(file, str(fields[field]))
    if profile.schemas is not None:
        fields["schemas"] = [_beside(file, name) if is_file(name) else name for name in profile.schemas]
    if profile.password is not None or profile.sentinel_password is not None:
        fields["exposed"] = exposed(file)
    return _with_password(fields, place, environ)


@dataclass(frozen=True, slots=True)
class Known:
    """One profile of the file as a list shows it; no password is looked up for that."""

    name: str
    place: str
    """Where it leads, without credentials; safe text. Empty when that is not clear."""
    db: int
    colour: str | None
    production: bool
    read_only: bool
    ssh: str | None
    problem: str | None
    """What is wrong with it: a sentence; None when nothing is."""


def known_profiles(file: Path) -> Sequence[Known]:
    """Return all profiles, in the order of the file; none when there is no file.

    Raises:
        ValueError: with one sentence, when the file as a whole cannot be read.
    """
    return [_known(name, table, file) for name, table in _tables(file).items()]


def _known(name: str, table: dict[str, Any], file: Path) -> Known:
    try:
        profile = msgspec.convert(table, Profile)
        url = parse_url(profile.url) if profile.url is not None else {}
    except (msgspec.ValidationError, ValueError) as error:
        what = (
            complaint(str(error), table, Profile) if isinstance(error, msgspec.ValidationError) else f"`url`: {error}"
        )
        return Known(name, "", 0, None, False, False, None, f"{file}, [profiles.{name}]: {what}.")
    given: dict[str, Any] = url | dict(msgspec.to_builtins(profile))
    host, port, socket = given.get("host", "localhost"), given.get("port", DEFAULT_PORT), given.get("socket")
    place = Address(host, port, socket_path=socket).label
    colour = profile.colour if profile.colour in COLOURS else None
    flags = bool(profile.production), bool(profile.read_only)
    return Known(name, place, given.get("db", 0), colour, *flags, profile.ssh, None)


def _beside(file: Path, path: str) -> str:
    return str(file.parent / Path(path).expanduser())


def _table(name: str, file: Path) -> dict[str, Any]:
    if not file.exists():
        raise ValueError(f"A profile needs the file {file}, and it does not exist.")
    profiles = _tables(file)
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ValueError(f"There is no profile {name!r} in {file}; it has: {known}.")
    return profiles[name]


def _tables(file: Path) -> dict[str, dict[str, Any]]:
    profiles = read_config(file).get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
        raise ValueError(f"{file}: `profiles` must hold tables, each named [profiles.NAME].")
    return profiles


def read_config(file: Path) -> dict[str, Any]:
    """Read all of the file, and make sure that it has no other tables than there are; {} when there is no file.

    Raises:
        ValueError: with one sentence that names the file.
    """
    document = _document(file)
    if stray := sorted(document.keys() - TABLES):
        raise ValueError(
            f"{file}: unknown field `{stray[0]}`; a profile is a table named [profiles.NAME], and purges have [purge]."
        )
    return document


def _document(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is not valid TOML: {error}.") from None


def complaint(message: str, table: dict[str, Any], kind: type[msgspec.Struct]) -> str:
    """Make one phrase of msgspec's words: `Expected `int`, got `str` - at `$.port``."""
    if message.startswith("Object contains unknown field"):
        known = kind.__struct_fields__
        stray = next(field for field in table if field not in known)
        close = get_close_matches(stray, known, n=1)
        return f"unknown field `{stray}`" + (f" (did you mean `{close[0]}`?)" if close else "")
    what, _, path = message.partition(" - at ")
    field = path.strip("`").removeprefix("$.")
    return f"`{field}`: {what[:1].lower()}{what[1:]}"


def _with_password(fields: dict[str, object], place: str, environ: Mapping[str, str]) -> dict[str, object]:
    """Look up what `password_env` names; a file is read where the other sources' files are."""
    sources = [field for field in ("password", "password_file", "password_env") if field in fields]
    if len(sources) > 1:
        raise ValueError(f"{place}: keep one of {' and '.join(f'`{field}`' for field in sources)}.")
    if variable := fields.pop("password_env", None):
        if not environ.get(str(variable)):
            raise ValueError(f"{place}: the environment variable `{variable}` of `password_env` is not set.")
        fields["password"] = environ[str(variable)]
    return fields
