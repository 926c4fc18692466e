"""The gateway as one value: what its routes and loops work with."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from services.gateway.clients.billing_wallet import Wallets
from services.gateway.clients.devices import Devices
from services.gateway.clients.sibling_door import SiblingDoor
from services.gateway.domain.caller_address import Network, parse_networks
from services.gateway.settings import Settings
from services.gateway.store import keys, sessions
from services.gateway.store.allocator import trimming
from services.gateway.store.key_directory import KeyDirectory
from services.gateway.store.login_failures import LoginFailures
from services.gateway.store.password_hashes import Passwords
from services.gateway.store.session_directory import SessionDirectory
from services.gateway.store.turns import Turns
from services.gateway.store.vault import Vault
from services.gateway.use_cases.paid_call.paid_api import PaidApi
from shared import bus
from shared.change_feed import ChangeFeed, following, hasten
from shared.clock import Clock
from shared.db import Database
from shared.http_client import ServiceClient
from shared.kept_clock import kept_clock
from shared.loops import running
from shared.service_auth import Minter

NAME = "gateway"


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
    doors: Mapping[str, SiblingDoor]
    """By the sibling's name: where requests on an account's behalf are sent on."""
    wallets: Wallets
    devices: Devices
    trusted_proxies: tuple[Network, ...]
    vault: Vault
    passwords: Passwords
    login_failures: LoginFailures
    feed: ChangeFeed
    keys: KeyDirectory
    sessions: SessionDirectory
    turns: Turns
    paid: PaidApi
    news: asyncio.Event
    """Rung where an event may have been published: here after its commit, elsewhere when the change feed tells."""

    async def announce(self) -> None:
        """Hasten the news of a committed change: here at once, elsewhere over pub/sub. Without it, 300 ms later."""
        self.news.set()
        await hasten(NAME, self.feed, self.redis)


@contextlib.asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[Gateway]:
    """The service with its pools open and its change feed running, until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_url, pool_size=settings.database_pool_size, application="gateway")
        stack.push_async_callback(database.close)
        redis = bus.connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        feed = await stack.enter_async_context(following(NAME, settings.database_url, redis))
        kept = kept_clock(NAME, database, redis, environment=settings.environment)
        clock = await stack.enter_async_context(kept)
        gateway = _built(stack, settings, database=database, redis=redis, feed=feed, clock=clock)
        await stack.enter_async_context(gateway.paid.running())
        await stack.enter_async_context(running([trimming()]))
        yield gateway


def _news(feed: ChangeFeed) -> asyncio.Event:
    """What other processes change of keys and accounts they publish in the same transaction."""
    news = asyncio.Event()
    for kind in ("key", "account"):
        feed.subscribe(kind, lambda _ref: news.set())
    return news


def _built(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    *,
    database: Database,
    redis: Redis,
    feed: ChangeFeed,
    clock: Clock,
) -> Gateway:
    minter = Minter("gateway", settings.service_signing_key)
    passwords = Passwords(
        memory_kib=settings.password_memory_kib,
        passes=settings.password_passes,
        workers=settings.password_workers,
        queue=settings.password_queue,
    )
    stack.callback(passwords.close)

    def sibling(name: str, url: str) -> ServiceClient:
        client = ServiceClient(url, audience=name, minter=minter)
        stack.push_async_callback(client.close)
        return client

    def door(name: str, url: str) -> SiblingDoor:
        made = SiblingDoor(url, audience=name, minter=minter, most_connections=100, most_waiting=1_000)
        stack.push_async_callback(made.close)
        return made

    urls = {"billing": settings.billing_url, "licensing": settings.licensing_url, "fraud": settings.fraud_url}
    billing = sibling("billing", settings.billing_url)
    fraud = sibling("fraud", settings.fraud_url)
    directory = KeyDirectory(feed, clock, load=partial(keys.load, database), most=settings.key_cache_entries)
    paid = PaidApi(settings, database=database, redis=redis, clock=clock, feed=feed, keys=directory, minter=minter)
    return Gateway(
        settings=settings,
        database=database,
        redis=redis,
        clock=clock,
        minter=minter,
        billing=billing,
        licensing=sibling("licensing", settings.licensing_url),
        fraud=fraud,
        doors={name: door(name, url) for name, url in urls.items()},
        wallets=Wallets(billing),
        devices=Devices(fraud),
        trusted_proxies=parse_networks(settings.trusted_proxies),
        vault=Vault(settings.seal_keys, settings.blind_index_key),
        passwords=passwords,
        login_failures=LoginFailures(redis),
        feed=feed,
        keys=directory,
        sessions=SessionDirectory(feed, clock, load=partial(sessions.load, database), most=settings.key_cache_entries),
        turns=Turns(most=max(1, settings.database_pool_size // 2)),
        paid=paid,
        news=_news(feed),
    )
