"""What must not be shown, by the active schemas: parts of names that are secrets themselves, and values.

Without a schema nothing is hidden here: only a schema knows what lets somebody in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.engine.keyshape import has_placeholder
from tui.engine.printable import beginning, mask, parse_printable, printable

# The schemas take a tenth of a second to load: nobody who has none should wait for that.
if TYPE_CHECKING:
    from tui.engine.schema.matcher import Matcher
    from tui.engine.schema.model import Family, Schema


class Secrecy:
    """Knows what to mask, and makes names safe to show."""

    def __init__(self, schemas: Sequence[Schema] = ()) -> None:
        self._schemas = tuple(schemas)
        self._grants = frozenset(family for schema in schemas for rule in schema.tokens for family in rule.grants)
        self._known: Matcher | None = None

    @property
    def active(self) -> bool:
        """Whether a schema says what is secret."""
        return bool(self._schemas)

    def knows(self, key: bytes) -> bool:
        """Whether a key belongs to a family of the active schemas."""
        return self._family(key) is not None

    def shown(self, key: bytes, most: int | None = None) -> str:
        """Return the name of a key as safe text, what is secret of it masked; `most` bytes of it at most."""
        family = self._family(key)
        if family is not None and family.secret:
            return family.shown(key)
        return printable(key) if most is None else beginning(key, most)

    def hides_name(self, key: bytes) -> bool:
        """Whether the name of a key is a secret, or has one in it."""
        family = self._family(key)
        return family is not None and bool(family.secret)

    def hides_value(self, key: bytes) -> bool:
        """Whether what a key holds must not be shown: it lets somebody in, or its schema says that it is sensitive."""
        family = self._family(key)
        if family is None:
            return False
        return family.sensitive or bool(family.secret) or family.value is not None or family in self._grants

    def masks(self, patterns: Iterable[str]) -> Mapping[str, str]:
        """Return what to write instead of secrets that stand in patterns: of few keys the very names are patterns."""
        if not self._schemas:
            return {}
        return {text: short for pattern in patterns for text, short in self._masks(pattern).items()}

    def pattern(self, pattern: str) -> str:
        """Return a pattern, which is safe text, with secrets masked."""
        return masked(pattern, self._masks(pattern)) if self._schemas else pattern

    def _masks(self, pattern: str) -> Mapping[str, str]:
        key = parse_printable(pattern)
        family = self._family(key)
        if family is None or not family.secret:
            return {}
        told = family.pattern.variables(key) or {}
        secrets = [told[name] for name in family.secret if name in told and not has_placeholder(told[name])]
        return {printable(secret): mask(secret) for secret in secrets}

    def _family(self, key: bytes) -> Family | None:
        return self._matcher.family_of(key) if self._schemas else None

    @property
    def _matcher(self) -> Matcher:
        if self._known is None:
            from tui.engine.schema.matcher import Matcher

            self._known = Matcher(self._schemas)
        return self._known


NOTHING_SECRET = Secrecy()
"""What is hidden without a schema."""


def masked(text: str, masks: Mapping[str, str]) -> str:
    """Write what stands for secrets instead of them."""
    for secret, short in masks.items():
        text = text.replace(secret, short)
    return text
