"""The real program in a real terminal, driven from page to page and from dialog to dialog."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.hostile import CORPUS
from tests.servers import HOST, Server
from tests.storming import THOROUGH, dialog_is_whole, frame_is_whole, rest
from tests.test_hostile import check, check_restored
from tests.watched import Watched, watched
from tui.engine.printable import is_safe
from tui.screens.confirm import DEAF

LASTS = pytest.mark.timeout(7200 if THOROUGH else 300)
"""Seconds a test may take."""
SIZE = (160, 150) if THOROUGH else (160, 100)
"""Columns and rows: the taller, the fewer pages."""
COPIED = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
"""What goes to the clipboard of the terminal: base64."""


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8."""
    return data.decode("utf-8", "ignore").encode() == data


USERS = [name for name, one in CORPUS.items() if is_text(one) and not set(one) & set(b" \0\t\n\r")]
"""Payloads that a server takes for names of users, and a URL as well."""


@contextmanager
def redtop(server: Server, *arguments: str, size: tuple[int, int] = SIZE) -> Iterator[Watched]:
    """Look at a server until the test ends, then leave, and look at all that was written."""
    place = ("-h", HOST, "-p", str(server.port)) if "-u" not in arguments and "--profile" not in arguments else ()
    with watched(*place, "--interval", "0.5", "--scan-share", "50", *arguments, size=size) as watch:
        watch.until_shown("● live")
        yield watch
        assert watch.terminal.process.poll() is None, "nothing that was clicked or shown has ended it"
        assert watch.leave() == 0
        copied = COPIED.findall(bytes(watch.raw))
        check(COPIED.sub(b"", bytes(watch.raw)))
        check_restored(watch)
    for text in copied:
        assert all(is_safe(line) for line in base64.b64decode(text).decode().split("\n"))


def line_of(watch: Watched, key: str, prompt: str, text: str) -> None:
    """Type into the line that a key opens."""
    watch.press(key)
    watch.until_shown(prompt)
    watch.press(text + "\r")
    watch.until(lambda: prompt not in watch.text and "q Quit" in watch.text)


def zoomed(watch: Watched, key: str, title: str) -> None:
    """Let one pane of a page fill it."""
    watch.press(key)
    watch.until_shown(f"╭─ {title}")
    watch.press("z")
    watch.until(lambda: f"╭─ {title}" in watch.text and frame_is_whole(watch))


def only(watch: Watched, text: str) -> None:
    """Keep the rows with a text in them, instead of those with another one."""
    watch.press("/\x15" + text + "\r")
    watch.until(lambda: f"only '{text}'" in watch.text and "q Quit" in watch.text)


def asked_about(watch: Watched, key: str, title: str, shown: str) -> None:
    """Open a dialog: it names what it is about, and no character of that breaks its frame."""
    watch.press(key)
    watch.until(lambda: shown in watch.text and dialog_is_whole(watch, title))


def fill_in(watch: Watched, text: str) -> None:
    """Go from Cancel, which has the focus at first, to the field, and from there to the answer."""
    field = re.compile(rf"│ +{text} +│")
    while not field.search(watch.text):  # deaf for 300 ms, and on a busy machine for longer
        watch.press("\x1b[Z" + text)
        _look(watch, 2 * DEAF)
    watch.press("\r")
    rest(watch)


def answer(watch: Watched, key: str, title: str) -> None:
    """Press a key when a dialog listens, and again until it is gone, for on a busy machine it is deaf for longer."""
    _look(watch, DEAF)
    pressed = 0
    while f"╭─ {title} " in watch.text:
        watch.press(key)
        pressed += 1
        patient = time.monotonic() + 10.0
        while f"╭─ {title} " in watch.text and time.monotonic() < patient:
            watch.look()
    if pressed > 1:  # escape and the next key would be one, if it has not been read yet
        _look(watch, 2.0)


def _look(watch: Watched, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch.look()
