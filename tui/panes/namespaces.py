"""Key families as a tree: what is in this keyspace, how much of it, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import ClassVar, overload

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.keyspace import Keyspace
from tui.engine.namespaces import ORDERS, Branch, Path, tree
from tui.engine.session import Session
from tui.engine.survey import Survey
from tui.panes.base import Pane
from tui.units import ago, count, duration, percent, plus_minus, size
from widgets.spark import bar
from widgets.table import Column, Row, Table

SHARE_WIDTH = 8
"""Cells of a share bar: eighths of a cell make it good for 1.5 %."""
OPEN_FROM = 0.1
"""First-level branches with at least this share of all keys start unfolded: the first look should show families."""

EXACT, ESTIMATED = 5, 11
"""Cells of the number of keys: `1.24M`, and `1.24M ±120k`."""


NARROW = 34
"""Cells below which names give way, so that the number of keys stays."""


def columns(keys: int, width: int = NARROW) -> tuple[Column, ...]:
    """Return the columns of a table of that width, with so many cells for the number of keys."""
    return (
        Column("family", least=24 if width >= NARROW else 16),
        Column("keys", keys, "right", priority=9),
        Column("share", SHARE_WIDTH, "left", priority=3),
        Column("bytes", 6, "right", priority=7),
        Column("type", 6, "left", priority=5),
        Column("TTL", 7, "right", priority=4),
        Column("all gone", 8, "right", priority=2),
        Column("no TTL", 7, "right", priority=8),
    )


class NamespacesPane(Pane[Keyspace]):
    """The family tree of the survey's latest picture."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="namespaces.sort", tooltip="Sort by keys, bytes, keys without TTL, or name"),
        Binding("asterisk", "fold_all", "Fold all", show=False, id="namespaces.fold_all", tooltip="Fold or unfold all"),
    ]
    TITLE = "Namespaces"
    JUMP = "N"
    HELP = (
        "Keys that differ only in their ids are one family: session:9f3c and session:77ab are session:{hex}.\n"
        "While the keyspace is still being read the numbers are estimates: 812k ±6k means that the truth lies within "
        "6k of 812k in 95 of 100 cases. When everything has been read the ± is gone.\n"
        "≥ before bytes: a few keys are so much bigger than the rest that only a lower bound is honest.\n"
        "TTL is the mean time left of keys that have one, 'all gone' the time until the last of these has expired; "
        "'no TTL' is the share that never expires.\n"
        "enter lists the keys of the family under the cursor."
    )
    COLUMN = 0
    SHARE = 7
    COLLECTOR = Survey

    class Pointed(Message):
        """The cursor came to another family or branch."""

        def __init__(self, path: Path, shapes: Sequence[Sequence[str]]) -> None:
            super().__init__()
            self.path = path
            self.shapes = shapes
            """The shapes of all families of the picture: what belongs to one of them is not in another."""

    class Opened(Pointed):
        """Enter or a double click on a family or branch."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._order = "keys"
        self._wanted: Path | None = None
        self._folds: dict[Path, bool] = {}
        self._default_open: dict[Path, bool] = {}
        self._roots: tuple[Branch, ...] = ()

    @property
    def path(self) -> Path | None:
        """The family or branch under the cursor, if there is any."""
        path = self.query_one(Table).cursor_key
        return path if isinstance(path, tuple) else None

    def compose(self) -> ComposeResult:
        """One table."""
        table = Table(columns(ESTIMATED), tree=True, empty=Content("reading the first keys…"))
        table.sorted_by = (self._order, True)
        yield table

    def show(self, snapshot: Keyspace) -> None:
        """Build the visible rows."""
        families = snapshot.families
        if self.filter:
            families = tuple(family for family in families if self.filter.lower() in family.pattern.lower())
        self._roots = tree(families, self._order)
        total = max(1, snapshot.dbsize)
        for root in self._roots:
            self._default_open.setdefault(root.path, root.keys / total >= OPEN_FROM)
        table = self.query_one(Table)
        table.empty = self._nothing(snapshot)
        table.columns = columns(EXACT if snapshot.complete else ESTIMATED, table.size.width)
        table.show_rows(_Rows(list(self._visible(self._roots, 0)), total))
        if self._wanted is not None and table.move_to_key(self._wanted):
            self._wanted = None
        self._describe(snapshot)

    def reveal(self, path: Path) -> None:
        """Unfold what hides this family or branch, and put the cursor on it as soon as it is there."""
        self._wanted = path
        self._folds.update((path[:length], True) for length in range(1, len(path)))
        self.watch_snapshot(self.snapshot)

    def action_sort(self) -> None:
        """Sort by the next column."""
        titles = list(ORDERS)
        self._sort(titles[(titles.index(self._order) + 1) % len(titles)])

    def action_fold_all(self) -> None:
        """Unfold everything, or fold everything when nothing is folded."""
        branches = [branch for branch in _walk(self._roots) if branch.children]
        unfold = not all(self._is_open(branch) for branch in branches)
        self._folds.update((branch.path, unfold) for branch in branches)
        self.watch_snapshot(self.snapshot)

    @on(Table.Highlighted)
    def _point(self, event: Table.Highlighted) -> None:
        event.stop()
        self._tell(self.Pointed, event.key)

    @on(Table.Chosen)
    def _open(self, event: Table.Chosen) -> None:
        event.stop()
        self._tell(self.Opened, event.key)

    def _tell(self, message: type[Pointed], path: Hashable) -> None:
        if self.snapshot is not None and isinstance(path, tuple):
            self.post_message(message(path, [family.shape for family in self.snapshot.families]))

    @on(Table.Toggled)
    def _toggle(self, event: Table.Toggled) -> None:
        event.stop()
        branch = next((branch for branch in _walk(self._roots) if branch.path == event.key), None)
        if branch is not None:
            self._folds[branch.path] = not self._is_open(branch)
            self.watch_snapshot(self.snapshot)

    @on(Table.HeaderClicked)
    def _sort_by_click(self, event: Table.HeaderClicked) -> None:
        event.stop()
        if event.title in ORDERS:
            self._sort(event.title)

    def _sort(self, order: str) -> None:
        self._order = order
        self.query_one(Table).sorted_by = (order, order != "family")
        self.watch_snapshot(self.snapshot)

    def _is_open(self, branch: Branch) -> bool:
        if self.filter:
            return True
        return self._folds.get(branch.path, self._default_open.get(branch.path, False))

    def _visible(self, branches: Sequence[Branch], depth: int) -> Iterator[tuple[Branch, int, bool]]:
        for branch in branches:
            is_open = bool(branch.children) and self._is_open(branch)
            yield branch, depth, is_open
            if is_open:
                yield from self._visible(branch.children, depth + 1)

    def _nothing(self, snapshot: Keyspace) -> Content:
        if self.filter:
            return Content(f"no family contains {self.filter!r}")
        if snapshot.failure is not None:
            return Content(snapshot.failure.sentence)
        if snapshot.complete:
            return Content.assemble(
                "this database is empty — try ", ("SET session:1 hello EX 60", "bold"), " in redis-cli"
            )
        return Content("reading the first keys…")

    def _describe(self, snapshot: Keyspace) -> None:
        seen = percent(snapshot.seen, 0) if snapshot.seen < 1 or snapshot.complete else ">99%"
        notes: list[str | tuple[str, str]] = [
            f"{seen} seen",
            f"{count(snapshot.dbsize)} key{'s' * (snapshot.dbsize != 1)}",
        ]
        warnings = (snapshot.restarted, snapshot.denied, snapshot.failure and snapshot.failure.sentence)
        notes += [(warning, "$text-warning") for warning in warnings if warning]
        if snapshot.complete and snapshot.finished_at is not None:
            below = f"counted {ago(self.session.clock.wall() - snapshot.finished_at)}"
        else:
            below = "estimates, ± covers 95 of 100"
        self.retitle(*notes, below=below)


class _Rows(Sequence[Row]):
    """Rows made only when the table asks for them: the visible ones."""

    def __init__(self, visible: list[tuple[Branch, int, bool]], total: int) -> None:
        self._visible = visible
        self._total = total
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self._visible)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = self._made.get(index)
        if row is None:
            row = self._made[index] = _row(*self._visible[index], self._total)
        return row


def _walk(branches: Sequence[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from _walk(branch.children)


def _row(branch: Branch, depth: int, is_open: bool, total: int) -> Row:
    leaks = 0 < branch.no_ttl < 0.5 and branch.families == 1
    main = branch.types[0][0] if branch.types else ""
    cells = (
        _label(branch.label),
        Content(plus_minus(branch.keys, round(branch.keys_error) if branch.keys_error < 1e18 else branch.keys_error)),
        Content.styled(bar(branch.keys / total, SHARE_WIDTH), "$primary"),
        Content(f"{'≥' * branch.bytes_at_least}{size(branch.bytes)}"),
        Content.styled(main if len(branch.types) < 2 else "mixed", "$foreground-muted"),
        Content(_short(branch.ttl_mean)),
        Content.styled(_short(branch.ttl_max), "$foreground-muted"),
        Content.styled(
            percent(branch.no_ttl, 0), "$text-warning" if leaks else "" if branch.no_ttl else "$foreground-muted"
        ),
    )
    return Row(branch.path, cells, depth, "none" if not branch.children else "open" if is_open else "closed")


def _label(label: str) -> Content:
    """Dim the placeholders, so that the fixed words of a pattern stand out."""
    parts: list[str | tuple[str, str]] = []
    rest = label
    while rest:
        before, brace, after = rest.partition("{")
        parts.append(before)
        if not brace:
            break
        inside, closing, rest = after.partition("}")
        parts.append((brace + inside + closing, "$secondary"))
    return Content.assemble(*parts)


def _short(seconds: float | None) -> str:
    return duration(None if seconds is None else max(1.0, round(seconds)))
