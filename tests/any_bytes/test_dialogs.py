"""What is asked before a key with a hostile name is changed, what is told afterwards, and what is kept of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len

from tests.any_bytes.driven import LASTS, answer, asked_about, fill_in, line_of, redtop
from tests.hostile import CORPUS
from tests.servers import HOST, Server
from tests.storming import STORM, THOROUGH, as_shown, dialog_is_whole, dialog_text, rest
from tests.watched import Watched
from tui.cli import main
from tui.engine.printable import is_safe, printable
from tui.words.factsheet import KEY_ROWS, key_lines
from tui.words.keyedits import WIDTH

pytestmark = LASTS

ROOM = KEY_ROWS * WIDTH - 4
"""Cells of a name that a dialog surely shows in full: a wide character may be too wide for the end of a row."""


def test_names_are_typed_shown_copied_and_asked_about_as_they_are(valkey: Server, home: Path) -> None:
    """Dialogs about a key, its removal, the receipt, its export and the journal; and the clipboard leads back to it."""
    names = [b"dialog:" + one for one in CORPUS.values() if len(one) < 60]
    names = names if THOROUGH else names[3::20]
    prefix = CORPUS["clipboard"]
    valkey.ask_all([("SET", one, one) for one in names] + [("SET", prefix + b":%d" % n, n) for n in range(9)])
    assert main(["purge", printable(prefix), "-h", HOST, "-p", str(valkey.port), "--expect", "9"]) == 0
    with redtop(valkey, size=(120, 40)) as watch:
        watch.press("2")
        watch.until_shown("Inspector")
        for name in names:
            shown = shown_by_jump(watch, name)
            watch.press("y")
            copied = b"\x1b]52;c;" + base64.b64encode(printable(name).encode())
            watch.until(lambda: copied in watch.raw)  # noqa: B023 - polled before the next turn
            for key, title in ("R", "Rename"), ("t", "Set TTL"):
                asked_about(watch, key, title, shown)
                answer(watch, "\x1b", title)
            remove(watch, shown)
            check_receipts(home, name)
        asked_about(watch, "u", "Undo", "just now")
        asked_about(watch, "\x1b[F", "Undo", as_shown(prefix))  # the first purge is the last of the list
        answer(watch, "\x1b", "Undo")
    assert valkey.ask("DBSIZE") == 0


def shown_by_jump(watch: Watched, name: bytes) -> str:
    """Go to a key by its typed name; returns how it begins on screen."""
    line_of(watch, "g", "the exact key", printable(name))
    shown = as_shown(name)[:30].rstrip()
    watch.until(lambda: f"││ {shown}" in watch.text)
    return shown


def remove(watch: Watched, shown: str) -> None:
    """Remove the key that is looked at, and export the receipt."""
    asked_about(watch, "d", "Delete a key", shown)
    fill_in(watch, "delete")
    answer(watch, "\r", "Delete a key")
    watch.until_shown("removed   1", "Close")
    rest(watch)
    assert dialog_is_whole(watch, "Purge"), watch.text
    watch.press("e")
    watch.until_shown("written to")
    answer(watch, "\r", "Purge")


def check_receipts(home: Path, name: bytes) -> None:
    """What was written names the key, and no byte of it does anything."""
    receipts = list(home.glob("redtop-receipt-*.txt"))
    assert receipts
    for receipt in receipts:
        text = receipt.read_text()
        assert all(map(is_safe, text.split("\n"))), text
        assert printable(name)[:40].rstrip() in text
        receipt.unlink()


def test_what_dialogs_say_of_a_name_is_safe_and_fits() -> None:
    for payload in STORM:
        lines = key_lines(payload, WIDTH)
        assert all(is_safe(line.plain) for line in lines)
        assert max(cell_len(line.plain) for line in lines) <= WIDTH
        assert len(lines) <= KEY_ROWS
        assert all(cell_len(line.plain[0]) for line in lines), "a mark stays on its letter"


def test_strings_stand_whole_in_a_dialog(valkey: Server) -> None:
    """As many in one name as it shows: its frame is whole, and all of them are there."""
    groups = list(together())
    some = groups[::4] if THOROUGH else groups[:3]  # a dialog takes a second
    valkey.ask_all([("SET", b"".join(STORM[n] for n in group), "x") for group in some])
    with redtop(valkey, size=(120, 40)) as watch:
        watch.press("2")
        watch.until_shown("Inspector")
        for number, group in enumerate(some):
            shown_by_jump(watch, b"".join(STORM[n] for n in group))
            key, title = ("R", "Rename") if number % 2 else ("t", "Set TTL")
            asked_about(watch, key, title, as_shown(STORM[group[0]])[:30].rstrip())
            watch.until(lambda: all(f"{n:05}." in dialog_text(watch, title) for n in group))  # noqa: B023
            assert dialog_is_whole(watch, title), watch.text
            answer(watch, "\x1b", title)


def together() -> Iterator[Sequence[int]]:
    """Put strings together, by their numbers, as long as a dialog shows them all; none that is too long alone."""
    group: list[int] = []
    room = ROOM
    for number, payload in enumerate(STORM):
        cells = cell_len(printable(payload)[: ROOM + 1])
        if cells > ROOM:
            continue
        if cells > room:
            yield group
            group, room = [], ROOM
        group.append(number)
        room -= cells
    yield group
