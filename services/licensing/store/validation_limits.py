"""Who validates too often, counted in Redis for all processes, or in this one while Redis is away.

Everything here may be lost: a bucket that is forgotten is full. What waits while Redis is asked goes with the next
question, so that many calls cost one round trip. Names are digests: neither an address nor a key lies in Redis.
"""

import asyncio
import hashlib
import struct
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from services.licensing.domain.validation_limit import Taken
from shared.script_lines import LinesDown, ScriptLines, pack
from shared.telemetry import logger
from shared.token_bucket import Bucket, Level, level_at, take

SCRIPT = Path(__file__).with_name("validation_bucket.lua").read_bytes()
_SHA = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
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
        self._lines = ScriptLines[_Asked](redis, SCRIPT, key_of=key_of, packed=command)
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
        await self._lines.close()

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
            return await self._ask(batch)
        except LinesDown as error:
            logger.warning("validation_limits_are_local", error=str(error))
            self._away_until = time.monotonic() + _AWAY_SECONDS
            return [self._take_locally(one.name, one.bucket) for one in batch]

    async def _ask(self, batch: Sequence[_Asked]) -> list[Taken]:
        answered = await self._lines.ask(batch, deadline_seconds=_DEADLINE_SECONDS)
        taken = {one: each for its, said in answered for one, each in zip(its, _taken_of(its, said), strict=True)}
        return [taken[one] for one in batch]

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


def command(batch: Sequence[_Asked], *, now_ms: int = 0) -> bytes:
    """The script's call for these; `now_ms` 0: Redis's own clock rules."""
    arguments = [part for one in batch for part in (b"%d" % one.bucket.capacity, b"%d" % one.bucket.window_ms)]
    keys = [key_of(one) for one in batch]
    return pack(b"EVALSHA", _SHA, b"%d" % len(keys), *keys, b"%d" % now_ms, *arguments)


def key_of(asked: _Asked) -> bytes:
    return b"tg:{%b}:validations" % asked.name.encode()


def _taken_of(batch: Sequence[_Asked], said: bytes) -> list[Taken]:
    numbers = struct.unpack(f">{2 * len(batch)}q", said)
    return [
        Taken(one.bucket, bool(admitted), units)
        for one, admitted, units in zip(batch, numbers[::2], numbers[1::2], strict=True)
    ]
