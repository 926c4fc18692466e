"""Licensing as one value: what its routes and loops work with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from services.licensing.domain.master_secrets import MasterSecrets
from services.licensing.settings import Settings
from services.licensing.store.license_directory import LicenseDirectory
from services.licensing.store.touches import WRITE_EVERY_SECONDS, Touches
from services.licensing.store.validation_limits import ValidationLimits
from services.licensing.use_cases.secret_versions import refuse_unknown
from services.licensing.use_cases.story import Refusals
from shared import bus
from shared.change_feed import ChangeFeed, following, hasten
from shared.clock import Clock
from shared.db import Database
from shared.http_client import ServiceClient
from shared.kept_clock import kept_clock
from shared.loops import Loop, running, stop
from shared.service_auth import Minter

NAME = "licensing"


@dataclass(frozen=True)
class Licensing:
    """`app.state.service`: the schema, Redis, the clock and the settings, siblings, and what this process remembers."""

    database: Database
    redis: Redis
    clock: Clock
    settings: Settings
    secrets: MasterSecrets
    billing: ServiceClient
    gateway: ServiceClient
    feed: ChangeFeed
    known: LicenseDirectory
    limits: ValidationLimits
    touches: Touches
    refusals: Refusals
    billing_bell: asyncio.Event

    async def announce(self) -> None:
        """Hasten the news of a committed change of licenses, keys or activations. Without it, 300 ms later."""
        await hasten(NAME, self.feed, self.redis)


@contextlib.asynccontextmanager
async def open_service(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Licensing]:
    """Open what licensing works with, for the length of the block. `clock` is the one that is kept unless a test
    gives another."""
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_url, pool_size=settings.database_pool_size, application=NAME)
        stack.push_async_callback(database.close)
        redis = bus.connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        feed = await stack.enter_async_context(following(NAME, settings.database_url, redis))
        kept = kept_clock(NAME, database, redis, environment=settings.environment, given=clock)
        own = await stack.enter_async_context(kept)
        licensing = _built(stack, settings, database=database, redis=redis, feed=feed, clock=own)
        await refuse_unknown(database, licensing.secrets, own)
        ears = asyncio.create_task(bus.listen(redis, {"events:billing": licensing.billing_bell}), name="billing-bell")
        stack.push_async_callback(stop, [ears])
        writing = Loop("license-touches", WRITE_EVERY_SECONDS, partial(licensing.touches.write, database))
        await stack.enter_async_context(running([writing]))
        yield licensing


def _built(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    *,
    database: Database,
    redis: Redis,
    feed: ChangeFeed,
    clock: Clock,
) -> Licensing:
    minter = Minter(NAME, settings.service_signing_key)
    limits = ValidationLimits(redis)
    stack.push_async_callback(limits.close)
    refusals = Refusals(settings.blind_index_key)
    stack.callback(refusals.close)

    def sibling(name: str, url: str) -> ServiceClient:
        client = ServiceClient(url, audience=name, minter=minter)
        stack.push_async_callback(client.close)
        return client

    return Licensing(
        database=database,
        redis=redis,
        clock=clock,
        settings=settings,
        secrets=settings.master_secrets,
        billing=sibling("billing", settings.billing_url),
        gateway=sibling("gateway", settings.gateway_url),
        feed=feed,
        known=LicenseDirectory(feed, database, most=settings.license_cache_entries),
        limits=limits,
        touches=Touches(),
        refusals=refusals,
        billing_bell=asyncio.Event(),
    )
