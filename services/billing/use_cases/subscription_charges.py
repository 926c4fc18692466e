"""What the charges of subscriptions' payments tell beyond their invoices: what they did to the balance, and what had
gone back of them before the invoice was heard of. News of that came too early for there to be a payment to settle it
with; what comes later finds one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.disputes import disputes_of_charge
from services.billing.clients.stripe.intents import find_intent
from services.billing.clients.stripe.refunds import refunds_of_charge
from services.billing.domain.dispute import DisputeState
from services.billing.domain.paying_intent import PayingIntent
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.refund import RefundState
from services.billing.service import Billing
from services.billing.store import payments, subscription_payments
from services.billing.use_cases.bookkeeping import settle_transaction
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.disputes import settle_dispute
from services.billing.use_cases.refunds import settle_refund
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

CHARGES_EVERY_SECONDS = 2.0
_PAGE = 50
_LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Charge:
    """An intent that has a charge, and all that went back of it by now."""

    intent: PayingIntent
    charge_id: str
    refunds: Sequence[RefundState]
    disputes: Sequence[DisputeState]


async def learn_charges(billing: Billing) -> bool:
    """Ask Stripe for the charges of payments that are known by their intents alone; whether there may be more. What
    the charges did to the balance is booked with them, and what went back of them settled. One that fails is left until
    its lease ends, and holds nobody up."""
    async with billing.database.transaction() as connection:
        leased = await subscription_payments.lease_without_charge(connection, lease_seconds=_LEASE_SECONDS, limit=_PAGE)
    for payment_id, intent_id in leased:
        try:
            await _learn(billing, intent_id)
        except (StripeRefused, StripeUnavailable) as error:
            logger.warning("subscription_charge_not_learned", payment_id=payment_id, error=str(error))
        except Exception as error:  # noqa: BLE001  whatever it was, it is this payment's own
            logger.error("subscription_charge_not_learned", payment_id=payment_id, error=repr(error))
    return len(leased) == _PAGE


async def _learn(billing: Billing, intent_id: str) -> None:
    charge = await _find(billing, intent_id)
    if charge is not None:
        with caused_by(CauseKind.SUBSCRIPTION_CHECK):
            await _keep(billing, charge)


async def _find(billing: Billing, intent_id: str) -> _Charge | None:
    intent = await find_intent(billing.stripe, intent_id)
    if intent is None or intent.charge_id is None:
        return None
    refunds = await refunds_of_charge(billing.stripe, intent.charge_id)
    return _Charge(intent, intent.charge_id, refunds, await disputes_of_charge(billing.stripe, intent.charge_id))


async def _keep(billing: Billing, charge: _Charge) -> None:
    """Locks the payment's row first, as whoever settles a refund or a dispute does."""
    async with billing.database.transaction() as connection:
        payment = await payments.locked_of_charge(connection, intent_id=charge.intent.id, charge_id=None)
        if payment is None or payment.charge_id is not None:
            return
        await payments.keep_charge(connection, payment.id, charge.charge_id)
        if charge.intent.transaction is not None:
            await settle_transaction(billing, connection, charge.intent.transaction)
        for refund in charge.refunds:
            await settle_refund(billing, connection, refund)
        for dispute in charge.disputes:
            await settle_dispute(billing, connection, dispute)
