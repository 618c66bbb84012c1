"""Nothing is left behind: the soak of `python -m benchmarks.soak` in a few seconds, and what it once found."""

from __future__ import annotations

import gc

import pytest
from textual.widgets._footer import FooterKey

from benchmarks.soak import outgrown, soak
from tests.looking import Looking, looking
from tests.servers import Server
from tui.settings import Settings

ROOM_MB = 25.0
"""In so short a time caches fill; what a page or a poll leaves behind shows in the long run. This is for explosions."""
ONE_LINE = 25
"""Keys of one such line: more or fewer of them, as what has the focus offers more or less."""


@pytest.mark.timeout(180)  # fifteen seconds where nothing else runs
async def test_after_polls_pages_and_faults_there_is_no_file_task_or_connection_more() -> None:
    before, after = await soak(minutes=0.12, polls=60, faults=2, say=lambda _: None)
    assert not outgrown(before, after, ROOM_MB)
    assert after.connections == 1


async def test_turning_pages_leaves_no_keys_of_the_line_at_the_bottom_behind(valkey: Server) -> None:
    async with looking(valkey.port, settings=Settings()) as look:
        await look.until_shown("● live")
        await turn(look, "2121")
        before = keys()
        await turn(look, "2121" * 5)
        assert keys() <= before + ONE_LINE


async def turn(look: Looking, pages: str) -> None:
    """Turn to these pages, and wait for the line at the bottom of each: it is made when the page has come to rest."""
    for page in pages:
        await look.press(page)
        await look.until(lambda: page == look.page.KEY and look.app.screen.query(FooterKey))  # noqa: B023 - at once


def keys() -> int:
    """How many keys of such lines this process holds."""
    gc.collect()
    return sum(isinstance(one, FooterKey) for one in gc.get_objects())
