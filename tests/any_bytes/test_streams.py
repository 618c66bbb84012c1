"""Hostile names of streams, groups, consumers and channels, and entries as they come."""

from __future__ import annotations

from tests.any_bytes.driven import LASTS, SIZE, line_of, only, redtop, zoomed
from tests.servers import Server
from tests.storming import NUMBER, SHOWN, STORM, rest, see_all

pytestmark = LASTS

STREAMS = 1500
"""Streams at a time: redtop lists some 2,000."""
GROUPS = 200
"""Groups of one stream that are shown."""


def test_names_of_streams(valkey: Server) -> None:
    for start in range(0, NUMBER, STREAMS):
        some = range(start, min(start + STREAMS, NUMBER))
        valkey.ask("FLUSHALL")
        valkey.ask_all([("XADD", STORM[n], "1-1", STORM[n], STORM[n]) for n in some])
        with redtop(valkey) as watch:
            watch.press("3")
            watch.until_shown("╭─ Streams", "╭─ Groups")
            watch.press("z")
            watch.until(lambda: "╭─ Groups" not in watch.text)
            see_all(watch, {n: SHOWN[n] for n in some})


def test_groups_consumers_and_pending_entries(valkey: Server) -> None:
    plant(valkey)
    with redtop(valkey) as watch:
        watch.press("3")
        watch.until_shown("╭─ Streams", "╭─ Groups")
        watch.press("z")
        watch.until(lambda: "╭─ Groups" not in watch.text)
        for start in range(0, NUMBER, GROUPS):
            only(watch, f"groups:{start // GROUPS}.")
            watch.press("\r")
            watch.until_shown(f"╭─ Groups · groups:{start // GROUPS}.")
            see_all(watch, {n: SHOWN[n] for n in range(start, min(start + GROUPS, NUMBER))})
            watch.press("S")
            watch.until_shown("╭─ Streams")
        only(watch, "inside")
        watch.press("\r")
        watch.until_shown("╭─ Groups · inside", "zz")
        watch.press("\r")
        watch.until_shown("all of them")
        see_all(watch)
        watch.press(b"\x1b[H\r")
        watch.until_shown("› all")
        see_all(watch)
        watch.press("\r")
        rest(watch)


def plant(server: Server) -> None:
    """Name groups, consumers and their pending entries."""
    server.ask_all([("XADD", "inside", f"{n}-1", "n", n) for n in range(1, NUMBER + 1)])
    server.ask_all([("XGROUP", "CREATE", "inside", "zz", 0)])
    server.ask_all([("XREADGROUP", "GROUP", "zz", one, "COUNT", 1, "STREAMS", "inside", ">") for one in STORM])
    for start in range(0, NUMBER, GROUPS):
        stream = f"groups:{start // GROUPS}."
        server.ask_all([("XGROUP", "CREATE", stream, one, 0, "MKSTREAM") for one in STORM[start : start + GROUPS]])


def test_the_tail_of_streams_and_channels(valkey: Server) -> None:
    valkey.ask("XADD", "tail", "*", "first", "entry")
    with redtop(valkey) as watch:
        watch.press("3")
        watch.until_shown("first=entry")
        zoomed(watch, "T", "Tail")
        coming = SIZE[1] - 20
        for start in range(0, NUMBER, coming):
            some = range(start, min(start + coming, NUMBER))
            valkey.ask_all([("XADD", "tail", "*", STORM[n], STORM[n]) for n in some])
            see_all(watch, {n: SHOWN[n] for n in some}, down="")
        line_of(watch, "c", "channels, and patterns", r"* \x1b]0;* [pwn]")
        watch.until(lambda: valkey.ask("PUBSUB", "NUMPAT") == 3)
        for start in range(0, NUMBER, coming):
            some = range(start, min(start + coming, NUMBER))
            valkey.ask_all([("PUBLISH", STORM[n], STORM[n]) for n in some])
            see_all(watch, {n: SHOWN[n] for n in some}, down="", exact=False)
        for key in "\r", "y", "v":
            watch.press(key)
            rest(watch)
