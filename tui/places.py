"""Going elsewhere without leaving: settings for another profile, another database, or a place that a person types."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.fields import READERS, SettingsError
from tui.settings import CONFIG_FILE, Settings, config_folder, resolve

if TYPE_CHECKING:
    from tui.profiles import Known


def profiles(config_dir: Path | None = None) -> Sequence[Known]:
    """Return the profiles of the user's config.toml.

    Raises:
        SettingsError: with one sentence, when the file cannot be read.
    """
    from tui.profiles import known_profiles  # TOML and msgspec: 40 ms

    try:
        return known_profiles((config_folder() if config_dir is None else config_dir) / CONFIG_FILE)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def at_profile(
    settings: Settings, name: str, environ: Mapping[str, str] | None = None, config_dir: Path | None = None
) -> Settings:
    """Return the settings of a profile; what the command line said about looking holds there as well.

    Raises:
        SettingsError: with one sentence, when the profile is wrong.
    """
    environ = os.environ if environ is None else environ
    folder = config_folder() if config_dir is None else config_dir
    return resolve({**settings.kept, "profile": name}, environ, folder, chosen=True)


def at_database(settings: Settings, number: str) -> Settings:
    """Return the same settings for another database of the same server.

    Raises:
        SettingsError: with one sentence, when that is no number of a database.
    """
    db = READERS["db"](number, "The database")
    assert isinstance(db, int)
    return replace(settings, address=replace(settings.address, db=db))


def at(settings: Settings, place: str, password: str = "") -> Settings:
    """Return settings for a place as a person types it: a URL, `host`, `host:port`, a socket's path, or a database.

    The same place again keeps its user, TLS and profile; an empty password keeps the one there was. To another place
    none of these go along, only what the command line said about looking.

    Raises:
        SettingsError: with one sentence, when the place makes no sense.
    """
    if place == settings.address.label:
        address = settings.address
        return replace(settings, address=replace(address, password=password or address.password))
    if place.isdecimal():  # no host is called so
        return at_database(settings, place)
    flags: dict[str, Any] = {"password": password} if password else {}
    if "://" in place:
        flags["url"] = place
    elif place.startswith("/"):
        flags["socket"] = place
    else:
        host, colon, port = place.rpartition(":")
        bracketed = place.endswith("]") or (place.count(":") > 1 and not place.startswith("["))
        flags |= {"host": place} if bracketed or not colon else {"host": host, "port": port}
        flags["host"] = flags["host"].strip("[]")
    return resolve({**settings.kept, **flags}, {}, config_folder() if "schemas" in settings.kept else Path())
