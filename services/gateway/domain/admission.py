"""May this key call now? Its ban, its two buckets and the count of its refused calls, judged in one step.

`admit` is the rule; `store/buckets.lua` is the same rule inside Redis, shared by all processes, and where Redis is away
each process applies `admit` to its own share. Times are unix milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache

from shared.token_bucket import (
    DAY_MS,
    MAX_CAPACITY,
    MINUTE_MS,
    Bucket,
    Level,
    level_at,
    seconds_until_one,
    take,
)

_MOST_ALLOWANCES = 4_096


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


class Allowance:
    """A key's buckets, and what every answer says of them: one for each pair of limits, made once."""

    __slots__ = ("_measures", "_said", "buckets", "policy", "windows")

    def __init__(self, buckets: tuple[Bucket, ...]) -> None:
        self.buckets = buckets
        self.windows = tuple(one.window_ms for one in buckets)
        self._measures = tuple((one.window_ms, one.full, one.capacity * 1_000) for one in buckets)
        self.policy = ", ".join(f'"{one.name}";q={one.capacity};w={one.window_ms // 1000}' for one in buckets).encode()
        self._said = ", ".join(f'"{one.name}";r=%d;t=%d' for one in buckets).encode()

    def headers(self, units: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): `t` is when it is full."""
        if not self.buckets:
            return []
        numbers: list[int] = []
        for (window_ms, full, units_a_second), held in zip(self._measures, units, strict=True):
            numbers += (held // window_ms, -((held - full) // units_a_second))
        return [(b"ratelimit-policy", self.policy), (b"ratelimit", self._said % tuple(numbers))]


@dataclass(slots=True)
class Admission:
    """The answer to one call: `units` are what each bucket holds after it; `refused` counts limited calls of the
    window."""

    decision: Decision
    allowance: Allowance
    units: tuple[int, ...]
    refused: int
    banned_until_ms: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        return self.allowance.headers(self.units)

    @property
    def retry_after_seconds(self) -> int:
        return seconds_until_one(self.allowance.buckets, self.units)


@dataclass(slots=True)
class Judgement:
    """The answer to `times` calls of one key at one instant: the first `admitted` are, the rest is limited, or all are
    banned. `units` and `refused` are after all of them."""

    allowance: Allowance
    times: int
    admitted: int
    units: tuple[int, ...]
    refused: int
    banned_until_ms: int

    def nth(self, position: int) -> Admission:
        """What it says of one of the calls, counted from 0."""
        if self.banned_until_ms:
            return Admission(Decision.BANNED, self.allowance, self.units, self.refused, self.banned_until_ms)
        after = self.admitted - 1 - position
        if after < 0:
            refused = self.refused - (self.times - 1 - position)
            return Admission(Decision.LIMITED, self.allowance, self.units, refused, 0)
        units = self.units
        if after:
            units = tuple([held + after * window for held, window in zip(units, self.allowance.windows, strict=True)])
        return Admission(Decision.ADMITTED, self.allowance, units, self.refused - (self.times - self.admitted), 0)


@lru_cache(maxsize=_MOST_ALLOWANCES)
def allowance_of(per_minute: int | None, per_day: int | None) -> Allowance:
    """A key's buckets; None is no limit."""
    limits = (("minute", per_minute, MINUTE_MS), ("day", per_day, DAY_MS))
    return Allowance(
        tuple(
            Bucket(name, min(max(limit, 1), MAX_CAPACITY), window)
            for name, limit, window in limits
            if limit is not None
        )
    )


def share_of(allowance: Allowance, *, processes: int) -> Allowance:
    """One process's part of the limits while the shared count is away; at least one call each."""
    return Allowance(tuple(replace(one, capacity=max(1, one.capacity // processes)) for one in allowance.buckets))


def admit(state: KeyState, allowance: Allowance, rule: AbuseRule, *, now_ms: int) -> tuple[Admission, KeyState]:
    """Judge one call; a refused one takes nothing from any bucket."""
    buckets = allowance.buckets
    levels = tuple(level_at(bucket, state.levels.get(bucket.name), now_ms) for bucket in buckets)
    units = tuple(level.units for level in levels)
    if now_ms < state.banned_until_ms:
        refused = _still_counted(state, rule, now_ms)
        return Admission(Decision.BANNED, allowance, units, refused, state.banned_until_ms), state
    if any(level.units < bucket.window_ms for bucket, level in zip(buckets, levels, strict=True)):
        counted = _count_refused(state, rule, now_ms)
        return Admission(Decision.LIMITED, allowance, units, counted.refused, 0), counted
    taken = take(buckets, levels, calls=1)
    left = tuple(level.units for level in taken)
    refused = _still_counted(state, rule, now_ms)
    return Admission(Decision.ADMITTED, allowance, left, refused, 0), _with_levels(state, buckets, taken)


def debit(state: KeyState, allowance: Allowance, *, calls: int, now_ms: int) -> KeyState:
    """Count calls that were admitted elsewhere, as far as the buckets hold them."""
    buckets = allowance.buckets
    levels = tuple(level_at(bucket, state.levels.get(bucket.name), now_ms) for bucket in buckets)
    return _with_levels(state, buckets, take(buckets, levels, calls=calls))


def _with_levels(state: KeyState, buckets: Sequence[Bucket], levels: Sequence[Level]) -> KeyState:
    named = {bucket.name: level for bucket, level in zip(buckets, levels, strict=True)}
    return replace(state, levels={**state.levels, **named})


def _still_counted(state: KeyState, rule: AbuseRule, now_ms: int) -> int:
    return state.refused if now_ms - state.refused_since_ms < rule.window_ms else 0


def _count_refused(state: KeyState, rule: AbuseRule, now_ms: int) -> KeyState:
    counted = _still_counted(state, rule, now_ms)
    since = state.refused_since_ms if counted else now_ms
    return replace(state, refused=counted + 1, refused_since_ms=since)
