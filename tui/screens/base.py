"""A page of panes: arranges them by their own wishes, and gives every page the same keys.

Nothing here knows a particular pane: cells, jump keys, palette entries and help come from the tuple of pane classes
that a page names. On a small terminal one pane fills the page and a line of tabs names the others; zooming does the
same on a big one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.engine.chosen import Chosen
from tui.engine.printable import is_safe
from tui.engine.session import Session
from tui.panes.base import Pane
from tui.panes.header import HeaderPane
from tui.panes.namespaces import NamespacesPane
from tui.panes.vitals import VitalsPane
from tui.words.brand import Brand
from widgets.inputline import InputLine
from widgets.keyline import KeyLine
from widgets.tabbar import TabBar

LOW = 27
"""Terminal rows below which panes above each other would only be cut: then one at a time."""


class PaneScreen(Screen[None]):
    """One page."""

    TITLE: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    """The number key that shows this page."""
    PANES: ClassVar[tuple[type[Pane[Any]], ...]] = ()
    """What is on it, in the order of the tab key."""
    WIDTHS: ClassVar[tuple[int, ...]] = ()
    """How wide each column is, relative to the others; all alike when empty."""
    NARROW: ClassVar[int] = 96
    """Terminal columns below which its panes side by side would only be cut: then one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_target(1)", "Pane", id="page.next", tooltip="Move to the next pane"),
        Binding("shift+tab", "next_target(-1)", "Back", show=False, id="page.back", tooltip="Move to the pane before"),
        Binding("z", "zoom", "Zoom", id="page.zoom", tooltip="Zoom this pane, or put it back"),
        Binding(
            "slash",
            "filter",
            "Filter",
            id="page.filter",
            tooltip="Show only rows with a text in them",
            priority=True,
        ),
        Binding("escape", "back", "Back", show=False, id="page.escape", tooltip="Clear the filter, or leave the zoom"),
    ]

    current: reactive[int] = reactive(0, init=False)
    """Which pane has the focus, or had it last."""
    zoomed: reactive[bool] = reactive(False, init=False)
    """Whether the current pane fills the page."""
    narrow: reactive[bool] = reactive(False, init=False)
    """Whether the terminal is too small for panes side by side."""

    class Wanted(Message):
        """Show another page, with something chosen there."""

        def __init__(self, key: str, what: object) -> None:
            super().__init__()
            self.key = key
            """The number key of the page."""
            self.what = what
            """What its `arrive` takes."""

    class Purge(Message):
        """Remove keys: a namespace, after the person has seen it, or one key."""

        def __init__(self, *, prefix: bytes | None = None, key: bytes | None = None) -> None:
            super().__init__()
            self.prefix = prefix
            self.key = key

    def __init__(self, session: Session, brand: Brand) -> None:
        super().__init__()
        self.session = session
        self._brand = brand
        self.panes: tuple[Pane[Any], ...] = tuple(pane(session) for pane in self.PANES)

    def compose(self) -> ComposeResult:
        """Header and vitals on top, the panes, filter and keys at the bottom."""
        yield HeaderPane(self.session, self._brand)
        yield VitalsPane(self.session)
        yield TabBar()
        with Horizontal(id="columns"):
            for column in sorted({pane.COLUMN for pane in self.panes}):
                with Vertical(classes="column"):
                    yield from (pane for pane in self.panes if column == pane.COLUMN)
        yield InputLine(id="filter", placeholder="only rows with this text; enter keeps it, escape clears it")
        yield KeyLine()

    def on_mount(self) -> None:
        """Give each pane its part of the column, and its jump key."""
        for pane in self.panes:
            pane.styles.height = f"{pane.SHARE}fr"
        for column, width in zip(self.query(".column"), self.WIDTHS, strict=False):
            column.styles.width = f"{width}fr"
        for index, pane in enumerate(self.panes):
            if pane.JUMP:
                self._bindings.bind(pane.JUMP, f"jump({index})", pane.TITLE, show=False)
        self.query_one("#filter", Input).display = False
        self._fit()
        self.set_focus(self.panes[0].target)  # at once: later it would take the focus from what was pressed meanwhile

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A small terminal shows one pane at a time anyhow, and a slash inside a field is a letter."""
        if action == "zoom":
            return not self.narrow
        if action == "filter":
            return not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def watch_narrow(self) -> None:
        """Offer the zoom, or not."""
        self.refresh_bindings()

    def on_screen_resume(self) -> None:
        """The panes of the page that is looked at follow their feeds."""
        self._tell_panes(shown=True)

    def on_screen_suspend(self) -> None:
        """A page that another one replaced rests; one that only a dialog covers goes on."""
        self._tell_panes(shown=self in self.app.screen_stack)

    def arrive(self, what: object) -> None:
        """Show something on this page that was chosen on another one; for subclasses."""

    def on_resize(self, event: events.Resize) -> None:
        """Choose between panes side by side and one at a time."""
        self.narrow = event.size.width < self.NARROW or event.size.height < LOW
        self.query_one(VitalsPane).styles.height = 1 if event.size.height < LOW else 2
        self._fit()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Follow the focus, however it moved."""
        if event.widget is not self.focused:
            return  # it has moved on since: showing that pane would hide the one that has it
        pane = next((node for node in event.widget.ancestors_with_self if node in self.panes), None)
        if pane is not None:
            self.current = self.panes.index(pane)

    def watch_current(self) -> None:
        """Show the current pane."""
        self._fit()

    def watch_zoomed(self) -> None:
        """Let it fill the page, or not."""
        self._fit()

    def action_next_target(self, step: int) -> None:
        """Move the focus to the next widget that takes it, also of panes that are not visible now."""
        targets = [widget for pane in self.panes for widget in pane.walk_children(Widget) if widget.can_focus]
        here = targets.index(self.focused) if self.focused in targets else -step
        self._focus(targets[(here + step) % len(targets)])

    def action_jump(self, index: int) -> None:
        """Move the focus to a pane."""
        self._focus(self.panes[index].target)

    def action_zoom(self) -> None:
        """Let the current pane fill the page, or put it back."""
        self.zoomed = not self.zoomed

    def action_filter(self) -> None:
        """Ask for a text to filter the current pane by."""
        field = self.query_one("#filter", Input)
        field.value = self.panes[self.current].filter
        field.display = True
        self.set_focus(field)  # at once: over a slow line the text may come in one piece with the slash

    def action_back(self) -> None:
        """Undo one thing: the filter first, then the zoom."""
        field = self.query_one("#filter", Input)
        pane = self.panes[self.current]
        if field.display or pane.filter:
            field.value = ""
            pane.filter = ""
            self._close_filter()
        else:
            self.zoomed = False

    @on(NamespacesPane.Purge)
    def _purge(self, event: NamespacesPane.Purge) -> None:
        event.stop()
        chosen = Chosen.branch(event.path, event.shapes)
        if chosen is not None:
            self.post_message(
                self.Purge(key=chosen.key) if chosen.key is not None else self.Purge(prefix=chosen.prefix)
            )

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        clean = "".join(character for character in event.value if is_safe(character))
        if clean != event.value:
            event.input.value = clean  # a paste may hold anything; this comes again with what is left
        elif event.input.display:
            self.panes[self.current].filter = clean

    @on(Input.Submitted, "#filter")
    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.set_focus(self.panes[self.current].target)

    @on(TabBar.Picked)
    def _pick(self, event: TabBar.Picked) -> None:
        self.action_jump(event.index)

    def _tell_panes(self, *, shown: bool) -> None:
        for pane in self.query(Pane):
            pane.page_shown(shown)

    def _focus(self, target: Widget) -> None:
        """Show the pane first: what is not displayed cannot take the focus."""
        pane = next(node for node in target.ancestors_with_self if node in self.panes)
        self.current = self.panes.index(pane)
        self.set_focus(target)  # at once, as above

    def _fit(self) -> None:
        """Display all panes, or only the current one."""
        alone = self.zoomed or self.narrow
        for index, pane in enumerate(self.panes):
            pane.display = not alone or index == self.current
        for column in self.query(".column"):
            column.display = any(child.display for child in column.children)
        tabs = self.query_one(TabBar)
        tabs.display = alone
        tabs.show([pane.TITLE for pane in self.panes], self.current)
