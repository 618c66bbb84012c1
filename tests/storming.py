"""Thousands of hostile strings on the screen of a real terminal: each is looked for, and read back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping

from tests.hostile import MEGABYTE, storm
from tests.watched import Watched, as_drawn
from tui.engine.printable import printable

THOROUGH = os.environ.get("REDTOP_THOROUGH") == "1"
NUMBER = 10_000 if THOROUGH else 150
"""Strings that go through every field; where a screen holds fewer at most, so many."""
STORM = [*storm(NUMBER - 1), b"%05d." % (NUMBER - 1) + MEGABYTE]


def as_shown(data: bytes) -> str:
    """Return what must be seen of it."""
    return as_drawn(printable(data))


SHOWN = {number: as_shown(payload) for number, payload in enumerate(STORM)}
"""What must be seen of each, by its number."""

PAGE_DOWN, HOME = b"\x1b[6~", b"\x1b[H"
_NUMBERED = re.compile(r"(?<!\d)(\d{5})\.")
_QUIET = 3
"""Looks without a new byte after which the screen is as it is meant to be: 60 ms."""
_TRIES = 100
"""Quiet looks at a screen that is wrong before that is said: a page that is being drawn is wrong for a moment."""
_PATIENCE = 180.0
"""Seconds without anything new before somebody gives up: a list may be growing yet, on a machine that is busy."""
_TURN = 1.0
"""Seconds for a page to turn; after that there is no other one, for now."""
_SAME = 12
"""Times that no page is turned to before it is gone on from the top: rows may have moved."""


def rest(watch: Watched) -> None:
    """Look until nothing is written for a moment."""
    quiet, before = 0, len(watch.raw)
    for _ in range(50):
        watch.look()
        quiet, before = (quiet + 1, before) if len(watch.raw) == before else (0, len(watch.raw))
        if quiet == _QUIET:
            return


def frame_is_whole(watch: Watched) -> bool:
    """Whether the borders at both edges are unbroken: nothing is wider or narrower than redtop thought."""
    edge = watch.screen.columns - 1
    return _is_whole(_column(watch, 0)) and _is_whole(_column(watch, edge))


def dialog_is_whole(watch: Watched, title: str) -> bool:
    """Whether the border of the dialog with this title is unbroken."""
    place = _place_of(watch, title)
    if place is None:
        return False
    top, left, right = place
    sides = _column(watch, left)[top:], _column(watch, right)[top:]
    return re.match("╭│{3,}╰", sides[0]) is not None and re.match("╮│{3,}╯", sides[1]) is not None


def dialog_text(watch: Watched, title: str) -> str:
    """The lines in the dialog with this title, one behind the other: a name may be folded anywhere."""
    place = _place_of(watch, title)
    if place is None:
        return ""
    top, left, right = place
    rows = (watch.screen.buffer[y] for y in range(top + 1, watch.screen.lines))
    return "".join("".join(row[x].data for x in range(left + 1, right)).strip(" ") for row in rows)


def _place_of(watch: Watched, title: str) -> tuple[int, int, int] | None:
    """Top, left and right of the dialog with this title."""
    for y, line in enumerate(watch.lines):
        if f"╭─ {title} " in line:
            cells = [watch.screen.buffer[y][x].data[:1] or "?" for x in range(watch.screen.columns)]
            left = "".join(cells).find(f"╭─ {title} ")
            return (y, left, cells.index("╮", left)) if "╮" in cells[left:] else None  # half drawn
    return None


def _column(watch: Watched, x: int) -> str:
    return "".join(watch.screen.buffer[y][x].data[:1] or "?" for y in range(watch.screen.lines))


def _is_whole(column: str) -> bool:
    """Header and keys stand above and below; between them every row begins and ends with a border."""
    return re.fullmatch(r"[^╭╰│╮╯]*([╭╮]│+[╰╯])+[^╭╰│╮╯]*", column) is not None


def see_all(
    watch: Watched, wanted: Mapping[int, str] = SHOWN, *, exact: bool = True, down: bytes | str = PAGE_DOWN
) -> None:
    """Page down until all of these were on screen, each as it must be; every page keeps its frame.

    Without `exact` a string only has to be there: a value that is JSON or text of several lines is laid out anew.
    """
    before: set[int] = set()
    missing, same, since = set(wanted), 0, time.monotonic()
    while missing:
        found = _see(watch, wanted, exact=exact)
        same, before = (same + 1 if found == before else 0), found
        since = time.monotonic() if found & missing else since
        missing -= found
        late = time.monotonic() - since > _PATIENCE
        assert not late, f"never seen: {sorted(missing)[:5]} of {len(missing)}; on screen:\n{watch.text}"
        if missing:
            if down:
                watch.press(HOME if same == _SAME else down)
            same %= _SAME
            _turned(watch, wanted, found)


def _turned(watch: Watched, wanted: Mapping[int, str], before: set[int]) -> None:
    """Look until other strings are on screen, or none will come: a second key would skip what was never drawn."""
    until = time.monotonic() + _TURN
    while time.monotonic() < until:
        rest(watch)
        if _read(watch, wanted)[0] != before:
            return


def _see(watch: Watched, wanted: Mapping[int, str], *, exact: bool) -> set[int]:
    """Return the numbers of the strings on screen, when it is still, and nothing on it is wrong."""
    for _ in range(_TRIES):
        rest(watch)
        found, wrong = _read(watch, wanted)
        if not (exact and wrong) and frame_is_whole(watch):
            return found | ({number for number, _ in wrong})
    raise AssertionError(f"wrong: {wrong[:3]}, or a broken frame:\n{watch.text}")


def _read(watch: Watched, wanted: Mapping[int, str]) -> tuple[set[int], list[tuple[int, str]]]:
    """Return the numbers of what is shown as it must be, and with what is shown instead, those that are not."""
    found, wrong = set(), []
    for line in watch.lines:
        for place in _NUMBERED.finditer(line):
            number, shown = int(place[1]), line[place.start() :]
            if number not in wanted:
                continue
            if _is_shown(wanted[number], shown):
                found.add(number)
            else:
                wrong.append((number, shown[:80]))
    return found, wrong


def _is_shown(want: str, shown: str) -> bool:
    """Whether a row goes on with all of it, or with its beginning and an ellipsis."""
    if shown.startswith(want):
        return True
    whole, cut, _ = shown.partition("…")
    return bool(cut) and want.startswith((whole, whole.removesuffix(" ")))  # half a wide character is left blank
