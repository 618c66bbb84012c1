"""What a key means on the Streams page: it depends on the pane that has the focus, and on what its cursor is on."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from tui.panes.streams_all import AllStreamsPane
from tui.panes.streams_inside import InsidePane
from tui.panes.streams_tail import LiveTailPane
from tui.screens.stream_changes import StreamChanges

Change = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class StreamKeys:
    """The panes, and which of them has the focus."""

    streams: AllStreamsPane
    inside: InsidePane
    tail: LiveTailPane
    focused: object

    def can(self, what: str) -> bool:
        """Whether there is something that this change could be made to."""
        inside = self.inside
        here = self.focused is inside
        match what:
            case "undo":
                return True
            case "trim" | "add":
                return self.focused is self.streams and self.streams.key is not None
            case "acknowledge":
                return here and inside.entry is not None
            case "claim":
                return here and inside.depth.group is not None
            case "move_group":
                return here and inside.depth.group is None and inside.row is not None
            case _:
                return (here and inside.row is not None) or (self.focused is self.tail and self.tail.line is not None)

    def doing(self, what: str, changes: StreamChanges) -> Change | None:
        """Return what leads through a change; None when there is nothing to change."""
        stream, line = self.streams.key, self.tail.line
        match what:
            case "undo":
                return changes.undo()
            case "trim" if stream is not None:
                return changes.trim(stream)
            case "add" if stream is not None:
                return changes.add(stream)
            case "delete" if self.focused is self.tail:
                return None if line is None else changes.delete_entry(line.source, line.id)
        return None if self.inside.key is None else self._inside(what, changes, self.inside.key)

    def _inside(self, what: str, changes: StreamChanges, key: bytes) -> Change | None:
        depth, row, entry = self.inside.depth, self.inside.row, self.inside.entry
        group = row if depth.group is None else depth.group
        if group is None:
            return None
        match what:
            case "acknowledge" if entry is not None:
                return changes.acknowledge(key, group, entry)
            case "claim":
                return changes.claim(key, group, depth.consumer if depth.shows_pending else row, entry)
            case "move_group":
                return changes.move_group(key, group)
            case "delete" if depth.group is None:
                return changes.delete_group(key, group)
            case "delete" if row is not None and depth.shows_pending:
                return changes.delete_entry(key, row)
            case "delete" if row is not None:
                return changes.delete_consumer(key, group, row)
        return None
