"""A closer look at the keys that a pass has kept: what only values can tell, on samples of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from tui.engine.printable import printable
from tui.engine.schema.asking import PAGE, VALUE, Asker, pages
from tui.engine.schema.doubts import ENTRIES, Doubts, Suspect, names_keys, unindexed, vanished
from tui.engine.schema.drift import Drift
from tui.engine.schema.findings import Example, Finding, Kind, severity_of, worst_first
from tui.engine.schema.groups import Lacking, lacking
from tui.engine.schema.model import NO_TTL, Family, Forbidden, Index, Schema
from tui.engine.schema.sampled import Sampled

LENGTH_SLACK = 1.1
"""A limit on elements is broken from this many times itself on: trimming with `~` leaves a little more."""
SECOND_LOOK = 2.0
"""Seconds until a suspect is looked at again: an application is done with a log-in or a clean-up by then."""

Sleep = Callable[[float], Awaitable[None]]
Typed = tuple[bytes, bytes]
"""A key and its type."""


class Closer:
    """Looks closer at what one pass has kept: `begin` before the pass, `findings` after it."""

    def __init__(self, drift: Drift, asker: Asker, sleep: Sleep) -> None:
        """Look by `asker` at what `drift` has kept; `sleep` waits between the two looks at what is suspect."""
        self._drift = drift
        self._asker = asker
        self._sleep = sleep
        self._watched: dict[Index, Doubts] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be looked at, in sentences of safe text."""
        return tuple(self._asker.notes)

    async def begin(self) -> None:
        """Note the names in indexes of one key that do not say which key is meant: only the pass can tell.

        Raises:
            Unavailable: the server is not there.
        """
        for schema in self._drift.matcher.schemas:
            for index in schema.indexes:
                key = index.family.pattern.literal
                if key is not None and not names_keys(index):
                    await self._watch(index, key)

    async def findings(self, population: int, *, complete: bool) -> list[Finding]:
        """Return all that was found, by the pass and by the closer look, the worst first.

        Args:
            population: keys there are.
            complete: whether the pass has read all of them.

        Raises:
            Unavailable: the server went away.
        """
        found = [still for finding in self._drift.findings(population) if (still := await self._still(finding))]
        for schema in self._drift.matcher.schemas:
            for family in schema.families:
                found += [finding async for finding in self._of_family(schema, family, population) if finding.count]
            if schema.forbidden:
                found += await self._of_strangers(schema, population)
        return sorted(found + await self._of_pairs(population, complete=complete), key=worst_first)

    async def _watch(self, index: Index, key: bytes) -> None:
        kinds = await self._asker.types([key])
        for entries in await self._asker.entries([(key, kinds[0])], ENTRIES):
            self._drift.watched[index] = set(entries.names)
            suspects = [Suspect(key, name, None) for name in dict.fromkeys(entries.names)]
            paged = [(len(page), list(page)) for page in pages(suspects, PAGE)]
            self._watched[index] = Doubts(index, Kind.VANISHED, entries.total, paged)

    # -- one key at a time ----------------------------------------

    async def _of_family(self, schema: Schema, family: Family, population: int) -> AsyncIterator[Finding]:
        keys = self._sample(family)
        if not keys or family.deprecated is not None:
            return
        if family.longest is not None:
            sampled = await self._long(family, keys, LENGTH_SLACK * family.longest)
            yield self._finding(Kind.TOO_LONG, family, sampled, population)
        if family.value is not None or schema.forbidden:
            texts = [key for key, kind in keys if kind == b"string"]
            plain, forbidden = await self._texts(family, texts, schema.forbidden)
            yield self._finding(Kind.PLAINTEXT, family, plain, population)
            yield self._finding(Kind.FORBIDDEN, family, forbidden, population)

    async def _still(self, finding: Finding) -> Finding | None:
        """Look again at the few keys without TTL: some code sets it with a second command."""
        if finding.kind is not Kind.NO_TTL or finding.count > len(finding.examples):
            return finding
        left = await self._asker.ttls([example.key for example in finding.examples])
        examples = tuple(one for one, ttl in zip(finding.examples, left, strict=True) if ttl == NO_TTL)
        return replace(finding, count=len(examples), examples=examples) if examples else None

    async def _long(self, family: Family, keys: Sequence[Typed], most: float) -> Sampled:
        sampled = Sampled()
        for page in pages(keys, PAGE):
            lengths = await self._asker.lengths(page)
            too = {key: length for key, length in lengths.items() if length > most}
            examples = [Example(key, family.shown(key), f"{length:,} elements") for key, length in too.items()]
            sampled.add_page(len(page), examples)
        return sampled

    async def _texts(
        self, family: Family, keys: Sequence[bytes], forbidden: Sequence[Forbidden]
    ) -> tuple[Sampled, Sampled]:
        """Judge strings: those that have not the form they should, and those that begin as none may."""
        plain, found = Sampled(), Sampled()
        size = VALUE if family.value is not None else max(len(one.prefix) for one in forbidden)
        for page in pages(keys, PAGE):
            texts = await self._asker.strings(page, size)
            wrong = [Example(key, family.shown(key)) for key, text in texts.items() if _has_not_form(family, text)]
            plain.add_page(len(page), wrong)
            found.add_page(len(page), _forbidden(texts, forbidden, family.shown))
        return plain, found

    async def _of_strangers(self, schema: Schema, population: int) -> list[Finding]:
        """Look for forbidden values under names that no schema knows."""
        keys = [key for key, kind in dict(self._drift.unknown_sample.items).items() if kind == b"string"]
        sampled = Sampled()
        for page in pages(keys, PAGE):
            texts = await self._asker.strings(page, max(len(one.prefix) for one in schema.forbidden))
            sampled.add_page(len(page), _forbidden(texts, schema.forbidden, printable))
        if not sampled.bad:
            return []
        strangers, error = self._drift.population_of(self._drift.unknown, population)
        count, own = sampled.scaled(strangers, error)
        severity = severity_of(Kind.FORBIDDEN, grants=False)
        examples = tuple(sampled.examples)
        return [Finding(Kind.FORBIDDEN, severity, schema.name, None, count, own, strangers, examples)]

    # -- indexes and groups: what is made by a second command ----------------------------------------

    async def _of_pairs(self, population: int, *, complete: bool) -> list[Finding]:
        doubts: list[Doubts | Lacking] = []
        for schema in self._drift.matcher.schemas:
            for index in schema.indexes:
                doubts += await self._doubts(index, complete=complete)
            for family in schema.families:
                if family.groups and family.deprecated is None:
                    doubts.append(await lacking(family, self._sample(family), self._asker))
        doubts = [one for one in doubts if one.suspects]
        if doubts:
            await self._sleep(SECOND_LOOK)
        found = []
        for one in doubts:
            sampled = await one.confirmed(self._asker)
            if isinstance(one, Lacking):
                found.append(self._finding(one.kind, one.family, sampled, population))
            elif one.kind is Kind.UNINDEXED:
                found.append(self._finding(one.kind, one.index.of, sampled, population))
            else:
                found.append(self._of_entries(one, sampled, population))
        return [finding for finding in found if finding.count]

    async def _doubts(self, index: Index, *, complete: bool) -> list[Doubts]:
        found = []
        if names_keys(index):
            found.append(await vanished(index, self._sample(index.family), self._asker))
        elif complete and index in self._watched:
            found.append(self._unseen(index))
        if index.complete:
            found.append(await unindexed(index, self._sample(index.of), self._asker))
        return found

    def _unseen(self, index: Index) -> Doubts:
        """Return the names that the pass has seen no key for."""
        watched, unseen = self._watched[index], self._drift.watched[index]
        watched.looked = [(looked, [one for one in page if one.name in unseen]) for looked, page in watched.looked]
        return watched

    def _of_entries(self, doubts: Doubts, sampled: Sampled, population: int) -> Finding:
        """Scale entries up: from those read to all of the keys read, and from these keys to all keys of the index."""
        family = doubts.index.family
        keys, error = self._drift.population_of(self._drift.seen[family].keys, population)
        read = max(1, len(self._sample(family)))
        entries = round(doubts.total * max(1.0, keys / read))
        count, own = sampled.scaled(entries, entries * error / max(1, keys))
        return self._drift.finding(doubts.kind, family, count, own, entries, sampled.examples)

    # -- both ----------------------------------------

    def _sample(self, family: Family) -> list[Typed]:
        """Return the keys kept of a family with their types; a scan may name a key twice."""
        sample = self._drift.seen[family].sample
        return [] if sample is None else list(dict(sample.items).items())

    def _finding(self, kind: Kind, family: Family, sampled: Sampled, population: int) -> Finding:
        keys, error = self._drift.population_of(self._drift.seen[family].keys, population)
        count, own = sampled.scaled(keys, error)
        return self._drift.finding(kind, family, count, own, keys, sampled.examples)


def _has_not_form(family: Family, text: bytes) -> bool:
    return family.value is not None and not family.value.fits(text.strip())


def _forbidden(texts: dict[bytes, bytes], rules: Iterable[Forbidden], shown: Callable[[bytes], str]) -> list[Example]:
    prefixes = {rule.prefix: f"begins with {printable(rule.prefix)}" for rule in rules}
    return [
        Example(key, shown(key), note)
        for key, text in texts.items()
        for prefix, note in prefixes.items()
        if text.startswith(prefix)
    ]
