"""A picture of the keyspace: frozen values, whoever took it."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.estimate import Sample
from tui.engine.expiry.lifetimes import UNKNOWN, Lifetimes, by_bucket
from tui.engine.failure import Failure
from tui.engine.families import Tally
from tui.engine.keyshape import Shape, has_placeholder
from tui.engine.printable import printable


@dataclass(frozen=True, slots=True)
class Family:
    """Keys of one shape, scaled up to the whole keyspace."""

    shape: tuple[str, ...]
    """Safe text: the delimiter, then the parts."""
    keys: int
    keys_error: float
    """Half-width of the 95 % interval; 0 when counted, infinite when nothing can be said yet."""
    bytes: int | None
    """None when the server does not tell (no permission for MEMORY USAGE)."""
    bytes_error: float
    types: tuple[tuple[str, float], ...]
    """(type, share of the family), most frequent first."""
    no_ttl: float
    """Share of the family without a TTL, 0 to 1."""
    ttl_mean: float | None
    """Seconds, of the keys that have one."""
    ttl_max: float | None
    ttl_min: float | None = None
    ttl_median: float | None = None
    """Within a tenth."""
    bytes_at_least: bool = False
    """Sizes differ so much, for the keys seen, that no error can be told.

    `bytes` is then the lower end of the 95 % interval, or what was counted: a bound that holds in 97.5 % of cases."""
    lifetimes: Lifetimes = UNKNOWN
    """Its keys by the time they have left."""

    @property
    def pattern(self) -> str:
        """The whole pattern as a person writes it."""
        return self.shape[0].join(self.shape[1:])

    @property
    def type_keys(self) -> dict[str, int]:
        """Keys by type, most frequent first; they add up to `keys`, for the first takes what rounding leaves."""
        counts = {name: round(share * self.keys) for name, share in self.types}
        if self.types:
            counts[self.types[0][0]] += self.keys - sum(counts.values())
        return counts


@dataclass(frozen=True, slots=True)
class BigKey:
    """One of the keys that take the most memory."""

    key: bytes
    kind: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Soon:
    """A key that expires, and when (wall-clock seconds)."""

    at: float
    key: bytes


@dataclass(frozen=True, slots=True)
class Keyspace:
    """What is known of the keyspace."""

    families: tuple[Family, ...]
    """Biggest first."""
    dbsize: int
    scanned: int
    """Keys read in the pass that this picture shows."""
    complete: bool
    finished_at: float | None
    """Wall-clock seconds when the pass shown was completed."""
    ttl_buckets: tuple[int, ...]
    """Keys (scaled up) by remaining TTL; bounds in `families.TTL_BOUNDS_MS`."""
    no_ttl: int
    """Keys (scaled up) without TTL."""
    streams: tuple[bytes, ...]
    soonest: tuple[Soon, ...]
    """Keys seen to expire next, soonest first."""
    biggest: tuple[BigKey, ...]
    denied: str | None = None
    """What is left out for want of a permission: a sentence that names the ACL rule."""
    restarted: str | None = None
    """Why the pass had to start again, if it had to."""
    failure: Failure | None = None
    share: float = 1.0
    """Fraction of the servers' time that the survey takes at most now."""
    courteous: bool = False
    """Whether that is less than allowed because others are served."""
    lifetimes: Lifetimes = UNKNOWN
    """All keys by the time they have left."""

    @property
    def seen(self) -> float:
        """The fraction of the keyspace this picture rests on, 0 to 1."""
        return 1.0 if self.complete else min(1.0, self.scanned / self.dbsize) if self.dbsize else 0.0


def family_of(shape: Shape, tally: Tally, sample: Sample, *, sized: bool) -> Family:
    """Scale up what was counted of one shape to the keyspace that the sample is of."""
    if not any(has_placeholder(part) for part in shape[1:]):
        sample = sample.itself  # not a family but one key, by its own name: nothing to scale up
    with_ttl = tally.keys - tally.no_ttl
    size, error, at_least = _bytes_of(tally, sample)
    median = tally.ttl_median_ms
    keys_error = sample.error(tally.keys, tally.spread)
    return Family(
        shape=tuple(printable(part) for part in shape),
        keys=round(sample.total(tally.keys, tally.spread)),
        keys_error=keys_error,
        bytes=round(size) if sized else None,
        bytes_error=error,
        bytes_at_least=at_least and sized,
        types=tuple((printable(kind), count / tally.keys) for kind, count in tally.types.most_common()),
        no_ttl=tally.no_ttl / tally.keys,
        ttl_mean=tally.ttl_sum_ms / 1000 / with_ttl if with_ttl else None,
        ttl_max=tally.ttl_max_ms / 1000 if with_ttl else None,
        ttl_min=tally.ttl_min_ms / 1000 if with_ttl else None,
        ttl_median=None if median is None else median / 1000,
        lifetimes=lifetimes_of(tally, sample, sized=sized, keys_error=keys_error),
    )


def lifetimes_of(tally: Tally, sample: Sample, *, sized: bool, keys_error: float = 0.0) -> Lifetimes:
    """Freeze what was counted of the times that keys have left.

    `keys_error` is that of all of them together; 0 when the tally is of every key there is.
    """
    scale = sample.total(tally.keys, tally.spread) / tally.keys if tally.keys else sample.scale or 1.0
    size, error, at_least = _bytes_of(tally, sample) if tally.keys else (0.0, 0.0, False)
    some = tally.no_ttl < tally.keys
    return Lifetimes(
        keys=by_bucket(tally.ttl_keys) if some else (),
        bytes=by_bucket(tally.ttl_sizes) if some else (),
        forever=tally.no_ttl,
        forever_bytes=tally.no_ttl_size,
        scale=scale,
        keys_error=keys_error,
        bytes_error=scale * tally.size - size if at_least else error,
        sized=sized,
        at_least=at_least,
    )


def _bytes_of(tally: Tally, sample: Sample) -> tuple[float, float, bool]:
    """Return the bytes of a family, their error, and whether they are a lower bound."""
    size, mean = sample.total(tally.size, tally.byte_spread), tally.size / tally.keys
    variance = sample.variance(tally.size, tally.byte_spread)
    if sample.whole or not tally.is_heavy_tailed(variance):
        return size, sample.error(tally.size, tally.byte_spread, mean), False
    # What was seen of skewed sizes may vary too little by chance: certainly no less than as many equal keys would, and
    # one more like the biggest may be among the others.
    error = sample.error(tally.size, tally.byte_spread, tally.size_max, least=mean)
    return max(float(tally.size), size - error), 0.0, True
