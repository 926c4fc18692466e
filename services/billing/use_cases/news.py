"""Billing's events about payments and disputes (its README lists them)."""

import asyncio

from services.billing.domain.dispute import Dispute
from services.billing.domain.disputing import Step
from services.billing.domain.payment import Payment, Status
from services.billing.service import Billing
from shared import outbox
from shared.db import Connection

_COMMITTED_IN_SECONDS = 0.1
"""By then most transactions have ended; what ends later, the dispatcher's own next look finds."""


async def tell(billing: Billing, connection: Connection, payment: Payment) -> None:
    """`payment.<status>`, in the transaction that brought the payment there."""
    await outbox.publish(
        connection,
        f"payment.{payment.status}",
        payment.id,
        {
            "payment_id": payment.id,
            "account_id": payment.account_id,
            "type": payment.type,
            "millicredits": payment.millicredits,
            "amount_minor": payment.amount.amount_minor,
            "currency": payment.amount.currency,
            "usd_minor": payment.usd_minor,
            "flags": list(payment.flags),
        },
        at=billing.clock.now(),
    )
    _ring(billing)


async def tell_dispute(
    billing: Billing, connection: Connection, dispute: Dispute, step: Step, *, card_fingerprint: str | None
) -> None:
    """`dispute.opened`, `dispute.lost` or `dispute.won`, in the transaction that booked the step."""
    await outbox.publish(
        connection,
        f"dispute.{step}",
        dispute.id,
        {
            "dispute_id": dispute.id,
            "payment_id": dispute.payment_id,
            "account_id": dispute.account_id,
            "reason": dispute.reason,
            "millicredits": dispute.millicredits,
            "amount_minor": dispute.amount.amount_minor,
            "currency": dispute.amount.currency,
            "usd_minor": dispute.usd_minor,
            "card_fingerprint": card_fingerprint,
        },
        at=billing.clock.now(),
    )
    _ring(billing)


def _ring(billing: Billing) -> None:
    asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.news_bell.set)
