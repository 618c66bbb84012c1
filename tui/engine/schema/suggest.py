"""Which schemas a keyspace clearly looks like, though nobody asked for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tui.engine.keyspace import Keyspace
from tui.engine.schema.matcher import Matcher
from tui.engine.schema.model import Family, Schema

LEAST_SHARE = 0.5
"""Of the families that a schema describes, so many must be there: short-lived ones often are not, and a layout that
happens to have sessions and users in the same way has a few."""
LEAST_FAMILIES = 5
"""Fewer are a coincidence, however small the schema."""
LEAST_KEYS = 25
"""Keys that these families must hold together: a handful may be anything."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A schema that fits."""

    schema: Schema
    present: int
    """Of its families, those that the keyspace has."""
    described: int
    """Families it describes, without those that should not exist any more."""
    keys: int

    @property
    def sentence(self) -> str:
        """The suggestion in words, without a full stop."""
        return f"looks like {self.schema.name}: {self.present} of {self.described} families"


class Suggester:
    """Judges pictures of a keyspace by some schemas."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        self._matchers = [Matcher([schema]) for schema in schemas]

    def suggest(self, keyspace: Keyspace, active: Collection[str] = ()) -> tuple[Suggestion, ...]:
        """Return the schemas that a keyspace clearly looks like, the best first; `active` names are left out."""
        found = (_judged(keyspace, one) for one in self._matchers if one.schemas[0].name not in active)
        clear = [one for one in found if one is not None]
        return tuple(sorted(clear, key=lambda one: (-one.present / one.described, one.schema.name)))


def _judged(keyspace: Keyspace, matcher: Matcher) -> Suggestion | None:
    schema = matcher.schemas[0]
    expected = {family for family in schema.families if family.deprecated is None}
    present: set[Family] = set()
    keys = 0
    for inferred in keyspace.families:
        families = matcher.of_shape(inferred.shape)
        if families and families[0] in expected:
            present.add(families[0])
            keys += inferred.keys
    if len(present) < max(LEAST_FAMILIES, LEAST_SHARE * len(expected)) or keys < LEAST_KEYS:
        return None
    return Suggestion(schema, len(present), len(expected), keys)
