"""Doing what settled subscriptions want of Stripe: leased by a row, once, and again only where no answer came.

What Stripe refuses stays refused: a card that was declined is charged again by Stripe's own schedule, never by us.
Whatever came of it, the subscription is read and settled anew.
"""

import asyncio

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe import subscription_deeds as stripe_deeds
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.subscriptions.deeds import Deed, DeedKind
from services.billing.service import Billing
from services.billing.store import subscription_deeds, subscriptions
from services.billing.store.subscription_deeds import LeasedDeed
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.subscription_settling import settle_anew
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

AT_ONCE = 4
LEASE_SECONDS = 60
_LONGEST_PAUSE_SECONDS = 3_600.0


async def do_deeds(billing: Billing) -> bool:
    """A few that are due; whether there may be more."""
    async with billing.database.transaction() as connection:
        leased = await subscription_deeds.lease(connection, lease_seconds=LEASE_SECONDS, limit=AT_ONCE)
    await asyncio.gather(*(_work(billing, each) for each in leased))
    return len(leased) == AT_ONCE


async def _work(billing: Billing, leased: LeasedDeed) -> None:
    deed = leased.deed
    try:
        await _do(billing, deed)
        outcome = "done"
    except StripeRefused as refusal:
        outcome = "done" if stripe_deeds.is_settled_already(refusal) else refusal.code or "refused"
    except StripeUnavailable as error:
        await _later(billing, leased, error)
        return
    async with billing.database.transaction() as connection:
        await subscription_deeds.done(connection, deed, outcome)
        subscription = await subscriptions.find(connection, deed.subscription_id)
    logger.warning("subscription_deed_done", deed=deed.key, subscription_id=deed.subscription_id, outcome=outcome)
    if subscription is not None and subscription.stripe_subscription_id is not None:
        await _settle(billing, subscription.stripe_subscription_id)


async def _do(billing: Billing, deed: Deed) -> None:
    gate, key = billing.stripe, f"deed-{deed.key}"
    match deed.kind:
        case DeedKind.CANCEL:
            await stripe_deeds.cancel_subscription(gate, deed.object_id, key=key)
        case DeedKind.VOID:
            await stripe_deeds.void_invoice(gate, deed.object_id, key=key)
        case DeedKind.COLLECT:
            await stripe_deeds.collect_invoice(gate, deed.object_id, key=key)
        case DeedKind.REFUND:
            logger.error("subscription_paid_after_end", subscription_id=deed.subscription_id, invoice_id=deed.object_id)
            await stripe_deeds.refund_invoice(gate, deed.object_id, key=key)
        case DeedKind.KEEP_CARD:
            await stripe_deeds.keep_paying_card(gate, deed.object_id, key=key)
        case DeedKind.PAY:
            await _pay(billing, deed, key)


async def _pay(billing: Billing, deed: Deed, key: str) -> None:
    assert deed.card_id is not None
    async with billing.database.transaction() as connection:
        subscription = await subscriptions.find(connection, deed.subscription_id)
    assert subscription is not None and subscription.stripe_subscription_id is not None
    await stripe_deeds.pay_invoice(
        billing.stripe,
        deed.object_id,
        subscription_id=subscription.stripe_subscription_id,
        card_id=deed.card_id,
        key=key,
    )


async def _later(billing: Billing, leased: LeasedDeed, error: StripeUnavailable) -> None:
    pause_seconds = min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(leased.attempt, 12))
    logger.warning("subscription_deed_put_off", deed=leased.deed.key, attempt=leased.attempt, error=str(error))
    async with billing.database.transaction() as connection:
        await subscription_deeds.later(connection, leased.deed, pause_seconds=pause_seconds)


async def _settle(billing: Billing, stripe_subscription_id: str) -> None:
    """What came of it; should Stripe be away now, its event or the monitor brings it."""
    try:
        with caused_by(CauseKind.SUBSCRIPTION_DEED):
            await settle_anew(billing, stripe_subscription_id)
    except (StripeRefused, StripeUnavailable) as error:
        logger.warning("subscription_not_settled", error=str(error))
