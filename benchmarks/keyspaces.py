"""Keyspaces to measure on: mixed types, sizes, TTLs and id shapes, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tui.demo.wire import Command, Wire

CHUNK = 5000


def fill(port: int, keys: int, seed: int = 1) -> None:
    """Write so many mixed keys to an empty server."""
    chance = random.Random(seed)
    with Wire("127.0.0.1", port) as wire:
        for start in range(0, keys, CHUNK):
            wire.ask(list(_mixed(chance, range(start, min(keys, start + CHUNK)))))


def _mixed(chance: random.Random, numbers: range) -> Iterator[Command]:
    for number in numbers:
        match number % 20:
            case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7:
                key = f"session:{chance.getrandbits(128):032x}"
                yield "SET", key, "x" * chance.randint(10, 300), "EX", chance.randint(10_000, 90_000)
            case 8 | 9 | 10 | 11:
                yield "HSET", f"user:{number}:profile", "name", "n", "mail", "m"
            case 12 | 13 | 14:
                yield "SET", f"cache:page:{number}", "y", "EX", chance.randint(10_000, 30_000)
            case 15 | 16:
                yield "RPUSH", f"queue:{number}", "a", "b", "c"
            case 17 | 18:
                yield "ZADD", f"rank:{{{number}}}:week", 1, "a"
            case _:
                parts = (chance.getrandbits(32), chance.getrandbits(16), chance.getrandbits(48))
                yield "SADD", "tags:{:08x}-{:04x}-4aaa-8aaa-{:012x}".format(*parts), "a"


SHARES = {
    "session:{hex}": 0.40,
    "user:{int}:profile": 0.20,
    "cache:page:{int}": 0.15,
    "queue:{int}": 0.10,
    "rank:{{int}}:week": 0.10,
    "tags:{uuid}": 0.05,
}
"""The truth about such a keyspace: the share of each family."""
