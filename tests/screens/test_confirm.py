"""The one dialog before something changes: deaf at first, Cancel in focus, and nothing goes by accident."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from textual.app import App
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Button, Input

from tui.screens.confirm import DEAF, ConfirmScreen
from tui.theme import DARK
from tui.words.question import Field, Question, Verdict, typed

Asked = tuple[Pilot[None], ConfirmScreen, list[list[str] | None]]


class Stage(App[None]):
    CSS_PATH = "../../tui/app.tcss"

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.theme = DARK.name


@pytest.fixture
async def stage() -> AsyncIterator[Pilot[None]]:
    async with Stage().run_test(size=(80, 24)) as pilot:
        yield pilot


async def ask(pilot: Pilot[None], *fields: Field, dangerous: bool = True, deaf_for: float = 0.01) -> Asked:
    """Open a dialog and return it with the list that its answer goes to."""
    answers: list[list[str] | None] = []
    lines = [Content("[@click=app.quit]session:*[/] and its 1,000 keys")]
    screen = ConfirmScreen(Question("Purge", lines, "Purge", fields, dangerous=dangerous), deaf_for)
    await pilot.app.push_screen(screen, answers.append)
    return pilot, screen, answers


async def hearing(screen: ConfirmScreen) -> None:
    async with asyncio.timeout(5):
        while screen.deaf:  # noqa: ASYNC110 - a timer of Textual, so there is no event to wait for
            await asyncio.sleep(0.005)


async def test_cancel_has_the_focus_and_enter_means_no(stage: Pilot[None]) -> None:
    pilot, screen, answers = await ask(stage)
    await hearing(screen)
    assert screen.focused is screen.query_one("#cancel")
    await pilot.press("enter")
    assert answers == [None]


async def test_input_of_the_first_moment_answers_nothing(stage: Pilot[None]) -> None:
    assert DEAF == 0.3
    pilot, screen, answers = await ask(stage, deaf_for=60)
    await pilot.press("enter", "tab", "enter", "escape", "space")
    await pilot.click("#yes")
    assert answers == []
    assert pilot.app.screen is screen


async def test_the_other_button_has_to_be_gone_to(stage: Pilot[None]) -> None:
    pilot, screen, answers = await ask(stage)
    await hearing(screen)
    await pilot.press("right", "enter")
    assert answers == [[]]


async def test_it_cannot_be_answered_before_the_text_is_typed(stage: Pilot[None]) -> None:
    pilot, screen, answers = await ask(stage, typed("session:", "Type the prefix:"))
    await hearing(screen)
    assert screen.focused is screen.query_one("#cancel")
    assert screen.query_one("#yes", Button).disabled
    screen.query_one(Input).focus()
    await pilot.press("s", "e", "enter")
    await pilot.click("#yes")
    assert answers == []
    screen.query_one(Input).value = "sessions:"
    await pilot.pause()
    assert "that is something else" in str(screen.query_one(".verdict").render())
    screen.query_one(Input).value = "session:"
    await pilot.press("enter")
    assert answers == [], "enter in the field goes to the button, it does not press it"
    assert screen.focused is screen.query_one("#yes")
    await pilot.press("enter")
    assert answers == [["session:"]]


async def test_text_from_a_server_is_shown_not_obeyed(stage: Pilot[None]) -> None:
    pilot, screen, _ = await ask(stage)
    await hearing(screen)
    assert "[@click=app.quit]session:*[/]" in str(screen.query_one("#what").render())
    await pilot.click("#what")
    assert pilot.app.is_running


async def test_a_harmless_question_begins_in_its_field_and_says_what_the_text_means(stage: Pilot[None]) -> None:
    def check(text: str) -> Verdict:
        return Verdict(good=text == "5m", sentence=f"means {text}")

    pilot, screen, answers = await ask(stage, Field("TTL:", check), dangerous=False)
    await hearing(screen)
    assert screen.focused is screen.query_one(Input)
    await pilot.press("5", "m", "enter", "enter")
    assert answers == [["5m"]]


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_on_a_small_terminal_the_answers_stay_in_sight(size: tuple[int, int]) -> None:
    async with Stage().run_test(size=size) as pilot:
        lines = [Content(f"line {n}") for n in range(60)]
        screen = ConfirmScreen(Question("Long", lines, "Do it", [typed("x", "Type x:")]))
        await pilot.app.push_screen(screen)
        await hearing(screen)
        for button in screen.query(Button):
            assert screen.region.contains_region(button.region)
            assert button.region.height == 1
        assert screen.region.contains_region(screen.query_one(Input).region)
