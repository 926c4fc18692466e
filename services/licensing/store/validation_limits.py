"""Who validates too often, counted in Redis for all processes, or in this one while Redis is away.

Everything here may be lost: a bucket that is forgotten is full. What waits while Redis is asked goes with the next
question, so that many calls cost one round trip. Names are digests: neither an address nor a key lies in Redis.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from services.licensing.domain.validation_limit import Taken
from shared.telemetry import logger
from shared.token_bucket import Bucket, Level, level_at, take

SCRIPT = Path(__file__).with_name("validation_bucket.lua").read_bytes()
_MOST_AT_ONCE = 256
_DEADLINE_SECONDS = 0.5
_REMEMBERED_LOCALLY = 100_000
_AWAY_SECONDS = 1.0
"""How long Redis is not asked again after it did not answer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    name: str
    bucket: Bucket
    answer: "asyncio.Future[Taken]"


class ValidationLimits:
    """One a process; close it when the process ends."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sha: str | None = None
        self._waiting: list[_Asked] = []
        self._worker: asyncio.Task[None] | None = None
        self._local: OrderedDict[str, Level] = OrderedDict()
        self._away_until = 0.0

    async def take(self, wanted: Sequence[tuple[str, Bucket]]) -> list[Taken]:
        """A token out of each bucket, by its name (`address:<digest>`). Never fails."""
        if time.monotonic() < self._away_until:
            return [self._take_locally(name, bucket) for name, bucket in wanted]
        loop = asyncio.get_running_loop()
        asked = [_Asked(name, bucket, loop.create_future()) for name, bucket in wanted]
        self._waiting += asked
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off(), name="validation-limits")
        return [await one.answer for one in asked]

    async def close(self) -> None:
        if self._worker is not None:
            await self._worker

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                for one, taken in zip(batch, await self._taken(batch), strict=True):
                    if not one.answer.done():
                        one.answer.set_result(taken)
        finally:
            self._worker = None

    async def _taken(self, batch: Sequence[_Asked]) -> list[Taken]:
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._ask(batch)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("validation_limits_are_local", error=type(error).__name__)
            self._away_until = time.monotonic() + _AWAY_SECONDS
            return [self._take_locally(one.name, one.bucket) for one in batch]

    async def _ask(self, batch: Sequence[_Asked]) -> list[Taken]:
        try:
            answered = await self._ask_by_name(batch)
        except NoScriptError:
            self._sha = None
            answered = await self._ask_by_name(batch)
        return [
            Taken(one.bucket, bool(admitted), units) for one, (admitted, units) in zip(batch, answered, strict=True)
        ]

    async def _ask_by_name(self, batch: Sequence[_Asked]) -> list[tuple[int, int]]:
        """One question of a key each, so that they may lie on any node of a cluster."""
        if self._sha is None:
            self._sha = await self._redis.script_load(SCRIPT)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for one in batch:
                key = f"tg:{{{one.name}}}:validations"
                pipeline.evalsha(self._sha, 1, key, one.bucket.capacity, one.bucket.window_ms, 0)
            answered: list[tuple[int, int]] = await pipeline.execute()
            return answered

    def _take_locally(self, name: str, bucket: Bucket) -> Taken:
        """The same as the script, by this process's own count."""
        level = level_at(bucket, self._local.pop(name, None), time.monotonic_ns() // 1_000_000)
        admitted = level.units >= bucket.window_ms
        if admitted:
            (level,) = take([bucket], [level], calls=1)
        self._local[name] = level
        if len(self._local) > _REMEMBERED_LOCALLY:
            self._local.popitem(last=False)
        return Taken(bucket, admitted, level.units)
