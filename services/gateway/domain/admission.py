"""May this key call now? Its ban, its two buckets and the count of its refused calls, judged in one step.

`admit` is the rule; `store/buckets.lua` is the same rule inside Redis, shared by all processes, and where Redis is away
each process applies `admit` to its own share. Times are unix milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from services.gateway.domain.token_bucket import (
    DAY_MS,
    MAX_CAPACITY,
    MINUTE_MS,
    Bucket,
    Level,
    level_at,
    remaining,
    seconds_until_full,
    seconds_until_one,
    take_one,
)


class Decision(IntEnum):
    ADMITTED = 0
    LIMITED = 1
    BANNED = 2


@dataclass(frozen=True, slots=True)
class AbuseRule:
    """So many limited calls within so long are abuse."""

    refused_calls: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is remembered of a key between its calls. All of it may be lost."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    refused: int = 0
    refused_since_ms: int = 0
    banned_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer: `units` are what each bucket holds after it; `refused` counts limited calls of the window."""

    decision: Decision
    buckets: tuple[Bucket, ...]
    units: tuple[int, ...]
    refused: int
    banned_until_ms: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): `t` is when it is full."""
        if not self.buckets:
            return []
        policy = ", ".join(f'"{one.name}";q={one.capacity};w={one.window_ms // 1000}' for one in self.buckets)
        now = ", ".join(
            f'"{one.name}";r={remaining(one, held)};t={seconds_until_full(one, held)}'
            for one, held in zip(self.buckets, self.units, strict=True)
        )
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]

    @property
    def retry_after_seconds(self) -> int:
        return seconds_until_one(self.buckets, self.units)


def buckets_of(*, per_minute: int | None, per_day: int | None) -> tuple[Bucket, ...]:
    """A key's buckets; None is no limit."""
    limits = (("minute", per_minute, MINUTE_MS), ("day", per_day, DAY_MS))
    return tuple(
        Bucket(name, min(max(limit, 1), MAX_CAPACITY), window) for name, limit, window in limits if limit is not None
    )


def share_of(buckets: Sequence[Bucket], *, processes: int) -> tuple[Bucket, ...]:
    """One process's part of the limits while the shared count is away; at least one call each."""
    return tuple(replace(one, capacity=max(1, one.capacity // processes)) for one in buckets)


def admit(state: KeyState, buckets: tuple[Bucket, ...], rule: AbuseRule, *, now_ms: int) -> tuple[Admission, KeyState]:
    """Judge one call; a refused one takes nothing from any bucket."""
    levels = tuple(level_at(bucket, state.levels.get(bucket.name), now_ms) for bucket in buckets)
    units = tuple(level.units for level in levels)
    if now_ms < state.banned_until_ms:
        refused = _still_counted(state, rule, now_ms)
        return Admission(Decision.BANNED, buckets, units, refused, state.banned_until_ms), state
    taken = take_one(buckets, levels)
    if taken is None:
        counted = _count_refused(state, rule, now_ms)
        return Admission(Decision.LIMITED, buckets, units, counted.refused, 0), counted
    left = tuple(level.units for level in taken)
    kept = {**state.levels, **{bucket.name: level for bucket, level in zip(buckets, taken, strict=True)}}
    refused = _still_counted(state, rule, now_ms)
    return Admission(Decision.ADMITTED, buckets, left, refused, 0), replace(state, levels=kept)


def _still_counted(state: KeyState, rule: AbuseRule, now_ms: int) -> int:
    return state.refused if now_ms - state.refused_since_ms < rule.window_ms else 0


def _count_refused(state: KeyState, rule: AbuseRule, now_ms: int) -> KeyState:
    counted = _still_counted(state, rule, now_ms)
    since = state.refused_since_ms if counted else now_ms
    return replace(state, refused=counted + 1, refused_since_ms=since)
