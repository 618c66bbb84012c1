"""Indexes against what they name: suspects at a first look, facts at a second one.

Applications change several keys one after the other, so between two of their commands a token is not in its index yet,
or an index names what has just expired. Only what is still so after a moment counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tui.engine.printable import beginning, mask
from tui.engine.schema.asking import PAGE, Asker, Entries, pages
from tui.engine.schema.findings import Example, Kind
from tui.engine.schema.model import Index
from tui.engine.schema.sampled import Sampled

ENTRIES = 2000
"""Entries of one kind of index that are looked up, over all its keys."""
ENTRIES_LEAST = 20
"""Entries read of each key of an index, however many keys there are."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A name, the index that holds it or should, and the key it stands for."""

    index: bytes
    name: bytes
    target: bytes | None
    """None when the name alone does not say which key is meant."""


@dataclass(slots=True)
class Doubts:
    """Suspects of one kind, about one index."""

    index: Index
    kind: Kind
    total: int = 0
    """Entries there are in the keys of the index that were read (`VANISHED`)."""
    looked: list[tuple[int, list[Suspect]]] = field(default_factory=list)
    """How many were looked at in a page, and which of them are suspect."""

    @property
    def suspects(self) -> list[Suspect]:
        """All of them."""
        return [suspect for _, page in self.looked for suspect in page]

    async def confirmed(self, asker: Asker) -> Sampled:
        """Look again, and return what is still so."""
        suspects = self.suspects
        held = await asker.hold([(suspect.index, suspect.name) for suspect in suspects])
        targets = list({suspect.target for suspect in suspects if suspect.target is not None})
        kinds = dict(zip(targets, await asker.types(targets), strict=True))
        guilty = {
            suspect for suspect, is_held in zip(suspects, held, strict=True) if self._is_so(suspect, is_held, kinds)
        }
        sampled = Sampled()
        for looked, page in self.looked:
            sampled.add_page(looked, [self._example(suspect) for suspect in page if suspect in guilty])
        return sampled

    def _is_so(self, suspect: Suspect, held: bool | None, kinds: dict[bytes, bytes]) -> bool:
        there = suspect.target is not None and kinds[suspect.target] != b"none"
        return (held is True and not there) if self.kind is Kind.VANISHED else (held is False and there)

    def _example(self, suspect: Suspect) -> Example:
        index, of = self.index.family, self.index.of
        if self.kind is Kind.VANISHED:
            secret = self.index.holds in of.secret
            name = mask(suspect.name) if secret else beginning(suspect.name, 200)
            return Example(suspect.index, index.shown(suspect.index), f"names {name}")
        assert suspect.target is not None
        return Example(suspect.target, of.shown(suspect.target), f"not in {index.shown(suspect.index)}")


def names_keys(index: Index) -> bool:
    """Whether a name and the key of the index tell which key is meant."""
    return index.of.pattern.names <= index.family.pattern.names | {index.holds}


async def vanished(index: Index, keys: Sequence[tuple[bytes, bytes]], asker: Asker) -> Doubts:
    """Look up what some keys of an index, given with their types, name."""
    doubts = Doubts(index, Kind.VANISHED)
    entries = await asker.entries(keys, max(ENTRIES_LEAST, ENTRIES // max(1, len(keys))))
    doubts.total = sum(one.total for one in entries)
    suspects = [Suspect(one.key, name, key) for one in entries for name, key in _meant(index, one)]
    for page in pages(suspects, PAGE):
        kinds = await asker.types([suspect.target or b"" for suspect in page])
        gone = [suspect for suspect, kind in zip(page, kinds, strict=True) if kind == b"none"]
        doubts.looked.append((len(page), gone))
    return doubts


def _meant(index: Index, entries: Entries) -> Iterator[tuple[bytes, bytes]]:
    """Yield names with the keys they mean; a name that can be none of the family's is passed over."""
    known = index.family.pattern.variables(entries.key) or {}
    for name in entries.names:
        key = index.of.pattern.fill({**known, index.holds: name})
        if key is not None:
            yield name, key


async def unindexed(index: Index, keys: Sequence[tuple[bytes, bytes]], asker: Asker) -> Doubts:
    """Look whether the index names some keys, which are given with their types, as it should."""
    doubts = Doubts(index, Kind.UNINDEXED)
    for page in pages(keys, PAGE):
        names = await _told(index, page, asker)
        suspects = [
            Suspect(where, told[index.holds], key)
            for key, told in names.items()
            if index.holds in told and (where := index.family.pattern.fill(told)) is not None
        ]
        held = await asker.hold([(suspect.index, suspect.name) for suspect in suspects])
        missing = [suspect for suspect, is_held in zip(suspects, held, strict=True) if is_held is False]
        doubts.looked.append((len(suspects), missing))
    return doubts


async def _told(index: Index, keys: Sequence[tuple[bytes, bytes]], asker: Asker) -> dict[bytes, dict[str, bytes]]:
    """Return what keys tell; their values are read only when the names of the keys are not enough."""
    of = index.of
    if index.family.pattern.names | {index.holds} <= of.pattern.names:
        return {key: of.told(key) for key, _ in keys}
    fields = {source.name for sources in of.tells.values() for source in sources if source.kind in {"field", "json"}}
    values = await asker.values(keys, [field.encode() for field in sorted(fields)])
    return {key: of.told(key, value) for key, value in values.items()}
