"""A line to type into."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class InputLine(Input):
    """Takes keys in the order in which they were pressed.

    Textual sends an editing key (backspace, ctrl+u) by way of the application, and letters that came in one piece with
    it, as over a slow line, would overtake it there.
    """

    async def _on_key(self, event: events.Key) -> None:
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
