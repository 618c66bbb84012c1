"""Screen 2: from the whole keyspace down to one value."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.engine.onekey.edit import Rename
from tui.engine.printable import parse_printable, printable
from tui.engine.rediscli import cli_command
from tui.panes.inspector import InspectorPane
from tui.panes.keylist import KeyListPane
from tui.panes.namespaces import NamespacesPane
from tui.screens.base import PaneScreen
from tui.screens.editing import Ask, Made, edit_key
from tui.screens.resting import after_rest
from tui.words.keyedits import rename, rename_question, set_ttl, ttl_question
from widgets.inputline import InputLine

SHOWN = 60
"""Characters of what was copied that the notice repeats."""


class KeysPage(PaneScreen):
    """Family tree, keys of the chosen family, and the chosen key."""

    TITLE = "Keys"
    KEY = "2"
    PANES = (NamespacesPane, KeyListPane, InspectorPane)
    WIDTHS = (4, 6, 6)
    NARROW = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,ctrl+g", "jump_to_key", "Jump", id="keys.jump", tooltip="Go straight to a key by its exact name"),
        Binding("y", "copy_key", "Copy", show=False, id="keys.copy",
                tooltip="Copy the key (in the tree: the family's pattern)"),
        Binding("Y", "copy_command", "Copy command", show=False, id="keys.copy_command",
                tooltip="Copy the redis-cli command that shows this key's value"),
        Binding("c", "copy_value", "Copy value", show=False, id="keys.copy_value",
                tooltip="Copy the value as far as it is shown"),
        Binding("t", "set_ttl", "TTL", show=False, id="keys.ttl", tooltip="Set or remove the TTL of this key"),
        Binding("d", "delete", "Delete", show=False, id="keys.delete", tooltip="Delete this key; u brings it back"),
        Binding("R", "rename", "Rename", show=False, id="keys.rename", tooltip="Give this key another name"),
        Binding("left", "out", "Out", show=False, id="keys.out", tooltip="Go back to the pane on the left"),
        Binding("right", "into", "In", show=False, id="keys.into", tooltip="Go on to the pane on the right"),
    ]  # fmt: skip

    @property
    def families(self) -> NamespacesPane:
        """The families."""
        return self.query_one(NamespacesPane)

    @property
    def keys(self) -> KeyListPane:
        """The keys of one of them."""
        return self.query_one(KeyListPane)

    @property
    def inspector(self) -> InspectorPane:
        """One of these keys."""
        return self.query_one(InspectorPane)

    def compose(self) -> ComposeResult:
        """The panes, and a line to type a key into."""
        yield from super().compose()
        yield InputLine(id="jump", placeholder=r"the exact key, as it is shown (\xNN for a byte); enter opens it")

    def on_mount(self) -> None:
        """Hide the line until it is wanted."""
        super().on_mount()
        self.query_one("#jump", Input).display = False

    def arrive(self, what: object) -> None:
        """List a family, or show a key, that was chosen on another page."""
        if isinstance(what, bytes):
            self._open(what)
        elif isinstance(what, NamespacesPane.Opened):
            self.families.reveal(what.path)
            self._list(what)
            self._focus(self.keys.target)

    @on(NamespacesPane.Pointed)
    def _family_pointed(self, event: NamespacesPane.Pointed) -> None:
        event.stop()
        # The tree lives: its rows move, and a cursor that nobody moved must not take away what is being read.
        if self.panes[self.current] is self.families or not self.keys.path:
            after_rest(self, self.session.clock, lambda: self._list(event), "family")

    @on(NamespacesPane.Opened)
    def _family_opened(self, event: NamespacesPane.Opened) -> None:
        event.stop()
        self._list(event)
        self._focus(self.keys.target)

    @on(KeyListPane.Pointed)
    def _key_pointed(self, event: KeyListPane.Pointed) -> None:
        event.stop()
        if self.panes[self.current] is not self.inspector or self.inspector.key is None:
            after_rest(self, self.session.clock, lambda: self.inspector.inspect(event.key), "key")

    @on(KeyListPane.Opened)
    def _key_opened(self, event: KeyListPane.Opened) -> None:
        event.stop()
        self._open(event.key)

    def action_back(self) -> None:
        """Undo one thing: the line, the filter, the open element, the zoom; then one pane back."""
        line = self.query_one("#jump", Input)
        pane = self.panes[self.current]
        if line.display:
            self._close_line()
        elif self.query_one("#filter", Input).display or pane.filter:
            super().action_back()
        elif pane is self.inspector and self.inspector.close_element():
            return
        elif self.zoomed:
            self.zoomed = False
        else:
            self._step(-1)

    def action_out(self) -> None:
        """Close the open element, or go one pane to the left."""
        if self.panes[self.current] is not self.inspector or not self.inspector.close_element():
            self._step(-1)

    def action_into(self) -> None:
        """Go one pane to the right."""
        self._step(1)

    def action_jump_to_key(self) -> None:
        """Ask for a key."""
        line = self.query_one("#jump", Input)
        line.value = ""
        line.display = True
        self.set_focus(line)  # at once: the key may come in one piece

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written, nor where there is no key to write to."""
        if action in {"set_ttl", "rename", "delete"}:
            return self.session.deployment.refusal is None and self.panes[self.current] is not self.families
        return super().check_action(action, parameters)

    def action_set_ttl(self) -> None:
        """Ask for a new TTL."""
        self._edit(ttl_question, set_ttl)

    def action_rename(self) -> None:
        """Ask for a new name."""
        self._edit(rename_question, rename)

    def action_delete(self) -> None:
        """Ask for a purge of one key."""
        key = self._key()
        if key is not None:
            self.post_message(self.Purge(key=key))

    def _edit(self, ask: Ask, made: Made) -> None:
        key = self._key()
        if key is not None:
            change = self._ask_and_apply(key, ask, made)
            self.run_worker(change, group="edit", exclusive=True, description="change of a key")

    async def _ask_and_apply(self, key: bytes, ask: Ask, made: Made) -> None:
        edit = await edit_key(self.app, self.session, key, ask, made)
        if isinstance(edit, Rename) and self.inspector.key == edit.key:
            self.inspector.inspect(edit.to)

    def action_copy_key(self) -> None:
        """Copy what the cursor is on."""
        if self.panes[self.current] is self.families:
            self._copy("".join(self.families.path or ()), "the pattern")
        elif (key := self._key()) is not None and not self._refuses(key):
            self._copy(printable(key), "the key", secret=self.session.secrecy.hides_name(key))

    def action_copy_command(self) -> None:
        """Copy a command that shows the same."""
        facts = self.inspector.facts
        if facts is not None and not self._refuses(facts.key):
            secret = self.session.secrecy.hides_name(facts.key)
            self._copy(cli_command(self.session.deployment.address, facts), "the command", secret=secret)

    def action_copy_value(self) -> None:
        """Copy what is shown of the value."""
        if self.inspector.facts is not None and not self._refuses(self.inspector.facts.key):
            secret = self.session.secrecy.hides_value(self.inspector.facts.key)
            self._copy(self.inspector.copied, "the value", secret=secret)

    @on(Input.Submitted, "#jump")
    def _jump(self, event: Input.Submitted) -> None:
        try:
            key = parse_printable(event.value)
        except ValueError as error:
            self.app.notify(str(error), severity="error")
            return
        self._close_line()
        if event.value:
            self.keys.move_to(key)
            self._open(key)

    def _close_line(self) -> None:
        self.query_one("#jump", Input).display = False
        self.set_focus(self.panes[self.current].target)

    def _list(self, chosen: NamespacesPane.Pointed) -> None:
        self.workers.cancel_group(self, "family")
        self.keys.choose(chosen.path, chosen.shapes)

    def _open(self, key: bytes) -> None:
        self.workers.cancel_group(self, "key")
        self.inspector.inspect(key)
        self._focus(self.inspector.target)

    def _step(self, step: int) -> None:
        index = self.current + step
        if 0 <= index < len(self.panes):
            self._focus(self.panes[index].target)

    def _key(self) -> bytes | None:
        return self.inspector.key if self.panes[self.current] is self.inspector else self.keys.key

    def _refuses(self, key: bytes) -> bool:
        """Whether a key is a secret that nobody has asked to see: then it goes to no clipboard either; says so."""
        hidden = self.inspector.hides if key == self.inspector.key else self.session.secrecy.hides_name(key)
        if hidden:
            self.app.notify("it is a secret, says the schema: open it, and V shows it", severity="warning")
        return hidden

    def _copy(self, text: str, what: str, *, secret: bool = False) -> None:
        self.app.copy_to_clipboard(text)
        shown = "it is a secret" if secret else text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        self.app.notify(shown.replace("\n", " "), title=f"Copied {what}")
