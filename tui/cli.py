"""The command line: options become Settings, then the dashboard or a headless command takes over.

Whatever is heavy (Textual, redis, the server of the demo) is imported inside the command that needs it, so that
`--version` and `--help` answer at once. Every expected failure is one sentence on stderr and a documented exit code.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tui import __version__
from tui.demo import HOST, SYSTEMS, Demo, DemoError
from tui.engine.address import Address
from tui.fields import FLAGS, SettingsError
from tui.options import (
    ACL,
    ACL_KINDS,
    BAD_USAGE,
    CONNECTION,
    COULD_NOT_LOOK,
    DEMO,
    FAULT,
    FINE,
    INTERRUPTED,
    JOURNALS,
    PURGE,
    READER_GONE,
    REPORT,
    REVOKE,
    REVOKE_CONNECTION,
    SCHEMA_LIST,
    SCHEMA_TEST,
    SESSION,
    TAIL,
    UNDO,
    PlainCommand,
    PlainGroup,
    TopCommand,
    options,
)
from tui.settings import Settings, config_folder, load, resolve

_PLACES = {
    "url": ("host", "port", "socket", "url"),
    "host": ("socket",),
    "socket": ("host", "port"),
    "password": ("password_file", "askpass"),
    "password_file": ("password", "askpass"),
    "askpass": ("password", "password_file"),
}
"""Which earlier options one after the command makes void: they named another server, or another password."""


def main(args: Sequence[str] | None = None) -> int:
    """Run redtop and return its exit code; nothing expected leaves this as an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # output that is not UTF-8 is no reason to fail
    try:
        return _run(sys.argv[1:] if args is None else list(args))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _complain(BAD_USAGE, error.format_message())
    except SettingsError as error:
        return _complain(BAD_USAGE, str(error))
    except DemoError as error:
        return _complain(COULD_NOT_LOOK, str(error))
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    except Exception as error:
        if os.environ.get("REDTOP_TRACEBACK"):
            raise
        return _complain(FAULT, _fault(error))


@click.group(
    cls=TopCommand,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
    subcommand_metavar="[COMMAND]",
)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.version_option(__version__, prog_name="redtop", message="%(prog)s %(version)s")
@click.pass_context
def redtop(context: click.Context, /, **_flags: object) -> int | None:
    """Top for Redis and Valkey: a live dashboard in the terminal.

    Without a command it shows the dashboard of the server at localhost:6379, or of the one that the options name.
    Options may stand before or after the command.
    """
    if context.invoked_subcommand is not None:
        return None
    _require_terminal("redtop report")
    settings = _settings(context)
    from tui.app import run

    return run(settings)


@redtop.command(cls=PlainCommand)
@options("Report", REPORT)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.pass_context
def report(context: click.Context, /, **_flags: object) -> int:
    """Take one look at a server and print it; needs no terminal."""
    settings = _settings(context)
    chosen = {name: True for name in ("exact", "as_json") if context.params[name]}
    from tui.headless.report import print_report

    return print_report(settings, sys.stdout, **chosen)


@redtop.command(cls=PlainCommand)
@click.argument("streams", nargs=-1, required=True, metavar="STREAM...")
@options("Tail", TAIL)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.pass_context
def tail(context: click.Context, /, **_flags: object) -> int:
    r"""Print what is added to streams, entry by entry, until ctrl-c; needs no terminal, and changes nothing.

    STREAM is a key as redtop shows it: \xNN is a byte. Nothing is skipped: a slow reader slows the reading down.
    """
    import time

    from tui.headless.tail_cli import TailWish, print_tail

    flags = context.params
    wish = TailWish.of(flags["streams"], flags["group"], flags["place"], as_json=flags["as_json"], wall=time.time())
    return print_tail(_settings(context), wish, sys.stdout)


@redtop.command(cls=PlainCommand)
@options("Demo", DEMO)
@options("Session", SESSION)
@click.pass_context
def demo(context: click.Context, /, **_flags: object) -> int:
    """Start a server with a living workload, and the dashboard on it.

    The server listens on this machine only, and is gone when the demo ends. The systems are oauth-proxy,
    faultmaven, fastapi-best-architecture, migration-platform and arketic.
    """
    flags = _demo_flags(context)
    once = flags.pop("once", False)
    if not once:
        _require_terminal("redtop demo --once")
    port = resolve(flags, {}, Path()).address.port if "port" in flags else None
    view = resolve({**flags, "port": None}, {}, config_folder() if "schemas" in flags else Path())
    with Demo(**_demo_arguments(flags), port=port) as running:
        settings = replace(view, address=Address(HOST, running.port))
        if once:
            return _print_demo(settings, running)
        # Each system of the demo has a built-in schema of its name.
        return _show_demo(replace(settings, schemas=view.schemas or tuple(flags.get("systems", SYSTEMS))), running)


@redtop.command(cls=PlainCommand)
@click.argument("prefix", nargs=-1, metavar="PREFIX")
@options("Purge", PURGE)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.pass_context
def purge(context: click.Context, /, **_flags: object) -> int:
    r"""Remove the keys that begin with PREFIX: planned, previewed, confirmed by typing, and undoable.

    PREFIX is taken literally: * and ? mean themselves. Like KEY and GLOB it is written as redtop shows keys: \xNN is a
    byte, and \\ a backslash. Without a terminal nothing is removed unless --expect says how many keys the plan has.
    """
    from tui.headless.purge_cli import Wish, run_purge

    wish = Wish.of(context.params)
    return run_purge(_settings(context), wish)


@redtop.command(cls=PlainCommand)
@click.argument("journal", nargs=-1, metavar="[JOURNAL]")
@options("Undo", UNDO)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.pass_context
def undo(context: click.Context, /, **_flags: object) -> int:
    """Take back a purge, with exact expiries and never over a key that somebody made since, or a change of TTLs.

    JOURNAL is the id or the path of one; without it, the newest one of this database that is not undone yet.
    """
    from tui.headless.undo_cli import run_undo

    return run_undo(_settings(context), context.params)


@redtop.command(cls=PlainCommand)
@options("Journals", JOURNALS)
@click.pass_context
def journals(context: click.Context, /, **_flags: object) -> int:
    """List the journals of purges and changes of TTLs: what can be undone, how big and how old it is."""
    from tui.headless.undo_cli import print_journals

    return print_journals(sys.stdout, as_json=context.params["as_json"])


@redtop.command(cls=PlainCommand)
@options("Revoke", REVOKE)
@options("Connection", REVOKE_CONNECTION)
@options("Session", SESSION)
@click.pass_context
def revoke(context: click.Context, /, **_flags: object) -> int:
    """End logins: find what grants access, show what would fall, remove it, and look again until nothing is left.

    --schema says how logins are stored. There is no undo; an audit log says who lost access when. An ACL user and the
    key of a client certificate (--user and --key of the connection) stand before the command here, or in a URL.
    """
    from tui.headless.revoke_cli import Wish, run_revoke

    settings = _settings(context)
    return run_revoke(settings, Wish.of(context.params))


@redtop.command(cls=PlainCommand)
@click.argument("kinds", nargs=-1, type=click.Choice(ACL_KINDS), metavar="[" + "|".join(ACL_KINDS) + "]...")
@options("ACL", ACL)
@click.pass_context
def acl(context: click.Context, /, **_options: object) -> int:
    """Print the smallest ACL user for watching, and for what else redtop is to do there; asks no server.

    Several kinds make one user for all of them; without any there is a line for each. Every kind may watch as well.
    """
    from tui.headless.acl import AclWish, print_acl

    return print_acl(AclWish.of(_flags(context)), sys.stdout)


@redtop.group(cls=PlainGroup, subcommand_metavar="COMMAND", invoke_without_command=True)
@click.pass_context
def schema(context: click.Context, /) -> None:
    """Schemas say what keys mean: list them, show one, or test whether a keyspace is as they say.

    A schema is one of those that come with redtop, one in your config folder, or any file that ends with .toml.
    """
    if context.invoked_subcommand is None:
        raise click.UsageError("Say what to do: `redtop schema list`, `schema show NAME` or `schema test NAME`.")


@schema.command("list", cls=PlainCommand)
@options("List", SCHEMA_LIST)
@click.pass_context
def list_schemas(context: click.Context, /, **_flags: object) -> int:
    """List the schemas that have a name."""
    from tui.headless.schema_cli import print_list

    return print_list(sys.stdout, as_json=context.params["as_json"])


@schema.command("show", cls=PlainCommand)
@click.argument("schemas", nargs=-1, required=True, metavar="NAME|FILE")
@click.pass_context
def show_schema(context: click.Context, /, **_flags: object) -> int:
    """Print what a schema says of families, tokens and thresholds."""
    from tui.headless.schema_cli import print_schemas

    return print_schemas(context.params["schemas"], sys.stdout)


@schema.command("test", cls=PlainCommand)
@click.argument("tested", nargs=-1, metavar="NAME|FILE")
@options("Test", SCHEMA_TEST)
@options("Connection", CONNECTION)
@options("Session", SESSION)
@click.pass_context
def test_schema(context: click.Context, /, **_flags: object) -> int:
    """Read a live keyspace: what matches the schema, what is unknown to it, and what departs from it.

    Several schemas are tested together, as they are for the dashboard.
    """
    settings = _settings(context)
    if not settings.schemas:
        raise click.UsageError("Say which schema to test: a NAME that `redtop schema list` shows, or a FILE.")
    from tui.headless.schema_cli import run_test

    return run_test(settings, sys.stdout, exact=context.params["exact"], as_json=context.params["as_json"])


def _demo_arguments(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what the demo was told; its defaults stand for the rest."""
    return {name: flags[name] for name in ("systems", "keys", "seed") if name in flags}


def _show_demo(settings: Settings, running: Demo) -> int:
    from tui.app import run

    return run(settings, demo=running)


def _print_demo(settings: Settings, running: Demo) -> int:
    from tui.headless.report import print_report

    with suppress(TimeoutError):  # a very large demo: report what is there by now
        running.wait_filled()
    return print_report(settings, sys.stdout)


def _run(args: list[str]) -> int:
    if instruction := os.environ.get("_REDTOP_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(redtop, {}, "redtop", "_REDTOP_COMPLETE", instruction)
    try:
        with redtop.make_context("redtop", args) as context:
            code = redtop.invoke(context)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()  # while a reader that went away is still an exception of ours
    return FINE if code is None else int(code)


def _given(context: click.Context) -> dict[str, Any]:
    return {name: value for name, value in context.params.items() if value not in (None, ()) and value is not False}


def _flags(context: click.Context) -> dict[str, Any]:
    """Join the options before and after the command; the later ones win."""
    later = _given(context)
    earlier = {} if context.parent is None else _flags(context.parent)
    if "tested" in later:  # what `schema test` is about stands before what `--schema` adds
        later["schemas"] = (*later.pop("tested"), *later.get("schemas", ()))
    for name in later:
        for other in _PLACES.get(name, ()):
            earlier.pop(other, None)
    return earlier | later


def _settings(context: click.Context) -> Settings:
    flags = _flags(context)
    if flags.pop("askpass", False):
        flags["password"] = click.prompt("Password", default="", hide_input=True, show_default=False, err=True)
    settings = load(flags)
    if context.parent is not None:  # the dashboard shows them itself
        for notice in settings.notices:
            _say(notice)
    return settings


def _demo_flags(context: click.Context) -> dict[str, Any]:
    """Join the options, and refuse those that would name a server: the demo brings its own."""
    flags = _flags(context)
    known = {param.name for param in context.command.params}
    for name in flags:
        if name not in known:
            option = FLAGS.get(name, f"--{name}")
            raise click.UsageError(f"The demo starts a server of its own: leave {option} out.")
    return flags


def _require_terminal(instead: str) -> None:
    """Refuse to draw where nobody sees it; Textual draws on standard error, so that counts too."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # a driver of somebody's choice, as textual-serve's: it knows where to draw
    streams = {"standard input": sys.stdin, "standard output": sys.stdout, "standard error": sys.stderr}
    lacking = [f"{name} is none" for name, stream in streams.items() if stream is None or not stream.isatty()]
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        lacking.append("TERM names none")
    if lacking:
        raise click.UsageError(f"The dashboard needs a terminal, and {lacking[0]}: use `{instead}` instead.")


def _complain(code: int, sentence: str) -> int:
    _say(sentence)
    return code


def _say(sentence: str) -> None:
    from tui.engine.printable import scrub

    with suppress(BrokenPipeError):
        click.echo(f"redtop: {scrub(' '.join(sentence.split()))}", err=True)


def _fault(error: Exception) -> str:
    """Name a fault by kind and place: its own text may hold what a server or a person keeps secret."""
    while isinstance(error, ExceptionGroup):  # of a session's tasks: the first fault is the one to name
        error = error.exceptions[0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    kind = type(error).__name__
    return f"this is a fault in redtop ({kind}{place}); set REDTOP_TRACEBACK=1 to see all of it."


def _leave_quietly() -> int:
    """End like a program that a closed pipe ended, and keep the interpreter from flushing into it once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE
