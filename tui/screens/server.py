"""Screen 6: what stands where, what each server is, whom it serves, and what took long."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.widgets import Input

from tui.panes.clients import ClientsPane
from tui.panes.drilled import DrilledPane
from tui.panes.server_facts import ServerFactsPane
from tui.panes.slowlog import SlowLogPane
from tui.panes.topology import TopologyPane
from tui.screens.base import PaneScreen


class ServerPage(PaneScreen):
    """All servers above the one under the cursor; beside them clients and slow log of all."""

    TITLE = "Server"
    KEY = "6"
    PANES = (TopologyPane, ServerFactsPane, ClientsPane, SlowLogPane)
    NARROW: ClassVar[int] = 90

    @on(TopologyPane.Pointed)
    def _describe(self, event: TopologyPane.Pointed) -> None:
        event.stop()
        self.query_one(ServerFactsPane).choose(event.key)

    @on(TopologyPane.Opened)
    def _read(self, event: TopologyPane.Opened) -> None:
        event.stop()
        self._focus(self.query_one(ServerFactsPane).target)

    def action_back(self) -> None:
        """Undo one thing: what is open, the filter, the zoom; then back to the servers."""
        pane = self.panes[self.current]
        if isinstance(pane, DrilledPane) and pane.close_element():
            return
        if self.zoomed or pane.filter or self.query_one("#filter", Input).display:
            super().action_back()
        else:
            self._focus(self.query_one(TopologyPane).target)
