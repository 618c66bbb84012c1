"""The looks: every picture is as it was when somebody last looked at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden import GOLDEN, PICTURES, Picture, draw


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.path.stem)
async def test_the_picture_has_not_changed(picture: Picture, tmp_path: Path) -> None:
    now = await draw(picture)
    if now != picture.path.read_text():
        changed = tmp_path / picture.path.name
        changed.write_text(now)
        pytest.fail(
            f"{picture.path.name} looks different now: look at {changed}; if it is right, python -m tests.golden"
        )


def test_no_picture_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("*.svg")} == {picture.path.name for picture in PICTURES}
