"""Billing's events about payments (its README lists them)."""

from services.billing.domain.payment import Payment
from services.billing.service import Billing
from shared import outbox
from shared.db import Connection


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
