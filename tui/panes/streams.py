"""Streams with their groups, and the live tail of the chosen ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from tui.engine.printable import beginning, printable
from tui.engine.session import Session
from tui.engine.streams.overview import Group, Stream, StreamList, Streams
from tui.engine.tail.glance import Entry, Tail, TailSnapshot
from tui.panes.base import Pane
from tui.words.streamrows import COLOURS, moment
from tui.words.taillines import NAME_BYTES, fit
from tui.words.units import count, percent, rate
from widgets.table import Column, Row, Table
from widgets.tail import Tail as TailView

LAG_AMBER = 100
"""Entries behind from which a group is worth a look."""
CHOSEN_FIRST = 2
"""Streams followed before anybody chooses: the busiest ones."""
LOOKS_FIRST = 5
"""Looks at the streams before that; with all streams found the second is enough, as a rate takes two."""

LINE_MOST = 400
"""Bytes of an entry that are drawn: more than the widest terminal shows."""
NAME_MOST = 20
"""Cells for a stream's name in the tail; the entry is what people read."""

COLUMNS = (
    Column("stream", least=22),
    Column("length", 6, "right", priority=6),
    Column("in", 7, "right", priority=8),
    Column("groups", 6, "right", priority=4),
    Column("pending", 7, "right", priority=5),
    Column("lag", 6, "right", priority=9),
    Column("worst group", 14, "left", priority=2),
)


class StreamsPane(Pane[Streams]):
    """A table of streams above the tail of the chosen ones."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="streams.follow", tooltip="Go to the newest entries and stay there"),
    ]
    TITLE = "Streams"
    JUMP = "S"
    HELP = (
        "Every stream found, the busiest first. in: entries added per second. lag: entries that the group furthest "
        "behind has not been given yet (? where the server cannot say: Redis before 7.0, or after deletions). "
        "pending: given to a consumer and not acknowledged.\n"
        "enter follows or unfollows a stream in the tail below (marked ●). The tail is paced: when a stream is "
        "faster than anyone can read, it jumps to the newest entries and says how many it left out.\n"
        "f goes back to the newest entries after scrolling up."
    )
    COLUMN = 0
    SHARE = 6
    COLLECTOR = StreamList

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tail = session.of(Tail)
        self._chosen_by_person = False
        self._looks = 0

    def compose(self) -> ComposeResult:
        """The table, and the tail below it."""
        yield Table(COLUMNS, empty=Content("looking for streams…"))
        yield TailPane(self.session)

    def show(self, snapshot: Streams) -> None:
        """Fill the table; choose what to follow when nobody has."""
        # While the search goes on the busiest may not have been found yet; on a big keyspace it goes on for long.
        self._looks += (LOOKS_FIRST if snapshot.seen >= 1 else 1) if snapshot.streams else 0
        if not self._chosen_by_person and not self._tail.chosen and self._looks > LOOKS_FIRST:
            self._tail.choose([stream.key for stream in snapshot.streams[:CHOSEN_FIRST]])
        streams = [s for s in snapshot.streams if self.filter.lower() in printable(s.key).lower()]
        table = self.query_one(Table)
        table.empty = self._nothing(snapshot)
        table.show_rows([_row(stream, followed=stream.key in self._tail.chosen) for stream in streams])
        table.styles.height = max(3, min(len(streams) + 1, self.content_size.height // 2))
        denied = dict.fromkeys(stream.denied for stream in snapshot.streams)
        warnings = (snapshot.failure and snapshot.failure.sentence, *denied)
        notes: list[str | tuple[str, str]] = [(warning, "$text-warning") for warning in warnings if warning]
        notes.append(f"{len(snapshot.streams)} found")
        if snapshot.seen < 1:
            notes.append(f"{percent(snapshot.seen, 0)} searched")
        self.retitle(*notes)
        self.query_one(TailPane).filter = self.filter

    @on(Table.Chosen)
    def _flip(self, event: Table.Chosen) -> None:
        event.stop()
        key = event.key
        assert isinstance(key, bytes)
        chosen = self._tail.chosen
        self._tail.choose([k for k in chosen if k != key] if key in chosen else [*chosen, key])
        self._chosen_by_person = True
        self.watch_snapshot(self.snapshot)

    def action_follow(self) -> None:
        """Follow the newest entries again."""
        self.query_one(TailView).follow()

    def _nothing(self, snapshot: Streams) -> Content:
        if self.filter and snapshot.streams:
            return Content(f"no stream contains {self.filter!r}")
        if snapshot.seen < 1:
            return Content("looking for streams…")
        return Content.assemble("no streams here — ", ("XADD events * type hello", "bold"), " makes one")


class TailPane(Pane[TailSnapshot]):
    """The live tail inside the streams pane."""

    TITLE = "Tail"
    COLLECTOR = Tail

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._drawn = 0
        self._names = 0
        self._colours: dict[bytes, str] = {}

    def compose(self) -> ComposeResult:
        """One list of lines."""
        yield TailView(draw=self._line, empty=Content("choose a stream above with enter to follow it"))

    def show(self, snapshot: TailSnapshot) -> None:
        """Add what has not been drawn yet."""
        view = self.query_one(TailView)
        if snapshot.chosen:
            view.empty = Content("waiting for the first entry…")
        self._names = max([self._names, *(len(printable(key)) for key in snapshot.chosen)])
        new = [entry for entry in _after(snapshot.entries, self._drawn) if self._wanted(entry)]
        if snapshot.entries:
            self._drawn = snapshot.entries[-1].number
        for key in snapshot.chosen:
            self._colours.setdefault(key, COLOURS[len(self._colours) % len(COLOURS)])
        view.extend(new)

    def watch_filter(self) -> None:
        """Draw what is kept again through the new filter."""
        self._drawn = 0
        self.query_one(TailView).clear()
        super().watch_filter()

    def _wanted(self, entry: Entry) -> bool:
        return not self.filter or self.filter.lower() in self._line(entry).plain.lower()

    def _line(self, entry: Entry) -> Content:
        return _line(entry, min(self._names, NAME_MOST), self._colours.get(entry.stream, ""))


def _after(entries: Sequence[Entry], number: int) -> Sequence[Entry]:
    """Return the entries above a number; numbers have no holes, so this is arithmetic."""
    if not entries:
        return ()
    return entries[max(0, number + 1 - entries[0].number) :]


def _row(stream: Stream, *, followed: bool) -> Row:
    worst = max(stream.groups, key=lambda group: (group.lag is not None, group.lag or 0), default=None)
    unknown = any(group.lag is None for group in stream.groups)
    lag = stream.lag
    cells = (
        Content.assemble(("● " if followed else "  ", "$primary"), printable(stream.key)),
        Content(count(stream.length)),
        Content(rate(stream.rate)),
        Content("?" if stream.denied else str(len(stream.groups))),
        Content(count(stream.pending) if stream.groups else "–"),
        Content.styled(
            _lag(lag, stream.groups, unknown=unknown), "bold $text-warning" if (lag or 0) >= LAG_AMBER else ""
        ),
        Content.styled(printable(worst.name) if worst else stream.denied or "no group", "$foreground-muted"),
    )
    return Row(stream.key, cells)


def _lag(lag: int | None, groups: Sequence[Group], *, unknown: bool) -> str:
    if not groups:
        return "–"
    if lag is None:
        return "?"
    return f"{'▲' if lag >= LAG_AMBER else ''}{count(lag)}{'+' if unknown else ''}"


def _line(entry: Entry, name_width: int, colour: str) -> Content:
    name = fit(beginning(entry.stream, NAME_BYTES), name_width)
    if entry.id is None:
        skipped = "some" if entry.skipped is None else count(entry.skipped)
        return Content.assemble((f"{'':12} {name} {skipped} entries skipped: faster than the eye", "$text-warning"))
    parts: list[tuple[str, str] | str] = [
        (moment(entry.id), "$foreground-muted"),
        " ",
        (name, colour),
    ]
    room = LINE_MOST
    for field, value in entry.fields:
        shown = beginning(value, room)
        parts += [(f" {beginning(field, room)}=", "$foreground-muted"), shown]
        room -= len(field) + len(shown)
        if room <= 0:
            break
    return Content.assemble(*parts)
