"""So many within any window of so long: each takes its place, counted in Redis, or in this process while Redis is away.

What turns out not to count gives its place back, so that any number of tries at once come through no oftener than one
after another. Names are digests: no address of any kind lies in Redis. Losing it all forgets what was counted.
"""

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.telemetry import logger

_REMEMBERED_LOCALLY = 100_000
_IPV6_CUSTOMER_PREFIX = 64

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


class WindowLimit:
    """Windows of one kind, `kind` as Redis's keys have it, each by a name such as `email:<digest>`."""

    def __init__(self, redis: Redis, kind: str, *, window_seconds: int) -> None:
        self._redis = redis
        self._kind = kind
        self._window_seconds = window_seconds
        self._take = redis.register_script(_TAKE)
        self._local: OrderedDict[str, dict[str, float]] = OrderedDict()

    async def take(self, name: str, *, most: int) -> Place | Full:
        """A place among the `most` that the window holds, or Full."""
        member = secrets.token_hex(8)
        try:
            left = int(await self._take(keys=[self._key(name)], args=[most, self._window_seconds * 1000, member]))
        except (RedisError, OSError, TimeoutError) as error:
            self._say_away(error)
            left = self._take_locally(name, member, most)
        return Full(-left) if left < 0 else Place(name, member, left)

    async def give_back(self, place: Place) -> None:
        """What took the place does not count."""
        self._local.get(place.name, {}).pop(place.member, None)
        try:
            await self._redis.zrem(self._key(place.name), place.member)
        except (RedisError, OSError, TimeoutError) as error:
            self._say_away(error)

    def _say_away(self, error: BaseException) -> None:
        logger.warning("limit_is_local", limit=self._kind, error=type(error).__name__)

    def _take_locally(self, name: str, member: str, most: int) -> int:
        """The same as the script, by this process's own count."""
        now = time.monotonic()
        window = self._local.setdefault(name, {})
        self._local.move_to_end(name)
        if len(self._local) > _REMEMBERED_LOCALLY:
            self._local.popitem(last=False)
        for ended in [one for one, at in window.items() if at <= now - self._window_seconds]:
            del window[ended]
        if len(window) >= most:
            return -max(1, int((min(window.values()) + self._window_seconds - now) * 1000))
        window[member] = now
        return most - len(window)

    def _key(self, name: str) -> str:
        return f"tg:{{{name}}}:{self._kind}"


@lru_cache(maxsize=4_096)
def caller_at(address: str) -> str:
    """The address as one caller's: an IPv6 customer has a whole /64. What is no address is one caller, too."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, _IPV6_CUSTOMER_PREFIX), strict=False))
    return str(parsed)
