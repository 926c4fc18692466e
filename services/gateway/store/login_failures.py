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

from services.gateway.domain.login_limit import WINDOW_SECONDS
from shared.telemetry import logger

_REMEMBERED_LOCALLY = 100_000

# KEYS[1] the set of tries by time; ARGV: the most, the window in ms, this try's name. Redis's own time rules.
# Answers how many more would find room after this one, or, where there was none, minus the milliseconds until there is.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return -math.max(1, tonumber(oldest[2]) + window - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return most - redis.call('ZCARD', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A try's place in a window; `left` more would have found one too."""

    name: str
    member: str
    left: int


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
        member = secrets.token_hex(8)
        try:
            left = int(await self._take(keys=[_redis_key(name)], args=[most, WINDOW_SECONDS * 1000, member]))
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("login_limit_is_local", error=type(error).__name__)
            left = self._take_locally(name, member, most)
        return Full(-left) if left < 0 else Place(name, member, left)

    async def give_back(self, place: Place) -> None:
        """The try succeeded, or was never judged."""
        self._local.get(place.name, {}).pop(place.member, None)
        try:
            await self._redis.zrem(_redis_key(place.name), place.member)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("login_limit_is_local", error=type(error).__name__)

    def _take_locally(self, name: str, member: str, most: int) -> int:
        """The same as the script, by this process's own count."""
        now = time.monotonic()
        window = self._local.setdefault(name, {})
        self._local.move_to_end(name)
        if len(self._local) > _REMEMBERED_LOCALLY:
            self._local.popitem(last=False)
        for ended in [one for one, at in window.items() if at <= now - WINDOW_SECONDS]:
            del window[ended]
        if len(window) >= most:
            return -max(1, int((min(window.values()) + WINDOW_SECONDS - now) * 1000))
        window[member] = now
        return most - len(window)


def _redis_key(name: str) -> str:
    return f"tg:{{{name}}}:login-failures"
