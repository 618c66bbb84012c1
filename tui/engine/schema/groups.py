"""Streams that lack a consumer group which their family should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.engine.printable import printable
from tui.engine.schema.asking import PAGE, Asker, pages
from tui.engine.schema.findings import Example, Kind
from tui.engine.schema.model import Family
from tui.engine.schema.sampled import Sampled


@dataclass(slots=True)
class Lacking:
    """Streams of one family without a group: suspects, for a program adds the first entry and then makes the group."""

    family: Family
    kind: Kind = Kind.NO_GROUP
    looked: list[tuple[int, list[bytes]]] = field(default_factory=list)
    """How many were looked at in a page, and which of them are suspect."""

    @property
    def suspects(self) -> list[bytes]:
        """All of them."""
        return [key for _, page in self.looked for key in page]

    async def confirmed(self, asker: Asker) -> Sampled:
        """Look again, and return what is still so."""
        guilty = await _lacking(self.family, self.suspects, asker)
        sampled = Sampled()
        for looked, page in self.looked:
            examples = [Example(key, self.family.shown(key), guilty[key]) for key in page if key in guilty]
            sampled.add_page(looked, examples)
        return sampled


async def lacking(family: Family, keys: Sequence[tuple[bytes, bytes]], asker: Asker) -> Lacking:
    """Look which of some keys, given with their types, are streams without a group of their family."""
    found = Lacking(family)
    for page in pages([key for key, kind in keys if kind == b"stream"], PAGE):
        found.looked.append((len(page), list(await _lacking(family, page, asker))))
    return found


async def _lacking(family: Family, keys: Sequence[bytes], asker: Asker) -> dict[bytes, str]:
    """Return the streams that lack a group, and which in words."""
    wanted = [group.encode() for group in family.groups]
    missing = {
        key: [printable(name) for name in wanted if name not in there]
        for key, there in (await asker.groups(keys)).items()
    }
    return {key: f"no group {', '.join(names)}" for key, names in missing.items() if names}
