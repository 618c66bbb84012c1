"""A value, page by page: bounded reads only, so that a huge one opens as fast as a small one.

No command asks for more than the server answers within a fraction of a millisecond, and what comes back is cut at
once. A key that vanishes or becomes another type meanwhile is an answer, not an error: every question asks for its
type too, which also tells whether it counted as a hit or a miss.
"""

from __future__ import annotations

from tui.engine.deployment import Deployment
from tui.engine.failure import Failure
from tui.engine.onekey.elements import Page
from tui.engine.onekey.inspect import KeyFacts, Missing
from tui.engine.onekey.readers import Placed, reader_of
from tui.engine.onekey.reading import Ended, Questions


class Pages:
    """Reads one value forward. With `text`, only what contains it.

    Sets, hashes and searched sorted sets come in the server's own order, in which an element may come twice while the
    value changes. A search looks at the members of sets and sorted sets, the fields of hashes, and everything in
    lists, streams and strings; upper and lower case are told apart.
    """

    def __init__(self, deployment: Deployment, facts: KeyFacts, text: bytes = b"") -> None:
        self.facts = facts
        self.text = text
        self._deployment = deployment
        self._reader = reader_of(facts, text, Questions(deployment, facts))

    @property
    def can_seek(self) -> bool:
        """Whether `at` works: strings, lists and sorted sets that are not searched."""
        return isinstance(self._reader, Placed)

    async def next(self) -> Page | KeyFacts | Missing | Failure:
        """Return the next page; after the last one, an empty page.

        KeyFacts are a new look: the key has become another type, so begin new Pages with them.
        """
        try:
            return await self._reader.next()
        except Ended as end:
            return end.answer

    async def at(self, position: int) -> Page | KeyFacts | Missing | Failure:
        """Return the page that begins at a byte (strings) or an index, and go on from there.

        Raises:
            ValueError: this value has no places (see `can_seek`).
        """
        if not isinstance(self._reader, Placed):
            raise ValueError("this value can only be read from its beginning")  # noqa: TRY004 - not the argument's type
        self._reader.position = max(0, position)
        return await self.next()
