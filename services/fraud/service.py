"""Fraud as one value: what its routes and loops work with."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from services.fraud.settings import Settings
from shared import bus
from shared.clock import Clock
from shared.db import Database
from shared.kept_clock import kept_clock


@dataclass(frozen=True)
class Fraud:
    """`app.state.service`: the schema, Redis, the clock and the settings."""

    database: Database
    redis: Redis
    clock: Clock
    settings: Settings


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Fraud]:
    """Open what fraud works with, for the length of the block."""
    database = Database(settings.database_url, pool_size=settings.database_pool_size, application="fraud")
    redis = bus.connect(settings.redis_url)
    try:
        async with kept_clock("fraud", database, redis, environment=settings.environment) as clock:
            yield Fraud(database, redis, clock, settings)
    finally:
        await redis.aclose()
        await database.close()
