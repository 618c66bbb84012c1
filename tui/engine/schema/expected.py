"""Which consumer groups the active schemas expect of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

# The schemas take a tenth of a second to load: nobody who has none should wait for that.
if TYPE_CHECKING:
    from tui.engine.schema.model import Schema


def expected_groups(schemas: Sequence[Schema]) -> Callable[[bytes], tuple[bytes, ...]]:
    """Return what names the groups that the stream with some key should have; none of a key that no schema knows."""
    if not schemas:
        return lambda _: ()
    from tui.engine.schema.matcher import Matcher

    family_of = Matcher(schemas).family_of

    def groups_of(key: bytes) -> tuple[bytes, ...]:
        family = family_of(key)
        return () if family is None else tuple(group.encode() for group in family.groups)

    return groups_of
