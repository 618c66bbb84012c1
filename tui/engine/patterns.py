"""Glob patterns for MATCH: any bytes, taken literally."""

from __future__ import annotations

import re

_SPECIAL = re.compile(rb"[\\*?\[\]]")


def escape(literal: bytes) -> bytes:
    r"""Return the pattern that matches exactly these bytes.

    A name put into a pattern as it is would match other keys as soon as it holds `*`, `?` or `[`.

    >>> print(escape(b"user[1]:*").decode())
    user\[1\]:\*
    """
    return _SPECIAL.sub(rb"\\\g<0>", literal)
