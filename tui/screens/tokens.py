"""Screen 5: who is logged in, with what, and the way out."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from tui.engine.printable import parse_printable
from tui.engine.revoke.board import Principal, TokenBoard
from tui.engine.revoke.naming import shown_user
from tui.engine.revoke.wanted import Wanted
from tui.panes.tokens_held import HeldPane
from tui.panes.tokens_principals import PrincipalsPane
from tui.screens.base import PaneScreen
from tui.screens.confirm import ConfirmScreen
from tui.words.question import Field, Question, Verdict
from tui.words.units import percent
from widgets.inputline import InputLine

if TYPE_CHECKING:
    from tui.engine.schema.model import Family

GONE = "is not there: it has expired, was revoked, or never was"


class TokensPage(PaneScreen):
    """Users on the left, what one of them holds on the right."""

    TITLE = "Tokens"
    KEY = "5"
    PANES = (PrincipalsPane, HeldPane)
    WIDTHS = (6, 7)
    NARROW = 110
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "revoke", "Revoke", id="tokens.revoke", tooltip="End all logins of this user, or this one login"),
        Binding("X", "revoke_more", "Revoke…", show=False, id="tokens.revoke_more",
                tooltip="Revoke a whole family; on a key: this key alone"),
        Binding("g,ctrl+g", "find", "Find", id="tokens.find", tooltip="Find a user, or a key by its exact name"),
        Binding("t", "paste", "Token", id="tokens.paste", tooltip="Find a token that you paste; it is not shown"),
        Binding("y", "copy", "Copy", show=False, id="tokens.copy", tooltip="Copy the user's name"),
        Binding("left", "out", "Out", show=False, id="tokens.out", tooltip="Go back to the users"),
        Binding("right", "into", "In", show=False, id="tokens.into", tooltip="Go on to the tokens"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    TokensPage #token { height: 1; border: none; padding: 0 1; background: $panel; }
    """

    class Revoke(Message):
        """Lead a person through a revocation."""

        def __init__(self, wanted: Wanted) -> None:
            super().__init__()
            self.wanted = wanted

    @property
    def users(self) -> PrincipalsPane:
        """Everybody."""
        return self.query_one(PrincipalsPane)

    @property
    def held(self) -> HeldPane:
        """What one of them holds."""
        return self.query_one(HeldPane)

    @property
    def board(self) -> TokenBoard:
        """Where both come from."""
        return self.session.of(TokenBoard)

    def compose(self) -> ComposeResult:
        """The panes, a line to type into, and one that shows nothing of what is pasted."""
        yield from super().compose()
        yield InputLine(
            id="jump", placeholder=r"a user, or the exact key as it is shown (\xNN for a byte); enter goes there"
        )
        yield InputLine(
            id="token",
            placeholder="paste a token: nothing of it is shown or kept; enter looks for its key",
            password=True,
        )

    def on_mount(self) -> None:
        """Hide the lines until they are wanted."""
        super().on_mount()
        for line in self._lines():
            line.display = False

    @on(PrincipalsPane.Pointed)
    def _pointed(self, event: PrincipalsPane.Pointed) -> None:
        event.stop()
        # The table lives: its rows move, and a cursor that nobody moved must not take away what is being read.
        here, shown = self.panes[self.current] is self.users, self.held.principal
        if here or shown is None:
            self.held.choose(event.principal)
        elif shown.user is not None and (same := self.users.named(shown.user)) is not None:
            self.held.choose(same)

    @on(PrincipalsPane.Opened)
    def _opened(self, event: PrincipalsPane.Opened) -> None:
        event.stop()
        self.held.choose(event.principal)
        self._focus(self.held.target)

    def action_back(self) -> None:
        """Undo one thing: the line, the filter, the zoom; then one pane back."""
        if any(line.display for line in self._lines()):
            self._close_lines()
        elif self.query_one("#filter", Input).display or self.panes[self.current].filter:
            super().action_back()
        elif self.zoomed:
            self.zoomed = False
        else:
            self.action_out()

    def action_out(self) -> None:
        """Go back to the users."""
        self._focus(self.users.target)

    def action_into(self) -> None:
        """Go on to the tokens."""
        self._focus(self.held.target)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What writes does not exist where nothing may be written, and nothing exists without rules about tokens."""
        if action in {"find", "paste"}:
            return bool(self.board.roles.rules)
        if action in {"revoke", "revoke_more"}:
            return bool(self.board.roles.rules) and self.session.deployment.refusal is None
        return super().check_action(action, parameters)

    # -- revoking -----------------------------------------------------------------------------------------------

    def action_revoke(self) -> None:
        """End all logins of the user under the cursor, or the one login."""
        if self.panes[self.current] is self.users:
            self._revoke_user(self.users.principal)
            return
        login, keys = self.held.login
        if login is None and self.held.key is not None:
            keys = (self.held.key.key,)
        if keys:
            self.post_message(self.Revoke(Wanted(keys=keys, whole=True)))

    def action_revoke_more(self) -> None:
        """Revoke a whole family; on a key, only this one."""
        if self.panes[self.current] is self.users:
            self._run(self._revoke_family())
        elif self.held.key is not None:
            self.post_message(self.Revoke(Wanted(keys=(self.held.key.key,))))

    def _revoke_user(self, principal: Principal | None) -> None:
        if principal is None:
            return
        if principal.user is None:
            self.app.notify("these keys tell nowhere whose they are: choose one on the right", severity="warning")
        else:
            self.post_message(self.Revoke(Wanted(user=principal.user, schema=principal.schema)))

    async def _revoke_family(self) -> None:
        families = {f"{family.schema}: {family.name}": family for family in self.board.roles.granting()}
        if len({family.schema for family in families.values()}) == 1:
            families = {family.name: family for family in families.values()}
        question = Question("Revoke a family", _family_lines(families), "Look", [_which(families)], dangerous=False)
        answers = await self.app.push_screen_wait(ConfirmScreen(question))
        if answers is not None:
            self.post_message(self.Revoke(Wanted(family=families[answers[0].strip()])))

    # -- finding ------------------------------------------------------------------------------------------------

    def action_find(self) -> None:
        """Ask for a user or a key."""
        self._open_line("#jump")

    def action_paste(self) -> None:
        """Ask for a token."""
        self._open_line("#token")

    def action_copy(self) -> None:
        """Copy the name of the user."""
        principal = self.users.principal if self.panes[self.current] is self.users else self.held.principal
        if principal is not None and principal.user is not None:
            text = shown_user(principal.user)
            self.app.copy_to_clipboard(text)
            self.app.notify(text, title="Copied the user")

    @on(Input.Submitted, "#jump")
    def _find(self, event: Input.Submitted) -> None:
        try:
            wanted = parse_printable(event.value.strip())
        except ValueError as error:
            self.app.notify(str(error), severity="error")
            return
        self._close_lines()
        if not wanted:
            return
        if (user := self.users.named(wanted)) is not None:
            self._show(user)
        elif self.board.roles.roles_of(wanted):
            self._run(self._go(Wanted(keys=(wanted,)), f"the key {GONE}"))
        else:
            self._run(self._go(Wanted(user=wanted), f"{shown_user(wanted)} has no tokens"))

    @on(Input.Submitted, "#token")
    def _find_token(self, event: Input.Submitted) -> None:
        token = event.value.strip().encode("utf-8", "surrogatepass")
        self._close_lines()
        if token:
            keys = tuple(self.board.roles.candidates(token))
            self._run(self._go(Wanted(keys=keys), f"the token {GONE}"))

    async def _go(self, wanted: Wanted, nothing: str) -> None:
        """Find it, and show its owner: as the list knows them, or as far as is known now."""
        from tui.engine.revoke.finding import Found, find

        found = await find(self.session.deployment, self.board.roles, wanted)
        if isinstance(self.focused, Input):
            return  # whoever types into a line by now has gone on to something else
        if not isinstance(found, Found):
            self.app.notify(self._so_far(nothing) if found is None else found.sentence, severity="warning")
            return
        owner, key = found.principal.user, found.key
        listed = self.users.named(owner) if owner is not None else None
        knows_all = listed is not None and (key is None or any(one.key == key for one in listed.held))
        self._show(listed if listed is not None and knows_all else found.principal, key)

    def _so_far(self, nothing: str) -> str:
        board = self.users.snapshot
        return nothing if board is None or board.complete else f"{nothing} ({percent(board.share, 0)} searched so far)"

    def _show(self, principal: Principal, key: bytes | None = None) -> None:
        self.users.move_to(principal)
        self._focus(self.held.target)  # first: the users under the cursor are then not what is shown
        self.held.choose(principal)
        if key is not None:
            self.held.move_to(key)

    def _open_line(self, line: str) -> None:
        field = self.query_one(line, Input)
        field.value = ""
        field.display = True
        self.set_focus(field)  # at once: what is pasted may come in one piece

    def _close_lines(self) -> None:
        for line in self._lines():
            line.value = ""
            line.display = False
        self.set_focus(self.panes[self.current].target)

    def _lines(self) -> tuple[Input, Input]:
        return self.query_one("#jump", Input), self.query_one("#token", Input)

    def _run(self, doing: Coroutine[Any, Any, None]) -> None:
        self.run_worker(doing, group="tokens", exclusive=True, description="finding tokens")


def _family_lines(families: Mapping[str, Family]) -> list[Content]:
    lines = [Content("Everybody's keys of a family that grants access. You see what would fall before you confirm.")]
    named = (Content.assemble((f"{name:<24}", "bold"), f" {family.purpose}") for name, family in families.items())
    return [*lines, *named]


def _which(families: Mapping[str, Family]) -> Field:
    def check(text: str) -> Verdict:
        if text.strip() in families:
            return Verdict(good=True, sentence=families[text.strip()].label)
        return Verdict(good=False, sentence="" if not text else f"there are {', '.join(families)}")

    return Field("Family:", check)
