"""Licensing as one value: what its routes and loops work with."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from services.licensing.settings import Settings
from shared import bus
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.http_client import ServiceClient
from shared.service_auth import Minter


@dataclass(frozen=True)
class Licensing:
    """`app.state.service`: the schema, Redis, the clock, the settings, and the gateway as mails are handed to it."""

    database: Database
    redis: Redis
    clock: Clock
    settings: Settings
    gateway: ServiceClient


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Licensing]:
    """Open what licensing works with, for the length of the block."""
    database = Database(settings.database_url, pool_size=settings.database_pool_size, application="licensing")
    redis = bus.connect(settings.redis_url)
    minter = Minter("licensing", settings.service_signing_key)
    gateway = ServiceClient(settings.gateway_url, audience="gateway", minter=minter)
    try:
        yield Licensing(database, redis, SystemClock(), settings, gateway)
    finally:
        await gateway.close()
        await redis.aclose()
        await database.close()
