"""The gateway as one value: what its routes and loops work with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from services.gateway.domain.caller_address import Network, parse_networks
from services.gateway.settings import Settings
from services.gateway.store import changes, keys, sessions
from services.gateway.use_cases.change_feed import BELL, ChangeFeed
from services.gateway.use_cases.key_directory import KeyDirectory
from services.gateway.use_cases.session_directory import SessionDirectory
from shared import bus
from shared.clock import Clock, SystemClock
from shared.db import Database
from shared.http_client import ServiceClient
from shared.loops import running
from shared.service_auth import Minter


@dataclass(frozen=True)
class Gateway:
    """`app.state.service`."""

    settings: Settings
    database: Database
    redis: Redis
    clock: Clock
    minter: Minter
    billing: ServiceClient
    licensing: ServiceClient
    fraud: ServiceClient
    trusted_proxies: tuple[Network, ...]
    feed: ChangeFeed
    keys: KeyDirectory
    sessions: SessionDirectory


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Gateway]:
    """The service with its pools open and its change feed running, until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_url, pool_size=settings.database_pool_size, application="gateway")
        stack.push_async_callback(database.close)
        redis = bus.connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        feed = await stack.enter_async_context(_feed(settings, redis))
        yield _built(stack, settings, database=database, redis=redis, feed=feed)


@contextlib.asynccontextmanager
async def _feed(settings: Settings, redis: Redis) -> AsyncIterator[ChangeFeed]:
    """The change feed, on a connection of its own so that a busy pool never delays a revocation. It has polled once
    when the block begins, if PostgreSQL answers; it is run by what subscribes to it being there first."""
    database = Database(settings.database_url, pool_size=1, application="gateway-changes")
    feed = ChangeFeed(partial(changes.poll, database))
    listening = asyncio.create_task(bus.listen(redis, {BELL: feed.bell}), name="change-bell")
    try:
        async with running([feed.loop()]):
            yield feed
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await database.close()


def _built(
    stack: contextlib.AsyncExitStack, settings: Settings, *, database: Database, redis: Redis, feed: ChangeFeed
) -> Gateway:
    clock = SystemClock()
    minter = Minter("gateway", settings.service_signing_key)

    def sibling(name: str, url: str) -> ServiceClient:
        client = ServiceClient(url, audience=name, minter=minter)
        stack.push_async_callback(client.close)
        return client

    return Gateway(
        settings=settings,
        database=database,
        redis=redis,
        clock=clock,
        minter=minter,
        billing=sibling("billing", settings.billing_url),
        licensing=sibling("licensing", settings.licensing_url),
        fraud=sibling("fraud", settings.fraud_url),
        trusted_proxies=parse_networks(settings.trusted_proxies),
        feed=feed,
        keys=KeyDirectory(feed, clock, load=partial(keys.load, database), most=settings.key_cache_entries),
        sessions=SessionDirectory(feed, clock, load=partial(sessions.load, database), most=settings.key_cache_entries),
    )
