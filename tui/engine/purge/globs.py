"""Glob patterns as the server matches them, on any bytes."""

from __future__ import annotations

import re
from collections.abc import Callable


def compile_globs(patterns: tuple[bytes, ...]) -> re.Pattern[bytes] | None:
    """Return what matches a whole key when any of the patterns does; None without patterns.

    >>> [bool(compile_globs((b"user:*:cart", b"x[a-c]?")).fullmatch(key)) for key in (b"user:1:cart", b"xb!", b"xd!")]
    [True, True, False]
    """
    if not patterns:
        return None
    return re.compile(b"|".join(b"(?:%b)" % _translate(pattern) for pattern in patterns), re.DOTALL)


def _translate(glob: bytes) -> bytes:
    """Turn one pattern into a regular expression that takes linear time per star: a star stops at the first fit."""
    pieces: list[list[bytes]] = [[]]
    at = 0
    while at < len(glob):
        char = glob[at : at + 1]
        at += 1
        if char == b"*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append([])
        elif char == b"?":
            pieces[-1].append(b".")
        elif char == b"[":
            part, at = _class(glob, at)
            pieces[-1].append(part)
        else:
            if char == b"\\" and at < len(glob):
                char = glob[at : at + 1]
                at += 1
            pieces[-1].append(re.escape(char))
    first, *rest = [b"".join(piece) for piece in pieces]
    if not rest:
        return first
    *middle, last = rest
    return first + b"".join(b"(?>.*?%b)" % piece for piece in middle) + b".*" + last


def _class(glob: bytes, at: int) -> tuple[bytes, int]:
    """Read a class from behind its bracket; return its expression, and where it ends.

    Whether bytes above 127 come before or after all others in a range depends on the machine that the server was built
    for. Both are taken to match: what a pattern excludes is left alone, and that is the safe side.
    """
    negated = glob[at : at + 1] == b"^"
    at += negated
    singles: set[int] = set()
    ranges: list[tuple[int, int]] = []
    while at < len(glob) and glob[at : at + 1] != b"]":
        if glob[at : at + 1] == b"\\" and at + 1 < len(glob):
            singles.add(glob[at + 1])
            at += 2
        elif glob[at + 1 : at + 2] == b"-" and at + 2 < len(glob):
            ranges.append((glob[at], glob[at + 2]))
            at += 3
        else:
            singles.add(glob[at])
            at += 1
    allowed = set()
    for order in (int, _signed):
        fits = singles.union(*(_range(low, high, order) for low, high in ranges))
        allowed |= set(range(256)) - fits if negated else fits
    body = b"".join(re.escape(bytes((byte,))) for byte in sorted(allowed))
    return (b"[%b]" % body if allowed else rb"(?!)"), at + 1


def _range(one: int, other: int, order: Callable[[int], int]) -> set[int]:
    low, high = sorted((order(one), order(other)))
    return {byte for byte in range(256) if low <= order(byte) <= high}


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
