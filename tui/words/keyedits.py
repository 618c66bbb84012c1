"""What a person is asked before one key is changed, and told afterwards: plain values in, texts out."""

from __future__ import annotations

import time
from datetime import datetime

from textual.content import Content

from tui.engine.onekey.edit import MOST_TTL, Edit, Rename, SetTtl
from tui.engine.onekey.inspect import KeyFacts
from tui.engine.printable import parse_printable, printable
from tui.engine.secrecy import NOTHING_SECRET, Secrecy
from tui.words.factsheet import fact_lines, key_lines
from tui.words.question import Field, Question, Verdict
from tui.words.units import duration, parse_duration

WIDTH = 76
"""Cells of the dialog's text."""
NEVER = "none"
"""What a person writes for no TTL."""


def ttl_question(seen: KeyFacts, now: float, secrecy: Secrecy = NOTHING_SECRET) -> Question:
    """Ask for a key's new TTL."""
    return Question(
        title="Set TTL",
        lines=_about(seen, now, secrecy),
        verb="Set",
        fields=[Field(f"New TTL (90s, 5m, 2h 30m), +10m for so much longer, or {NEVER}:",
                      lambda text: _judge_ttl(text, seen))],
        dangerous=False,
    )  # fmt: skip


def rename_question(seen: KeyFacts, now: float, secrecy: Secrecy = NOTHING_SECRET) -> Question:
    """Ask for a key's new name."""
    return Question(
        title="Rename",
        lines=_about(seen, now, secrecy),
        verb="Rename",
        fields=[
            Field(r"New name (\xNN for a byte, \\ for a backslash):", lambda text: _judge_name(text, seen),
                  value="" if secrecy.hides_name(seen.key) else printable(seen.key))
        ],
        dangerous=False,
    )  # fmt: skip


def set_ttl(seen: KeyFacts, text: str) -> SetTtl:
    """Make the change of what was typed."""
    return SetTtl(seen.key, None if text.strip().lower() == NEVER else _seconds(text, seen, time.time()))


def _seconds(text: str, seen: KeyFacts, now: float) -> float:
    """Return the TTL that was typed: from now, or so much longer than what is left.

    Raises:
        ValueError: with a sentence that says how to write it.
    """
    if not text.strip().startswith("+"):
        return parse_duration(text)
    if seen.expires_at is None:
        raise ValueError("it has no TTL to extend")
    return max(0.0, seen.expires_at - now) + parse_duration(text.strip()[1:])


def rename(seen: KeyFacts, text: str) -> Rename:
    """Make the change of what was typed."""
    return Rename(seen.key, parse_printable(text))


def done_sentence(edit: Edit, secrecy: Secrecy = NOTHING_SECRET) -> str:
    """Say what has been done."""
    name = secrecy.shown(edit.key)
    if isinstance(edit, Rename):
        return f"{name} is {secrecy.shown(edit.to)} now"
    return f"{name} never expires" if edit.seconds is None else f"{name} expires in {duration(edit.seconds)}"


def _about(seen: KeyFacts, now: float, secrecy: Secrecy) -> list[Content]:
    shown = secrecy.shown(seen.key) if secrecy.hides_name(seen.key) else None
    return [*key_lines(seen.key, WIDTH, shown), *fact_lines(seen, now, WIDTH)]


def _judge_ttl(text: str, seen: KeyFacts) -> Verdict:
    if not text.strip():
        return Verdict(good=False)
    if text.strip().lower() == NEVER:
        if seen.expires_at is None:
            return Verdict(good=False, sentence="it has no TTL already")
        return Verdict(good=True, sentence="it will never expire")
    try:
        seconds = _seconds(text, seen, time.time())
    except ValueError as error:
        return Verdict(good=False, sentence=str(error))
    if not 0.001 <= seconds <= MOST_TTL:
        return Verdict(good=False, sentence="a TTL is more than nothing and at most 100 years")
    return Verdict(good=True, sentence=f"it will expire {_moment(time.time() + seconds)}, in {duration(seconds)}")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def _judge_name(text: str, seen: KeyFacts) -> Verdict:
    try:
        name = parse_printable(text)
    except ValueError as error:
        return Verdict(good=False, sentence=str(error))
    if name == seen.key:
        return Verdict(good=False, sentence="that is its name already")
    return Verdict(good=True, sentence="" if name else "the empty key is a valid name, but a strange one")
