"""Fraud as one value: what its routes and loops work with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis

from services.fraud.domain.device_limit import WINDOW_SECONDS
from services.fraud.domain.disposable_domains import DISPOSABLE_DOMAINS
from services.fraud.model.model import DEFAULT_FOLDER, Model
from services.fraud.settings import Settings
from services.fraud.store.rule_directory import RuleDirectory
from services.fraud.store.velocity import Velocity
from services.fraud.use_cases.seed_rules import seed_rules
from shared import bus
from shared.change_feed import ChangeFeed, following, hasten
from shared.clock import Clock
from shared.contracts.identity_hashes import domain_hash
from shared.db import Database
from shared.http_client import ServiceClient
from shared.kept_clock import kept_clock
from shared.loops import stop
from shared.service_auth import Minter
from shared.window_limit import WindowLimit

NAME = "fraud"


@dataclass(frozen=True, slots=True)
class Models:
    """The model that judges, and one whose word is only written down."""

    live: Model
    shadow: Model | None


@dataclass(frozen=True)
class Fraud:
    """`app.state.service`: the schema, Redis, the clock and the settings, and what this process remembers."""

    database: Database
    redis: Redis
    clock: Clock
    settings: Settings
    feed: ChangeFeed
    rules: RuleDirectory
    registrations: WindowLimit
    """Of devices, by the address that they come from."""
    velocity: Velocity
    models: Models
    disposable_domains: frozenset[str]
    """Their digests."""
    billing: ServiceClient
    billing_bell: asyncio.Event

    async def announce(self) -> None:
        """Hasten the news of a committed change of rules. Without it, 300 ms later."""
        await hasten(NAME, self.feed, self.redis)


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Fraud]:
    """Open what fraud works with, for the length of the block. Raises ModelMismatch before it opens anything."""
    models = _models(settings)
    async with contextlib.AsyncExitStack() as stack:
        database = Database(
            settings.database_url, pool_size=settings.database_pool_size, application=NAME, finds_by_keys=True
        )
        stack.push_async_callback(database.close)
        redis = bus.connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        feed = await stack.enter_async_context(following(NAME, settings.database_url, redis))
        clock = await stack.enter_async_context(kept_clock(NAME, database, redis, environment=settings.environment))
        await seed_rules(database, clock)
        velocity = Velocity(redis, patience_ms=settings.features_timeout_ms)
        stack.push_async_callback(velocity.close)
        billing = ServiceClient(
            settings.billing_url, audience="billing", minter=Minter(NAME, settings.service_signing_key)
        )
        stack.push_async_callback(billing.close)
        bell = asyncio.Event()
        ears = asyncio.create_task(bus.listen(redis, {"events:billing": bell}), name="billing-bell")
        stack.push_async_callback(stop, [ears])
        yield Fraud(
            database=database,
            redis=redis,
            clock=clock,
            settings=settings,
            feed=feed,
            rules=RuleDirectory(feed, database),
            registrations=WindowLimit(redis, "device-registrations", window_seconds=WINDOW_SECONDS),
            velocity=velocity,
            models=models,
            disposable_domains=_disposable(settings),
            billing=billing,
            billing_bell=bell,
        )


def _models(settings: Settings) -> Models:
    """Raises ModelMismatch: a model that doesn't fit this program judges nobody."""
    shadow = settings.fraud_shadow_model_folder
    live = Model.load(settings.fraud_model_folder or DEFAULT_FOLDER)
    return Models(live, None if shadow is None else Model.load(shadow))


def _disposable(settings: Settings) -> frozenset[str]:
    domains = DISPOSABLE_DOMAINS | set(settings.fraud_disposable_domains)
    return frozenset(domain_hash(domain, settings.blind_index_key) for domain in domains)
