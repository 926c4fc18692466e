"""The token bucket (S2): so many calls at once, then as many a second as the window's share gives.

Integers only. A token is as many units as its window has milliseconds, and every millisecond adds as many units as
the bucket holds tokens; so refilling in one step or in a thousand gives the same level, to the unit. Units stay below
2^53, for scripts in Redis do the same arithmetic in doubles (the gateway's `store/buckets.lua`, licensing's
`store/validation_bucket.lua`); property tests pin them to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE_MS = 60_000
DAY_MS = 86_400_000
MAX_UNITS = 1 << 53
MAX_CAPACITY = MAX_UNITS // DAY_MS
_MS_PER_SECOND = 1_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` tokens, refilled continuously at `capacity` per `window_ms`."""

    name: str
    capacity: int
    window_ms: int

    def __post_init__(self) -> None:
        assert 0 < self.capacity * self.window_ms <= MAX_UNITS, "a bucket that Lua could not count"

    @property
    def full(self) -> int:
        return self.capacity * self.window_ms


@dataclass(frozen=True, slots=True)
class Level:
    """What a bucket held at an instant, in units."""

    units: int
    at_ms: int


def level_at(bucket: Bucket, level: Level | None, now_ms: int) -> Level:
    """The level now. A bucket never seen is full; a clock that went back adds nothing and takes nothing."""
    if level is None:
        return Level(bucket.full, now_ms)
    elapsed = max(0, now_ms - level.at_ms)
    if elapsed >= bucket.window_ms:
        return Level(bucket.full, now_ms)
    return Level(min(bucket.full, level.units + elapsed * bucket.capacity), max(now_ms, level.at_ms))


def take(buckets: Sequence[Bucket], levels: Sequence[Level], *, calls: int) -> tuple[Level, ...]:
    """So many tokens out of every bucket, as far as it holds them."""
    return tuple(
        Level(max(0, level.units - calls * bucket.window_ms), level.at_ms)
        for bucket, level in zip(buckets, levels, strict=True)
    )


def seconds_until_one(buckets: Sequence[Bucket], units: Sequence[int]) -> int:
    """How long until every bucket has a token, rounded up, and never less than a second: for `Retry-After`."""
    waits = (_seconds(bucket.window_ms - held, bucket.capacity) for bucket, held in zip(buckets, units, strict=True))
    return max(1, *waits)


def _seconds(missing_units: int, units_per_ms: int) -> int:
    if missing_units <= 0:
        return 0
    return -(-missing_units // (units_per_ms * _MS_PER_SECOND))
