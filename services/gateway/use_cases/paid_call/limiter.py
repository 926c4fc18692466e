"""Limits of all processes together, by Redis; while Redis is away, each process's own share, loudly.

What waits while Redis is asked makes the next batch: alone, a call waits for nobody. A process remembers what Redis
last said of a key, and counts on from its share of that: so a short silence gives nobody a second burst. What it
admitted by itself is told to Redis, once, when that answers again.
"""

import asyncio

from services.gateway.domain.admission import AbuseRule, Admission, allowance_of
from services.gateway.domain.key_record import KeyRecord
from services.gateway.store.buckets import Buckets, BucketsUnavailable
from services.gateway.use_cases.paid_call.metrics import LIMITS_ARE_LOCAL
from services.gateway.use_cases.paid_call.own_share import OwnShare
from services.gateway.use_cases.paid_call.waiting_calls import KeyCalls, WaitingCalls
from shared.telemetry import logger

_RETRY_AFTER_SECONDS = 1.0
_MOST_KEYS_AT_ONCE = 128


class Limiter:
    """One a process. While Redis is away it is asked again once a second, and no call waits for that."""

    def __init__(self, shared: Buckets, rule: AbuseRule, *, deadline_ms: int, processes: int) -> None:
        self._shared = shared
        self._deadline_seconds = deadline_ms / 1_000
        self._processes = processes
        self._waiting = WaitingCalls()
        self._own = OwnShare(rule, processes=processes)
        self._is_local = False
        self._bell = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def admit(self, record: KeyRecord) -> Admission:
        """Judge one call of a key."""
        limits = record.limits
        allowance = allowance_of(limits.per_minute, limits.per_day)
        if self._is_local:
            return self._own.admit(record, allowance)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="limits")
        verdict: asyncio.Future[Admission | None] = self._worker.get_loop().create_future()
        self._waiting.add(record, allowance, verdict)
        self._bell.set()
        return await verdict or self._own.admit(record, allowance)

    async def close(self) -> None:
        """End what is under way; nobody may ask any more."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
        self._waiting.leave_unjudged()
        await self._shared.close()

    async def _work(self) -> None:
        """Batch after batch, for ever. Its failures are Redis's silence, whatever they are: nobody may be stuck."""
        while True:
            if self._is_local:
                await asyncio.sleep(_RETRY_AFTER_SECONDS)
            elif not self._waiting and not self._own.owes:
                self._bell.clear()
                await self._bell.wait()
            batch = self._waiting.next_batch(_MOST_KEYS_AT_ONCE)
            try:
                await self._judge(batch)
            except Exception as error:  # noqa: BLE001
                self._lose(error)
            finally:
                for calls in batch:
                    calls.leave_unjudged()

    async def _judge(self, batch: list[KeyCalls]) -> None:
        """A batch, after debts that are as old. An empty one asks whether Redis is there: no debt is told before."""
        owed = [] if self._is_local else self._own.take_owed(_MOST_KEYS_AT_ONCE)
        judged = await self._shared.judge([*owed, *batch], deadline_seconds=self._deadline_seconds)
        self._regain()
        for asked, judgement in judged:
            self._own.remember(asked.key_id, judgement)
            if isinstance(asked, KeyCalls):
                asked.answer(judgement)

    def _lose(self, error: Exception) -> None:
        if not self._is_local:
            why = str(error) if isinstance(error, BucketsUnavailable) else repr(error)
            logger.error("limits_are_local", error=why, processes=self._processes)
        self._is_local = True
        LIMITS_ARE_LOCAL.set(1)
        self._waiting.leave_unjudged()

    def _regain(self) -> None:
        if self._is_local:
            logger.warning("limits_are_shared_again")
            self._is_local = False
            LIMITS_ARE_LOCAL.set(0)
