"""Licensing as one value: what its routes and loops work with."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from services.licensing.settings import Settings
from shared import bus
from shared.clock import Clock, SystemClock
from shared.db import Database


@dataclass(frozen=True)
class Licensing:
    """`app.state.service`: the schema, Redis, the clock and the settings."""

    database: Database
    redis: Redis
    clock: Clock
    settings: Settings


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Licensing]:
    """Open what licensing works with, for the length of the block."""
    database = Database(settings.database_url, pool_size=settings.database_pool_size, application="licensing")
    redis = bus.connect(settings.redis_url)
    try:
        yield Licensing(database, redis, SystemClock(), settings)
    finally:
        await redis.aclose()
        await database.close()
