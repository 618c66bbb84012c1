from __future__ import annotations

from typing import Any

import pyte
from textual._compositor import ChopsUpdate
from textual.content import Content

from widgets.columns import Column
from widgets.lean import lean
from widgets.rows import Row
from widgets.table import Table


def cells(screen: pyte.Screen) -> list[list[tuple[Any, ...]]]:
    """Text, colours and attributes of every cell."""
    return [[tuple(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


def shown(seconds: int) -> list[Row]:
    styles = ["$success", "bold $error", "italic $text-muted on $surface", "reverse $primary"]
    return [
        Row(
            number,
            (
                Content(f"日本{number} é" if number % 3 else f"family {number}"),
                Content.styled(str((number * 7919 + seconds * 31) % 977), styles[(number + seconds) % 4]),
            ),
        )
        for number in range(seconds % 3, 30)
    ]


async def test_a_lean_update_leaves_the_same_picture_with_fewer_bytes(on_stage: Any) -> None:
    table = Table((Column("family"), Column("keys", 7, "right")))
    table.show_rows(shown(0))
    written = {True: 0, False: 0}
    screens = {True: pyte.Screen(60, 15), False: pyte.Screen(60, 15)}
    async with on_stage(table, 60, 15) as stage:
        whole: Any = stage.app.screen._compositor.render_full_update()
        for screen in screens.values():
            pyte.Stream(screen).feed(whole.render_segments(stage.app.console))
        stage.app.updates.clear()
        for second in range(1, 30):
            table.show_rows(shown(second))
            await stage.pilot.press("down" if second % 4 else "pageup")
            await stage.settle()
        assert len(stage.app.updates) >= 29
        for update in stage.app.updates:
            for leaner, screen in screens.items():
                drawn: Any = lean(update) if leaner else update
                text = drawn.render_segments(stage.app.console)
                written[leaner] += len(text.encode())
                pyte.Stream(screen).feed(text)
            assert cells(screens[True]) == cells(screens[False])
        assert screens[True].display[0].split() == ["family", "keys"]
    assert written[True] < written[False] / 2


def test_anything_but_a_partial_update_passes_unchanged() -> None:
    assert lean(None) is None
    update = ChopsUpdate([], [], [])
    assert type(lean(update)) is not ChopsUpdate
    assert lean(lean(update)) is not None
