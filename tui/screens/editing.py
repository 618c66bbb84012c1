"""One key, as a person changes it: looked at anew, asked about, changed, and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

from tui.engine.onekey.edit import Edit, apply
from tui.engine.onekey.inspect import KeyFacts, Missing, look
from tui.engine.secrecy import Secrecy
from tui.engine.session import Session
from tui.screens.confirm import ConfirmScreen
from tui.words.keyedits import done_sentence
from tui.words.question import Question

Ask = Callable[[KeyFacts, float, Secrecy], Question]
Made = Callable[[KeyFacts, str], Edit]


async def edit_key(app: App[Any], session: Session, key: bytes, ask: Ask, made: Made) -> Edit | None:
    """Ask what is wanted of a key, and do it; None when nothing was changed. Runs inside a worker."""
    deployment = session.deployment
    seen = await look(deployment, key)  # what is confirmed is how the key is now, not when the list last asked
    if not isinstance(seen, KeyFacts):
        gone = "the key is gone: it expired, or was deleted" if isinstance(seen, Missing) else seen.sentence
        app.notify(gone, severity="warning")
        return None
    answer = await app.push_screen_wait(ConfirmScreen(ask(seen, session.clock.wall(), session.secrecy)))
    if answer is None:
        return None
    edit = made(seen, answer[0])
    failure = await apply(deployment, edit, seen)
    if failure is not None:
        app.notify(failure.sentence, title="Nothing was changed", severity="error")
        return None
    app.notify(done_sentence(edit, session.secrecy), title="Done")
    session.pace.nudge()
    return edit
