"""`redtop undo` and `redtop journals`: take back a purge or a change of TTLs, finish an interrupted one, list all."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.table import Table

from tui.engine.address import shown
from tui.engine.expiry.retime.journals import every_journal, is_of_ttls
from tui.engine.place import Place
from tui.engine.purge.account import Receipt
from tui.engine.purge.finish import finish
from tui.engine.purge.journals import Entry, State, describe
from tui.engine.purge.request import Target
from tui.engine.purge.undo import UndoProgress, UndoReceipt, undo
from tui.engine.secrecy import Secrecy
from tui.headless.on_server import Ended, Stop, run_on_server, share_of
from tui.headless.purge_cli import code_of, progress_words
from tui.headless.purge_json import of_journals, of_receipt, of_undo, write
from tui.headless.purge_print import print_lines
from tui.headless.purge_progress import end_of
from tui.headless.report_text import Name
from tui.headless.retime_cli import finish_ttls, undo_ttls
from tui.options import BAD_USAGE, FINE, NOT_ALL
from tui.purge_rules import PurgeRules, rules
from tui.settings import Settings, schemas_of
from tui.words.purge_words import Line, entry_words, receipt_lines, undo_receipt_lines
from tui.words.units import count, duration, rate, size

NOT_UNDONE = frozenset({State.COMPLETE, State.INTERRUPTED, State.PARTLY_UNDONE})


def run_undo(settings: Settings, params: Mapping[str, Any]) -> int:
    """Undo, or finish, what the command line names, and return the exit code.

    Raises:
        SettingsError: with one sentence, when config.toml is wrong.
        click.UsageError: with one sentence, when the command line is.
    """
    words = params["journal"]
    if len(words) > 1:
        raise click.UsageError("One JOURNAL at a time.")
    return run_on_server(settings, _Undo(settings, rules(settings), words[0] if words else None, params).run)


def print_journals(stream: TextIO, *, as_json: bool) -> int:
    """List the journals there are, newest first.

    Raises:
        SettingsError: with one sentence, when config.toml is wrong.
    """
    limits = rules(Settings())
    entries = every_journal(limits.journal_folder)
    if as_json:
        write(of_journals(entries, limits), stream)
    else:
        _print_table(entries, limits, stream)
    return FINE


class _Undo:
    """One undo from the choice of a journal to its receipt."""

    def __init__(self, settings: Settings, rules: PurgeRules, name: str | None, params: Mapping[str, Any]) -> None:
        self._name = name
        self._rules = rules
        self._share = share_of(settings)
        self._shown = Secrecy(schemas_of(settings.schemas)).shown
        self._finish: bool = params["finish"]
        self._rate: float | None = params["rate"]
        self._as_json: bool = params["as_json"]

    async def run(self, place: Place, stop: Stop) -> int:
        """Do all of it; raises `Ended` as `run_on_server` wants."""
        entry = await asyncio.to_thread(self._chosen, Target.of(place))
        if entry.target is not None and not self._as_json:
            print_lines([_what(entry)], sys.stdout)
        if is_of_ttls(entry):
            way = finish_ttls if self._finish else undo_ttls
            return await way(place, entry, stop, share=self._share, rate=self._rate, as_json=self._as_json)
        return await (self._finished(place, entry, stop) if self._finish else self._undone(place, entry, stop))

    async def _finished(self, place: Place, entry: Entry, stop: Stop) -> int:
        work = finish(place, entry.path, share=self._share, rate=self._rate, stop=stop)
        receipt = await end_of(work, Receipt, progress_words)
        if self._as_json:
            write(of_receipt(receipt, shown=self._shown), sys.stdout)
        else:
            print_lines(receipt_lines(receipt, self._shown), sys.stdout)
        return code_of(receipt, stop)

    async def _undone(self, place: Place, entry: Entry, stop: Stop) -> int:
        work = undo(place, entry.path, share=self._share, rate=self._rate, stop=stop)
        receipt = await end_of(work, UndoReceipt, _progress_words)
        if self._as_json:
            write(of_undo(receipt, entry, self._shown), sys.stdout)
        else:
            print_lines(undo_receipt_lines(receipt, self._shown), sys.stdout)
        counts = receipt.counts
        if receipt.cancelled:
            return stop.code
        left = counts.recreated + counts.failed + counts.remaining
        return NOT_ALL if left or receipt.failure is not None else FINE

    def _chosen(self, here: Target) -> Entry:
        """Find the journal that is meant.

        Raises:
            Ended: there is none.
        """
        if self._name is not None:
            return self._named(self._name)
        wanted = {State.INTERRUPTED} if self._finish else NOT_UNDONE
        fitting = [entry for entry in every_journal(self._rules.journal_folder) if entry.state in wanted]
        for entry in fitting:
            if entry.target is not None and here.is_at(entry.target):
                return entry
        what = "finish" if self._finish else "undo"
        sentence = f"there is nothing to {what} at {here.label} db{here.db}"
        if fitting:
            sentence += "; `redtop journals` lists what there is elsewhere"
        raise Ended(BAD_USAGE, sentence)

    def _named(self, name: str) -> Entry:
        path = Path(name)
        if (entry := describe(path)) is not None:
            return entry
        for entry in every_journal(self._rules.journal_folder):
            if entry.id == name:
                return entry
        raise Ended(BAD_USAGE, f"there is no journal {shown(name)}: `redtop journals` lists those there are")


def _progress_words(seen: UndoProgress) -> tuple[str, float]:
    remaining = seen.counts.remaining
    words = seen.waiting.sentence if seen.waiting else f"{count(remaining)} left, {rate(seen.keys_per_s)}"
    return words, 1 - remaining / seen.total if seen.total else 1.0


def _what(entry: Entry) -> Line:
    age, where, what, keys, *_ = entry_words(entry, time.time())
    kind = "change of" if is_of_ttls(entry) else "purge of"
    return (f"{kind:<10}", "muted"), (what, "strong"), (f" {age} at {where}, {keys} keys", "")


def _print_table(entries: Sequence[Entry], limits: PurgeRules, stream: TextIO) -> None:
    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    if entries:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for title in ("what", "id", "when", "at", "keys", "size", "state"):
            table.add_column(title, justify="right" if title in {"keys", "size"} else "left", no_wrap=title != "what")
        for entry in entries:
            age, where, what, keys, octets, state = entry_words(entry, time.time())
            table.add_row(Name(what), entry.id, age, where, keys, octets, entry.problem or state)
        console.print(table)
    else:
        console.print("There are no journals: every purge with undo, and every change of TTLs, leaves one.")
    kept = f"kept {duration(limits.journal_age_s)}, and together at most {size(limits.journal_bytes)}"
    where = f"\nin {limits.journal_folder}\n{kept}: [purge] in config.toml says so"
    console.print(where, style="dim", soft_wrap=True)
