"""Which keys of a scan are met for the first time: exact, in bounded memory.

SCAN may name a key twice. A set of five million keys would take half a gigabyte, so beyond a few hundred thousand a
field of bits takes its place: a key whose bit is free is new for certain. One whose bit is taken most likely is new as
well, but it waits until all that was kept can be read once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SET_KEYS, SET_BYTES = 200_000, 16 << 20
"""Keys, and bytes of keys, remembered one by one: some 30 MB."""
BITS = 28
"""Two to this power bits are 32 MB; of five million keys one in a hundred has to wait."""


class Distinct:
    """Tells new keys from repeated ones."""

    def __init__(self, set_keys: int = SET_KEYS, bits: int = BITS) -> None:
        self._set_keys = set_keys
        self._mask = (1 << bits) - 1
        self._seen: set[bytes] = set()
        self._seen_bytes = 0
        self._taken: bytearray | None = None
        self._waiting: dict[bytes, None] = {}
        self._waiting_bytes = 0

    @property
    def is_crowded(self) -> bool:
        """Whether so many keys wait that it is time to `resolve`."""
        return len(self._waiting) >= self._set_keys or self._waiting_bytes >= SET_BYTES

    def fresh(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return those that are certainly new; those that may be wait."""
        if self._taken is not None:
            return self._by_bits(keys, self._taken)
        before = len(self._seen)
        new = [key for key in dict.fromkeys(keys) if key not in self._seen]
        self._seen.update(new)
        self._seen_bytes += sum(map(len, new))
        if before + len(new) > self._set_keys or self._seen_bytes > SET_BYTES:
            self._taken = bytearray((self._mask >> 3) + 1)
            self._by_bits(list(self._seen), self._taken)
            self._waiting, self._waiting_bytes, self._seen = {}, 0, set()
        return new

    def _by_bits(self, keys: Sequence[bytes], taken: bytearray) -> list[bytes]:
        mask, waiting, new = self._mask, self._waiting, []
        for key in keys:
            place = hash(key) & mask
            bit = 1 << (place & 7)
            if taken[place >> 3] & bit:
                if key not in waiting:
                    waiting[key] = None
                    self._waiting_bytes += len(key)
            else:
                taken[place >> 3] |= bit
                new.append(key)
        return new

    def resolve(self, kept: Iterable[bytes]) -> list[bytes]:
        """Return those of the waiting that are not among the keys kept; nobody waits afterwards."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        if waiting:
            for key in kept:
                waiting.pop(key, None)
        return list(waiting)
