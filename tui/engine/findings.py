"""What the active schemas make of the keyspace: who belongs where, and where it departs from them.

While somebody watches, a pass of the survey is shown to `schema.drift` page by page; then `schema.closer` looks at what
some keys hold, beside the passes that follow and at a share of the server's time that nobody feels. Without a schema,
the pictures of the survey are compared with those that come with redtop, and one that clearly fits is suggested, once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from tui.engine.failure import Failure, Unavailable
from tui.engine.keyspace import Keyspace
from tui.engine.link import Answer
from tui.engine.session import Collector, Session
from tui.engine.survey import Survey

# msgspec and the schemas take a tenth of a second to load: nobody who has none should wait for that.
if TYPE_CHECKING:
    from tui.engine.schema.asking import Asker
    from tui.engine.schema.closer import Closer
    from tui.engine.schema.drift import Drift
    from tui.engine.schema.findings import Finding
    from tui.engine.schema.matcher import Matcher
    from tui.engine.schema.model import Family, Schema
    from tui.engine.schema.suggest import Suggester, Suggestion

SHARE = 0.005
"""Of the server's time at most while others are served, for reading values: nobody waits for it."""
REST_MOST = 2.0
"""Seconds between two questions at most: an answer that took longer waited for others."""
AGAIN = 20.0
"""Seconds from the end of a look to the pass that the next one rests on: what departs is seldom news by the second."""
FIRST = 1.0
"""Seconds of the first pass after which it is looked at, however long the whole of it will take."""
LONG = 300.0
"""Seconds after which a pass that is still under way is looked at again."""
COMPARED = 30.0
"""Seconds between two comparisons with the schemas that come with redtop."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known by the active schemas."""

    schemas: tuple[Schema, ...]
    findings: tuple[Finding, ...] | None = None
    """The worst first; None as long as nobody has looked."""
    complete: bool = False
    """Whether every key was seen; otherwise counts are estimates, and names without a key are not judged."""
    looking: bool = False
    """Whether that is only what the keys have told, and what they hold is being looked at."""
    looked_at: float | None = None
    """Wall-clock seconds of the end of that look."""
    suggestions: tuple[Suggestion, ...] = ()
    """Schemas that would fit, the best first, when none is active."""
    notes: tuple[str, ...] = ()
    """What could not be looked at: sentences of safe text that name the ACL rule."""
    failure: Failure | None = None
    """Why the last look came to no end."""
    matcher: Matcher | None = None
    """Which family a key or a shape belongs to; None without schemas."""

    def family_of(self, shape: Sequence[str]) -> Family | None:
        """Return the family of the schemas to which the keys of a shape belong, if any knows them."""
        families = self.matcher.of_shape(shape) if self.matcher is not None else ()
        return families[0] if families else None

    @property
    def departing(self) -> frozenset[Family]:
        """Families with a finding."""
        return frozenset(one.family for one in self.findings or () if one.family is not None)


class _Look:
    """One pass, as the schemas see it."""

    def __init__(self, drift: Drift, asker: Asker, closer: Closer, now: float) -> None:
        self.drift = drift
        self.asker = asker
        self.closer = closer
        self.looked_at = now
        """When it was last looked at, or begun."""
        self.busy = False
        """Whether what it has kept is being looked at: then it takes in no more."""
        self.whole: int | None = None
        """Keys that the pass has read, once that is all of them."""
        self.over = False
        """Whether another pass has begun since."""

    @property
    def is_open(self) -> bool:
        """Whether it takes in what the pass reads."""
        return not self.busy and self.whole is None

    @property
    def is_complete(self) -> bool:
        """Whether it was shown every key."""
        return self.whole is not None and self.drift.pages.keys >= self.whole


class Findings(Collector[Known]):
    """Looks for as long as somebody watches; an observer of the survey."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._survey = session.of(Survey)
        self._known = Known(session.options.schemas)
        self._chance = Random()
        self._look: _Look | None = None
        """What the present pass is shown to; None when it is not to be looked at."""
        self._beginning = False
        self._due = -math.inf
        """When it is time for the next look, or comparison."""
        self._suggester: Suggester | None = None
        self._told = False
        if session.options.schemas:
            self._survey.observe(self)

    def tell(self) -> str | None:
        """Return what to suggest, the first time that there is something to; None from then on."""
        latest = self.feed.latest
        if self._told or latest is None or not latest.suggestions:
            return None
        self._told = True
        return _suggestion(latest.suggestions)

    async def run(self) -> None:
        """Look again and again; without schemas, compare until one fits."""
        async for _ in self.ticks(self._survey.feed):
            if self._known.schemas and self._known.matcher is None:
                self._publish(replace(self._known, matcher=self._matcher()))
            if self._known.schemas and self._known.findings is None and self._look is None:
                await self._begin()  # the pass under way, as far as it has still to come
            keyspace = self._survey.feed.latest
            if keyspace is None:
                await self._survey.feed.changed()
            elif not self._known.schemas:
                await self._compare(keyspace)
            elif self._look is not None and self._is_time(self._look):
                await self._look_closer(self._look, keyspace)

    # -- an observer of the survey --------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Show the pass that begins to a new look, when it is time for one."""
        if self._look is not None and not self._look.is_open:
            self._look.over = True
            return
        self._look = None
        if self.feed.watched and self.session.clock.now() >= self._due:
            await self._begin()

    def take(self, keys: Sequence[bytes], types: Sequence[bytes], ttls_ms: Sequence[int], sizes: Sequence[int]) -> None:
        """Show a page to the look."""
        if self._look is not None and self._look.is_open:
            self._look.drift.take(keys, types, ttls_ms, sizes)

    def end(self, keys: int) -> None:
        """Take note that the pass has read everything."""
        look = self._look
        if look is not None and look.is_open:
            look.whole = keys
            if not look.is_complete and self.session.clock.now() - look.looked_at < FIRST:
                self._look = None  # a pass as short as that is soon read again, from its beginning

    # -- looking --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        from tui.engine.schema.asking import Asker
        from tui.engine.schema.closer import Closer
        from tui.engine.schema.drift import Drift

        if self._beginning:
            return
        clock = self.session.clock
        drift = Drift(self._matcher(), self._chance)
        asker = Asker(self.session.deployment.ask, _at_once, self._chance)  # the survey waits for it
        closer = Closer(drift, asker, clock.sleep)
        self._beginning = True
        try:
            await closer.begin()
        except Unavailable:
            return  # the survey will wait for the server as well
        finally:
            self._beginning = False
        asker.rest = self._rest
        self._look = _Look(drift, asker, closer, clock.now())

    def _is_time(self, look: _Look) -> bool:
        if look.whole is not None:
            return True
        passed = self.session.clock.now() - look.looked_at
        return look.drift.pages.keys > 0 and passed >= (FIRST if self._known.findings is None else LONG)

    async def _look_closer(self, look: _Look, keyspace: Keyspace) -> None:
        complete, keys = look.is_complete, look.drift.pages.keys
        population = keys if complete else max(keys, keyspace.dbsize)
        look.busy = True
        self._show_first(look.drift.findings(population))
        try:
            found = await look.closer.findings(population, complete=complete)
        except Unavailable as error:
            self._publish(replace(self._known, failure=error.failure))
            return
        finally:
            look.busy = False
            look.looked_at = self.session.clock.now()
            if look.over:
                self._look = None
        if look.whole is not None:
            self._look = None
            self._due = self.session.clock.now() + (AGAIN if complete else 0)
        self._publish(
            replace(
                self._known,
                findings=tuple(found),
                complete=complete,
                looked_at=self.session.clock.wall(),
                notes=look.closer.notes,
                failure=None,
            )
        )

    def _show_first(self, found: Sequence[Finding]) -> None:
        """Show what the keys alone have told, while what they hold is looked at for the first time."""
        from tui.engine.schema.findings import Kind

        if self._known.findings is None:
            # A few keys without a TTL may be about to get theirs; the closer look asks again.
            sure = [one for one in found if one.kind is not Kind.NO_TTL or one.count > len(one.examples)]
            self.feed.publish(replace(self._known, findings=tuple(sure), looking=True))

    async def _rest(self, answer: Answer) -> None:
        """Give the server back to the others, and look no further while nobody watches."""
        await self.feed.wanted()
        await self.session.pace.resumed()
        survey = self._survey
        share = survey.allowance if survey.share >= 1 else min(survey.share, SHARE if survey.courteous else 1.0)
        way = max(node.round_trip for node in self.session.deployment.nodes)
        busy = max(answer.took - way, 1e-6 * len(answer.replies))
        if share < 1:
            await self.session.clock.sleep(min(REST_MOST, busy * (1 / share - 1)))

    def _matcher(self) -> Matcher:
        from tui.engine.schema.matcher import Matcher

        return self._known.matcher or Matcher(self._known.schemas)

    def _publish(self, known: Known) -> None:
        self._known = known
        self.feed.publish(known)

    # -- without a schema -----------------------------------------------------------------------------------------

    async def _compare(self, keyspace: Keyspace) -> None:
        """Look whether a schema that comes with redtop fits, until one does."""
        now = self.session.clock.now()
        if self._known.suggestions or now < self._due or not keyspace.scanned:
            return
        self._due = now + COMPARED
        # Loading them takes a tenth of a second, and a key that is pressed meanwhile must not wait for it.
        self._publish(replace(self._known, suggestions=await asyncio.to_thread(self._suggest, keyspace)))

    def _suggest(self, keyspace: Keyspace) -> tuple[Suggestion, ...]:
        from tui.engine.schema.catalog import Catalog
        from tui.engine.schema.suggest import Suggester

        self._suggester = self._suggester or Suggester(Catalog().built_in())
        return self._suggester.suggest(keyspace)


async def _at_once(answer: Answer) -> None:
    """Give nothing back: it was a question or two."""


def _suggestion(fitting: Sequence[Suggestion]) -> str:
    """Say which schemas fit, and how to have them."""
    options = " ".join(f"--schema {one.schema.name}" for one in fitting)
    if len(fitting) > 1:
        return f"looks like {len(fitting)} of the built-in schemas: {options}"
    return f"{fitting[0].sentence}: {options}"
