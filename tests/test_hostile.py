"""Nothing in a server can move the cursor, reach the clipboard, run an action or break a line of the real program."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from rich.segment import Segment
from textual.color import Color

from tests.hostile import CORPUS, plant, plant_all
from tests.looking import looking
from tests.servers import HOST, Server
from tests.watched import Watched, sequences, watched
from tui.app import Scrub
from tui.engine.printable import printable

OWN = re.compile(
    rb"[\r\n]"
    rb"|\x1b\[[0-9;]*m"
    rb"|\x1b\[(\d{1,2}|1\d\d);\d{1,3}H"
    rb"|\x1b\[\?(1000|1003|1004|1006|1015|1049|2004|2026|25|7)[hl]"
    rb"|\x1b\[\?(2026|2048)\$p"
    rb"|\x1b\[>25u|\x1b\[<u"  # keyboard protocol
    rb"|\x1b\]22;(default|pointer|text)\x07"  # shape of the mouse pointer
)
"""Everything that redtop and Textual themselves write in these tests."""

HIDDEN = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\xad"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
"""Characters that must never be written: controls, bidi, zero width, tags."""

PANES = {"N": "Namespaces", "S": "Streams", "M": "Memory", "H": "Hit rate", "T": "TTL"}


@pytest.fixture
def hostile(valkey: Server) -> Server:
    """A server in which everybody has chosen the worst names."""
    plant_all(valkey)
    return valkey


def check(raw: bytes) -> None:
    """Nothing but our own sequences was written, and nothing that hides."""
    found = sequences(raw)
    assert not [one for one in found if not OWN.fullmatch(one)]
    assert not [one for one in found if b"38;2;1;2;3" in one]
    text = raw.decode()  # and it is whole UTF-8
    assert not (hidden := HIDDEN.search(re.sub("\x1b\\][^\x07]*\x07", "", text))), ascii(hidden)


PLAIN = {"wide", "combining", "lone mark", "jamo", "filler", "action", "screen action", "style", "closing", "open"}
PLAIN |= {"brackets", "link markup", "variable", "percent", "newline", "backslash", "long", "long wide", "blank"}
"""Payloads that a terminal may be given as they are, or (newline) among what is written anyway."""


@pytest.mark.parametrize("name", sorted(CORPUS.keys() - PLAIN - {"main screen"}))
def test_the_check_finds_payloads(name: str) -> None:
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        check(b"before " + CORPUS[name] + b" after")


def frame_is_whole(watch: Watched) -> bool:
    """Whether the zoomed pane's border is unbroken: no character is wider or narrower than redtop thought."""
    top = next((y for y, line in enumerate(watch.lines) if line.startswith("╭")), 0)
    bottom = next((y for y, line in enumerate(watch.lines) if line.startswith("╰")), 0)
    edge = watch.screen.columns - 1
    sides = [watch.screen.buffer[y][x].data for x in (0, edge) for y in range(top, bottom + 1)]
    inside = ["│"] * (bottom - top - 1)
    return bottom - top > 30 and sides == ["╭", *inside, "╰", "╮", *inside, "╯"]


def zoom(watch: Watched, key: str) -> None:
    """Let one pane fill the page."""
    if "Namespaces   Streams" not in watch.text:
        watch.press("z")
    watch.press(key)
    watch.until(lambda: f"╭─ {PANES[key]} ·" in watch.text and frame_is_whole(watch))


def expected(payload: bytes) -> str:
    """What must be seen of a payload, in the form in which the screen keeps accents."""
    return unicodedata.normalize("NFC", printable(payload)[:40])


def scroll_until_seen(watch: Watched, texts: set[str], seen: Callable[[], str]) -> None:
    """Scroll down, and from the top again, until all texts were seen; the frame is whole on every page."""
    missing, quiet, before = set(texts), 0, ""
    for _ in range(500):
        watch.look()
        missing = {text for text in missing if text not in seen()}
        if not missing:
            return
        quiet = quiet + 1 if seen() == before else 0
        before = seen()
        if quiet == 3:
            watch.until(lambda: frame_is_whole(watch))
        if quiet % 4 == 3:
            watch.press(b"\x1b[H" if quiet > 20 else b"\x1b[6~")
            quiet = 0 if quiet > 20 else quiet
    raise AssertionError(f"never seen: {missing}; on screen:\n{watch.text}")


def without_numbers(text: str) -> str:
    """The text without numbers and their placeholders: families hide them."""
    return re.sub(r"\{int\}|\d", "", text)


def test_no_payload_reaches_the_terminal_from_any_pane(hostile: Server) -> None:
    texts = {expected(payload) for payload in CORPUS.values()}
    with watched("-h", HOST, "-p", str(hostile.port), "--interval", "0.25", "--scan-share", "0.5") as watch:
        watch.until_shown("● live", "100% seen")
        zoom(watch, "N")
        # Those that would fall in one family with others, or are cut into several parts, are told apart elsewhere.
        families = {without_numbers(text) for text in texts if not set(text) & set("{/?") and len(text) < 40}
        scroll_until_seen(watch, families, lambda: without_numbers(watch.text))
        zoom(watch, "S")
        names = {"  " + expected(b"s" + payload) for payload in CORPUS.values()}
        scroll_until_seen(watch, names, lambda: watch.text.replace("●", " "))
        for key in "MH":
            zoom(watch, key)
        watch.press("?")
        watch.until_shown("escape closes")
        watch.press("\x1b")
        watch.until(lambda: "escape closes" not in watch.text)
        watch.press("\x10")
        watch.until_shown("Search for commands")
        watch.press("\x1b")
        watch.until(lambda: "Search for commands" not in watch.text)
        zoom(watch, "T")
        look_at_ttls(watch, hostile)
        assert watch.leave() == 0
        check(bytes(watch.raw))
        check_restored(watch)


def look_at_ttls(watch: Watched, server: Server) -> None:
    """See every payload among the keys that expire next, a dozen at a time."""
    left = list(CORPUS.values())
    while left:
        front, left = left[:12], left[12:]
        watch.until_shown(*(expected(payload) for payload in front))
        watch.until(lambda: frame_is_whole(watch))
        server.ask_all([("PERSIST", payload) for payload in front])


def check_restored(watch: Watched) -> None:
    """The terminal is as it was: shown cursor, main screen, no mouse, no bracketed paste, usual keyboard."""
    state = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", bytes(watch.raw)))
    off = dict.fromkeys((b"1000", b"1003", b"1004", b"1006", b"1015", b"1049", b"2004"), b"l")
    assert state == off | {b"25": b"h", b"7": b"h"}
    assert watch.raw.count(b"\x1b[>25u") == watch.raw.count(b"\x1b[<u")


def test_the_live_tail_shows_hostile_entries_as_text(valkey: Server) -> None:
    valkey.ask("XADD", "tail", "*", "first", "entry")
    with watched("-h", HOST, "-p", str(valkey.port), "--interval", "0.25") as watch:
        watch.until_shown("first=entry")
        zoom(watch, "S")
        payloads = list(CORPUS.values())
        for some in (payloads[start : start + 15] for start in range(0, len(payloads), 15)):
            valkey.ask_all([("XADD", "tail", "*", payload, payload) for payload in some])
            for payload in some:
                shown = expected(payload)
                watch.until_shown(f" {shown}", "=" if len(payload) > 60 else f"={shown}")
            watch.until(lambda: frame_is_whole(watch))
        assert watch.leave() == 0
        check(bytes(watch.raw))


def test_junk_pasted_into_the_filter_is_only_text(valkey: Server) -> None:
    plant(valkey, CORPUS["action"], 1)
    with watched("-h", HOST, "-p", str(valkey.port), "--interval", "0.25") as watch:
        watch.until_shown("● live", "[@click=app.quit]")
        watch.press("/")
        watch.until_shown("only rows with this text")
        for payload in CORPUS.values():
            watch.press(b"\x1b[200~" + payload[:60] + b"\x1b[201~")
        watch.until_shown("no family contains")  # and why: all of the pasted text, as text
        watch.press("\x1b")
        watch.until_shown("tab Pane z Zoom")
        watch.press("/zzqq")  # in one piece, as a slow line delivers it: no letter may act as a command
        watch.until_shown("no family contains 'zzqq'")
        watch.press("\x1b")
        # Both, for a line that is about to be painted over may be seen a moment longer, and esc q in one is alt+q.
        watch.until(lambda: "tab Pane z Zoom" in watch.text and "zzqq" not in watch.text)
        assert watch.leave() == 0
        check(bytes(watch.raw))
        check_restored(watch)


def test_the_last_belt_moves_nothing_when_a_letter_was_cut_off_its_marks() -> None:
    for text, left in ("\u0308\u0344n", "n"), ("\x1b]0;", "\ufffd]0;"), ("e\u0301\u202e", "e\u0301\ufffd"):
        (segment,) = Scrub().apply([Segment(text)], Color(0, 0, 0))
        assert segment.text == left


async def test_clicking_on_markup_in_names_runs_no_action(valkey: Server) -> None:
    payload = CORPUS["action"]
    plant(valkey, payload, 1)
    async with looking(valkey.port, (200, 60)) as look:
        await look.until_shown("● live", "[@click=app.quit]pwn[/]", "=[@click=app.quit]pwn")
        await look.press("slash", "p", "enter")
        await look.until_shown("only 'p'")
        for y, line in enumerate(look.lines):
            for x in range(len(line)):
                assert "@click" not in look.app.screen.get_style_at(x, y).meta, (x, y)
        spots = {(found.start() + 3, y) for y, line in enumerate(look.lines) for found in re.finditer(r"\[@", line)}
        assert len({x // 100 for x, _ in spots}) == 2, "in panes of both columns"
        for spot in spots:
            await look.pilot.click(offset=spot)
        assert look.app.is_running
        assert look.app.return_value is None
