"""A question as plain values: what is said, what must be typed, and how a typed text is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.content import Content


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a text that a person has typed."""

    good: bool
    sentence: str = ""
    """What the text means, or what is wrong with it; safe text."""


@dataclass(frozen=True, slots=True)
class Field:
    """A text to type before the answer can be yes."""

    label: str
    check: Callable[[str], Verdict]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """All that a dialog shows, fixed when it opens: nothing behind it can change what is answered."""

    title: str
    lines: Sequence[Content]
    verb: str
    """What the other button does: `Delete`, `Rename`."""
    fields: Sequence[Field] = ()
    dangerous: bool = True
    """Whether something is taken away."""


def typed(expected: str, label: str) -> Field:
    """Ask for exactly this text; blanks around it do not count."""

    def check(text: str) -> Verdict:
        if text.strip() == expected.strip():
            return Verdict(good=True)
        started = bool(text) and not expected.startswith(text)
        return Verdict(good=False, sentence="that is something else" if started else "")

    return Field(label, check)
