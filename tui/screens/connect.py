"""What a person sees when there is no server to look at: why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.engine.failure import WAITS_FOR_A_PERSON, Failure, Kind
from widgets.inputline import InputLine


class ConnectScreen(ModalScreen[None]):
    """Offers the demo, another address, a password, or to keep waiting."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "demo", "Demo", id="connect.demo", tooltip="Start the demo with a server of its own"),
        Binding("ctrl+o", "places", "Profiles", id="connect.places", tooltip="Choose one of your profiles"),
        Binding("q,ctrl+c,escape", "app.quit", "Quit", id="connect.quit", tooltip="Leave redtop"),
    ]

    class Elsewhere(Message):
        """Connect to another place; `password` is empty when none was given."""

        def __init__(self, place: str, password: str) -> None:
            super().__init__()
            self.place = place
            self.password = password

        def __rich_repr__(self) -> Iterator[tuple[str, str]]:
            """Leave the password out of logs."""
            yield "place", self.place

    class Demo(Message):
        """Start the demo."""

    class Places(Message):
        """Let the person choose a profile."""

    def __init__(self, label: str, failure: Failure, *, offer_demo: bool) -> None:
        super().__init__()
        self._label = label
        self._failure = failure
        self._offer_demo = offer_demo

    def compose(self) -> ComposeResult:
        """The reason on top, the ways out below."""
        login = self._failure.kind is Kind.AUTH
        with Vertical(id="connect") as box:
            box.border_title = Content("No server to look at" if not login else "Login")
            box.border_subtitle = Content("ctrl+o lists your profiles · tab moves · escape leaves")
            yield Static(Content(""), id="reason")
            yield Static(Content(""), id="hint")
            yield InputLine(value=self._label, placeholder="host:port or redis://user@host:port/db", id="place")
            secret = InputLine(password=True, placeholder="password, if it wants one", id="password")
            yield secret
            with Horizontal():
                yield Button("Connect", variant="default" if self._offer_demo and not login else "primary", id="go")
                yield Button("Start the demo", variant="default" if login else "primary", id="demo")
                yield Button("Quit", id="quit")

    def on_mount(self) -> None:
        """Show why, and put the cursor where the answer is needed."""
        self.query_one("#demo").display = self._offer_demo
        self.explain(self._failure)
        target = "#password" if self._failure.kind is Kind.AUTH else "#demo" if self._offer_demo else "#place"
        self.query_one(target).focus()

    def explain(self, failure: Failure) -> None:
        """Say what is wrong now."""
        self._failure = failure
        if not self.query("#reason"):
            return  # a screen that is being removed has lost its widgets before it leaves the stack
        sentence = failure.sentence[:1].upper() + failure.sentence[1:]
        self.query_one("#reason", Static).update(Content.styled(f"{sentence}.", "bold"))
        if failure.kind is Kind.SSH:
            hint = "redtop waits for you: when ssh gets there, press Connect."
        elif failure.kind is Kind.DATABASE:
            hint = "redtop waits for you: type the number of another database, or another place."
        elif failure.kind in WAITS_FOR_A_PERSON:
            hint = "redtop waits for you: it never tries a password twice by itself."
        else:
            hint = "redtop keeps trying, and shows the dashboard as soon as a server answers."
        self.query_one("#hint", Static).update(Content(hint))

    def action_demo(self) -> None:
        """Ask for the demo."""
        if self._offer_demo:
            self.post_message(self.Demo())

    def action_places(self) -> None:
        """Ask for the list of profiles."""
        self.post_message(self.Places())

    @on(Input.Submitted)
    @on(Button.Pressed, "#go")
    def _go(self) -> None:
        place = self.query_one("#place", Input).value.strip()
        self.post_message(self.Elsewhere(place, self.query_one("#password", Input).value))

    @on(Button.Pressed, "#demo")
    def _demo(self) -> None:
        self.action_demo()

    @on(Button.Pressed, "#quit")
    async def _quit(self) -> None:
        await self.run_action("app.quit")
