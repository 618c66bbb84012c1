"""Pictures of the dashboard that must not change by accident, and the screenshots of the documentation.

    python -m tests.golden

draws both anew; look at them before committing.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from tests.still import REFUSED, StillSession, publish, publish_keys, publish_status
from tests.still_streams import publish_streams
from tui.app import RedtopApp
from tui.demo.fill import FROZEN_NOW
from tui.engine.node import Phase
from tui.engine.session import Session
from tui.screens.confirm import ConfirmScreen
from tui.screens.keys import KeysPage
from tui.screens.streams import StreamsPage
from tui.settings import Settings
from tui.words.keyedits import ttl_question

GOLDEN = Path(__file__).parent / "golden"
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"

Show = Callable[[Session, Pilot[int]], Awaitable[object]]


async def everything(session: Session, pilot: Pilot[int]) -> None:
    publish(session)


async def first_second(session: Session, pilot: Pilot[int]) -> None:
    publish(session, share=0.14)


async def stale(session: Session, pilot: Pilot[int]) -> None:
    publish(session, gap=True)
    await settle(pilot)
    publish_status(session, Phase.LOST, REFUSED)


async def no_server(session: Session, pilot: Pilot[int]) -> None:
    publish_status(session, Phase.CONNECTING, REFUSED)


async def explained(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("question_mark")


async def zoomed_streams(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("S", "z")


async def keys_page(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("2", "I")
    await settle(pilot)
    assert isinstance(pilot.app.screen, KeysPage)
    publish_keys(pilot.app.screen)


async def streams_page(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("3")
    await settle(pilot)
    assert isinstance(pilot.app.screen, StreamsPage)
    publish_streams(session, pilot.app.screen)


async def streams_tail(session: Session, pilot: Pilot[int]) -> None:
    await streams_page(session, pilot)
    await settle(pilot)
    await pilot.press("T", "v")


async def asked_for_a_ttl(session: Session, pilot: Pilot[int]) -> None:
    await keys_page(session, pilot)
    page = pilot.app.screen
    assert isinstance(page, KeysPage)
    assert page.inspector.facts is not None
    question = ttl_question(page.inspector.facts, FROZEN_NOW)
    dialog = ConfirmScreen(question, deaf_for=0.001)
    await pilot.app.push_screen(dialog)
    while dialog.deaf:  # noqa: ASYNC110 - a timer of Textual, so there is no event to wait for
        await asyncio.sleep(0.001)
    for field in dialog.query(Input):
        field.cursor_blink = False
    await settle(pilot)


@dataclass(frozen=True)
class Picture:
    """One picture: what is shown, how large, in which theme."""

    name: str
    show: Show
    columns: int
    rows: int
    theme: str = "dark"

    @property
    def path(self) -> Path:
        return GOLDEN / f"{self.name}-{self.columns}x{self.rows}-{self.theme}.svg"


PICTURES = [
    *(
        Picture("dashboard", everything, *size, theme)
        for size in ((80, 24), (120, 40), (200, 60))
        for theme in ("dark", "light")
    ),
    Picture("first-second", first_second, 120, 40),
    Picture("stale", stale, 120, 40),
    Picture("connect", no_server, 80, 24),
    Picture("connect", no_server, 120, 40, "light"),
    Picture("help", explained, 120, 40),
    *(
        Picture("keys", keys_page, *size, theme)
        for size, theme in (((80, 24), "dark"), ((120, 40), "light"), ((120, 40), "dark"), ((200, 60), "dark"))
    ),
    *(
        Picture("streams-page", streams_page, *size, theme)
        for size, theme in (((80, 24), "light"), ((120, 40), "dark"), ((120, 40), "light"), ((200, 60), "dark"))
    ),
    Picture("streams-tail", streams_tail, 80, 24),
    Picture("set-ttl", asked_for_a_ttl, 120, 40),
    Picture("streams", zoomed_streams, 120, 40),
    Picture("streams", zoomed_streams, 80, 24, "light"),
]


async def draw(picture: Picture) -> str:
    """Return the picture as SVG."""
    with utc():
        session = StillSession()
        app = RedtopApp(Settings(address=session.deployment.address, theme=picture.theme), session=session)
        async with app.run_test(size=(picture.columns, picture.rows)) as pilot:
            await picture.show(session, pilot)
            await settle(pilot)
            # Rich numbers its class names by the content; without that a change shows only where it is.
            return re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="redtop"))


async def settle(pilot: Pilot[int]) -> None:
    """Wait until nothing changes any more."""
    before, now = "", pilot.app.export_screenshot()
    while now != before:
        for _ in range(3):
            await pilot.pause()
        before, now = now, pilot.app.export_screenshot()


@contextmanager
def utc() -> Iterator[None]:
    """Draw times as in Greenwich, wherever this machine stands."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


async def main() -> None:
    """Draw everything anew."""
    GOLDEN.mkdir(exist_ok=True)
    SCREENSHOTS.mkdir(exist_ok=True)
    for path in GOLDEN.glob("*.svg"):
        path.unlink()
    for picture in PICTURES:
        picture.path.write_text(await draw(picture))
    for theme in ("dark", "light"):
        (SCREENSHOTS / f"dashboard-{theme}.svg").write_text(await draw(Picture("", everything, 160, 48, theme)))
    (SCREENSHOTS / "keys-dark.svg").write_text(await draw(Picture("", keys_page, 160, 48)))


if __name__ == "__main__":
    asyncio.run(main())
