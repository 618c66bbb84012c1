"""What Textual's keyboard reader does with bytes that are no text."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import partial
from typing import Any


def read_any_bytes() -> None:
    """Let it replace what is no UTF-8: by itself it ends the program at the first such byte of a paste."""
    from textual.drivers import linux_driver

    driver: Any = linux_driver  # the name it imported; its loop offers no other way in
    driver.getincrementaldecoder = _tolerant


def _tolerant(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
