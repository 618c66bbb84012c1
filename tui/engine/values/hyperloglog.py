"""HyperLogLog as Redis stores it in a string: recognised and counted here, for PFCOUNT would write to the key."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

REGISTERS = 1 << 14
BITS = 6
"""Bits per register in the dense form."""
HEADER = 16
DENSE_SIZE = HEADER + REGISTERS * BITS // 8
_LONGEST = 64 - 14 + 1
"""The largest value a register can hold: of a 64-bit hash, 14 bits choose the register."""


@dataclass(frozen=True, slots=True)
class HyperLogLog:
    """One HyperLogLog."""

    encoding: str
    """`dense` or `sparse`."""
    cached: int | None
    """What the server counted last, if nothing was added since."""
    counted: int | None
    """What the registers say; None when they are cut or damaged."""


def read_hyperloglog(data: bytes) -> HyperLogLog | None:
    """Read a HyperLogLog, or return None when this is none."""
    if len(data) < HEADER or data[:4] != b"HYLL" or data[4] > 1 or data[5:8] != bytes(3):
        return None
    body = data[HEADER:]
    counts = _sparse(body) if data[4] else _dense(body)
    card = int.from_bytes(data[8:16], "little")
    cached = None if card >> 63 else card
    return HyperLogLog("sparse" if data[4] else "dense", cached, _estimate(counts) if counts else None)


def _dense(body: bytes) -> Counter[int] | None:
    """Count the registers by value."""
    if len(body) < REGISTERS * BITS // 8:
        return None
    counts: Counter[int] = Counter()
    for at in range(0, REGISTERS * BITS // 8, 3):
        four = body[at] | body[at + 1] << 8 | body[at + 2] << 16
        counts.update((four & 63, four >> 6 & 63, four >> 12 & 63, four >> 18))
    return counts


def _sparse(body: bytes) -> Counter[int] | None:
    """Count the registers by value, from runs."""
    counts: Counter[int] = Counter()
    at = 0
    while at < len(body):
        code = body[at]
        if code & 0x80:
            counts[(code >> 2 & 31) + 1] += (code & 3) + 1
        elif code & 0x40:
            if at + 1 >= len(body):
                return None
            counts[0] += ((code & 63) << 8 | body[at + 1]) + 1
            at += 1
        else:
            counts[0] += code + 1
        at += 1
    return counts if counts.total() == REGISTERS else None


def _estimate(counts: Counter[int]) -> int | None:
    """Return the cardinality by Ertl's improved raw estimator, as the server itself computes it."""
    if max(counts) > _LONGEST:
        return None
    total = REGISTERS * _tau((REGISTERS - counts[_LONGEST]) / REGISTERS)
    for value in range(_LONGEST - 1, 0, -1):
        total = 0.5 * (total + counts[value])
    total += REGISTERS * _sigma(counts[0] / REGISTERS)
    if math.isinf(total) or not total:
        return 0 if total else None
    return round(REGISTERS * REGISTERS / (2 * math.log(2)) / total)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in {0.0, 1.0}:
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
