"""A dashboard that stands still: the frozen demo as snapshots, with ten minutes of history, for pictures.

Nothing here asks a server, and no clock runs, so that a picture is the same on every machine and at every time.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from tui.demo import SYSTEMS
from tui.demo.fill import FROZEN_NOW, build, plan
from tui.demo.wire import Command
from tui.engine.address import Address
from tui.engine.deployment import DeploymentState
from tui.engine.entries import Entries
from tui.engine.expiry.expiring import Expiries, Expiring
from tui.engine.failure import Failure, Kind
from tui.engine.footprint import Cost
from tui.engine.info import Identity
from tui.engine.keylist import Listing, Row
from tui.engine.keyshape import Shaper
from tui.engine.keyspace import Keyspace
from tui.engine.node import NodeState, Phase
from tui.engine.onekey.elements import Page
from tui.engine.onekey.inspect import KeyFacts
from tui.engine.schema.model import Schema
from tui.engine.session import Options, Session
from tui.engine.status import Status, StatusWatch
from tui.engine.streams.overview import Group, Stream, StreamList, Streams
from tui.engine.survey import Survey
from tui.engine.tail.glance import Entry, Tail, TailSnapshot
from tui.engine.values.kinds import decode
from tui.engine.vitals import Pulse, Sample, Vitals
from tui.panes.inspector import InspectorPane
from tui.screens.keys import KeysPage

KEYS = 20_000
MEMORY = 40 << 20
"""The maxmemory of the demo."""
PAGE = 200
OVERHEAD = 72
"""Bytes of a key beside its text, roughly."""

KINDS = {"SET": "string", "INCR": "string", "INCRBY": "string", "PFADD": "string", "HSET": "hash", "HINCRBY": "hash"}
KINDS |= {"SADD": "set", "ZADD": "zset", "RPUSH": "list", "LPUSH": "list", "XADD": "stream"}
"""What commands of the prefill make."""


class StillClock:
    """Stands at the time of the frozen demo."""

    def now(self) -> float:
        return FROZEN_NOW

    def wall(self) -> float:
        return FROZEN_NOW

    async def sleep(self, seconds: float) -> None:
        await asyncio.get_running_loop().create_future()


class StillSession(Session):
    """Shows what is published by hand."""

    def __init__(self, schemas: tuple[Schema, ...] = ()) -> None:
        super().__init__(Address("127.0.0.1", 7379), Options(schemas=schemas), StillClock())

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Key:
    """What the prefill made of one key."""

    kind: str
    size: int = OVERHEAD
    ttl: float | None = None


@dataclass(slots=True)
class StreamKey:
    """What it made of one stream."""

    entries: list[tuple[bytes, tuple[tuple[bytes, bytes], ...]]] = field(default_factory=list)
    added: int = 0
    groups: dict[bytes, int] = field(default_factory=dict)
    """Entries delivered, by group."""
    pending: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))


@cache
def world() -> tuple[dict[bytes, Key], dict[bytes, StreamKey]]:
    """Return the keys and streams of the prefill."""
    keys: dict[bytes, Key] = {}
    streams: dict[bytes, StreamKey] = defaultdict(StreamKey)
    database = 0
    for command in plan(build(SYSTEMS, 1, FROZEN_NOW), KEYS):
        if command[0] == "SELECT":
            database = int(command[1])
        elif database == 0:
            _apply(keys, streams, command)
    return keys, streams


def _apply(keys: dict[bytes, Key], streams: dict[bytes, StreamKey], command: Command) -> None:
    words = [_bytes(word) for word in command]
    name, key = str(command[0]), words[1]
    if name == "XGROUP":
        stream = streams[words[2]]
        stream.groups[words[3]] = stream.added if words[4] == b"$" else 0
    elif name == "XREADGROUP":
        _deliver(streams[words[-2]], words[2], int(words[words.index(b"COUNT") + 1]))
    elif name == "EXPIRE":
        keys[key].ttl = float(words[2])
    elif name in KINDS:
        made = keys.setdefault(key, Key(KINDS[name], OVERHEAD + len(key)))
        made.size += sum(map(len, words[2:]))
        if b"EX" in words[3:]:
            made.ttl = float(words[words.index(b"EX", 3) + 1])
        if name == "XADD":
            _add(streams[key], words[2:])


def _bytes(word: object) -> bytes:
    return word if isinstance(word, bytes) else str(word).encode()


def _add(stream: StreamKey, words: list[bytes]) -> None:
    most = 10_000
    if words[0] == b"MAXLEN":
        most = int(words[2])
        words = words[3:]
    stream.entries.append((words[0], tuple(zip(words[1::2], words[2::2], strict=True))))
    del stream.entries[:-most]
    stream.added += 1


def _deliver(stream: StreamKey, group: bytes, count: int) -> None:
    count = min(count, stream.added - stream.groups.get(group, 0))
    stream.groups[group] = stream.groups.get(group, 0) + count
    stream.pending[group] += count


def keyspace(session: Session, share: float = 1.0) -> Keyspace:
    """What the survey makes of that share of the keys."""
    keys, _ = world()
    survey = Survey(session)
    names = random.Random(1).sample(sorted(keys), len(keys))
    for start in range(0, round(share * len(names)), PAGE):
        page = names[start : start + PAGE]
        made = [keys[name] for name in page]
        ttls = [-1 if key.ttl is None else round(1000 * key.ttl) for key in made]
        survey._pass.take(page, [key.kind.encode() for key in made], ttls, [key.size for key in made], FROZEN_NOW)
    survey._pass.dbsize[0] = len(keys)
    return replace(survey._picture(complete=share == 1.0), share=0.05)


def vitals(state: DeploymentState, *, gap: bool = False) -> Vitals:
    """Ten minutes at a sample per second: memory nears its limit, the hit rate wavers; `gap`: half a minute is lost."""
    dice = random.Random(7)
    history = []
    for second in range(601):
        at = FROZEN_NOW - 600 + second
        lost = gap and 330 <= second < 365
        history.append(Sample(at) if lost else _sample(at, second, dice))
    return Vitals(
        state=state,
        now=history[-1],
        history=tuple(history),
        interval=1.0,
        uptime=7260.0,
        policy="volatile-lru",
        cost=Cost(23.4, 0.0031),
        databases=((0, len(world()[0])), (1, 3)),
    )


def _sample(at: float, second: int, dice: random.Random) -> Sample:
    used = int(MEMORY * (0.58 + 0.33 * second / 600 + 0.006 * math.sin(second / 9)))
    ops = 420 + 130 * math.sin(second / 70) + dice.gauss(0, 22)
    return Sample(
        at=at,
        used=used,
        rss=int(used * 1.13 + (3 << 20)),
        peak=int(MEMORY * 0.917),
        maxmemory=MEMORY,
        hit_rate=min(
            0.995,
            0.87 + 0.06 * math.sin(second / 55) + dice.gauss(0, 0.012) - 0.3 * math.exp(-(((second - 400) / 25) ** 2)),
        ),
        reads_per_s=0.6 * ops,
        ops_per_s=ops,
        clients=19 + second // 90 % 4,
        evicted_per_s=0.0 if second < 560 else 3.0 + second % 3,
        expired_per_s=18 + 7 * math.sin(second / 40) + dice.gauss(0, 2),
        keys=17_600 + 4 * second,
    )


def state(phase: Phase = Phase.LIVE, failure: Failure | None = None) -> DeploymentState:
    """How the deployment stands."""
    identity = Identity("x" * 40, "Valkey", "9.1.2", "primary", 7260.0)
    return DeploymentState("127.0.0.1:7379", 0, NodeState(phase, FROZEN_NOW - 42, failure), identity, 1)


def stream_list() -> Streams:
    """All streams, the busiest first; one group is behind."""
    found = [
        Stream(
            key=key,
            length=len(stream.entries),
            rate=round(stream.added / 60, 1),
            last_id=stream.entries[-1][0],
            groups=tuple(
                Group(name, stream.added - delivered, stream.pending[name], 2)
                for name, delivered in stream.groups.items()
            ),
        )
        for key, stream in world()[1].items()
        if stream.entries
    ]
    return Streams(tuple(sorted(found, key=lambda stream: (-(stream.rate or 0), stream.key))), 1.0)


def tail(chosen: Sequence[bytes]) -> TailSnapshot:
    """The last entries of some streams, with a place where some were skipped."""
    _, streams = world()
    last = sorted(
        ((_order(entry[0]), key, entry) for key in chosen for entry in streams[key].entries[-30:]),
        key=lambda item: item[0],
    )
    entries = [Entry(number, key, entry[0], entry[1]) for number, (_, key, entry) in enumerate(last, 1)]
    entries[-9] = replace(entries[-9], id=None, fields=(), skipped=1240)
    return TailSnapshot(tuple(entries), tuple(chosen))


def _order(entry_id: bytes) -> tuple[int, int]:
    time, _, sequence = entry_id.partition(b"-")
    return int(time), int(sequence)


REFUSED = Failure(Kind.REFUSED, "nothing listens at 127.0.0.1:7379")


def publish_status(session: Session, phase: Phase = Phase.LIVE, failure: Failure | None = None) -> None:
    """Tell the header how things stand."""
    live = phase is Phase.LIVE
    cost = Cost(23.4, 0.0031)
    status = Status(
        state(phase, failure), 7260.0, cost, paused=False, interval=1.0, stale_for=None if live else 42, failure=failure
    )
    session.of(StatusWatch).feed.publish(status)


def publish(session: Session, *, share: float = 1.0, gap: bool = False) -> None:
    """Give every pane its snapshot."""
    seen = keyspace(session, share)
    streams = stream_list()
    chosen = [stream.key for stream in streams.streams[:2]]
    session.of(Tail).choose(chosen)
    session.of(Survey).feed.publish(seen)
    session.of(Expiries).feed.publish(Expiring(seen, seen.soonest[:12], FROZEN_NOW))
    session.of(StreamList).feed.publish(replace(streams, seen=seen.seen))
    session.of(Tail).feed.publish(tail(chosen))
    session.of(Pulse).feed.publish(vitals(state(), gap=gap))
    publish_status(session)


FAMILY = ("session:", "{hex}")
"""What is chosen on the still Keys page."""


def publish_keys(page: KeysPage) -> None:
    """Show one family's keys, and the first of them."""
    seen = page.session.of(Survey).feed.latest
    assert seen is not None
    page.families.reveal(FAMILY)
    page.keys.choose(FAMILY, [family.shape for family in seen.families])
    shape_of = Shaper().shape_of
    found = [key for key in sorted(world()[0]) if shape_of(key)[1:] == (b"session", b"{hex}")]
    for key in found:
        page.keys._facts[key] = _row(key), 0.0
    page.keys.snapshot = Listing(
        Entries(found), len(world()[0]), len(world()[0]), complete=True, full=None, generation=1
    )
    _open(page.inspector, found[0])


def _row(key: bytes) -> Row:
    about = world()[0][key]
    return Row(key, about.kind, None if about.ttl is None else FROZEN_NOW + about.ttl, about.size, gone=False)


def _open(inspector: InspectorPane, key: bytes) -> None:
    about = _row(key)
    value = json.dumps({"user_id": "7d0c2f31", "login_time": "2026-11-20T09:30:00Z", "ip_address": "198.18.7.21",
                        "roles": ["admin", "editor"], "mfa": True, "visits": 42, "theme": None}).encode()  # fmt: skip
    inspector.inspect(key)
    inspector.snapshot = KeyFacts(
        key=key, kind="string", encoding="raw", memory=about.bytes, length=len(value), expires_at=about.expires_at,
        idle=12, frequency=None, looked_at=FROZEN_NOW, touched=False, field_ttls=True,
    )  # fmt: skip
    shown = Page(data=value, read=len(value))
    inspector._value.take(shown)
    inspector._show_page(shown, decode(value))
