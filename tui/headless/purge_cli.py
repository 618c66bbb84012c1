"""`redtop purge`: plan, show, ask, remove, account; the same engine as the dashboard's, without a screen."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import click

from tui.engine.expiry.retime.journals import every_journal, is_of_ttls
from tui.engine.place import Place
from tui.engine.purge.account import Progress, Receipt
from tui.engine.purge.execute import execute
from tui.engine.purge.journals import State, prune
from tui.engine.purge.plan import Plan, Preview, plan
from tui.engine.purge.request import Big, Request, Target
from tui.engine.secrecy import Secrecy
from tui.headless.consent import OTHERWISE, Consent, NotConfirmed, bytes_of, confirm
from tui.headless.on_server import Stop, run_on_server, share_of, unless_stopped
from tui.headless.purge_json import Document, of_plan, of_purge, write
from tui.headless.purge_print import answer, complain, is_terminal, print_lines
from tui.headless.purge_progress import end_of
from tui.options import FINE, NOT_ALL, REFUSED
from tui.purge_rules import PurgeRules, rules
from tui.settings import Settings, schemas_of
from tui.words.purge_words import Line, confirmation, entry_words, plan_lines, receipt_lines
from tui.words.units import count, rate

_BIG = {str(big).replace(" ", "-"): big for big in Big}
"""Choices of `--big`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    prefix: bytes
    exclude: tuple[bytes, ...] = ()
    exclude_keys: frozenset[bytes] = frozenset()
    all_keys: bool = False
    undo: bool = True
    undo_secrets: bool = False
    big: Big | None = None
    """None when nothing is said about big keys: a person is asked, a script leaves them."""
    rate: float | None = None
    """Keys per second."""
    expect: int | None = None
    dry_run: bool = False
    as_json: bool = False

    @property
    def consent(self) -> Consent:
        """How it says yes."""
        return Consent(self.expect, self.dry_run, self.as_json)

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """Read the command line.

        Raises:
            click.UsageError: with a sentence, when it makes no sense.
        """
        words, all_keys = params["prefix"], params["all_keys"]
        if len(words) > 1:
            raise click.UsageError("One PREFIX at a time: quote what the shell would take apart or fill in.")
        prefix = bytes_of("PREFIX", words[0]) if words else b""
        if not prefix and not all_keys:
            raise click.UsageError("Say which PREFIX. An empty one means every key: only --all-keys does that.")
        if prefix and all_keys:
            raise click.UsageError("--all-keys and a PREFIX are two different wishes: leave one of them out.")
        return cls(
            prefix=prefix,
            exclude=tuple(bytes_of("--exclude", text) for text in params["exclude"]),
            exclude_keys=frozenset(bytes_of("--exclude-key", text) for text in params["exclude_key"]),
            all_keys=all_keys,
            undo=not params["no_undo"],
            big=None if params["big"] is None else _BIG[params["big"]],
            **{name: params[name] for name in ("undo_secrets", "rate", "expect", "dry_run", "as_json")},
        )

    def request(self, rules: PurgeRules) -> Request:
        """Ask the engine for it, within what the settings allow."""
        return Request(
            prefix=self.prefix,
            exclude=self.exclude,
            exclude_keys=self.exclude_keys,
            protected=rules.protected,
            all_keys=self.all_keys,
            undo=self.undo,
            secrets=rules.secrets,
            undo_secrets=self.undo_secrets,
        )


def run_purge(settings: Settings, wish: Wish) -> int:
    """Purge as the command line says, and return the exit code.

    Raises:
        SettingsError: with one sentence, when config.toml is wrong.
    """
    if wish.consent.is_impossible("a purge"):
        return REFUSED
    return run_on_server(settings, _Purge(settings, wish, rules(settings)).run)


class _Purge:
    """One purge from its plan to its receipt."""

    def __init__(self, settings: Settings, wish: Wish, rules: PurgeRules) -> None:
        self._wish = wish
        self._rules = rules
        self._share = share_of(settings)
        self._delimiter = None if settings.delimiter is None else settings.delimiter.encode()
        self._secrecy = Secrecy(schemas_of(settings.schemas))
        self._consent = wish.consent

    async def run(self, place: Place, stop: Stop) -> int:
        """Do all of it; raises `Ended` as `run_on_server` wants."""
        if self._consent.asks:
            await self._tell_interrupted(Target.of(place))
        made = await unless_stopped(stop, self._plan(place))
        try:
            if self._consent.aside or not self._wish.as_json:
                print_lines(plan_lines(made, self._secrecy), sys.stderr if self._consent.aside else sys.stdout)
            return await self._decide(place, made, stop)
        finally:
            made.close()

    async def _tell_interrupted(self, here: Target) -> None:
        """Name what was interrupted at this database: it can be undone or finished."""
        for entry in await asyncio.to_thread(every_journal, self._rules.journal_folder):
            if entry.state is State.INTERRUPTED and entry.target is not None and here.is_at(entry.target):
                age, _, what, *_ = entry_words(entry, time.time())
                kind = "change of" if is_of_ttls(entry) else "purge of"
                complain(
                    f"the {kind} {what} {age} was interrupted: `redtop undo {entry.id}` takes it back, "
                    f"`redtop undo --finish {entry.id}` brings it to its end"
                )

    async def _plan(self, place: Place) -> Plan:
        request = self._wish.request(self._rules)
        source = plan(place, request, share=self._share, delimiter=self._delimiter)
        return await end_of(source, Plan, _preview_words, hint="ctrl-c: leave")

    async def _decide(self, place: Place, made: Plan, stop: Stop) -> int:
        keys = len(made.keys)
        if (refusal := self._consent.refusal(keys)) is not None:
            return self._refuse(made, refusal)
        if self._wish.dry_run or not keys:
            self._write(self._planned(made))
            if not keys and not self._wish.as_json:
                print_lines([_why_nothing(made)], sys.stdout)
            return FINE
        big = self._wish.big or Big.LEAVE
        if self._consent.asks:
            try:
                big = await unless_stopped(stop, self._confirm(made))
            except NotConfirmed:
                return self._refuse(made, OTHERWISE)
        return self._account(made, await self._execute(place, made, big, stop), stop)

    async def _confirm(self, made: Plan) -> Big:
        """Let the person type what a purge wants typed; returns what becomes of big keys.

        Raises:
            NotConfirmed: something else was typed.
        """
        big = self._wish.big
        if made.found.big_keys and made.request.undo and big is None:
            big = _BIG.get(await answer(f"Big keys: {', '.join(_BIG)}?"))
            if big is None:
                raise NotConfirmed
        await confirm(confirmation(made, self._rules.profile if self._rules.production else None))
        return big or Big.LEAVE

    async def _execute(self, place: Place, made: Plan, big: Big, stop: Stop) -> Receipt:
        rules, rate = self._rules, self._wish.rate
        old = await asyncio.to_thread(
            prune,
            rules.journal_folder,
            most_bytes=rules.journal_bytes - made.journal_bytes(big),
            most_age=rules.journal_age_s,
            now=place.clock.wall(),
        )
        if old and is_terminal(sys.stderr):
            complain(f"{len(old)} of the old journals had to go: [purge] in config.toml says how many are kept")
        work = execute(
            place,
            made,
            rules.journal_folder,
            big=big,
            share=self._share,
            rate=rate,
            limit=rules.journal_bytes,
            stop=stop,
        )
        return await end_of(work, Receipt, progress_words)

    def _account(self, made: Plan, receipt: Receipt, stop: Stop) -> int:
        if self._wish.as_json:
            self._write(of_purge(made, receipt, self._secrecy))
        else:
            if not self._consent.aside:
                sys.stdout.write("\n")
            print_lines(receipt_lines(receipt, self._secrecy.shown), sys.stdout)
        return code_of(receipt, stop)

    def _refuse(self, made: Plan, sentence: str) -> int:
        self._write(self._planned(made, sentence))
        complain(sentence)
        return REFUSED

    def _planned(self, made: Plan, error: str | None = None) -> Document:
        big, dry_run = self._wish.big or Big.LEAVE, self._wish.dry_run
        return of_plan(made, big, dry_run=dry_run, error=error, secrecy=self._secrecy)

    def _write(self, document: Document) -> None:
        if self._wish.as_json:
            write(document, sys.stdout)


def code_of(receipt: Receipt, stop: Stop) -> int:
    """Return the exit code that says whether all of it is gone."""
    counts = receipt.counts
    if receipt.cancelled:
        return stop.code
    left = counts.changed + counts.failed + counts.skipped + counts.unknown
    return NOT_ALL if left or receipt.failure is not None else FINE


def _preview_words(seen: Preview) -> tuple[str, float]:
    said = seen.failure.sentence if seen.failure is not None else f"{count(seen.found.keys)} keys found"
    return said, seen.share


def progress_words(seen: Progress) -> tuple[str, float]:
    """Return what is to be said of a purge on its way, and how much of it is done, from 0 to 1."""
    share = seen.done / seen.planned if seen.planned else 1.0
    if seen.waiting is not None:
        return seen.waiting.sentence, share
    counts = seen.counts
    others = ((counts.changed, "changed"), (counts.skipped, "skipped"), (counts.failed, "failed"))
    named = "".join(f", {count(number)} {name}" for number, name in others if number)
    return f"{count(seen.remaining)} left{named}, {rate(seen.keys_per_s)}", share


def _why_nothing(made: Plan) -> Line:
    hint = " (a prefix is taken literally: no * is needed)" if made.request.prefix.endswith(b"*") else ""
    return (("there is nothing to remove", "strong"), (hint, "muted"))
