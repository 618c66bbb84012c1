from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    file.relative_to(ROOT)
    for package in ("tui", "widgets")
    for file in (ROOT / package).rglob("*.py")
    if file.name != "__main__.py"
)


def examples_in(file: Path) -> list[doctest.DocTest]:
    parts = file.with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    return [test for test in doctest.DocTestFinder().find(module) if test.examples]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_examples_in_docstrings_are_true(file: Path) -> None:
    said: list[str] = []
    for test in examples_in(file):
        result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
        assert result.failed == 0, "".join(said)


def test_there_are_examples_to_try() -> None:
    assert examples_in(Path("tui/words/units.py"))
    assert examples_in(Path("tui/engine/printable.py"))
