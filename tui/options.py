"""The words of the command line: options in tables, and a help that is enough on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from tui.demo import DEFAULT_KEYS, DEFAULT_SEED, SYSTEMS

FINE = 0
FAULT = 1
BAD_USAGE = 2
COULD_NOT_LOOK = 3
NO_DATABASE = BAD_USAGE
"""A database the server does not have is a wrong option, though only the server can tell."""
NOT_ALL = 4
REFUSED = 5
DIFFERS = 6
HUNG_UP = 129
"""What a shell reports of a program that lost its terminal."""
INTERRUPTED = 130
"""What a shell reports of a program that ctrl-c ended."""
READER_GONE = 141
"""What a shell reports of a program that a closed pipe ended."""
TERMINATED = 143
"""What a shell reports of a program that SIGTERM ended."""

CONNECTION = (
    ("-h --host", "HOST", "Server name or address (default: localhost)."),
    ("-p --port", "PORT", "Port (default: 6379)."),
    ("-s --socket", "PATH", "Unix socket, instead of host and port."),
    (
        "-u --url",
        "URL",
        "redis://[[USER:]PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or unix:///PATH; single options win.",
    ),
    ("-n --db", "N", "Database number (default: 0)."),
    ("--user username", "NAME", "ACL user."),
    (
        "-a --pass password",
        "PASSWORD",
        "Password. Other users can see it in ps: --askpass or REDISCLI_AUTH is safer.",
    ),
    ("--askpass", None, "Ask for the password without showing it."),
    ("--passfile password_file", "FILE", "File whose first line is the password."),
    ("--tls", None, "Use TLS; the five options below imply it. The server's certificate is verified."),
    ("--cacert", "FILE", "Trust the authorities in this file (default: the system's)."),
    ("--cert", "FILE", "Client certificate."),
    ("--key", "FILE", "Private key of the client certificate."),
    ("--sni", "NAME", "Server name to ask for and to verify (default: the host)."),
    (
        "--insecure",
        None,
        "Do not verify the certificate: nobody listens in, but whoever answers is trusted, and gets the password.",
    ),
    (
        "--ssh",
        "[USER@]HOST",
        "Go through this host, by the system's ssh with your agent and config; --host is then as seen from there.",
    ),
    ("--sentinel", "NAME", "--host is a Sentinel's (default port: 26379): look at the primary it calls NAME."),
    ("--replica", None, "By a Sentinel: look at a replica instead of the primary; nothing is written then."),
    (
        "--profile",
        "NAME",
        "Take what is said nowhere else from [profiles.NAME] in config.toml (Linux: ~/.config/redtop).",
    ),
)
"""Names (and, where the last name would not do, the field), placeholder of the value, help."""

SESSION = (
    ("--read-only", None, "Never write to the server."),
    ("--interval", "SECONDS", "Time between two looks, 0.1 to 60 (default: 1)."),
    (
        "--scan-share",
        "PERCENT",
        "Share of the server's time that surveying the keys may take (default: 5, and 0.2 beside other clients).",
    ),
    (
        "--schema schemas",
        "NAME|FILE",
        "A schema that describes the keys; may be given several times, the first counts.",
    ),
    ("--delimiter", "TEXT", "What separates the parts of a key (default: found out)."),
    ("--theme", "dark|light", "Colours."),
)

REPORT = (
    ("--exact", None, "Read until every key is counted; full speed unless --scan-share is given."),
    ("--json as_json", None, "Write a JSON document for scripts: docs/report.md describes it."),
)

TAIL = (
    ("--from place", "ID|TIME", "Begin there: an id, 06:31, 2024-05-01 06:31, -10m, or 0 (default: with what comes)."),
    ("--group", "NAME", "Begin with what this consumer group has not been given; nothing is taken from it."),
    ("--json as_json", None, "Write one JSON object per line: docs/tail.md describes it."),
)

DEMO = (
    ("--system systems", "NAME", "Only this system; may be given several times (default: all of them)."),
    ("--keys", "N", f"Fill in about this many keys first (default: {DEFAULT_KEYS})."),
    ("--seed", "N", f"Start of the random numbers: same seed, same demo (default: {DEFAULT_SEED})."),
    ("-p --port", "PORT", "Port of the demo's server (default: any free one)."),
    ("--once", None, "Print one report of the demo and exit; needs no terminal."),
)

PURGE = (
    ("--exclude", "GLOB", "Leave keys that match, by the server's own rules for patterns; may be given several times."),
    ("--exclude-key", "KEY", "Leave this very key; may be given several times."),
    ("--all-keys", None, "Every key of the database, instead of a PREFIX."),
    ("--dry-run", None, "Print the plan and remove nothing."),
    ("--expect", "N", "Go ahead, without typing, only if the plan has exactly N keys; scripts need it."),
    ("--no-undo", None, "Write no journal: what is removed is gone."),
    (
        "--big",
        "leave|with-undo|without-undo",
        "Keys so big that saving one holds up the server: leave them (default), or remove them with or without undo.",
    ),
    ("--undo-secrets", None, "Write keys that grant access (--schema says which) to the journal as well."),
    ("--rate", "N", "Remove at most so many keys a second (default: as fast as the server takes it)."),
    ("--json as_json", None, "Write a JSON receipt for scripts: docs/purge.md describes it."),
)

UNDO = (
    ("--finish", None, "Finish what was interrupted, instead of undoing it."),
    ("--rate", "N", "At most so many keys a second."),
    ("--json as_json", None, "Write a JSON receipt for scripts: docs/purge.md describes it."),
)

REVOKE = (
    ("--user whose", "ID", "All logins of this user."),
    ("--token", "-", "One token: paste it where it asks (nothing is shown), or pipe it in. Never an argument."),
    ("--key one_key", "KEY", r"The token that this key stands for, written as redtop shows keys: \xNN is a byte."),
    ("--all-of", "FAMILY", "Everybody's tokens of this family, such as refresh_token."),
    ("--session", None, "Of a token, key or family: the whole login, with its refresh token."),
    ("--dry-run", None, "Print what would fall and remove nothing."),
    ("--expect", "N", "Go ahead, without typing, only if exactly N keys would go; scripts need it."),
    ("--json as_json", None, "Write a JSON receipt for scripts: docs/revocation.md describes it."),
)

REVOKE_CONNECTION = tuple(row for row in CONNECTION if row[0] not in {"--user username", "--key"})
"""The connection, without two options that mean something else here: they stand before the command."""

SCHEMA_LIST = (("--json as_json", None, "Write a JSON document for scripts: docs/schemas.md describes it."),)

SCHEMA_TEST = (
    ("--exact", None, "Read every key; full speed unless --scan-share is given."),
    ("--json as_json", None, "Write a JSON document for scripts: docs/schemas.md describes it."),
)

JOURNALS = (("--json as_json", None, "Write a JSON document for scripts: docs/purge.md describes it."),)

ACL = (
    ("--prefix prefixes", "PREFIX", "Change only keys that begin with PREFIX; may be given several times."),
    ("--schema schemas", "NAME|FILE", "Of revoke: change only the keys that this schema's tokens are made of."),
    ("--user acl_user", "NAME", "Name of the ACL user (default: redtop)."),
    ("--for server", "SERVER", "For which server, such as redis-6.2 or valkey-9 (default: the newest)."),
    ("-n --db", "N", "The database that redtop will look at (default: 0)."),
    ("--json as_json", None, "Write a JSON document for scripts: docs/acl.md describes it."),
)

ACL_KINDS = ("watch", "cluster", "sentinel", "purge", "revoke", "edit", "streams")

_TYPES: Mapping[str, Any] = {
    "big": click.Choice(("leave", "with-undo", "without-undo")),
    "expect": click.IntRange(min=0),
    "rate": click.IntRange(min=1),
    "systems": click.Choice(SYSTEMS),
    "keys": click.IntRange(min=0),
    "seed": click.INT,
    "theme": click.Choice(("dark", "light")),
}
_SEVERAL = ("exclude", "exclude_key", "prefixes", "schemas", "systems")

_EPILOG: Mapping[str, Sequence[tuple[str, str]]] = {
    "Environment": (
        ("REDIS_URL", "As --url. Options are stronger than the environment, profiles weaker."),
        ("REDIS_HOST, REDIS_PORT", "As --host and --port; stronger than REDIS_URL."),
        ("REDIS_DB", "As --db."),
        ("REDIS_USERNAME", "As --user."),
        ("REDIS_PASSWORD", "As --pass. Never sent to another server than the environment names."),
        ("REDISCLI_AUTH", "Password for any server, as in redis-cli."),
        ("REDTOP_SENTINEL_PASSWORD", "Password of the Sentinel itself."),
        ("NO_COLOR", "Set to anything: no colours."),
    ),
    "Keys of the dashboard": (
        ("tab, z, /, s", "Next pane, zoom, filter, sort."),
        ("p, r, +, -", "Pause, refresh now, look more often, look less often."),
        ("enter, escape", "Drill in, go back."),
        ("o", "Go to another profile, database or server."),
        ("?, ctrl+p, q", "Help, all commands, quit."),
    ),
    "Exit codes": (
        (str(FINE), "Fine."),
        (str(FAULT), "A fault in redtop itself."),
        (str(BAD_USAGE), "Wrong options or settings, no such database, or the dashboard without a terminal."),
        (str(COULD_NOT_LOOK), "Could not connect, start the demo, or look."),
        (
            str(NOT_ALL),
            "Not all that was to be purged or revoked is gone for certain, or not all is back: see the receipt.",
        ),
        (
            str(REFUSED),
            "A purge or revocation was refused: not confirmed, --expect differs, or read-only. Nothing changed.",
        ),
        (str(DIFFERS), "The keyspace is not as `redtop schema test` was told: there is drift, or no key matches."),
        (str(HUNG_UP), "The terminal of the dashboard was closed."),
        (str(INTERRUPTED), "A command stopped by ctrl-c; it prints what is known, or what was done, first."),
        (str(READER_GONE), "Whoever read the output went away."),
        (str(TERMINATED), "The dashboard was ended by SIGTERM."),
    ),
    "Examples": (
        ("redtop demo", "A living dashboard; no Redis needed."),
        ("redtop -h cache.example --tls --askpass", "Another server."),
        ("redtop -h redis-3 --ssh me@bastion", "One that only another host can reach."),
        ("redtop report -u redis://cache.example/2", "One look, printed."),
        ("redtop report --exact --json", "Every key counted, for a script."),
        ("redtop purge cache: --dry-run", "What a purge of that prefix would remove."),
        ("redtop schema test oauth-proxy", "Is this keyspace as that schema says?"),
        ("redtop --schema oauth-proxy revoke --user ann", "End all logins of a user."),
        ("redtop undo", "Bring back what the last purge of this database removed."),
        ("redtop acl purge --prefix cache:", "The smallest ACL user for watching, and purging that."),
        ('eval "$(_REDTOP_COMPLETE=bash_source redtop)"', "Completion; also zsh_source and fish_source."),
    ),
}

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class SectionOption(click.Option):
    """An option that knows under which heading `--help` lists it."""

    def __init__(self, names: Sequence[str], section: str, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.section = section


class PlainCommand(click.Command):
    """A command without arguments, whose help has headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        _write_options(self, ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and refuse a stray word with a sentence that keeps secrets."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise stray(rest[0])
        return rest


class PlainGroup(click.Group):
    """Commands that belong together."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write commands first, then options under their headings."""
        self.format_commands(ctx, formatter)
        _write_options(self, ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say in one sentence what to do instead."""
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise stray(args[0], tuple(self.commands))
        return super().resolve_command(ctx, args)


class TopCommand(PlainGroup):
    """The command above all: its help is all there is to know."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what is not an option: environment, keys, exit codes, examples."""
        for title, rows in _EPILOG.items():
            with formatter.section(title):
                formatter.write_dl(rows)


def options(section: str, table: Sequence[tuple[str, str | None, str]]) -> Callable[[AnyFunction], AnyFunction]:
    """Make a decorator that adds a table of options; most values stay text for `settings` to judge."""

    def decorate(function: AnyFunction) -> AnyFunction:
        for names, metavar, text in reversed(table):
            name = names.split()[-1].lstrip("-").replace("-", "_")
            kind: dict[str, Any] = {"is_flag": True} if metavar is None else {"metavar": metavar}
            if metavar is not None:
                kind |= {"type": _TYPES.get(name, click.STRING), "multiple": name in _SEVERAL}
            function = click.option(*names.split(), cls=SectionOption, section=section, help=text, **kind)(function)
        return function

    return decorate


def stray(word: str, commands: Sequence[str] = ()) -> click.UsageError:
    """Say what to do about a word that is neither an option nor a command; a URL may hide a password."""
    from difflib import get_close_matches

    if "://" in word or "@" in word:
        return click.UsageError("An address needs its option before it: use -u URL or -h HOST.")
    close = get_close_matches(word, commands, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "to look at another server use -h HOST or -u URL."
    return click.UsageError(f"{word!r} is not a command: {hint}")


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            sections.setdefault(getattr(param, "section", "Other"), []).append(record)
    for title, rows in sections.items():
        with formatter.section(title):
            formatter.write_dl(rows)
