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
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from textual.pilot import Pilot
from textual.widgets import Input

from tests.still import REFUSED, StillSession, publish, publish_keys, publish_status
from tests.still_meaning import SCHEMAS, publish_expiry, publish_tokens, revocation
from tests.still_streams import publish_streams
from tests.still_topology import lonely, publish_topology, troubled_cluster
from tui.app import RedtopApp
from tui.demo.fill import FROZEN_NOW
from tui.engine.address import Address, Tls
from tui.engine.node import Phase
from tui.engine.schema.model import Schema
from tui.engine.session import Session
from tui.profiles import Known
from tui.screens.confirm import ConfirmScreen
from tui.screens.keys import KeysPage
from tui.screens.purge import styled
from tui.screens.streams import StreamsPage
from tui.settings import Settings
from tui.words.keyedits import ttl_question
from tui.words.question import Question, typed
from tui.words.revoke_words import confirmation
from tui.words.revoke_words import plan_lines as revoke_lines

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


async def cluster_in_trouble(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("6")
    publish_topology(session, troubled_cluster())
    await settle(pilot)
    await pilot.press("down", "down")


async def single_server(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("6")
    publish_topology(session, lonely())


async def expiry_page(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("4")
    await settle(pilot)
    publish_expiry(session)


async def expiry_forecast(session: Session, pilot: Pilot[int]) -> None:
    await expiry_page(session, pilot)
    await settle(pilot)
    await pilot.press("F")


async def expiry_drift(session: Session, pilot: Pilot[int]) -> None:
    await expiry_page(session, pilot)
    await settle(pilot)
    await pilot.press("P")


async def tokens_page(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    await pilot.press("5")
    await settle(pilot)
    publish_tokens(session)


async def tokens_of_a_user(session: Session, pilot: Pilot[int]) -> None:
    await tokens_page(session, pilot)
    await settle(pilot)
    await pilot.press("down", "enter")


async def asked_to_revoke(session: Session, pilot: Pilot[int]) -> None:
    await tokens_page(session, pilot)
    made = revocation(b"user_12cdbbb2")
    fields = [typed(expected, label) for label, expected in confirmation(made)]
    lines = styled(revoke_lines(made, FROZEN_NOW))
    await _asked(pilot, Question("Revoke", lines, f"Revoke {len(made.keys):,}", fields))


async def asked_for_a_ttl(session: Session, pilot: Pilot[int]) -> None:
    await keys_page(session, pilot)
    page = pilot.app.screen
    assert isinstance(page, KeysPage)
    assert page.inspector.facts is not None
    await _asked(pilot, ttl_question(page.inspector.facts, FROZEN_NOW))


KNOWN = (
    Known("live", "redis-3.internal:6379", 0, None, True, True, "me@bastion.example.com", None),
    Known("staging", "redis.staging.example.com:6380", 0, "orange", False, False, None, None),
    Known("laptop", "localhost:6379", 0, "blue", False, False, None, None),
    Known("old", "", 0, None, False, False, None, "unknown field `hots`"),
)
"""Profiles of a user."""
PLAIN = Settings(address=Address("127.0.0.1", 7379))
BEHIND_SSH = Address("127.0.0.1", 7379, tls=Tls(insecure=True), ssh="me@bastion.example.com")
LIVE = Settings(BEHIND_SSH, profile="live", production=True)
"""What its user should never overlook."""


async def places(session: Session, pilot: Pilot[int]) -> None:
    publish(session)
    await settle(pilot)
    with patch("tui.screens.places.profiles", return_value=KNOWN):
        await pilot.press("o")
        await settle(pilot)


async def _asked(pilot: Pilot[int], question: Question) -> None:
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
    schemas: tuple[Schema, ...] = ()
    """Active ones."""
    told: Settings = PLAIN

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
    *(Picture("places", places, *size, theme, told=LIVE) for size, theme in (((80, 24), "dark"), ((120, 40), "light"))),
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
    *(
        Picture("server-page", cluster_in_trouble, *size, theme)
        for size, theme in (((80, 24), "dark"), ((120, 40), "dark"), ((120, 40), "light"), ((200, 60), "dark"))
    ),
    Picture("server-alone", single_server, 120, 40),
    Picture("set-ttl", asked_for_a_ttl, 120, 40),
    *(
        Picture(name, show, *size, theme, SCHEMAS)
        for name, show in (("expiry", expiry_page), ("tokens", tokens_page))
        for size, theme in (((80, 24), "dark"), ((120, 40), "light"), ((120, 40), "dark"), ((200, 60), "dark"))
    ),
    Picture("expiry-forecast", expiry_forecast, 80, 24, "dark", SCHEMAS),
    Picture("expiry-drift", expiry_drift, 80, 24, "dark", SCHEMAS),
    Picture("tokens-held", tokens_of_a_user, 80, 24, "dark", SCHEMAS),
    Picture("revoke", asked_to_revoke, 120, 40, "dark", SCHEMAS),
    Picture("revoke", asked_to_revoke, 80, 24, "light", SCHEMAS),
    Picture("streams", zoomed_streams, 120, 40),
    Picture("streams", zoomed_streams, 80, 24, "light"),
]


async def draw(picture: Picture) -> str:
    """Return the picture as SVG."""
    with utc():
        session = StillSession(picture.schemas)
        app = RedtopApp(replace(picture.told, theme=picture.theme), session=session)
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
    for name, show in (("expiry", expiry_page), ("tokens", tokens_page)):
        (SCREENSHOTS / f"{name}-dark.svg").write_text(await draw(Picture("", show, 160, 48, "dark", SCHEMAS)))


if __name__ == "__main__":
    asyncio.run(main())
