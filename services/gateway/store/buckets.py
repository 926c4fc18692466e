"""A key's ban, buckets and refused calls in Redis: one script, one round trip a call.

Everything here may be lost: bans stand in PostgreSQL, and a bucket that is forgotten is full. Keys of one account
share a hash slot.
"""

from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from services.gateway.domain.admission import AbuseRule, Admission, Decision
from services.gateway.domain.token_bucket import Bucket

_SCRIPT = Path(__file__).with_name("buckets.lua").read_text("utf-8")
_FIXED_PARTS = 3


class BucketsUnavailable(Exception):
    """Redis did not answer."""


class Buckets:
    """The shared count of calls. `redis` must have short deadlines of its own."""

    def __init__(self, redis: Redis, rule: AbuseRule) -> None:
        self._redis = redis
        self._window = str(rule.window_ms)
        self._sha = ""

    async def admit(self, account_id: str, key_id: str, buckets: tuple[Bucket, ...], *, now_ms: int = 0) -> Admission:
        """Judge one call by Redis's own clock (`now_ms` is for tests). Raises BucketsUnavailable."""
        arguments = [str(now_ms), self._window]
        for bucket in buckets:
            arguments += (str(bucket.capacity), str(bucket.window_ms))
        try:
            answer = await self._run(state_key(account_id, key_id), arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise BucketsUnavailable(type(error).__name__) from error
        decision, banned_until, refused = answer[:_FIXED_PARTS]
        return Admission(Decision(decision), buckets, tuple(answer[_FIXED_PARTS:]), refused, banned_until)

    async def _run(self, key: str, arguments: list[str]) -> list[int]:
        if self._sha:
            try:
                return await self._evaluate(key, arguments)
            except NoScriptError:
                pass
        self._sha = await self._redis.script_load(_SCRIPT)
        return await self._evaluate(key, arguments)

    async def _evaluate(self, key: str, arguments: list[str]) -> list[int]:
        answer: list[int] = await self._redis.evalsha(self._sha, 1, key, *arguments)
        return answer

    async def ban(self, account_id: str, key_id: str, *, until_ms: int, for_ms: int) -> None:
        """Make every process know of a ban at once. Raises BucketsUnavailable."""
        key = state_key(account_id, key_id)
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(key, mapping={"b": until_ms, "r": 0})
                pipe.pexpire(key, for_ms + 86_460_000)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise BucketsUnavailable(type(error).__name__) from error

    async def lift(self, account_id: str, key_id: str) -> None:
        """Forget a ban. Raises BucketsUnavailable."""
        try:
            await self._redis.hdel(state_key(account_id, key_id), "b", "r", "s")
        except (RedisError, OSError, TimeoutError) as error:
            raise BucketsUnavailable(type(error).__name__) from error


def state_key(account_id: str, key_id: str) -> str:
    """Where a key's state lies; the braces make it the account's slot."""
    return f"tg:{{{account_id}}}:calls:{key_id}"
