"""The table of contents: every page by its number key.

A page is loaded when it is first wanted: nobody waits at the start for what stands behind the first page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from textual.binding import Binding

from tui.screens.base import PaneScreen


class Chapter(NamedTuple):
    """One page, before it is loaded."""

    key: str
    """The number key that shows it: its class's KEY."""
    title: str
    """Its class's TITLE."""
    load: Callable[[], type[PaneScreen]]
    """Loads its class, with every pane of it."""


def _dashboard() -> type[PaneScreen]:
    from tui.screens.dashboard import Dashboard

    return Dashboard


def _keys() -> type[PaneScreen]:
    from tui.screens.keys import KeysPage

    return KeysPage


def _streams() -> type[PaneScreen]:
    from tui.screens.streams import StreamsPage

    return StreamsPage


def _expiry() -> type[PaneScreen]:
    from tui.screens.expiry import ExpiryPage

    return ExpiryPage


def _tokens() -> type[PaneScreen]:
    from tui.screens.tokens import TokensPage

    return TokensPage


def _server() -> type[PaneScreen]:
    from tui.screens.server import ServerPage

    return ServerPage


CONTENTS = (
    Chapter("1", "Dashboard", _dashboard),
    Chapter("2", "Keys", _keys),
    Chapter("3", "Streams", _streams),
    Chapter("4", "Expiry", _expiry),
    Chapter("5", "Tokens", _tokens),
    Chapter("6", "Server", _server),
)
"""All pages, the first one first."""


def number_keys() -> Iterator[Binding]:
    """The keys that show the pages."""
    for key, title, _ in CONTENTS:
        tooltip = f"Show the page {title}"
        yield Binding(key, f"page('{key}')", title, id=f"app.page{key}", tooltip=tooltip)
