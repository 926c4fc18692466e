"""Limits of all processes together, by Redis; while Redis is away, each process's own share, loudly."""

import asyncio
import time
from collections import OrderedDict

from services.gateway.domain.admission import AbuseRule, Admission, KeyState, admit, buckets_of, share_of
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.token_bucket import Bucket
from services.gateway.store.buckets import Buckets, BucketsUnavailable
from services.gateway.use_cases.paid_call.metrics import LIMITS_ARE_LOCAL
from shared.telemetry import logger

_RETRY_AFTER_SECONDS = 1.0
_MOST_REMEMBERED = 50_000


class Limiter:
    """One a process. While Redis is away it is asked again once a second, by one call."""

    def __init__(self, shared: Buckets, rule: AbuseRule, *, deadline_ms: int, processes: int) -> None:
        self._shared = shared
        self._rule = rule
        self._deadline_seconds = deadline_ms / 1_000
        self._processes = processes
        self._ask_again_at = 0.0
        self._own: OrderedDict[str, KeyState] = OrderedDict()

    async def admit(self, record: KeyRecord) -> Admission:
        """Judge one call of a key."""
        buckets = buckets_of(per_minute=record.per_minute, per_day=record.per_day)
        if time.monotonic() >= self._ask_again_at:
            if self._own:
                self._ask_again_at = time.monotonic() + _RETRY_AFTER_SECONDS
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    admission = await self._shared.admit(record.account_id, record.key_id, buckets)
            except (BucketsUnavailable, TimeoutError) as error:
                self._lose(error)
            else:
                self._regain()
                return admission
        return self._admit_here(record.key_id, share_of(buckets, processes=self._processes))

    def _admit_here(self, key_id: str, buckets: tuple[Bucket, ...]) -> Admission:
        state = self._own.pop(key_id, KeyState())
        admission, self._own[key_id] = admit(state, buckets, self._rule, now_ms=time.time_ns() // 1_000_000)
        if len(self._own) > _MOST_REMEMBERED:
            self._own.popitem(last=False)
        return admission

    def _lose(self, error: Exception) -> None:
        self._ask_again_at = time.monotonic() + _RETRY_AFTER_SECONDS
        if not self._own:
            logger.error("limits_are_local", error=str(error) or type(error).__name__, processes=self._processes)
        LIMITS_ARE_LOCAL.set(1)

    def _regain(self) -> None:
        self._ask_again_at = 0.0
        if self._own:
            logger.warning("limits_are_shared_again")
            self._own.clear()
            LIMITS_ARE_LOCAL.set(0)
