"""One question before something is changed: what exactly, what it means, and the way back. Cancel has the focus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.words.question import Field, Question
from widgets.inputline import InputLine

DEAF = 0.3
"""Seconds in which a new dialog takes no input: a key meant for what stood there before must not answer it."""

AROUND = 6
"""Rows of border, blank lines and answers."""
PER_FIELD = 4
"""Rows of a field with its label and what is said of it."""


class ConfirmScreen(ModalScreen[list[str] | None]):
    """Returns what was typed into the fields, or None when the answer is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="confirm.cancel", tooltip="Change nothing"),
        Binding("left,up", "app.focus_previous", show=False, id="confirm.back"),
        Binding("right,down", "app.focus_next", show=False, id="confirm.next"),
        Binding("pageup", "scroll(-1)", show=False, id="confirm.up"),
        Binding("pagedown", "scroll(1)", show=False, id="confirm.down"),
    ]

    def __init__(self, question: Question, deaf_for: float = DEAF) -> None:
        super().__init__()
        self._question = question
        self._deaf_for = deaf_for
        self.deaf = True
        """Whether it is too early for an answer."""

    def compose(self) -> ComposeResult:
        """What is asked above, the answers below."""
        question = self._question
        with Vertical(id="confirm", classes="-dangerous" if question.dangerous else "") as box:
            box.border_title = Content(question.title)
            with VerticalScroll(can_focus=False):
                yield Static(Content("\n").join(question.lines), id="what")
            for field in question.fields:
                yield Static(Content(field.label), classes="label")
                yield InputLine(value=field.value, compact=True)
                yield Static(Content(""), classes="verdict")
            with Horizontal(id="answers"):
                yield Button("Cancel", id="cancel", variant="primary", compact=True)
                variant: Literal["error", "success"] = "error" if question.dangerous else "success"
                yield Button(Content(question.verb), id="yes", variant=variant, compact=True)

    def on_mount(self) -> None:
        """Stay deaf for a moment."""
        for control in self._controls():
            control.disabled = True
        self.set_timer(self._deaf_for, self._listen)

    def on_resize(self, event: events.Resize) -> None:
        """Leave the fields and the answers in sight, however long the text is."""
        below = AROUND + PER_FIELD * len(self._question.fields)
        self.query_one(VerticalScroll).styles.max_height = max(1, event.size.height - below)

    def action_cancel(self) -> None:
        """Answer no."""
        if not self.deaf:
            self.dismiss(None)

    def action_scroll(self, pages: int) -> None:
        """Show more of a long text."""
        text = self.query_one(VerticalScroll)
        text.scroll_relative(y=pages * max(1, text.size.height - 1), animate=False)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()

    @on(Button.Pressed, "#yes")
    def _yes(self) -> None:
        if not self.deaf and self._is_complete():
            self.dismiss([field.value for field in self.query(Input)])

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        """Enter in a field goes on to the next, from the last one to the answer; it never is the answer."""
        event.stop()
        if self._is_complete():
            self.query_one("#yes", Button).focus()
        else:
            self.focus_next(Input)

    @on(Input.Changed)
    def _judge(self) -> None:
        for field, said, verdict in self._verdicts():
            text = field.check(said.value)
            verdict.update(Content.styled(text.sentence, "$text-muted" if text.good else "$text-warning"))
        if not self.deaf:
            self.query_one("#yes", Button).disabled = not self._is_complete()

    def _listen(self) -> None:
        self.deaf = False
        for control in self._controls():
            control.disabled = False
        self._judge()
        # A harmless question is answered by its field; a dangerous one only by going there.
        first = self.query(Input).first() if self._question.fields and not self._question.dangerous else None
        (first or self.query_one("#cancel", Button)).focus()

    def _controls(self) -> Iterable[Button | Input]:
        return [*self.query(Button), *self.query(Input)]

    def _verdicts(self) -> Iterable[tuple[Field, Input, Static]]:
        return zip(self._question.fields, self.query(Input), self.query(".verdict").results(Static), strict=True)

    def _is_complete(self) -> bool:
        return all(field.check(said.value).good for field, said, _ in self._verdicts())
