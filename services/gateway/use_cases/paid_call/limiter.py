"""Limits of all processes together, by Redis; while Redis is away, each process's own share, loudly.

A process remembers what Redis last said of a key, and counts on from its share of that: so a short silence gives nobody
a second burst.
"""

import asyncio
import time
from collections import OrderedDict

from services.gateway.domain.admission import AbuseRule, Admission, Decision, KeyState, admit, buckets_of, share_of
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.token_bucket import Bucket, Level
from services.gateway.store.buckets import Buckets, BucketsUnavailable
from services.gateway.use_cases.paid_call.metrics import LIMITS_ARE_LOCAL
from shared.telemetry import logger

_RETRY_AFTER_SECONDS = 1.0
_MOST_REMEMBERED = 50_000
_AT_ONCE = 64


class Limiter:
    """One a process. While Redis is away it is asked again once a second, by one call."""

    def __init__(self, shared: Buckets, rule: AbuseRule, *, deadline_ms: int, processes: int) -> None:
        self._shared = shared
        self._rule = rule
        self._deadline_seconds = deadline_ms / 1_000
        self._processes = processes
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._is_local = False
        self._ask_again_at = 0.0
        self._remembered: OrderedDict[str, KeyState] = OrderedDict()

    async def admit(self, record: KeyRecord) -> Admission:
        """Judge one call of a key."""
        buckets = buckets_of(per_minute=record.per_minute, per_day=record.per_day)
        if not self._is_local or time.monotonic() >= self._ask_again_at:
            self._ask_again_at = time.monotonic() + _RETRY_AFTER_SECONDS
            try:
                async with self._turns, asyncio.timeout(self._deadline_seconds):
                    admission = await self._shared.admit(record.account_id, record.key_id, buckets)
            except (BucketsUnavailable, TimeoutError) as error:
                self._lose(error)
            else:
                self._regain()
                self._remember(record.key_id, self._share_of(admission))
                return admission
        return self._admit_here(record.key_id, share_of(buckets, processes=self._processes))

    def _admit_here(self, key_id: str, buckets: tuple[Bucket, ...]) -> Admission:
        state = self._remembered.get(key_id, KeyState())
        admission, state = admit(state, buckets, self._rule, now_ms=_now_ms())
        self._remember(key_id, state)
        return admission

    def _share_of(self, admission: Admission) -> KeyState:
        now_ms = _now_ms()
        levels = {
            bucket.name: Level(units // self._processes, now_ms)
            for bucket, units in zip(admission.buckets, admission.units, strict=True)
        }
        until = admission.banned_until_ms if admission.decision is Decision.BANNED else 0
        return KeyState(levels, admission.refused, now_ms, until)

    def _remember(self, key_id: str, state: KeyState) -> None:
        self._remembered[key_id] = state
        self._remembered.move_to_end(key_id)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _lose(self, error: Exception) -> None:
        if not self._is_local:
            logger.error("limits_are_local", error=str(error) or type(error).__name__, processes=self._processes)
        self._is_local = True
        LIMITS_ARE_LOCAL.set(1)

    def _regain(self) -> None:
        if self._is_local:
            logger.warning("limits_are_shared_again")
            self._is_local = False
            LIMITS_ARE_LOCAL.set(0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
