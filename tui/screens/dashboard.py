"""Screen 1: everything at a glance."""

from __future__ import annotations

from textual import on

from tui.panes.hitrate import HitRatePane
from tui.panes.memory import MemoryPane
from tui.panes.namespaces import NamespacesPane
from tui.panes.streams import StreamsPane
from tui.panes.ttl import TtlPane
from tui.screens.base import PaneScreen


class Dashboard(PaneScreen):
    """Namespaces and streams on the left, memory, hit rate and TTLs on the right."""

    TITLE = "Dashboard"
    KEY = "1"
    PANES = (NamespacesPane, StreamsPane, MemoryPane, HitRatePane, TtlPane)

    @on(NamespacesPane.Opened)
    def _list_keys(self, event: NamespacesPane.Opened) -> None:
        """List the keys of a family on the page that is made for it."""
        event.stop()
        self.post_message(self.Wanted("2", event))
