"""Billing's events about payments (its README lists them)."""

import asyncio

from services.billing.domain.payment import Payment
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
    asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.news_bell.set)
