"""`redtop revoke`: find, show, ask, remove, look again, account; the dashboard's own engine, without a screen."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import click
from platformdirs import user_state_path

from tui.engine.place import Place
from tui.engine.revoke.account import Progress, Receipt
from tui.engine.revoke.execute import execute
from tui.engine.revoke.plan import Plan, Preview, plan
from tui.engine.revoke.roles import Roles
from tui.engine.revoke.wanted import Wanted
from tui.engine.schema.model import Family
from tui.headless.consent import OTHERWISE, Consent, NotConfirmed, bytes_of, confirm
from tui.headless.on_server import Stop, run_on_server, share_of, unless_stopped
from tui.headless.purge_json import Document, write
from tui.headless.purge_print import complain, is_terminal, print_lines
from tui.headless.purge_progress import end_of
from tui.headless.revoke_json import of_plan, of_receipt
from tui.options import FINE, NOT_ALL, REFUSED
from tui.settings import Settings, schemas_of
from tui.words.purge_words import Line
from tui.words.revoke_words import confirmation, plan_lines, receipt_lines
from tui.words.units import count

LONGEST_TOKEN = 1 << 16
"""Bytes of a token: headers that carry one are shorter."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    user: bytes | None = None
    token: bytes | None = field(default=None, repr=False)
    """As its user holds it."""
    key: bytes | None = field(default=None, repr=False)
    family: str | None = None
    whole: bool = False
    expect: int | None = None
    dry_run: bool = False
    as_json: bool = False

    @property
    def consent(self) -> Consent:
        """How it says yes."""
        return Consent(self.expect, self.dry_run, self.as_json)

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """Read the command line; a token is read from standard input, masked when that is a terminal.

        Raises:
            click.UsageError: with a sentence, when it makes no sense.
        """
        given = {name: params[name] for name in ("whose", "token", "one_key", "all_of") if params[name] is not None}
        if len(given) != 1:
            raise click.UsageError("Say what to revoke: one of --user ID, --token -, --key KEY and --all-of FAMILY.")
        if params["session"] and params["whose"] is not None:
            raise click.UsageError("--session is of a token, a key or a family: of a user all sessions go anyhow.")
        if given.get("token", "-") != "-":
            raise click.UsageError(
                "A token on the command line is seen by everybody who can list processes: revoke it, and next time "
                "write --token - and paste it, or pipe it in."
            )
        return cls(
            user=_parsed("--user", given.get("whose")),
            token=_read_token() if "token" in given else None,
            key=_parsed("--key", given.get("one_key")),
            family=given.get("all_of"),
            whole=params["session"],
            **{name: params[name] for name in ("expect", "dry_run", "as_json")},
        )

    def wanted(self, roles: Roles) -> Wanted:
        """Ask the engine for it.

        Raises:
            click.UsageError: with a sentence, when no rule of the schemas is about it.
        """
        if self.family is not None:
            return Wanted(family=_family(roles, self.family), whole=self.whole)
        if self.key is not None:
            if not roles.roles_of(self.key):
                raise click.UsageError("--key: no token rule of the schema is about keys like this one.")
            return Wanted(keys=(self.key,), whole=self.whole)
        if self.token is not None:
            return Wanted(keys=tuple(roles.candidates(self.token)), whole=self.whole)
        return Wanted(user=self.user)


def run_revoke(settings: Settings, wish: Wish) -> int:
    """Revoke as the command line says, and return the exit code.

    Raises:
        click.UsageError: no schema was given, or none of its rules is about what is wanted.
    """
    if not settings.schemas:
        raise click.UsageError("Say by which --schema the keys are to be read: `redtop schema list` names them.")
    roles = Roles.of_schemas(schemas_of(settings.schemas))
    if not roles.rules:
        raise click.UsageError("The schema says nothing of tokens: `redtop schema show NAME` prints it.")
    wanted = wish.wanted(roles)
    if wish.consent.is_impossible("a revocation"):
        return REFUSED
    return run_on_server(settings, _Revocation(settings, wish, wanted, roles).run)


def audit_log() -> Path:
    """Return the file in which revocations are written down."""
    return user_state_path("redtop") / "audit.log"


class _Revocation:
    """One revocation from its plan to its receipt."""

    def __init__(self, settings: Settings, wish: Wish, wanted: Wanted, roles: Roles) -> None:
        self._settings = settings
        self._wish = wish
        self._wanted = wanted
        self._roles = roles
        self._share = share_of(settings)
        self._consent = wish.consent

    async def run(self, place: Place, stop: Stop) -> int:
        """Do all of it; raises `Ended` as `run_on_server` wants."""
        made = await unless_stopped(stop, self._plan(place))
        now = place.clock.wall()
        if self._consent.aside or not self._wish.as_json:
            print_lines(plan_lines(made, now), sys.stderr if self._consent.aside else sys.stdout)
        if (refusal := self._consent.refusal(len(made.keys))) is not None:
            return self._refuse(made, now, refusal)
        if self._wish.dry_run or not made.keys:
            return self._leave(made, now)
        if self._consent.asks:
            try:
                profile = self._settings.profile if self._settings.production else None
                await unless_stopped(stop, confirm(confirmation(made, profile)))
            except NotConfirmed:
                return self._refuse(made, now, OTHERWISE)
        work = execute(place, made, audit_log(), share=self._share, stop=stop)
        return self._account(await end_of(work, Receipt, _progress_words), stop)

    async def _plan(self, place: Place) -> Plan:
        source = plan(place, self._roles, self._wanted, share=self._share)
        return await end_of(source, Plan, _preview_words, hint="ctrl-c: leave")

    def _leave(self, made: Plan, now: float) -> int:
        self._write(of_plan(made, now, dry_run=self._wish.dry_run))
        if not made.keys and not self._wish.as_json:
            print_lines([_why_nothing(self._wish)], sys.stdout)
        return FINE

    def _account(self, receipt: Receipt, stop: Stop) -> int:
        if self._wish.as_json:
            self._write(of_receipt(receipt, audit_log()))
        else:
            if not self._consent.aside:
                sys.stdout.write("\n")
            print_lines(receipt_lines(receipt, str(audit_log())), sys.stdout)
        if receipt.cancelled:
            return stop.code
        return FINE if receipt.verified else NOT_ALL

    def _refuse(self, made: Plan, now: float, sentence: str) -> int:
        self._write(of_plan(made, now, dry_run=self._wish.dry_run, error=sentence))
        complain(sentence)
        return REFUSED

    def _write(self, document: Document) -> None:
        if self._wish.as_json:
            write(document, sys.stdout)


def _preview_words(seen: Preview) -> tuple[str, float]:
    return seen.failure.sentence if seen.failure is not None else f"{count(seen.found)} keys found", seen.share


def _progress_words(seen: Progress) -> tuple[str, float]:
    share = seen.share if seen.scan else 0.0
    if seen.waiting is not None:
        return seen.waiting.sentence, share
    late = f", {count(seen.late)} came late" if seen.late else ""
    looking = f", looking again ({seen.scan})" if seen.scan else ""
    return f"{count(seen.counts.removed)} removed{late}{looking}", share


def _why_nothing(wish: Wish) -> Line:
    by = "no key of this token is there" if wish.token is not None else "no key that belongs to it is there"
    return (("there is nothing to revoke", "strong"), (f": {by}", "muted"))


def _family(roles: Roles, name: str) -> Family:
    granting = list(roles.granting())
    found = [family for family in granting if name in {family.name, family.label}]
    if len(found) != 1:
        names = ", ".join(sorted({family.name for family in granting}))
        raise click.UsageError(f"--all-of: there is no family {name!r} that grants access; there are {names}.")
    return found[0]


def _read_token() -> bytes:
    """Read a token where nobody sees it: masked from a terminal, or from what is piped in."""
    if is_terminal(sys.stdin):
        typed: str = click.prompt("Token", default="", hide_input=True, show_default=False, err=True)
        token = typed.encode("utf-8", "surrogateescape")
    else:
        token = sys.stdin.buffer.read(LONGEST_TOKEN + 1) if sys.stdin is not None else b""
    token = token.strip()
    if not token or len(token) > LONGEST_TOKEN:
        raise click.exceptions.UsageError("--token -: paste a token, or pipe one in; there was none, or no token.")
    return token


def _parsed(option: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    parsed = bytes_of(option, text)
    if not parsed:
        raise click.UsageError(f"{option} must not be empty.")
    return parsed
