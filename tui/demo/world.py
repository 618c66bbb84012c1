"""What the five systems share: seeded chance, a virtual clock, and makers of believable ids and values."""

from __future__ import annotations

import math
import time
from base64 import b64encode
from binascii import b2a_base64
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


def words(text: str) -> tuple[str, ...]:
    """Return the words of `text`."""
    return tuple(text.split())


WORDS = words("""
    the service restarted after deploy and latency rose while cache misses doubled check upstream timeout retry
    queue depth grew on node three disk pressure cleared rollback finished users report slow search results
    please review mapping of legacy server assets migration wave two is ready network policy blocks egress
    certificate renewed model answered with sources from knowledge base embedding index rebuilt tenant quota
""")
FIRST_NAMES = words("ada alan anna ben carla chen dina emil george hana ivan jana kofi lena mira noor omar")
LAST_NAMES = words("abel baker costa dubois evans fischer haas ito jensen khan lopez meyer novak okafor park")
HOST_NAMES = words("api auth app cdn chat data docs files git mail maps mcp media shop status vault wiki")
DOMAINS = ("example.com", "example.org", "example.net", "acme.example")

TEXT_BYTES = 1 << 16
"""Prose to cut values from: long enough that values differ, short enough to make in a few milliseconds."""

DIP_EVERY, DIP_FIRST, DIP_LASTS = 290.0, 140.0, 16.0
"""Seconds: a cold cache every five minutes or so, the first one soon, each gone after a minute."""


class World:
    """One system's surroundings. The same seed and the same calls give the same values, byte for byte."""

    def __init__(self, seed: str, now: float) -> None:
        """Start the virtual clock at `now`, in seconds since the epoch."""
        self.random = Random(seed)
        self.bits = self.random.getrandbits
        self.start = self.now = now
        self._due: dict[str, float] = {}
        self._stamps: dict[int, str] = {}
        words = [self.random.choice(WORDS) for _ in range(TEXT_BYTES // 6)]
        self._prose = " ".join(words)
        self._secret = b64encode(self.random.randbytes(TEXT_BYTES // 2)).decode()

    # -- time ----------------------------------------

    def advance(self, now: float) -> None:
        """Move the virtual clock to `now`; it never goes back."""
        self.now = max(self.now, now)

    def every(self, name: str, seconds: float) -> bool:
        """Return True once per `seconds` of virtual time, for the first time within one period."""
        due = self._due.get(name)
        if due is None:
            due = self._due[name] = self.start + seconds * self.random.random()
        if self.now < due:
            return False
        self._due[name] = max(due + seconds, self.now)
        return True

    def wave(self, period: float, phase: float = 0.0) -> float:
        """Return a slow wave from -1 to 1 with the given period in seconds; phase 1.0 is a whole period."""
        return math.sin(2 * math.pi * ((self.now - self.start) / period + phase))

    def hit_share(self) -> float:
        """Return the share of cache reads that should hit now: a slow wave, and a cold cache now and then."""
        dip = (self.now - self.start - DIP_FIRST) % DIP_EVERY if self.now - self.start >= DIP_FIRST else 1e9
        cold = 0.75 * math.exp(-dip / DIP_LASTS)
        return max(0.1, 0.76 + 0.2 * self.wave(230) - cold)

    def cold(self) -> bool:
        """Return True within the first seconds of a cold-cache dip."""
        since = self.now - self.start - DIP_FIRST
        return since >= 0 and since % DIP_EVERY < 3

    def iso(self, ago: float = 0.0) -> str:
        """Return the time `ago` seconds before now as `2025-01-31T12:00:00Z`."""
        second = int(self.now - ago)
        stamp = self._stamps.get(second)
        if stamp is None:
            if len(self._stamps) > 5000:
                self._stamps.clear()
            stamp = self._stamps[second] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        return stamp

    def hour(self) -> str:
        """Return the current hour as `20250131:12`."""
        return time.strftime("%Y%m%d:%H", time.gmtime(self.now))

    # -- chance ----------------------------------------

    def chance(self, share: float) -> bool:
        """Return True with the given probability."""
        return self.random.random() < share

    def times(self, rate: float, dt: float) -> int:
        """Return how often something that happens `rate` times a second happens in `dt` seconds."""
        expected = rate * dt
        whole = int(expected)
        return whole + (self.random.random() < expected - whole)

    def pick(self, items: tuple[T, ...] | list[T]) -> T:
        """Return one of `items`; three times as fast as `random.choice`."""
        return items[int(self.random.random() * len(items))]

    def ttl(self, seconds: int) -> int:
        """Return the TTL to set: `seconds`, or what is left of it for a key from before the start."""
        if self.now > self.start:
            return seconds
        return max(1, int(seconds * (0.04 + 0.96 * self.random.random())))

    # -- ids and values ----------------------------------------

    def hex(self, digits: int) -> str:
        """Return that many random lower-case hexadecimal digits."""
        return f"{self.bits(digits * 4):0{digits}x}"

    def sha256(self) -> str:
        """Return 64 hexadecimal digits, like a hashed token."""
        return f"{self.bits(256):064x}"

    def uuid(self) -> str:
        """Return a random UUID of version 4."""
        h = f"{self.bits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def secret(self, length: int) -> str:
        """Return base64 text of the given length (below 30,000): keys, signatures, bodies."""
        at = int(self.random.random() * (len(self._secret) - length))
        return self._secret[at : at + length]

    def prose(self, length: int) -> str:
        """Return words of the given length (below 30,000); safe inside JSON strings."""
        at = int(self.random.random() * (len(self._prose) - length))
        return self._prose[at : at + length]

    def jwt(self, claims: str) -> str:
        """Return a token with the given JSON claims; its signature is noise."""
        body = b2a_base64(claims.encode(), newline=False).rstrip(b"=").decode()
        body = body.replace("+", "-").replace("/", "_")
        return f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{body}.{self.hex(43)}"

    def username(self) -> str:
        """Return a login name such as `mira.novak42`."""
        return f"{self.pick(FIRST_NAMES)}.{self.pick(LAST_NAMES)}{int(self.random.random() * 100)}"

    def email(self) -> str:
        """Return an address such as `mira.novak42@example.com`."""
        return f"{self.username()}@{self.pick(DOMAINS)}"

    def hostname(self) -> str:
        """Return a name such as `api7.example.com`."""
        return f"{self.pick(HOST_NAMES)}{1 + int(self.random.random() * 9)}.{self.pick(DOMAINS)}"

    def ip(self) -> str:
        """Return an address of a documentation or benchmarking range; one in six is IPv6."""
        n = self.bits(32)
        if n % 6:
            return f"198.{18 + (n >> 4 & 1)}.{n >> 8 & 255}.{n >> 16 & 255}"
        return f"2001:db8:{n >> 4 & 0xFFF:x}:{n >> 16 & 0xFFF:x}::{n >> 24:x}"


class Pool(Generic[T]):
    """A bounded ring of what is alive: the newest replaces the oldest."""

    def __init__(self, size: int) -> None:
        """Hold at most `size` items."""
        self._size, self._next = size, 0
        self._items: list[T] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> T | None:
        """Add `item`; return the one it replaced, if the pool was full."""
        if len(self._items) < self._size:
            self._items.append(item)
            return None
        self._next = (self._next + 1) % self._size
        old, self._items[self._next] = self._items[self._next], item
        return old

    def pick(self, world: World) -> T:
        """Return any item; IndexError when there is none."""
        return self._items[int(world.random.random() * len(self._items))]

    def take(self, world: World) -> T:
        """Remove and return any item; IndexError when there is none."""
        at = int(world.random.random() * len(self._items))
        self._items[at], item = self._items[-1], self._items[at]
        self._items.pop()
        return item
