"""What `redtop purge` and `redtop revoke` want before anything goes: a number that matches, or what a person types."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import click

from tui.engine.printable import parse_printable
from tui.headless.purge_print import answer, complain, is_terminal, somebody_there

OTHERWISE = "that is not what was asked for; nothing was removed"
"""Said when something else was typed."""


class NotConfirmed(Exception):  # noqa: N818 - a person who thinks better of it makes no error
    """Something else was typed than what was asked for."""


@dataclass(frozen=True, slots=True)
class Consent:
    """How the command line says yes."""

    expect: int | None
    """The number of keys that the plan must have."""
    dry_run: bool
    as_json: bool

    @property
    def asks(self) -> bool:
        """Whether a person is asked."""
        return self.expect is None and not self.dry_run

    @property
    def aside(self) -> bool:
        """Whether the person who is asked reads the plan on stderr: stdout is for somebody else."""
        return self.asks and (self.as_json or not is_terminal(sys.stdout))

    def is_impossible(self, what: str) -> bool:
        """Whether nobody is there to ask; then that is said of `what` (`a purge`)."""
        if not self.asks or somebody_there():
            return False
        complain(
            f"without a terminal {what} needs --expect N, the number of keys it must find (--dry-run tells it); "
            "nothing was removed"
        )
        return True

    def refusal(self, keys: int) -> str | None:
        """Return why a plan with so many keys is not the one that was expected: a sentence; None when it is."""
        if self.expect in {None, keys}:
            return None
        return f"the plan has {keys:,} keys and --expect says {self.expect:,}; nothing was removed"


async def confirm(wanted: Iterable[tuple[str, str]]) -> None:
    """Let the person type an answer to each question.

    Raises:
        NotConfirmed: one is another than the one that stands beside it.
    """
    for question, expected in wanted:
        if await answer(question) != expected:
            raise NotConfirmed


def bytes_of(option: str, text: str) -> bytes:
    """Read bytes as redtop shows them.

    Raises:
        click.UsageError: with one sentence that names the option.
    """
    try:
        return parse_printable(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}.") from None
