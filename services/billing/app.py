"""Billing as an application: its doors, and what stands behind them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI
from redis.asyncio import Redis

import services.billing.api.refusals  # noqa: F401  makes billing's codes known
from services.billing.api import (
    audit,
    auto_top_up,
    checkout,
    credits,
    disputes_admin,
    figures,
    ledger_admin,
    ledger_keys,
    ledger_postings,
    payment_methods,
    payments,
    payments_admin,
    plans,
    reconciliations,
    refunds,
    reports_admin,
    sales,
    stripe_webhook,
    subscriptions,
    subscriptions_admin,
    subscriptions_internal,
    usage,
    webhook_events_admin,
)
from services.billing.api.ledger_door import LedgerDoor
from services.billing.clients.fraud import Fraud
from services.billing.clients.gateway import Gateway
from services.billing.clients.licensing import Licensing
from services.billing.clients.stripe import StripeGate
from services.billing.service import FRAUD_BELL, LICENSING_BELL, WEBHOOKS_BELL, Billing
from services.billing.settings import Settings
from services.billing.use_cases.due import look_for_due
from services.billing.use_cases.posting.poster import Poster
from services.billing.worker import loops
from shared import bus, doors, service_main
from shared.clock import Clock
from shared.clockwork import clock_router
from shared.db import Database
from shared.health import Check, operations_router
from shared.http_client import ServiceClient
from shared.kept_clock import kept_clock
from shared.loops import stop
from shared.outbox import feed_router
from shared.service_auth import Minter, Verifier

NAME = "billing"


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application. `clock` is the one that is kept unless a test gives another."""
    opened = partial(open_service, clock=clock)
    app = LedgerDoor(
        title="Tollgate billing",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=service_main.lifespan(settings, opened, loops),
    )
    app.state.verifier = Verifier(NAME, settings.service_public_keys)
    doors.install(app, trusts_request_id=True)
    for router in ROUTERS:
        app.include_router(router)
    if settings.environment != "production":
        app.include_router(clock_router(NAME, look_for_due))
    return app


def _more_checks(billing: Billing) -> dict[str, Check]:
    return {"stripe": billing.stripe.answers}


ROUTERS = (
    operations_router(NAME, _more_checks),
    feed_router(NAME),
    ledger_postings.router,
    credits.router,
    usage.router,
    ledger_admin.router,
    ledger_keys.router,
    reports_admin.router,
    checkout.router,
    payments.router,
    payments_admin.router,
    sales.router,
    refunds.router,
    stripe_webhook.router,
    webhook_events_admin.router,
    figures.router,
    reconciliations.router,
    payment_methods.router,
    auto_top_up.router,
    disputes_admin.router,
    audit.router,
    plans.router,
    subscriptions.router,
    subscriptions_admin.router,
    subscriptions_internal.router,
)


@contextlib.asynccontextmanager
async def open_service(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Billing]:
    """Billing with its connections open, and its bell heard."""
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_url, pool_size=settings.database_pool_size, application=NAME)
        stack.push_async_callback(database.close)
        redis = bus.connect(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        kept = kept_clock(NAME, database, redis, environment=settings.environment, given=clock)
        billing = _build(settings, database, redis, await stack.enter_async_context(kept))
        stack.push_async_callback(_close, billing)
        bells = {
            WEBHOOKS_BELL: billing.webhook_bell,
            LICENSING_BELL: billing.licensing_bell,
            FRAUD_BELL: billing.fraud_bell,
        }
        ears = asyncio.create_task(bus.listen(redis, bells))
        stack.push_async_callback(stop, [ears])
        yield billing


def _build(settings: Settings, database: Database, redis: Redis, clock: Clock) -> Billing:
    minter = Minter(NAME, settings.service_signing_key)
    fraud = ServiceClient(settings.fraud_url, audience="fraud", minter=minter)
    return Billing(
        database=database,
        poster=Poster(database, clock),
        redis=redis,
        clock=clock,
        settings=settings,
        stripe=StripeGate(
            settings.stripe_secret_key.get_secret_value(),
            api_base=settings.stripe_api_base,
            timeout_seconds=settings.stripe_timeout_seconds,
            total_seconds=settings.stripe_total_seconds,
        ),
        fraud=Fraud(fraud, timeout_seconds=settings.fraud_timeout_seconds),
        gateway=Gateway(ServiceClient(settings.gateway_url, audience="gateway", minter=minter)),
        licensing=Licensing(ServiceClient(settings.licensing_url, audience="licensing", minter=minter)),
    )


async def _close(billing: Billing) -> None:
    for part in (billing.poster, billing.stripe, billing.fraud, billing.gateway, billing.licensing):
        await part.close()
