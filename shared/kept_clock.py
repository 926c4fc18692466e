"""How far a service's business time is ahead: a row of its schema's table `clock`, so that it outlives restarts, and
followed by every process of the service.

In production nothing moves it: a row that is there all the same is not heeded, loudly. Elsewhere each process looks at
the row every `LOOK_SECONDS`, and at once when the bell `clock:<service>` rings; then it says so in Redis, so that who
moved the clock need not wait longer. Redis away, who moved it waits until all must have looked.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import bus
from shared.clock import Clock, MovableClock, SystemClock
from shared.db import Database, is_unavailable
from shared.loops import Loop, running, stop
from shared.telemetry import logger

LOOK_SECONDS = 0.4
ALL_HAVE_LOOKED_SECONDS = 0.6
_ASK_AGAIN_SECONDS = 0.002
_TOLD_FOR_SECONDS = 60


@contextlib.asynccontextmanager
async def kept_clock(
    service: str, database: Database, redis: Redis, *, environment: str, given: Clock | None = None
) -> AsyncIterator[Clock]:
    """The service's clock as it was left, followed until the block ends; or the one that a test gives. A database that
    is away is waited for beside the block: until it answers, business time is real time."""
    if given is not None:
        yield given
        return
    if environment == "production":
        await _say_if_moved(service, database)
        yield SystemClock()
        return
    keeper = Keeper(service, database, redis, MovableClock())
    with contextlib.suppress(TimeoutError):
        await keeper.follow_calmly()
    ears = asyncio.create_task(bus.listen(redis, {keeper.channel: keeper.bell}), name="clock-bell")
    try:
        async with running([Loop(f"{service}-clock", LOOK_SECONDS, keeper.follow_calmly, keeper.bell)]):
            yield keeper.clock
    finally:
        await stop([ears])


async def read_ahead(database: Database) -> int:
    """How many seconds business time is ahead."""
    pool = await database.asyncpg_pool()
    return int(await pool.fetchval("SELECT ahead_seconds FROM clock") or 0)


async def clock_as_kept(database: Database, *, environment: str) -> Clock:
    """The service's clock for one command, which does not follow it."""
    return SystemClock() if environment == "production" else MovableClock(await read_ahead(database))


async def _say_if_moved(service: str, database: Database) -> None:
    try:
        ahead = await read_ahead(database)
    except Exception as error:
        if not is_unavailable(error):
            raise
        return
    if ahead:
        logger.error("test_clock_not_heeded", service=service, ahead_seconds=ahead, why="this is production")


@dataclass
class Keeper:
    """One process's hand on its service's clock. `told` is how far ahead it last said that it is."""

    service: str
    database: Database
    redis: Redis
    clock: MovableClock
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    told: int = 0

    @property
    def channel(self) -> str:
        return f"clock:{self.service}"

    async def follow_calmly(self) -> bool:
        """Be where the row says, and say so. A database that is away changes nothing."""
        try:
            ahead = await read_ahead(self.database)
        except Exception as error:
            if not is_unavailable(error):
                raise
            return False
        self.clock.move(ahead)
        if ahead != self.told:
            self.told = ahead
            await self._tell(ahead)
        return False

    async def move(self, ahead_seconds: int) -> None:
        """Have business time be so far ahead in every process of the service: when this returns, all of them follow, or
        have had the time to. Never back; the same twice is once."""
        pool = await self.database.asyncpg_pool()
        kept = int(await pool.fetchval(_MOVE, ahead_seconds))
        if kept == self.clock.ahead_seconds:
            return
        self.clock.move(kept)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ALL_HAVE_LOOKED_SECONDS):
                await self._until_all_followed(kept)

    async def _until_all_followed(self, ahead: int) -> None:
        """All who hear the bell have said that they follow, this process by its own loop."""
        try:
            hearing = int(await self.redis.publish(f"tg:bell:{self.channel}", b"1"))
            while int(await self.redis.get(self._followers_of(ahead)) or 0) < hearing:  # noqa: ASYNC110 - others tell
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
        except (RedisError, OSError):
            await asyncio.sleep(ALL_HAVE_LOOKED_SECONDS)

    async def _tell(self, ahead: int) -> None:
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            followers = self._followers_of(ahead)
            await self.redis.incr(followers)
            await self.redis.expire(followers, _TOLD_FOR_SECONDS)

    def _followers_of(self, ahead: int) -> str:
        return f"tg:{self.channel}:{ahead}"


_MOVE = """
INSERT INTO clock (ahead_seconds, moved_at) VALUES ($1, now()) ON CONFLICT (only_row)
DO UPDATE SET ahead_seconds = greatest(clock.ahead_seconds, excluded.ahead_seconds), moved_at = now()
RETURNING ahead_seconds
"""
