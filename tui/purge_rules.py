r"""What the user's settings say about purges; read only when somebody is about to purge, undo or list journals.

```toml
[purge]                                     # in config.toml, beside the profiles
protected = ["config:", "lock:"]            # what keys begin with that no purge removes; \xNN for a byte
journal_days = 30                           # older journals are removed when the next purge begins
journal_size = "1GB"                        # together they take no more than this
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from platformdirs import user_state_path

from tui.fields import SettingsError, prefixes
from tui.profiles import complaint, read_config
from tui.settings import CONFIG_FILE, Settings, config_folder, schemas_of

DAY = 86_400.0
MOST_DAYS = 36_500
"""A hundred years is for ever, and keeps the sums small."""

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([KMGT]?)B?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PurgeRules:
    """What holds for every purge of this user."""

    protected: tuple[bytes, ...]
    """What keys begin with that are never removed: those of the table and those of the profile."""
    journal_folder: Path
    journal_age_s: float
    """Seconds after which a journal goes, and its undo with it."""
    journal_bytes: int
    """Bytes that all journals may take."""
    production: bool
    """Whether a purge asks for the profile's name as well."""
    profile: str | None
    secrets: tuple[bytes, ...] = ()
    """What keys begin with that grant access, as the schemas say: their journal would be a file of live credentials."""


class _Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields that `[purge]` may have."""

    protected: tuple[str, ...] = ()
    journal_days: float = 30
    journal_size: str = "1GB"


def rules(settings: Settings) -> PurgeRules:
    """Put together what `[purge]` in config.toml and the profile say.

    Raises:
        SettingsError: with one sentence that names file, table and field.
    """
    file = config_folder() / CONFIG_FILE
    place = f"{file}, [purge]"
    table = _table(file, place)
    if not 0 < table.journal_days <= MOST_DAYS:
        raise SettingsError(f"{place}: `journal_days` must be above 0 and at most {MOST_DAYS}.")
    return PurgeRules(
        protected=prefixes(table.protected, f"{place}: `protected`") + settings.protected,
        journal_folder=user_state_path("redtop") / "journals",
        journal_age_s=table.journal_days * DAY,
        journal_bytes=_octets(table.journal_size, f"{place}: `journal_size`"),
        production=settings.production,
        profile=settings.profile,
        secrets=_secrets(settings),
    )


def _table(file: Path, place: str) -> _Table:
    try:
        given: Any = read_config(file).get("purge", {})
        if not isinstance(given, dict):
            raise SettingsError(f"{file}: `purge` must be a table, named [purge].")
        return msgspec.convert(given, _Table)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{place}: {complaint(str(error), given, _Table)}.") from None
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _secrets(settings: Settings) -> tuple[bytes, ...]:
    """Return what begins all keys that grant access; a family whose keys begin with anything cannot be told so."""
    tokens = [token for schema in schemas_of(settings.schemas) for token in schema.tokens]
    return tuple(sorted({family.pattern.head for token in tokens for family in token.grants} - {b""}))


def _octets(text: str, label: str) -> int:
    written = _SIZE.fullmatch(text.strip())
    octets = int(float(written[1]) * _UNITS[written[2].upper()]) if written else 0
    if not octets:
        raise SettingsError(f"{label} must be a size above nothing, like 500MB or 1GB.")
    return octets
