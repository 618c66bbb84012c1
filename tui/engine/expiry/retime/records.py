"""What the journal of a change of TTLs holds of each key: when it expired, when it is to expire, and its print."""

from __future__ import annotations

from struct import Struct

from tui.engine.purge.frames import Record
from tui.engine.purge.keystore import Item

_PAYLOAD = Struct("<q8sB")
"""The new expiry in milliseconds since 1970 (-1 for never), the print, the flags."""


def recorded(item: Item, new: int) -> Record:
    """Return what is written of a key before it changes."""
    return Record(item.key, _PAYLOAD.pack(new, item.print, item.flags), item.expiry)


def given(record: Record) -> int:
    """Return the expiry that it was to get."""
    new: int = _PAYLOAD.unpack(record.payload)[0]
    return new


def item_of(record: Record) -> Item:
    """Return the key as it was planned; its size is not kept."""
    _, mark, flags = _PAYLOAD.unpack(record.payload)
    return Item(record.key, mark, record.expiry, 0, flags)
