"""What the README promises in commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tui.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.parametrize("line", re.findall(r"^redtop (acl .*)$", README, re.MULTILINE))
def test_each_line_about_acl_users_prints_one(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 0
    assert sum(printed.startswith("ACL SETUSER") for printed in capsys.readouterr().out.splitlines()) == 1


def test_there_are_such_lines() -> None:
    assert README.count("\nredtop acl ") == 3


def test_the_test_line_is_where_ci_looks_for_it() -> None:
    after = README.split("<!-- tests -->")[1]
    assert re.search(r"```\npython3 -m venv \.venv && .*pytest\n```", after)
