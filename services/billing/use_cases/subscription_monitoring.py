"""Looking at subscriptions though nothing was heard of them (L6): what was missed is found, what time brings happens.

Each is compared with Stripe when that is due (`Subscription.check_at`): hourly, and at the instants at which something
of its own is due. A process that was down for days finds all of it at its next look, once. Any number of processes may
look at once. Operators stop and start it; events of Stripe's are settled all the same.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import find_session
from services.billing.domain.checkout_session import Ignored, SessionState
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.subscriptions.subscription import Subscription, SubscriptionId
from services.billing.service import Billing
from services.billing.store import subscription_monitoring, subscriptions
from services.billing.store.subscription_monitoring import Monitoring
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.subscription_settling import (
    keep_never_begun,
    read_subscription,
    settle_subscription,
    settle_subscription_session,
)
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

LOOK_EVERY_SECONDS = 2.0
BATCH = 16
AT_ONCE = 4
LEASE_SECONDS = 60
ABANDONED_AFTER = timedelta(hours=1)


async def monitoring_state(billing: Billing) -> Monitoring:
    async with billing.database.transaction() as connection:
        return await subscription_monitoring.state(connection, now=billing.clock.now())


async def start_monitoring(billing: Billing, *, by: str) -> Monitoring:
    """Starting it again changes nothing. `by` is the operator's account."""
    return await _switch(billing, running=True, by=by)


async def stop_monitoring(billing: Billing, *, by: str) -> Monitoring:
    """Looks that are under way end."""
    return await _switch(billing, running=False, by=by)


async def _switch(billing: Billing, *, running: bool, by: str) -> Monitoring:
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        if await subscription_monitoring.switch(connection, running=running, by=by, at=now):
            logger.warning("subscription_monitoring_switched", running=running, by=by)
            deed = "subscription_monitoring.started" if running else "subscription_monitoring.stopped"
            await audit.write(connection, Actor(by), deed, "subscription_monitoring", at=now)
        return await subscription_monitoring.state(connection, now=now)


async def watch_subscriptions(billing: Billing) -> bool:
    """Look at one batch of those that are due; whether there may be more."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        due = await subscription_monitoring.lease_due(connection, now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        if due:
            await subscription_monitoring.note_look(connection, at=now)
    places = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_look(billing, subscription_id, places) for subscription_id in due))
    return len(due) == BATCH


def warn_of_contradictions(billing: Billing) -> None:
    """What the settings say against each other, once at start."""
    for contradiction in billing.settings.contradictions:
        logger.warning("settings_contradict", detail=contradiction)


async def _look(billing: Billing, subscription_id: SubscriptionId, places: asyncio.Semaphore) -> None:
    async with places:
        try:
            with caused_by(CauseKind.SUBSCRIPTION_CHECK):
                await _look_at(billing, subscription_id)
        except (StripeUnavailable, StripeRefused) as error:
            logger.warning("subscription_not_looked_at", subscription_id=subscription_id, error=str(error))
        except Exception as error:  # noqa: BLE001  its lease ends, and others are looked at meanwhile
            logger.error("subscription_not_looked_at", subscription_id=subscription_id, error=repr(error))


async def _look_at(billing: Billing, subscription_id: SubscriptionId) -> None:
    async with billing.database.transaction() as connection:
        known = await subscriptions.find(connection, subscription_id)
    assert known is not None
    session = await _page(billing, known)
    stripe_id = known.stripe_subscription_id or (session.subscription_id if session is not None else None)
    state = None if stripe_id is None else await read_subscription(billing, stripe_id)
    async with billing.database.transaction() as connection:
        if stripe_id is None:
            await _settle_page(billing, connection, known, session)
        else:
            ignored = Ignored("Stripe knows it no more") if state is None else None
            if state is not None:
                ignored = await settle_subscription(billing, connection, state)
            if ignored is not None:
                logger.error("subscription_is_lost", subscription_id=subscription_id, reason=ignored.reason)
        await _after_look(billing, connection, subscription_id)


async def _page(billing: Billing, known: Subscription) -> SessionState | None:
    """The page at which it is to begin, while Stripe has not begun it."""
    if known.stripe_subscription_id is not None or known.session_id is None:
        return None
    return await find_session(billing.stripe, known.session_id)


async def _settle_page(
    billing: Billing, connection: Connection, known: Subscription, session: SessionState | None
) -> None:
    """What is left of a page that began nothing yet; without any after ABANDONED_AFTER, it has died with its
    process."""
    if session is not None:
        await settle_subscription_session(billing, connection, session, None)
    elif billing.clock.now() >= known.created_at + ABANDONED_AFTER:
        await keep_never_begun(billing, connection, known.id)


async def _after_look(billing: Billing, connection: Connection, subscription_id: SubscriptionId) -> None:
    """Where it is due still, since nothing could be settled, the next look."""
    now, rules = billing.clock.now(), billing.settings.subscription_rules
    current = await subscriptions.locked(connection, subscription_id)
    assert current is not None
    if current.check_at is not None and current.check_at <= now:
        await subscriptions.save(connection, replace(current, check_at=now + rules.check_every), at=now)
    await subscription_monitoring.end_lease(connection, subscription_id)
