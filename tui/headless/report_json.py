"""A look as the document that scripts read: `docs/report.md` describes it field by field."""

from __future__ import annotations

import json
import math

from tui.engine.address import shown
from tui.engine.keyspace import Family, Keyspace
from tui.engine.printable import printable
from tui.engine.streams.ids import age_of
from tui.engine.streams.look import Consumer, Group, Stream
from tui.headless.report_look import Look

SCHEMA_VERSION = 1
"""Goes up when a field goes away or changes its meaning; a new field is no reason."""

Document = dict[str, object]


def dumped(look: Look, *, ascii_only: bool) -> str:
    """Write the document; `ascii_only` escapes the rest, for outputs that could not carry it."""
    return json.dumps(document(look), indent=2, ensure_ascii=ascii_only, allow_nan=False) + "\n"


def document(look: Look) -> Document:
    """Return the document as plain values; None wherever a number is not known, never not-a-number or infinity."""
    return {
        "schema_version": SCHEMA_VERSION,
        "server": _server(look),
        "vitals": _vitals(look),
        "keyspace": _keyspace(look.keyspace, look.elapsed),
        "streams": [_stream(stream, look.at) for stream in look.streams.streams],
        "footprint": {
            "commands": look.footprint.commands,
            "bytes_in": look.footprint.bytes_in,
            "bytes_out": look.footprint.bytes_out,
            "server_cpu_s": _rounded(look.vitals.totals.server_cpu, 6),
        },
        "notes": list(look.notes),
    }


def _server(look: Look) -> Document:
    address, who, uptime = look.address, look.vitals.state.identity, look.vitals.uptime
    known = who is not None and bool(who.run_id)  # a user who may not ask for INFO is told nothing of the server
    return {
        "host": shown(address.socket_path or address.host),
        "port": None if address.socket_path else address.port,
        "db": address.db,
        "product": who.product if who and known else None,
        "version": who.version if who and known else None,
        "role": who.role if who and known else None,
        "run_id": who.run_id if who and known else None,
        "uptime_s": None if uptime is None else int(uptime),
    }


def _vitals(look: Look) -> Document:
    now, totals = look.vitals.now, look.vitals.totals
    return {
        "used_memory": now.used,
        "used_memory_rss": now.rss,
        "maxmemory": now.maxmemory,
        "fragmentation_ratio": _rounded(now.rss / now.used if now.rss is not None and now.used else None, 4),
        "hit_rate": _rounded(totals.hit_rate, 6),
        "ops_per_s": _rounded(totals.per_second(totals.commands), 3),
        "clients": now.clients,
        "evicted_per_s": _rounded(totals.per_second(totals.evicted), 3),
        "expired_per_s": _rounded(totals.per_second(totals.expired), 3),
        "keys": now.keys,
    }


def _keyspace(keyspace: Keyspace, elapsed: float) -> Document:
    return {
        "dbsize": keyspace.dbsize,
        "scanned": keyspace.scanned,
        "complete": keyspace.complete,
        "elapsed_s": _rounded(elapsed, 3),
        "families": [_family(family) for family in keyspace.families],
        "biggest": [{"key": printable(big.key), "type": big.kind, "bytes": big.bytes} for big in keyspace.biggest],
    }


def _family(family: Family) -> Document:
    return {
        "pattern": family.pattern,
        "keys": family.keys,
        "keys_error": _ceiling(family.keys_error),
        "bytes": family.bytes,
        "bytes_error": None if family.bytes is None or family.bytes_at_least else _ceiling(family.bytes_error),
        "bytes_at_least": family.bytes_at_least,
        "types": family.type_keys,
        "no_ttl": round(family.no_ttl * family.keys),
        "ttl": _ttl(family),
    }


def _ttl(family: Family) -> Document:
    """The spread of remaining TTLs, of the keys that have one."""
    return {
        "min_s": _rounded(family.ttl_min, 3),
        "median_s": _rounded(family.ttl_median, 3),
        "max_s": _rounded(family.ttl_max, 3),
    }


def _stream(stream: Stream, now: float) -> Document:
    unknown = stream.denied is not None
    return {
        "key": printable(stream.key),
        "length": None if unknown and not stream.last_id else stream.length,
        "bytes": stream.bytes,
        "added_per_s": _rounded(stream.rate, 3),
        "first_entry_s": _rounded(age_of(stream.first_id, now), 3),
        "newest_entry_s": _rounded(age_of(stream.newest_id, now), 3),
        "lag": None if unknown else stream.lag,
        "pending": None if unknown else stream.pending,
        "missing_groups": None if unknown else [printable(name) for name in stream.missing],
        "groups": None if unknown else [_group(group) for group in stream.groups],
    }


def _group(group: Group) -> Document:
    oldest = group.oldest
    members = group.members
    return {
        "name": printable(group.name),
        "lag": group.lag,
        "pending": group.pending,
        "consumers": group.consumers,
        "lost": group.lost,
        "delivered_id": printable(group.delivered),
        "entries_read": group.entries_read,
        "oldest_pending_id": None if oldest is None else printable(oldest.id),
        "oldest_pending_idle_s": None if oldest is None else _rounded(oldest.idle, 3),
        "oldest_pending_deliveries": None if oldest is None else oldest.deliveries,
        "dead_consumers": group.dead,
        "consumer_details": None if members is None else [_consumer(consumer) for consumer in members],
    }


def _consumer(consumer: Consumer) -> Document:
    return {
        "name": printable(consumer.name),
        "pending": consumer.pending,
        "idle_s": _rounded(consumer.idle, 3),
        "inactive_s": _rounded(consumer.inactive, 3),
    }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None or not math.isfinite(number) else round(number, digits)


def _ceiling(error: float) -> int | None:
    """Round an error up, so that it still covers; None when nothing can be said yet."""
    return math.ceil(error) if math.isfinite(error) else None
