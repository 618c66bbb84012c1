"""Which slot of a cluster a key belongs to.

The checksum is CRC-16/XMODEM, which Python has built in under the name of the format it was first used for.
"""

from __future__ import annotations

from binascii import crc_hqx

SLOTS = 16384
"""Slots of every cluster."""


def slot_of(key: bytes) -> int:
    """Return the slot of a key: of what stands in its first braces, if that is anything; else of the whole key.

    >>> slot_of(b"123456789") == 0x31C3 % SLOTS
    True
    >>> slot_of(b"{user1000}.following") == slot_of(b"{user1000}.followers") == slot_of(b"user1000")
    True
    >>> slot_of(b"foo{}{bar}") == crc_hqx(b"foo{}{bar}", 0) % SLOTS
    True
    >>> slot_of(b"foo{{bar}}zap") == slot_of(b"{bar")
    True
    """
    start = key.find(b"{")
    if start >= 0:
        end = key.find(b"}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key, 0) % SLOTS
