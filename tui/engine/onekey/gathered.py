"""What has been read of a value: its pages put together, within bounds."""

from __future__ import annotations

from tui.engine.onekey.elements import Element, Page

KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of a value that are kept for scrolling back: further than anyone scrolls."""
OVERHEAD = 100
"""Bytes that Python adds to each piece, about."""


class Gathered:
    """Grows page by page."""

    def __init__(self) -> None:
        self.elements: list[Element] = []
        self.read = 0
        """Bytes or elements, as in `Page`."""
        self.more = True
        """Whether there is another page."""
        self.reading = False
        """Whether somebody is reading one."""
        self.ttls = False
        """Whether any element has a TTL of its own."""
        self.note: str | None = None
        """What the last page had to say."""
        self._kept = 0
        self._complete_at: int | None = None

    @property
    def takes_more(self) -> bool:
        """Whether another page may be read."""
        return self.more and not self.reading and not self.full

    @property
    def full(self) -> bool:
        """Whether so much is kept that no more is taken."""
        return self._kept >= KEPT_BYTES

    def take(self, page: Page) -> None:
        """Add a page."""
        self.elements += page.elements
        self.ttls = self.ttls or any(one.expires_at is not None for one in page.elements)
        self.read, self.more, self.note = page.read, page.more, page.note or self.note
        self._kept += len(page.data) + sum(_weight(element) for element in page.elements)
        if not page.more:
            self._complete_at = page.read

    def outdated(self, length: int) -> bool:
        """Whether the value had another length when it was read to its end."""
        return self._complete_at is not None and self._complete_at != length


def _weight(element: Element) -> int:
    parts = [element.value, *(part for pair in element.fields for part in pair)]
    return sum(len(part.data) + OVERHEAD for part in parts)
