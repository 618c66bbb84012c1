"""`redtop acl`: the smallest ACL user for what a person wants to do, as a line to paste, or as JSON; asks no server."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from tui.engine.commands import Purpose
from tui.engine.needle import needle_of
from tui.engine.printable import printable
from tui.engine.rules import (
    Rules,
    RulesError,
    Version,
    Wanted,
    beginning,
    quoted,
    rules_for,
    server_of,
    tells_apart,
    touched_by,
    unknown_to,
    user_of,
    with_watching,
)
from tui.fields import SettingsError
from tui.options import FINE
from tui.settings import schemas_of

DOCUMENT_VERSION = 1
"""Goes up when a field goes away or changes its meaning; a new field is no reason."""

MEANS = {
    Purpose.WATCH: "every screen with --read-only, report, tail and schema test",
    Purpose.CLUSTER: "the nodes of a cluster and their slots",
    Purpose.SENTINEL: "on each Sentinel, a server of its own: where the primary is",
    Purpose.PURGE: "purge, its journal, and undo",
    Purpose.REVOKE: "ending logins",
    Purpose.EDIT: "changing the TTL or the name of a key, and the TTLs of a family",
    Purpose.STREAMS: "acting on streams: entries, groups, consumers, and taking it back",
}
"""What each kind of user can do beside watching."""
_LOOKING = {Purpose.WATCH, Purpose.CLUSTER, Purpose.SENTINEL}
NEWEST = "Redis 7.4 and Valkey 9, and what is newer"
OLDER: tuple[tuple[str, tuple[str, Version]], ...] = (
    ("Valkey 7.2 and 8", ("Valkey", (7, 2))),
    ("Redis 7.2", ("Redis", (7, 2))),
    ("Redis 7.0", ("Redis", (7, 0))),
    ("Redis 6.2", ("Redis", (6, 2))),
)
"""Servers that know less than the newest, by what a person calls them."""


@dataclass(frozen=True, slots=True)
class AclWish:
    """What the command line asks for."""

    users: tuple[Wanted, ...]
    """Each gets a line."""
    as_json: bool

    @classmethod
    def of(cls, flags: dict[str, Any]) -> AclWish:
        """Read the options.

        Raises:
            SettingsError: one sentence; they ask for what cannot be.
        """
        kinds = [Purpose(kind) for kind in dict.fromkeys(flags.get("kinds", ()))]
        prefixes, schemas = flags.get("prefixes", ()), flags.get("schemas", ())
        try:
            user = user_of(flags.get("acl_user") or "redtop")
            server = server_of(flags["server"]) if flags.get("server") else None
            changes = [beginning(needle_of(prefix)) for prefix in prefixes]
            changes += touched_by(schemas_of(schemas)) if schemas else []
        except RulesError as error:
            raise SettingsError(f"{error}.") from None
        _check(kinds, prefixes=bool(prefixes), schemas=bool(schemas))
        together = [frozenset(kinds)] if kinds else [frozenset({kind}) for kind in Purpose]
        number = _database(flags.get("db"))
        return cls(tuple(Wanted(some, user, server, number, changes) for some in together), bool(flags.get("as_json")))


def print_acl(wish: AclWish, stream: TextIO) -> int:
    """Print the lines.

    Raises:
        SettingsError: the server cannot be told what is wanted.
    """
    try:
        made = [(wanted, rules_for(wanted)) for wanted in wish.users]
    except RulesError as error:
        raise SettingsError(f"{error}.") from None
    if wish.as_json:
        document = {"document_version": DOCUMENT_VERSION, "users": [_document(*one) for one in made]}
        stream.write(json.dumps(document, indent=2) + "\n")
    else:
        width = min(shutil.get_terminal_size().columns, 100)
        stream.write("\n".join(_text(wanted, rules, width) for wanted, rules in made) + _footer(wish.users, width))
    return FINE


def _check(kinds: Sequence[Purpose], *, prefixes: bool, schemas: bool) -> None:
    """Refuse to narrow what changes nothing: the survey asks about every key, and each refusal is an error there."""
    if (prefixes or schemas) and not set(kinds) - _LOOKING:
        raise SettingsError(
            "--prefix and --schema narrow what may be changed: say what for, as in `redtop acl purge --prefix cache:`; "
            "watching looks at every key."
        )
    if schemas and set(kinds) - {*_LOOKING, Purpose.REVOKE}:
        raise SettingsError("--schema says which keys revoking changes: use --prefix for anything else.")


def _database(text: str | None) -> int:
    if text is None:
        return 0
    if not re.fullmatch(r"\d{1,9}", text):
        raise SettingsError(f"-n/--db: a database is a number, not {printable(text.encode())!r}.")
    return int(text)


def _document(wanted: Wanted, rules: Rules) -> dict[str, object]:
    server = None if wanted.server is None else {"product": wanted.server[0], "version": _dotted(wanted.server[1])}
    return {
        "purposes": sorted(with_watching(wanted.purposes)),
        "server": server,
        "user": wanted.user,
        "keys": [quoted(rule) for rule in rules.keys],
        "channels": [quoted(rule) for rule in rules.channels],
        "commands": list(rules.commands),
        "line": rules.line,
    }


def _text(wanted: Wanted, rules: Rules, width: int) -> str:
    served = with_watching(wanted.purposes)
    said = "; ".join(f"{kind} ({MEANS[kind]})" for kind in Purpose if kind in served)
    server = NEWEST if wanted.server is None else f"{wanted.server[0]} {_dotted(wanted.server[1])}"
    return f"{_comment(f'To {said}. For {server}.', width)}{rules.line}\n"


def _footer(users: Sequence[Wanted], width: int) -> str:
    """Say what is left to do, and what other servers want."""
    said = ["Put a password in place of PASSWORD. What the user was allowed before is taken away."]
    watching = any(Purpose.WATCH in with_watching(wanted.purposes) for wanted in users)
    if watching and users[0].db == 0:
        said.append("For a database other than 0 say which: -n N adds +select.")
    if watching and users[0].server is None:
        purposes = frozenset(kind for wanted in users for kind in wanted.purposes) - {Purpose.SENTINEL}
        said += [_older(name, server, purposes) for name, server in OLDER]
    return "\n" + "".join(_comment(sentence, width) for sentence in said)


def _older(name: str, server: tuple[str, Version], purposes: Collection[Purpose]) -> str:
    missing = " ".join(f"+{command}" for command in unknown_to(server, purposes))
    keys = "" if tells_apart(server) else ", nor how to tell reading a key from changing it"
    return f"{name} does not know {missing}{keys}: --for {server[0].lower()}-{_dotted(server[1])} prints its line."


def _comment(sentence: str, width: int) -> str:
    return textwrap.fill(sentence, width, initial_indent="# ", subsequent_indent="#   ") + "\n"


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
