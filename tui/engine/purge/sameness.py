"""Whether two DUMP payloads hold the same.

Equal checksums say yes. Big sets and hashes are written in the order of a hash table, which differs between two copies,
so of these the elements are compared without their order.
"""

from __future__ import annotations

_SET, _HASH = 2, 4
"""Types whose elements are written as strings in no order."""
_FOOT = 10
"""Bytes of version and checksum at the end."""


def is_same(one: bytes, other: bytes) -> bool:
    """Whether they hold the same. Of types not known here only equal bytes are the same."""
    if one[-8:] == other[-8:] and len(one) == len(other):
        return True
    if len(one) != len(other) or one[:1] != other[:1] or one[0] not in (_SET, _HASH):
        return False
    try:
        return _elements(one) == _elements(other)
    except (IndexError, ValueError):
        return False


def _elements(payload: bytes) -> list[bytes] | list[tuple[bytes, bytes]]:
    data = payload[:-_FOOT]
    count, at = _length(data, 1)
    strings = []
    while at < len(data):
        end = _end_of_string(data, at)
        strings.append(data[at:end])
        at = end
    if data[0] == _SET:
        parts: list[bytes] | list[tuple[bytes, bytes]] = sorted(strings)
    else:
        parts = sorted(zip(strings[::2], strings[1::2], strict=True))
    if len(parts) != count:
        raise ValueError("the payload does not hold what it says")
    return parts


def _end_of_string(data: bytes, at: int) -> int:
    """Return where the string ends that begins there; it may be written as a number, or compressed."""
    first = data[at]
    if first >> 6 != 3:
        length, at = _length(data, at)
        return at + length
    if first & 63 < 3:
        return at + 1 + (1, 2, 4)[first & 63]
    compressed, at = _length(data, at + 1)
    _, at = _length(data, at)
    return at + compressed


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Read a length; return it, and where it ends."""
    first = data[at]
    match first >> 6:
        case 0:
            return first & 63, at + 1
        case 1:
            return (first & 63) << 8 | data[at + 1], at + 2
        case 2:
            size = 8 if first == 0x81 else 4
            return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
    raise ValueError("no length stands there")
