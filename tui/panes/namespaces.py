"""Key families as a tree: what is in this keyspace, how much of it, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tui.engine.findings import Findings, Known
from tui.engine.keyspace import Family, Keyspace
from tui.engine.namespaces import ORDERS, Branch, Path, path_of, tree
from tui.engine.session import Session
from tui.engine.survey import Survey
from tui.panes.base import Pane
from tui.words.familyrows import ESTIMATED, EXACT, FamilyRows, Meaning, columns, meanings
from tui.words.units import ago, count, percent
from widgets.table import Table

OPEN_FROM = 0.1
"""First-level branches with at least this share of all keys start unfolded: the first look should show families."""
SUGGESTED = 15.0
"""Seconds that a suggestion stays: it names what a person has to type next time."""


class NamespacesPane(Pane[Keyspace]):
    """The family tree of the survey's latest picture."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="namespaces.sort", tooltip="Sort by the next column"),
        Binding("d", "purge", "Purge", id="namespaces.purge", tooltip="Purge this namespace, after a preview"),
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
        "The survey takes at most 5 % of the server's time, and 0.1 % while other clients are served; > and < "
        "change that.\n"
        "With a schema (--schema): what each family is for and how long its keys should live. ▲ departs from it (the "
        "page Expiry says how), ? and dim names are unknown to it.\n"
        "enter lists the keys of the family under the cursor. d purges its namespace: you see what would go, confirm "
        "by typing, and u brings the keys back."
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

    class Purge(Pointed):
        """A person wants to purge a family or branch."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._order = "keys"
        self._wanted: Path | None = None
        self._folds: dict[Path, bool] = {}
        self._default_open: dict[Path, bool] = {}
        self._roots: tuple[Branch, ...] = ()
        self._known: Known | None = None
        self._meanings: dict[Path, Meaning] = {}
        self._masks: Mapping[str, str] = {}
        """What stands for secrets in patterns."""
        self._meanings_of: tuple[object, object] = None, None
        """The families and the knowledge that these rest on."""

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

    def on_mount(self) -> None:
        """Follow what the schemas say as well."""
        self.work_on(self._learn, description="what the schemas say of families")
        super().on_mount()

    async def _learn(self) -> None:
        """Follow the findings; without a schema, until one has been suggested."""
        findings = self.session.of(Findings)
        while True:
            await self._seen.wait()
            async for known in findings.feed.watch():
                if not self._seen.is_set():
                    break
                self._known = known
                if known.schemas:
                    self.watch_snapshot(self.snapshot)
                elif known.suggestions:
                    if (sentence := findings.tell()) is not None:
                        self.app.notify(sentence, title="Schema", timeout=SUGGESTED)
                    return

    def _meant(self, snapshot: Keyspace) -> dict[Path, Meaning]:
        """Return what the families of a picture mean; nothing without a schema."""
        families, known = self._meanings_of
        if families is not snapshot.families or known is not self._known:
            self._meanings_of = snapshot.families, self._known
            self._meanings = meanings(snapshot.families, self._known)
            self._masks = self.session.secrecy.masks(family.pattern for family in snapshot.families)
        return self._meanings

    def _passes(self, family: Family, meant: dict[Path, Meaning]) -> bool:
        """Whether the filter lets a family pass: by its pattern, or by what it is for."""
        purpose = meant[path_of(family)].purpose if meant else ""
        return self.filter.lower() in family.pattern.lower() or self.filter.lower() in purpose.lower()

    def show(self, snapshot: Keyspace) -> None:
        """Build the visible rows."""
        meant = self._meant(snapshot)
        families = snapshot.families
        if self.filter:
            families = tuple(family for family in families if self._passes(family, meant))
        self._roots = tree(families, self._order)
        total = max(1, snapshot.dbsize)
        for root in self._roots:
            self._default_open.setdefault(root.path, root.keys / total >= OPEN_FROM)
        table = self.query_one(Table)
        table.empty = self._nothing(snapshot)
        cells = EXACT if snapshot.complete else ESTIMATED
        table.columns = columns(cells, table.size.width, meant=bool(meant))
        table.show_rows(FamilyRows(list(self._visible(self._roots, 0)), total, meant, self._masks))
        if self._wanted is not None and table.move_to_key(self._wanted):
            self._wanted = None
        self._describe(snapshot)

    def reveal(self, path: Path) -> None:
        """Unfold what hides this family or branch, and put the cursor on it as soon as it is there."""
        self._wanted = path
        self._folds.update((path[:length], True) for length in range(1, len(path)))
        self.watch_snapshot(self.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What takes something away does not exist where nothing may be written."""
        if action == "purge":
            return self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    def action_purge(self) -> None:
        """Ask for a purge of what is under the cursor."""
        self._tell(self.Purge, self.path)

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
        warnings = (snapshot.restarted, snapshot.denied, snapshot.failure and snapshot.failure.sentence)
        # They come first: what is too long for the title is cut at its end.
        notes: list[str | tuple[str, str]] = [(warning, "$text-warning") for warning in warnings if warning]
        notes += [f"{seen} seen", f"{count(snapshot.dbsize)} key{'s' * (snapshot.dbsize != 1)}"]
        if snapshot.complete and snapshot.finished_at is not None:
            below = f"counted {ago(self.session.clock.wall() - snapshot.finished_at)}"
        else:
            below = f"± covers 95 of 100 · survey takes {_taken(snapshot)}"
        self.retitle(*notes, below=below)


def _walk(branches: Sequence[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from _walk(branch.children)


def _taken(snapshot: Keyspace) -> str:
    """Say how much of the server's time the survey takes, and why it is not more."""
    if snapshot.share >= 1:
        return "full speed"
    return f"{percent(snapshot.share)}{': others are served' if snapshot.courteous else ''}"
