"""Failed sign-ins of the last 15 minutes, counted in Redis, or in this process while Redis is away (U10).

A try takes its place before the password is checked and gives it back when it succeeds, so that any number of tries at
once fail no oftener than one after another. Names are digests: no address of any kind lies in Redis.
"""

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.telemetry import logger

WINDOW_SECONDS = 900
_REMEMBERED_LOCALLY = 100_000

# KEYS[1] the set of tries by time; ARGV: the most, the window in ms, this try's name. Redis's own time rules.
# Answers 0 where there was room, else the milliseconds until there is.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, tonumber(oldest[2]) + window - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A try's place in a window."""

    name: str
    member: str


@dataclass(frozen=True, slots=True)
class Full:
    """No room; when to come back."""

    retry_after_ms: int


class LoginFailures:
    """Windows of failures by name (`email:<digest>`, `address:<digest>`)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(_TAKE)
        self._local: OrderedDict[str, dict[str, float]] = OrderedDict()

    async def take(self, name: str, *, most: int) -> Place | Full:
        """A place among the `most` failures that the window holds, or Full."""
        place = Place(name, secrets.token_hex(8))
        try:
            wait_ms = int(await self._take(keys=[_redis_key(name)], args=[most, WINDOW_SECONDS * 1000, place.member]))
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("login_limit_is_local", error=type(error).__name__)
            wait_ms = self._take_locally(place, most)
        return Full(wait_ms) if wait_ms else place

    async def give_back(self, place: Place) -> None:
        """The try succeeded, or was never judged."""
        self._local.get(place.name, {}).pop(place.member, None)
        try:
            await self._redis.zrem(_redis_key(place.name), place.member)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("login_limit_is_local", error=type(error).__name__)

    def _take_locally(self, place: Place, most: int) -> int:
        now = time.monotonic()
        window = self._local.setdefault(place.name, {})
        self._local.move_to_end(place.name)
        if len(self._local) > _REMEMBERED_LOCALLY:
            self._local.popitem(last=False)
        for member in [member for member, at in window.items() if at <= now - WINDOW_SECONDS]:
            del window[member]
        if len(window) >= most:
            return max(1, int((min(window.values()) + WINDOW_SECONDS - now) * 1000))
        window[place.member] = now
        return 0


def _redis_key(name: str) -> str:
    return f"tg:{{{name}}}:login-failures"
