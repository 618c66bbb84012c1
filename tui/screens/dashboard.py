"""Screen 1: everything at a glance."""

from __future__ import annotations

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
