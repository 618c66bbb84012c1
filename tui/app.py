"""The application: opens the session, owns screens, themes, palette and the last belt against unsafe text."""

from __future__ import annotations

import asyncio
import gc
import signal
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Input

from tui.engine.printable import is_safe, scrub
from tui.engine.session import Session
from tui.fault import record_fault
from tui.hangup import on_signals, terminal_gone
from tui.keyboard import read_any_bytes
from tui.screens.base import PaneScreen
from tui.screens.book import Book
from tui.screens.connect import ConnectScreen
from tui.screens.contents import CONTENTS, number_keys
from tui.screens.help import HelpScreen
from tui.screens.visits import Visits
from tui.settings import Settings
from tui.theme import DARK, LIGHT
from tui.words.units import percent
from widgets.lean import lean

if TYPE_CHECKING:
    from tui.demo import Demo
    from tui.screens.expiry import ExpiryPage
    from tui.screens.tokens import TokensPage


SETTLED = 2.0
"""Seconds after which the first page stands, and the others are loaded."""


class Scrub(LineFilter):
    """Replaces whatever could still move a cursor or hide a meaning, in any widget, whoever wrote it."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with only safe text in them."""
        if all(segment.control or is_safe(segment.text) for segment in segments):
            return segments
        return [segment if segment.control else Segment(_in_cells(segment.text), segment.style) for segment in segments]


def _in_cells(text: str) -> str:
    """Scrub text; a mark whose letter a field has scrolled away took no cell, and gets none."""
    pairs = zip(text, scrub(text), strict=True)
    return "".join(new for old, new in pairs if new == old or cell_len(old) or unicodedata.category(old)[0] != "M")


class RedtopApp(App[int]):
    """redtop."""

    TITLE = "redtop"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *number_keys(),
        Binding("p", "pause", "Pause", id="app.pause", tooltip="Hold the picture still, or let it go on"),
        Binding("r", "refresh_now", "Refresh", show=False, id="app.refresh", tooltip="Look now"),
        Binding("plus,equals_sign", "faster", "Faster", show=False, id="app.faster", tooltip="Refresh more often"),
        Binding("minus", "slower", "Slower", show=False, id="app.slower", tooltip="Refresh less often"),
        Binding("greater_than_sign", "share('more')", "Survey faster", show=False, id="app.share_more",
                tooltip="Survey: take more of the server"),
        Binding("less_than_sign", "share('less')", "Survey slower", show=False, id="app.share_less",
                tooltip="Survey: take less of the server"),
        Binding("u", "undo", "Undo", show=False, id="app.undo", tooltip="Take back a purge or a change of TTLs"),
        Binding("o", "places", "Elsewhere", show=False, id="app.places", tooltip="Go to another server or database"),
        Binding("ctrl+t", "switch_theme", "Theme", show=False, id="app.theme", tooltip="Change between dark and light"),
        Binding("question_mark", "help", "Help", id="app.help", tooltip="Explain the focus, and all keys"),
        Binding("ctrl+p", "command_palette", "Palette", id="app.palette", tooltip="Search all commands"),
        Binding("q,ctrl+c", "quit", "Quit", id="app.quit", tooltip="Leave redtop"),
    ]  # fmt: skip

    def __init__(self, settings: Settings, *, demo: Demo | None = None, session: Session | None = None) -> None:
        super().__init__()
        self._visits = Visits(self, settings, demo=demo, session=session)
        self._scrub = Scrub()

    @property
    def session(self) -> Session:
        """What is looked at now."""
        return self._visits.session

    @property
    def settings(self) -> Settings:
        """The settings of what is looked at now."""
        return self._visits.settings

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Put the last belt behind Textual's own filters."""
        return [*super().get_line_filters(), self._scrub]

    def notify(self, message: str, **options: Any) -> None:
        """Show a notification; markup is never interpreted, whatever the caller says."""
        super().notify(message, **(options | {"markup": False}))

    def on_mount(self) -> None:
        """Start looking."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = (LIGHT if self.settings.theme == "light" else DARK).name
        if not self.is_headless:
            on_signals(self._leave)
            self.run_worker(self._leave_with_terminal(), group="terminal", description="terminal")
        if (demo := self._visits.demo) is not None:
            self.notify(f"redis-cli -p {demo.port} shows the same server", title="Demo")
        self._visits.begin()
        self.run_worker(_settle(), group="settle", description="pages behind the first")

    def on_unmount(self) -> None:
        """Stop a demo that was started from the first screen."""
        self._visits.end()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything that a key does, for the palette."""
        keys: dict[str, list[str]] = {}
        commands: dict[str, tuple[str, Any]] = {}
        for node, binding, enabled, tooltip in screen.active_bindings.values():
            if enabled and tooltip and binding.id and not binding.id.startswith(("table.", "tail.")):
                keys.setdefault(binding.id, []).append(self.get_key_display(binding))
                commands[binding.id] = (tooltip, _runner(self, binding.action, node))
        for name, (tooltip, run_it) in commands.items():
            yield SystemCommand(tooltip, " ".join(keys[name]), run_it)
        if isinstance(screen, PaneScreen):
            for index, pane in enumerate(screen.panes):
                yield SystemCommand(f"Go to {pane.TITLE}", pane.JUMP, _runner(self, f"jump({index})", screen))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The page that is shown needs no key."""
        if action == "undo":
            return self.session.deployment.refusal is None
        return action != "page" or self._book is None or not self._book.is_open(parameters[0])

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Do at once what a key means, unless it may be a letter.

        Textual first sends a key around the page, and what came in one piece with it (over a slow line, from tmux)
        would be obeyed before the field is there that it was typed for.
        """
        if await super()._check_bindings(key, priority):
            return True
        return priority and not isinstance(self.focused, Input) and await super()._check_bindings(key)

    @property
    def _book(self) -> Book | None:
        return self._visits.book

    async def action_page(self, key: str) -> None:
        """Show the page of a number key."""
        if self._book is not None:
            await self._book.turn_to(key)

    async def on_pane_screen_wanted(self, message: PaneScreen.Wanted) -> None:
        """Show what was chosen on another page."""
        page = await self._book.turn_to(message.key) if self._book is not None else None
        if page is not None:
            page.arrive(message.what)

    def on_pane_screen_purge(self, message: PaneScreen.Purge) -> None:
        """Lead through a purge."""
        self._visits.changes.purge(message.prefix, message.key)

    def on_tokens_page_revoke(self, message: TokensPage.Revoke) -> None:
        """Lead through a revocation."""
        self._visits.changes.revoke(message.wanted)

    def on_expiry_page_retime(self, message: ExpiryPage.Retime) -> None:
        """Lead through a change of TTLs, or its undo."""
        self._visits.changes.retime(message)

    def action_undo(self) -> None:
        """List what can be undone."""
        self._visits.changes.undo()

    def action_pause(self) -> None:
        """Hold the picture, or let it go on."""
        self.session.pace.paused = not self.session.pace.paused

    def action_refresh_now(self) -> None:
        """Look now."""
        self.session.look_anew()

    def action_faster(self) -> None:
        """Refresh more often."""
        self.session.pace.faster()

    def action_slower(self) -> None:
        """Refresh less often."""
        self.session.pace.slower()

    def action_share(self, direction: str) -> None:
        """Let the survey take more or less of the server's time."""
        share = self.session.share
        share.more() if direction == "more" else share.less()
        said = "full speed" if share.most >= 1 else f"at most {percent(share.most)} of the server's time"
        self.notify(f"the survey takes {said}", timeout=3)

    def action_switch_theme(self) -> None:
        """Change between dark and light."""
        self.theme = (LIGHT if self.theme == DARK.name else DARK).name

    def action_help(self) -> None:
        """Explain what has the focus."""
        screen = self.screen
        if not isinstance(screen, PaneScreen):
            return
        pane = screen.panes[screen.current]
        shown: dict[str, str] = {}
        for _, binding, _, tooltip in screen.active_bindings.values():
            if tooltip and binding.key != "ctrl+q":  # Textual's own, beside ours
                key = self.get_key_display(binding)
                shown[tooltip] = f"{shown[tooltip]} {key}" if tooltip in shown else key
        keys = [(key, what) for what, key in shown.items()]
        keys += [(pane.JUMP, f"Go to {pane.TITLE}") for pane in screen.panes]
        self.push_screen(HelpScreen(pane.TITLE, pane.HELP, keys))

    async def on_connect_screen_elsewhere(self, message: ConnectScreen.Elsewhere) -> None:
        """Connect to the place a person typed."""
        await self._visits.go_to(message.place, message.password)

    async def on_connect_screen_demo(self) -> None:
        """Start the demo from the first screen."""
        await self._visits.start_demo()

    def on_connect_screen_places(self) -> None:
        """List the profiles from the first screen."""
        self.action_places()

    def action_places(self) -> None:
        """Let the person choose another server or database."""
        self.run_worker(self._visits.choose(), group="places", exclusive=True, description="choice of a place")

    def _leave(self, code: int) -> None:
        self.exit(code)

    async def _leave_with_terminal(self) -> None:
        await terminal_gone()
        self._leave(128 + signal.SIGHUP)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, lean(renderable))  # type: ignore[arg-type]  # the same kind of update, leaner

    def panic(self, *renderables: object) -> None:
        """End with one sentence; Textual's driver would print a traceback here."""
        self._return_code = 1
        self._fatal_error()

    def _fatal_error(self) -> None:
        """End with one sentence: Textual's own traceback would print local variables, keys and passwords included."""
        self.bell()
        self._exit_renderables.append(Text(record_fault()))
        self._close_messages_no_wait()


def run(settings: Settings, *, demo: Demo | None = None) -> int:
    """Show the dashboard until the person leaves; returns the exit code."""
    read_any_bytes()
    app = RedtopApp(settings, demo=demo)
    result = app.run()
    return result if isinstance(result, int) else app.return_code or 0


async def _settle() -> None:
    """Load the pages behind the first one by one, and tell Python that what is loaded by then stays.

    Looking through all modules and widgets for garbage takes 40 ms, and a key pressed meanwhile waits for it.
    """
    await asyncio.sleep(SETTLED)
    for chapter in CONTENTS:
        chapter.load()
        await asyncio.sleep(0)
    gc.collect()
    gc.freeze()


def _runner(app: App[Any], action: str, owner: DOMNode) -> Any:
    async def run_it() -> None:
        await app.run_action(action, owner)

    return run_it
