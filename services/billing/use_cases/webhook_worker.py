"""Working on Stripe's events: leased by a row, applied with its closing in one transaction.

A worker that dies leaves a lease that ends; one that comes back late finds that its attempt has passed and rolls back.
Failures wait, doubling, and after the last attempt the event is parked, where operators see and replay it; the others
go on meanwhile.
"""

import asyncio

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.domain.disputing import PaymentNotSettledYet
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.stripe_events import command_of, read_event
from services.billing.service import Billing
from services.billing.store import webhook_events
from services.billing.store.webhook_events import LeasedEvent
from services.billing.use_cases import stripe_news
from services.billing.use_cases.causes import caused_by
from shared.errors import DomainError
from shared.telemetry import logger_of

logger = logger_of("stripe")

AT_ONCE = 4
_LONGEST_PAUSE_SECONDS = 3_600.0
_LEASE_MARGIN = 0.8
_TELLING = (StripeUnavailable, StripeRefused, DomainError, stripe_news.NotYet, PaymentNotSettledYet)
"""Exceptions whose text is ours and safe to show; of others only the name is kept."""


class LeaseLost(Exception):
    """Another worker has taken the event over; what this one did is rolled back."""


async def work_on_events(billing: Billing) -> bool:
    """Work on a few due events at once; whether there may be more."""
    if not await webhook_events.any_due(billing.database):
        return False
    async with billing.database.transaction() as connection:
        leased = await webhook_events.lease(
            connection, lease_seconds=billing.settings.webhook_lease_seconds, limit=AT_ONCE
        )
    await asyncio.gather(*(_work(billing, event) for event in leased))
    return bool(leased)


async def _work(billing: Billing, event: LeasedEvent) -> None:
    if event.attempt > billing.settings.webhook_max_attempts:
        await _park(billing, event, "the worker ended again and again while it was at this event")
        return
    try:
        async with asyncio.timeout(billing.settings.webhook_lease_seconds * _LEASE_MARGIN):
            await _apply(billing, event)
    except LeaseLost:
        logger.warning("webhook_lease_lost", event_id=event.id)
    except Exception as error:  # noqa: BLE001  whatever it is, the event waits and others go on
        await _failed(billing, event, error)


async def _apply(billing: Billing, event: LeasedEvent) -> None:
    command = command_of(read_event(event.body.open(billing.settings.seal_keys)))
    found = await stripe_news.fetch(billing, command)
    async with billing.database.transaction() as connection:
        with caused_by(CauseKind.EVENT, event.id):
            ignored = await stripe_news.apply(billing, connection, found)
        reason = None if ignored is None else ignored.reason
        status: webhook_events.Closed = "handled" if ignored is None else "ignored"
        if not await webhook_events.close(connection, event, status, reason=reason, at=billing.clock.now()):
            raise LeaseLost
    logger.info("webhook_worked_on", event_id=event.id, status=status, reason=reason)


async def _failed(billing: Billing, event: LeasedEvent, error: Exception) -> None:
    name = type(error).__name__
    told = f"{name}: {error}" if isinstance(error, _TELLING) else name
    logger.warning("webhook_failed", event_id=event.id, attempt=event.attempt, error=told)
    if event.attempt >= billing.settings.webhook_max_attempts:
        await _park(billing, event, told)
        return
    pause_seconds = min(_LONGEST_PAUSE_SECONDS, 2.0 ** (event.attempt - 1))
    async with billing.database.transaction() as connection:
        await webhook_events.retry_later(connection, event, error=told, pause_seconds=pause_seconds)


async def _park(billing: Billing, event: LeasedEvent, error: str) -> None:
    logger.error("webhook_parked", event_id=event.id, error=error)
    async with billing.database.transaction() as connection:
        await webhook_events.park(connection, event, error=error)
